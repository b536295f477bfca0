//! The public card and the state of the server, in process.

use a2a_protocol_core::AgentInterface;
use serde_json::json;

use crate::support::*;

const CARD: &str = "/.well-known/agent-card.json";

#[tokio::test]
async fn the_card_is_at_both_paths_and_may_be_cached() {
    let server = server_with(Agent::fitting(), |options| options.public_url = Some("https://a.example".to_owned()));
    for path in [CARD, "/.well-known/agent.json"] {
        let answered = ask(&server, "GET", path, &[], "").await;
        assert_eq!(answered.status, 200);
        assert_eq!(answered.header("content-type"), Some("application/json"));
        assert_eq!(answered.header("cache-control"), Some("public, max-age=300"));
        assert!(answered.header("etag").unwrap().starts_with('"'));
        assert!(answered.header("last-modified").unwrap().ends_with("GMT"));
        let json = answered.json();
        assert_eq!(json, serde_json::to_value(&**server.card()).unwrap());
        assert_eq!(
            json["supportedInterfaces"],
            json!([
                {"url": "https://a.example/", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"},
                {"url": "https://a.example", "protocolBinding": "HTTP+JSON", "protocolVersion": "1.0"},
            ])
        );
        let head = ask(&server, "HEAD", path, &[], "").await;
        assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
        assert_eq!(head.headers["etag"], answered.headers["etag"]);
        assert_eq!(head.header("content-length"), Some(answered.body.len().to_string().as_str()));
        assert_eq!(ask(&server, "POST", path, &[], "").await.header("allow"), Some("GET, HEAD"));
    }
}

#[tokio::test]
async fn interfaces_that_the_card_names_stay() {
    let mut named = card();
    named.supported_interfaces = vec![AgentInterface::new("https://other.example/rpc", "JSONRPC", "1.0")];
    let server =
        server_of(Agent::fitting(), named.clone(), |options| options.public_url = Some("https://a.example".to_owned()));
    assert_eq!(**server.card(), named);
}

#[tokio::test]
async fn a_card_that_the_caller_has_is_not_sent_again() {
    let server = server(Agent::fitting());
    let full = ask(&server, "GET", CARD, &[], "").await;
    let (etag, date) = (full.header("etag").unwrap(), full.header("last-modified").unwrap());
    let weak = format!("W/{etag}");
    let list = format!("\"other\", {etag}");
    for (headers, status) in [
        (&[("if-none-match", etag)][..], 304),
        (&[("if-none-match", &weak)], 304),
        (&[("if-none-match", &list)], 304),
        (&[("if-none-match", "*")], 304),
        (&[("if-none-match", "\"other\"")], 200),
        (&[("if-modified-since", date)], 304),
        (&[("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT")], 200),
        (&[("if-modified-since", "yesterday")], 200),
        // The tag counts more than the date.
        (&[("if-none-match", "\"other\""), ("if-modified-since", date)], 200),
    ] {
        for verb in ["GET", "HEAD"] {
            let answered = ask(&server, verb, CARD, headers, "").await;
            assert_eq!(answered.status.as_u16(), status, "{headers:?}");
            assert_eq!(answered.header("etag"), Some(etag), "{headers:?}");
            assert_eq!(answered.body.is_empty(), status == 304 || verb == "HEAD", "{headers:?}");
        }
    }
}

#[tokio::test]
async fn another_card_has_another_tag() {
    let mut other = card();
    other.version = "2".to_owned();
    let one = ask(&server(Agent::fitting()), "GET", CARD, &[], "").await;
    let two = ask(&server_of(Agent::fitting(), other, |_| {}), "GET", CARD, &[], "").await;
    assert_ne!(one.header("etag"), two.header("etag"));
}

#[tokio::test]
async fn health_and_readiness_are_told_apart() {
    let server = server(Agent::fitting());
    let state = async |path| {
        let answered = ask(&server, "GET", path, &[], "").await;
        (answered.status.as_u16(), answered.json()["status"].as_str().unwrap().to_owned())
    };
    assert_eq!(state("/health").await, (200, "ok".to_owned()));
    assert_eq!(state("/ready").await, (200, "ok".to_owned()));
    server.lifecycle().drain();
    assert_eq!(state("/health").await, (200, "ok".to_owned()));
    assert_eq!(state("/ready").await, (503, "draining".to_owned()));
    // Who still calls is still answered.
    assert_eq!(ask(&server, "GET", "/tasks/t", &[], "").await.status, 200);
}

#[tokio::test]
async fn a_call_that_waits_is_let_go_when_the_server_closes() {
    let server = server(Agent::waiting(|_, _| Box::pin(std::future::pending())));
    let lifecycle = server.lifecycle().clone();
    let (answered, ()) = tokio::join!(ask(&server, "GET", "/tasks/t", &[], ""), async {
        tokio::task::yield_now().await;
        lifecycle.close();
    });
    assert_eq!(answered.status, 503);
    assert_eq!(answered.json()["error"]["details"][0]["reason"], "UNAVAILABLE");
}
