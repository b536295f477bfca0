//! Section 8.4.

use a2a_protocol_core::{
    AgentCard,
    signing::{self, Form, JwkSet, KeySource, KeyStore, SigningKey, Verdict, Verified},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{key, now};

fn card(json: Value) -> AgentCard {
    serde_json::from_value(json).unwrap()
}

fn example() -> Value {
    json!({
        "name": "Example Agent", "description": "Does things", "version": "1",
        "supportedInterfaces": [{"url": "https://a.example", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}],
        "capabilities": {"streaming": false},
        "defaultInputModes": ["text/plain"], "defaultOutputModes": ["text/plain"],
        "skills": [{"id": "s", "name": "S", "description": "Skill", "tags": ["t"]}],
    })
}

fn signed(json: Value, key: &SigningKey) -> AgentCard {
    let mut card = card(json);
    card.signatures.push(signing::sign(&card, key, Some("https://a.example/jwks.json")).unwrap());
    card
}

fn trusting(keys: &[&SigningKey]) -> KeyStore {
    let mut store = KeyStore::default();
    for key in keys {
        store.trust(JwkSet::from(key.public()));
    }
    store
}

fn verified(verdict: Verdict) -> Verified {
    match verdict {
        Verdict::Verified(by) => by,
        other => panic!("{other:?}"),
    }
}

/// What a signature of ours is over.
fn payload(card: &AgentCard) -> String {
    let mut value = serde_json::to_value(card).unwrap();
    value.as_object_mut().unwrap().remove("signatures");
    let payload = String::from_utf8(signing::canonical(&value).unwrap()).unwrap();
    // It is, if this very text verifies as what was served.
    let key = key("es256");
    let mut other = self::card(json!({"name": "Another Agent"}));
    other.signatures.push(signing::sign(card, &key, None).unwrap());
    assert_eq!(verified(signing::verify(&other, Some(&payload), &trusting(&[&key]), now())).form, Form::Served);
    payload
}

#[test]
fn presence_of_members_is_that_of_section_8_4_1() {
    let rest = r#""defaultInputModes":[],"defaultOutputModes":[],"#;
    // The specification's own example, with the other required members, which are always there.
    let example = json!({
        "name": "Example Agent", "description": "",
        "capabilities": {"streaming": false, "pushNotifications": false, "extensions": []},
        "skills": [],
    });
    let expected = format!(
        r#"{{"capabilities":{{"pushNotifications":false,"streaming":false}},{rest}"description":"","name":"Example Agent","skills":[],"supportedInterfaces":[],"version":""}}"#
    );
    assert_eq!(payload(&card(example)), expected);

    // Optional ones if they were set, even to their default; the others unless they are empty.
    for (member, given, expected) in [
        ("documentationUrl", json!(""), Some(json!(""))),
        ("iconUrl", json!(""), Some(json!(""))),
        ("provider", json!({}), Some(json!({"url": "", "organization": ""}))),
        ("capabilities", json!({"extensions": [{"uri": "", "required": false}]}), Some(json!({"extensions": [{}]}))),
        ("capabilities", json!({"extendedAgentCard": false}), Some(json!({"extendedAgentCard": false}))),
        ("securitySchemes", json!({}), None),
        ("securityRequirements", json!([]), None),
        ("securityRequirements", json!([{"schemes": {"key": {"list": []}}}]), Some(json!([{"schemes": {"key": {}}}]))),
        (
            "securitySchemes",
            json!({"key": {"apiKeySecurityScheme": {"description": "", "location": "", "name": ""}}}),
            Some(json!({"key": {"apiKeySecurityScheme": {"location": "", "name": ""}}})),
        ),
        (
            "supportedInterfaces",
            json!([{"tenant": ""}]),
            Some(json!([{"url": "", "protocolBinding": "", "protocolVersion": ""}])),
        ),
        (
            "skills",
            json!([{"examples": [], "inputModes": []}]),
            Some(json!([{"id": "", "name": "", "description": "", "tags": []}])),
        ),
        ("notKnown", json!({"a": 1}), None),
        ("signatures", json!([{"protected": "e30", "signature": "AA"}]), None),
        ("signatures", json!([]), None),
    ] {
        let payload: Value = serde_json::from_str(&payload(&card(json!({ member: given })))).unwrap();
        assert_eq!(payload.get(member), expected.as_ref(), "{member}");
    }
}

#[test]
fn a_signed_card_is_verified_by_key_and_source() {
    for name in ["es256", "eddsa"] {
        let key = key(name);
        let card = signed(example(), &key);
        let by = verified(signing::verify(&card, None, &trusting(&[&key]), now()));
        assert_eq!((by.kid.as_str(), by.source, by.form), (name, KeySource::Trusted, Form::Pruned));
        assert_eq!(by.algorithm.to_ascii_lowercase(), name);
        let header = URL_SAFE_NO_PAD.decode(&card.signatures[0].protected).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        let expected = json!({"alg": by.algorithm, "typ": "JOSE", "kid": name, "jku": "https://a.example/jwks.json"});
        assert_eq!(header, expected);
    }
}

#[test]
fn the_card_names_the_key_sets_to_fetch() {
    let (known, other) = (key("es256"), key("eddsa"));
    let mut card = signed(example(), &known);
    card.signatures.push(signing::sign(&card, &other, Some("https://b.example/jwks.json")).unwrap());
    card.signatures.push(signing::sign(&card, &other, Some("https://b.example/jwks.json")).unwrap());
    let mut store = KeyStore::default();
    assert_eq!(store.missing(&card), ["https://a.example/jwks.json", "https://b.example/jwks.json"]);
    assert!(matches!(signing::verify(&card, None, &store, now()), Verdict::Unverifiable(_)));

    store.fetched("https://b.example/jwks.json", JwkSet::from(other.public()));
    assert_eq!(store.missing(&card), ["https://a.example/jwks.json"]);
    let by = verified(signing::verify(&card, None, &store, now()));
    assert_eq!(by.source, KeySource::Fetched("https://b.example/jwks.json".to_owned()));

    // A key that is trusted needs no fetching, and its signature is the one to name.
    store.trust(JwkSet::from(known.public()));
    assert_eq!(store.missing(&card), Vec::<String>::new());
    assert_eq!(verified(signing::verify(&card, None, &store, now())).kid, "es256");

    // Nor can a fetched key take the place of a trusted one of that name.
    let mut store = trusting(&[&known]);
    let impostor = other.with_kid("es256");
    store.fetched("https://a.example/jwks.json", JwkSet::from(impostor.public()));
    let card = signed(example(), &impostor);
    assert!(!matches!(signing::verify(&card, None, &store, now()), Verdict::Verified(_)));
}

#[test]
fn any_change_of_the_card_is_found() {
    let key = key("es256");
    let store = trusting(&[&key]);
    let card = signed(example(), &key);
    let text = serde_json::to_value(&card).unwrap();
    for (pointer, value) in [
        ("/name", json!("Another Agent")),
        ("/description", json!("")),
        ("/supportedInterfaces/0/url", json!("https://evil.example")),
        ("/capabilities/streaming", json!(true)),
        ("/skills", json!([])),
    ] {
        let mut changed = text.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        let served = changed.to_string();
        let verdict = signing::verify(&self::card(changed), Some(&served), &store, now());
        assert!(
            matches!(&verdict, Verdict::Invalid(why) if why.starts_with("signatures[0]: ")),
            "{pointer}: {verdict:?}"
        );
    }
    // What a reader does not read is not the card, and members have no order.
    let mut same = text.clone();
    same["notKnown"] = json!(1);
    same["capabilities"]["extensions"] = json!([]);
    verified(signing::verify(&self::card(same.clone()), Some(&same.to_string()), &store, now()));
}

#[test]
fn one_signature_that_holds_is_enough_and_one_that_is_wrong_decides_otherwise() {
    let (ours, theirs, unknown) = (key("es256"), key("eddsa"), key("eddsa").with_kid("other"));
    let store = trusting(&[&ours, &theirs]);
    let wrong = signed(json!({"name": "Another"}), &ours).signatures.remove(0);
    let right = signed(example(), &theirs).signatures.remove(0);
    let open = signed(example(), &unknown).signatures.remove(0);
    let mut card = card(example());
    let mut verdict = |signatures: &[_]| {
        card.signatures = signatures.to_vec();
        signing::verify(&card, None, &store, now())
    };
    assert_eq!(verdict(&[]), Verdict::Absent);
    assert_eq!(verified(verdict(&[wrong.clone(), open.clone(), right])).kid, "eddsa");
    let Verdict::Invalid(why) = verdict(&[open.clone(), wrong]) else { panic!() };
    assert_eq!(
        why,
        "signatures[0]: the key \"other\" is not known; signatures[1]: it is not by the key \"es256\" over this card"
    );
    assert_eq!(verdict(&[open]), Verdict::Unverifiable("signatures[0]: the key \"other\" is not known".to_owned()));
}

#[test]
fn a_verdict_does_not_quote_all_that_a_card_says() {
    let (ours, long) = (key("es256"), "k".repeat(100_000));
    let unknown = signed(example(), &ours.with_kid(&long)).signatures.remove(0);
    let mut strange = unknown.clone();
    strange.protected = URL_SAFE_NO_PAD.encode(json!({"alg": long, "kid": "es256"}).to_string());
    let mut card = card(example());
    for signature in [unknown, strange] {
        card.signatures = vec![signature; 1000];
        let Verdict::Unverifiable(why) = signing::verify(&card, None, &KeyStore::default(), now()) else { panic!() };
        assert!(why.starts_with("signatures[0]: the ") && why.len() < 10_000, "{}: {why}", why.len());
        assert!(why.contains("984 more"), "{why}");
    }
}

#[test]
fn headers_that_ask_for_something_else_prove_nothing() {
    let key = key("es256");
    let mut public = JwkSet::from(key.public());
    public.keys[0].alg = None;
    let mut store = KeyStore::default();
    store.trust(public);
    for (header, expected) in [
        (json!({"alg": "none", "kid": "es256"}), "the algorithm \"none\" is not known"),
        (json!({"alg": "HS256", "kid": "es256"}), "the algorithm \"HS256\" is not known"),
        (json!({"alg": "EdDSA", "kid": "es256"}), "the key \"es256\" is of another type than the algorithm needs"),
        (json!({"alg": "ES256", "kid": "es256", "crit": ["x"]}), "it needs an extension of JWS that is not known"),
        (json!({"alg": "ES256", "kid": "es256", "b64": false}), "it needs an extension of JWS that is not known"),
        (json!({"alg": "ES256"}), "the protected header has no kid"),
        (json!("text"), "protected is no JSON object in base64url"),
    ] {
        let mut card = signed(example(), &key);
        card.signatures[0].protected = URL_SAFE_NO_PAD.encode(header.to_string());
        match signing::verify(&card, None, &store, now()) {
            Verdict::Unverifiable(why) | Verdict::Invalid(why) => {
                assert_eq!(why, format!("signatures[0]: {expected}"), "{header}");
            }
            other => panic!("{header}: {other:?}"),
        }
    }
    let mut card = signed(example(), &key);
    card.signatures[0].signature.push('=');
    assert!(matches!(signing::verify(&card, None, &store, now()), Verdict::Invalid(_)));
}

#[test]
fn keys_that_have_expired_or_are_for_something_else_are_not_used() {
    let key = key("es256");
    let card = signed(example(), &key);
    let (second, _) = now().parts();
    for (member, value, why) in [
        ("exp", json!(second), Some("has expired")),
        ("exp", json!(second + 1), None),
        ("nbf", json!(second + 1), Some("is not valid yet")),
        ("nbf", json!(second), None),
        ("revoked", json!({"revoked_at": 1}), Some("is revoked")),
        ("use", json!("enc"), Some("is not for signatures")),
        ("alg", json!("RS256"), Some("is for another algorithm")),
        ("crv", json!("P-384"), Some("is no point of P-256")),
        ("x", json!("AAAA"), Some("is no point of P-256")),
    ] {
        let mut jwk = serde_json::to_value(key.public()).unwrap();
        jwk[member] = value;
        let mut store = KeyStore::default();
        store.trust(JwkSet::read(&jwk.to_string()).unwrap());
        match (signing::verify(&card, None, &store, now()), why) {
            (Verdict::Verified(_), None) => {}
            (Verdict::Unverifiable(reason), Some(why)) => {
                assert_eq!(reason, format!("signatures[0]: the key \"es256\" {why}"), "{member}");
            }
            (other, _) => panic!("{member}: {other:?}"),
        }
    }
}

#[test]
fn other_readings_of_the_content_are_accepted_by_name() {
    let key = key("es256");
    let store = trusting(&[&key]);
    let with_empties = json!({
        "name": "Example Agent", "description": "", "version": "1", "skills": [], "capabilities": {"extensions": []},
        "securityRequirements": [{"schemes": {"key": {}}}], "isNew": {"in": "1.1"}});
    let card = card(with_empties.clone());
    let served = with_empties.to_string();
    let form = |signature| {
        let mut card = card.clone();
        card.signatures.push(signature);
        verified(signing::verify(&card, Some(&served), &store, now())).form
    };
    assert_eq!(form(signing::sign(&card, &key, None).unwrap()), Form::Specified);
    // Of requirements without scopes the pruned form says nothing; see below.
    let without = {
        let mut card = card.clone();
        card.security_requirements.clear();
        card
    };
    let mut pruned = without.clone();
    pruned.signatures.extend(signing::sign_pruned(&without, &key, None).unwrap());
    assert_eq!(verified(signing::verify(&pruned, None, &store, now())).form, Form::Pruned);
    assert_eq!(signing::sign_pruned(&self::card(example()), &key, None).unwrap(), None, "the forms are the same");
}

/// Every requirement of a card, and of its skill.
fn requiring(card_requirements: Value, skill_requirements: Value) -> Value {
    let mut json = example();
    json["securityRequirements"] = card_requirements;
    json["skills"][0]["securityRequirements"] = skill_requirements;
    json
}

#[test]
fn security_requirements_cannot_be_edited_under_a_pruned_signature() {
    let key = key("es256");
    let store = trusting(&[&key]);
    let (scopeless, scoped) = (json!({"schemes": {"key": {}}}), json!({"schemes": {"sso": {"list": ["read"]}}}));
    let lists = [
        json!([]),
        json!([{}]),
        json!([scopeless]),
        json!([{"schemes": {"other": {}}}]),
        json!([scoped]),
        json!([scoped, {}]),
        json!([{"schemes": {"sso": {"list": ["read"]}, "key": {}}}]),
    ];
    let of_card = lists.iter().map(|list| requiring(list.clone(), json!([])));
    let of_skill = lists[1..4].iter().map(|list| requiring(json!([]), list.clone()));
    let all: Vec<_> = of_card.chain(of_skill).collect();
    let has_scopeless = |json: &Value| {
        let text = json["securityRequirements"].to_string() + &json["skills"][0]["securityRequirements"].to_string();
        text.contains("{}")
    };
    for original in &all {
        for description in ["Does things", ""] {
            let mut original = original.clone();
            original["description"] = json!(description);
            let signer = card(original.clone());
            let signature = match signing::sign_pruned(&signer, &key, None).unwrap() {
                Some(signature) => signature,
                None => signing::sign(&signer, &key, None).unwrap(),
            };
            for edited in &all {
                let mut edited = edited.clone();
                edited["description"] = json!(description);
                let mut card = card(edited.clone());
                card.signatures.push(signature.clone());
                for served in [None, Some(edited.to_string())] {
                    match signing::verify(&card, served.as_deref(), &store, now()) {
                        Verdict::Verified(by) => {
                            assert!(!has_scopeless(&edited), "{original} {edited}");
                            assert!(!by.form.covers_all_requirements(), "{original} {edited}");
                        }
                        Verdict::Unverifiable(why) => {
                            assert!(has_scopeless(&edited), "{original} {edited}");
                            assert!(why.contains("does not cover security requirements"), "{why}");
                        }
                        Verdict::Invalid(_) => assert_ne!(original, edited),
                        other => panic!("{other:?}"),
                    }
                }
            }
        }
    }
}

#[test]
fn a_pruned_content_that_is_served_as_it_is_says_no_more_than_pruned() {
    let key = key("es256");
    let mut original = requiring(json!([{"schemes": {"key": {}}}]), json!([]));
    original["description"] = json!("");
    let signature = signing::sign_pruned(&card(original), &key, None).unwrap().unwrap();
    let mut stripped = example();
    stripped.as_object_mut().unwrap().remove("description");
    let mut card = card(stripped.clone());
    card.signatures.push(signature);
    let by = verified(signing::verify(&card, Some(&stripped.to_string()), &trusting(&[&key]), now()));
    assert_eq!(by.form, Form::Pruned);
}

#[test]
fn the_signature_that_covers_the_requirements_is_the_one_that_counts() {
    let key = key("es256");
    let mut card = card(requiring(json!([{"schemes": {"key": {}}}]), json!([])));
    let exact = signing::sign(&card, &key, None).unwrap();
    card.signatures.extend(signing::sign_pruned(&card, &key, None).unwrap());
    card.signatures.push(exact);
    assert_eq!(verified(signing::verify(&card, None, &trusting(&[&key]), now())).form, Form::Specified);
    // Without the requirement only the other holds.
    card.security_requirements.clear();
    assert_eq!(verified(signing::verify(&card, None, &trusting(&[&key]), now())).form, Form::Pruned);
}

#[test]
fn a_trusted_key_without_a_name_that_did_not_sign_tells_nothing() {
    let (signer, other) = (key("es256"), key("eddsa"));
    let second = SigningKey::es256(&[7; 32]).unwrap();
    let jku = "https://a.example/jwks.json";
    let (good, mut changed) = (signed(example(), &signer), signed(example(), &signer));
    changed.name.push('!');
    for stranger in [&other, &second] {
        let mut nameless = stranger.public();
        nameless.kid = None;
        let mut store = KeyStore::default();
        store.trust(JwkSet::from(nameless));
        for card in [&good, &changed] {
            let unknown = Verdict::Unverifiable("signatures[0]: the key \"es256\" is not known".to_owned());
            assert_eq!(signing::verify(card, None, &store, now()), unknown);
        }
        assert_eq!(store.missing(&good), [jku]);
        store.fetched(jku, JwkSet::from(signer.public()));
        let by = verified(signing::verify(&good, None, &store, now()));
        assert_eq!(by.source, KeySource::Fetched(jku.to_owned()));
        assert!(matches!(signing::verify(&changed, None, &store, now()), Verdict::Invalid(_)));
    }

    let mut nameless = signer.public();
    nameless.kid = None;
    let mut store = KeyStore::default();
    store.trust(JwkSet::from(nameless));
    assert_eq!(verified(signing::verify(&good, None, &store, now())).source, KeySource::Trusted);

    // A thumbprint is a name.
    let mut changed = signed(example(), &second);
    changed.name.push('!');
    let mut nameless = second.public();
    nameless.kid = None;
    let mut store = KeyStore::default();
    store.trust(JwkSet::from(nameless));
    assert_eq!(store.missing(&changed), Vec::<String>::new());
    assert!(matches!(signing::verify(&changed, None, &store, now()), Verdict::Invalid(_)));
}
