//! The agent that is killed: this very program, started once more as a process of its own.

use std::{io::Read, path::PathBuf, sync::Arc, time::Duration};

use a2a_http_client::{Guard, Webhooks};
use a2a_task_storage::{NatsBus, NatsOptions, PostgresBus, PostgresOptions, PostgresStorage, SqliteStorage};
use agent_sdk::{EngineOptions, ServerOptions, prelude::*};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    recorder::Recorder,
    witness::{AtWork, Witness, told},
};

/// The variable that holds the settings of the process.
pub(crate) const SETTINGS: &str = "CRASHES_AGENT";
/// How often a message is given to handlers whose processes are lost.
pub(crate) const ATTEMPTS: u32 = 6;
/// What a handler says that has no more questions.
const ALL: &str = "that is all";
/// For how long a process that says nothing keeps what it runs.
pub(crate) const LEASE: Duration = Duration::from_millis(1500);
/// What it says on stdout before its address.
pub(crate) const LISTENS: &str = "listens on ";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) store: Store,
    /// How replicas wake each other, if not through the database.
    pub(crate) nats: Option<String>,
    /// Where callers reach the agent, whichever process that is.
    pub(crate) public_url: String,
    pub(crate) witness: PathBuf,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Store {
    Sqlite(PathBuf),
    Postgres(String),
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that the other tests start and kill"]
async fn agent_process() {
    // Whoever runs ignored tests did not mean this one.
    let Ok(settings) = std::env::var(SETTINGS) else { return };
    let settings: Settings = serde_json::from_str(&settings).unwrap();
    // It goes with whoever started it, however that ends.
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let level = std::env::var("CRASH_LOG").map_or(tracing::Level::WARN, |level| level.parse().unwrap());
    let ours = Targets::new().with_target("a2a", level);
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    tracing_subscriber::registry().with(log).with(ours).init();
    tokio::spawn(Witness::open(&settings.witness).watch_the_time());
    let serving = agent(&settings).await.bind("127.0.0.1:0").await.unwrap();
    println!("\n{LISTENS}{}", serving.local_addr());
    serving.serve().await;
}

async fn agent(settings: &Settings) -> Agent {
    let witness = Witness::open(&settings.witness);
    let mut server = ServerOptions::default();
    server.public_url = Some(settings.public_url.clone());
    let mut engine = EngineOptions::default();
    engine.lease_time = LEASE;
    engine.max_attempts = ATTEMPTS;
    engine.push.backoff.first = Duration::from_millis(20);
    engine.push.backoff.max = Duration::from_millis(200);
    let agent = Agent::new("Crashing", "Is killed again and again")
        .engine(engine)
        .server(server)
        .push(Webhooks::new(Guard::default().allow_local_networks(true)).unwrap())
        .skill(Skill::new("stream", "Stream").rerunnable(), handler(&witness, stream))
        .skill(Skill::new("steps", "Steps").rerunnable(), handler(&witness, steps))
        .skill(Skill::new("ask", "Ask").rerunnable(), handler(&witness, ask))
        .skill(Skill::new("fragile", "Fragile"), handler(&witness, stream))
        .skill(Skill::new("answer", "Answer").answers(Answers::Message), handler(&witness, answer));
    match &settings.store {
        Store::Sqlite(path) => agent.storage(Recorder::of(SqliteStorage::open(path).unwrap(), &witness)),
        Store::Postgres(url) => {
            // So that the database can tell who does what.
            let mut options = PostgresOptions::new(format!("{url}?application_name={}", std::process::id()));
            options.patience = Duration::from_secs(3);
            options.connections = 4;
            let agent = match &settings.nats {
                Some(nats) => agent.bus(NatsBus::open(&NatsOptions::new(nats)).await.unwrap()),
                None => agent.bus(PostgresBus::open(&options).await.unwrap()),
            };
            agent.storage(Recorder::of(PostgresStorage::open(options).await.unwrap(), &witness))
        }
    }
}

/// A handler that is witnessed at its work.
fn handler<F, R>(witness: &Arc<Witness>, work: F) -> impl MessageHandler
where
    F: Fn(Job, TaskUpdater) -> R + Copy + Send + Sync + 'static,
    R: Future<Output = Result<(), HandlerError>> + Send,
{
    let witness = witness.clone();
    move |turn: Turn, task: TaskUpdater| {
        let witness = witness.clone();
        async move {
            let restored = turn.restore()?;
            let at_work = witness.at_work(&turn, restored);
            work(Job::of(&turn, at_work, restored), task).await
        }
    }
}

/// What a message asks for: so many of what its skill does, with such pauses.
struct Job {
    at_work: AtWork,
    message: String,
    attempt: u32,
    count: u64,
    pause: Duration,
    restored: u64,
}

impl Job {
    fn of(turn: &Turn, at_work: AtWork, restored: Option<u64>) -> Self {
        let text = turn.text();
        let mut numbers = text.split(' ').map(|number| number.parse().unwrap());
        let (count, pause) = (numbers.next().unwrap(), Duration::from_millis(numbers.next().unwrap()));
        let (message, attempt) = (at_work.work().message.clone(), at_work.work().attempt);
        Self { at_work, message, attempt, count, pause, restored: restored.unwrap_or_default() }
    }
}

/// Appends to an artifact, from its beginning with every attempt.
async fn stream(job: Job, task: TaskUpdater) -> Result<(), HandlerError> {
    let mut artifact = task.artifact(&job.message);
    for index in 1..=job.count {
        sleep(job.pause).await;
        let text = format!("{}.{index} ", job.attempt);
        artifact.append(&*text).await?;
        job.at_work.told(told::artifact(&job.message, text));
    }
    artifact.finish().await?;
    job.at_work.told(told::artifact(&job.message, ""));
    Ok(())
}

/// Takes one step after the other, notes each, and goes on after the last one noted.
async fn steps(job: Job, task: TaskUpdater) -> Result<(), HandlerError> {
    for step in job.restored + 1..=job.count {
        let (id, text) = (format!("{} {step}", job.message), format!("{}.{step}", job.attempt));
        task.artifact(&*id).write(&*text).await?;
        job.at_work.told(told::artifact(&id, text));
        task.checkpoint(&step).await?;
        job.at_work.told(told::checkpoint(step));
        sleep(job.pause).await;
    }
    task.complete().await?;
    job.at_work.told(told::status(&TaskState::Completed, ""));
    Ok(())
}

/// Asks its caller so many times.
async fn ask(job: Job, task: TaskUpdater) -> Result<(), HandlerError> {
    let text = format!("{}.{}", job.message, job.attempt);
    task.working(&*text).await?;
    job.at_work.told(told::status(&TaskState::Working, text));
    sleep(job.pause).await;
    if job.count == 0 {
        task.reply(ALL).await?;
        job.at_work.told(told::status(&TaskState::Completed, ALL));
    } else {
        let text = format!("{} more", job.count);
        task.input_required(&*text).await?;
        job.at_work.told(told::status(&TaskState::InputRequired, text));
    }
    Ok(())
}

/// Answers without a task.
async fn answer(job: Job, task: TaskUpdater) -> Result<(), HandlerError> {
    sleep(job.pause).await;
    task.reply(format!("{}.{}", job.message, job.attempt)).await
}
