//! Keys as PEM and JWK.

use a2a_protocol_core::signing::{Jwk, JwkSet, SigningKey};
use serde_json::{Value, json};

use crate::{golden, key};

/// A private JWK of the golden set.
fn private(name: &str) -> Value {
    let set: Value = serde_json::from_str(&golden("keys.json")).unwrap();
    set["keys"].as_array().unwrap().iter().find(|key| key["kid"] == name).unwrap().clone()
}

#[test]
fn a_private_key_is_the_same_in_every_encoding() {
    for (name, files) in [("es256", &["es256.pem", "es256.sec1.pem"][..]), ("eddsa", &["eddsa.pem"])] {
        let jwk = SigningKey::read(&private(name).to_string()).unwrap();
        assert_eq!(jwk.kid(), name);
        for file in files {
            let pem = SigningKey::read(&golden(file)).unwrap();
            assert_eq!(pem.kid(), pem.public().thumbprint());
            assert_eq!(pem.with_kid(name).public(), jwk.public(), "{file}");
        }
        let public = JwkSet::read(&golden(&format!("{name}.pub.pem"))).unwrap();
        assert_eq!(public.keys[0].thumbprint(), jwk.public().thumbprint());
    }
}

#[test]
fn thumbprints_are_those_of_rfc_7638_and_rfc_8037() {
    let rsa = json!({"kty": "RSA", "alg": "RS256", "kid": "2011-04-29", "e": "AQAB",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"});
    let okp = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    for (jwk, expected) in
        [(rsa, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"), (okp, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")]
    {
        assert_eq!(serde_json::from_value::<Jwk>(jwk).unwrap().thumbprint(), expected);
    }
}

#[test]
fn a_public_key_has_no_private_member() {
    let set = JwkSet::read(&golden("keys.json")).unwrap();
    assert_eq!(set.keys.len(), 3);
    let written = serde_json::to_value(&set).unwrap();
    for key in written["keys"].as_array().unwrap() {
        for member in ["d", "p", "q", "dp", "dq", "qi"] {
            assert!(key.get(member).is_none(), "{member}");
        }
    }
}

#[test]
fn what_is_no_key_is_refused_without_quoting_it() {
    let secret = private("es256")["d"].as_str().unwrap().to_owned();
    for (text, expected) in [
        (String::new(), "neither a PEM nor a JSON Web Key"),
        (format!("{{\"d\": \"{secret}\""), "neither a PEM nor a JSON Web Key"),
        (json!({"kty": "EC", "crv": "P-256"}).to_string(), "d: no private key of 32 bytes"),
        (
            json!({"kty": "EC", "crv": "P-384", "d": secret}).to_string(),
            "kty, crv: a key to sign with is EC P-256 or OKP Ed25519",
        ),
        (golden("es256.pub.pem"), "the PEM holds no private key but a PUBLIC KEY"),
        (golden("rs256.pem"), "the PEM holds no private key of P-256 or Ed25519"),
        // All of the key would be in the name of what it is.
        (golden("es256.pem").replacen("PRIVATE KEY-----", "PRIVATE KEY", 1), "neither a PEM nor a JSON Web Key"),
    ] {
        assert_eq!(SigningKey::read(&text).unwrap_err().to_string(), expected);
    }
    for (text, expected) in [
        (golden("es256.pem"), "the PEM holds no public key but a PRIVATE KEY"),
        (r#"{"keys": 1}"#.to_owned(), "no JSON Web Key Set: keys is of another type"),
        (
            json!({"keys": [{"kty": "EC", "nbf": secret}]}).to_string(),
            "no JSON Web Key Set: keys[0].nbf is of another type",
        ),
        ("{}".to_owned(), "no JSON Web Key Set: kty is missing"),
    ] {
        assert_eq!(JwkSet::read(&text).unwrap_err().to_string(), expected);
    }
    let debug = format!("{:?}", key("es256"));
    assert_eq!(debug, "SigningKey { kid: \"es256\", .. }");
}
