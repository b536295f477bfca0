//! A host on the clock of tokio's tests, engines on it, and what tests say and wait for.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    clippy::unwrap_used,
    reason = "each test uses a part of these helpers"
)]

mod fleet;
mod storage;
mod webhook;
mod witness;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use a2a_app_ports::{
    AgentOperations, AgentService, Answers, BoxFuture, CallContext, Clock, EventStream, HandlerError, Host, Random,
    Spawner, Storage, TaskUpdater, Turn,
};
use a2a_protocol_core::{
    AgentCard, CancelTaskRequest, Error, GetTaskRequest, Message, SendMessageRequest, SendMessageResponse, StreamEvent,
    Task, TaskState, Timestamp, extensions::IDEMPOTENT_SEND,
};
use a2a_task_engine::{Engine, EngineOptions, MemoryStorage, Skill};
pub use fleet::{Balanced, Bus, Fleet, Replica};
use futures::StreamExt;
pub use storage::{Line, TestStorage};
use tokio::{sync::Notify, task::JoinHandle};
pub use webhook::{Told, Webhooks, busy};

/// Time goes on as tokio's does from when the clock was made.
struct TokioClock(tokio::time::Instant);

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_767_225_600_000).unwrap().plus(self.0.elapsed())
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

struct TokioSpawner;

impl Spawner for TokioSpawner {
    fn spawn(&self, future: BoxFuture<'static, ()>) {
        tokio::spawn(future);
    }
}

/// A process that can be killed: whatever it has spawned stops where it is.
#[derive(Default)]
pub struct Process(Mutex<(Vec<tokio::task::AbortHandle>, bool)>);

impl Spawner for Process {
    fn spawn(&self, future: BoxFuture<'static, ()>) {
        drop(self.run(future));
    }
}

impl Process {
    /// Has the process run this; once it is killed, nothing comes of it.
    pub fn run<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        let mut spawned = self.0.lock().unwrap();
        let task = tokio::spawn(future);
        if spawned.1 {
            task.abort();
        }
        spawned.0.push(task.abort_handle());
        task
    }

    pub fn kill(&self) {
        let mut spawned = self.0.lock().unwrap();
        spawned.1 = true;
        spawned.0.drain(..).for_each(|task| task.abort());
    }
}

/// Different every time and the same in every run.
#[derive(Default)]
struct Counting(AtomicU64);

impl Random for Counting {
    fn random(&self) -> u128 {
        let dice = Dice::new(self.0.fetch_add(1, Ordering::Relaxed));
        u128::from(dice.next()) << 64 | u128::from(dice.next())
    }
}

pub fn host() -> Host {
    host_of(0, Arc::new(TokioSpawner))
}

/// The so-manieth host, which makes ids of its own.
pub fn host_of(number: u64, spawner: Arc<dyn Spawner>) -> Host {
    Host {
        clock: Arc::new(TokioClock(tokio::time::Instant::now())),
        spawner,
        random: Arc::new(Counting(AtomicU64::new(number << 40))),
    }
}

/// The name of the agent, and so of the scope of its tasks.
pub const AGENT: &str = "Test";

pub fn engine_on(storage: Arc<dyn Storage>, skill: Skill) -> Engine {
    let mut card = AgentCard::default();
    card.name = AGENT.to_owned();
    card.capabilities.streaming = Some(true);
    Engine::new(Arc::new(card), [skill], storage, None, host(), EngineOptions::default())
}

/// An engine that tells webhooks what happens.
pub fn pushing_engine(storage: Arc<dyn Storage>, webhooks: &Webhooks, skill: Skill, options: EngineOptions) -> Engine {
    pushing_engine_on(host(), storage, webhooks, skill, options)
}

pub fn pushing_engine_on(
    host: Host,
    storage: Arc<dyn Storage>,
    webhooks: &Webhooks,
    skill: Skill,
    options: EngineOptions,
) -> Engine {
    let mut card = AgentCard::default();
    card.name = AGENT.to_owned();
    card.capabilities.streaming = Some(true);
    card.capabilities.push_notifications = Some(true);
    Engine::new(Arc::new(card), [skill], storage, Some(Arc::new(webhooks.clone())), host, options)
}

pub fn engine(skill: Skill) -> Engine {
    engine_on(Arc::new(MemoryStorage::new()), skill)
}

pub fn skill<F, R>(handler: F) -> Skill
where
    F: Fn(Turn, TaskUpdater) -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), HandlerError>> + Send + 'static,
{
    Skill::new("test", handler)
}

/// A skill that counts how often it is called, answers "ask" with a question and fails at "fail"; at
/// "wait" it waits for its gate.
pub fn counted(answers: Answers) -> (Skill, Arc<AtomicU32>, Arc<Notify>) {
    let (calls, gate) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
    let (counter, handler_gate) = (calls.clone(), gate.clone());
    let skill = skill(move |turn, task| {
        let gate = handler_gate.clone();
        counter.fetch_add(1, Ordering::SeqCst);
        async move {
            match turn.text().as_str() {
                "wait" => gate.notified().await,
                "fail" => return Err(HandlerError::new("no")),
                "ask" => return task.input_required("what?").await,
                _ => tokio::task::yield_now().await,
            }
            task.reply(format!("heard {}", turn.text())).await
        }
    });
    (skill.answers(answers), calls, gate)
}

pub fn plain() -> CallContext {
    CallContext::new()
}

/// A call under the idempotent-send extension.
pub fn once() -> CallContext {
    let mut context = CallContext::new();
    context.extensions.push(IDEMPOTENT_SEND.to_owned());
    context
}

pub fn request(id: &str, text: &str) -> SendMessageRequest {
    SendMessageRequest::new(Message::user(id, text))
}

pub fn follow_up(task: &Arc<str>, id: &str, text: &str) -> SendMessageRequest {
    let mut request = request(id, text);
    request.message.task_id = Some(task.clone());
    request
}

pub fn immediately(mut request: SendMessageRequest) -> SendMessageRequest {
    request.configuration.get_or_insert_default().return_immediately = true;
    request
}

pub fn task(answer: Result<SendMessageResponse, Error>) -> Arc<Task> {
    match answer.unwrap() {
        SendMessageResponse::Task(task) => task,
        SendMessageResponse::Message(message) => panic!("a message: {message:?}"),
    }
}

pub async fn get(engine: &impl AgentService, id: &str) -> Arc<Task> {
    engine.get_task(plain(), GetTaskRequest::new(id)).await.unwrap()
}

pub async fn state(engine: &impl AgentService, id: &str) -> TaskState {
    get(engine, id).await.status.state.clone()
}

pub async fn cancel(engine: &impl AgentService, id: &str) -> Result<Arc<Task>, Error> {
    within("the cancellation", engine.cancel_task(plain(), CancelTaskRequest::new(id))).await
}

pub async fn idle(engine: &Engine) {
    within("the engine to be idle", engine.idle()).await;
}

/// All events of a stream that ends without an error.
pub async fn collect(stream: EventStream) -> Vec<Arc<StreamEvent>> {
    within("the end of a stream", stream.map(Result::unwrap).collect()).await
}

/// What the future comes to; fails when that does not happen. Where time is paused, a future that
/// waits for what never happens fails at once.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(60), future).await {
        Ok(output) => output,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

/// On a runtime of one thread: lets everybody else do all that can be done before the next event.
pub async fn let_others_run() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Waits until the message is in the log of the task.
pub async fn said(engine: &impl AgentService, task: &str, message_id: &str) {
    for _ in 0..1000 {
        if get(engine, task).await.history.iter().any(|said| said.message_id == message_id) {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{message_id} was not said");
}

/// Where a handler waits until its test lets it pass.
#[derive(Default)]
pub struct Gate {
    reached: Notify,
    opened: Notify,
}

impl Gate {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// For the handler.
    pub async fn pass(&self) {
        self.reached.notify_one();
        self.opened.notified().await;
    }

    /// Resolves when the handler is here.
    pub async fn reached(&self) {
        within("the handler to get to its gate", self.reached.notified()).await;
    }

    pub fn open(&self) {
        self.opened.notify_one();
    }
}

/// Numbers that look random and are the same for the same seed.
#[derive(Debug, Default)]
pub struct Dice(AtomicU64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    fn next(&self) -> u64 {
        // SplitMix64: any two seeds, however close, give unrelated numbers.
        let state = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `sides`.
    pub fn roll(&self, sides: u32) -> u32 {
        u32::try_from(self.next() % u64::from(sides)).unwrap()
    }

    pub fn one_in(&self, sides: u32) -> bool {
        self.roll(sides) == 0
    }

    /// Lets others run, up to `most` times.
    pub async fn dawdle(&self, most: u32) {
        for _ in 0..self.roll(most + 1) {
            tokio::task::yield_now().await;
        }
    }
}
