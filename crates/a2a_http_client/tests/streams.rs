//! Streams: how events are read, and how a stream that was cut goes on.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use a2a_app_ports::{AgentOperations, CallContext};
use a2a_http_client::{Client, TransportError};
use a2a_protocol_core::{
    Error, ErrorKind, Message, Part, Role, SendMessageRequest, SubscribeToTaskRequest, extensions::IDEMPOTENT_SEND,
};
use serde_json::{Value, json};
use support::{
    Answer, Ending, ManualClock, Server, TIMEOUTS, chunk, cut, drain, error, events, ok, reply, result, rpc_error, sse,
    status, task,
};

fn hello() -> SendMessageRequest {
    SendMessageRequest::new(Message::new("m1", Role::User, vec![Part::text("hello")]))
}

async fn stream(client: &Client) -> (Vec<String>, Option<Error>) {
    drain(client.send_streaming_message(CallContext::new(), hello()).await.unwrap()).await
}

fn first(state: &str) -> Value {
    json!({"task": task(state)})
}

fn message(text: &str) -> Value {
    json!({"message": {"messageId": "r", "role": "ROLE_AGENT", "parts": [{"text": text}]}})
}

fn numbered(items: &[(u64, Value)]) -> Vec<(Option<u64>, Value)> {
    items.iter().map(|(sequence, item)| (Some(*sequence), item.clone())).collect()
}

fn plain(items: &[Value]) -> Vec<(Option<u64>, Value)> {
    items.iter().map(|item| (None, item.clone())).collect()
}

fn methods(server: &Server) -> Vec<String> {
    server.requests().iter().map(|request| request.json()["method"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_stream_ends_with_its_task() {
    let server = Server::start([events(
        Ending::Clean,
        numbered(&[(1, first("SUBMITTED")), (2, status("WORKING")), (3, chunk("a")), (7, status("COMPLETED"))]),
    )])
    .await;
    let (words, error) = stream(&server.client("JSONRPC")).await;
    assert_eq!(words, ["1:task submitted", "2:working", "3:chunk a", "7:completed"]);
    assert!(error.is_none());
    let request = server.request();
    assert_eq!(request.header("accept"), Some("text/event-stream"));
    assert_eq!(request.json()["method"], "SendStreamingMessage");
}

#[tokio::test]
async fn http_json_events_have_no_envelope() {
    let body = format!(": hello\n\nid: 1\ndata: {}\n\ndata: {}\n\n", first("WORKING"), status("FAILED"));
    let server = Server::start([sse(Ending::Clean, &body)]).await;
    let (words, error) = stream(&server.client("HTTP+JSON")).await;
    assert_eq!(words, ["1:task working", "failed"]);
    assert!(error.is_none());
    assert_eq!(server.request().target, "/message:stream");
}

#[tokio::test]
async fn a_direct_message_and_an_interruption_are_ends() {
    for (last, word) in [
        (message("hi"), "message hi"),
        (first("INPUT_REQUIRED"), "task input_required"),
        (status("AUTH_REQUIRED"), "auth_required"),
    ] {
        for ending in [Ending::Clean, Ending::Broken] {
            let server = Server::start([events(ending, plain(std::slice::from_ref(&last)))]).await;
            let (words, error) = stream(&server.client("JSONRPC")).await;
            assert_eq!((words, error.is_none()), (vec![word.to_owned()], true), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_terminal_state_ends_a_stream_that_the_agent_leaves_open() {
    let server = Server::start([events(Ending::Held, plain(&[first("WORKING"), status("CANCELED")]))]).await;
    assert_eq!(stream(&server.client("JSONRPC")).await.0, ["task working", "canceled"]);
    server.wait_for_abort().await;
}

#[tokio::test]
async fn dropping_a_stream_aborts_its_request() {
    let server = Server::start([events(Ending::Held, plain(&[first("WORKING")]))]).await;
    let stream = server.client("JSONRPC").send_streaming_message(CallContext::new(), hello()).await.unwrap();
    drop(stream);
    server.wait_for_abort().await;
}

#[tokio::test]
async fn events_of_follow_ups_may_begin_with_a_status() {
    let server = Server::start([events(Ending::Clean, plain(&[status("WORKING"), status("COMPLETED")]))]).await;
    assert_eq!(stream(&server.client("JSONRPC")).await.0, ["working", "completed"]);
}

#[tokio::test]
async fn an_error_before_the_stream_is_the_calls() {
    for (binding, answer, kind) in [
        ("JSONRPC", error(-32004, "UNSUPPORTED_OPERATION"), ErrorKind::UnsupportedOperation),
        ("JSONRPC", reply(401, &[], ""), ErrorKind::Unauthenticated),
        ("HTTP+JSON", reply(404, &[], ""), ErrorKind::MethodNotFound),
        ("JSONRPC", reply(200, &[("content-type", "text/html")], "<p>"), ErrorKind::InvalidAgentResponse),
    ] {
        let server = Server::start([answer]).await;
        let opened = server.client(binding).send_streaming_message(CallContext::new(), hello()).await;
        assert_eq!(opened.err().map(|error| error.kind()), Some(kind), "{binding}");
    }
}

#[tokio::test]
async fn an_error_within_the_stream_is_its_end() {
    let body = |id: u64| {
        let failed = rpc_error(&json!(id), -32603, "INTERNAL_ERROR");
        format!("data: {}\n\ndata: {failed}\n\n", json!({"jsonrpc": "2.0", "id": id, "result": first("WORKING")}))
    };
    let status = r#"{"error":{"code":503,"message":"going down"}}"#;
    let named = format!("data: {}\n\nevent: error\ndata: {status}\n\n", first("WORKING"));
    for (binding, answer, message) in [
        ("JSONRPC", sse(Ending::Held, &body(1)), "as scripted"),
        ("HTTP+JSON", sse(Ending::Held, &named), "going down"),
        ("HTTP+JSON", sse(Ending::Held, "data: {\"task\":5}\n\n"), "an event of the stream: task"),
        ("HTTP+JSON", sse(Ending::Held, "data: \u{fffd}\n\n"), "not JSON"),
        ("JSONRPC", sse(Ending::Held, &body(2)), "a reply to request 1 has the id 2"),
    ] {
        let server = Server::start([answer]).await;
        let (_, error) = stream(&server.client(binding)).await;
        let error = error.expect(message);
        assert!(error.message().contains(message), "{message:?} in {error}");
        assert_eq!(server.requests().len(), 1, "not resumed");
    }
}

#[tokio::test]
async fn events_are_bounded() {
    let server = Server::start([sse(Ending::Held, &format!("data: {}", "x".repeat(17 << 20)))]).await;
    let (_, error) = stream(&server.client("HTTP+JSON")).await;
    assert_eq!(error.unwrap().message(), "an event exceeds the limit of 16777216 bytes");
}

#[tokio::test]
async fn a_single_result_is_a_stream_of_one_event() {
    let server = Server::start([result(message("hi"))]).await;
    assert_eq!(stream(&server.client("JSONRPC")).await.0, ["message hi"]);
    let server = Server::start([ok(&first("COMPLETED"))]).await;
    assert_eq!(stream(&server.client("HTTP+JSON")).await.0, ["task completed"]);
}

#[tokio::test]
async fn without_the_capability_nothing_is_asked() {
    let server = Server::start([]).await;
    let mut card = server.card("JSONRPC");
    card["capabilities"] = json!({});
    let client = server.client_of(ManualClock::new().builder(), card);
    let error = client.send_streaming_message(CallContext::new(), hello()).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::UnsupportedOperation);
    assert!(error.message().contains("\"Scripted\" does not declare capabilities.streaming"), "{error}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_cut_stream_goes_on_after_the_last_event_seen() {
    for ending in [Ending::Clean, Ending::Broken] {
        let server = Server::start([
            events(ending, numbered(&[(1, first("SUBMITTED")), (2, status("WORKING")), (3, chunk("a"))])),
            // The task as of the last event, an event twice, and what is new.
            events(
                Ending::Clean,
                numbered(&[(3, first("WORKING")), (3, chunk("a")), (4, chunk("b")), (5, status("COMPLETED"))]),
            ),
        ])
        .await;
        let (words, error) = stream(&server.client("JSONRPC")).await;
        assert_eq!(words, ["1:task submitted", "2:working", "3:chunk a", "4:chunk b", "5:completed"]);
        assert!(error.is_none());
        let resumed = &server.requests()[1];
        assert_eq!(resumed.json()["method"], "SubscribeToTask");
        assert_eq!(resumed.json()["params"], json!({"id": "t"}));
        assert_eq!(resumed.header("last-event-id"), Some("3"));
    }
}

#[tokio::test]
async fn without_ids_a_cut_stream_goes_on_from_the_task_as_it_is() {
    let server = Server::start([
        events(Ending::Broken, plain(&[first("SUBMITTED"), status("WORKING")])),
        events(Ending::Clean, plain(&[first("WORKING"), status("COMPLETED")])),
    ])
    .await;
    assert_eq!(stream(&server.client("JSONRPC")).await.0, ["task submitted", "working", "task working", "completed"]);
    assert_eq!(server.requests()[1].header("last-event-id"), None);
}

#[tokio::test]
async fn an_id_that_is_no_number_is_sent_back_as_it_came() {
    let body = format!("id: a-1\ndata: {}\n\ndata: {}\n\n", first("WORKING"), chunk("a"));
    let done = format!("id: a-2\ndata: {}\n\n", status("COMPLETED"));
    let server = Server::start([sse(Ending::Clean, &body), sse(Ending::Clean, &done)]).await;
    assert_eq!(stream(&server.client("HTTP+JSON")).await.0, ["task working", "chunk a", "completed"]);
    let resumed = &server.requests()[1];
    assert_eq!((resumed.method.as_str(), resumed.target.as_str()), ("POST", "/tasks/t:subscribe"));
    assert_eq!(resumed.header("last-event-id"), Some("a-1"));
}

#[tokio::test]
async fn a_resumed_stream_ends_where_the_first_one_would_have() {
    // Subscriptions stay open while a task waits for its caller.
    for state in ["INPUT_REQUIRED", "AUTH_REQUIRED"] {
        let server = Server::start([
            events(Ending::Clean, numbered(&[(1, first("WORKING"))])),
            events(Ending::Held, numbered(&[(1, first("WORKING")), (2, status(state))])),
        ])
        .await;
        let (words, error) = stream(&server.client("JSONRPC")).await;
        assert_eq!(words, ["1:task working".to_owned(), format!("2:{}", state.to_lowercase())]);
        assert!(error.is_none());
        server.wait_for_abort().await;
    }
}

#[tokio::test]
async fn a_follow_up_that_was_cut_before_its_answer_is_not_taken_for_answered() {
    let follow_up = |client: Client| async move {
        let mut request = hello();
        request.message.task_id = Some("t".into());
        drain(client.send_streaming_message(CallContext::new(), request).await.unwrap()).await
    };
    let asked = || events(Ending::Clean, numbered(&[(4, first("INPUT_REQUIRED"))]));
    let server = Server::start([
        asked(),
        result(task("WORKING")),
        events(Ending::Clean, numbered(&[(4, first("INPUT_REQUIRED")), (5, status("COMPLETED"))])),
    ])
    .await;
    assert_eq!(follow_up(server.client("JSONRPC")).await.0, ["4:task input_required", "5:completed"]);
    assert_eq!(methods(&server), ["SendStreamingMessage", "GetTask", "SubscribeToTask"]);

    let server = Server::start([asked(), result(task("INPUT_REQUIRED"))]).await;
    let (words, error) = follow_up(server.client("JSONRPC")).await;
    assert_eq!(words, ["4:task input_required", "task input_required"]);
    assert!(error.is_none());
}

#[tokio::test]
async fn a_stream_that_falls_silent_is_resumed() {
    let server = Server::start([
        events(Ending::Held, numbered(&[(1, first("WORKING"))])),
        events(Ending::Clean, numbered(&[(1, first("WORKING")), (2, status("COMPLETED"))])),
    ])
    .await;
    let clock = ManualClock::new();
    let client = server.client_of(clock.builder(), server.card("JSONRPC"));
    let (outcome, ()) = tokio::join!(stream(&client), clock.fire(TIMEOUTS.idle));
    assert_eq!(outcome.0, ["1:task working", "2:completed"]);
    assert_eq!(clock.pauses(), [1]);
}

#[tokio::test]
async fn a_task_that_ended_in_the_meantime_is_fetched() {
    let server = Server::start([
        events(Ending::Clean, plain(&[first("WORKING")])),
        error(-32004, "UNSUPPORTED_OPERATION"),
        result(task("COMPLETED")),
    ])
    .await;
    let (words, error) = stream(&server.client("JSONRPC")).await;
    assert_eq!(words, ["task working", "task completed"]);
    assert!(error.is_none());
    assert_eq!(methods(&server), ["SendStreamingMessage", "SubscribeToTask", "GetTask"]);
}

#[tokio::test]
async fn an_agent_that_cannot_resume_is_an_error() {
    let server = Server::start([
        events(Ending::Clean, plain(&[first("WORKING")])),
        error(-32004, "UNSUPPORTED_OPERATION"),
        result(task("WORKING")),
    ])
    .await;
    let (words, error) = stream(&server.client("JSONRPC")).await;
    assert_eq!(words, ["task working"]);
    assert_eq!(error.unwrap().kind(), ErrorKind::UnsupportedOperation);
}

#[tokio::test]
async fn resumption_is_tried_again_with_longer_pauses_and_then_given_up() {
    let script = std::iter::once(events(Ending::Clean, plain(&[first("WORKING")])));
    let server = Server::start(script.chain([cut(), reply(503, &[("retry-after", "9")], ""), cut()])).await;
    let clock = ManualClock::new();
    let client = server.client_of(clock.builder(), server.card("JSONRPC"));
    let (words, error) = stream(&client).await;
    assert_eq!(words, ["task working"]);
    let error = error.unwrap();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.message().ends_with("(after 3 tries to resume)"), "{error}");
    assert!(error.cause().unwrap().is::<TransportError>());
    assert_eq!(clock.pauses(), [1, 2, 9]);
}

#[tokio::test]
async fn only_what_is_new_counts_as_progress() {
    // Without ids, the task with which a resumption begins is nothing new.
    let snapshot = || events(Ending::Clean, plain(&[first("WORKING")]));
    let server = Server::start((0..4).map(|_| snapshot())).await;
    let (words, error) = stream(&server.client("JSONRPC")).await;
    assert_eq!(words, vec!["task working"; 4]);
    assert_eq!(
        error.unwrap().message(),
        "the stream ended without a terminal or interrupted state (after 3 tries to resume)"
    );

    // With ids, an event more each time is.
    let one_more = |n: u64| events(Ending::Clean, numbered(&[(n, first("WORKING")), (n + 1, chunk("a"))]));
    let last = events(Ending::Clean, numbered(&[(9, status("COMPLETED"))]));
    let server = Server::start((1..8).map(one_more).chain([last])).await;
    let clock = ManualClock::new();
    let client = server.client_of(clock.builder(), server.card("JSONRPC"));
    let (words, error) = stream(&client).await;
    assert_eq!((words.len(), error.is_none()), (9, true), "{words:?}");
    assert_eq!(clock.pauses(), [1; 7]);
}

#[tokio::test]
async fn what_the_agent_says_of_a_resumption_is_the_end() {
    let server =
        Server::start([events(Ending::Clean, plain(&[first("WORKING")])), error(-32001, "TASK_NOT_FOUND")]).await;
    assert_eq!(stream(&server.client("JSONRPC")).await.1.unwrap().kind(), ErrorKind::TaskNotFound);
}

#[tokio::test]
async fn a_stream_cut_before_its_first_event_is_an_error() {
    let server = Server::start([events(Ending::Clean, Vec::new())]).await;
    let (words, error) = stream(&server.client("JSONRPC")).await;
    assert!(words.is_empty());
    assert_eq!(error.unwrap().message(), "the stream ended without a terminal or interrupted state");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn an_agent_that_recognises_the_message_is_sent_it_again() {
    let server = Server::start([
        events(Ending::Clean, Vec::new()),
        events(Ending::Clean, plain(&[first("WORKING"), status("COMPLETED")])),
    ])
    .await;
    let mut card = server.card("JSONRPC");
    card["capabilities"]["extensions"] = json!([{"uri": IDEMPOTENT_SEND}]);
    let client = server.client_of(ManualClock::new().builder(), card);
    assert_eq!(stream(&client).await.0, ["task working", "completed"]);
    assert_eq!(methods(&server), ["SendStreamingMessage", "SendStreamingMessage"]);
    let ids = server.requests().into_iter().map(|request| request.json()["params"]["message"]["messageId"].clone());
    assert_eq!(ids.collect::<Vec<_>>(), ["m1", "m1"]);
}

#[tokio::test]
async fn a_subscription_says_after_which_event_and_is_resumed_from_there() {
    let server = Server::start([
        events(Ending::Clean, Vec::new()),
        events(Ending::Clean, numbered(&[(4, first("WORKING")), (5, chunk("a"))])),
        events(Ending::Clean, numbered(&[(5, first("WORKING")), (6, status("COMPLETED"))])),
    ])
    .await;
    let mut context = CallContext::new();
    context.last_event_id = Some(4);
    let client = server.client("JSONRPC");
    let stream = client.subscribe_to_task(context, SubscribeToTaskRequest::new("t")).await.unwrap();
    assert_eq!(drain(stream).await.0, ["4:task working", "5:chunk a", "6:completed"]);
    let ids: Vec<_> =
        server.requests().iter().map(|request| request.header("last-event-id").map(str::to_owned)).collect();
    assert_eq!(ids, ["4", "4", "5"].map(|id| Some(id.to_owned())));
}

#[tokio::test]
async fn a_subscription_that_is_cut_while_the_task_waits_is_resumed() {
    for state in ["INPUT_REQUIRED", "AUTH_REQUIRED"] {
        let server = Server::start([
            events(Ending::Broken, numbered(&[(1, first(state))])),
            events(Ending::Clean, numbered(&[(1, first(state)), (2, status("WORKING")), (3, status(state))])),
        ])
        .await;
        let client = server.client("JSONRPC");
        let stream = client.subscribe_to_task(CallContext::new(), SubscribeToTaskRequest::new("t")).await.unwrap();
        let (words, error) = drain(stream).await;
        let waits = state.to_lowercase();
        assert_eq!(words, [format!("1:task {waits}"), "2:working".to_owned(), format!("3:{waits}")]);
        assert!(error.is_none(), "a clean end at rest is the end");
        assert_eq!(methods(&server), ["SubscribeToTask", "SubscribeToTask"]);
    }
}

#[tokio::test]
async fn subscribing_to_an_ended_task_is_the_agents_error() {
    let server = Server::start([Answer::To(Box::new(|_| error(-32004, "UNSUPPORTED_OPERATION")))]).await;
    let client = server.client("JSONRPC");
    let error = client.subscribe_to_task(CallContext::new(), SubscribeToTaskRequest::new("t")).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::UnsupportedOperation);
    assert_eq!(methods(&server), ["SubscribeToTask"]);
}
