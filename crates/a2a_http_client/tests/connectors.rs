//! Bindings that the client does not have itself.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use a2a_app_ports::{
    AgentOperations, AgentService, AnsweredCode, BoxFuture, CallContext, ConnectOptions, Connector, Reply,
};
use a2a_http_client::{Body, Client, ClientBuilder, HttpTransport, TransportError};
use a2a_protocol_core::{
    AgentCard, AgentInterface, Call, CustomCall, Error, ErrorKind, GetTaskRequest, Message, SendMessageRequest,
    SendMessageResponse, StreamEvent, StreamResponse, Task, TaskState, TaskStatus, TaskStatusUpdateEvent,
};
use bytes::Bytes;
use futures::{StreamExt, stream};
use serde_json::json;
use support::ManualClock;

type Answers = VecDeque<Result<Reply, Error>>;

/// A connector of the binding `X`, whose agent answers as told, once each.
#[derive(Clone, Default)]
struct Scripted(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    answers: Answers,
    asked: Vec<(CallContext, Call)>,
    connected: Vec<(AgentInterface, ConnectOptions)>,
}

impl Scripted {
    fn of(answers: impl IntoIterator<Item = Result<Reply, Error>>) -> Self {
        let this = Self::default();
        this.0.lock().unwrap().answers.extend(answers);
        this
    }

    fn asked(&self) -> Vec<(CallContext, Call)> {
        std::mem::take(&mut self.0.lock().unwrap().asked)
    }

    /// The names of the calls.
    fn calls(&self) -> Vec<String> {
        self.asked().into_iter().map(|(_, call)| call.name().into_owned()).collect()
    }
}

impl Connector for Scripted {
    fn binding(&self) -> &'static str {
        "X"
    }

    fn connect(&self, interface: &AgentInterface, options: &ConnectOptions) -> Result<Arc<dyn AgentService>, Error> {
        if interface.url.is_empty() {
            return Err(Error::new(ErrorKind::InvalidParams, "it is empty"));
        }
        self.0.lock().unwrap().connected.push((interface.clone(), options.clone()));
        Ok(Arc::new(self.clone()))
    }
}

impl AgentService for Scripted {
    fn handle(&self, context: CallContext, call: Call) -> BoxFuture<'_, Result<Reply, Error>> {
        let mut script = self.0.lock().unwrap();
        script.asked.push((context, call));
        let answer = script.answers.pop_front().expect("no more calls");
        Box::pin(async { answer })
    }
}

fn card(url: &str) -> AgentCard {
    let card = json!({"name": "A", "capabilities": {"streaming": true}, "supportedInterfaces": [
        {"url": "https://h/", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"},
        {"url": url, "protocolBinding": "X", "protocolVersion": "1.0"},
    ]});
    serde_json::from_value(card).unwrap()
}

fn client_of(builder: ClientBuilder, connector: &Scripted) -> Client {
    builder.prefer(["X"]).connector(connector.clone()).with_card(card("h:1"), None).unwrap()
}

fn task(state: TaskState) -> Arc<Task> {
    Arc::new(Task::new("t", "c", TaskStatus::new(state)))
}

fn unreached(error: TransportError) -> Error {
    Error::new(ErrorKind::Unavailable, error.to_string()).caused_by(error)
}

async fn get(client: &Client) -> Result<Arc<Task>, Error> {
    client.get_task(CallContext::new(), GetTaskRequest::new("t")).await
}

#[tokio::test]
async fn an_interface_without_a_scheme_is_the_connectors_to_understand() {
    let connector = Scripted::of([Ok(Reply::Task(task(TaskState::Working)))]);
    let client = client_of(Client::builder().danger_accept_invalid_certs(true), &connector);
    assert_eq!(client.interface().url, "h:1");
    get(&client).await.unwrap();
    let script = connector.0.lock().unwrap();
    assert!(script.connected[0].1.danger_accept_invalid_certs);
    let unusable = Client::builder().prefer(["X"]).connector(connector.clone());
    drop(script);
    let error = unusable.with_card(card(""), None).unwrap_err();
    assert!(error.is_card_invalid() && error.to_string().contains("it is empty"), "{error}");
}

/// Any agent's card, which may be kept; one agent has moved to an address with TLS.
struct Web;

impl HttpTransport for Web {
    fn send(&self, request: http::Request<Bytes>) -> BoxFuture<'static, Result<http::Response<Body>, TransportError>> {
        let mut reply = http::Response::builder().header("cache-control", "max-age=60");
        if request.uri().scheme_str() == Some("http") && request.uri().host() == Some("moved.example") {
            reply = reply.status(301).header("location", format!("https://moved.example{}", request.uri().path()));
        }
        let card = Bytes::from(serde_json::to_vec(&card("h:1")).unwrap());
        Box::pin(async move { Ok(reply.body(stream::iter([Ok(card)]).boxed()).unwrap()) })
    }
}

#[tokio::test]
async fn a_connector_is_told_whether_the_card_came_over_tls() {
    let connector = Scripted::default();
    let builder = Client::builder().prefer(["X"]).connector(connector.clone()).transport(Arc::new(Web));
    let builder = builder.card_cache(Arc::default());
    let told = || connector.0.lock().unwrap().connected.pop().unwrap().1.tls;
    for (reference, tls) in [
        ("http://agent.example", false),
        ("https://agent.example", true),
        // The second time it could be kept.
        ("http://moved.example", true),
        ("http://moved.example", true),
    ] {
        builder.clone().connect(reference).await.unwrap();
        assert_eq!(told(), Some(tls), "{reference}");
        let document = builder.document(reference).await.unwrap();
        builder.clone().with_document(&document).unwrap();
        assert_eq!(told(), Some(tls), "{reference}");
    }
    for (base, tls) in [(None, None), (Some("http://agent.example"), Some(false)), (Some("https://h"), Some(true))] {
        builder.clone().with_card(card("h:1"), base).unwrap();
        assert_eq!(told(), tls);
    }
}

#[tokio::test]
async fn what_is_sent_with_every_call_is_in_the_context() {
    let connector = Scripted::of([Ok(Reply::Task(task(TaskState::Working)))]);
    let builder = Client::builder().bearer("secret").service_param("x-trace", "ours").extension("urn:a");
    let client = client_of(builder, &connector);
    let mut context = CallContext::new();
    context.headers.insert("x-trace", "theirs".parse().unwrap());
    context.headers.insert("x-more", "more".parse().unwrap());
    context.extensions.push("urn:b".to_owned());
    client.get_task(context, GetTaskRequest::new("t")).await.unwrap();
    let (heard, _) = connector.asked().remove(0);
    assert_eq!(heard.extensions, ["urn:a", "urn:b"]);
    assert_eq!(heard.headers["authorization"], "Bearer secret");
    assert_eq!(
        (&heard.headers["x-trace"], &heard.headers["x-more"]),
        (&"ours".parse().unwrap(), &"more".parse().unwrap())
    );
    assert_eq!(heard.headers.len(), 3);
}

#[tokio::test]
async fn a_key_for_a_query_cannot_be_sent() {
    let mut card = card("h:1");
    let scheme = json!({"apiKeySecurityScheme": {"location": "query", "name": "key"}});
    card.security_schemes.insert("key".to_owned(), serde_json::from_value(scheme).unwrap());
    let builder = Client::builder().prefer(["X"]).connector(Scripted::default()).api_key("k");
    let error = builder.with_card(card, None).unwrap_err();
    assert!(error.to_string().contains("query"), "{error}");
}

#[tokio::test]
async fn only_what_is_safe_is_tried_again() {
    let lost = || Err(unreached(TransportError::broken("x")));
    let connector = Scripted::of([lost(), lost(), Ok(Reply::Task(task(TaskState::Working)))]);
    let clock = ManualClock::new();
    let client = client_of(clock.builder(), &connector);
    get(&client).await.unwrap();
    assert_eq!(connector.calls().len(), 3);
    assert_eq!(clock.pauses().len(), 2);

    let connector =
        Scripted::of([Err(unreached(TransportError::connect("x"))), Err(unreached(TransportError::broken("x")))]);
    let client = client_of(clock.builder(), &connector);
    let error = client.send("hello").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(!error.cause().unwrap().downcast_ref::<TransportError>().unwrap().is_connect());
    assert_eq!(connector.calls().len(), 2, "nobody saw the first one, and the second one may be at work");

    let code = AnsweredCode(ErrorKind::TaskNotFound.json_rpc_code());
    let connector = Scripted::of([Err(Error::task_not_found("t").caused_by(code))]);
    let error = get(&client_of(clock.builder(), &connector)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TaskNotFound);
    assert_eq!(error.cause().unwrap().downcast_ref(), Some(&code));
}

fn events(responses: Vec<Result<StreamResponse, Error>>) -> Result<Reply, Error> {
    let events = responses.into_iter().map(|one| one.map(|response| Arc::new(StreamEvent::new(None, response))));
    Ok(Reply::Stream(stream::iter(events.collect::<Vec<_>>()).boxed()))
}

fn now(state: TaskState) -> StreamResponse {
    StreamResponse::Task(task(state))
}

fn update(state: TaskState) -> StreamResponse {
    StreamResponse::StatusUpdate(TaskStatusUpdateEvent::new("t", "c", TaskStatus::new(state)))
}

async fn states(client: &Client) -> Vec<TaskState> {
    let request = SendMessageRequest::new(Message::user("m", "hello"));
    let stream = client.send_streaming_message(CallContext::new(), request).await.unwrap();
    stream.map(|event| event.unwrap().response.status().unwrap().state.clone()).collect().await
}

#[tokio::test]
async fn a_stream_that_was_cut_is_resumed_by_subscribing() {
    let clock = ManualClock::new();
    for cut in [None, Some(Err(unreached(TransportError::broken("going down"))))] {
        let mut first = vec![Ok(now(TaskState::Submitted)), Ok(update(TaskState::Working))];
        first.extend(cut);
        let connector = Scripted::of([
            events(first),
            Err(unreached(TransportError::connect("x"))),
            events(vec![Ok(now(TaskState::Working)), Ok(update(TaskState::Completed))]),
        ]);
        let client = client_of(clock.builder(), &connector);
        let seen = states(&client).await;
        let expected = [TaskState::Submitted, TaskState::Working, TaskState::Working, TaskState::Completed];
        assert_eq!(seen, expected);
        assert_eq!(connector.calls(), ["SendStreamingMessage", "SubscribeToTask", "SubscribeToTask"]);
    }
}

#[tokio::test]
async fn a_task_that_ended_during_the_cut_is_read() {
    let connector = Scripted::of([
        events(vec![Ok(now(TaskState::Working))]),
        Err(Error::new(ErrorKind::UnsupportedOperation, "it has ended")),
        Ok(Reply::Task(task(TaskState::Completed))),
    ]);
    let client = client_of(ManualClock::new().builder(), &connector);
    assert_eq!(states(&client).await, [TaskState::Working, TaskState::Completed]);
    assert_eq!(connector.calls(), ["SendStreamingMessage", "SubscribeToTask", "GetTask"]);
}

#[tokio::test]
async fn a_remote_task_is_one_over_a_connector_too() {
    let connector = Scripted::of([
        Ok(Reply::Sent(SendMessageResponse::Task(task(TaskState::Working)))),
        Ok(Reply::Task(task(TaskState::Canceled))),
    ]);
    let client = client_of(ManualClock::new().builder(), &connector);
    let a2a_http_client::Sent::Task(remote) = client.start("hello").await.unwrap() else { panic!("a message") };
    assert_eq!(remote.cancel().await.unwrap().status.state, TaskState::Canceled);
    assert_eq!(connector.calls(), ["SendMessage", "CancelTask"]);
}

#[tokio::test]
async fn methods_of_the_agents_own_are_the_connectors_to_refuse() {
    let connector = Scripted::of([Err(Error::new(ErrorKind::MethodNotFound, "no"))]);
    let client = client_of(Client::builder(), &connector);
    let call = Call::Custom(CustomCall::new("vendor/x", None));
    assert_eq!(client.handle(CallContext::new(), call).await.unwrap_err().kind(), ErrorKind::MethodNotFound);
}
