//! An agent of its own for one scenario, and what callers do with it.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use agent_sdk::{
    client::Client,
    client_builder,
    ports::{AgentService, BoxFuture, CallContext, EventStream, Presented, Reply},
    prelude::*,
    protocol::{
        AgentCard, Call, Error, ErrorKind, SendMessageRequest, SendMessageResponse, StreamEvent, StreamResponse,
    },
};
use futures::StreamExt;

use crate::{
    agent::kinds,
    bindings::{Binding, Server},
    gates::Gates,
};

/// An agent of its own for one scenario, and the way to it.
pub(crate) struct World {
    pub(crate) binding: Binding,
    pub(crate) gates: Gates,
    pub(crate) service: Arc<dyn AgentService>,
    /// The public card as it was first served.
    pub(crate) card: Arc<AgentCard>,
    client: Option<Client>,
    server: Server,
    ids: AtomicU32,
}

/// How a caller reaches the agent: through which tenant's interface, with what credentials.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reach<'a> {
    pub(crate) tenant: Option<&'a str>,
    pub(crate) bearer: Option<&'a str>,
    /// Goes into the header `X-API-Key`.
    pub(crate) api_key: Option<&'a str>,
    pub(crate) extension: Option<&'a str>,
}

impl<'a> Reach<'a> {
    pub(crate) fn bearer(token: &'a str) -> Self {
        Self { bearer: Some(token), ..Self::default() }
    }
}

/// Calls in process as an adapter does: with the tenant of the interface, with what is presented.
struct InProcess {
    service: Arc<dyn AgentService>,
    tenant: Option<String>,
    presented: Arc<Presented>,
    extension: Option<String>,
}

impl AgentService for InProcess {
    fn handle(&self, mut context: CallContext, mut call: Call) -> BoxFuture<'_, Result<Reply, Error>> {
        call.set_tenant(self.tenant.clone());
        context.presented = Some(self.presented.clone());
        context.extensions.extend(self.extension.clone());
        self.service.handle(context, call)
    }
}

impl World {
    /// The plain agent.
    pub(crate) async fn new(binding: Binding) -> Self {
        Self::of(binding, kinds::PLAIN).await
    }

    /// An agent that is called without a binding.
    #[allow(dead_code, reason = "not every process has its agent in it")]
    pub(crate) fn in_process(
        binding: Binding,
        gates: Gates,
        (service, card): (Arc<dyn AgentService>, Arc<AgentCard>),
        server: Server,
    ) -> Self {
        Self { binding, gates, service, card, client: None, server, ids: AtomicU32::new(0) }
    }

    /// An agent that is served at this URL.
    pub(crate) async fn called(binding: Binding, gates: Gates, url: &str, server: Server) -> Self {
        let served = client_builder().resolve(url).await.unwrap();
        let mut card = served.clone();
        let interface = card.supported_interfaces.iter().find(|interface| interface.protocol_binding == binding.name());
        let mut interface = interface.unwrap().clone();
        // Every address speaks both versions, whether or not the card says so.
        interface.protocol_version = binding.version().to_owned();
        card.supported_interfaces = vec![interface];
        let builder = client_builder().protocol_version(binding.version()).idempotent_sends(false);
        let client = builder.with_card(card, None).unwrap();
        let service = Arc::new(client.clone());
        let ids = AtomicU32::new(0);
        Self { binding, gates, service, card: served.into(), client: Some(client), server, ids }
    }

    /// The agent as this tenant reaches it.
    pub(crate) fn of_tenant(&self, tenant: &str) -> Arc<dyn AgentService> {
        self.reach(Reach { tenant: Some(tenant), ..Reach::default() })
    }

    /// The agent as whoever has this token reaches it.
    pub(crate) fn by(&self, token: &str) -> Arc<dyn AgentService> {
        self.reach(Reach::bearer(token))
    }

    pub(crate) fn reach(&self, reach: Reach<'_>) -> Arc<dyn AgentService> {
        let Some(client) = &self.client else {
            let mut presented = Presented::default();
            let headers = [
                ("authorization", reach.bearer.map(|token| format!("Bearer {token}"))),
                ("x-api-key", reach.api_key.map(str::to_owned)),
            ];
            for (name, value) in headers {
                if let Some(value) = value {
                    presented.headers.insert(name, value.parse().unwrap());
                }
            }
            let owned = |text: Option<&str>| text.map(str::to_owned);
            let (tenant, extension) = (owned(reach.tenant), owned(reach.extension));
            return Arc::new(InProcess {
                service: self.service.clone(),
                tenant,
                presented: Arc::new(presented),
                extension,
            });
        };
        let mut card = AgentCard::clone(client.card());
        card.supported_interfaces = vec![client.interface().clone()];
        card.supported_interfaces[0].tenant = reach.tenant.map(str::to_owned);
        let version = &client.interface().protocol_version;
        let mut builder = client_builder().protocol_version(version).idempotent_sends(false);
        if let Some(token) = reach.bearer {
            builder = builder.bearer(token);
        }
        if let Some(key) = reach.api_key {
            builder = builder.api_key(key);
        }
        if let Some(uri) = reach.extension {
            builder = builder.extension(uri);
        }
        Arc::new(builder.with_card(card, None).unwrap())
    }

    /// Stops the server, if there is one, and sees that it ends.
    pub(crate) async fn end(self) {
        self.server.stop().await;
    }

    pub(crate) fn message(&self, text: &str) -> Message {
        Message::user(format!("m-{}", self.ids.fetch_add(1, Ordering::Relaxed)), text)
    }

    pub(crate) fn to_skill(&self, skill: &str, text: &str) -> Message {
        let mut message = self.message(text);
        message.metadata.get_or_insert_default().insert("skillId".to_owned(), skill.into());
        message
    }

    pub(crate) fn to_task(&self, task: &Task, text: &str) -> Message {
        let mut message = self.message(text);
        message.task_id = Some(task.id.clone());
        message
    }

    pub(crate) async fn send_request(&self, request: SendMessageRequest) -> Result<SendMessageResponse, Error> {
        self.service.send_message(CallContext::new(), request).await
    }

    pub(crate) async fn send(&self, message: Message) -> Result<SendMessageResponse, Error> {
        self.send_request(SendMessageRequest::new(message)).await
    }

    /// Sends and expects a task.
    pub(crate) async fn task(&self, message: Message) -> Arc<Task> {
        match self.send(message).await.unwrap() {
            SendMessageResponse::Task(task) => task,
            SendMessageResponse::Message(message) => panic!("a message, not a task: {message:?}"),
        }
    }

    /// Sends and returns as soon as the task exists.
    pub(crate) async fn start(&self, message: Message) -> Arc<Task> {
        let mut request = SendMessageRequest::new(message);
        request.configuration.get_or_insert_default().return_immediately = true;
        match self.send_request(request).await.unwrap() {
            SendMessageResponse::Task(task) => task,
            SendMessageResponse::Message(message) => panic!("a message, not a task: {message:?}"),
        }
    }

    pub(crate) async fn stream(&self, message: Message) -> Result<EventStream, Error> {
        self.service.send_streaming_message(CallContext::new(), SendMessageRequest::new(message)).await
    }

    pub(crate) async fn get(&self, task: &Task) -> Arc<Task> {
        self.service.get_task(CallContext::new(), agent_sdk::protocol::GetTaskRequest::new(&*task.id)).await.unwrap()
    }

    pub(crate) async fn cancel(&self, task: &Task) -> Result<Arc<Task>, Error> {
        let request = agent_sdk::protocol::CancelTaskRequest::new(&*task.id);
        self.service.cancel_task(CallContext::new(), request).await
    }

    pub(crate) async fn subscribe(&self, task: &Task, after: Option<u64>) -> Result<EventStream, Error> {
        let mut context = CallContext::new();
        context.last_event_id = after;
        let request = agent_sdk::protocol::SubscribeToTaskRequest::new(&*task.id);
        self.service.subscribe_to_task(context, request).await
    }
}

/// What a stream brings until its end.
pub(crate) async fn all(stream: EventStream) -> Vec<Arc<StreamEvent>> {
    stream.map(|event| event.unwrap()).collect().await
}

/// The next event of a stream.
pub(crate) async fn next(stream: &mut EventStream) -> Arc<StreamEvent> {
    stream.next().await.expect("one more event").unwrap()
}

/// An event in a word, for comparing streams.
pub(crate) fn brief(event: &StreamEvent) -> String {
    match &event.response {
        StreamResponse::Task(task) => format!("task {}", short(&task.status.state)),
        StreamResponse::Message(message) => format!("message {}", message.text()),
        StreamResponse::StatusUpdate(update) => format!("status {}", short(&update.status.state)),
        StreamResponse::ArtifactUpdate(update) => format!(
            "artifact {}{}{}",
            update.artifact.artifact_id,
            if update.append { " append" } else { "" },
            if update.last_chunk { " last" } else { "" }
        ),
    }
}

pub(crate) fn briefs(events: &[Arc<StreamEvent>]) -> Vec<String> {
    events.iter().map(|event| brief(event)).collect()
}

fn short(state: &TaskState) -> String {
    state.to_string().trim_start_matches("TASK_STATE_").to_ascii_lowercase()
}

/// The kind of a refusal, with the message for the assertion's text.
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> (ErrorKind, String) {
    let error = result.expect_err("a refusal");
    (error.kind(), error.message().to_owned())
}
