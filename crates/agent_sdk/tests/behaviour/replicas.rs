//! Several replicas of the agent on one database, of which any one gets a request.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use a2a_task_storage::{NatsBus, NatsOptions, PostgresBus, PostgresOptions, PostgresStorage};
use agent_sdk::{
    ConnectionOptions, EngineOptions, client_builder,
    ports::{BoxFuture, Reply},
    prelude::*,
    protocol::{
        AgentCard, Call, Error, GetTaskRequest, SendMessageRequest, SendMessageResponse, StreamResponse,
        SubscribeToTaskRequest, log,
    },
};
use tokio::sync::oneshot;

use crate::{
    bindings::{Binding, in_process},
    gates::Gates,
    servers,
    world::{all, briefs, next},
};

/// Answers each call by a random one of them. Which, `REPLICAS_SEED` decides.
pub(crate) struct Replicas {
    services: [Arc<dyn AgentService>; 3],
    random: Mutex<u64>,
}

impl Replicas {
    /// Three of this agent, each with connections of its own to one database that nobody else has.
    pub(crate) async fn of(agent: &Agent, binding: Binding) -> (Arc<dyn AgentService>, Arc<AgentCard>) {
        let database = Database::new(binding);
        let replica = async || in_process(database.replica(agent).await);
        let ((one, card), (two, _), (three, _)) = futures::join!(replica(), replica(), replica());
        let random = agent_sdk::host().random;
        let seed = std::env::var("REPLICAS_SEED").map_or_else(|_| random.random() as u64, |seed| seed.parse().unwrap());
        // Shown if the test fails.
        println!("REPLICAS_SEED={seed}");
        (Arc::new(Self { services: [one, two, three], random: Mutex::new(seed) }), card)
    }

    /// One of them, by SplitMix64.
    fn any(&self) -> &Arc<dyn AgentService> {
        let mut state = self.random.lock().unwrap();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = *state;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^= number >> 31;
        &self.services[(number % 3) as usize]
    }
}

impl AgentService for Replicas {
    fn handle(&self, context: CallContext, call: Call) -> BoxFuture<'_, Result<Reply, Error>> {
        self.any().handle(context, call)
    }
}

/// A schema of its own on the server that the tests share, and how those that use it wake each other.
struct Database {
    options: PostgresOptions,
    nats: Option<NatsOptions>,
}

impl Database {
    fn new(binding: Binding) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("test{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut options = PostgresOptions::new(servers::postgres().url());
        options.connections = 2;
        options.schema.clone_from(&name);
        let nats = (binding == Binding::Nats).then(|| {
            let mut options = NatsOptions::new(servers::nats().url());
            options.subject = name;
            options
        });
        Self { options, nats }
    }

    /// The agent as one of those that use it.
    async fn replica(&self, agent: &Agent) -> Agent {
        let agent = agent.clone().storage(PostgresStorage::open(self.options.clone()).await.unwrap());
        match &self.nats {
            Some(nats) => agent.bus(NatsBus::open(nats).await.unwrap()),
            None => agent.bus(PostgresBus::open(&self.options).await.unwrap()),
        }
    }
}

/// Says at which attempt it is, and waits at a gate of that attempt.
fn again(gates: &Gates) -> Agent {
    let gates = gates.clone();
    let skill = Skill::new("again", "Again").tag("test").rerunnable();
    Agent::new("Replicated", "Is run again").skill(skill, move |turn: Turn, task: TaskUpdater| {
        let gates = gates.clone();
        async move {
            let attempt = format!("attempt {}", turn.attempt());
            task.working(&*attempt).await?;
            gates.pass(&attempt).await;
            task.complete().await
        }
    })
}

async fn a_stream_goes_on_when_the_replica_that_runs_the_task_stops(binding: Binding) {
    let (database, gates) = (Database::new(binding), Gates::default());
    let mut engine = EngineOptions::default();
    engine.lease_time = Duration::from_secs(6);
    let mut limits = ConnectionOptions::default();
    limits.drain_time = Duration::ZERO;
    let agent = again(&gates).engine(engine).limits(limits);
    let serving = database.replica(&agent).await.bind("127.0.0.1:0").await.unwrap();
    let url = serving.url();
    let (stop, stopped) = oneshot::channel::<()>();
    let stops = tokio::spawn(serving.serve_until(async move { stopped.await.unwrap() }));
    let (one, two) = (client_builder().connect(&url).await.unwrap(), in_process(database.replica(&agent).await).0);
    let _three = in_process(database.replica(&agent).await).0;

    let mut request = SendMessageRequest::new(Message::user("m", "begin"));
    request.configuration.get_or_insert_default().return_immediately = true;
    let SendMessageResponse::Task(task) = one.send_message(CallContext::new(), request).await.unwrap() else {
        panic!("a message")
    };
    gates.wait("attempt 1", |gate| gate.entered).await;
    let subscribe = SubscribeToTaskRequest::new(&*task.id);
    let mut stream = two.subscribe_to_task(CallContext::new(), subscribe).await.unwrap();
    let StreamResponse::Task(first) = next(&mut stream).await.response.clone() else { panic!("not a task") };
    stop.send(()).unwrap();
    stops.await.unwrap();
    gates.wait("attempt 1", |gate| gate.dropped).await;
    gates.open("attempt 2");
    let rest = all(stream).await;
    assert_eq!(briefs(&rest), ["status working", "status completed"]);
    let mut folded = Task::clone(&first);
    rest.iter().for_each(|event| log::absorb(&mut folded, &event.response).unwrap());
    let stored = two.get_task(CallContext::new(), GetTaskRequest::new(&*task.id)).await.unwrap();
    assert_eq!(folded, *stored);
    assert_eq!(folded.history.last().unwrap().text(), "attempt 2");
}

crate::over_all_bindings!(
    if has_replicas;
    a_stream_goes_on_when_the_replica_that_runs_the_task_stops,
);
