//! Several engines on one storage, each with a process, a clock and a line of its own.

use std::sync::{Arc, Mutex};

use a2a_app_ports::{
    AgentOperations, AgentService, BoxFuture, BoxStream, CallContext, EventBus, Revision, TaskId, Wake,
};
use a2a_protocol_core::{AgentCard, Error, SendMessageRequest, SendMessageResponse, Task};
use a2a_task_engine::{Engine, EngineOptions, Skill};
use futures::{
    StreamExt,
    channel::mpsc::{UnboundedSender, unbounded},
};
use tokio::task::JoinHandle;

use super::{AGENT, Dice, Process, TestStorage, Webhooks, host_of, plain, task};

/// A bus within the process of the test.
#[derive(Default)]
pub struct Bus(Mutex<Vec<UnboundedSender<Wake>>>);

impl EventBus for Bus {
    fn publish(&self, task: TaskId, revision: Revision) {
        self.0.lock().unwrap().retain(|to| to.unbounded_send(Wake::Task(task, revision)).is_ok());
    }

    fn subscribe(&self) -> BoxStream<'static, Wake> {
        let (to, wakes) = unbounded();
        self.0.lock().unwrap().push(to);
        wakes.boxed()
    }
}

/// Engines for the same agent on the same storage.
pub struct Fleet {
    pub storage: Arc<TestStorage>,
    pub bus: Option<Arc<Bus>>,
    pub webhooks: Webhooks,
    replicas: Mutex<u64>,
}

/// One of them.
pub struct Replica {
    pub engine: Engine,
    pub storage: Arc<TestStorage>,
    pub process: Arc<Process>,
}

impl Fleet {
    pub fn new(bus: bool) -> Self {
        Self::on(TestStorage::default(), bus)
    }

    pub fn on(storage: TestStorage, bus: bool) -> Self {
        let bus = bus.then(Arc::default);
        Self { storage: Arc::new(storage), bus, webhooks: Webhooks::new(), replicas: Mutex::default() }
    }

    /// One more replica, which does nothing yet.
    pub fn idle_replica(&self, skill: Skill) -> Replica {
        self.idle_replica_with(skill, EngineOptions::default())
    }

    /// One more replica with these options, which does nothing yet.
    pub fn idle_replica_with(&self, skill: Skill, mut options: EngineOptions) -> Replica {
        let number = {
            let mut replicas = self.replicas.lock().unwrap();
            *replicas += 1;
            *replicas
        };
        let (storage, process) = (Arc::new(self.storage.line(number)), Arc::new(Process::default()));
        let mut card = AgentCard::default();
        card.name = AGENT.to_owned();
        card.capabilities.streaming = Some(true);
        card.capabilities.push_notifications = Some(true);
        options.bus = self.bus.clone().map(|bus| bus as Arc<dyn EventBus>);
        let push = Some(Arc::new(self.webhooks.clone()) as _);
        let host = host_of(number, process.clone());
        let engine = Engine::new(Arc::new(card), [skill], storage.clone(), push, host, options);
        Replica { engine, storage, process }
    }

    /// One more replica, which sees to what others leave.
    pub async fn replica(&self, skill: Skill) -> Replica {
        let replica = self.idle_replica(skill);
        replica.engine.resume().await.unwrap();
        replica
    }
}

impl Replica {
    /// A message sent to this replica, by somebody who waits for the answer.
    pub fn sending(&self, request: SendMessageRequest) -> JoinHandle<Result<SendMessageResponse, Error>> {
        let engine = self.engine.clone();
        self.process.run(async move { engine.send_message(plain(), request).await })
    }

    pub async fn send(&self, request: SendMessageRequest) -> Arc<Task> {
        task(self.sending(request).await.unwrap())
    }

    /// The process is gone, with whatever it was at.
    pub fn kill(&self) {
        self.process.kill();
    }
}

/// A service behind which each call goes to one of several engines.
#[derive(Clone)]
pub struct Balanced {
    pub engines: Vec<Engine>,
    pub dice: Arc<Dice>,
}

impl AgentService for Balanced {
    fn handle(
        &self,
        context: CallContext,
        call: a2a_protocol_core::Call,
    ) -> BoxFuture<'_, Result<a2a_app_ports::Reply, Error>> {
        let engine = self.dice.roll(u32::try_from(self.engines.len()).unwrap());
        self.engines[engine as usize].handle(context, call)
    }
}
