//! Push notifications from the sender's signature to the receiver's checks.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{sync::Arc, time::Duration};

use a2a_app_ports::{PushOutcome, PushRequest, PushTransport as _};
use a2a_http_client::{Guard, KeyFetcher, Receiver, Rejected, Webhooks, host};
use a2a_protocol_core::{
    PUSH_TOKEN_HEADER, ProtocolVersion, StreamResponse, TaskState, Timestamp,
    signing::{DeliveryClaims, JwkSet, NotVerified, SIGNATURE_HEADER, SigningKey},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use serde_json::json;
use support::{Request, Server, ok, reply};

const BODY: &[u8] = br#"{"statusUpdate":{"taskId":"t","contextId":"c","status":{"state":"TASK_STATE_WORKING"}}}"#;

fn key(seed: u8) -> SigningKey {
    SigningKey::es256(&[seed; 32]).unwrap()
}

fn now() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

fn later(seconds: u64) -> Timestamp {
    now().plus(Duration::from_secs(seconds))
}

/// Headers with a signature over the body.
fn signed(key: &SigningKey, id: &str, at: Timestamp) -> HeaderMap {
    let token = DeliveryClaims::new(BODY, id, at).sign(key).unwrap();
    HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::try_from(format!("Bearer {token}")).unwrap())])
}

fn with_token(token: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(PUSH_TOKEN_HEADER, HeaderValue::from_static(token));
    headers
}

fn guard() -> Guard {
    Guard::default().allow_local_networks(true)
}

fn status(rejected: &Rejected) -> u16 {
    rejected.status().as_u16()
}

#[tokio::test]
async fn the_token_is_that_of_the_configuration() {
    let receiver = Receiver::default().token("secret");
    assert!(!format!("{receiver:?}").contains("secret"));
    let delivery = receiver.receive(&with_token("secret"), BODY, now()).await.unwrap();
    assert!(matches!(delivery.event, StreamResponse::StatusUpdate(_)));
    assert!(delivery.claims.is_none());
    for headers in [HeaderMap::new(), with_token(""), with_token("secre"), with_token("Secret"), with_token("secrets")]
    {
        let rejected = receiver.receive(&headers, BODY, now()).await.unwrap_err();
        assert!(matches!(rejected, Rejected::Token) && status(&rejected) == 401, "{rejected:?}");
    }
}

#[tokio::test]
async fn what_is_no_notification_is_rejected() {
    for (body, start) in [("", "the response is not JSON"), (r#"{"task":{"id":5}}"#, "task.id: "), ("{}", "")] {
        let rejected = Receiver::default().receive(&HeaderMap::new(), body.as_bytes(), now()).await.unwrap_err();
        assert!(matches!(rejected, Rejected::Body(_)) && status(&rejected) == 400, "{rejected:?}");
        assert!(rejected.to_string().starts_with(start), "{rejected}");
    }
}

#[tokio::test]
async fn a_task_of_0_3_is_read_too() {
    let body = br#"{"kind":"task","id":"t","contextId":"c","status":{"state":"input-required"}}"#;
    let delivery = Receiver::default().receive(&HeaderMap::new(), body, now()).await.unwrap();
    let StreamResponse::Task(task) = &delivery.event else { panic!("{delivery:?}") };
    assert_eq!((&*task.id, &task.status.state), ("t", &TaskState::InputRequired));
    assert_eq!(delivery.version, ProtocolVersion::V0_3);
}

#[tokio::test]
async fn every_signature_is_accepted_once() {
    let receiver = Receiver::default().keys(JwkSet::from(key(1).public()));
    let headers = signed(&key(1), "1", now());
    let delivery = receiver.receive(&headers, BODY, now()).await.unwrap();
    assert_eq!(delivery.claims.unwrap().jti.as_deref(), Some("1"));
    for after in [0, 299, 300] {
        let rejected = receiver.receive(&headers, BODY, later(after)).await.unwrap_err();
        assert!(matches!(rejected, Rejected::Signature(NotVerified::Replayed)), "{rejected:?}");
    }
    let rejected = receiver.receive(&headers, BODY, later(301)).await.unwrap_err();
    assert!(matches!(rejected, Rejected::Signature(NotVerified::Stale)), "{rejected:?}");
    receiver.receive(&signed(&key(1), "2", now()), BODY, now()).await.unwrap();

    // The official samples send no id: then the token itself is used once.
    let mut claims = DeliveryClaims::new(BODY, "", now());
    (claims.jti, claims.exp) = (None, None);
    let token = claims.sign(&key(1)).unwrap();
    let headers =
        HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::try_from(format!("Bearer {token}")).unwrap())]);
    receiver.receive(&headers, BODY, now()).await.unwrap();
    let rejected = receiver.receive(&headers, BODY, now()).await.unwrap_err();
    assert!(matches!(rejected, Rejected::Signature(NotVerified::Replayed)), "{rejected:?}");
}

#[tokio::test]
async fn a_notification_without_a_good_signature_is_rejected_where_one_is_wanted() {
    let receiver = Receiver::default().keys(JwkSet::from(key(1).public())).audience("https://hook.example/");
    for (headers, expected) in [
        (HeaderMap::new(), NotVerified::Malformed("there is no signature")),
        (with_token("x"), NotVerified::Malformed("there is no signature")),
        (signed(&key(2), "1", now()), NotVerified::UnknownKey(key(2).kid().to_owned())),
        (signed(&key(2).with_kid(key(1).kid()), "1", now()), NotVerified::WrongSignature),
        (signed(&key(1), "1", now()), NotVerified::WrongAudience),
    ] {
        match receiver.receive(&headers, BODY, now()).await.unwrap_err() {
            Rejected::Signature(why) => assert_eq!(why, expected),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn keys_are_fetched_once_and_again_for_a_new_one() {
    let jwks = |keys: &[&SigningKey]| ok(&json!({"keys": keys.iter().map(|key| key.public()).collect::<Vec<_>>()}));
    let server = Server::start([reply(503, &[], ""), jwks(&[&key(1)]), jwks(&[&key(1), &key(2)])]).await;
    let receiver = Receiver::default().keys_at(&server.url, KeyFetcher::guarded(guard()).unwrap());
    let receive = async |key: u8, id: &str, after| {
        receiver.receive(&signed(&self::key(key), id, later(after)), BODY, later(after)).await.map(drop)
    };
    let asked = || server.requests().len();

    receiver.receive(&HeaderMap::new(), BODY, now()).await.unwrap_err();
    assert_eq!(asked(), 0, "nobody fetches keys for what is not signed");
    for _ in 0..2 {
        let rejected = receive(1, "a", 0).await.unwrap_err();
        assert!(matches!(rejected, Rejected::Keys(_)) && status(&rejected) == 503, "{rejected:?}");
        assert!(rejected.to_string().ends_with("HTTP status 503"), "{rejected}");
    }
    assert_eq!(asked(), 1);
    receive(1, "a", 10).await.unwrap();
    receive(1, "b", 10).await.unwrap();
    assert_eq!(asked(), 2);
    let rejected = receive(2, "c", 19).await.unwrap_err();
    assert!(matches!(rejected, Rejected::Signature(NotVerified::UnknownKey(_))), "{rejected:?}");
    assert_eq!(asked(), 2, "not twice within ten seconds");
    receive(2, "c", 20).await.unwrap();
    receive(1, "d", 20).await.unwrap();
    assert_eq!(asked(), 3);
    receive(1, "e", 20 + 60 * 60).await.unwrap_err();
    assert_eq!(asked(), 4, "they are not kept for ever");
}

#[tokio::test]
async fn keys_come_over_https_or_from_the_machine_itself() {
    let fetcher = KeyFetcher::guarded(guard()).unwrap();
    for url in ["http://agent.example/jwks.json", "ftp://localhost/", "jwks.json"] {
        let error = fetcher.fetch(url).await.unwrap_err();
        assert_eq!(error.field_violations()[0].description, "keys are fetched over https only", "{url}");
    }
    let big = Server::start([reply(200, &[], vec![b' '; (1 << 18) + 1])]).await;
    assert!(fetcher.fetch(&big.url).await.unwrap_err().message().ends_with("more than 262144 bytes"));
    let redirect = Server::start([reply(302, &[("location", "http://127.0.0.1:1/")], "")]).await;
    assert!(fetcher.fetch(&redirect.url).await.unwrap_err().message().ends_with("HTTP status 302"));
    let guarded = KeyFetcher::guarded(Guard::default()).unwrap();
    let error = guarded.fetch("http://127.0.0.1:1/").await.unwrap_err();
    assert!(error.message().ends_with("the address 127.0.0.1 is loopback, only public ones are called"), "{error}");
}

/// What the webhook got when this was sent.
async fn sent(webhooks: &Webhooks, headers: HeaderMap) -> (String, Request) {
    let server = Server::start([reply(200, &[], "")]).await;
    let url = format!("{}/hook", server.url);
    let request = PushRequest { url: url.clone(), headers, body: Bytes::from_static(BODY) };
    assert_eq!(webhooks.deliver(request).await, PushOutcome::Delivered);
    (url, server.request())
}

#[tokio::test]
async fn what_is_sent_with_a_key_is_what_a_receiver_with_its_public_half_accepts() {
    let webhooks = Webhooks::new(guard()).unwrap().signed_by(key(7), Some("https://agent.example".to_owned()));
    let basic = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static("Basic xyz"))]);
    for (headers, name) in [(HeaderMap::new(), "authorization"), (basic, SIGNATURE_HEADER)] {
        let (url, request) = sent(&webhooks, headers.clone()).await;
        assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/hook"));
        assert!(request.headers.contains_key(name));
        if let Some(own) = headers.get(header::AUTHORIZATION) {
            assert_eq!(request.headers.get(header::AUTHORIZATION), Some(own), "credentials stay what they are");
        }
        let receiver = Receiver::default().keys(webhooks.keys()).audience(url);
        let clock = host().clock;
        let delivery = receiver.receive(&request.headers, request.body.as_bytes(), clock.now()).await.unwrap();
        assert_eq!(delivery.claims.unwrap().iss.as_deref(), Some("https://agent.example"));
        assert!(receiver.receive(&request.headers, request.body.as_bytes(), clock.now()).await.is_err());
    }
    let unsigned = Webhooks::new(guard()).unwrap();
    let (_, request) = sent(&unsigned, HeaderMap::new()).await;
    assert_eq!(request.header("authorization"), None);
    assert_eq!(unsigned.keys(), JwkSet::default());
}

#[tokio::test]
async fn a_delivery_that_is_tried_again_is_signed_anew() {
    let webhooks = Arc::new(Webhooks::new(guard()).unwrap().signed_by(key(7), None));
    let receiver = Receiver::default().keys(webhooks.keys());
    for _ in 0..2 {
        let (_, request) = sent(&webhooks, HeaderMap::new()).await;
        receiver.receive(&request.headers, request.body.as_bytes(), host().clock.now()).await.unwrap();
    }
}
