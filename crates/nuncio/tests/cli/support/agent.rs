//! An agent that answers as a test says, over JSON-RPC and HTTP+JSON.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

/// What the agent was asked.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// `card`, or the method's name, whatever the binding.
    pub(crate) method: String,
    /// The request.
    pub(crate) params: Value,
    /// `JSONRPC`, `HTTP+JSON`, or empty for the card.
    pub(crate) binding: &'static str,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The text of the message's first part.
    pub(crate) fn text(&self) -> &str {
        self.params["message"]["parts"][0]["text"].as_str().unwrap_or_default()
    }
}

/// What the agent answers.
pub(crate) enum Answer {
    Result(Value),
    /// JSON-RPC code, HTTP status, reason and message.
    Error(i64, u16, &'static str, &'static str),
    /// Writes events for as long as it likes.
    Stream(Box<dyn FnOnce(&mut Events<'_>) + Send>),
    /// A plain HTTP reply.
    Http(u16, &'static str),
    /// Closes the connection without a word.
    HangUp,
}

pub(crate) const TASK_NOT_FOUND: Answer = Answer::Error(-32001, 404, "TASK_NOT_FOUND", "no such task");

/// A stream of these events that then ends.
pub(crate) fn stream(events: impl IntoIterator<Item = Value>) -> Answer {
    let events: Vec<Value> = events.into_iter().collect();
    Answer::Stream(Box::new(move |stream| events.into_iter().for_each(|event| stream.send(event))))
}

/// The events of one stream.
pub(crate) struct Events<'a> {
    socket: &'a mut TcpStream,
    id: Value,
    binding: &'static str,
}

impl Events<'_> {
    /// The caller may be gone, which is its right.
    pub(crate) fn send(&mut self, event: Value) {
        let event =
            if self.binding == "JSONRPC" { json!({"jsonrpc": "2.0", "id": self.id, "result": event}) } else { event };
        let _ = write!(self.socket, "data: {event}\n\n");
        let _ = self.socket.flush();
    }

    pub(crate) fn fail(&mut self, code: i64, message: &str) {
        let error = json!({"jsonrpc": "2.0", "id": self.id, "error": {"code": code, "message": message}});
        let _ = write!(self.socket, "data: {error}\n\n");
    }
}

type Behaviour = Arc<dyn Fn(&Call) -> Answer + Send + Sync>;

/// What is found where the card should be: a status and a body.
type AtCardsPlace = (u16, String);

/// An agent on a port of its own. Its thread ends with the process.
pub(crate) struct Agent {
    pub(crate) url: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Agent {
    /// Streams, and speaks both bindings, JSON-RPC first.
    pub(crate) fn start(behaviour: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> Self {
        Self::with_card(|_| {}, behaviour)
    }

    pub(crate) fn without_streaming(behaviour: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> Self {
        Self::with_card(|card| card["capabilities"]["streaming"] = json!(false), behaviour)
    }

    pub(crate) fn with_card(
        change: impl FnOnce(&mut Value),
        behaviour: impl Fn(&Call) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut card = card(&format!("http://{}", listener.local_addr().unwrap()));
        change(&mut card);
        Self::on(listener, (200, card.to_string()), behaviour)
    }

    /// Something that is no agent.
    pub(crate) fn without_card(status: u16, body: &str) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), (status, body.to_owned()), |_| Answer::HangUp)
    }

    fn on(
        listener: TcpListener,
        card: AtCardsPlace,
        behaviour: impl Fn(&Call) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (calls, behaviour): (Arc<Mutex<Vec<Call>>>, Behaviour) = (Arc::default(), Arc::new(behaviour));
        let recorded = calls.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let (card, calls, behaviour) = (card.clone(), recorded.clone(), behaviour.clone());
                std::thread::spawn(move || serve(socket, &card, &calls, &behaviour));
            }
        });
        Self { url, calls }
    }

    /// All calls so far, those for the card left out.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.all_calls().into_iter().filter(|call| call.method != "card").collect()
    }

    pub(crate) fn all_calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    pub(crate) fn methods(&self) -> Vec<String> {
        self.calls().into_iter().map(|call| call.method).collect()
    }
}

/// A valid card.
pub(crate) fn card(url: &str) -> Value {
    json!({
        "name": "Scripted", "description": "Answers as told", "version": "1.0.0",
        "supportedInterfaces": [
            {"url": format!("{url}/rpc"), "protocolBinding": "JSONRPC", "protocolVersion": "1.0"},
            {"url": format!("{url}/rest"), "protocolBinding": "HTTP+JSON", "protocolVersion": "1.0"},
        ],
        "capabilities": {"streaming": true},
        "defaultInputModes": ["text/plain"], "defaultOutputModes": ["text/plain"],
        "skills": [{"id": "s", "name": "S", "description": "Scripted", "tags": ["test"]}],
    })
}

/// A task `t` of context `c`.
pub(crate) fn task(state: &str) -> Value {
    json!({"id": "t", "contextId": "c", "status": {"state": format!("TASK_STATE_{state}")}})
}

pub(crate) fn completed(text: &str) -> Value {
    let mut task = task("COMPLETED");
    task["artifacts"] = json!([{"artifactId": "a", "name": "answer", "parts": [{"text": text}]}]);
    task
}

pub(crate) fn status(state: &str) -> Value {
    json!({"statusUpdate": {"taskId": "t", "contextId": "c", "status": {"state": format!("TASK_STATE_{state}")}}})
}

pub(crate) fn artifact(text: &str) -> Value {
    json!({"artifactUpdate": {"taskId": "t", "contextId": "c", "artifact": {"artifactId": "a", "name": "answer", "parts": [{"text": text}]}}})
}

pub(crate) fn message(text: &str) -> Value {
    json!({"message": {"messageId": "m", "contextId": "c", "role": "ROLE_AGENT", "parts": [{"text": text}]}})
}

/// Completes every send, by stream or by call, and has the task.
pub(crate) fn completes(call: &Call) -> Answer {
    match call.method.as_str() {
        "SendStreamingMessage" => {
            stream([json!({"task": task("SUBMITTED")}), status("WORKING"), artifact("done"), status("COMPLETED")])
        }
        "SendMessage" => Answer::Result(json!({"task": completed("done")})),
        _ => Answer::Result(completed("done")),
    }
}

fn serve(mut socket: TcpStream, card: &AtCardsPlace, calls: &Mutex<Vec<Call>>, behaviour: &Behaviour) {
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    let mut request_line = String::new();
    if reader.read_line(&mut request_line).unwrap_or(0) == 0 {
        return;
    }
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length =
        headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut words = request_line.split(' ');
    let (verb, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default().to_owned());
    let (method, params, binding) = route(verb, &target, &body);
    let call = Call { method, params, binding, target, headers };
    calls.lock().unwrap().push(call.clone());

    let id = body["id"].clone();
    let reply = |status: u16, extra: &str, body: &str| {
        format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n{extra}\r\n{body}", body.len())
    };
    let json_type = "Content-Type: application/json\r\n";
    if call.method == "card" {
        let (status, body) = card;
        let _ = socket.write_all(reply(*status, &format!("{json_type}Cache-Control: max-age=60\r\n"), body).as_bytes());
        return;
    }
    let text = match behaviour(&call) {
        Answer::Http(status, body) => reply(status, json_type, body),
        Answer::HangUp => return,
        Answer::Result(result) if binding == "JSONRPC" => {
            reply(200, json_type, &json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string())
        }
        Answer::Result(result) => reply(200, json_type, &result.to_string()),
        Answer::Error(code, status, reason, message) => {
            let info = json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "a2a-protocol.org"}]);
            if binding == "JSONRPC" {
                let error = json!({"code": code, "message": message, "data": info});
                reply(200, json_type, &json!({"jsonrpc": "2.0", "id": id, "error": error}).to_string())
            } else {
                let error = json!({"error": {"code": status, "status": "X", "message": message, "details": info}});
                reply(status, json_type, &error.to_string())
            }
        }
        Answer::Stream(write) => {
            let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/event-stream\r\n\r\n";
            socket.write_all(head.as_bytes()).unwrap();
            write(&mut Events { socket: &mut socket, id, binding });
            return;
        }
    };
    let _ = socket.write_all(text.as_bytes());
}

/// The call of a request, whatever the binding.
fn route(verb: &str, target: &str, body: &Value) -> (String, Value, &'static str) {
    if target.starts_with("/rpc") {
        return (body["method"].as_str().unwrap_or_default().to_owned(), body["params"].clone(), "JSONRPC");
    }
    let Some(path) = target.strip_prefix("/rest") else {
        return ("card".to_owned(), Value::Null, "");
    };
    let path = path.split('?').next().unwrap_or_default();
    let task = path.rsplit('/').next().unwrap_or_default();
    let (id, action) = task.split_once(':').unwrap_or((task, ""));
    let method = match (verb, path, action) {
        ("POST", _, "send") => "SendMessage",
        ("POST", _, "stream") => "SendStreamingMessage",
        ("POST", _, "cancel") => "CancelTask",
        (_, _, "subscribe") => "SubscribeToTask",
        ("GET", "/extendedAgentCard", _) => "GetExtendedAgentCard",
        ("GET", "/tasks", _) => "ListTasks",
        _ => "GetTask",
    };
    let params = if body.is_null() { json!({"id": id}) } else { body.clone() };
    (method.to_owned(), params, "HTTP+JSON")
}
