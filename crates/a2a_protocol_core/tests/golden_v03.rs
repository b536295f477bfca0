//! What the official Python and JavaScript SDKs of version 0.3 write is read, and written back the
//! same but for the differences that are named here. The files are in tests/golden/v0.3;
//! tests/peers/v03/golden.py and golden.mjs make them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use a2a_protocol_core::{
    AgentCard, Artifact, Call, Error, ErrorKind, InDialect, JsonDialect, ListTaskPushNotificationConfigsResponse,
    Message, Method, Part, SecurityScheme, SendMessageResponse, Spoken, StreamResponse, Task,
    TaskPushNotificationConfig, http_json, log, v03,
};
use protocol_transport_core::{
    jsonrpc::{self, Incoming},
    sse::Decoder,
};
use serde_json::{Value, json, value::to_raw_value};

/// A difference between what an SDK wrote and what we write after reading it.
struct Difference {
    why: &'static str,
    /// Whether this is it, at a path such as `status.timestamp`: what was read, what we write.
    is: fn(&str, Option<&Value>, Option<&Value>) -> bool,
}

const DIFFERENCES: &[Difference] = &[
    Difference {
        why: "integral doubles: Python prints 42.0, we print 42",
        is: |_, theirs, ours| matches!((theirs, ours), (Some(Value::Number(a)), Some(Value::Number(b))) if a.is_f64() && a.as_f64() == b.as_f64()),
    },
    Difference {
        why: "times are in UTC and end with Z",
        is: |path, theirs, ours| {
            let zulu = |text: &Value| Some(text.as_str()?.strip_suffix("+00:00")?.to_owned() + "Z");
            path.ends_with("timestamp") && theirs.and_then(zulu).as_deref() == ours.and_then(Value::as_str)
        },
    },
    Difference {
        why: "flags that are not set are not written",
        is: |path, theirs, ours| {
            ["append", "lastChunk"].iter().any(|flag| path.ends_with(flag))
                && theirs == Some(&json!(false))
                && ours.is_none()
        },
    },
    Difference {
        why: "a state that is not set is written too",
        is: |path, theirs, ours| {
            path.ends_with("status.state") && theirs.is_none() && ours == Some(&json!("TASK_STATE_UNSPECIFIED"))
        },
    },
    Difference {
        why: "whether a send blocks is always said",
        is: |path, theirs, ours| path == "configuration.blocking" && theirs.is_none() && ours.is_some(),
    },
    Difference { why: "a list of nothing is none", is: |_, theirs, ours| theirs == Some(&json!([])) && ours.is_none() },
];

struct Golden {
    unread: RefCell<BTreeSet<String>>,
    seen: RefCell<BTreeSet<&'static str>>,
}

fn tests(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests")).join(path)
}

fn dialect_of(file: &str) -> JsonDialect {
    if file.contains(".rest.") || file.contains(".proto.") { JsonDialect::V0_3Proto } else { JsonDialect::V0_3 }
}

impl Golden {
    fn text(&self, file: &str) -> String {
        assert!(self.unread.borrow_mut().remove(file), "{file} is read twice, or is not there");
        fs::read_to_string(tests("golden/v0.3").join(file)).unwrap()
    }

    /// Reads and writes what an agent sent.
    fn response<T: Spoken>(&self, file: &str, json: &str) -> T {
        let dialect = dialect_of(file);
        let value = T::read_in(dialect, json.as_bytes()).unwrap_or_else(|error| panic!("{file}: {error}"));
        self.compare(file, json, serde_json::to_value(InDialect(dialect, &value)).unwrap());
        value
    }

    fn compare(&self, file: &str, theirs: &str, ours: Value) {
        let theirs: Value = serde_json::from_str(theirs).unwrap();
        self.walk(file, "", Some(&theirs), Some(&ours));
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
                let known = DIFFERENCES.iter().find(|known| (known.is)(path, theirs, ours));
                let known = known.unwrap_or_else(|| panic!("{file}: {path}: read {theirs:?}, written {ours:?}"));
                self.seen.borrow_mut().insert(known.why);
            }
        }
    }

    fn json_rpc_call(&self, file: &str, method: &str, params: &str) -> Call {
        let params: Box<serde_json::value::RawValue> = serde_json::from_str(params).unwrap();
        let call =
            JsonDialect::V0_3.read_json_rpc(method, Some(&params)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(JsonDialect::V0_3.method_name(&call), method);
        let ours = serde_json::to_value(JsonDialect::V0_3.params(&call).unwrap()).unwrap();
        self.compare(file, params.get(), ours);
        call
    }

    /// Every document of golden.json, in both forms.
    fn documents(&self) {
        let documents: BTreeMap<String, (String, Value)> =
            serde_json::from_str(&fs::read_to_string(tests("peers/v03/golden.json")).unwrap()).unwrap();
        for (name, (kind, _)) in &documents {
            for form in ["", "proto."] {
                let file = format!("{name}.{form}py.json");
                let text = self.text(&file);
                match (kind.as_str(), form) {
                    ("Part", _) => {
                        drop(self.message_of(&file, &text, |part| json!([part]), |message| message.parts[0].clone()))
                    }
                    ("Message", _) => drop(self.response::<SendMessageResponse>(&file, &under(&text, form, "message"))),
                    ("Artifact", _) => drop(self.artifact(&file, &text)),
                    ("Task", _) => drop(self.response::<Task>(&file, &text)),
                    ("TaskStatusUpdateEvent" | "TaskArtifactUpdateEvent", _) => {
                        drop(self.response::<StreamResponse>(&file, &text))
                    }
                    ("TaskPushNotificationConfig", _) => {
                        drop(self.response::<TaskPushNotificationConfig>(&file, &text))
                    }
                    // What the SDK's types have at /v1/card is the JSON.
                    ("AgentCard", "") => drop(self.response::<AgentCard>(&file, &text)),
                    ("AgentCard", _) => self.card_of_the_proto(name, &text),
                    ("MessageSendParams", "") => drop(self.json_rpc_call(&file, "message/send", &text)),
                    ("MessageSendParams", _) => self.http_json_send(&file, &text),
                    (other, _) => panic!("what is {other}?"),
                }
            }
        }
    }

    fn message_of(&self, file: &str, text: &str, parts: fn(Value) -> Value, part: fn(&Message) -> Part) -> Part {
        let parts = parts(serde_json::from_str(text).unwrap());
        let json = if file.contains(".proto.") {
            json!({"message": {"messageId": "m", "role": "ROLE_USER", "content": parts}})
        } else {
            json!({"kind": "message", "messageId": "m", "role": "user", "parts": parts})
        };
        match self.response::<SendMessageResponse>(file, &json.to_string()) {
            SendMessageResponse::Message(message) => part(&message),
            SendMessageResponse::Task(task) => panic!("{task:?}"),
        }
    }

    fn artifact(&self, file: &str, text: &str) -> Artifact {
        let artifact: Value = serde_json::from_str(text).unwrap();
        let (state, kind) =
            if file.contains(".proto.") { ("TASK_STATE_WORKING", None) } else { ("working", Some("task")) };
        let mut task = json!({"id": "t", "contextId": "c", "status": {"state": state}, "artifacts": [artifact]});
        if let Some(kind) = kind {
            task["kind"] = kind.into();
        }
        let task: Task = self.response(file, &task.to_string());
        Artifact::clone(&task.artifacts[0])
    }

    fn card_of_the_proto(&self, name: &str, text: &str) {
        let read = AgentCard::read_in(JsonDialect::V0_3Proto, text.as_bytes()).unwrap();
        let json = fs::read(tests("golden/v0.3").join(format!("{name}.py.json"))).unwrap();
        let of_json = AgentCard::read_in(JsonDialect::V0_3, &json).unwrap();
        // The SDK's proto layer leaves out the icon, the security of skills and OAuth's metadata.
        let kinds = |card: &AgentCard| -> Vec<(String, std::mem::Discriminant<SecurityScheme>)> {
            card.security_schemes.iter().map(|(name, scheme)| (name.clone(), std::mem::discriminant(scheme))).collect()
        };
        assert_eq!(kinds(&read), kinds(&of_json));
        assert_eq!(read.supported_interfaces, of_json.supported_interfaces);
        assert_eq!(read.security_requirements, of_json.security_requirements);
        assert_eq!(read.signatures, of_json.signatures);
        assert_eq!(read.capabilities.extensions, of_json.capabilities.extensions);
        assert_eq!(read.skills.len(), of_json.skills.len());
    }

    fn http_json_send(&self, file: &str, text: &str) {
        let call = http_json::route_v03("POST", "/v1/message:send").unwrap().call("", text).unwrap();
        let ours = http_json::write_in(JsonDialect::V0_3Proto, &call).unwrap();
        self.compare(file, text, serde_json::from_slice(&ours.body.unwrap()).unwrap());
    }

    /// The result of a method, as it comes alone.
    fn result(&self, file: &str, name: &str, json: &str) {
        match name {
            "send_message" | "send_message_direct" => drop(self.response::<SendMessageResponse>(file, json)),
            "get_task" | "cancel_task" => drop(self.response::<Task>(file, json)),
            "set_push_config" | "get_push_config" => drop(self.response::<TaskPushNotificationConfig>(file, json)),
            "list_push_configs" => drop(self.response::<ListTaskPushNotificationConfigsResponse>(file, json)),
            "delete_push_config" => assert_eq!(json, "null"),
            "agent_card" => drop(self.response::<AgentCard>(file, json)),
            other => panic!("what does {other} answer?"),
        }
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
            Error::from_json_rpc(jsonrpc::parse_response(with_nulls(body).as_bytes()).unwrap().outcome.unwrap_err())
        } else {
            v03::from_http(status, body.as_bytes())
        };
        let kind = match file.split('.').nth(1).unwrap() {
            "invalid_params" | "set_push_config" => ErrorKind::InvalidParams,
            "invalid_request" => ErrorKind::InvalidRequest,
            "method_not_found" => ErrorKind::MethodNotFound,
            "parse_error" => ErrorKind::ParseError,
            "task_not_cancelable" => ErrorKind::TaskNotCancelable,
            "task_not_found" => ErrorKind::TaskNotFound,
            other => panic!("which kind is {other}?"),
        };
        assert_eq!(error.kind(), kind, "{file}");
        // What we send on, as a proxy would, says the same.
        let on = v03::from_http(error.kind().http_status(), &v03::http_body(&error));
        assert_eq!((on.kind(), on.message()), (kind, error.message()), "{file}");
    }
}

/// The Python SDK leaves out what is null: the id of an error, the result of a deletion.
fn with_nulls(body: &str) -> String {
    let mut body: serde_json::Map<String, Value> = serde_json::from_str(body).unwrap();
    body.entry("id").or_insert(Value::Null);
    if !body.contains_key("error") {
        body.entry("result").or_insert(Value::Null);
    }
    Value::Object(body).to_string()
}

fn under(text: &str, form: &str, name: &str) -> String {
    if form.is_empty() { text.to_owned() } else { format!("{{\"{name}\":{text}}}") }
}

fn method_of(exchange: &str) -> Method {
    match exchange {
        "get_task" | "error.task_not_found" => Method::GetTask,
        "cancel_task" | "error.task_not_cancelable" => Method::CancelTask,
        "subscribe" => Method::SubscribeToTask,
        "set_push_config" | "error.set_push_config" => Method::CreateTaskPushNotificationConfig,
        "get_push_config" => Method::GetTaskPushNotificationConfig,
        "agent_card" => Method::GetExtendedAgentCard,
        "task" | "message" | "chunks" | "input_required" | "failed" => Method::SendStreamingMessage,
        _ => Method::SendMessage,
    }
}

#[test]
fn the_official_sdks_of_0_3_are_understood() {
    let names = fs::read_dir(tests("golden/v0.3")).unwrap().map(|entry| entry.unwrap().file_name().into_string());
    let golden = Golden { unread: RefCell::new(names.map(Result::unwrap).collect()), seen: RefCell::default() };
    golden.documents();
    for sdk in ["py", "js"] {
        let exchanges: BTreeMap<String, Value> =
            serde_json::from_str(&golden.text(&format!("http.{sdk}.json"))).unwrap();
        for (exchange, record) in &exchanges {
            let Some(name) = exchange.strip_suffix(".rest") else { continue };
            let target = record["request"]["path"].as_str().unwrap().strip_prefix("/rest").unwrap();
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            assert!(http_json::is_v03_path(path));
            let route = http_json::route_v03(record["request"]["method"].as_str().unwrap(), path).unwrap();
            assert_eq!(route.method, method_of(name), "{exchange}");
            if !record["request"]["hasBody"].as_bool().unwrap() {
                route.call(query, "").unwrap();
            }
        }
        let files: Vec<String> =
            golden.unread.borrow().iter().filter(|file| file.contains(&format!(".{sdk}."))).cloned().collect();
        for file in &files {
            let text = golden.text(file);
            let parts: Vec<&str> = file.split('.').collect();
            match *parts {
                ["request", _, "jsonrpc", ..] => {
                    let Ok(Incoming::Single(Ok(request))) = jsonrpc::parse(text.as_bytes(), 1) else {
                        panic!("{file}")
                    };
                    let empty = to_raw_value(&json!({})).unwrap();
                    golden.json_rpc_call(file, &request.method, request.params.unwrap_or(&empty).get());
                }
                ["request", name, "rest", ..] => {
                    let exchange = match name {
                        "send_streaming_message" => "task",
                        "set_push_config" if sdk == "js" => "error.set_push_config",
                        other => other,
                    };
                    let record = &exchanges[&format!("{exchange}.rest")]["request"];
                    let path = record["path"].as_str().unwrap().strip_prefix("/rest").unwrap();
                    let route = http_json::route_v03(record["method"].as_str().unwrap(), path).unwrap();
                    // Ids in paths and bodies are numbered each by themselves.
                    let text = text.replace(
                        "tasks/00000000-0000-4000-8000-000000000002",
                        "tasks/00000000-0000-4000-8000-000000000001",
                    );
                    let call = route.call("", &text).unwrap_or_else(|error| panic!("{file}: {error}"));
                    let ours = http_json::write_in(JsonDialect::V0_3Proto, &call).unwrap();
                    if sdk == "py" || exchange != "error.set_push_config" {
                        golden.compare(file, &text, serde_json::from_slice(&ours.body.unwrap()).unwrap());
                    }
                }
                ["response", name, "jsonrpc", ..] => {
                    let text = with_nulls(&text);
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
