//! The keys of card signatures, from where the card says they are.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use a2a_http_client::{Guard, KeyFetcher, verify_card};
use a2a_protocol_core::{
    AgentCard,
    signing::{self, JwkSet, KeySource, KeyStore, SigningKey, Verdict},
};
use serde_json::json;
use support::{Server, ok, reply};

fn key() -> SigningKey {
    SigningKey::es256(&[1; 32]).unwrap()
}

fn signed(jkus: &[&str]) -> AgentCard {
    let mut card: AgentCard = serde_json::from_value(json!({"name": "Signed"})).unwrap();
    for jku in jkus {
        card.signatures.push(signing::sign(&card, &key(), Some(jku)).unwrap());
    }
    card
}

fn open() -> KeyFetcher {
    KeyFetcher::guarded(Guard::default().allow_local_networks(true)).unwrap()
}

#[tokio::test]
async fn a_card_is_verified_by_the_keys_that_it_names() {
    let server = Server::start([ok(&json!({"keys": [key().public()]}))]).await;
    let verdict = verify_card(&signed(&[&server.url]), None, KeyStore::default(), &open()).await;
    let Verdict::Verified(by) = verdict else { panic!("{verdict:?}") };
    assert_eq!(by.source, KeySource::Fetched(server.url.clone()));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn trusted_keys_need_no_fetching() {
    let server = Server::start([]).await;
    let mut keys = KeyStore::default();
    keys.trust(JwkSet::from(key().public()));
    let verdict = verify_card(&signed(&[&server.url]), None, keys, &open()).await;
    assert!(matches!(verdict, Verdict::Verified(by) if by.source == KeySource::Trusted));
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn keys_that_cannot_be_had_leave_the_card_unverified_and_say_why() {
    let server = Server::start([reply(404, &[], ""), reply(200, &[], "<html>")]).await;
    let at = server.url.clone();
    let kid = key().kid().to_owned();
    let because = |why: &str| Verdict::Unverifiable(format!("signatures[0]: the key {kid:?} is not known: {why}"));
    let verify =
        async |jku: &str, fetcher: KeyFetcher| verify_card(&signed(&[jku]), None, KeyStore::default(), &fetcher).await;
    assert_eq!(verify(&at, open()).await, because(&format!("no keys at {at}: HTTP status 404")));
    let Verdict::Unverifiable(why) = verify(&at, open()).await else { panic!() };
    assert!(why.contains("neither JSON nor PEM"), "{why}");
    let guarded = KeyFetcher::guarded(Guard::default()).unwrap();
    let Verdict::Unverifiable(why) = verify(&at, guarded).await else { panic!() };
    assert!(why.contains("is loopback"), "{why}");
    assert_eq!(server.requests().len(), 2, "the guarded one did not call");
}

#[tokio::test]
async fn a_card_cannot_make_its_reader_call_many() {
    let server = Server::start([]).await;
    let urls: Vec<_> = (0..9).map(|path| format!("{}/{path}", server.url)).collect();
    let urls: Vec<_> = urls.iter().map(String::as_str).collect();
    verify_card(&signed(&urls), None, KeyStore::default(), &open()).await;
    assert_eq!(server.requests().len(), 4);
}
