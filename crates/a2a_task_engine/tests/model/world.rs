//! Replicas of an agent on one storage, and what befalls them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use a2a_app_ports::{
    Answers, BoxFuture, BoxStream, EventBus, PushOutcome, PushRequest, PushTransport, Revision, StorageError, TaskId,
    Wake,
};
use a2a_protocol_core::{AgentCard, Error, StreamEvent};
use a2a_task_engine::{Engine, EngineOptions};
use tokio::time::Instant;

use super::{
    executor::{Ahead, Process, Sim, Spawning},
    handlers,
    support::{AGENT, Bus, Dice, Line, TestStorage, Webhooks, busy, host_of},
};

/// So long after it is said to have failed an operation comes to its effect, if it does.
pub const LATEST: Duration = Duration::from_secs(60);

/// How much goes wrong, as long as anything does: one in so many, or nothing.
#[derive(Clone, Copy, Default)]
pub struct Weather {
    /// Operations that fail, before or after their effect.
    pub failing: u32,
    /// Operations that take seconds.
    pub slow: u32,
    /// Operations that come to their effect after they are said to have failed.
    pub late: u32,
    pub lost_wakes: u32,
    pub busy_webhooks: u32,
}

pub struct World {
    pub sim: Arc<Sim>,
    weather: Weather,
    pub calm: AtomicBool,
    pub storage: TestStorage,
    bus: Option<Arc<Bus>>,
    pub webhooks: Webhooks,
    /// What happens outside of all replicas.
    pub outside: Arc<Process>,
    pub replicas: Mutex<Vec<Arc<Replica>>>,
    pub rerunnable: bool,
    pub answers: Answers,
    pub notes: Mutex<Notes>,
    begin: Instant,
}

/// What callers and handlers have seen.
#[derive(Default)]
pub struct Notes {
    /// The tasks that callers know.
    pub known: BTreeSet<Arc<str>>,
    /// The messages that callers were told were taken, by task.
    pub said: Vec<(Arc<str>, String)>,
    /// The messages that may be given to handlers more than once.
    pub given_again: BTreeSet<String>,
    /// What repeats of a message were answered.
    pub answered: BTreeMap<String, BTreeSet<String>>,
    /// What handlers were told was stored, by task.
    pub recorded: Vec<(Arc<str>, String)>,
    /// Attempts at which messages were given to handlers.
    pub given: BTreeMap<String, Vec<u32>>,
    /// The handlers at work, by task: which one, and where.
    pub working: BTreeMap<Arc<str>, Vec<(u64, Arc<Process>)>>,
    pub watches: Vec<Watch>,
    /// Webhooks, with the task and how long its log was at most when they were configured.
    pub hooks: Vec<(String, Arc<str>, Revision)>,
    pub faults: Vec<String>,
}

/// What a watcher has seen.
#[derive(Default)]
pub struct Watch {
    pub events: Vec<Arc<StreamEvent>>,
    /// Whether it was to see the end of the task, and not only of a turn.
    pub to_the_end: bool,
    /// Whether the stream has ended, and how.
    pub ended: Option<Result<(), Error>>,
    /// Whether nobody watches any more.
    pub gone: bool,
}

pub struct Replica {
    pub engine: Engine,
    pub process: Arc<Process>,
    line: Arc<Wire>,
}

/// What happens to a replica's line to the storage.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    No,
    /// Operations fail.
    Refusing,
    /// Operations wait, and then fail.
    Hanging,
}

struct Wire {
    sim: Arc<Sim>,
    outside: Arc<Process>,
    begin: Instant,
    weather: Weather,
    cut: Mutex<Cut>,
    calm: AtomicBool,
}

impl Wire {
    fn chance(&self, one_in: u32) -> bool {
        one_in > 0 && !self.calm.load(Ordering::Relaxed) && self.sim.dice.one_in(one_in)
    }

    async fn way(&self) -> Result<(), StorageError> {
        if self.chance(self.weather.slow) {
            self.sim.pause(9000).await;
        } else if self.sim.dice.one_in(2) {
            self.sim.pause(20).await;
        }
        let cut = *self.cut.lock().unwrap();
        match cut {
            Cut::No => {}
            Cut::Refusing => return Err(StorageError::Failed("nobody there".into())),
            Cut::Hanging => {
                self.sim.pause(40_000).await;
                return Err(StorageError::Failed("no answer".into()));
            }
        }
        match self.chance(self.weather.failing) {
            true => Err(StorageError::Failed("lost".into())),
            false => Ok(()),
        }
    }
}

impl Line for Wire {
    fn now(&self) -> Instant {
        self.begin + self.sim.now()
    }

    fn there(&self) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(self.way())
    }

    fn back(&self) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(self.way())
    }

    fn is_on_its_way(&self) -> bool {
        self.sim.dice.one_in(2)
    }

    fn detain(&self, operation: BoxFuture<'static, ()>) -> Option<BoxFuture<'static, ()>> {
        let is_late = match *self.cut.lock().unwrap() {
            Cut::No => self.chance(self.weather.late),
            Cut::Hanging => self.sim.dice.one_in(2),
            Cut::Refusing => false,
        };
        if !is_late {
            return Some(operation);
        }
        let late = self.sim.pause(LATEST.as_millis() as u32);
        drop(self.outside.run(async move {
            late.await;
            operation.await;
        }));
        None
    }
}

/// A bus that loses wake-ups.
struct LossyBus {
    bus: Arc<Bus>,
    wire: Arc<Wire>,
}

impl EventBus for LossyBus {
    fn publish(&self, task: TaskId, revision: Revision) {
        if !self.wire.chance(self.wire.weather.lost_wakes) {
            self.bus.publish(task, revision);
        }
    }

    fn subscribe(&self) -> BoxStream<'static, Wake> {
        self.bus.subscribe()
    }
}

/// The way to the webhooks, on which requests and answers are lost.
struct Hooks {
    webhooks: Webhooks,
    wire: Arc<Wire>,
}

impl PushTransport for Hooks {
    fn check<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        self.webhooks.check(url)
    }

    fn deliver(&self, request: PushRequest) -> BoxFuture<'_, PushOutcome> {
        Box::pin(async move {
            let busy_one_in = self.wire.weather.busy_webhooks;
            self.wire.sim.pause(30).await;
            if self.wire.chance(busy_one_in) {
                return busy();
            }
            let outcome = self.webhooks.deliver(request).await;
            self.wire.sim.pause(30).await;
            if self.wire.chance(busy_one_in) { busy() } else { outcome }
        })
    }
}

impl World {
    pub fn new(seed: u64) -> Arc<Self> {
        let sim = Sim::new(seed);
        let dice = &sim.dice;
        let some = |dice: &Dice, sides: [u32; 4]| sides[dice.roll(4) as usize];
        let weather = Weather {
            failing: some(dice, [0, 0, 60, 12]),
            slow: some(dice, [0, 0, 40, 10]),
            late: some(dice, [0, 0, 60, 15]),
            lost_wakes: some(dice, [0, 20, 4, 1]),
            busy_webhooks: some(dice, [0, 20, 5, 3]),
        };
        let bus = (!dice.one_in(4)).then(Arc::default);
        let rerunnable = dice.one_in(2);
        let answers = if dice.one_in(3) { Answers::Either } else { Answers::Task };
        let storage = match dice.one_in(3) {
            true => TestStorage::keeping_logs(Duration::from_secs(dice.roll(10).into())),
            false => TestStorage::default(),
        };
        Arc::new(Self {
            weather,
            calm: AtomicBool::default(),
            storage,
            bus,
            webhooks: Webhooks::new(),
            outside: Process::new(&sim),
            replicas: Mutex::default(),
            rerunnable,
            answers,
            notes: Mutex::default(),
            begin: Instant::now(),
            sim,
        })
    }

    pub fn notes(&self) -> std::sync::MutexGuard<'_, Notes> {
        self.notes.lock().unwrap()
    }

    pub fn fault(&self, what: String) {
        self.notes().faults.push(what);
    }

    /// One more replica.
    pub fn start(self: &Arc<Self>) {
        let process = Process::new(&self.sim);
        let (sim, begin, weather) = (self.sim.clone(), self.begin, self.weather);
        let calm = AtomicBool::new(self.calm.load(Ordering::Relaxed));
        let (outside, cut) = (self.outside.clone(), Mutex::new(Cut::No));
        let line = Arc::new(Wire { sim, outside, begin, weather, cut, calm });
        let mut card = AgentCard::default();
        card.name = AGENT.to_owned();
        card.capabilities.streaming = Some(true);
        card.capabilities.push_notifications = Some(true);
        let mut options = EngineOptions::default();
        options.bus = self.bus.clone().map(|bus| Arc::new(LossyBus { bus, wire: line.clone() }) as Arc<dyn EventBus>);
        let mut host = host_of(1 + self.sim.number(), Arc::new(Spawning(process.clone())));
        let ahead = Duration::from_millis(self.sim.dice.roll(3000).into());
        host.clock = Arc::new(Ahead(self.sim.clone(), ahead));
        let push = Arc::new(Hooks { webhooks: self.webhooks.clone(), wire: line.clone() });
        let storage = Arc::new(self.storage.by(line.clone()));
        let skill = handlers::skill(self, &process);
        let engine = Engine::new(Arc::new(card), [skill], storage, Some(push), host, options);
        let resumed = engine.clone();
        // One that cannot see to what is left at once does so later.
        drop(process.run(async move { drop(resumed.resume().await) }));
        self.replicas.lock().unwrap().push(Arc::new(Replica { engine, process, line }));
    }

    pub fn any(self: &Arc<Self>) -> Arc<Replica> {
        if self.replicas.lock().unwrap().is_empty() {
            self.start();
        }
        let replicas = self.replicas.lock().unwrap();
        replicas[self.sim.dice.roll(u32::try_from(replicas.len()).unwrap()) as usize].clone()
    }

    fn remove(&self, victim: &Arc<Replica>) {
        self.replicas.lock().unwrap().retain(|replica| !Arc::ptr_eq(replica, victim));
    }

    /// Something happens to one of them, which may last.
    pub async fn harm(self: Arc<Self>) {
        if self.calm.load(Ordering::Relaxed) {
            return;
        }
        let (victim, dice) = (self.any(), &self.sim.dice);
        let kind = dice.roll(8);
        tracing::trace!(kind, now = ?self.sim.now(), "harm");
        match kind {
            0 | 1 => {
                self.remove(&victim);
                victim.process.kill();
                if dice.one_in(2) {
                    self.sim.pause(50_000).await;
                }
                self.start();
            }
            2 => {
                self.start();
                self.remove(&victim);
                let engine = victim.engine.clone();
                let left = victim.process.run(async move { engine.leave().await });
                let _ = futures::future::select(left, self.sim.pause(20_000)).await;
                victim.process.kill();
            }
            3 | 4 => {
                let cut = if dice.one_in(2) { Cut::Refusing } else { Cut::Hanging };
                *victim.line.cut.lock().unwrap() = cut;
                self.sim.pause(60_000).await;
                *victim.line.cut.lock().unwrap() = Cut::No;
            }
            5 | 6 => {
                victim.process.stall(true);
                self.sim.pause(60_000).await;
                victim.process.stall(false);
            }
            _ => self.start(),
        }
    }

    /// From now on nothing goes wrong.
    pub fn calm(self: &Arc<Self>) {
        self.calm.store(true, Ordering::Relaxed);
        if self.replicas.lock().unwrap().is_empty() {
            self.start();
        }
        for replica in &*self.replicas.lock().unwrap() {
            replica.line.calm.store(true, Ordering::Relaxed);
            *replica.line.cut.lock().unwrap() = Cut::No;
            replica.process.stall(false);
        }
    }

    /// Ends all of it.
    pub fn end(&self) {
        self.outside.kill();
        for replica in std::mem::take(&mut *self.replicas.lock().unwrap()) {
            replica.process.kill();
        }
    }
}
