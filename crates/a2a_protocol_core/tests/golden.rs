//! What the official Python and JavaScript SDKs write is read, and written back the same but for
//! the differences that are named here. The files are in tests/golden/v1; tests/peers/golden.py
//! and golden.mjs make them, from the documents of tests/peers/golden.json and from whole exchanges
//! between the SDKs' own clients and servers.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use a2a_protocol_core::{
    AgentCard, Artifact, Call, Error, ErrorKind, ListTaskPushNotificationConfigsResponse, ListTasksResponse, Message,
    Method, Part, SecurityRequirement, SendMessageResponse, StreamResponse, Task, http_json, log, read_response,
};
use protocol_transport_core::{
    jsonrpc::{self, Incoming},
    sse::Decoder,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// A difference between what an SDK wrote and what we write after reading it.
struct Difference {
    why: &'static str,
    /// Files that have it.
    files: &'static str,
    /// Whether this is it, at a path such as `tasks[0].history`: what was read, what we write.
    is: fn(&str, Option<&Value>, Option<&Value>) -> bool,
}

const DIFFERENCES: &[Difference] = &[
    Difference {
        why: "integral doubles: Python prints 42.0, we print 42",
        files: ".py.",
        is: |_, theirs, ours| matches!((theirs, ours), (Some(Value::Number(a)), Some(Value::Number(b))) if a.is_f64() && a.as_f64() == b.as_f64()),
    },
    Difference {
        why: "whole seconds: the specification's pattern has milliseconds, ProtoJSON prints none",
        files: "task.whole_second.",
        is: |path, theirs, ours| {
            path == "status.timestamp"
                && theirs == Some(&Value::from("2026-01-02T03:04:05Z"))
                && ours == Some(&Value::from("2026-01-02T03:04:05.000Z"))
        },
    },
    Difference {
        why: "Python's ListTasks prints unset fields of what is within the tasks; we omit them",
        files: "list_tasks",
        is: |_, theirs, ours| ours.is_none() && theirs.is_some_and(is_unset),
    },
    Difference {
        why: "scopes are REQUIRED, so we print them when there are none; the SDKs' serialisers omit them",
        files: "agent_card.full.",
        is: |path, theirs, ours| {
            path.ends_with(".clientCredentials.scopes")
                && theirs.is_none()
                && ours.is_some_and(|ours| *ours == Value::Object(Default::default()))
        },
    },
    Difference {
        why: "the JavaScript SDK's card handler prints its internal form, unset fields included; its oneofs are kept as unknown schemes",
        files: "response.agent_card.js.",
        is: |_, theirs, ours| ours.is_none() && theirs.is_some_and(is_unset),
    },
];

fn is_unset(value: &Value) -> bool {
    value == "" || value.as_array().is_some_and(Vec::is_empty)
}

/// Golden files, and which of the differences have been seen in them.
struct Golden {
    unread: RefCell<BTreeSet<String>>,
    seen: RefCell<BTreeSet<&'static str>>,
}

fn tests(path: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests")).join(path)
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

impl Golden {
    fn new() -> Self {
        let names = fs::read_dir(tests("golden/v1")).unwrap().map(|entry| entry.unwrap().file_name().into_string());
        let names = names.map(Result::unwrap).filter(|name| !name.starts_with('.'));
        Self { unread: RefCell::new(names.collect()), seen: RefCell::default() }
    }

    fn text(&self, file: &str) -> String {
        assert!(self.unread.borrow_mut().remove(file), "{file} is read twice, or is not there");
        fs::read_to_string(tests("golden/v1").join(file)).unwrap()
    }

    /// Reads and writes what an agent sent.
    fn response<T: DeserializeOwned + Serialize>(&self, file: &str, json: &str) -> T {
        let value: T = read_response(json.as_bytes()).unwrap_or_else(|error| panic!("{file}: {error}"));
        self.compare(file, json, &value);
        value
    }

    /// Reads, checks and writes what a client sent.
    fn request(&self, file: &str, method: Method, json: &str) -> Call {
        let call = Call::from_json(method, json).unwrap_or_else(|error| panic!("{file}: {error}"));
        self.compare(file, json, &call);
        call
    }

    fn compare(&self, file: &str, theirs: &str, ours: &impl Serialize) {
        let theirs: Value = serde_json::from_str(theirs).unwrap();
        self.walk(file, "", Some(&theirs), Some(&serde_json::to_value(ours).unwrap()));
    }

    fn walk(&self, file: &str, path: &str, theirs: Option<&Value>, ours: Option<&Value>) {
        match (theirs, ours) {
            (Some(Value::Object(a)), Some(Value::Object(b))) => {
                for name in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    self.walk(file, &path, a.get(name), b.get(name));
                }
            }
            (Some(Value::Array(a)), Some(Value::Array(b))) => {
                for index in 0..a.len().max(b.len()) {
                    self.walk(file, &format!("{path}[{index}]"), a.get(index), b.get(index));
                }
            }
            (theirs, ours) if theirs == ours => {}
            (theirs, ours) => {
                let known =
                    DIFFERENCES.iter().find(|known| file.contains(known.files) && (known.is)(path, theirs, ours));
                let known = known.unwrap_or_else(|| panic!("{file}: {path}: read {theirs:?}, written {ours:?}"));
                self.seen.borrow_mut().insert(known.why);
            }
        }
    }

    /// Every document of golden.json, by its type.
    fn documents(&self) {
        for (name, document) in json(&tests("peers/golden.json")).as_object().unwrap() {
            for sdk in ["py", "js"] {
                let file = format!("{name}.{sdk}.json");
                if !self.unread.borrow().contains(&file) {
                    // JavaScript's ListTasks has no serialiser of its own; the responses below show it.
                    assert!(name.starts_with("list_tasks_response.") && sdk == "js", "{file} is missing");
                    continue;
                }
                let text = self.text(&file);
                match document[0].as_str().unwrap() {
                    "Part" => drop(self.response::<Part>(&file, &text)),
                    "Message" => drop(self.response::<Message>(&file, &text)),
                    "Artifact" => drop(self.response::<Artifact>(&file, &text)),
                    "Task" => drop(self.response::<Task>(&file, &text)),
                    "StreamResponse" => drop(self.response::<StreamResponse>(&file, &text)),
                    "SendMessageResponse" => drop(self.response::<SendMessageResponse>(&file, &text)),
                    "ListTasksResponse" => drop(self.response::<ListTasksResponse>(&file, &text)),
                    "ListTaskPushNotificationConfigsResponse" => {
                        drop(self.response::<ListTaskPushNotificationConfigsResponse>(&file, &text));
                    }
                    "SecurityRequirement" => drop(self.response::<SecurityRequirement>(&file, &text)),
                    "AgentCard" => drop(self.response::<AgentCard>(&file, &text)),
                    "TaskPushNotificationConfig" => {
                        self.request(&file, Method::CreateTaskPushNotificationConfig, &text).validate().unwrap();
                    }
                    request => {
                        let method = Method::from_name(request.strip_suffix("Request").unwrap()).unwrap();
                        self.request(&file, method, &text).validate().unwrap();
                    }
                }
            }
        }
    }

    /// The result of a method, as it comes alone.
    fn result(&self, file: &str, name: &str, json: &str) {
        match name {
            "send_message" | "send_message_direct" => drop(self.response::<SendMessageResponse>(file, json)),
            "get_task" | "cancel_task" => drop(self.response::<Task>(file, json)),
            "list_tasks" | "list_tasks_empty" => drop(self.response::<ListTasksResponse>(file, json)),
            "agent_card" => drop(self.response::<AgentCard>(file, json)),
            other => panic!("what does {other} answer?"),
        }
    }

    fn json_rpc_request(&self, file: &str, body: &str) {
        let Ok(Incoming::Single(Ok(request))) = jsonrpc::parse(body.as_bytes(), 1) else { panic!("{file}") };
        let method = Method::from_name(&request.method).unwrap();
        assert!(request.id.is_some());
        let call = self.request(file, method, request.params.unwrap().get());
        call.validate().unwrap();
        assert_eq!(Call::from_json_rpc(&request.method, request.params).unwrap().method(), Some(method));
    }

    /// The events of a stream make the task that they end with.
    fn stream(&self, file: &str, text: &str) {
        let mut decoder = Decoder::new(1 << 20);
        decoder.push(text.as_bytes());
        let mut events = Vec::new();
        while let Some(event) = decoder.next_event().unwrap() {
            let json = if file.contains(".jsonrpc.") {
                jsonrpc::parse_response(event.data.as_bytes()).unwrap().outcome.unwrap().get().to_owned()
            } else {
                event.data
            };
            events.push(self.response::<StreamResponse>(file, &json));
        }
        if let [StreamResponse::Message(message)] = &*events {
            assert_eq!(message.text(), "echo: hello");
            return;
        }
        let mut task = Task::default();
        for event in &events {
            log::absorb(&mut task, event).unwrap_or_else(|error| panic!("{file}: {error}"));
        }
        let name = file.split('.').nth(1).unwrap();
        let (state, artifact) = match name {
            "task" => ("TASK_STATE_COMPLETED", "echo: hello"),
            "chunks" => ("TASK_STATE_COMPLETED", "chunk 0 chunk 1 chunk 2 "),
            "input_required" => ("TASK_STATE_INPUT_REQUIRED", ""),
            "failed" => ("TASK_STATE_FAILED", ""),
            "subscribe" => ("TASK_STATE_CANCELED", ""),
            other => panic!("how does {other} end?"),
        };
        assert_eq!(task.status.state.to_string(), state, "{file}");
        assert_eq!(task.artifacts.iter().map(|artifact| artifact.text()).collect::<String>(), artifact, "{file}");
    }

    fn error(&self, file: &str, body: &str, status: u16) {
        let error = if file.contains(".jsonrpc.") {
            assert_eq!(status, 200);
            Error::from_json_rpc(jsonrpc::parse_response(body.as_bytes()).unwrap().outcome.unwrap_err())
        } else {
            Error::from_http(status, body.as_bytes())
        };
        assert_eq!(error.kind(), kind_of(file), "{file}");
        let sent: Value = serde_json::from_str(body).unwrap();
        let sent = &sent["error"];
        assert_eq!(error.message(), sent["message"].as_str().unwrap(), "{file}");
        // What we send on, as a proxy would, says the same.
        let on: Value = serde_json::from_slice(&error.to_http_body()).unwrap();
        let details = sent.get("data").or(sent.get("details")).cloned().unwrap_or_default();
        let field = |details: &Value| details.pointer("/1/fieldViolations/0/field").cloned();
        assert_eq!(field(&on["error"]["details"]), field(&details), "{file}");
        let metadata = details.pointer("/0/metadata").and_then(Value::as_object).map_or(0, serde_json::Map::len);
        assert_eq!(error.metadata().len(), metadata, "{file}");
    }
}

/// The kind of an error file: its name's, except where an SDK says something else.
fn kind_of(file: &str) -> ErrorKind {
    use ErrorKind::*;
    match file {
        "error.invalid_request.jsonrpc.js.json" | "error.parse_error.rest.js.json" => InvalidParams,
        "error.parse_error.rest.py.json" | "error.query_not_a_number.rest.py.json" => InvalidRequest,
        "error.wrong_type.jsonrpc.js.json" => TaskNotFound,
        _ => match file.split('.').nth(1).unwrap() {
            "content_type_not_supported" => ContentTypeNotSupported,
            "extended_agent_card_unsupported" | "unsupported_operation" | "unsupported_operation_stream" => {
                UnsupportedOperation
            }
            "invalid_params" | "message_missing" | "query_not_a_number" | "wrong_type" => InvalidParams,
            "invalid_request" => InvalidRequest,
            "method_not_found" => MethodNotFound,
            "parse_error" => ParseError,
            "push_notification_not_supported" => PushNotificationNotSupported,
            "task_not_cancelable" => TaskNotCancelable,
            "task_not_found" => TaskNotFound,
            "version_missing" | "version_not_supported" => VersionNotSupported,
            other => panic!("which kind is {other}?"),
        },
    }
}

/// The method of an HTTP+JSON exchange, by its name.
fn method_of(exchange: &str) -> Method {
    match exchange {
        "get_task" | "error.task_not_found" => Method::GetTask,
        "list_tasks" | "list_tasks_empty" | "error.invalid_params" | "error.query_not_a_number" => Method::ListTasks,
        "cancel_task" | "error.task_not_cancelable" => Method::CancelTask,
        "subscribe" => Method::SubscribeToTask,
        "error.push_notification_not_supported" => Method::CreateTaskPushNotificationConfig,
        "error.extended_agent_card_unsupported" => Method::GetExtendedAgentCard,
        "task" | "message" | "chunks" | "input_required" | "failed" | "error.unsupported_operation_stream" => {
            Method::SendStreamingMessage
        }
        _ => Method::SendMessage,
    }
}

#[test]
fn the_official_sdks_are_understood() {
    let golden = Golden::new();
    golden.documents();
    for sdk in ["py", "js"] {
        let exchanges: BTreeMap<String, Value> =
            serde_json::from_str(&golden.text(&format!("http.{sdk}.json"))).unwrap();
        for (exchange, record) in &exchanges {
            let Some(name) = exchange.strip_suffix(".rest") else { continue };
            let target = record["request"]["path"].as_str().unwrap().strip_prefix("/rest").unwrap();
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            let route = http_json::route(record["request"]["method"].as_str().unwrap(), path).unwrap();
            assert_eq!(route.method, method_of(name), "{exchange}");
            if !record["request"]["hasBody"].as_bool().unwrap() {
                let call = route.call(query, "").and_then(|call| call.validate());
                let refused = ["error.invalid_params", "error.query_not_a_number"].contains(&name);
                assert_eq!(call.is_err(), refused, "{exchange}");
            }
        }
        let files: Vec<String> =
            golden.unread.borrow().iter().filter(|file| file.contains(&format!(".{sdk}."))).cloned().collect();
        for file in &files {
            let text = golden.text(file);
            let parts: Vec<&str> = file.split('.').collect();
            match *parts {
                ["request", _, "jsonrpc", ..] => golden.json_rpc_request(file, &text),
                ["request", name, "rest", ..] => {
                    let method = method_of(match name {
                        "create_task_push_notification_config" => "error.push_notification_not_supported",
                        "send_streaming_message" => "task",
                        other => other,
                    });
                    golden.request(file, method, &text).validate().unwrap();
                }
                ["response", name, "jsonrpc", ..] => {
                    let response = jsonrpc::parse_response(text.as_bytes()).unwrap();
                    golden.result(file, name, response.outcome.unwrap().get());
                }
                ["response", name, ..] => golden.result(file, name, &text),
                ["stream", ..] => golden.stream(file, &text),
                ["error", name, binding, ..] => {
                    let status = &exchanges[&format!("error.{name}.{binding}")]["response"]["status"];
                    golden.error(file, &text, u16::try_from(status.as_u64().unwrap()).unwrap());
                }
                _ => panic!("what is {file}?"),
            }
        }
    }
    assert_eq!(*golden.unread.borrow(), BTreeSet::new(), "files that nothing reads");
    let named: BTreeSet<&str> = DIFFERENCES.iter().map(|difference| difference.why).collect();
    assert_eq!(*golden.seen.borrow(), named, "differences that are there no more");
}
