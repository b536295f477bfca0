//! An agent in front of another, in whatever binding either side speaks.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

/// The generators of the domain's own property tests.
#[path = "../../../a2a_protocol_core/tests/properties/any.rs"]
#[allow(dead_code, reason = "not all of them are needed here")]
mod any;
mod values;

use std::{sync::Arc, time::Duration};

use agent_sdk::{
    Relay, Tokens, client_builder,
    ports::{BoxFuture, Reply},
    prelude::*,
    protocol::{
        AgentCard, AgentInterface, Call, Error, ErrorKind, GetExtendedAgentCardRequest, ListTasksRequest,
        SendMessageRequest, SendMessageResponse, StreamEvent, StreamResponse, TaskPushNotificationConfig,
    },
};
use futures::StreamExt as _;
use protocol_transport_core::jsonrpc;
use serde_json::value::RawValue;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

/// Says who calls and for which tenant, in two chunks.
struct Teller;

impl MessageHandler for Teller {
    async fn handle(&self, turn: Turn, task: TaskUpdater) -> Result<(), HandlerError> {
        match turn.text().as_str() {
            "ask" => task.input_required("what else?").await,
            "wait" => std::future::pending().await,
            _ => {
                let caller = turn.context.principal.as_deref().unwrap_or("nobody");
                let mut told = task.artifact("told");
                told.append(format!("{caller}: ")).await?;
                told.append(turn.text()).await?;
                told.finish().await?;
                task.complete().await
            }
        }
    }
}

fn teller() -> Agent {
    Agent::new("Teller", "Tells who calls").skill(Skill::new("tell", "Tell").tag("demo"), Teller)
}

struct Served {
    url: String,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Served {
    async fn new(agent: Agent) -> Self {
        let serving = agent.bind("127.0.0.1:0").await.unwrap();
        let url = serving.url();
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(serving.serve_until(async { stopped.await.unwrap_or_default() }));
        Self { url, stop, server }
    }

    async fn client(&self, binding: &str) -> Client {
        client_builder().prefer([binding]).idempotent_sends(false).connect(&self.url).await.unwrap()
    }

    async fn end(self) {
        self.stop.send(()).unwrap();
        self.server.await.unwrap();
    }
}

fn told(task: &Task) -> String {
    task.artifacts.iter().flat_map(|artifact| &artifact.parts).filter_map(Part::as_text).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_passes_between_two_bindings() {
    let agent = Served::new(teller()).await;
    for (inner, outer) in [("JSONRPC", "HTTP+JSON"), ("HTTP+JSON", "GRPC"), ("GRPC", "JSONRPC"), ("GRPC", "GRPC")] {
        let relay = Served::new(Relay::to(agent.client(inner).await)).await;
        let client = relay.client(outer).await;
        assert!(client.interface().url.contains(&relay.url["http://".len()..]), "{:?}", client.interface());
        assert_eq!(client.interface().protocol_binding, outer);
        assert_eq!((&*client.card().name, client.card().skills.len()), ("Teller", 1));

        let Sent::Task(asking) = client.send("ask").await.unwrap() else { panic!("a message") };
        assert_eq!(asking.task().unwrap().status.state, TaskState::InputRequired);
        let Sent::Task(answered) = asking.reply("this").await.unwrap() else { panic!("a message") };
        assert_eq!(told(answered.task().unwrap()), "nobody: this");

        let request = SendMessageRequest::new(client.message("hello"));
        let events = client.send_streaming_message(CallContext::new(), request).await.unwrap();
        let events: Vec<_> = events.map(|event| event.unwrap()).collect().await;
        assert!(matches!(events[0].response, StreamResponse::Task(_)));
        let chunks = events.iter().filter(|event| matches!(event.response, StreamResponse::ArtifactUpdate(_))).count();
        assert_eq!(chunks, 3, "two chunks and the end");
        // gRPC has no place for them.
        let numbered = ![inner, outer].contains(&"GRPC");
        assert!(events.iter().all(|event| event.sequence.is_some() == numbered), "the agent's own numbers");

        let Sent::Task(waiting) = client.start("wait").await.unwrap() else { panic!("a message") };
        let mut watched = waiting.watch().await.unwrap();
        assert!(watched.next().await.unwrap().is_ok());
        assert_eq!(waiting.cancel().await.unwrap().status.state, TaskState::Canceled);
        let listed = client.list_tasks(CallContext::new(), ListTasksRequest::default()).await.unwrap();
        assert!(listed.total_size >= 3, "{listed:?}");

        let refused = client.task("00000000-0000-4000-8000-000000000000").get().await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::TaskNotFound);
        drop(watched);
        relay.end().await;
    }
    agent.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_stay_apart_behind_a_relay() {
    let agent = Served::new(teller()).await;
    let relay = Served::new(Relay::to(agent.client("JSONRPC").await)).await;
    let client = relay.client("HTTP+JSON").await;
    let of = |tenant: &str| {
        let mut card = AgentCard::clone(client.card());
        let mut interface: AgentInterface = client.interface().clone();
        interface.tenant = Some(tenant.to_owned());
        card.supported_interfaces = vec![interface];
        Client::builder().with_card(card, None).unwrap()
    };
    let (acme, other) = (of("acme"), of("other"));
    let Sent::Task(task) = acme.send("hello").await.unwrap() else { panic!("a message") };
    let id: Arc<str> = task.task().unwrap().id.clone();
    assert_eq!(acme.task(id.clone()).get().await.unwrap().status.state, TaskState::Completed);
    assert_eq!(other.task(id).get().await.unwrap_err().kind(), ErrorKind::TaskNotFound);
    relay.end().await;
    agent.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_mean_something_else_behind_a_relay_is_refused() {
    let agent = Served::new(teller()).await;
    let of_acme = {
        let client = agent.client("JSONRPC").await;
        let mut card = AgentCard::clone(client.card());
        card.supported_interfaces = vec![client.interface().clone()];
        card.supported_interfaces[0].tenant = Some("acme".to_owned());
        Client::builder().with_card(card, None).unwrap()
    };
    let relay = Served::new(Relay::to(of_acme)).await;
    let client = relay.client("HTTP+JSON").await;
    assert!(client.send("hello").await.is_ok());
    let mut request = SendMessageRequest::new(client.message("hello"));
    request.tenant = Some("bob".to_owned());
    let refused = client.send_message(CallContext::new(), request).await.unwrap_err();
    assert_eq!(refused.field_violations()[0].field, "tenant");

    // A webhook of 0.3 cannot read what an agent of 1.0 tells it.
    let older = client_builder().protocol_version("0.3");
    let mut card = AgentCard::clone(client.card());
    card.capabilities.push_notifications = Some(true);
    card.supported_interfaces = vec![client.interface().clone()];
    card.supported_interfaces[0].protocol_version = "0.3".to_owned();
    let older = older.with_card(card, None).unwrap();
    let mut config = TaskPushNotificationConfig::default();
    (config.task_id, config.url) = (Some("t".to_owned()), "https://hook.example/".to_owned());
    let refused = older.create_task_push_notification_config(CallContext::new(), config).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::UnsupportedOperation);
    relay.end().await;
    agent.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_prove_to_the_agent_who_they_are() {
    let tokens = Tokens::new().bearer("a-token-that-nobody-guesses", "alice");
    let agent = Served::new(teller().authenticate(tokens)).await;
    let relay = Served::new(Relay::to(agent.client("JSONRPC").await)).await;
    let refused = relay.client("HTTP+JSON").await.send("hello").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unauthenticated);
    let client = Client::builder().bearer("a-token-that-nobody-guesses").connect(&relay.url).await.unwrap();
    let Sent::Task(task) = client.send("hello").await.unwrap() else { panic!("a message") };
    assert_eq!(told(task.task().unwrap()), "alice: hello");
    relay.end().await;

    // A relay with a credential of its own gives everybody who reaches it the same access.
    let own = Client::builder().bearer("a-token-that-nobody-guesses").connect(&agent.url).await.unwrap();
    let relay = Served::new(Relay::to(own)).await;
    let Sent::Task(task) = relay.client("HTTP+JSON").await.send("hello").await.unwrap() else { panic!("a message") };
    assert_eq!(told(task.task().unwrap()), "alice: hello");
    relay.end().await;
    agent.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_extended_card_names_the_relays_place() {
    let extended = teller().extended_card(|_, mut card| {
        card.description = "For those who know".to_owned();
        Ok(card)
    });
    let agent = Served::new(extended).await;
    let relay = Served::new(Relay::to(agent.client("JSONRPC").await)).await;
    let client = relay.client("JSONRPC").await;
    let request = GetExtendedAgentCardRequest::default();
    let card = client.get_extended_agent_card(CallContext::new(), request).await.unwrap();
    assert_eq!(card.description, "For those who know");
    assert_eq!(card.supported_interfaces, client.card().supported_interfaces);
    relay.end().await;
    agent.end().await;
}

/// Refuses in words of its own.
struct Own;

impl AgentService for Own {
    fn handle(&self, _: CallContext, _: Call) -> BoxFuture<'_, Result<Reply, Error>> {
        let (code, message) = (-32050, "the quota is used up".into());
        let data = RawValue::from_string(r#"{"until":[1,2]}"#.to_owned()).ok();
        Box::pin(std::future::ready(Err(Error::from_json_rpc(jsonrpc::Error { code, message, data }))))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_of_the_agents_own_pass_where_the_binding_can_say_them() {
    let agent = Served::new(Agent::of_service(card(), Arc::new(Own))).await;
    let relay = Served::new(Relay::to(agent.client("JSONRPC").await)).await;
    for (outer, code, data) in [
        ("JSONRPC", -32050, Some(r#"{"until":[1,2]}"#)),
        ("HTTP+JSON", ErrorKind::Internal.json_rpc_code(), None),
        ("GRPC", ErrorKind::Internal.json_rpc_code(), None),
    ] {
        let error = relay.client(outer).await.task("t").get().await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Internal, "the quota is used up"), "{outer}");
        assert_eq!((error.json_rpc_code(), error.data().map(RawValue::get)), (code, data), "{outer}");
    }
    relay.end().await;
    agent.end().await;
}

/// Never comes to an end; tells when it is asked, and when nobody waits any more.
struct Endless(mpsc::UnboundedSender<&'static str>);

struct Waited(mpsc::UnboundedSender<&'static str>);

impl Drop for Waited {
    fn drop(&mut self) {
        let _ = self.0.send("left");
    }
}

impl AgentService for Endless {
    fn handle(&self, _: CallContext, call: Call) -> BoxFuture<'_, Result<Reply, Error>> {
        let waited = Waited(self.0.clone());
        Box::pin(async move {
            let Call::SendStreamingMessage(request) = call else {
                let _ = waited.0.send("asked");
                return std::future::pending().await;
            };
            let event = StreamEvent::new(None, StreamResponse::Message(Arc::new(request.message)));
            let _ = waited.0.send("asked");
            let endless = futures::stream::pending().inspect(move |_| {
                let _ = &waited;
            });
            Ok(Reply::Stream(Box::pin(futures::stream::iter([Ok(Arc::new(event))]).chain(endless))))
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_leaves_or_waits_no_longer_ends_the_call_behind_too() {
    let (sender, mut told) = mpsc::unbounded_channel();
    let agent = Served::new(Agent::of_service(card(), Arc::new(Endless(sender)))).await;
    for inner in ["JSONRPC", "HTTP+JSON", "GRPC"] {
        let relay = Served::new(Relay::to(agent.client(inner).await)).await;
        for outer in ["JSONRPC", "HTTP+JSON", "GRPC"] {
            let client = relay.client(outer).await;
            for streamed in [false, true] {
                let calls = client.clone();
                let call = tokio::spawn(async move {
                    let request = SendMessageRequest::new(calls.message("wait"));
                    match streamed {
                        false => drop(calls.send_message(CallContext::new(), request).await),
                        true => {
                            let events = calls.send_streaming_message(CallContext::new(), request).await.unwrap();
                            events.for_each(|_| std::future::ready(())).await;
                        }
                    }
                });
                assert_eq!(soon(told.recv()).await, Some("asked"), "{inner} {outer}");
                call.abort();
                assert_eq!(soon(told.recv()).await, Some("left"), "{inner} {outer} {streamed}");
            }
        }
        let mut context = CallContext::new();
        context.headers.insert("grpc-timeout", "300m".parse().unwrap());
        let late = relay.client("GRPC").await;
        let error = late.send_message(context, SendMessageRequest::new(late.message("wait"))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert_eq!([soon(told.recv()).await, soon(told.recv()).await], [Some("asked"), Some("left")], "{inner}");
        relay.end().await;
    }
    agent.end().await;
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it happens soon")
}

fn card() -> AgentCard {
    let mut card = AgentCard::default();
    card.name = "Mirror".to_owned();
    card.capabilities.streaming = Some(true);
    card
}

/// Has an extended card for one token, and says to others what else it is presented.
struct Discreet;

impl AgentService for Discreet {
    fn handle(&self, context: CallContext, call: Call) -> BoxFuture<'_, Result<Reply, Error>> {
        let presented = context.presented.as_ref().and_then(|presented| presented.headers.get("authorization"));
        let presented = presented.map(|value| value.to_str().unwrap().to_owned());
        Box::pin(async move {
            match call {
                Call::GetExtendedAgentCard(_) if presented.as_deref() == Some("Bearer known") => {
                    let mut card = AgentCard::default();
                    card.name = "For those who know".to_owned();
                    Ok(Reply::Card(card.into()))
                }
                Call::GetExtendedAgentCard(_) => Err(Error::new(ErrorKind::Unauthenticated, "who?")),
                _ => {
                    let told = presented.unwrap_or_else(|| "nothing".to_owned());
                    let mut message = Message::user("m", told);
                    message.role = Role::Agent;
                    Ok(Reply::Sent(SendMessageResponse::Message(message.into())))
                }
            }
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_card_names_no_scheme_the_extended_card_is_asked_for_with_the_callers_authorization() {
    let mut card = AgentCard::default();
    card.name = "Discreet".to_owned();
    card.capabilities.extended_agent_card = Some(true);
    let agent = Served::new(Agent::of_service(card, Arc::new(Discreet))).await;
    for (inner, outer) in [("JSONRPC", "HTTP+JSON"), ("HTTP+JSON", "GRPC"), ("GRPC", "JSONRPC")] {
        let relay = Served::new(Relay::to(agent.client(inner).await)).await;
        let by = async |token: &str| {
            let builder = client_builder().prefer([outer]).idempotent_sends(false).bearer(token);
            builder.connect(&relay.url).await.unwrap()
        };
        let extended = |client: Client| async move {
            client.get_extended_agent_card(CallContext::new(), GetExtendedAgentCardRequest::default()).await
        };
        assert_eq!(extended(by("known").await).await.unwrap().name, "For those who know");
        assert_eq!(extended(by("other").await).await.unwrap_err().kind(), ErrorKind::Unauthenticated);
        let Sent::Message(told) = by("known").await.send("hello").await.unwrap() else { panic!("a task") };
        assert_eq!(told.text(), "nothing", "other calls ask for none");
        relay.end().await;
    }
    agent.end().await;
}
