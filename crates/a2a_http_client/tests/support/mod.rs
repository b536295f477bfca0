//! A server that follows a script, and a host whose clock only the test moves.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test uses a part of these helpers")]

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use a2a_app_ports::{BoxFuture, Clock, EventStream, Host, Random, Spawner};
use a2a_http_client::{Backoff, Client, ClientBuilder, Timeouts};
use a2a_protocol_core::{AgentCard, Error, StreamEvent, Timestamp};
use futures::StreamExt;
use http::{HeaderMap, HeaderName};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, oneshot},
};

/// A request as the server got it.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What the server does with one request. Connections are closed afterwards.
pub enum Answer {
    /// Sends these bytes and ends the connection.
    Bytes(Vec<u8>),
    /// Sends these bytes and then nothing, until the client goes away.
    Hold(Vec<u8>),
    /// Sends what follows from the request.
    To(Box<dyn FnOnce(&Request) -> Answer + Send>),
}

/// A reply with these headers and body.
pub fn reply(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
    let body = body.as_ref();
    let mut bytes = head(status, headers);
    bytes.extend(format!("content-length: {}\r\n\r\n", body.len()).into_bytes());
    bytes.extend_from_slice(body);
    Answer::Bytes(bytes)
}

fn head(status: u16, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Status\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.into_bytes()
}

/// A JSON reply.
pub fn ok(body: &Value) -> Answer {
    reply(200, &[("content-type", "application/json")], body.to_string())
}

/// A JSON-RPC result with the id of the request.
pub fn result(result: Value) -> Answer {
    rpc(move |id| json!({"jsonrpc": "2.0", "id": id, "result": result}))
}

/// A JSON-RPC error with the id of the request.
pub fn error(code: i64, reason: &'static str) -> Answer {
    rpc(move |id| rpc_error(id, code, reason))
}

pub fn rpc_error(id: &Value, code: i64, reason: &str) -> Value {
    let info =
        json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "a2a-protocol.org"});
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": "as scripted", "data": [info]}})
}

pub fn rpc(body: impl FnOnce(&Value) -> Value + Send + 'static) -> Answer {
    Answer::To(Box::new(move |request| ok(&body(&request.json()["id"]))))
}

/// A connection that ends without an answer.
pub fn cut() -> Answer {
    Answer::Bytes(Vec::new())
}

/// How a stream of the server ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Clean,
    Broken,
    Held,
}

/// A stream of JSON-RPC results; an event may have an id.
pub fn events(ending: Ending, events: Vec<(Option<u64>, Value)>) -> Answer {
    Answer::To(Box::new(move |request| {
        let id = &request.json()["id"];
        let mut body = String::new();
        for (sequence, result) in events {
            if let Some(sequence) = sequence {
                body.push_str(&format!("id: {sequence}\n"));
            }
            body.push_str(&format!("data: {}\n\n", json!({"jsonrpc": "2.0", "id": id, "result": result})));
        }
        sse(ending, &body)
    }))
}

/// An event stream of this text.
pub fn sse(ending: Ending, body: &str) -> Answer {
    let mut bytes = head(200, &[("content-type", "text/event-stream"), ("transfer-encoding", "chunked")]);
    bytes.extend(b"\r\n");
    if !body.is_empty() {
        bytes.extend(format!("{:x}\r\n{body}\r\n", body.len()).into_bytes());
    }
    match ending {
        Ending::Clean => {
            bytes.extend(b"0\r\n\r\n");
            Answer::Bytes(bytes)
        }
        Ending::Broken => Answer::Bytes(bytes),
        Ending::Held => Answer::Hold(bytes),
    }
}

/// A server on a port of its own.
pub struct Server {
    pub url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    script: Arc<Mutex<VecDeque<Answer>>>,
    arrived: Arc<Notify>,
    aborted: Arc<Notify>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// A server that answers one request after another by the script.
    pub async fn start(script: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(script.into_iter().collect::<VecDeque<_>>()));
        let (requests, arrived, aborted) =
            (Arc::<Mutex<Vec<Request>>>::default(), Arc::<Notify>::default(), Arc::<Notify>::default());
        let all = (script.clone(), requests.clone(), arrived.clone(), aborted.clone());
        let task = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (script, requests, arrived, aborted) = all.clone();
                tokio::spawn(async move { serve(connection, &script, &requests, &arrived, &aborted).await });
            }
        });
        Self { url, requests, script, arrived, aborted, task }
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The only request.
    pub fn request(&self) -> Request {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests[0].clone()
    }

    /// Waits until this many requests have come.
    pub async fn wait_for_requests(&self, count: usize) {
        loop {
            let arrived = self.arrived.notified();
            if self.requests.lock().unwrap().len() >= count {
                return;
            }
            arrived.await;
        }
    }

    /// Waits until the client has gone away from an answer that was held.
    pub async fn wait_for_abort(&self) {
        self.aborted.notified().await;
    }

    pub fn push(&self, answer: Answer) {
        self.script.lock().unwrap().push_back(answer);
    }

    /// The card of an agent here, in one binding.
    pub fn card(&self, binding: &str) -> Value {
        json!({
            "name": "Scripted", "description": "", "version": "1", "skills": [],
            "supportedInterfaces": [{"url": self.url, "protocolBinding": binding, "protocolVersion": "1.0"}],
            "capabilities": {"streaming": true},
            "defaultInputModes": [], "defaultOutputModes": [],
        })
    }

    /// A client for that card.
    pub fn client(&self, binding: &str) -> Client {
        self.client_of(ManualClock::new().builder(), self.card(binding))
    }

    pub fn client_of(&self, builder: ClientBuilder, card: Value) -> Client {
        let card: AgentCard = serde_json::from_value(card).unwrap();
        builder.with_card(card, None).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut connection: TcpStream,
    script: &Mutex<VecDeque<Answer>>,
    requests: &Mutex<Vec<Request>>,
    arrived: &Notify,
    aborted: &Notify,
) {
    let Ok(request) = read_request(&mut connection).await else { return };
    requests.lock().unwrap().push(request.clone());
    arrived.notify_waiters();
    let next = script.lock().unwrap().pop_front();
    let mut answer = next.unwrap_or_else(|| reply(500, &[], "the script has ended"));
    while let Answer::To(answer_to) = answer {
        answer = answer_to(&request);
    }
    match answer {
        Answer::Bytes(bytes) => {
            let _ = connection.write_all(&bytes).await;
            let _ = connection.shutdown().await;
        }
        Answer::Hold(bytes) => {
            let _ = connection.write_all(&bytes).await;
            let _ = connection.read(&mut [0]).await;
            aborted.notify_one();
        }
        Answer::To(_) => unreachable!("resolved above"),
    }
}

async fn read_request(connection: &mut TcpStream) -> io::Result<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if connection.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().split(' ');
    let (method, target) = (first.next().unwrap().to_owned(), first.next().unwrap().to_owned());
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        headers.append(HeaderName::try_from(name).unwrap(), value.parse().unwrap());
    }
    let length = headers.get("content-length").map_or(0, |value| value.to_str().unwrap().parse().unwrap());
    while bytes.len() < end + length {
        if connection.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(Request { method, target, headers, body: String::from_utf8(bytes[end..].to_vec()).unwrap() })
}

/// The time limits of the tests; each has a duration of its own, by which it is fired.
pub const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(1000),
    first_byte: Duration::from_secs(2000),
    idle: Duration::from_secs(4000),
};
/// What waits for the head of a reply.
pub const FIRST_BYTE: Duration = Duration::from_secs(3000);

pub const BACKOFF: Backoff =
    Backoff { first: Duration::from_secs(1), factor: 2, max: Duration::from_secs(100), attempts: 3 };

/// A clock that passes over pauses and stands still at time limits, until the test fires them.
#[derive(Clone)]
pub struct ManualClock(Arc<Mutex<State>>, Arc<Notify>);

struct State {
    now: Timestamp,
    /// The pauses that were passed over.
    pauses: Vec<Duration>,
    waiting: Vec<(Duration, oneshot::Sender<()>)>,
    random: u128,
}

impl ManualClock {
    pub fn new() -> Self {
        let state = State { now: at(0), pauses: Vec::new(), waiting: Vec::new(), random: u128::MAX };
        Self(Arc::new(Mutex::new(state)), Arc::default())
    }

    /// A builder of clients that live by this clock.
    pub fn builder(&self) -> ClientBuilder {
        let host = Host { clock: Arc::new(self.clone()), spawner: Arc::new(OnTokio), random: Arc::new(self.clone()) };
        Client::builder().host(host).timeouts(TIMEOUTS).backoff(BACKOFF)
    }

    pub fn pauses(&self) -> Vec<u64> {
        self.0.lock().unwrap().pauses.iter().map(Duration::as_secs).collect()
    }

    pub fn advance(&self, seconds: u64) {
        let mut state = self.0.lock().unwrap();
        state.now = state.now.plus(Duration::from_secs(seconds));
    }

    /// Waits until somebody waits for this long, and lets that time pass.
    pub async fn fire(&self, duration: Duration) {
        loop {
            let changed = self.1.notified();
            {
                let mut state = self.0.lock().unwrap();
                state.waiting.retain(|(_, waiting)| !waiting.is_closed());
                if let Some(index) = state.waiting.iter().position(|(waited, _)| *waited == duration) {
                    state.now = state.now.plus(duration);
                    let _ = state.waiting.swap_remove(index).1.send(());
                    return;
                }
            }
            changed.await;
        }
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap().now
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let mut state = self.0.lock().unwrap();
        if duration <= BACKOFF.max {
            state.now = state.now.plus(duration);
            // The wait for the end of a stream is no pause.
            if duration >= BACKOFF.first {
                state.pauses.push(duration);
            }
            return Box::pin(tokio::task::yield_now());
        }
        let (fire, fired) = oneshot::channel();
        state.waiting.push((duration, fire));
        self.1.notify_waiters();
        Box::pin(async move {
            if fired.await.is_err() {
                std::future::pending().await
            }
        })
    }
}

impl Random for ManualClock {
    /// Different every time, but the lower half is always the longest jitter.
    fn random(&self) -> u128 {
        let mut state = self.0.lock().unwrap();
        state.random -= 1 << 64;
        state.random
    }
}

pub struct OnTokio;

impl Spawner for OnTokio {
    fn spawn(&self, future: BoxFuture<'static, ()>) {
        tokio::spawn(future);
    }
}

pub fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000).unwrap().plus(Duration::from_secs(seconds))
}

/// A task of id `t` in this state.
pub fn task(state: &str) -> Value {
    json!({"id": "t", "contextId": "c", "status": {"state": format!("TASK_STATE_{state}")}})
}

pub fn status(state: &str) -> Value {
    json!({"statusUpdate": {"taskId": "t", "contextId": "c", "status": {"state": format!("TASK_STATE_{state}")}}})
}

pub fn chunk(text: &str) -> Value {
    let artifact = json!({"artifactId": "a", "parts": [{"text": text}]});
    json!({"artifactUpdate": {"taskId": "t", "contextId": "c", "artifact": artifact, "append": true}})
}

/// What a stream gave, each event in a word, and the error at its end.
pub async fn drain(mut stream: EventStream) -> (Vec<String>, Option<Error>) {
    let mut words = Vec::new();
    while let Some(event) = stream.next().await {
        match event {
            Ok(event) => words.push(word(&event)),
            Err(error) => {
                assert!(stream.next().await.is_none(), "nothing comes after an error");
                return (words, Some(error));
            }
        }
    }
    (words, None)
}

pub fn word(event: &StreamEvent) -> String {
    use a2a_protocol_core::StreamResponse::{ArtifactUpdate, Message, StatusUpdate, Task};
    let sequence = event.sequence.map(|sequence| format!("{sequence}:")).unwrap_or_default();
    let state = |state: &a2a_protocol_core::TaskState| state.to_string().replace("TASK_STATE_", "").to_lowercase();
    let word = match &event.response {
        Task(task) => format!("task {}", state(&task.status.state)),
        Message(message) => format!("message {}", message.parts[0].as_text().unwrap()),
        StatusUpdate(update) => state(&update.status.state),
        ArtifactUpdate(update) => format!("chunk {}", update.artifact.parts[0].as_text().unwrap()),
    };
    sequence + &word
}
