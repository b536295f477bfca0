// Signs and verifies agent cards with the official JavaScript SDK; signing.py says how it is called.

import { readFileSync } from 'node:fs';
import { importJWK } from 'jose';
import { AgentCard, generateAgentCardSignature, verifyAgentCardSignature } from '@a2a-js/sdk';

const [command, path] = process.argv.slice(2);
const { keys } = JSON.parse(readFileSync(path, 'utf8'));
// The SDK reads the card that it is given as JSON: of one in its own form the security schemes get lost.
let card = AgentCard.toJSON(AgentCard.fromJSON(JSON.parse(readFileSync(0, 'utf8'))));

if (command === 'sign') {
  card.signatures = [];
  for (const key of keys) {
    const header = { kid: key.kid, alg: key.alg, typ: 'JOSE', jku: 'https://example.com/jwks.json' };
    card = await generateAgentCardSignature(await importJWK(key, key.alg), header)(card);
  }
  console.log(JSON.stringify(card, null, 2));
} else {
  const publicKey = ({ kty, crv, x, y, n, e, alg }) => importJWK({ kty, crv, x, y, n, e, alg });
  try {
    await verifyAgentCardSignature((kid) => publicKey(keys.find((key) => key.kid === kid)))(card);
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}
