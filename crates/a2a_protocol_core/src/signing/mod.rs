//! Signatures: over agent cards (section 8.4), and over what is pushed to webhooks.
//!
//! ```
//! use a2a_protocol_core::{AgentCard, Timestamp, signing::{self, JwkSet, KeyStore, SigningKey, Verdict}};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let secret = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}"#;
//! let key = SigningKey::read(secret)?.with_kid("key-1");
//! let mut card = AgentCard::default();
//! card.signatures.push(signing::sign(&card, &key, None)?);
//!
//! let mut keys = KeyStore::default();
//! keys.trust(JwkSet::from(key.public()));
//! let verdict = signing::verify(&card, None, &keys, Timestamp::UNIX_EPOCH);
//! assert!(matches!(verdict, Verdict::Verified(by) if by.kid == "key-1"));
//! # Ok(())
//! # }
//! ```
//!
//! In scope: keys as JWK, JWKS and PEM, JWS with ES256, EdDSA and (to verify) RS256, and RFC 8785.
//! Out of scope: fetching keys. [`KeyStore::missing`] says which key sets a card asks for, and the
//! caller decides whether to get them.

mod canonical;
mod card;
mod delivery;
mod jwk;
mod jws;
mod key;

pub use canonical::canonical;
pub use card::{Form, KeySource, KeyStore, Verdict, Verified, sign, sign_pruned, verify};
pub use delivery::{DELIVERY_LIFETIME, DeliveryClaims, NotVerified, SIGNATURE_HEADER};
pub use jwk::{Jwk, JwkSet};
pub use key::{KeyError, SigningKey};
