//! Signatures over push deliveries: a JWT of the sender about the body that it comes with.
//!
//! The protocol leaves the form open (section 13.2). This is the one of its guide on streaming and
//! asynchronous operations, with the hash of the body that the official samples add: the token is
//! signed by a key that the sender publishes as a [`JwkSet`], names the receiver, the time and
//! itself, and expires soon.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    JwkSet, SigningKey, canonical,
    jwk::{self, Refused},
    jws::{self, Header},
};
use crate::{Error, Timestamp, shortened};

/// The header with the signature where `Authorization` is taken by the credentials of the push
/// configuration; nuncio's own.
pub const SIGNATURE_HEADER: &str = "x-a2a-notification-signature";

/// How long a signature is valid: five minutes, as in the official samples.
pub const DELIVERY_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// How far ahead the sender's clock may be.
const SKEW: i64 = 60;

/// What the sender of a push delivery asserts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeliveryClaims {
    /// The sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// The address that it was sent to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aud: Option<String>,
    /// When it was signed, in seconds since 1970.
    pub iat: i64,
    /// When it expires, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// Names this one attempt at a delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// SHA-256 of the body, in hexadecimal.
    pub request_body_sha256: String,
}

/// Why a delivery is not known to be the sender's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotVerified {
    /// There is no signature where one is required, or it is none of the kind.
    Malformed(&'static str),
    /// It is by a key that is not among those given, named here as far as its name is not longer
    /// than 500 bytes. The sender may have a new one.
    UnknownKey(String),
    /// The key cannot be used; why.
    UnusableKey(&'static str),
    /// It is not by that key, or not over this token.
    WrongSignature,
    /// It is for another body.
    WrongBody,
    /// It is for another receiver.
    WrongAudience,
    /// It is too old, or of the future.
    Stale,
    /// It was here before.
    Replayed,
}

impl fmt::Display for NotVerified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => f.write_str(why),
            Self::UnknownKey(kid) => write!(f, "the signature is by an unknown key {kid:?}"),
            Self::UnusableKey(why) => write!(f, "the key of the signature {why}"),
            Self::WrongSignature => f.write_str("the signature is wrong"),
            Self::WrongBody => f.write_str("the signature is for another body"),
            Self::WrongAudience => f.write_str("the signature is for another receiver"),
            Self::Stale => f.write_str("the signature is not of now"),
            Self::Replayed => f.write_str("the signature was used before"),
        }
    }
}

impl std::error::Error for NotVerified {}

impl DeliveryClaims {
    /// Of a body that is sent now. `id` is used once: a receiver takes each of them one time only,
    /// so a delivery that is tried again needs a new one.
    pub fn new(body: &[u8], id: impl Into<String>, now: Timestamp) -> Self {
        let (iat, _) = now.parts();
        let (exp, _) = now.plus(DELIVERY_LIFETIME).parts();
        Self {
            iss: None,
            aud: None,
            iat,
            exp: Some(exp),
            jti: Some(id.into()),
            request_body_sha256: hex(&Sha256::digest(body)),
        }
    }

    /// The claims as a signed token (RFC 7519), in compact form.
    ///
    /// # Errors
    /// Internal, which is not known to happen.
    pub fn sign(&self, key: &SigningKey) -> Result<String, Error> {
        let protected = Header::of(key, "JWT", None).encode()?;
        let mut token = jws::input(&protected, &canonical(self)?);
        let signature = jwk::encode(&key.sign(&token));
        token.push(b'.');
        token.extend_from_slice(signature.as_bytes());
        String::from_utf8(token).map_err(Error::internal)
    }

    /// The claims of a token that is signed by one of the keys, fits the body, and is of now. It
    /// remains to be seen whether it was used before.
    ///
    /// # Errors
    /// See [`NotVerified`].
    pub fn verify(token: &str, body: &[u8], keys: &JwkSet, now: Timestamp) -> Result<Self, NotVerified> {
        let mut parts = token.split('.');
        let (Some(protected), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotVerified::Malformed("the signature is no JWT"));
        };
        let header = Header::decode(protected).ok_or(NotVerified::Malformed("the header of the JWT is no JSON"))?;
        let payload = jwk::decode(payload).ok_or(NotVerified::Malformed("the payload of the JWT is not base64url"))?;
        let signature = jwk::decode(signature).ok_or(NotVerified::WrongSignature)?;
        let algorithm =
            header.algorithm().map_err(|_| NotVerified::Malformed("the algorithm of the JWT is not known"))?;
        // A set of one key may leave the name out, on either side.
        let named = |key: &&super::Jwk| key.kid == header.kid || header.kid.is_none() || key.kid.is_none();
        let candidates = keys.keys.iter().filter(named);
        jws::verify_by_any(candidates, algorithm, &jws::input(protected, &payload), &signature, now).map_err(
            |refused| match refused {
                Some(Refused::Wrong) => NotVerified::WrongSignature,
                Some(Refused::Unsuited(why)) => NotVerified::UnusableKey(why),
                None => NotVerified::UnknownKey(shortened(&header.kid.unwrap_or_default())),
            },
        )?;
        let claims: Self = serde_json::from_slice(&payload)
            .map_err(|_| NotVerified::Malformed("the claims iat and request_body_sha256 are missing"))?;
        claims.check(body, now)?;
        Ok(claims)
    }

    fn check(&self, body: &[u8], now: Timestamp) -> Result<(), NotVerified> {
        let (now, _) = now.parts();
        let lifetime = i64::try_from(DELIVERY_LIFETIME.as_secs()).unwrap_or(i64::MAX);
        // Whatever the sender allows, nobody has to remember what was used for longer than that.
        let end = self.iat.saturating_add(lifetime).min(self.exp.unwrap_or(i64::MAX));
        if now > end || self.iat > now.saturating_add(SKEW) {
            return Err(NotVerified::Stale);
        }
        match self.request_body_sha256.eq_ignore_ascii_case(&hex(&Sha256::digest(body))) {
            true => Ok(()),
            false => Err(NotVerified::WrongBody),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
