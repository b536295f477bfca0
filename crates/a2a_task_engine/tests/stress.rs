//! Random interleavings: a handler that does whatever handlers do, and callers that send, watch,
//! cancel and go away at any moment. What must hold holds in each of them.
//!
//! `STRESS_ROUNDS` says how many rounds each test makes (60), `STRESS_SEED` which seed is the first
//! (0). Where only one thread is at work, a seed gives the same interleaving every time.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::{
    collections::{HashMap, HashSet},
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use a2a_app_ports::{AgentOperations, CallContext, HandlerError, TaskUpdater, Turn};
use a2a_protocol_core::{EventKind, Message, StreamEvent, StreamResponse, SubscribeToTaskRequest, Task, log::absorb};
use support::{
    Balanced, Dice, Fleet, TestStorage, cancel, collect, follow_up, get, idle, immediately, once, plain, request,
    skill, task, within,
};
use tokio::{
    runtime::{Builder, Runtime},
    time::Instant,
};

/// What varies between the tests.
#[derive(Clone, Copy)]
struct Conditions {
    slow_storage: bool,
    /// Callers go away in the middle of their calls.
    vanishing: bool,
    /// Updaters and turns are used after their handler has returned.
    late: bool,
    /// Each call goes to one of so many replicas, which may wake each other.
    replicas: u32,
    bus: bool,
}

/// One engine, and callers that stay.
const CALM: Conditions = Conditions { slow_storage: false, vanishing: false, late: false, replicas: 1, bus: false };

/// One round: a task, its handler and its callers.
#[derive(Clone)]
struct Round {
    engine: Balanced,
    storage: Arc<TestStorage>,
    handler: Arc<Handler>,
    dice: Arc<Dice>,
    conditions: Conditions,
}

/// What handlers do, and how often each message was given to one.
struct Handler {
    dice: Arc<Dice>,
    late: bool,
    given: Mutex<HashMap<String, u32>>,
    kept: Mutex<Vec<TaskUpdater>>,
}

impl Handler {
    fn got(&self, message: &Message) {
        *self.given.lock().unwrap().entry(message.message_id.clone()).or_default() += 1;
    }

    async fn answer(self: Arc<Self>, turn: Turn, task: TaskUpdater) -> Result<(), HandlerError> {
        let dice = &self.dice;
        self.got(&turn.message);
        if dice.one_in(40) {
            // Like a panic, without its print.
            std::panic::resume_unwind(Box::new("on purpose"));
        }
        let mut cancelled = dice.one_in(3).then(|| Box::pin(turn.cancelled()));
        for _ in 0..dice.roll(12) {
            pause(dice).await;
            if let Some(cancelled) = &mut cancelled
                && futures::poll!(cancelled).is_ready()
            {
                task.artifact("tidied").write("up").await?;
                return if dice.one_in(2) { Ok(()) } else { task.complete().await };
            }
            self.step(&turn, &task).await?;
        }
        match dice.roll(10) {
            0..4 => task.input_required("what?").await,
            4 => task.complete().await,
            5 => task.reply("done").await,
            6 => {
                task.complete().await?;
                pause(dice).await;
                Ok(())
            }
            7 => {
                let paused = task.input_required("what?").await;
                pause(dice).await;
                paused
            }
            8 => task.auth_required("who?").await,
            _ => Ok(()),
        }
    }

    async fn step(self: &Arc<Self>, turn: &Turn, task: &TaskUpdater) -> Result<(), HandlerError> {
        let dice = &self.dice;
        match dice.roll(14) {
            0 | 1 => task.working("on it").await?,
            2..6 => task.artifact("text").append("more").await?,
            6 => {
                futures::try_join!(task.progress(0.1), task.progress(0.2), task.working(()))?;
            }
            7 => {
                let several = (0..3).map(|_| {
                    let task = task.clone();
                    tokio::spawn(async move {
                        for _ in 0..3 {
                            // Refused once the task has been cancelled.
                            let _ = task.progress(0.5).await;
                        }
                    })
                });
                futures::future::join_all(several).await;
            }
            8 => {
                tokio::select! {
                    biased;
                    message = turn.next() => self.got(&message),
                    () = pause(dice) => {}
                }
            }
            9 if self.late => self.record_late(task.clone()),
            10 if self.late => {
                let (handler, turn) = (self.clone(), turn.clone());
                tokio::spawn(async move {
                    if let Ok(message) = tokio::time::timeout(Duration::from_millis(2), turn.next()).await {
                        handler.got(&message);
                    }
                });
            }
            11 => {
                task.auth_required("who?").await?;
                pause(dice).await;
            }
            12 if dice.one_in(3) => return Err(HandlerError::new("gave up")),
            _ => {}
        }
        Ok(())
    }

    fn record_late(self: &Arc<Self>, task: TaskUpdater) {
        if self.dice.one_in(2) {
            self.kept.lock().unwrap().push(task);
            return;
        }
        let dice = self.dice.clone();
        tokio::spawn(async move {
            dice.dawdle(30).await;
            let _ = task.working("late").await;
        });
    }
}

async fn pause(dice: &Dice) {
    match dice.roll(8) {
        0 => tokio::time::sleep(Duration::from_micros(dice.roll(2000).into())).await,
        1..4 => dice.dawdle(3).await,
        _ => {}
    }
}

impl Round {
    fn new(seed: u64, conditions: Conditions) -> Self {
        let dice = Arc::new(Dice::new(seed));
        let late = conditions.late;
        let (given, kept) = Default::default();
        let handler = Arc::new(Handler { dice: dice.clone(), late, given, kept });
        let storage = if conditions.slow_storage { TestStorage::slow(seed) } else { TestStorage::default() };
        let fleet = Fleet::on(storage, conditions.bus);
        let answering = handler.clone();
        let skill = skill(move |turn, task| answering.clone().answer(turn, task));
        let engines = (0..conditions.replicas).map(|_| fleet.idle_replica(skill.clone()).engine).collect();
        let (engine, storage) = (Balanced { engines, dice: dice.clone() }, fleet.storage);
        Self { engine, storage, handler, dice, conditions }
    }

    async fn play(self) {
        let (id, stream) = self.begin().await;
        let callers = (0..self.dice.roll(8)).map(|number| tokio::spawn(self.clone().caller(id.clone(), number)));
        let callers: Vec<_> = callers.collect();
        // Ends what is paused, so that everybody gets home.
        tokio::time::sleep(Duration::from_millis((5 + self.dice.roll(20)).into())).await;
        let _ = cancel(&self.engine, &id).await;
        for caller in callers {
            within("a caller", caller).await.unwrap();
        }
        if let Some(events) = stream {
            assert_in_order(&within("the first stream", events).await.unwrap());
        }
        for engine in &self.engine.engines {
            idle(engine).await;
        }
        self.assert_sound(&id).await;
    }

    /// Begins the task; its stream may be read on.
    async fn begin(&self) -> (Arc<str>, Option<tokio::task::JoinHandle<Vec<Arc<StreamEvent>>>>) {
        let (engine, context, first) = (&self.engine, self.context(), request("first", "go"));
        match self.dice.roll(3) {
            0 => (task(engine.send_message(context, immediately(first)).await).id.clone(), None),
            1 => {
                let sent = within("the first answer", engine.send_message(context, first)).await;
                (task(sent).id.clone(), None)
            }
            _ => {
                let mut stream = engine.send_streaming_message(context, first).await.unwrap();
                let event = within("the first event", futures::StreamExt::next(&mut stream)).await.unwrap().unwrap();
                let id = event.response.task_id().unwrap().clone();
                (id, self.dice.one_in(2).then(|| tokio::spawn(collect(stream))))
            }
        }
    }

    fn context(&self) -> CallContext {
        if self.dice.one_in(2) { once() } else { plain() }
    }

    async fn caller(self, id: Arc<str>, number: u32) {
        pause(&self.dice).await;
        let vanishes = self.conditions.vanishing && self.dice.one_in(3);
        let message = format!("m{number}");
        let mut call = pin!(self.call(&id, &message));
        if vanishes {
            let moment = self.dice.dawdle(20);
            tokio::select! { biased; () = call.as_mut() => {}, () = moment => {} }
        } else {
            call.await;
        }
    }

    /// One call; that the task has ended by then is as good an answer as any.
    async fn call(&self, id: &Arc<str>, message: &str) {
        let (engine, dice, context) = (&self.engine, &self.dice, self.context());
        let said = follow_up(id, message, "more");
        match dice.roll(9) {
            0 | 1 => {
                let _ = engine.send_message(context, said).await;
            }
            2 => {
                if let Ok(stream) = engine.send_streaming_message(context, said).await {
                    assert_in_order(&collect(stream).await);
                }
            }
            3 => {
                if let Ok(stream) = engine.send_streaming_message(context, said).await {
                    let read = futures::StreamExt::take(stream, dice.roll(4) as usize);
                    assert_in_order(&collect(Box::pin(read)).await);
                }
            }
            4 => {
                let _ = engine.send_message(context, immediately(said)).await;
            }
            5 => {
                let _ = cancel(engine, id).await;
            }
            6 => self.watch(id, None).await,
            7 => self.watch(id, Some(u64::from(1 + dice.roll(5)))).await,
            _ => {
                let unread = engine.subscribe_to_task(plain(), SubscribeToTaskRequest::new(&**id)).await;
                dice.dawdle(5).await;
                drop(unread);
            }
        }
    }

    /// Watches the task to its end: the events give the task as it is stored.
    async fn watch(&self, id: &str, seen: Option<u64>) {
        let mut context = plain();
        context.last_event_id = seen;
        let Ok(stream) = self.engine.subscribe_to_task(context, SubscribeToTaskRequest::new(id)).await else { return };
        pause(&self.dice).await;
        let events = collect(stream).await;
        assert_in_order(&events);
        let (watched, stored) = (folded(&events), get(&self.engine, id).await);
        assert!(stored.status.state.is_terminal());
        assert_eq!((&watched.status, &watched.artifacts), (&stored.status, &stored.artifacts));
    }

    /// The task ended once, nothing came after that, and each message was said and heard at most once.
    async fn assert_sound(&self, id: &str) {
        let log = self.storage.log(id);
        let is_end = |kind: &EventKind| matches!(kind, EventKind::Status { state, .. } if state.is_terminal());
        assert_eq!(log.iter().filter(|event| is_end(&event.kind)).count(), 1);
        assert!(is_end(&log.last().unwrap().kind));
        let mut said = HashSet::new();
        for event in &log {
            if let EventKind::Created { message, .. } | EventKind::Message(message) = &event.kind {
                assert!(said.insert(&message.message_id), "{} was said twice", message.message_id);
            }
        }
        for (message, times) in self.handler.given.lock().unwrap().iter() {
            assert_eq!(*times, 1, "{message} was given to handlers");
        }
        // What is kept refers to the handler that keeps it.
        let kept = std::mem::take(&mut *self.handler.kept.lock().unwrap());
        for late in kept {
            late.working("late").await.unwrap_err();
        }
    }
}

fn assert_in_order(events: &[Arc<StreamEvent>]) {
    let places: Vec<_> = events.iter().filter_map(|event| event.sequence).collect();
    assert!(places.is_sorted_by(|earlier, later| earlier < later), "{places:?}");
}

fn folded(events: &[Arc<StreamEvent>]) -> Task {
    let StreamResponse::Task(task) = &events[0].response else { panic!("{:?}", events[0]) };
    let mut task = Task::clone(task);
    for event in &events[1..] {
        absorb(&mut task, &event.response).unwrap();
    }
    task
}

/// Names the seed when its round fails.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed with STRESS_SEED={}", self.0);
        }
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

fn play(runtime: impl Fn() -> Runtime, conditions: Conditions) {
    let first = setting("STRESS_SEED", 0);
    for seed in first..first + setting("STRESS_ROUNDS", 60) {
        let _named = Seed(seed);
        runtime().block_on(async {
            let begun = Instant::now();
            Round::new(seed, conditions).play().await;
            // Without a bus, or when it loses a word, those who wait look every five seconds.
            assert!(!conditions.bus || begun.elapsed() < Duration::from_secs(4), "a wake-up was lost");
        });
    }
}

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

fn several_threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap()
}

#[test]
fn tasks_are_sound_on_a_storage_in_memory() {
    play(one_thread, CALM);
}

#[test]
fn tasks_are_sound_on_a_slow_storage() {
    play(one_thread, Conditions { slow_storage: true, ..CALM });
}

#[test]
fn tasks_are_sound_though_callers_vanish() {
    for slow_storage in [false, true] {
        play(one_thread, Conditions { slow_storage, vanishing: true, ..CALM });
    }
}

#[test]
fn tasks_are_sound_though_handlers_outstay_their_turns() {
    for slow_storage in [false, true] {
        play(one_thread, Conditions { slow_storage, vanishing: true, late: true, ..CALM });
    }
}

#[test]
fn tasks_are_sound_on_several_threads() {
    for slow_storage in [false, true] {
        play(several_threads, Conditions { slow_storage, vanishing: true, ..CALM });
    }
}

#[test]
fn tasks_are_sound_on_several_replicas() {
    for (slow_storage, bus) in [(false, true), (true, true), (true, false)] {
        play(one_thread, Conditions { slow_storage, vanishing: true, late: true, replicas: 3, bus });
    }
    play(several_threads, Conditions { vanishing: true, replicas: 3, bus: true, ..CALM });
}
