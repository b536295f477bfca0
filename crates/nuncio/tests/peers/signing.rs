//! Cards that one side signs and the other verifies, and a push notification of ours that theirs
//! verifies.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use agent_sdk::protocol::{
    StreamResponse, Timestamp,
    signing::{DeliveryClaims, JwkSet, SigningKey},
};
use serde_json::{Value, json};

use crate::Sdk;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(name)
}

fn run(command: &mut Command, input: &str) -> Output {
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    process.wait_with_output().unwrap()
}

fn nuncio(arguments: &[&str], input: &str) -> Output {
    run(Command::new(env!("CARGO_BIN_EXE_nuncio")).args(arguments), input)
}

fn theirs(sdk: Sdk, command: &str, keys: &Path, input: &str) -> Output {
    run(sdk.script("signing").arg(command).arg(keys), input)
}

/// A card with something empty in it, and one without.
fn cards() -> [String; 2] {
    let full = std::fs::read_to_string(golden("v1/agent_card.full.py.json")).unwrap();
    let mut plain: Value = serde_json::from_str(&full).unwrap();
    plain["description"] = json!("Größe, \u{1f600} and 1e21");
    for member in ["securitySchemes", "securityRequirements", "signatures"] {
        plain.as_object_mut().unwrap().remove(member);
    }
    for skill in plain["skills"].as_array_mut().unwrap() {
        skill.as_object_mut().unwrap().remove("securityRequirements");
    }
    plain["capabilities"]["extensions"][0]["params"] =
        json!({"\u{1f600}": 1e21, "\u{ff01}": 1e-6, "half": 0.5, "whole": 42.0});
    [full, plain.to_string()]
}

fn they_verify_what_we_sign(sdk: Sdk) {
    let keys = golden("signed/keys.json");
    for card in cards() {
        for key in ["es256", "eddsa"] {
            let path = golden(&format!("signed/{key}.pem"));
            let arguments = ["card", "sign", "--for-sdks", "--kid", key, "--key", path.to_str().unwrap()];
            // Theirs stop at a signature whose key they do not know; the card's own is one of a test.
            let mut card: Value = serde_json::from_str(&card).unwrap();
            card.as_object_mut().unwrap().remove("signatures");
            let signed = nuncio(&arguments, &card.to_string());
            let signed = String::from_utf8(signed.stdout).unwrap();
            let verified = theirs(sdk, "verify", &keys, &signed);
            assert!(verified.status.success(), "{key}: {}", String::from_utf8_lossy(&verified.stderr));
            let changed = theirs(sdk, "verify", &keys, &signed.replace("\"name\": \"Full\"", "\"name\": \"Other\""));
            assert!(!changed.status.success(), "{key}: a changed card is refused");
        }
    }
}

fn we_verify_what_they_sign(sdk: Sdk) {
    let keys = golden("signed/keys.json");
    for (index, card) in cards().iter().enumerate() {
        let signed = theirs(sdk, "sign", &keys, card);
        assert!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stderr));
        let file = std::env::temp_dir().join(format!("nuncio-signed-{}-{sdk:?}-{index}.json", std::process::id()));
        std::fs::write(&file, signed.stdout).unwrap();
        let arguments =
            ["card", "verify", "-a", file.to_str().unwrap(), "--keys", keys.to_str().unwrap(), "-o", "json"];
        let verified = nuncio(&arguments, "");
        std::fs::remove_file(&file).unwrap();
        let verdict: Value = serde_json::from_slice(&verified.stdout).unwrap();
        // The full card has requirements without scopes, which their signatures do not cover.
        assert_eq!(verified.status.success(), index == 1, "{verdict}");
        match index {
            0 => assert!(verdict["error"]["message"].as_str().unwrap().contains("it is by the key"), "{verdict}"),
            _ => assert_eq!(verdict["covers"], "pruned", "{verdict}"),
        }
    }
}

#[test]
fn python_verifies_what_we_sign() {
    they_verify_what_we_sign(Sdk::Python);
}

#[test]
fn js_verifies_what_we_sign() {
    they_verify_what_we_sign(Sdk::Js);
}

#[test]
fn we_verify_what_python_signs() {
    we_verify_what_they_sign(Sdk::Python);
}

#[test]
fn we_verify_what_js_signs() {
    we_verify_what_they_sign(Sdk::Js);
}

#[test]
fn python_verifies_the_signature_of_a_push_notification() {
    let key = SigningKey::es256(&[9; 32]).unwrap();
    let keys = std::env::temp_dir().join(format!("nuncio-jwks-{}.json", std::process::id()));
    std::fs::write(&keys, serde_json::to_string(&JwkSet::from(key.public())).unwrap()).unwrap();
    let event: StreamResponse = serde_json::from_value(json!({"artifactUpdate": {"taskId": "t", "contextId": "c",
        "artifact": {"artifactId": "a", "parts": [{"text": "Größe \u{1f600}"}, {"data": {"n": 42, "x": 0.5}}]}}}))
    .unwrap();
    let body = serde_json::to_string(&event).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let mut claims = DeliveryClaims::new(body.as_bytes(), "1", Timestamp::UNIX_EPOCH.plus(now));
    claims.aud = Some("https://hook.example/".to_owned());
    let given = json!({"token": claims.sign(&key).unwrap(), "audience": "https://hook.example/", "body": body});
    let verified = theirs(Sdk::Python, "delivery", &keys, &given.to_string());
    std::fs::remove_file(&keys).unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}
