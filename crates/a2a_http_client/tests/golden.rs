//! What the official SDKs' servers answered once is understood.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{collections::BTreeMap, fs, path::PathBuf};

use a2a_app_ports::{AgentOperations, AgentService, CallContext, Reply};
use a2a_protocol_core::{
    Call, CancelTaskRequest, ErrorKind, GetTaskRequest, ListTasksRequest, Message, Part, Role, SendMessageRequest,
    SubscribeToTaskRequest,
};
use serde_json::Value;
use support::{Answer, Server, drain, reply};

const PEERS: [&str; 2] = ["py", "js"];
const BINDINGS: [(&str, &str); 2] = [("jsonrpc", "JSONRPC"), ("rest", "HTTP+JSON")];

fn golden(name: &str) -> Option<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/v1").join(name);
    fs::read_to_string(path).ok()
}

/// The status and media type with which each of a peer's answers came.
fn heads(peer: &str) -> BTreeMap<String, (u16, String)> {
    let exchanges: BTreeMap<String, Value> =
        serde_json::from_str(&golden(&format!("http.{peer}.json")).unwrap()).unwrap();
    let head = |exchange: &Value| {
        let response = &exchange["response"];
        (response["status"].as_u64().unwrap() as u16, response["content-type"].as_str().unwrap().to_owned())
    };
    exchanges.iter().map(|(name, exchange)| (name.clone(), head(exchange))).collect()
}

/// The recorded text, its ids being those of the request at hand.
fn with_id(text: &str, id: &Value) -> String {
    let line = |line: &str| {
        let (field, json) = line.split_once("data: ").map_or(("", line), |(_, json)| ("data: ", json));
        match serde_json::from_str::<Value>(json) {
            Ok(mut envelope) if envelope.get("jsonrpc").is_some() => {
                if !envelope["id"].is_null() {
                    envelope["id"] = id.clone();
                }
                format!("{field}{envelope}\n")
            }
            _ => format!("{line}\n"),
        }
    };
    text.lines().map(line).collect()
}

fn recorded(text: String, head: &(u16, String)) -> Answer {
    let (status, media_type) = head.clone();
    Answer::To(Box::new(move |request| {
        let envelope: Value = serde_json::from_str(&request.body).unwrap_or_default();
        reply(status, &[("content-type", &media_type)], with_id(&text, &envelope["id"]))
    }))
}

fn hello() -> SendMessageRequest {
    SendMessageRequest::new(Message::new("m1", Role::User, vec![Part::text("hello")]))
}

#[tokio::test]
async fn streams() {
    let task = ["task submitted", "working", "chunk echo: hello", "completed"];
    let chunks = ["task submitted", "working", "chunk chunk 0 ", "chunk chunk 1 ", "chunk chunk 2 ", "completed"];
    for (peer, (suffix, binding)) in PEERS.into_iter().flat_map(|peer| BINDINGS.map(|binding| (peer, binding))) {
        let heads = heads(peer);
        for (name, words) in [
            ("task", &task[..]),
            ("chunks", &chunks),
            ("message", &["message echo: hello"]),
            ("failed", &["task submitted", "failed"]),
            ("input_required", &["task submitted", "input_required"]),
            ("subscribe", &["task working", "canceled"]),
        ] {
            let text = golden(&format!("stream.{name}.{suffix}.{peer}.sse")).unwrap();
            let server = Server::start([recorded(text, &heads[&format!("{name}.{suffix}")])]).await;
            let client = server.client(binding);
            let stream = match name {
                "subscribe" => client.subscribe_to_task(CallContext::new(), SubscribeToTaskRequest::new("t")).await,
                _ => client.send_streaming_message(CallContext::new(), hello()).await,
            };
            let (seen, error) = drain(stream.unwrap()).await;
            assert_eq!(seen, words, "{name} {suffix} {peer}");
            assert!(error.is_none(), "{name} {suffix} {peer}: {error:?}");
        }
    }
}

#[tokio::test]
async fn replies() {
    let get = || Call::GetTask(GetTaskRequest::new("t"));
    for (peer, (suffix, binding)) in PEERS.into_iter().flat_map(|peer| BINDINGS.map(|binding| (peer, binding))) {
        let heads = heads(peer);
        for (name, call) in [
            ("send_message", Call::SendMessage(hello())),
            ("send_message_direct", Call::SendMessage(hello())),
            ("get_task", get()),
            ("cancel_task", Call::CancelTask(CancelTaskRequest::new("t"))),
            ("list_tasks", Call::ListTasks(ListTasksRequest::default())),
            ("list_tasks_empty", Call::ListTasks(ListTasksRequest::default())),
        ] {
            let text = golden(&format!("response.{name}.{suffix}.{peer}.json")).unwrap();
            let mut said: Value = serde_json::from_str(&text).unwrap();
            if suffix == "jsonrpc" {
                said = said["result"].take();
            }
            let server = Server::start([recorded(text, &heads[&format!("{name}.{suffix}")])]).await;
            let context = format!("{name} {suffix} {peer}");
            let understood = match server.client(binding).handle(CallContext::new(), call).await.expect(&context) {
                Reply::Sent(sent) => serde_json::to_value(sent),
                Reply::Task(task) => serde_json::to_value(task),
                Reply::Tasks(tasks) => serde_json::to_value(tasks),
                other => panic!("{context}: {other:?}"),
            };
            assert_eq!(plain(understood.unwrap()), plain(said), "{context}");
        }
    }
}

/// Without what is empty, and with times as they compare: there the spellings differ.
fn plain(value: Value) -> Value {
    let is_empty = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(true) => false,
    };
    match value {
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, value)| (name, plain(value)));
            Value::Object(members.filter(|(_, value)| !is_empty(value)).collect())
        }
        Value::Array(items) => items.into_iter().map(plain).collect(),
        other => other,
    }
}

#[tokio::test]
async fn errors() {
    use ErrorKind::{
        ContentTypeNotSupported, InvalidParams, InvalidRequest, MethodNotFound, ParseError,
        PushNotificationNotSupported, TaskNotCancelable, TaskNotFound, UnsupportedOperation, VersionNotSupported,
    };
    let mut read = 0;
    for (peer, (suffix, binding)) in PEERS.into_iter().flat_map(|peer| BINDINGS.map(|binding| (peer, binding))) {
        for (name, head) in heads(peer) {
            let Some(error) = name.strip_prefix("error.").and_then(|name| name.strip_suffix(&format!(".{suffix}")))
            else {
                continue;
            };
            // One server took text/plain for JSON.
            let Some(text) = golden(&format!("error.{error}.{suffix}.{peer}.json")) else {
                continue;
            };
            let kind = match (error, suffix, peer) {
                ("invalid_request", "jsonrpc", "js") => InvalidParams,
                ("parse_error", "rest", "js") => InvalidParams,
                ("wrong_type", _, "js") => TaskNotFound,
                ("parse_error" | "query_not_a_number", "rest", "py") => InvalidRequest,
                ("task_not_found", ..) => TaskNotFound,
                ("task_not_cancelable", ..) => TaskNotCancelable,
                ("push_notification_not_supported", ..) => PushNotificationNotSupported,
                ("unsupported_operation" | "unsupported_operation_stream" | "extended_agent_card_unsupported", ..) => {
                    UnsupportedOperation
                }
                ("content_type_not_supported", ..) => ContentTypeNotSupported,
                ("version_missing" | "version_not_supported", ..) => VersionNotSupported,
                ("parse_error", ..) => ParseError,
                ("invalid_request", ..) => InvalidRequest,
                ("method_not_found", ..) => MethodNotFound,
                _ => InvalidParams,
            };
            let server = Server::start([recorded(text, &head)]).await;
            let context = format!("{error} {suffix} {peer}");
            let client = server.client(binding);
            let answered = if error == "unsupported_operation_stream" {
                client.send_streaming_message(CallContext::new(), hello()).await.err().expect(&context)
            } else {
                client.get_task(CallContext::new(), GetTaskRequest::new("t")).await.expect_err(&context)
            };
            assert_eq!(answered.kind(), kind, "{context}: {answered}");
            assert!(!answered.message().is_empty(), "{context}");
            read += 1;
        }
    }
    assert!(read > 40, "{read} errors were read");
}
