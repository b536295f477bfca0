//! The JWT of a push delivery.

use std::time::Duration;

use a2a_protocol_core::signing::{DELIVERY_LIFETIME, DeliveryClaims, JwkSet, NotVerified};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{golden, key, now};

const BODY: &[u8] = br#"{"statusUpdate":{}}"#;

fn keys() -> JwkSet {
    JwkSet::read(&golden("keys.json")).unwrap()
}

fn claims() -> DeliveryClaims {
    let mut claims = DeliveryClaims::new(BODY, "id-1", now());
    claims.aud = Some("https://hook.example/x".to_owned());
    claims
}

#[test]
fn a_delivery_is_verified_and_says_what_was_signed() {
    let token = claims().sign(&key("es256")).unwrap();
    assert_eq!(DeliveryClaims::verify(&token, BODY, &keys(), now()), Ok(claims()));
    let part = |index: usize| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(index).unwrap()).unwrap()).unwrap()
    };
    assert_eq!(part(0), json!({"alg": "ES256", "typ": "JWT", "kid": "es256"}));
    let (second, _) = now().parts();
    let expected = json!({
        "aud": "https://hook.example/x", "iat": second, "exp": second + 300, "jti": "id-1",
        // As sha256sum prints it.
        "request_body_sha256": "6f03c6672250a44b31183c008e1a86aa46a15e1ff8dee9585d4784d567a3799a"});
    assert_eq!(part(1), expected);
}

#[test]
fn a_delivery_that_is_not_the_senders_is_refused() {
    let token = claims().sign(&key("es256")).unwrap();
    let verify = |token: &str, body: &[u8], at| DeliveryClaims::verify(token, body, &keys(), at);
    assert_eq!(verify(&token, b"{}", now()), Err(NotVerified::WrongBody));
    assert_eq!(verify("", BODY, now()), Err(NotVerified::Malformed("the signature is no JWT")));
    assert_eq!(verify(&format!("{token}."), BODY, now()), Err(NotVerified::Malformed("the signature is no JWT")));

    let mut other = claims();
    other.iss = Some("somebody else".to_owned());
    let forged = other.sign(&key("es256")).unwrap();
    let (head, signature) = (forged.rsplit_once('.').unwrap().0, token.rsplit_once('.').unwrap().1);
    assert_eq!(verify(&format!("{head}.{signature}"), BODY, now()), Err(NotVerified::WrongSignature));

    let unknown = claims().sign(&key("es256").with_kid("new")).unwrap();
    assert_eq!(verify(&unknown, BODY, now()), Err(NotVerified::UnknownKey("new".to_owned())));
    let long = claims().sign(&key("es256").with_kid("k".repeat(100_000))).unwrap();
    assert!(verify(&long, BODY, now()).unwrap_err().to_string().len() < 1000);
    let none = format!("{}.e30.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#));
    assert_eq!(verify(&none, BODY, now()), Err(NotVerified::Malformed("the algorithm of the JWT is not known")));
}

#[test]
fn a_delivery_is_of_now_whatever_it_says_of_its_end() {
    let mut endless = claims();
    endless.exp = None;
    let mut short = claims();
    short.exp = Some(short.iat + 10);
    let key = key("es256");
    for (claims, after, is_now) in [
        (claims(), DELIVERY_LIFETIME, true),
        (claims(), DELIVERY_LIFETIME + Duration::from_secs(1), false),
        (endless.clone(), DELIVERY_LIFETIME, true),
        (endless, DELIVERY_LIFETIME + Duration::from_secs(1), false),
        (short.clone(), Duration::from_secs(10), true),
        (short, Duration::from_secs(11), false),
    ] {
        let token = claims.sign(&key).unwrap();
        let verdict = DeliveryClaims::verify(&token, BODY, &keys(), now().plus(after));
        assert_eq!(verdict.is_ok(), is_now, "{claims:?} after {after:?}: {verdict:?}");
    }
    for (ahead, is_now) in [(60, true), (61, false)] {
        let early = DeliveryClaims::new(BODY, "id", now().plus(Duration::from_secs(ahead))).sign(&key).unwrap();
        assert_eq!(DeliveryClaims::verify(&early, BODY, &keys(), now()).is_ok(), is_now, "{ahead} s ahead");
    }
}
