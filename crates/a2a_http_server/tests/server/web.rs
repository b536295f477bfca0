//! CORS and compression, in process.

use std::io::Read;

use a2a_http_server::Cors;

use crate::support::*;

const PREFLIGHT: [(&str, &str); 3] = [
    ("origin", "https://app.example"),
    ("access-control-request-method", "POST"),
    ("access-control-request-headers", "content-type,a2a-version,x-api-key"),
];

#[tokio::test]
async fn without_configuration_no_other_origin_may_call() {
    let server = server(Agent::fitting());
    let answered = ask(&server, "OPTIONS", "/", &PREFLIGHT, "").await;
    assert_eq!(answered.status, 405);
    let answered = ask(&server, "GET", "/health", &[PREFLIGHT[0]], "").await;
    assert!(!answered.headers.keys().any(|name| name.as_str().starts_with("access-control")));
}

#[tokio::test]
async fn listed_origins_may_call() {
    let server = server_with(Agent::fitting(), |options| {
        options.cors = Some(Cors::origins(["https://app.example", "http://localhost:5173"]).unwrap());
    });
    let answered = ask(&server, "OPTIONS", "/message:send", &PREFLIGHT, "").await;
    assert_eq!(answered.status, 204);
    assert_eq!(answered.header("access-control-allow-origin"), Some("https://app.example"));
    assert_eq!(answered.header("access-control-allow-headers"), Some("content-type,a2a-version,x-api-key"));
    assert!(answered.header("access-control-allow-methods").unwrap().contains("POST"));

    let answered = ask(&server, "GET", "/tasks/t", &[PREFLIGHT[0]], "").await;
    assert_eq!(answered.header("access-control-allow-origin"), Some("https://app.example"));
    assert!(answered.header("access-control-expose-headers").unwrap().contains("A2A-Extensions"));
    assert_eq!(answered.header("vary"), Some("Origin"));

    let stranger = [("origin", "https://evil.example"), PREFLIGHT[1]];
    for verb in ["OPTIONS", "GET"] {
        let answered = ask(&server, verb, "/health", &stranger, "").await;
        assert_eq!(answered.header("access-control-allow-origin"), None, "{verb}");
        assert!(answered.header("vary").unwrap().starts_with("Origin"), "{verb}");
    }
}

#[tokio::test]
async fn any_origin_is_a_star() {
    let server = server_with(Agent::fitting(), |options| options.cors = Some(Cors::any()));
    let answered = ask(&server, "GET", "/health", &[PREFLIGHT[0]], "").await;
    assert_eq!(answered.header("access-control-allow-origin"), Some("*"));
}

#[test]
fn what_is_no_origin_is_refused() {
    for origin in ["*", "app.example", "https://app.example/", "https://", "https://a, https://b"] {
        assert!(Cors::origins([origin]).unwrap_err().to_string().contains(origin), "{origin}");
    }
}

#[tokio::test]
async fn large_replies_are_compressed_for_those_who_accept_it() {
    let server = server(Agent::fitting());
    let send = |size: usize| SEND.replace("hi", &"x".repeat(size));
    let gzip = ("accept-encoding", "gzip, deflate");
    let plain = ask(&server, "POST", "/message:send", &[JSON], send(20_000)).await;
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), (None, Some("Accept-Encoding")));

    let answered = ask(&server, "POST", "/message:send", &[JSON, gzip], send(20_000)).await;
    assert_eq!(answered.header("content-encoding"), Some("gzip"));
    assert_eq!(answered.header("vary"), Some("Accept-Encoding"));
    assert!(answered.body.len() < 2_000);
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&answered.body[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body);

    let small = ask(&server, "POST", "/message:send", &[JSON, gzip], send(10)).await;
    assert_eq!(small.header("content-encoding"), None);
}

#[tokio::test]
async fn streams_are_never_compressed() {
    let server = server(Agent::streaming(|| {
        use futures::StreamExt;
        futures::stream::iter([Ok(event(1, &"x".repeat(20_000)))]).boxed()
    }));
    let headers = [JSON, ("accept-encoding", "gzip")];
    let answered = ask(&server, "POST", "/message:stream", &headers, SEND).await;
    assert_eq!(answered.header("content-encoding"), None);
    assert!(answered.text().starts_with("id: 1\n"));
}
