//! Public keys as JSON (RFC 7517), and how they check a signature.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::pkcs8::DecodePublicKey as _;
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use rsa::traits::PublicKeyParts as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    canonical,
    jws::Algorithm,
    key::{KeyError, label},
};
use crate::Timestamp;

/// The shortest RSA key that is trusted, in bits (RFC 7518, section 3.3).
const MIN_RSA: usize = 2048;

/// A public key (RFC 7517, RFC 7518, RFC 8037). Members that are private, or not known here, are
/// neither read nor written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Jwk {
    /// `EC`, `OKP` or `RSA`.
    pub kty: String,
    /// Names the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The one algorithm that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// `sig` or `enc`.
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    pub usage: Option<String>,
    /// The curve of an EC or OKP key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crv: Option<String>,
    /// The point of an EC or OKP key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    /// The point of an EC key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
    /// The modulus of an RSA key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<String>,
    /// The exponent of an RSA key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub e: Option<String>,
    /// Not to be used before, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// Not to be used from then on, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// Present on a key that is not to be used any more (OpenID Federation 1.0, section 8.7).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked: Option<serde_json::Value>,
}

/// Public keys, as an agent publishes them (RFC 7517, section 5).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JwkSet {
    /// The keys.
    pub keys: Vec<Jwk>,
}

impl From<Jwk> for JwkSet {
    fn from(key: Jwk) -> Self {
        Self { keys: vec![key] }
    }
}

impl JwkSet {
    /// Reads a key set, a single key, or a public key in PEM (`BEGIN PUBLIC KEY`).
    ///
    /// # Errors
    /// When the text is none of these.
    pub fn read(text: &str) -> Result<Self, KeyError> {
        if let Some(label) = label(text) {
            return match label {
                "PUBLIC KEY" => Jwk::from_pem(text).map(Self::from),
                other => Err(KeyError::new(format!("the PEM holds no public key but a {other}"))),
            };
        }
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| KeyError::new(format!("neither JSON nor PEM: {error}")))?;
        let read = match value.get("keys") {
            Some(_) => serde_path_to_error::deserialize(value),
            None => serde_path_to_error::deserialize(value).map(Jwk::into),
        };
        // The parser's message quotes what it has read, which may be the private part of a key.
        let set: Self = read.map_err(|error| {
            KeyError::new(match error.path().to_string() {
                whole if whole == "." => "no JSON Web Key Set".to_owned(),
                member => format!("no JSON Web Key Set: {member} is of another type"),
            })
        })?;
        match set.keys.iter().all(|key| !key.kty.is_empty()) {
            true => Ok(set),
            false => Err(KeyError::new("no JSON Web Key Set: kty is missing")),
        }
    }
}

/// Why a key did not confirm a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The key cannot be used for that; why.
    Unsuited(&'static str),
    /// The signature is not by this key over this content.
    Wrong,
}

impl Jwk {
    fn from_pem(text: &str) -> Result<Self, KeyError> {
        if let Ok(key) = p256::PublicKey::from_public_key_pem(text) {
            return Ok(Self::ec(&key));
        }
        if let Ok(key) = ed25519_dalek::VerifyingKey::from_public_key_pem(text) {
            return Ok(Self::ed25519(&key));
        }
        let key = rsa::RsaPublicKey::from_public_key_pem(text)
            .map_err(|_| KeyError::new("the PEM holds no public key of P-256, Ed25519 or RSA"))?;
        Ok(Self {
            kty: "RSA".to_owned(),
            n: Some(encode(&key.n().to_bytes_be())),
            e: Some(encode(&key.e().to_bytes_be())),
            ..Self::default()
        })
    }

    pub(super) fn ec(key: &p256::PublicKey) -> Self {
        let point = key.to_encoded_point(false);
        Self {
            kty: "EC".to_owned(),
            crv: Some("P-256".to_owned()),
            x: point.x().map(|x| encode(x)),
            y: point.y().map(|y| encode(y)),
            ..Self::default()
        }
    }

    pub(super) fn ed25519(key: &ed25519_dalek::VerifyingKey) -> Self {
        let (kty, crv) = ("OKP".to_owned(), Some("Ed25519".to_owned()));
        Self { kty, crv, x: Some(encode(key.as_bytes())), ..Self::default() }
    }

    /// The SHA-256 thumbprint of the key (RFC 7638), base64url: a name for a key that has none.
    pub fn thumbprint(&self) -> String {
        let Self { kty, crv, x, y, n, e, .. } = self;
        let required = Self {
            kty: kty.clone(),
            crv: crv.clone(),
            x: x.clone(),
            y: y.clone(),
            n: n.clone(),
            e: e.clone(),
            ..Self::default()
        };
        // The required members, in order, without white space: that is the canonical form.
        encode(&Sha256::digest(canonical(&required).unwrap_or_default()))
    }

    /// Whether this key made the signature.
    pub(super) fn verify(
        &self,
        algorithm: Algorithm,
        input: &[u8],
        signature: &[u8],
        now: Timestamp,
    ) -> Result<(), Refused> {
        self.usable(algorithm, now)?;
        let right = match algorithm {
            Algorithm::Es256 => {
                use p256::ecdsa::signature::Verifier as _;
                let key = p256::ecdsa::VerifyingKey::from(self.p256_key()?);
                let signature = p256::ecdsa::Signature::from_slice(signature).map_err(|_| Refused::Wrong)?;
                key.verify(input, &signature).is_ok()
            }
            Algorithm::EdDsa => {
                let key = self.ed25519_key()?;
                let signature = ed25519_dalek::Signature::from_slice(signature).map_err(|_| Refused::Wrong)?;
                // The strict rules leave no two readings of what a signature covers.
                key.verify_strict(input, &signature).is_ok()
            }
            Algorithm::Rs256 => {
                let padding = rsa::Pkcs1v15Sign::new::<Sha256>();
                self.rsa_key()?.verify(padding, &Sha256::digest(input), signature).is_ok()
            }
        };
        if right { Ok(()) } else { Err(Refused::Wrong) }
    }

    fn usable(&self, algorithm: Algorithm, now: Timestamp) -> Result<(), Refused> {
        let (now, _) = now.parts();
        let unsuited = |when: bool, why| if when { Err(Refused::Unsuited(why)) } else { Ok(()) };
        unsuited(self.kty != algorithm.key_type(), "is of another type than the algorithm needs")?;
        unsuited(self.usage.as_deref().is_some_and(|usage| usage != "sig"), "is not for signatures")?;
        let for_another = self.alg.as_deref().is_some_and(|alg| Algorithm::of(alg) != Some(algorithm));
        unsuited(for_another, "is for another algorithm")?;
        unsuited(self.revoked.as_ref().is_some_and(|revoked| !revoked.is_null()), "is revoked")?;
        unsuited(self.exp.is_some_and(|end| end <= now), "has expired")?;
        unsuited(self.nbf.is_some_and(|start| start > now), "is not valid yet")
    }

    fn p256_key(&self) -> Result<p256::PublicKey, Refused> {
        let (Some("P-256"), Some(x), Some(y)) = (self.crv.as_deref(), bytes32(&self.x), bytes32(&self.y)) else {
            return Err(Refused::Unsuited("is no point of P-256"));
        };
        let point = p256::EncodedPoint::from_affine_coordinates(&x.into(), &y.into(), false);
        let key = p256::PublicKey::from_sec1_bytes(point.as_bytes());
        key.map_err(|_| Refused::Unsuited("is no point of P-256"))
    }

    fn ed25519_key(&self) -> Result<ed25519_dalek::VerifyingKey, Refused> {
        let key = match (self.crv.as_deref(), bytes32(&self.x)) {
            (Some("Ed25519"), Some(x)) => ed25519_dalek::VerifyingKey::from_bytes(&x).ok(),
            _ => None,
        };
        key.ok_or(Refused::Unsuited("is no key of Ed25519"))
    }

    fn rsa_key(&self) -> Result<rsa::RsaPublicKey, Refused> {
        let number =
            |text: &Option<String>| text.as_deref().and_then(decode).map(|bytes| rsa::BigUint::from_bytes_be(&bytes));
        let (Some(n), Some(e)) = (number(&self.n), number(&self.e)) else {
            return Err(Refused::Unsuited("is no key of RSA"));
        };
        if n.bits() < MIN_RSA {
            return Err(Refused::Unsuited("is shorter than 2048 bits"));
        }
        rsa::RsaPublicKey::new(n, e).map_err(|_| Refused::Unsuited("is no key of RSA"))
    }
}

/// Base64url without padding (RFC 7515, section 2).
pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

pub(super) fn bytes32(text: &Option<String>) -> Option<[u8; 32]> {
    decode(text.as_deref()?)?.try_into().ok()
}
