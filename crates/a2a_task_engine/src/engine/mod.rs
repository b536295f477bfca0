//! The engine: it answers calls over the ports. Tasks are logs; whoever waits is a cursor.

mod cancel;
mod claims;
mod drive;
mod list;
mod live;
mod membership;
mod pause;
mod push;
mod run;
mod send;
mod skills;
mod slot;
mod stop;
mod tend;
mod tokens;
mod watch;

use std::{
    fmt,
    future::ready,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64},
    },
    time::Duration,
};

use a2a_app_ports::{
    AgentService, BoxFuture, CallContext, CardHandle, Chain, EventBus, Holder, Host, Lifecycle, PushTransport, Reply,
    Revision, Scope, Snapshot, Storage, StorageError, TaskId,
};
use a2a_protocol_core::{Call, Capability, Error, ErrorKind, GetTaskRequest, SubscribeToTaskRequest, Task, shortened};

use self::{
    drive::Whole,
    live::Registry,
    membership::Membership,
    watch::{Until, Watch},
};
pub use push::PushOptions;
pub use skills::Skill;

/// So many events a cursor reads at once.
const READ_AT_ONCE: usize = 256;

/// What can be set about an engine.
#[derive(Clone)]
#[non_exhaustive]
pub struct EngineOptions {
    /// How long a handler that has asked for cancellation may go on after it; 5 s.
    pub cancel_grace: Duration,
    /// How long a message id is remembered under the idempotent-send extension; 24 h.
    pub claim_time: Duration,
    /// For how long tasks are this engine's to run without a word to the storage, which it has
    /// every third of that time; 30 s. When it cannot, it drops its handlers before that time is over.
    pub lease_time: Duration,
    /// How often a message is given to a handler whose replicas are lost, one after the other; 3.
    /// Only where its skill says that it [may be](Skill::rerunnable).
    pub max_attempts: u32,
    /// How long a task may wait for its caller, counted from the last status, before it is failed;
    /// as long as it likes by default. Looked at every third of the lease time.
    pub pause_limit: Option<Duration>,
    /// How replicas wake each other; without it, they look.
    pub bus: Option<Arc<dyn EventBus>>,
    /// How often a replica looks for what others have stored of the tasks that are watched here, should
    /// nobody tell it; 5 s, in components a quarter of a second. While there is nothing new it looks less
    /// often: up to four times as long apart, unless that is more than 5 s.
    pub look_time: Duration,
    /// How webhooks are told what happens to tasks.
    pub push: PushOptions,
    /// Whether the engine leaves the other replicas and does nothing by itself while no task is run,
    /// watched or told about here, until the next call. For hosts of one thread that end whatever does
    /// nothing, and only that: so by default in components, and not natively. Not with a bus.
    pub rest: bool,
}

impl fmt::Debug for EngineOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cancel_grace, claim_time, lease_time, max_attempts, pause_limit, bus, look_time, push, rest } = self;
        f.debug_struct("EngineOptions")
            .field("cancel_grace", cancel_grace)
            .field("claim_time", claim_time)
            .field("lease_time", lease_time)
            .field("max_attempts", max_attempts)
            .field("pause_limit", pause_limit)
            .field("bus", &bus.is_some())
            .field("look_time", look_time)
            .field("push", push)
            .field("rest", rest)
            .finish()
    }
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            cancel_grace: Duration::from_secs(5),
            claim_time: Duration::from_secs(24 * 60 * 60),
            lease_time: Duration::from_secs(30),
            max_attempts: 3,
            pause_limit: None,
            bus: None,
            look_time: if cfg!(target_family = "wasm") { tend::LOOK / 20 } else { tend::LOOK },
            push: PushOptions::default(),
            rest: cfg!(target_family = "wasm"),
        }
    }
}

/// Runs an agent's handlers and answers all calls about its tasks. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

/// What all calls share.
pub(crate) struct Shared {
    agent: Arc<str>,
    membership: Membership,
    card: CardHandle,
    skills: Vec<Arc<Skill>>,
    storage: Arc<dyn Storage>,
    host: Host,
    options: EngineOptions,
    /// By which webhooks are called; without it there are no push notifications.
    push: Option<Arc<dyn PushTransport>>,
    live: Arc<Registry>,
    /// Whether the engine sees to what it has to see to by itself, and whether it does just now.
    attending: AtomicBool,
    sweeping: AtomicBool,
    /// For how many milliseconds the engine has seen to all this since it last swept.
    since_sweep: AtomicU64,
    /// Whether what lost replicas had left has been seen to since the start.
    swept: AtomicBool,
    /// Whether a look has found something new since the last one.
    grown: AtomicBool,
    /// Whether all tasks that are watched are being looked at.
    looking: AtomicBool,
    /// Closed when the engine is gone.
    lifecycle: Lifecycle,
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
            membership: Membership::default(),
            card,
            skills,
            storage,
            host,
            options,
            push,
            live: Registry::new(),
            attending: AtomicBool::new(false),
            sweeping: AtomicBool::new(false),
            since_sweep: AtomicU64::new(0),
            swept: AtomicBool::new(false),
            grown: AtomicBool::new(false),
            looking: AtomicBool::new(false),
            lifecycle: Lifecycle::new(),
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

    /// Takes up what engines that are lost have left on the same storage: tasks are run again, or
    /// failed, and webhooks are told what they have not been told. From now on the engine sees to
    /// that by itself, as it does once it has stored something. To be called once, after the start.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn resume(&self) -> Result<(), Error> {
        self.0.resume().await
    }

    /// Leaves the other replicas, to whom whatever still runs is left: for an orderly shutdown, after
    /// [`idle`](Self::idle) or the time for that. Nothing can be stored afterwards.
    ///
    /// # Errors
    /// When the storage fails; then the others wait until the lease time is over.
    pub async fn leave(&self) -> Result<(), Error> {
        self.0.leave().await.map_err(failed)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("agent", &self.0.agent).finish_non_exhaustive()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.lifecycle.close();
    }
}

impl AgentService for Engine {
    fn handle(&self, context: CallContext, call: Call) -> BoxFuture<'_, Result<Reply, Error>> {
        let engine = &self.0;
        if let Err(error) = call.validate().and_then(|()| engine.check_capability(&call)) {
            return refused(error);
        }
        // Each call in a box of its own, which has no room for the others.
        match call {
            Call::SendMessage(request) => Box::pin(engine.send(context, request)),
            Call::SendStreamingMessage(request) => Box::pin(engine.send_streaming(context, request)),
            Call::GetTask(request) => Box::pin(async move { engine.get(&context, &request).await }),
            Call::ListTasks(request) => Box::pin(async move { engine.list(&context, request).await }),
            Call::CancelTask(request) => Box::pin(async move { engine.cancel(&context, &request).await }),
            Call::SubscribeToTask(request) => Box::pin(async move { engine.subscribe(&context, &request).await }),
            Call::CreateTaskPushNotificationConfig(config) => {
                Box::pin(async move { engine.create_push_config(&context, config).await })
            }
            Call::GetTaskPushNotificationConfig(request) => {
                Box::pin(async move { engine.get_push_config(&context, &request).await })
            }
            Call::ListTaskPushNotificationConfigs(request) => {
                Box::pin(async move { engine.list_push_configs(&context, &request).await })
            }
            Call::DeleteTaskPushNotificationConfig(request) => {
                Box::pin(async move { engine.delete_push_config(&context, &request).await })
            }
            Call::Custom(call) => {
                let text = format!("no method {:?}", shortened(&call.method));
                refused(Error::new(ErrorKind::MethodNotFound, text))
            }
            // Refused by the capability check as long as the card does not declare them.
            other => refused(unsupported(&other.name())),
        }
    }
}

fn refused<'a>(error: Error) -> BoxFuture<'a, Result<Reply, Error>> {
    Box::pin(ready(Err(error)))
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

    /// The task of this name; one that a lost replica ran is taken over first, and one that has waited for its caller
    /// for too long is failed.
    async fn find_settled(self: &Arc<Self>, scope: &Scope, name: &str) -> Result<(TaskId, Snapshot), Error> {
        let (id, snapshot) = self.find(scope, name).await?;
        let (is_lost, is_over) = (snapshot.holder == Holder::Lost, self.is_pause_over(&snapshot.task.status));
        if !is_lost && !is_over {
            return Ok((id, snapshot));
        }
        // Whoever asks may go away meanwhile.
        let (engine, of) = (self.clone(), scope.clone());
        let steps = async move {
            if is_lost {
                engine.take_over(&of, id).await?;
            }
            if is_over {
                engine.end_pause(&of, id).await?;
            }
            Ok::<_, StorageError>(())
        };
        if let Err(error) = Whole::new(self.clone(), Box::pin(steps)).await {
            tracing::warn!(task = %id, error = %Chain(&error), "cannot settle a task");
            return Ok((id, snapshot));
        }
        self.find(scope, name).await
    }

    async fn get(self: &Arc<Self>, context: &CallContext, request: &GetTaskRequest) -> Result<Reply, Error> {
        let scope = self.scope(context, request.tenant.as_deref());
        let (_, snapshot) = self.find_settled(&scope, &request.id).await?;
        Ok(Reply::Task(with_history(snapshot.task, request.history_length)))
    }

    async fn subscribe(
        self: &Arc<Self>,
        context: &CallContext,
        request: &SubscribeToTaskRequest,
    ) -> Result<Reply, Error> {
        let scope = self.scope(context, request.tenant.as_deref());
        let id: TaskId = request.id.parse().map_err(|_| Error::task_not_found(&request.id))?;
        self.attend();
        let live = self.live.enter(id);
        let (_, now) = self.find_settled(&scope, &request.id).await?;
        self.observe(&live, &scope, &now);
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
