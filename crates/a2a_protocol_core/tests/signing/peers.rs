//! Cards that the official SDKs signed: `tests/peers/signing.py` and `signing.mjs`, with the keys
//! of `tests/golden/signed/keys.json`.

use a2a_protocol_core::{
    AgentCard,
    signing::{self, Form, JwkSet, KeyStore, Verdict},
};

use crate::{golden, now};

#[test]
fn every_signature_of_the_official_sdks_holds_as_far_as_it_covers_the_card() {
    let mut keys = KeyStore::default();
    keys.trust(JwkSet::read(&golden("keys.json")).unwrap());
    for file in ["minimal.py.json", "minimal.js.json", "full.py.json", "full.js.json"] {
        let served = golden(file);
        let card: AgentCard = serde_json::from_str(&served).unwrap();
        assert_eq!(card.signatures.len(), 3, "{file}");
        for signature in &card.signatures {
            let mut card = card.clone();
            card.signatures = vec![signature.clone()];
            // They leave out what is empty, and the full card has requirements without scopes.
            match signing::verify(&card, Some(&served), &keys, now()) {
                Verdict::Verified(by) if file.starts_with("minimal") => assert_eq!(by.form, Form::Pruned, "{file}"),
                Verdict::Unverifiable(why) if file.starts_with("full") => {
                    assert!(why.contains("it is by the key"), "{file}: {why}");
                }
                other => panic!("{file}: {other:?}"),
            }
            card.name.push('!');
            let verdict = signing::verify(&card, None, &keys, now());
            assert!(matches!(verdict, Verdict::Invalid(_)), "{file}: {verdict:?}");
        }
    }
}

#[test]
fn rsa_public_keys_are_read_from_pem_too() {
    let card: AgentCard = serde_json::from_str(&golden("minimal.py.json")).unwrap();
    let mut keys = KeyStore::default();
    let mut set = JwkSet::read(&golden("rs256.pub.pem")).unwrap();
    set.keys[0].kid = Some("rs256".to_owned());
    keys.trust(set);
    match signing::verify(&card, None, &keys, now()) {
        Verdict::Verified(by) => assert_eq!((by.kid.as_str(), by.algorithm), ("rs256", "RS256")),
        other => panic!("{other:?}"),
    }
}
