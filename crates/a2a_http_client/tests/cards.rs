//! From a reference to a client: where cards are looked for, who gets credentials, what is cached.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use a2a_http_client::{CardCache, CardStore, Client, ClientError, StoredCard};
use a2a_protocol_core::ErrorKind;
use serde_json::json;
use support::{Answer, ManualClock, Server, ok, reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const CARD: &str = "/.well-known/agent-card.json";

fn card() -> Answer {
    served(&[])
}

fn served(headers: &[(&str, &str)]) -> Answer {
    reply(200, headers, text())
}

fn text() -> String {
    let interface = json!({"url": "https://agent.example/a2a", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"});
    json!({"name": "Carded", "supportedInterfaces": [interface]}).to_string()
}

fn targets(server: &Server) -> Vec<String> {
    server.requests().into_iter().map(|request| request.target).collect()
}

async fn connect(server: &Server, path: &str) -> Result<Client, ClientError> {
    ManualClock::new().builder().connect(&format!("{}{path}", server.url)).await
}

#[tokio::test]
async fn a_host_has_its_card_at_the_well_known_path() {
    let server = Server::start([card()]).await;
    let host = server.url.strip_prefix("http://").unwrap();
    let client = ManualClock::new().builder().service_param("X-Trace", "1").connect(host).await.unwrap();
    assert_eq!(client.card().name, "Carded");
    assert_eq!(client.interface().url, "https://agent.example/a2a");
    let request = server.request();
    assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", CARD));
    assert_eq!(request.header("accept"), Some("application/json"));
    assert_eq!(request.header("a2a-version"), Some("1.0"));
    assert_eq!(request.header("x-trace"), Some("1"));
}

#[tokio::test]
async fn places_are_tried_in_order() {
    let none = || reply(404, &[], "");
    for (path, script, asked) in [
        ("", vec![none(), card()], &[CARD, "/.well-known/agent.json"][..]),
        ("/a/", vec![none(), card()], &["/a/.well-known/agent-card.json", "/a/.well-known/agent.json"]),
        ("/card.json", vec![card()], &["/card.json"]),
        ("/a", vec![card()], &["/a"]),
        ("/a", vec![reply(405, &[], ""), card()], &["/a", "/a/.well-known/agent-card.json"]),
        ("/a", vec![reply(200, &[], "<p>"), card()], &["/a", "/a/.well-known/agent-card.json"]),
        ("/a", vec![ok(&json!({"status": "ok"})), card()], &["/a", "/a/.well-known/agent-card.json"]),
    ] {
        let server = Server::start(script).await;
        connect(&server, path).await.unwrap();
        assert_eq!(targets(&server), asked);
    }
}

#[tokio::test]
async fn no_card_anywhere_names_the_places() {
    let server = Server::start([reply(404, &[], ""), reply(410, &[], "")]).await;
    let error = connect(&server, "").await.unwrap_err();
    assert!(error.is_card_not_found() && !error.is_card_invalid());
    let url = &server.url;
    assert_eq!(
        error.to_string(),
        format!("no agent card found: {url}{CARD} answers 404; {url}/.well-known/agent.json answers 410")
    );
}

#[tokio::test]
async fn unusable_cards_say_why() {
    let relative = json!({"name": "R", "supportedInterfaces":
        [{"url": "/a2a", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}]});
    let grpc = json!({"name": "G", "supportedInterfaces":
        [{"url": "h:443", "protocolBinding": "GRPC", "protocolVersion": "1.0"}]});
    for (answer, says) in [
        (ok(&relative), "\"/a2a\" of the interface JSONRPC is unusable: it is relative"),
        (ok(&grpc), "offers GRPC 1.0; this client speaks"),
        (reply(200, &[], "{"), "has no usable card: "),
        (reply(200, &[], b"\xff"), "has no usable card: not UTF-8"),
        (reply(200, &[], vec![b' '; (1 << 20) + 1]), "has no usable card: larger than 1048576 bytes"),
        (ok(&json!({"name": 5})), "has no usable card: name"),
    ] {
        let server = Server::start([answer]).await;
        let error = connect(&server, "/card.json").await.unwrap_err();
        assert!(error.is_card_invalid() && error.to_string().contains(says), "{says:?} in {error}");
    }
}

#[tokio::test]
async fn failures_on_the_way_are_told_apart() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = listener.local_addr().unwrap().to_string();
    drop(listener);
    let error = ManualClock::new().builder().connect(&nowhere).await.unwrap_err();
    assert!(error.is_unreachable() && !error.is_timeout() && !error.is_card_not_found(), "{error:?}");

    let server = Server::start([Answer::Hold(Vec::new())]).await;
    let clock = ManualClock::new();
    let builder = clock.builder();
    let (connected, ()) = tokio::join!(builder.connect(&server.url), clock.fire(support::FIRST_BYTE));
    let error = connected.unwrap_err();
    assert!(error.is_timeout() && !error.is_unreachable(), "{error:?}");

    let server = Server::start([reply(500, &[], "")]).await;
    let error = connect(&server, "").await.unwrap_err();
    assert_eq!(error.protocol_error().unwrap().kind(), ErrorKind::Internal);

    let server = Server::start([reply(503, &[], ""), card()]).await;
    connect(&server, "").await.unwrap();
}

#[tokio::test]
async fn tls_failures_are_told_apart() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let reference = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            connection.read_u8().await.unwrap();
            connection.write_all(b"HTTP/1.1 400 No TLS here\r\n\r\n").await.unwrap();
        }
    });
    let error = ManualClock::new().builder().connect(&reference).await.unwrap_err();
    assert!(error.is_unreachable(), "{error:?}");
    assert!(error.transport_error().unwrap().is_tls(), "{error:?}");
}

#[tokio::test]
async fn credentials_are_only_given_to_an_agent_that_asks() {
    let server = Server::start([card()]).await;
    let builder = || ManualClock::new().builder().bearer("tok").api_key("key");
    builder().connect(&server.url).await.unwrap();
    assert_eq!(server.request().header("authorization"), None);
    assert_eq!(server.request().header("x-api-key"), None);

    let server = Server::start([reply(401, &[], ""), card()]).await;
    builder().connect(&server.url).await.unwrap();
    assert_eq!(server.requests()[1].header("authorization"), Some("Bearer tok"));
    assert_eq!(server.requests()[1].header("x-api-key"), Some("key"));

    let server = Server::start([reply(401, &[], "")]).await;
    let error = connect(&server, "").await.unwrap_err();
    assert!(error.is_auth());

    let server = Server::start([reply(401, &[], ""), reply(403, &[], "")]).await;
    assert!(builder().connect(&server.url).await.unwrap_err().is_auth());
}

#[tokio::test]
async fn redirects_are_followed_without_what_is_secret() {
    let other = Server::start([reply(401, &[], ""), reply(401, &[], "")]).await;
    let to = format!("{}/elsewhere", other.url);
    let away = || reply(302, &[("location", &to)], "");
    let server = Server::start([reply(301, &[("location", "/moved")], ""), away(), reply(401, &[], "")]).await;
    server.push(card());
    let builder = ManualClock::new().builder().bearer("tok").service_param("X-Session", "s");
    builder.connect(&server.url).await.unwrap_err();
    assert_eq!(targets(&server)[..2], [CARD, "/moved"]);
    for request in other.requests() {
        assert_eq!(request.target, "/elsewhere");
        assert_eq!((request.header("authorization"), request.header("x-session")), (None, None));
        assert_eq!(request.header("accept"), Some("application/json"));
    }
}

#[tokio::test]
async fn redirects_are_bounded_and_stay_with_http() {
    let server = Server::start((0..6).map(|_| reply(302, &[("location", CARD)], ""))).await;
    let error = connect(&server, "").await.unwrap_err();
    assert!(error.to_string().ends_with("redirects more than 5 times"), "{error}");

    let server = Server::start([reply(302, &[("location", "file:///etc/passwd")], "")]).await;
    let error = connect(&server, "").await.unwrap_err();
    assert!(error.to_string().contains("which is not followed"), "{error}");
}

#[tokio::test]
async fn a_card_can_be_a_file() {
    let path = std::env::temp_dir().join(format!("nuncio-card-{}.json", std::process::id()));
    std::fs::write(&path, text()).unwrap();
    let builder = ManualClock::new().builder();
    let document = builder.document(path.to_str().unwrap()).await.unwrap();
    assert_eq!((document.card.name.as_str(), document.json), ("Carded", text()));
    let by_url = builder.resolve(&format!("file://{}", path.display())).await.unwrap();
    assert_eq!(by_url.name, "Carded");
    std::fs::remove_file(&path).unwrap();
    let error = builder.resolve(path.to_str().unwrap()).await.unwrap_err();
    assert!(error.is_card_not_found() && std::error::Error::source(&error).is_some());
}

#[tokio::test]
async fn a_fresh_card_is_not_asked_for_and_a_stale_one_revalidated() {
    let server = Server::start([
        served(&[("cache-control", "max-age=60"), ("etag", "\"1\"")]),
        reply(304, &[("cache-control", "max-age=600")], ""),
        served(&[]),
    ])
    .await;
    let clock = ManualClock::new();
    let builder = clock.builder().card_cache(Arc::new(CardCache::new()));
    for (later, requests) in [(0, 1), (59, 1), (1, 2), (599, 2), (1, 3), (0, 4)] {
        clock.advance(later);
        if requests == 4 {
            server.push(card());
        }
        assert_eq!(builder.resolve(&server.url).await.unwrap().name, "Carded");
        assert_eq!(server.requests().len(), requests);
    }
    let conditions: Vec<_> =
        server.requests().iter().map(|request| request.header("if-none-match").map(str::to_owned)).collect();
    assert_eq!(conditions, [None, Some("\"1\"".to_owned()), Some("\"1\"".to_owned()), None]);
}

#[tokio::test]
async fn a_card_that_needed_credentials_is_not_cached() {
    let fresh = || served(&[("cache-control", "max-age=60")]);
    let server = Server::start([reply(401, &[], ""), fresh(), reply(401, &[], ""), fresh()]).await;
    let builder = ManualClock::new().builder().card_cache(Arc::new(CardCache::new())).bearer("tok");
    builder.resolve(&server.url).await.unwrap();
    builder.resolve(&server.url).await.unwrap();
    assert_eq!(server.requests().len(), 4);
}

/// Keeps cards as JSON, as a file would.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<HashMap<String, String>>>);

impl CardStore for Shelf {
    fn load(&self, url: &str) -> Option<StoredCard> {
        serde_json::from_str(self.0.lock().unwrap().get(url)?).ok()
    }
    fn save(&self, url: &str, card: &StoredCard) {
        self.0.lock().unwrap().insert(url.to_owned(), serde_json::to_string(card).unwrap());
    }
    fn remove(&self, url: &str) {
        self.0.lock().unwrap().remove(url);
    }
}

#[tokio::test]
async fn a_cache_outlives_the_process_in_its_store() {
    let shelf = Shelf::default();
    let server =
        Server::start([served(&[("cache-control", "max-age=60")]), served(&[("cache-control", "no-store")])]).await;
    let clock = ManualClock::new();
    let builder = || clock.builder().card_cache(Arc::new(CardCache::with_store(shelf.clone())));
    builder().resolve(&server.url).await.unwrap();
    builder().resolve(&server.url).await.unwrap();
    assert_eq!(server.requests().len(), 1);
    clock.advance(61);
    builder().resolve(&server.url).await.unwrap();
    assert_eq!(server.requests().len(), 2);
    assert!(shelf.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn faults_of_the_set_up_are_told_when_it_ends() {
    let builder = || ManualClock::new().builder();
    for (builder, kind, says) in [
        (
            builder().protocol_version("0.2.6"),
            ErrorKind::VersionNotSupported,
            "0.3 and 1.0 of the protocol, not \"0.2.6\"",
        ),
        (builder().service_param("no name", "v"), ErrorKind::InvalidParams, "no name"),
        (builder().service_param("x", "a\nb"), ErrorKind::InvalidParams, "x: "),
        (builder().service_param("A2A-Version", "1.0"), ErrorKind::InvalidParams, "set by the client itself"),
        (builder().extension("a, b"), ErrorKind::InvalidParams, "no URI"),
    ] {
        let error = builder.protocol_version("1.0").connect("127.0.0.1:1").await.unwrap_err();
        assert_eq!(error.protocol_error().unwrap().kind(), kind);
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[tokio::test]
async fn a_card_at_hand_may_have_relative_addresses_below_a_base() {
    let interface = json!({"url": "../a2a", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"});
    let card: a2a_protocol_core::AgentCard =
        serde_json::from_value(json!({"name": "R", "supportedInterfaces": [interface]})).unwrap();
    let builder = || ManualClock::new().builder();
    builder().with_card(card.clone(), Some("https://h/cards/a.json")).unwrap();
    assert!(builder().with_card(card, None).unwrap_err().is_card_invalid());
}
