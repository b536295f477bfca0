//! Signatures over agent cards (section 8.4).
//!
//! What a signature covers is the card without its signatures, in canonical form. Which members of
//! the card that includes is section 8.4.1, and the types of this crate write exactly those: what
//! is required always, what is optional if it was set, anything else unless it is empty. A member
//! that this version does not know is no part of it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Jwk, JwkSet, SigningKey, canonical,
    jwk::{self, Refused},
    jws::{self, Header},
};
use crate::{AgentCard, AgentCardSignature, Error, FieldViolation, Struct, Timestamp, json::Doubles};

/// What a signature is known to cover. Signers differ in what they take for the content of a card,
/// and each form is made of the card as it was received.
///
/// A content with nothing empty in it is the same in every form, and it may be what a signer left
/// of more: of a card that asks for a scheme without scopes, and of the same card without that
/// requirement. So it always counts as the form that says least, [`Pruned`](Self::Pruned). Something
/// empty in the content is the proof that the signer left out nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// Section 8.4.1 as it is written.
    Specified,
    /// The JSON as it was served. So signs who does not know the presence rules, and so does a card
    /// of a later version with members that are new.
    Served,
    /// The card without empty texts, lists and objects, required or not: the official Python and
    /// JavaScript SDKs. The security requirements that the card and its skills have are covered;
    /// whether others without scopes were taken away, such a signature does not say. A card with
    /// requirements of which this form leaves anything out is not verified by it.
    Pruned,
}

impl Form {
    /// Whether it is certain that no security requirement was taken away since the card was signed.
    pub fn covers_all_requirements(self) -> bool {
        self != Self::Pruned
    }
}

/// Where the key came from that confirmed a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySource {
    /// It is trusted by the caller.
    Trusted,
    /// The card names this address of a key set: whoever rules the address has signed the card, and
    /// nothing is said about who that is.
    Fetched(String),
}

/// A signature that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The name of the key.
    pub kid: String,
    /// The algorithm, such as `ES256`.
    pub algorithm: &'static str,
    /// Where the key came from.
    pub source: KeySource,
    /// What the signature covers.
    pub form: Form,
}

/// What the signatures of a card prove (section 8.4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// There is none.
    Absent,
    /// One of them holds; by a trusted key, if there is one, and in a form that covers the most.
    Verified(Verified),
    /// Nothing can be said, because a key is missing or unusable, or a signature does not cover the
    /// card's security requirements; why, for each signature.
    Unverifiable(String),
    /// None holds, and at least one is wrong: the card is not what was signed; why, for each.
    Invalid(String),
}

/// The keys that card signatures are checked against.
#[derive(Clone, Debug, Default)]
pub struct KeyStore {
    trusted: JwkSet,
    fetched: BTreeMap<String, Result<JwkSet, String>>,
}

impl KeyStore {
    /// Adds keys that the caller trusts. One without a `kid` is tried for every name; that it did not
    /// make a signature tells nothing, unless its thumbprint (RFC 7638) is the signature's `kid`.
    pub fn trust(&mut self, keys: JwkSet) {
        self.trusted.keys.extend(keys.keys);
    }

    /// Adds the keys that were found at an address which [`missing`](Self::missing) named.
    pub fn fetched(&mut self, jku: impl Into<String>, keys: JwkSet) {
        self.fetched.insert(jku.into(), Ok(keys));
    }

    /// Notes why the keys at such an address could not be had, for the verdict to say so.
    pub fn not_fetched(&mut self, jku: impl Into<String>, why: impl Into<String>) {
        self.fetched.insert(jku.into(), Err(why.into()));
    }

    /// The addresses of the key sets that the card's signatures name and that are neither here nor
    /// made unnecessary by a trusted key of that name. They come from the card: who fetches them
    /// has to guard against addresses of the own network.
    pub fn missing(&self, card: &AgentCard) -> Vec<String> {
        let headers = card.signatures.iter().filter_map(|signature| Header::decode(&signature.protected));
        let mut missing = Vec::new();
        for header in headers.filter(|header| self.trusted_of(header).next().is_none()) {
            if let Some(jku) = header.jku.filter(|jku| !self.fetched.contains_key(jku) && !missing.contains(jku)) {
                missing.push(jku);
            }
        }
        missing
    }

    /// The trusted keys of that name.
    fn trusted_of(&self, header: &Header) -> impl Iterator<Item = &Jwk> {
        let is_meant = |key: &Jwk| match (&key.kid, &header.kid) {
            (Some(known), Some(name)) => known == name,
            (None, Some(name)) => key.thumbprint() == *name,
            (_, None) => false,
        };
        self.trusted.keys.iter().filter(move |key| is_meant(key))
    }

    /// The trusted keys that could have any name.
    fn nameless(&self) -> impl Iterator<Item = &Jwk> {
        self.trusted.keys.iter().filter(|key| key.kid.is_none())
    }
}

/// Signs a card with section 8.4.1 as it is written. `jku` is the address at which the public key
/// is published, if it is. The signatures that are there do not matter to the new one.
///
/// # Errors
/// Internal, if the card has no form in JSON, which no card is known to have.
pub fn sign(card: &AgentCard, key: &SigningKey, jku: Option<&str>) -> Result<AgentCardSignature, Error> {
    signature(&content(card)?, key, jku)
}

/// Signs what the official Python and JavaScript SDKs take for the content of a card, if that is
/// not what the specification says it is: see [`Form::Pruned`]. A card may carry both.
///
/// # Errors
/// As [`sign`].
pub fn sign_pruned(card: &AgentCard, key: &SigningKey, jku: Option<&str>) -> Result<Option<AgentCardSignature>, Error> {
    let content = content(card)?;
    let pruned = pruned(content.clone());
    if pruned == content { Ok(None) } else { signature(&pruned, key, jku).map(Some) }
}

fn signature(content: &Value, key: &SigningKey, jku: Option<&str>) -> Result<AgentCardSignature, Error> {
    let protected = Header::of(key, "JOSE", jku).encode()?;
    let signature = jwk::encode(&key.sign(&jws::input(&protected, &canonical(content)?)));
    Ok(AgentCardSignature { protected, signature, header: None })
}

/// Verifies the signatures of a card. `served` is the JSON text that the card was read from, if it
/// was, and `now` decides which keys have expired.
///
/// A signature over the [pruned](Form::Pruned) content verifies a card only if pruning leaves its
/// security requirements, and those of its skills, as they are: else they could be any.
pub fn verify(card: &AgentCard, served: Option<&str>, keys: &KeyStore, now: Timestamp) -> Verdict {
    if card.signatures.is_empty() {
        return Verdict::Absent;
    }
    let payloads = match payloads(card, served) {
        Ok(payloads) => payloads,
        Err(error) => return Verdict::Unverifiable(error.to_string()),
    };
    let (mut verified, mut wrong, mut reasons) = (None, false, Vec::new());
    for (index, signature) in card.signatures.iter().enumerate() {
        match verify_one(signature, &payloads, keys, now) {
            Ok(by) => {
                let rank = |by: &Verified| (by.source == KeySource::Trusted, by.form.covers_all_requirements());
                if verified.as_ref().is_none_or(|known| rank(known) < rank(&by)) {
                    verified = Some(by);
                }
            }
            Err(Fault { is_wrong, reason }) => {
                wrong |= is_wrong;
                reasons.push(FieldViolation { field: format!("signatures[{index}]"), description: reason });
            }
        }
    }
    // Reasons quote the card, and are bounded like all that quotes what was received.
    let why = || Error::violations(reasons).message().to_owned();
    match verified {
        Some(by) => Verdict::Verified(by),
        None if wrong => Verdict::Invalid(why()),
        None => Verdict::Unverifiable(why()),
    }
}

/// Why a signature does not hold.
struct Fault {
    /// Rather than that nothing can be said.
    is_wrong: bool,
    reason: String,
}

fn verify_one(
    signature: &AgentCardSignature,
    payloads: &[Payload],
    keys: &KeyStore,
    now: Timestamp,
) -> Result<Verified, Fault> {
    let wrong = |reason: &str| Fault { is_wrong: true, reason: reason.to_owned() };
    let open = |reason: String| Fault { is_wrong: false, reason };
    let header =
        Header::decode(&signature.protected).ok_or_else(|| wrong("protected is no JSON object in base64url"))?;
    let bytes = jwk::decode(&signature.signature).ok_or_else(|| wrong("signature is not base64url"))?;
    let algorithm = header.algorithm().map_err(open)?;
    let Some(kid) = &header.kid else {
        return Err(wrong("the protected header has no kid"));
    };
    let confirmed = |candidates: &[&Jwk]| {
        let mut refused = None;
        for payload in payloads {
            let input = jws::input(&signature.protected, &payload.content);
            match jws::verify_by_any(candidates.iter().copied(), algorithm, &input, &bytes, now) {
                Ok(()) => return Ok(payload),
                Err(why) => refused = why,
            }
        }
        Err(refused)
    };
    let by = |payload: &Payload, source| match payload.has_all {
        true => Ok(Verified { kid: kid.clone(), algorithm: algorithm.name(), source, form: payload.form }),
        false => Err(open(format!(
            "it is by the key {kid:?}, but does not cover security requirements without scopes, and the card has such"
        ))),
    };
    if let Ok(payload) = confirmed(&keys.nameless().collect::<Vec<_>>()) {
        return by(payload, KeySource::Trusted);
    }
    let mut candidates: Vec<_> = keys.trusted_of(&header).collect();
    let mut source = KeySource::Trusted;
    if candidates.is_empty()
        && let Some(jku) = &header.jku
        && let Some(fetched) = keys.fetched.get(jku)
    {
        let set = fetched.as_ref().map_err(|why| open(format!("the key {kid:?} is not known: {why}")))?;
        candidates = set.keys.iter().filter(|key| key.kid.as_ref() == Some(kid)).collect();
        source = KeySource::Fetched(jku.clone());
    }
    match confirmed(&candidates) {
        Ok(payload) => by(payload, source),
        Err(Some(Refused::Wrong)) => Err(wrong(&format!("it is not by the key {kid:?} over this card"))),
        Err(Some(Refused::Unsuited(why))) => Err(open(format!("the key {kid:?} {why}"))),
        Err(None) => Err(open(format!("the key {kid:?} is not known"))),
    }
}

/// What may have been signed.
#[derive(Debug)]
struct Payload {
    form: Form,
    /// Canonical.
    content: Vec<u8>,
    /// Whether every security requirement of the card is in it.
    has_all: bool,
}

/// The content of the card in each form that differs from those before it.
fn payloads(card: &AgentCard, served: Option<&str>) -> Result<Vec<Payload>, Error> {
    let specified = content(card)?;
    let keeps_requirements = requirements(&specified).all(|given| pruned(given.clone()) == *given);
    let served = served.and_then(|json| serde_json::from_str::<Doubles<Value>>(json).ok()).map(|json| json.0);
    let served = served.map(without_signatures).map(|value| (Form::Served, value));
    let least = (Form::Pruned, pruned(specified.clone()));
    let mut payloads: Vec<Payload> = Vec::new();
    for (form, value) in [(Form::Specified, specified)].into_iter().chain(served).chain([least]) {
        let content = canonical(&value)?;
        if payloads.iter().all(|known| known.content != content) {
            // Nothing in it says that it was not pruned.
            let form = if pruned(value.clone()) == value { Form::Pruned } else { form };
            payloads.push(Payload { form, content, has_all: form.covers_all_requirements() || keeps_requirements });
        }
    }
    Ok(payloads)
}

/// The security requirements of the card and of its skills.
fn requirements(content: &Value) -> impl Iterator<Item = &Value> {
    let skills = content.get("skills").and_then(Value::as_array).into_iter().flatten();
    [content].into_iter().chain(skills).filter_map(|holder| holder.get("securityRequirements"))
}

fn content(card: &AgentCard) -> Result<Value, Error> {
    serde_json::to_value(card).map(without_signatures).map_err(Error::internal)
}

fn without_signatures(mut card: Value) -> Value {
    if let Value::Object(members) = &mut card {
        members.remove("signatures");
    }
    card
}

/// Without whatever is empty, or is so once what is empty in it is gone.
fn pruned(value: Value) -> Value {
    fn is_empty(value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        }
    }
    match value {
        Value::Array(items) => items.into_iter().map(pruned).filter(|item| !is_empty(item)).collect(),
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, value)| (name, pruned(value)));
            Value::Object(members.filter(|(_, value)| !is_empty(value)).collect::<Struct>())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signatures_are_no_part_of_the_content() {
        // A2-001 to A2-REJECT-004 of the vector set that tests/signing/canonical.rs names.
        let expected = r#"{"capabilities":{"pushNotifications":false,"streaming":true},"name":"Example Agent"}"#;
        for signatures in [r#"[{"protected":"eyJhbGciOiJFUzI1NiJ9","signature":"abc123"}]"#, "[]"] {
            let served = format!(
                r#"{{"capabilities":{{"pushNotifications":false,"streaming":true}},"name":"Example Agent","signatures":{signatures}}}"#
            );
            let card: AgentCard = serde_json::from_str(&served).unwrap();
            let payloads = payloads(&card, Some(&served)).unwrap();
            assert!(payloads.iter().any(|payload| payload.content == expected.as_bytes()), "{payloads:?}");
            assert!(payloads.iter().all(|payload| payload.content != served.as_bytes()), "{payloads:?}");
        }
    }
}
