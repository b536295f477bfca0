"""Signs and verifies agent cards with the official Python SDK.

    signing.py sign KEYS        signs the card on stdin with each private key of the JWK set, and
                                prints it
    signing.py verify KEYS      verifies the card on stdin; exit status 1 if no signature holds
    signing.py delivery KEYS    verifies {token, audience, body} on stdin, a push notification, in the
                                way of the official samples: with PyJWT, and the hash of the body as
                                their receiver makes it again

tests/golden/signed holds keys that sign nothing else, and the cards of tests/golden/v1 as this and
signing.mjs sign them.
"""

import hashlib
import json
import pathlib
import sys

import jwt

from a2a.types import AgentCard
from a2a.utils.signing import SignatureVerificationError, create_agent_card_signer, create_signature_verifier
from google.protobuf.json_format import MessageToDict, ParseDict

PUBLIC = ('kty', 'crv', 'x', 'y', 'n', 'e', 'alg')

command, path = sys.argv[1:]
keys = json.loads(pathlib.Path(path).read_text())['keys']

if command == 'delivery':
    given = json.load(sys.stdin)
    required = {'require': ['iat', 'exp', 'jti', 'request_body_sha256']}
    claims = jwt.decode(
        given['token'], jwt.PyJWK(keys[0]), algorithms=['ES256'], audience=given['audience'], options=required
    )
    body = json.dumps(json.loads(given['body']), ensure_ascii=False, separators=(',', ':'))
    assert claims['request_body_sha256'] == hashlib.sha256(body.encode()).hexdigest()
    sys.exit()

card = ParseDict(json.load(sys.stdin), AgentCard(), ignore_unknown_fields=True)

if command == 'sign':
    del card.signatures[:]
    for key in keys:
        header = {'kid': key['kid'], 'alg': key['alg'], 'typ': 'JOSE', 'jku': 'https://example.com/jwks.json'}
        create_agent_card_signer(jwt.PyJWK(key).key, header)(card)
    print(json.dumps(MessageToDict(card), indent=2, ensure_ascii=False))
else:
    by_name = {key['kid']: jwt.PyJWK({name: key[name] for name in key if name in PUBLIC}) for key in keys}
    try:
        create_signature_verifier(lambda kid, jku: by_name[kid], ['ES256', 'EdDSA', 'RS256'])(card)
    except SignatureVerificationError as error:
        sys.exit(f'{type(error).__name__}: {error}')
