//! The engine on a clock of the tests' own: what takes time, what is sent twice, and what breaks.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use a2a_app_ports::{
    AgentOperations, AgentService, Answers, BoxFuture, CallContext, Claim, Claimed, Clock, FleetStorage, HandlerError,
    Host, ListQuery, Random, Revision, Scope, Snapshot, Spawner, StorageError, TaskId, TaskPage, TaskStorage,
    TaskUpdater, Turn,
};
use a2a_protocol_core::{
    AgentCard, CancelTaskRequest, Error, ErrorKind, Event, Message, SendMessageRequest, SendMessageResponse, Task,
    TaskState, Timestamp, extensions::IDEMPOTENT_SEND,
};
use a2a_task_engine::{Engine, EngineOptions, MemoryStorage, Skill};
use futures::{StreamExt, future::join_all};
use tokio::sync::Notify;

struct PausedClock;

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_767_225_600_000).unwrap()
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

/// Different every time and the same in every run.
#[derive(Default)]
struct Counting(AtomicU64);

impl Random for Counting {
    fn random(&self) -> u128 {
        u128::from(self.0.fetch_add(1, Ordering::Relaxed)) << 64 | 0x5eed
    }
}

fn host() -> Host {
    Host { clock: Arc::new(PausedClock), spawner: Arc::new(TokioSpawner), random: Arc::new(Counting::default()) }
}

fn engine_on(storage: Arc<dyn a2a_app_ports::Storage>, skill: Skill) -> Engine {
    let mut card = AgentCard::default();
    card.name = "Test".to_owned();
    card.capabilities.streaming = Some(true);
    Engine::new(Arc::new(card), [skill], storage, host(), EngineOptions::default())
}

fn engine(skill: Skill) -> Engine {
    engine_on(Arc::new(MemoryStorage::new()), skill)
}

fn once() -> CallContext {
    let mut context = CallContext::new();
    context.extensions.push(IDEMPOTENT_SEND.to_owned());
    context
}

fn request(id: &str, text: &str) -> SendMessageRequest {
    SendMessageRequest::new(Message::user(id, text))
}

fn immediately(mut request: SendMessageRequest) -> SendMessageRequest {
    request.configuration.get_or_insert_default().return_immediately = true;
    request
}

fn task(answer: Result<SendMessageResponse, Error>) -> Arc<Task> {
    match answer.unwrap() {
        SendMessageResponse::Task(task) => task,
        SendMessageResponse::Message(message) => panic!("a message: {message:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_does_not_tidy_up_in_time_is_dropped() {
    let asks = Arc::new(Notify::new());
    let asked = asks.clone();
    let stuck = move |turn: Turn, task: TaskUpdater| {
        let asks = asks.clone();
        async move {
            let mut cancelled = std::pin::pin!(turn.cancelled());
            assert!(futures::poll!(cancelled.as_mut()).is_pending());
            asks.notify_one();
            cancelled.await;
            task.artifact("tidying").write("on it").await?;
            std::future::pending().await
        }
    };
    let engine = engine(Skill::new("stuck", stuck));
    let begun = task(engine.send_message(CallContext::new(), immediately(request("m", "go"))).await);
    asked.notified().await;
    let before = tokio::time::Instant::now();
    let canceled = engine.cancel_task(CallContext::new(), CancelTaskRequest::new(&*begun.id)).await.unwrap();
    assert_eq!(canceled.status.state, TaskState::Canceled);
    assert_eq!(canceled.artifact("tidying").unwrap().text(), "on it");
    assert_eq!(before.elapsed().as_secs(), 5, "the grace period is over");
    engine.idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_takes_too_long_fails_its_task() {
    let slow = |_turn: Turn, _task: TaskUpdater| async { std::future::pending().await };
    let engine = engine(Skill::new("slow", slow).time_limit(Duration::from_secs(90)));
    let failed = task(engine.send_message(CallContext::new(), request("m", "go")).await);
    assert_eq!(failed.status.state, TaskState::Failed);
    assert_eq!(failed.status.message.as_ref().unwrap().text(), "the agent did not finish within 90s");
}

#[tokio::test]
async fn a_handler_that_panics_at_once_fails_its_task() {
    fn broken(turn: Turn, _task: TaskUpdater) -> std::future::Ready<Result<(), HandlerError>> {
        assert!(turn.text().is_empty(), "broken before the first await");
        std::future::ready(Ok(()))
    }
    let engine = engine(Skill::new("broken", broken));
    let failed = task(engine.send_message(CallContext::new(), request("m", "go")).await);
    assert_eq!(failed.status.state, TaskState::Failed);
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_end_the_work() {
    let (gate, entered) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (handler_gate, handler_entered) = (gate.clone(), entered.clone());
    let handler = move |_turn: Turn, task: TaskUpdater| {
        let (gate, entered) = (handler_gate.clone(), handler_entered.clone());
        async move {
            entered.notify_one();
            gate.notified().await;
            task.complete().await
        }
    };
    let engine = engine(Skill::new("work", handler));
    let call = engine.send_message(CallContext::new(), request("m", "go"));
    tokio::select! {
        _ = call => panic!("the handler waits"),
        () = entered.notified() => {}
    }
    assert_eq!(engine.running(), 1);
    gate.notify_one();
    engine.idle().await;
    let listed = engine.list_tasks(CallContext::new(), Default::default()).await.unwrap();
    assert_eq!(listed.tasks[0].status.state, TaskState::Completed);
}

/// Counts how often the handler is called, and waits for its gate.
fn counted(answers: Answers) -> (Engine, Arc<AtomicU32>, Arc<Notify>) {
    let (calls, gate) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
    let (counter, handler_gate) = (calls.clone(), gate.clone());
    let handler = move |turn: Turn, task: TaskUpdater| {
        let gate = handler_gate.clone();
        counter.fetch_add(1, Ordering::SeqCst);
        async move {
            match turn.text().as_str() {
                "wait" => gate.notified().await,
                "fail" => return Err(HandlerError::new("no")),
                "ask" => return task.input_required("what?").await,
                _ => {}
            }
            task.reply(format!("heard {}", turn.text())).await
        }
    };
    (engine(Skill::new("count", handler).answers(answers)), calls, gate)
}

#[tokio::test]
async fn a_repeated_message_joins_its_first_task() {
    let (engine, calls, _) = counted(Answers::Task);
    let first = task(engine.send_message(once(), request("m", "hello")).await);
    let again = task(engine.send_message(once(), request("m", "hello")).await);
    assert_eq!(first, again);
    assert_eq!(calls.load(Ordering::SeqCst), 1);

    let stream = engine.send_streaming_message(once(), request("m", "hello")).await.unwrap();
    let last = stream.map(|event| event.unwrap()).collect::<Vec<_>>().await.pop().unwrap();
    assert_eq!(last.response.status().unwrap().state, TaskState::Completed);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn repeats_at_the_same_time_wait_for_the_first() {
    for answers in [Answers::Task, Answers::Message, Answers::Either] {
        let (engine, calls, gate) = counted(answers);
        let sends = join_all((0..5).map(|_| engine.send_message(once(), request("m", "wait"))));
        let (outcomes, ()) = tokio::join!(sends, async {
            tokio::task::yield_now().await;
            gate.notify_one();
        });
        let outcomes: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
        assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{answers:?}");
        assert_eq!(calls.load(Ordering::SeqCst), 1, "{answers:?}");
    }
}

#[tokio::test]
async fn a_repeated_message_gets_the_same_direct_answer() {
    let (engine, calls, _) = counted(Answers::Message);
    let first = engine.send_message(once(), request("m", "hello")).await.unwrap();
    let again = engine.send_message(once(), request("m", "hello")).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_message_that_was_refused_may_be_sent_again() {
    let (engine, calls, _) = counted(Answers::Message);
    for _ in 0..2 {
        let error = engine.send_message(once(), request("m", "fail")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
    }
    assert_eq!(calls.load(Ordering::SeqCst), 2, "no answer was kept");
}

#[tokio::test]
async fn the_same_id_with_other_words_is_refused() {
    let (engine, _, _) = counted(Answers::Task);
    engine.send_message(once(), request("m", "hello")).await.unwrap();
    let error = engine.send_message(once(), request("m", "something else")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidParams);
    assert_eq!(error.field_violations()[0].field, "message.messageId");
}

#[tokio::test]
async fn without_the_extension_every_message_is_new() {
    let (engine, calls, _) = counted(Answers::Task);
    let first = task(engine.send_message(CallContext::new(), request("m", "hello")).await);
    let second = task(engine.send_message(CallContext::new(), request("m", "hello")).await);
    assert_ne!(first.id, second.id);
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_repeated_follow_up_is_said_once() {
    let (engine, calls, _) = counted(Answers::Task);
    let asked = task(engine.send_message(once(), request("m1", "ask")).await);
    let mut answer = request("m2", "blue");
    answer.message.task_id = Some(asked.id.clone());
    let first = task(engine.send_message(once(), answer.clone()).await);
    let again = task(engine.send_message(once(), answer).await);
    assert_eq!(first, again);
    assert_eq!(first.status.state, TaskState::Completed);
    assert_eq!(first.history.iter().filter(|said| said.message_id == "m2").count(), 1);
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn follow_ups_at_the_same_time_are_answered_one_after_the_other() {
    let heard = |turn: Turn, task: TaskUpdater| async move {
        tokio::task::yield_now().await;
        task.artifact(turn.text()).write(turn.text()).await?;
        tokio::task::yield_now().await;
        task.input_required("more?").await
    };
    let engine = engine(Skill::new("hear", heard));
    let begun = task(engine.send_message(CallContext::new(), request("m", "first")).await);
    let follow_ups = (0..20).map(|index| {
        let mut request = request(&format!("m-{index}"), &format!("a{index}"));
        request.message.task_id = Some(begun.id.clone());
        engine.send_message(CallContext::new(), request)
    });
    for (index, answered) in join_all(follow_ups).await.into_iter().enumerate() {
        let answered = task(answered);
        assert_eq!(answered.status.state, TaskState::InputRequired);
        assert!(answered.artifact(&format!("a{index}")).is_some(), "a caller waits for the turn of its own message");
    }
    engine.idle().await;
}

/// Memory whose appends fail once they are told to.
#[derive(Default)]
struct Breaking {
    memory: MemoryStorage,
    broken: std::sync::atomic::AtomicBool,
}

impl Breaking {
    fn check(&self) -> Result<(), StorageError> {
        if self.broken.load(Ordering::SeqCst) { Err(StorageError::Failed("disk on fire".into())) } else { Ok(()) }
    }
}

impl TaskStorage for Breaking {
    fn create<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        events: Vec<Event>,
    ) -> BoxFuture<'a, Result<Revision, StorageError>> {
        Box::pin(async move {
            self.check()?;
            self.memory.create(scope, id, events).await
        })
    }

    fn append<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        expected: Revision,
        events: Vec<Event>,
    ) -> BoxFuture<'a, Result<Revision, StorageError>> {
        Box::pin(async move {
            self.check()?;
            self.memory.append(scope, id, expected, events).await
        })
    }

    fn snapshot<'a>(&'a self, scope: &'a Scope, id: TaskId) -> BoxFuture<'a, Result<Option<Snapshot>, StorageError>> {
        self.memory.snapshot(scope, id)
    }

    fn snapshot_at<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        revision: Revision,
    ) -> BoxFuture<'a, Result<Option<Snapshot>, StorageError>> {
        self.memory.snapshot_at(scope, id, revision)
    }

    fn events<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        after: Revision,
        limit: usize,
    ) -> BoxFuture<'a, Result<Option<Vec<Event>>, StorageError>> {
        self.memory.events(scope, id, after, limit)
    }

    fn list<'a>(&'a self, scope: &'a Scope, query: &'a ListQuery) -> BoxFuture<'a, Result<TaskPage, StorageError>> {
        self.memory.list(scope, query)
    }

    fn claim<'a>(&'a self, scope: &'a Scope, claim: Claim) -> BoxFuture<'a, Result<Claimed, StorageError>> {
        self.memory.claim(scope, claim)
    }

    fn settle<'a>(
        &'a self,
        scope: &'a Scope,
        message_id: &'a str,
        task: TaskId,
        answer: Option<Arc<Message>>,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        self.memory.settle(scope, message_id, task, answer)
    }
}

impl FleetStorage for Breaking {
    fn page_token_key(&self, candidate: [u8; 32]) -> BoxFuture<'_, Result<[u8; 32], StorageError>> {
        self.memory.page_token_key(candidate)
    }
}

#[tokio::test]
async fn a_storage_that_fails_is_an_internal_error_and_nobody_waits_for_ever() {
    for answers in [Answers::Task, Answers::Either] {
        let storage = Arc::new(Breaking::default());
        let breaks = storage.clone();
        let handler = move |turn: Turn, task: TaskUpdater| {
            let storage = breaks.clone();
            async move {
                if turn.text() == "later" {
                    task.working(()).await?;
                }
                storage.broken.store(true, Ordering::SeqCst);
                task.complete().await
            }
        };
        let engine = engine_on(storage.clone(), Skill::new("break", handler).answers(answers));
        for text in ["at once", "later"] {
            storage.broken.store(false, Ordering::SeqCst);
            let error = engine.send_message(CallContext::new(), request("m", text)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Internal, "{answers:?} {text}");
            assert!(!error.message().contains("fire"), "the cause is for the log");

            storage.broken.store(false, Ordering::SeqCst);
            let streamed = match engine.send_streaming_message(CallContext::new(), request("m", text)).await {
                Ok(stream) => stream.collect::<Vec<_>>().await.pop().unwrap().expect_err("an error at the end"),
                Err(error) => error,
            };
            assert_eq!(streamed.kind(), ErrorKind::Internal, "{answers:?} {text}");
        }
        engine.idle().await;
    }
}

#[tokio::test]
async fn an_engine_can_be_shared_as_a_service() {
    let (engine, calls, _) = counted(Answers::Message);
    let service: Arc<dyn AgentService> = Arc::new(engine);
    service.send_message(CallContext::new(), request("m", "hello")).await.unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}
