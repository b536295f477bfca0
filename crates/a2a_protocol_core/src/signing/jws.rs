//! JSON Web Signatures (RFC 7515) with a detached payload.

use serde::{Deserialize, Serialize};

use super::{
    Jwk, SigningKey, canonical,
    jwk::{self, Refused},
};
use crate::{Error, Timestamp};

/// The algorithms that are known. `none` and those with a shared secret are not, on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Es256,
    EdDsa,
    Rs256,
}

impl Algorithm {
    pub(super) fn of(name: &str) -> Option<Self> {
        match name {
            "ES256" => Some(Self::Es256),
            // RFC 9864 has a name of its own for the one curve that is meant here.
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            "RS256" => Some(Self::Rs256),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
        }
    }

    pub(super) fn key_type(self) -> &'static str {
        match self {
            Self::Es256 => "EC",
            Self::EdDsa => "OKP",
            Self::Rs256 => "RSA",
        }
    }
}

/// The protected header (section 8.4.2).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Header {
    pub(super) alg: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) typ: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) jku: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crit: Option<Vec<String>>,
    /// Changes what is signed (RFC 7797).
    #[serde(skip_serializing_if = "Option::is_none")]
    b64: Option<bool>,
}

impl Header {
    /// Of a signature by this key.
    pub(super) fn of(key: &SigningKey, typ: &str, jku: Option<&str>) -> Self {
        Self {
            alg: key.algorithm().name().to_owned(),
            typ: Some(typ.to_owned()),
            kid: Some(key.kid().to_owned()),
            jku: jku.map(str::to_owned),
            ..Self::default()
        }
    }

    pub(super) fn decode(protected: &str) -> Option<Self> {
        serde_json::from_slice(&jwk::decode(protected)?).ok()
    }

    pub(super) fn encode(&self) -> Result<String, Error> {
        Ok(jwk::encode(&canonical(self)?))
    }

    /// The algorithm.
    ///
    /// # Errors
    /// A sentence for people, when the signature asks for what is not understood.
    pub(super) fn algorithm(&self) -> Result<Algorithm, String> {
        if self.crit.is_some() || self.b64.is_some() {
            return Err("it needs an extension of JWS that is not known".to_owned());
        }
        Algorithm::of(&self.alg).ok_or_else(|| format!("the algorithm {:?} is not known", self.alg))
    }
}

/// What is signed: the header and the payload in base64url, with a dot between.
pub(super) fn input(protected: &str, payload: &[u8]) -> Vec<u8> {
    format!("{protected}.{}", jwk::encode(payload)).into_bytes()
}

/// Whether one of the keys made the signature.
///
/// # Errors
/// `Wrong` if a suited key was among them, else why the last one is unsuited; `None` without keys.
pub(super) fn verify_by_any<'a>(
    keys: impl IntoIterator<Item = &'a Jwk>,
    algorithm: Algorithm,
    input: &[u8],
    signature: &[u8],
    now: Timestamp,
) -> Result<(), Option<Refused>> {
    let mut refused = None;
    for key in keys {
        match key.verify(algorithm, input, signature, now) {
            Ok(()) => return Ok(()),
            Err(Refused::Wrong) => refused = Some(Refused::Wrong),
            Err(unsuited) => refused = refused.filter(|known| *known == Refused::Wrong).or(Some(unsuited)),
        }
    }
    Err(refused)
}
