//! The handle on a remote task.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use a2a_http_client::{Client, RemoteTask, Sent, TransportError};
use a2a_protocol_core::{ErrorKind, TaskState};
use serde_json::{Value, json};
use support::{Answer, Ending, ManualClock, Server, drain, error, events, result, status, task};

fn quiet(server: &Server) -> (Client, ManualClock) {
    let clock = ManualClock::new();
    let mut card = server.card("JSONRPC");
    card["capabilities"] = json!({});
    (server.client_of(clock.builder(), card), clock)
}

fn methods(server: &Server) -> Vec<String> {
    server.requests().iter().map(|request| request.json()["method"].as_str().unwrap().to_owned()).collect()
}

async fn started(client: &Client) -> RemoteTask {
    match client.start("go").await.unwrap() {
        Sent::Task(task) => task,
        Sent::Message(message) => panic!("{message:?}"),
    }
}

fn wrapped(state: &str) -> Answer {
    result(json!({"task": task(state)}))
}

fn stream(items: &[Value]) -> Answer {
    events(Ending::Clean, items.iter().map(|item| (None, item.clone())).collect())
}

#[tokio::test]
async fn completion_is_watched_where_the_agent_streams() {
    let server =
        Server::start([stream(&[json!({"task": task("WORKING")}), status("COMPLETED")]), result(task("COMPLETED"))])
            .await;
    let done = server.client("JSONRPC").task("t").wait_for_completion(None).await.unwrap();
    assert_eq!(done.status.state, TaskState::Completed);
    assert_eq!(methods(&server), ["SubscribeToTask", "GetTask"]);
}

#[tokio::test]
async fn completion_is_asked_for_where_it_cannot_be_watched() {
    let server = Server::start([error(-32004, "UNSUPPORTED_OPERATION"), result(task("INPUT_REQUIRED"))]).await;
    let paused = server.client("JSONRPC").task("t").wait_for_completion(None).await.unwrap();
    assert_eq!(paused.status.state, TaskState::InputRequired);
}

#[tokio::test]
async fn asking_again_takes_growing_pauses() {
    let server = Server::start((0..12).map(|_| result(task("WORKING"))).chain([result(task("FAILED"))])).await;
    let (client, clock) = quiet(&server);
    let failed = client.task("t").wait_for_completion(None).await.unwrap();
    assert_eq!(failed.status.state, TaskState::Failed);
    assert_eq!(methods(&server), ["GetTask"; 13]);
    assert_eq!(clock.pauses(), [1, 1, 2, 3, 5, 5]);
}

#[tokio::test]
async fn a_task_that_came_back_ended_needs_no_question() {
    let server = Server::start([wrapped("COMPLETED")]).await;
    let done = started(&server.client("JSONRPC")).await.wait_for_completion(None).await.unwrap();
    assert_eq!(done.status.state, TaskState::Completed);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn the_wait_can_be_limited() {
    let server = Server::start([Answer::Hold(Vec::new())]).await;
    let (client, clock) = quiet(&server);
    let limit = Duration::from_secs(500);
    let task = client.task("t");
    let (outcome, ()) = tokio::join!(task.wait_for_completion(limit), clock.fire(limit));
    let error = outcome.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Unavailable, "task t has not ended within 500 s"));
    assert!(error.cause().unwrap().downcast_ref::<TransportError>().unwrap().is_timeout());
}

#[tokio::test]
async fn a_reply_continues_the_task() {
    let server = Server::start([wrapped("INPUT_REQUIRED"), wrapped("COMPLETED")]).await;
    let task = started(&server.client("JSONRPC")).await;
    let Sent::Task(answered) = task.reply("42").await.unwrap() else { panic!("no task") };
    assert_eq!(answered.task().unwrap().status.state, TaskState::Completed);
    let message = &server.requests()[1].json()["params"]["message"];
    assert_eq!((&message["taskId"], &message["contextId"]), (&json!("t"), &json!("c")));
}

#[tokio::test]
async fn watching_gives_the_events() {
    let server = Server::start([stream(&[json!({"task": task("WORKING")}), status("COMPLETED")])]).await;
    let watched = drain(server.client("JSONRPC").task("t").watch().await.unwrap()).await;
    assert_eq!(watched.0, ["task working", "completed"]);
}

#[tokio::test]
async fn watching_an_ended_task_gives_the_task() {
    let refusal = || error(-32004, "UNSUPPORTED_OPERATION");
    let server = Server::start([wrapped("WORKING"), refusal(), result(task("COMPLETED"))]).await;
    let started = started(&server.client("JSONRPC")).await;
    let (words, failure) = drain(started.watch().await.unwrap()).await;
    assert_eq!((words, failure.is_none()), (vec!["task completed".to_owned()], true));
    assert_eq!(methods(&server), ["SendMessage", "SubscribeToTask", "GetTask"]);

    let server = Server::start([result(task("FAILED"))]).await;
    assert_eq!(drain(quiet(&server).0.task("t").watch().await.unwrap()).await.0, ["task failed"]);

    let server = Server::start([refusal(), result(task("WORKING"))]).await;
    let failure = server.client("JSONRPC").task("t").watch().await.err().unwrap();
    assert_eq!(failure.kind(), ErrorKind::UnsupportedOperation);
}

#[tokio::test]
async fn a_wait_goes_on_while_the_task_does() {
    let server = Server::start([
        stream(&[json!({"task": task("INPUT_REQUIRED")})]),
        result(task("WORKING")),
        result(task("COMPLETED")),
    ])
    .await;
    let done = server.client("JSONRPC").task("t").wait_for_completion(None).await.unwrap();
    assert_eq!(done.status.state, TaskState::Completed);
    assert_eq!(methods(&server), ["SubscribeToTask", "GetTask", "GetTask"]);
}

#[tokio::test]
async fn dropping_the_guard_cancels_the_task() {
    let server = Server::start([wrapped("WORKING"), result(task("CANCELED"))]).await;
    let guard = started(&server.client("JSONRPC")).await.cancel_on_drop();
    drop(guard);
    server.wait_for_requests(2).await;
    assert_eq!(methods(&server), ["SendMessage", "CancelTask"]);
    assert_eq!(server.requests()[1].json()["params"], json!({"id": "t"}));
}

#[tokio::test]
async fn a_wait_that_is_dropped_with_its_guard_cancels_the_task() {
    let server = Server::start([wrapped("WORKING"), Answer::Hold(Vec::new()), result(task("CANCELED"))]).await;
    let guard = started(&server.client("JSONRPC")).await.cancel_on_drop();
    let handler = tokio::spawn(async move { guard.wait_for_completion(None).await });
    server.wait_for_requests(2).await;
    handler.abort();
    assert!(handler.await.unwrap_err().is_cancelled());
    server.wait_for_requests(3).await;
    assert_eq!(methods(&server), ["SendMessage", "SubscribeToTask", "CancelTask"]);
}

#[tokio::test]
async fn a_task_seen_ended_or_released_is_not_cancelled() {
    // Whoever sees the end, every handle on the task knows.
    let server = Server::start([
        wrapped("WORKING"),
        stream(&[json!({"task": task("WORKING")}), status("COMPLETED")]),
        wrapped("WORKING"),
        result(task("FAILED")),
        wrapped("WORKING"),
        wrapped("COMPLETED"),
        wrapped("WORKING"),
        wrapped("WORKING"),
    ])
    .await;
    let client = server.client("JSONRPC");
    let guard = started(&client).await.cancel_on_drop();
    drain(guard.watch().await.unwrap()).await;
    drop(guard);
    let guard = started(&client).await.cancel_on_drop();
    guard.get().await.unwrap();
    drop(guard);
    let guard = started(&client).await.cancel_on_drop();
    guard.reply("more").await.unwrap();
    drop(guard);
    drop(started(&client).await.cancel_on_drop().release());
    // Whatever was spawned before this request would have been sent before it.
    client.send("last").await.unwrap();
    assert!(!methods(&server).contains(&"CancelTask".to_owned()), "{:?}", methods(&server));
}
