//! The engine: it answers calls over the ports. Tasks are logs; whoever waits is a cursor.

mod cancel;
mod claims;
mod drive;
mod list;
mod live;
mod push;
mod run;
mod send;
mod skills;
mod tokens;
mod watch;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use a2a_app_ports::{
    AgentService, BoxFuture, CallContext, CardHandle, Host, PushTransport, ReplicaId, Reply, Revision, Scope, Snapshot,
    Storage, StorageError, TaskId,
};
use a2a_protocol_core::{Call, Capability, Error, ErrorKind, GetTaskRequest, SubscribeToTaskRequest, Task, shortened};

use self::{
    live::Registry,
    watch::{Until, Watch},
};
pub use push::PushOptions;
pub use skills::Skill;

/// So many events a cursor reads at once.
const READ_AT_ONCE: usize = 256;

/// What can be set about an engine.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EngineOptions {
    /// How long a handler that has asked for cancellation may go on after it; 5 s.
    pub cancel_grace: Duration,
    /// How long a message id is remembered under the idempotent-send extension; 24 h.
    pub claim_time: Duration,
    /// How webhooks are told what happens to tasks.
    pub push: PushOptions,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            cancel_grace: Duration::from_secs(5),
            claim_time: Duration::from_secs(24 * 60 * 60),
            push: PushOptions::default(),
        }
    }
}

/// Runs an agent's handlers and answers all calls about its tasks. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

/// What all calls share.
pub(crate) struct Shared {
    agent: Arc<str>,
    replica: ReplicaId,
    card: CardHandle,
    skills: Vec<Arc<Skill>>,
    storage: Arc<dyn Storage>,
    host: Host,
    options: EngineOptions,
    /// By which webhooks are called; without it there are no push notifications.
    push: Option<Arc<dyn PushTransport>>,
    live: Arc<Registry>,
    /// The key of page tokens, once it has been asked for.
    page_key: OnceLock<[u8; 32]>,
}

impl Engine {
    /// An engine for the agent of this card. The first skill answers messages that name none. Tasks
    /// are kept under the name that the card has now, also when another card takes its place.
    /// Push notifications need a transport and a card that declares them.
    pub fn new(
        card: impl Into<CardHandle>,
        skills: impl IntoIterator<Item = Skill>,
        storage: Arc<dyn Storage>,
        push: Option<Arc<dyn PushTransport>>,
        host: Host,
        options: EngineOptions,
    ) -> Self {
        let skills = skills.into_iter().map(Arc::new).collect();
        let card = card.into();
        let agent = card.get().name.as_str().into();
        Self(Arc::new(Shared {
            agent,
            replica: ReplicaId::from_u128(host.random.random()),
            card,
            skills,
            storage,
            host,
            options,
            push,
            live: Registry::new(),
            page_key: OnceLock::new(),
        }))
    }

    /// How many handlers are running.
    pub fn running(&self) -> usize {
        self.0.live.running()
    }

    /// Resolves when no handler is running and no webhook is being told anything: for an orderly
    /// shutdown. Webhooks that are left alone until the next try are not waited for.
    pub async fn idle(&self) {
        self.0.live.idle().await;
    }

    /// Has webhooks told what an engine before this one, on the same storage, did not get to tell
    /// them. To be called once, after the start; it returns when that has begun.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn resume_pushes(&self) -> Result<(), Error> {
        self.0.resume_pushes().await
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("agent", &self.0.agent).finish_non_exhaustive()
    }
}

impl AgentService for Engine {
    fn handle(&self, context: CallContext, call: Call) -> BoxFuture<'_, Result<Reply, Error>> {
        Box::pin(async move {
            call.validate()?;
            self.0.check_capability(&call)?;
            let engine = &self.0;
            match call {
                Call::SendMessage(request) => engine.send(context, request).await,
                Call::SendStreamingMessage(request) => engine.send_streaming(context, request).await,
                Call::GetTask(request) => engine.get(&context, &request).await,
                Call::ListTasks(request) => engine.list(&context, request).await,
                Call::CancelTask(request) => engine.cancel(&context, &request).await,
                Call::SubscribeToTask(request) => engine.subscribe(&context, &request).await,
                // In boxes of their own, so that no other call needs room for them.
                Call::CreateTaskPushNotificationConfig(config) => {
                    Box::pin(engine.create_push_config(&context, config)).await
                }
                Call::GetTaskPushNotificationConfig(request) => {
                    Box::pin(engine.get_push_config(&context, &request)).await
                }
                Call::ListTaskPushNotificationConfigs(request) => {
                    Box::pin(engine.list_push_configs(&context, &request)).await
                }
                Call::DeleteTaskPushNotificationConfig(request) => {
                    Box::pin(engine.delete_push_config(&context, &request)).await
                }
                Call::Custom(call) => {
                    Err(Error::new(ErrorKind::MethodNotFound, format!("no method {:?}", shortened(&call.method))))
                }
                // Refused by the capability check as long as the card does not declare them.
                other => Err(unsupported(&other.name())),
            }
        })
    }
}

impl Shared {
    /// Refuses operations that the card does not declare (section 3.3.4).
    fn check_capability(&self, call: &Call) -> Result<(), Error> {
        let capabilities = &self.card.get().capabilities;
        match call.method().and_then(a2a_protocol_core::Method::capability) {
            Some(Capability::Streaming) if capabilities.streaming != Some(true) => {
                Err(Error::new(ErrorKind::UnsupportedOperation, "this agent does not stream"))
            }
            Some(Capability::PushNotifications)
                if capabilities.push_notifications != Some(true) || self.push.is_none() =>
            {
                Err(push_not_supported())
            }
            Some(Capability::ExtendedAgentCard) if capabilities.extended_agent_card != Some(true) => {
                Err(Error::new(ErrorKind::UnsupportedOperation, "this agent has no extended card"))
            }
            Some(Capability::ExtendedAgentCard) => {
                Err(Error::new(ErrorKind::ExtendedAgentCardNotConfigured, "the extended card is not configured"))
            }
            _ => Ok(()),
        }
    }

    fn scope(&self, context: &CallContext, tenant: Option<&str>) -> Scope {
        Scope { agent: self.agent.clone(), tenant: tenant.map(Arc::from), owner: context.principal.clone() }
    }

    fn new_id(&self) -> TaskId {
        TaskId::from_random(self.host.random.random())
    }

    /// The task of this name, if the scope has it.
    async fn find(&self, scope: &Scope, name: &str) -> Result<(TaskId, Snapshot), Error> {
        let id: TaskId = name.parse().map_err(|_| Error::task_not_found(name))?;
        let snapshot = self.storage.snapshot(scope, id).await.map_err(failed)?;
        snapshot.map(|snapshot| (id, snapshot)).ok_or_else(|| Error::task_not_found(name))
    }

    async fn get(&self, context: &CallContext, request: &GetTaskRequest) -> Result<Reply, Error> {
        let scope = self.scope(context, request.tenant.as_deref());
        let (_, snapshot) = self.find(&scope, &request.id).await?;
        Ok(Reply::Task(with_history(snapshot.task, request.history_length)))
    }

    async fn subscribe(
        self: &Arc<Self>,
        context: &CallContext,
        request: &SubscribeToTaskRequest,
    ) -> Result<Reply, Error> {
        let scope = self.scope(context, request.tenant.as_deref());
        let id: TaskId = request.id.parse().map_err(|_| Error::task_not_found(&request.id))?;
        let live = self.live.enter(id);
        let (_, now) = self.find(&scope, &request.id).await?;
        self.observe(&live, &now);
        let since = match context.last_event_id {
            Some(seen) if seen <= now.revision => self.snapshot_at(&scope, id, seen).await?,
            _ => None,
        };
        if since.is_none() && now.task.status.state.is_terminal() {
            let text = format!("the task has ended as {}; GetTask tells what came of it", now.task.status.state);
            return Err(Error::new(ErrorKind::UnsupportedOperation, text));
        }
        let from = since.unwrap_or(now);
        let watch = Watch::new(self.clone(), live, scope, id, (from.task, from.revision), Until::End);
        Ok(Reply::Stream(Box::pin(watch)))
    }

    async fn snapshot_at(&self, scope: &Scope, id: TaskId, revision: Revision) -> Result<Option<Snapshot>, Error> {
        if revision == 0 {
            return Ok(None);
        }
        self.storage.snapshot_at(scope, id, revision).await.map_err(failed)
    }
}

/// The task with at most so many messages of its history (section 3.2.4).
fn with_history(mut task: Arc<Task>, length: Option<i32>) -> Arc<Task> {
    let length = length.and_then(|length| u32::try_from(length).ok());
    if length.is_some_and(|length| task.history.len() > length as usize) {
        Arc::make_mut(&mut task).limit_history(length);
    }
    task
}

fn failed(error: StorageError) -> Error {
    Error::internal(error)
}

/// For those who wait for a run that came to nothing; why is in the log.
fn abandoned() -> Error {
    Error::new(ErrorKind::Internal, run::AGENT_FAILED)
}

fn unsupported(method: &str) -> Error {
    Error::new(ErrorKind::UnsupportedOperation, format!("{method} is not supported"))
}

fn push_not_supported() -> Error {
    Error::new(ErrorKind::PushNotificationNotSupported, "this agent sends no push notifications")
}
