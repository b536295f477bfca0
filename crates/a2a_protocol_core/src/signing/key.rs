//! Private keys.

use std::fmt;

use ed25519_dalek::pkcs8::DecodePrivateKey as _;
use serde::Deserialize;

use super::{Jwk, jwk::bytes32, jws::Algorithm};

/// A text is not the key that it should be. The message holds nothing of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyError(String);

impl KeyError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for KeyError {}

/// A private key that signs with ES256 (P-256) or EdDSA (Ed25519). It is wiped when dropped, and
/// `Debug` shows its name only.
#[derive(Clone)]
pub struct SigningKey {
    secret: Secret,
    kid: String,
}

#[derive(Clone)]
enum Secret {
    Es256(p256::ecdsa::SigningKey),
    EdDsa(ed25519_dalek::SigningKey),
}

/// The members of a private JWK that matter.
#[derive(Deserialize)]
struct PrivateJwk {
    kty: String,
    kid: Option<String>,
    crv: Option<String>,
    d: Option<String>,
}

impl SigningKey {
    /// Reads a private key: PEM (`BEGIN PRIVATE KEY` or `BEGIN EC PRIVATE KEY`) or a JWK. Its name is
    /// the JWK's `kid`, else its thumbprint (RFC 7638).
    ///
    /// # Errors
    /// When the text is no private key of P-256 or Ed25519.
    pub fn read(text: &str) -> Result<Self, KeyError> {
        match label(text) {
            Some(label) => Self::from_pem(text, label),
            None => Self::from_jwk(text),
        }
    }

    /// The P-256 key of 32 random bytes.
    ///
    /// # Errors
    /// For the few values that are no key, of which chance never gives one.
    pub fn es256(secret: &[u8; 32]) -> Result<Self, KeyError> {
        let key = p256::ecdsa::SigningKey::from_slice(secret);
        key.map(|key| Self::new(Secret::Es256(key))).map_err(|_| KeyError::new("no private key of P-256"))
    }

    /// The same key under another name.
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<String>) -> Self {
        self.kid = kid.into();
        self
    }

    /// The name by which signatures refer to it.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Its public half, to publish.
    pub fn public(&self) -> Jwk {
        let key = match &self.secret {
            Secret::Es256(key) => Jwk::ec(&key.verifying_key().into()),
            Secret::EdDsa(key) => Jwk::ed25519(&key.verifying_key()),
        };
        let alg = self.algorithm().name().to_owned();
        Jwk { kid: Some(self.kid.clone()), alg: Some(alg), usage: Some("sig".to_owned()), ..key }
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        match self.secret {
            Secret::Es256(_) => Algorithm::Es256,
            Secret::EdDsa(_) => Algorithm::EdDsa,
        }
    }

    /// Signs; the same input always gives the same signature.
    pub(super) fn sign(&self, input: &[u8]) -> Vec<u8> {
        use p256::ecdsa::signature::Signer as _;
        match &self.secret {
            Secret::Es256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(input);
                signature.to_bytes().to_vec()
            }
            Secret::EdDsa(key) => key.sign(input).to_bytes().to_vec(),
        }
    }

    fn new(secret: Secret) -> Self {
        let mut key = Self { secret, kid: String::new() };
        key.kid = key.public().thumbprint();
        key
    }

    fn from_pem(text: &str, label: &str) -> Result<Self, KeyError> {
        let secret = match label {
            "PRIVATE KEY" => p256::SecretKey::from_pkcs8_pem(text)
                .map(|key| Secret::Es256(key.into()))
                .or_else(|_| ed25519_dalek::SigningKey::from_pkcs8_pem(text).map(Secret::EdDsa))
                .ok(),
            "EC PRIVATE KEY" => p256::SecretKey::from_sec1_pem(text).map(|key| Secret::Es256(key.into())).ok(),
            _ => return Err(KeyError::new(format!("the PEM holds no private key but a {label}"))),
        };
        secret.map(Self::new).ok_or_else(|| KeyError::new("the PEM holds no private key of P-256 or Ed25519"))
    }

    fn from_jwk(text: &str) -> Result<Self, KeyError> {
        // The parser's message could quote the secret.
        let jwk: PrivateJwk =
            serde_json::from_str(text).map_err(|_| KeyError::new("neither a PEM nor a JSON Web Key"))?;
        let d = bytes32(&jwk.d).ok_or_else(|| KeyError::new("d: no private key of 32 bytes"))?;
        let key = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("EC", Some("P-256")) => Self::es256(&d)?,
            ("OKP", Some("Ed25519")) => Self::new(Secret::EdDsa(ed25519_dalek::SigningKey::from_bytes(&d))),
            _ => return Err(KeyError::new("kty, crv: a key to sign with is EC P-256 or OKP Ed25519")),
        };
        Ok(match jwk.kid {
            Some(kid) => key.with_kid(kid),
            None => key,
        })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// What a PEM says it holds; nothing when the text is no PEM. Errors quote it, so it is only taken
/// for one if it looks like one: a line break that is missing would make the key a part of it.
pub(super) fn label(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, _) = rest.split_once("-----")?;
    let is_plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ';
    (label.len() <= 32 && label.bytes().all(is_plain)).then_some(label)
}
