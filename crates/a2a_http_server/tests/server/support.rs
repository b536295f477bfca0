//! An agent that answers as told, and ways to ask it.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use a2a_app_ports::{AgentService, BoxFuture, CallContext, EventStream, Reply};
use a2a_http_server::{
    Body, HttpServer, Lifecycle, ServerOptions,
    native::{self, ConnectionOptions},
};
use a2a_protocol_core::{
    AgentCard, Call, Error, ErrorKind, ListTaskPushNotificationConfigsResponse, ListTasksResponse, Message, Part, Role,
    SendMessageResponse, StreamEvent, StreamResponse, Task, TaskPushNotificationConfig, TaskState, TaskStatus,
};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower_service::Service;

type Answer = dyn Fn(CallContext, Call) -> BoxFuture<'static, Result<Reply, Error>> + Send + Sync;

/// Answers as told, and remembers what it was asked.
pub(crate) struct Agent {
    answer: Box<Answer>,
    asked: Mutex<Vec<(CallContext, Call)>>,
}

impl Agent {
    /// Answers every call well.
    pub(crate) fn fitting() -> Arc<Self> {
        Self::answering(|_, call| Ok(fitting_reply(&call)))
    }

    pub(crate) fn answering(
        answer: impl Fn(CallContext, Call) -> Result<Reply, Error> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Self::waiting(move |context, call| {
            let reply = answer(context, call);
            Box::pin(async { reply })
        })
    }

    pub(crate) fn failing(kind: ErrorKind) -> Arc<Self> {
        Self::answering(move |_, _| Err(Error::new(kind, "no")))
    }

    pub(crate) fn streaming(stream: impl Fn() -> EventStream + Send + Sync + 'static) -> Arc<Self> {
        Self::answering(move |_, _| Ok(Reply::Stream(stream())))
    }

    pub(crate) fn waiting(
        answer: impl Fn(CallContext, Call) -> BoxFuture<'static, Result<Reply, Error>> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { answer: Box::new(answer), asked: Mutex::default() })
    }

    pub(crate) fn asked(&self) -> Vec<(CallContext, Call)> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    /// The names of the methods that were called.
    pub(crate) fn methods(&self) -> Vec<String> {
        self.asked().into_iter().map(|(_, call)| call.name().into_owned()).collect()
    }
}

impl AgentService for Agent {
    fn handle(&self, context: CallContext, call: Call) -> BoxFuture<'_, Result<Reply, Error>> {
        self.asked.lock().unwrap().push((context.clone(), call.clone()));
        (self.answer)(context, call)
    }
}

pub(crate) fn task() -> Task {
    Task::new("t1", "c1", TaskStatus::new(TaskState::Completed))
}

pub(crate) fn message(text: &str) -> Arc<Message> {
    Arc::new(Message::new("m1", Role::Agent, vec![Part::text(text)]))
}

/// A reply of the right kind.
pub(crate) fn fitting_reply(call: &Call) -> Reply {
    let config = || {
        let mut config = TaskPushNotificationConfig::default();
        config.url = "https://hook.example".to_owned();
        config
    };
    match call {
        Call::SendMessage(request) => Reply::Sent(SendMessageResponse::Message(message(&request.message.text()))),
        Call::SendStreamingMessage(_) | Call::SubscribeToTask(_) => Reply::Stream(events(["one"])),
        Call::GetTask(_) | Call::CancelTask(_) => Reply::Task(Arc::new(task())),
        Call::ListTasks(_) => Reply::Tasks(ListTasksResponse::default()),
        Call::CreateTaskPushNotificationConfig(_) | Call::GetTaskPushNotificationConfig(_) => {
            Reply::PushConfig(config())
        }
        Call::ListTaskPushNotificationConfigs(_) => {
            Reply::PushConfigs(ListTaskPushNotificationConfigsResponse::default())
        }
        Call::DeleteTaskPushNotificationConfig(_) => Reply::Deleted,
        Call::GetExtendedAgentCard(_) => Reply::Card(Arc::new(card())),
        Call::Custom(call) => Reply::Custom(serde_json::value::to_raw_value(&call.method).unwrap()),
        other => panic!("unexpected {other:?}"),
    }
}

pub(crate) fn event(sequence: u64, text: &str) -> Arc<StreamEvent> {
    Arc::new(StreamEvent::new(Some(sequence), StreamResponse::Message(message(text))))
}

/// A stream of messages, numbered from 1, that ends.
pub(crate) fn events<const N: usize>(texts: [&str; N]) -> EventStream {
    let events: Vec<_> = texts.iter().zip(1..).map(|(text, sequence)| Ok(event(sequence, text))).collect();
    stream::iter(events).boxed()
}

/// A stream that tells when it is dropped.
pub(crate) struct Watched<S> {
    pub(crate) stream: S,
    pub(crate) dropped: Option<tokio::sync::oneshot::Sender<()>>,
}

impl<S: Stream + Unpin> Stream for Watched<S> {
    type Item = S::Item;
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        self.stream.poll_next_unpin(cx)
    }
}

impl<S> Drop for Watched<S> {
    fn drop(&mut self) {
        if let Some(dropped) = self.dropped.take() {
            let _ = dropped.send(());
        }
    }
}

pub(crate) fn card() -> AgentCard {
    let mut card = AgentCard::default();
    card.name = "Fake".to_owned();
    card.version = "1".to_owned();
    card
}

/// A server with the default options. Needs a runtime.
pub(crate) fn server(agent: Arc<Agent>) -> HttpServer {
    server_with(agent, |_| {})
}

pub(crate) fn server_with(agent: Arc<Agent>, change: impl FnOnce(&mut ServerOptions)) -> HttpServer {
    server_of(agent, card(), change)
}

pub(crate) fn server_of(agent: Arc<Agent>, card: AgentCard, change: impl FnOnce(&mut ServerOptions)) -> HttpServer {
    let mut options = ServerOptions::default();
    change(&mut options);
    HttpServer::new(agent, card, &a2a_http_server::host(), options).unwrap()
}

/// A reply that has been read.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answered {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The code of a JSON-RPC error.
    pub(crate) fn code(&self) -> i64 {
        let json = self.json();
        assert!(json.get("result").is_none(), "{json}");
        json["error"]["code"].as_i64().unwrap_or_else(|| panic!("{json}"))
    }
}

pub(crate) fn request(verb: &str, uri: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(verb).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(body.into())).unwrap()
}

pub(crate) async fn read(response: Response<Body>) -> Answered {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answered { status: parts.status, headers: parts.headers, body }
}

pub(crate) async fn ask(
    server: &HttpServer,
    verb: &str,
    uri: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Answered {
    read(server.respond(request(verb, uri, headers, body)).await).await
}

pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");

/// POSTs a JSON-RPC body.
pub(crate) async fn post(server: &HttpServer, body: impl Into<Bytes>) -> Answered {
    ask(server, "POST", "/", &[JSON], body).await
}

/// A JSON-RPC request with the id 1.
pub(crate) fn rpc(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#)
}

pub(crate) const SEND: &str = r#"{"message":{"messageId":"m","role":"ROLE_USER","parts":[{"text":"hi"}]}}"#;

/// A server on a socket.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: tokio::sync::oneshot::Sender<()>,
    served: tokio::task::JoinHandle<()>,
}

impl Running {
    pub(crate) async fn start(server: HttpServer, change: impl FnOnce(&mut ConnectionOptions)) -> Self {
        let lifecycle = server.lifecycle().clone();
        Self::start_app(server, lifecycle, change).await
    }

    pub(crate) async fn start_app<S, B>(
        app: S,
        lifecycle: Lifecycle,
        change: impl FnOnce(&mut ConnectionOptions),
    ) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
        S::Future: Send,
        B: http_body::Body<Data = Bytes> + Unpin + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut options = ConnectionOptions::default();
        change(&mut options);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let served = tokio::spawn(async move {
            let shutdown = async {
                let _ = stopped.await;
            };
            native::serve_app(listener, app, &lifecycle, &options, shutdown).await;
        });
        Self { address, stop, served }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client { socket: TcpStream::connect(self.address).await.unwrap(), buffer: Vec::new() }
    }

    /// Tells the server to go down; gives what resolves once it has.
    pub(crate) fn stop(self) -> tokio::task::JoinHandle<()> {
        self.stop.send(()).unwrap();
        self.served
    }
}

/// One HTTP/1 connection, by hand.
pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).await.unwrap();
    }

    pub(crate) async fn post(&mut self, path: &str, body: &str) {
        let length = body.len();
        self.send(format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
        .await;
    }

    pub(crate) async fn get(&mut self, path: &str) {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
    }

    /// Reads up to and including this text.
    pub(crate) async fn read_until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = find(&self.buffer, end.as_bytes()) {
                let rest = self.buffer.split_off(at + end.len());
                return String::from_utf8(std::mem::replace(&mut self.buffer, rest)).unwrap();
            }
            let read = self.socket.read_buf(&mut self.buffer).await.unwrap();
            assert_ne!(read, 0, "closed before {end:?}: {:?}", String::from_utf8_lossy(&self.buffer));
        }
    }

    /// Reads a head, and the body if it says how long it is.
    pub(crate) async fn reply(&mut self) -> (u16, String) {
        let head = self.read_until("\r\n\r\n").await;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head
            .to_ascii_lowercase()
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ").map(|length| length.parse::<usize>().unwrap()));
        let length = length.unwrap_or(0);
        while self.buffer.len() < length {
            assert_ne!(self.socket.read_buf(&mut self.buffer).await.unwrap(), 0, "closed within a body");
        }
        let rest = self.buffer.split_off(length);
        (status, String::from_utf8(std::mem::replace(&mut self.buffer, rest)).unwrap())
    }

    /// Reads what comes until the server closes.
    pub(crate) async fn rest(&mut self) -> String {
        self.socket.read_to_end(&mut self.buffer).await.unwrap();
        String::from_utf8(std::mem::take(&mut self.buffer)).unwrap()
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
