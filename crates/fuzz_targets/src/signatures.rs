//! Keys and signatures.

use std::sync::LazyLock;

use a2a_protocol_core::{
    AgentCard, Timestamp,
    signing::{self, DeliveryClaims, JwkSet, KeySource, KeyStore, NotVerified, SigningKey, Verdict},
};

use crate::comes_back;

/// Those of the signed golden files; the seeds are signed by them.
pub(crate) static KEYS: LazyLock<JwkSet> =
    LazyLock::new(|| JwkSet::read(include_str!("../../../tests/golden/signed/keys.json")).expect("it is a key set"));

static KEY: LazyLock<SigningKey> = LazyLock::new(|| {
    let key = SigningKey::read(include_str!("../../../tests/golden/signed/eddsa.pem")).expect("it is a key");
    key.with_kid("eddsa")
});

/// When the seeds were signed: the start of 2026.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_parts(1_767_225_600, 0).expect("in range")
}

/// As much of a key as no error may quote.
const TELLING: usize = 33;

pub(crate) fn keys(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match JwkSet::read(text) {
        Ok(set) => {
            let written = serde_json::to_string(&set).expect("what was read can be written");
            assert_eq!(JwkSet::read(&written).as_ref(), Ok(&set));
            assert!(set.keys.iter().all(|key| key.thumbprint().len() == 43));
        }
        Err(error) => tells_nothing(&error.to_string(), text),
    }
    match SigningKey::read(text) {
        Ok(key) => {
            let token = DeliveryClaims::new(b"", "1", now()).sign(&key).expect("a key signs");
            let public = JwkSet::from(key.public());
            DeliveryClaims::verify(&token, b"", &public, now()).expect("and its public half confirms it");
        }
        Err(error) => tells_nothing(&error.to_string(), text),
    }
}

fn tells_nothing(error: &str, key: &str) {
    assert!(error.len() <= 300, "{error}");
    for window in key.as_bytes().windows(TELLING) {
        assert!(!error.as_bytes().windows(TELLING).any(|quoted| quoted == window), "{error}");
    }
}

pub(crate) fn delivery(data: &[u8]) {
    let (token, body) = match data.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, &b""[..]),
    };
    let Ok(token) = std::str::from_utf8(token) else { return };
    let Ok(claims) = DeliveryClaims::verify(token, body, &KEYS, now()) else { return };
    assert_eq!(claims.iss.as_deref(), Some("https://agent.example"), "nobody else has the key");
    assert_eq!(claims.jti.as_deref(), Some("seed"));
    let other = [body, b"!"].concat();
    assert_eq!(DeliveryClaims::verify(token, &other, &KEYS, now()), Err(NotVerified::WrongBody));
    let later = now().plus(signing::DELIVERY_LIFETIME * 2);
    assert_eq!(DeliveryClaims::verify(token, body, &KEYS, later), Err(NotVerified::Stale));
}

pub(crate) fn card(data: &[u8]) {
    let Some(mut card) = comes_back::<AgentCard>(data) else { return };
    let served = std::str::from_utf8(data).ok();
    let mut keys = KeyStore::default();
    let jkus = keys.missing(&card);
    for jku in &jkus {
        keys.not_fetched(jku, "not here");
    }
    assert!(keys.missing(&card).is_empty());
    keys.trust(JwkSet::clone(&KEYS));
    if let Verdict::Verified(by) = signing::verify(&card, served, &keys, now()) {
        assert_eq!(by.source, KeySource::Trusted);
        let mut other = card.clone();
        other.name.push('!');
        assert!(!is_verified(&other, &keys), "it was signed for another name");
    }
    card.signatures = vec![signing::sign(&card, &KEY, None).expect("a card has a form in JSON")];
    let written = serde_json::to_vec(&card).expect("what was read can be written");
    let read = a2a_protocol_core::read_response::<AgentCard>(&written).expect("and read again");
    assert!(is_verified(&read, &keys), "{}", String::from_utf8_lossy(&written));
}

fn is_verified(card: &AgentCard, keys: &KeyStore) -> bool {
    matches!(signing::verify(card, None, keys, now()), Verdict::Verified(_))
}
