//! The public card and the state of the server, in process.

use a2a_http_server::V03Support;
use a2a_protocol_core::{AgentCard, AgentInterface, Error, ErrorKind};
use serde_json::json;

use crate::support::*;

const CARD: &str = "/.well-known/agent-card.json";

#[tokio::test]
async fn the_card_is_at_both_paths_and_may_be_cached() {
    let server = server_with(Agent::fitting(), |options| {
        options.public_url = Some("https://a.example".to_owned());
        options.v03 = V03Support::Refused;
    });
    for path in [CARD, "/.well-known/agent.json"] {
        let answered = ask(&server, "GET", path, &[], "").await;
        assert_eq!(answered.status, 200);
        assert_eq!(answered.header("content-type"), Some("application/json"));
        assert_eq!(answered.header("cache-control"), Some("public, max-age=300"));
        assert!(answered.header("etag").unwrap().starts_with('"'));
        assert!(answered.header("last-modified").unwrap().ends_with("GMT"));
        let json = answered.json();
        assert_eq!(json, serde_json::to_value(&*server.card().get()).unwrap());
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
    assert_eq!(*server.card().get(), named);
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

#[tokio::test]
async fn a_replaced_card_is_served_and_decides_from_then_on() {
    let server = server(Agent::fitting());
    let before = ask(&server, "GET", CARD, &[], "").await;
    let mut other = AgentCard::clone(&server.card().get());
    let error = server.card().replace(other.clone()).unwrap_err();
    assert!(!error.field_violations().is_empty(), "the card of these tests lacks a few things");
    assert_eq!(ask(&server, "GET", CARD, &[], "").await.header("etag"), before.header("etag"));

    other = serde_json::from_value(json!({
        "name": "Other", "description": "d", "version": "2",
        "supportedInterfaces": [{"url": "https://a.example", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}],
        "capabilities": {"extensions": [{"uri": "urn:needed", "required": true}]},
        "defaultInputModes": ["text/plain"], "defaultOutputModes": ["text/plain"],
        "skills": [{"id": "s", "name": "S", "description": "d", "tags": ["t"]}],
    }))
    .unwrap();
    server.card().replace(other).unwrap();
    let etag = before.header("etag").unwrap();
    let after = ask(&server, "GET", CARD, &[("if-none-match", etag)], "").await;
    assert_eq!(after.json()["name"], "Other");
    assert_ne!(after.header("etag"), before.header("etag"));
    let refused = ask(&server, "GET", "/tasks", &[], "").await;
    assert_eq!(refused.json()["error"]["details"][0]["reason"], "EXTENSION_SUPPORT_REQUIRED");
}

#[tokio::test]
async fn what_a_request_presents_is_passed_on_only_where_the_card_has_a_use_for_it() {
    let mut guarded = card();
    guarded.security_schemes =
        serde_json::from_value(json!({"key": {"apiKeySecurityScheme": {"location": "query", "name": "k"}}})).unwrap();
    let mut extended = card();
    extended.capabilities.extended_agent_card = Some(true);
    for (card, passed) in [(guarded, true), (extended, true), (card(), false)] {
        let agent = Agent::fitting();
        let server = server_of(agent.clone(), card, |_| {});
        ask(&server, "GET", "/tasks?k=s3cret", &[("authorization", "Bearer t0ken")], "").await;
        let (context, _) = agent.asked().remove(0);
        assert!(!format!("{context:?}").contains("t0ken"), "{context:?}");
        assert_eq!(context.presented.is_some(), passed);
        if let Some(presented) = &context.presented {
            assert_eq!(
                (&presented.headers["authorization"], &*presented.query),
                (&"Bearer t0ken".parse().unwrap(), "k=s3cret")
            );
        }
    }
}

#[tokio::test]
async fn a_challenge_is_a_header_over_both_bindings() {
    let agent = Agent::answering(|_, _| {
        let error = Error::new(ErrorKind::Unauthenticated, "no");
        Err(error.with_metadata("wwwAuthenticate", "Bearer realm=\"A\""))
    });
    let server = server(agent);
    let json = [("content-type", "application/json")];
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"ListTasks"}"#;
    for answered in [ask(&server, "GET", "/tasks", &[], "").await, ask(&server, "POST", "/", &json, call).await] {
        assert_eq!(answered.status, 401);
        assert_eq!(answered.header("www-authenticate"), Some("Bearer realm=\"A\""));
    }
}

#[tokio::test]
async fn public_keys_are_published_where_there_are_any() {
    let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "k"}]});
    let published = keys.to_string();
    let server = server_with(Agent::fitting(), |options| options.jwks = Some(published));
    let answered = ask(&server, "GET", "/.well-known/jwks.json", &[], "").await;
    assert_eq!((answered.status.as_u16(), answered.json()), (200, keys));
    assert_eq!(answered.header("cache-control"), Some("public, max-age=300"));
    let without = server_with(Agent::fitting(), |_| {});
    assert_eq!(ask(&without, "GET", "/.well-known/jwks.json", &[], "").await.status, 404);
}
