//! Arbitrary messages and streams, between the versions and the bindings: what both versions can say
//! (docs/versions.md) arrives equal.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use agent_sdk::{
    Relay, ServerOptions, V03Support,
    client::{HttpTransport, native::Reqwest},
    client_builder,
    ports::{BoxFuture, Reply},
    prelude::*,
    protocol::{
        AgentCard, Call, Error, ErrorKind, InDialect, JsonDialect, SendMessageRequest, SendMessageResponse, Spoken,
        StreamEvent, StreamResponse, TaskStatus, TaskStatusUpdateEvent,
    },
};
use futures::StreamExt as _;
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{Served, any};

/// Answers with the message that it was sent, as its own; or where it has them, with these events.
#[derive(Clone, Default)]
struct Mirror {
    events: Arc<Mutex<Vec<StreamResponse>>>,
}

impl Mirror {
    fn told(&self, events: &[StreamResponse]) {
        *self.events.lock().unwrap_or_else(PoisonError::into_inner) = events.to_vec();
    }

    fn stream(&self, message: Message) -> Vec<StreamResponse> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if events.is_empty() { vec![StreamResponse::Message(mirrored(message))] } else { events }
    }
}

fn mirrored(mut message: Message) -> Arc<Message> {
    message.role = Role::Agent;
    Arc::new(message)
}

impl AgentService for Mirror {
    fn handle(&self, _: CallContext, call: Call) -> BoxFuture<'_, Result<Reply, Error>> {
        Box::pin(async move {
            match call {
                Call::SendMessage(request) => Ok(Reply::Sent(SendMessageResponse::Message(mirrored(request.message)))),
                Call::SendStreamingMessage(request) => {
                    let events = self.stream(request.message).into_iter();
                    let events = events.map(|event| Ok(Arc::new(StreamEvent::new(None, event))));
                    Ok(Reply::Stream(Box::pin(futures::stream::iter(events))))
                }
                other => Err(Error::new(ErrorKind::UnsupportedOperation, other.name())),
            }
        })
    }
}

async fn served(mirror: &Mirror) -> Served {
    let mut card = AgentCard::default();
    card.name = "Mirror".to_owned();
    card.capabilities.streaming = Some(true);
    let mut options = ServerOptions::default();
    options.v03 = V03Support::Announced;
    Served::new(Agent::of_service(card, Arc::new(mirror.clone())).server(options)).await
}

/// What both versions can say.
fn common_parts(parts: &mut [Part]) {
    for part in parts {
        match &part.content {
            Content::Unknown(_) => part.content = Content::Text("x".to_owned()),
            Content::Url(url) if url.is_empty() => part.content = Content::Url("https://h/".to_owned()),
            _ => {}
        }
        // Empty metadata cannot be told from none once something is carried in them.
        part.metadata = part.metadata.take().filter(|metadata| !metadata.is_empty());
    }
}

fn common_message(message: &mut Message) {
    if message.role != Role::User {
        message.role = Role::Agent;
    }
    message.metadata = message.metadata.take().filter(|metadata| !metadata.is_empty());
    common_parts(&mut message.parts);
}

/// A status in which a stream goes on.
fn common_status(status: &mut TaskStatus) {
    let ends = status.state.is_terminal() || status.state == TaskState::InputRequired;
    if ends || !status.state.is_known() {
        status.state = TaskState::Working;
    }
    if let Some(message) = &mut status.message {
        common_message(Arc::make_mut(message));
    }
}

fn common_task(task: &mut Task) {
    common_status(&mut task.status);
    task.history.iter_mut().for_each(|message| common_message(Arc::make_mut(message)));
    task.artifacts.iter_mut().for_each(|artifact| common_parts(&mut Arc::make_mut(artifact).parts));
}

/// A message as a caller may send it.
fn message() -> impl Strategy<Value = Message> {
    any::message().prop_map(|mut message| {
        if message.message_id.is_empty() {
            message.message_id = "m".to_owned();
        }
        common_message(&mut message);
        message.role = Role::User;
        message.task_id = None;
        if message.parts.is_empty() {
            message.parts.push(Part::text("x"));
        }
        message
    })
}

/// The stream of one task: the task, updates, and one after which no more come.
fn events() -> impl Strategy<Value = Vec<StreamResponse>> {
    use TaskState::{Canceled, Completed, Failed, InputRequired, Rejected};
    let ends = select(vec![Canceled, Completed, Failed, InputRequired, Rejected]);
    (any::filled(), any::filled(), any::task(), vec(any::stream_response(), 0..9), ends).prop_map(
        |(id, context, mut task, updates, end)| {
            let (id, context): (Arc<str>, Arc<str>) = (id.into(), context.into());
            (task.id, task.context_id) = (id.clone(), context.clone());
            common_task(&mut task);
            let mut events = vec![StreamResponse::Task(Arc::new(task))];
            events.extend(updates.into_iter().filter_map(|event| match event {
                StreamResponse::StatusUpdate(mut update) => {
                    (update.task_id, update.context_id) = (id.clone(), context.clone());
                    common_status(&mut update.status);
                    Some(StreamResponse::StatusUpdate(update))
                }
                StreamResponse::ArtifactUpdate(mut update) => {
                    (update.task_id, update.context_id) = (id.clone(), context.clone());
                    common_parts(&mut Arc::make_mut(&mut update.artifact).parts);
                    Some(StreamResponse::ArtifactUpdate(update))
                }
                _ => None,
            }));
            let last = TaskStatusUpdateEvent::new(id, context, TaskStatus::new(end));
            events.push(StreamResponse::StatusUpdate(last));
            events
        },
    )
}

/// Sends a message as version 0.3 writes it; all that comes back, as it stands there.
async fn sent_in_0_3(transport: &Reqwest, url: &str, method: &str, message: &Message) -> Vec<Value> {
    let params = json!({ "message": InDialect(JsonDialect::V0_3, message) });
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    let request = http::Request::post(format!("{url}/")).header("content-type", "application/json").body(body.into());
    let reply = transport.send(request.unwrap()).await.unwrap();
    let body: Vec<_> = reply.into_body().map(|chunk| chunk.unwrap()).collect().await;
    let text = String::from_utf8(body.concat()).unwrap();
    let mut replies: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    if replies.is_empty() {
        replies.push(&text);
    }
    let read = |json: &str| {
        let reply: Value = serde_json::from_str(json).unwrap();
        assert!(reply.get("error").is_none(), "{reply}\n{message:?}");
        reply["result"].clone()
    };
    replies.into_iter().map(read).collect()
}

fn in_0_3<T: Spoken>(value: &T) -> Value {
    serde_json::to_value(InDialect(JsonDialect::V0_3, value)).unwrap()
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() }
}

#[test]
fn what_0_3_is_told_through_1_0_and_grpc_arrives_equal() {
    let runtime = runtime();
    let mirror = Mirror::default();
    let (agent, inner, outer, transport) = runtime.block_on(async {
        let agent = served(&mirror).await;
        let inner = Served::new(Relay::to(agent.client("GRPC").await)).await;
        let outer = Served::new(Relay::to(inner.client("HTTP+JSON").await)).await;
        (agent, inner, outer, Reqwest::new(Duration::from_secs(10), false).unwrap())
    });
    proptest!(config(), |(message in message(), streamed in any::<bool>())| {
        let method = if streamed { "message/stream" } else { "message/send" };
        let back = runtime.block_on(sent_in_0_3(&transport, &outer.url, method, &message));
        let mirrored = mirrored(message);
        prop_assert_eq!(&back, &[in_0_3(&*mirrored)]);
        let read = Message::read_in(JsonDialect::V0_3, back[0].to_string().as_bytes()).unwrap();
        prop_assert_eq!(&read, &*mirrored);
    });
    proptest!(config(), |(events in events())| {
        mirror.told(&events);
        let go = Message::user("m", "go");
        let back = runtime.block_on(sent_in_0_3(&transport, &outer.url, "message/stream", &go));
        prop_assert_eq!(&back, &events.iter().map(in_0_3).collect::<Vec<_>>());
        for (event, json) in events.iter().zip(&back) {
            prop_assert_eq!(&StreamResponse::read_in(JsonDialect::V0_3, json.to_string().as_bytes()).unwrap(), event);
        }
    });
    runtime.block_on(async {
        for served in [outer, inner, agent] {
            served.end().await;
        }
    });
}

#[test]
fn what_1_0_is_told_through_0_3_arrives_equal() {
    let runtime = runtime();
    let mirror = Mirror::default();
    let agent = runtime.block_on(served(&mirror));
    for (inner, outer) in [("JSONRPC", "GRPC"), ("HTTP+JSON", "JSONRPC"), ("GRPC", "HTTP+JSON")] {
        let (relay, client) = runtime.block_on(async {
            let older = client_builder().protocol_version("0.3").prefer([inner]);
            let older = older.idempotent_sends(false).connect(&agent.url).await.unwrap();
            assert_eq!(older.interface().protocol_binding, inner);
            let relay = Served::new(Relay::to(older)).await;
            let client = relay.client(outer).await;
            (relay, client)
        });
        let stream = |message: Message| async {
            let request = SendMessageRequest::new(message);
            let events = client.send_streaming_message(CallContext::new(), request).await.unwrap();
            events.map(|event| event.unwrap().response.clone()).collect::<Vec<_>>().await
        };
        proptest!(config(), |(message in message(), events in events())| {
            mirror.told(&[]);
            let back = runtime.block_on(stream(message.clone()));
            prop_assert_eq!(back, vec![StreamResponse::Message(mirrored(message))]);
            mirror.told(&events);
            prop_assert_eq!(runtime.block_on(stream(Message::user("m", "go"))), events);
        });
        drop(client);
        runtime.block_on(relay.end());
    }
    runtime.block_on(agent.end());
}
