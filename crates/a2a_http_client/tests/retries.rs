//! Which calls are tried again, when, and how often.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use a2a_app_ports::{AgentOperations, CallContext};
use a2a_http_client::{Client, TransportError};
use a2a_protocol_core::{
    CancelTaskRequest, Error, ErrorKind, GetTaskRequest, Message, Part, Role, SendMessageRequest,
    extensions::IDEMPOTENT_SEND,
};
use serde_json::json;
use support::{Answer, ManualClock, Server, cut, error, reply, result, task};

async fn read(client: &Client) -> Result<(), Error> {
    client.get_task(CallContext::new(), GetTaskRequest::new("t")).await.map(drop)
}

async fn send(client: &Client) -> Result<(), Error> {
    let message = Message::new("m1", Role::User, vec![Part::text("hello")]);
    client.send_message(CallContext::new(), SendMessageRequest::new(message)).await.map(drop)
}

async fn cancel(client: &Client) -> Result<(), Error> {
    client.cancel_task(CallContext::new(), CancelTaskRequest::new("t")).await.map(drop)
}

/// A client with its own clock, of an agent with or without idempotent send.
fn client(server: &Server, idempotent: bool) -> (Client, ManualClock) {
    let clock = ManualClock::new();
    let mut card = server.card("JSONRPC");
    if idempotent {
        card["capabilities"]["extensions"] = json!([{"uri": IDEMPOTENT_SEND}]);
    }
    (server.client_of(clock.builder(), card), clock)
}

/// An address at which nobody listens.
async fn nowhere() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn a_read_is_tried_again_with_growing_pauses() {
    let failures: [fn() -> Answer; 6] = [
        || reply(429, &[], ""),
        || reply(502, &[], "<html>"),
        || reply(503, &[], ""),
        || reply(504, &[], ""),
        || cut(),
        || error(-32000, "UNAVAILABLE"),
    ];
    for failure in failures {
        let server = Server::start([failure(), failure(), result(task("WORKING"))]).await;
        let (client, clock) = client(&server, false);
        read(&client).await.unwrap();
        assert_eq!(clock.pauses(), [1, 2]);
    }
}

#[tokio::test]
async fn the_tries_are_bounded_and_the_last_failure_is_told() {
    let server = Server::start((0..4).map(|_| reply(503, &[], ""))).await;
    let (client, clock) = client(&server, false);
    assert_eq!(read(&client).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!((server.requests().len(), clock.pauses()), (4, vec![1, 2, 4]));
}

#[tokio::test]
async fn errors_that_do_not_pass_are_not_tried_again() {
    for failure in [reply(500, &[], ""), reply(404, &[], ""), error(-32603, "INTERNAL_ERROR")] {
        let server = Server::start([failure]).await;
        let (client, clock) = client(&server, true);
        read(&client).await.unwrap_err();
        assert_eq!((server.requests().len(), clock.pauses()), (1, vec![]));
    }
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let server = Server::start([reply(429, &[("retry-after", "42")], ""), result(task("WORKING"))]).await;
    let (client, clock) = client(&server, false);
    read(&client).await.unwrap();
    assert_eq!(clock.pauses(), [42]);
}

#[tokio::test]
async fn an_agent_that_wants_a_long_pause_is_not_asked_again() {
    let server = Server::start([reply(503, &[("retry-after", "3600")], "")]).await;
    let (client, clock) = client(&server, false);
    read(&client).await.unwrap_err();
    assert_eq!((server.requests().len(), clock.pauses()), (1, vec![]));
}

#[tokio::test]
async fn a_send_of_unknown_outcome_is_not_repeated() {
    for failure in [cut(), reply(503, &[], ""), reply(429, &[], "")] {
        let server = Server::start([failure]).await;
        let (client, clock) = client(&server, false);
        send(&client).await.unwrap_err();
        assert_eq!((server.requests().len(), clock.pauses()), (1, vec![]));
    }
}

#[tokio::test]
async fn a_send_that_the_agent_recognises_is_repeated() {
    let server = Server::start([cut(), reply(503, &[], ""), result(json!({"task": task("WORKING")}))]).await;
    let (client, clock) = client(&server, true);
    send(&client).await.unwrap();
    assert_eq!(clock.pauses(), [1, 2]);
    let requests = server.requests();
    assert!(requests.iter().all(|request| request.header("a2a-extensions") == Some(IDEMPOTENT_SEND)));
    assert!(requests.iter().all(|request| request.json()["params"]["message"]["messageId"] == "m1"));
}

#[tokio::test]
async fn idempotent_sends_can_be_declined() {
    let server = Server::start([cut()]).await;
    let mut card = server.card("JSONRPC");
    card["capabilities"]["extensions"] = json!([{"uri": IDEMPOTENT_SEND}]);
    let client = server.client_of(ManualClock::new().builder().idempotent_sends(false), card);
    send(&client).await.unwrap_err();
    assert_eq!(server.request().header("a2a-extensions"), None);
}

#[tokio::test]
async fn a_cancellation_that_was_sent_is_not_repeated() {
    for failure in [cut(), reply(503, &[], "")] {
        let server = Server::start([failure]).await;
        let (client, _) = client(&server, true);
        cancel(&client).await.unwrap_err();
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn whatever_never_reached_the_agent_is_tried_again() {
    let server = Server::start([]).await;
    let mut card = server.card("JSONRPC");
    card["supportedInterfaces"][0]["url"] = json!(nowhere().await);
    for call in 0..3 {
        let clock = ManualClock::new();
        let client = server.client_of(clock.builder(), card.clone());
        let error = match call {
            0 => read(&client).await,
            1 => send(&client).await,
            _ => cancel(&client).await,
        }
        .unwrap_err();
        let cause = error.cause().unwrap().downcast_ref::<TransportError>().unwrap();
        assert!(cause.is_connect() && !cause.is_timeout(), "{cause:?}");
        assert!(error.message().contains("refused"), "{error}");
        assert_eq!(clock.pauses(), [1, 2, 4]);
    }
}
