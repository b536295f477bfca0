use serde_json::{Value, json};

use crate::support::{Agent, Nuncio, card, completes};

/// Keys that sign nothing else.
fn golden(name: &str) -> String {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/signed");
    std::fs::read_to_string(format!("{directory}/{name}")).unwrap()
}

fn world() -> Nuncio {
    Nuncio::new()
        .file("work/key.pem", &golden("es256.pem"))
        .file("work/public.pem", &golden("es256.pub.pem"))
        .file("work/other.pem", &golden("eddsa.pub.pem"))
        .file("work/card.json", &card("http://h").to_string())
}

fn verify<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&["card", "verify", "-a", "signed.json"][..], arguments].concat()
}

#[test]
fn a_card_that_was_signed_is_verified_by_the_public_key() {
    let nuncio = world();
    nuncio.run(&["card", "sign", "card.json", "--key", "key.pem", "--kid", "k1", "--out", "signed.json"]).exits(0);
    let run = nuncio.run(&verify(&["--keys", "public.pem"])).exits(0);
    run.says("Signatures: verified").says("Key: k1").says("Algorithm: ES256").says("Key Source: trusted key");
    let run = nuncio.run(&verify(&["--keys", "other.pem", "--keys", "public.pem", "-o", "json"])).exits(0);
    let expected = json!({
        "outcome": "verified", "kid": "k1", "algorithm": "ES256", "trusted": true, "jku": null, "covers": "pruned"});
    assert_eq!(run.json(), expected);
    assert!(run.stderr.contains("warning: the signature does not show"), "{run:?}");
    nuncio
        .run(&["card", "get", "-a", "signed.json"])
        .exits(0)
        .says("Signatures: unverifiable: signatures[0]: the key \"k1\" is not known");
}

#[test]
fn what_is_no_card_is_not_signed_and_named() {
    let nuncio = world().file("work/notes.txt", "a card, perhaps").file("work/list.json", "[]");
    for file in ["notes.txt", "list.json"] {
        let run = nuncio.run(&["card", "sign", file, "--key", "key.pem"]).exits(1);
        assert!(run.stderr.contains(&format!("{file}: is no JSON object: ")), "{run:?}");
        assert!(!run.stderr.contains("response"), "{run:?}");
    }
}

#[test]
fn what_cannot_be_verified_fails_and_says_which_it_is() {
    let nuncio = world();
    let arguments = ["card", "sign", "card.json", "--key", "key.pem", "--kid", "k1", "--out", "signed.json"];
    nuncio.run(&[&arguments[..], &["--jwks-out", "jwks.json"]].concat()).exits(0);
    let run = nuncio.run(&verify(&["-o", "json"])).exits(1);
    assert_eq!(run.error_code(), "NUNCIO_ERR_CARD_UNVERIFIABLE");

    let path = nuncio.home.join("work/signed.json");
    let changed = std::fs::read_to_string(&path).unwrap().replace("Scripted", "Somebody else");
    std::fs::write(&path, changed).unwrap();
    // The key in a PEM has no name, so it need not be the one that k1 is.
    let run = nuncio.run(&verify(&["--keys", "public.pem", "-o", "json"])).exits(1);
    assert_eq!(run.error_code(), "NUNCIO_ERR_CARD_UNVERIFIABLE");
    let run = nuncio.run(&verify(&["--keys", "jwks.json", "-o", "json"])).exits(1);
    assert_eq!(run.error_code(), "A2ACLI_ERR_CARD_INVALID");
}

#[test]
fn a_card_without_signatures_is_fine_unless_they_are_required() {
    let agent = Agent::start(completes);
    let nuncio = Nuncio::to(&agent);
    nuncio.run(&["card", "get"]).exits(0).says("Signatures: absent");
    nuncio.run(&["card", "verify"]).exits(0).says("Signatures: absent");
    assert_eq!(nuncio.run(&["card", "verify", "-o", "json"]).exits(0).json(), json!({"outcome": "absent"}));
    let run = nuncio.run(&["card", "verify", "--require", "-o", "json"]).exits(1);
    assert_eq!(run.error_code(), "NUNCIO_ERR_CARD_UNVERIFIABLE");
}

#[test]
fn keys_are_fetched_from_where_the_card_says_they_are() {
    let jwks = Agent::without_card(404, "");
    let nuncio = world();
    let jku = format!("{}/jwks.json", jwks.url);
    let arguments = ["card", "sign", "card.json", "--key", "key.pem", "--jku", &jku, "--out", "signed.json"];
    nuncio.run(&[&arguments[..], &["--jwks-out", "jwks.json"]].concat()).exits(0);
    let signed: Value =
        serde_json::from_str(&std::fs::read_to_string(nuncio.home.join("work/signed.json")).unwrap()).unwrap();
    let jwks = std::fs::read_to_string(nuncio.home.join("work/jwks.json")).unwrap();
    assert!(!jwks.contains("\"d\""), "{jwks}");

    // A card of a file must not make anyone call into the own network.
    let run = nuncio.run(&verify(&["-o", "json"])).exits(1);
    assert!(run.json()["error"]["message"].as_str().unwrap().contains("is loopback"), "{run:?}");
    let run = nuncio.run(&verify(&["--no-fetch", "-o", "json"])).exits(1);
    assert!(run.json()["error"]["message"].as_str().unwrap().ends_with("is not known"), "{run:?}");

    // One of this very machine may.
    let keys: &'static str = jwks.leak();
    let at = Agent::without_card(200, keys);
    let mut moved = signed.clone();
    moved.as_object_mut().unwrap().remove("signatures");
    let nuncio = nuncio.file("work/moved.json", &moved.to_string());
    let arguments = ["card", "sign", "moved.json", "--key", "key.pem", "--jku", &at.url];
    let signed = nuncio.run(&arguments).exits(0).stdout;
    let agent = Agent::without_card(200, signed.leak());
    let run = nuncio.run(&["card", "verify", "-a", &agent.url]).exits(0);
    run.says("Signatures: verified").says(&format!("Key Source: key from {}", at.url));
    let get = nuncio.run(&["card", "get", "-a", &agent.url, "-o", "json"]).exits(0);
    assert!(get.stderr.contains("\nsignatures: verified by "), "{get:?}");
    assert!(get.json()["signatures"].is_array());
}

#[test]
fn signing_keeps_what_is_there_and_adds_the_form_of_the_sdks_on_request() {
    let mut card = card("http://h");
    card["skills"] = json!([]);
    card["preferredTransport"] = json!("JSONRPC");
    let nuncio = world().input(&card.to_string());
    let once = nuncio.run(&["card", "sign", "--key", "key.pem", "--for-sdks"]).exits(0);
    assert!(once.stderr.contains("skills "), "a card with a fault is signed with a warning: {once:?}");
    let signed = once.json();
    assert_eq!(signed["preferredTransport"], "JSONRPC");
    assert_eq!(signed["signatures"].as_array().unwrap().len(), 2);
    let nuncio = world().input(&signed.to_string());
    let twice = nuncio.run(&["card", "sign", "-", "--key", "key.pem"]).exits(0).json();
    assert_eq!(twice["signatures"].as_array().unwrap().len(), 3);
    assert_eq!(twice["signatures"][0], signed["signatures"][0]);
}

#[test]
fn a_key_that_is_none_is_refused_by_name() {
    let nuncio = world();
    for (arguments, expected) in [
        (&["--key", "none.pem"][..], "--key: none.pem: "),
        (&["--key", "public.pem"], "--key: public.pem: the PEM holds no private key but a PUBLIC KEY"),
        (&["--key", "card.json"], "--key: card.json: neither a PEM nor a JSON Web Key"),
        (&["--key", "key.pem", "missing.json"], "missing.json: "),
    ] {
        let arguments = [&["card", "sign", "-o", "json"][..], arguments].concat();
        let run = nuncio.run(&arguments).exits(2);
        assert!(run.json()["error"]["message"].as_str().unwrap().starts_with(expected), "{run:?}");
    }
    let run = nuncio.run(&["card", "verify", "-a", "card.json", "--keys", "key.pem", "-o", "json"]).exits(2);
    let message = run.json()["error"]["message"].as_str().unwrap().to_owned();
    assert_eq!(message, "--keys: key.pem: the PEM holds no public key but a PRIVATE KEY");
}

#[test]
fn a_signature_over_a_requirement_without_scopes_covers_it() {
    let mut required = card("http://h");
    required["securityRequirements"] = json!([{"schemes": {"key": {}}}]);
    let nuncio = world().file("work/card.json", &required.to_string());
    let arguments = ["card", "sign", "card.json", "--for-sdks", "--key", "key.pem", "--out", "signed.json"];
    nuncio.run(&arguments).exits(0);
    let run = nuncio.run(&verify(&["--keys", "public.pem", "-o", "json"])).exits(0);
    assert_eq!(run.json()["covers"], "specified");
    assert_eq!(run.stderr, "");

    let path = nuncio.home.join("work/signed.json");
    let mut changed: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    changed["securityRequirements"] = json!([{}]);
    std::fs::write(&path, changed.to_string()).unwrap();
    nuncio.run(&verify(&["--keys", "public.pem"])).exits(1);

    changed.as_object_mut().unwrap().remove("securityRequirements");
    std::fs::write(&path, changed.to_string()).unwrap();
    let run = nuncio.run(&verify(&["--keys", "public.pem"])).exits(0).says("Covers: pruned");
    assert!(run.stderr.contains("warning: the signature does not show"), "{run:?}");
    let get = nuncio.run(&["card", "get", "-a", "signed.json"]).exits(0);
    assert!(!get.stderr.contains("warning"), "nothing is verified without a key: {get:?}");
}
