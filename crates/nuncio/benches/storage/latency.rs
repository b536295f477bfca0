//! From an append at one replica to its arrival at a stream of another, on one PostgreSQL.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use agent_sdk::{
    NatsBus, NatsOptions, PostgresBus, PostgresOptions, PostgresStorage, prelude::*, protocol::StreamResponse,
};
use futures::{StreamExt, future::join_all};

use crate::{agent::agent, disk, nats, postgres, table};

/// How often a task appends.
const PACE: Duration = Duration::from_millis(50);

/// So often everything is measured, in turns.
const ROUNDS: u32 = 4;

/// A way in which replicas hear of each other, with so many tasks at once.
struct Way<'a> {
    nats: Option<&'a str>,
    tasks: usize,
    measured: Arc<Measured>,
}

/// What came of it, from the call of `append`.
#[derive(Default)]
struct Measured {
    /// Until the call returned.
    stored: Mutex<Vec<Duration>>,
    /// Until the chunk came out of the stream.
    arrived: Mutex<Vec<Duration>>,
}

pub(crate) fn run(time: Duration) {
    let (database, broker) = (postgres::Server::new(), nats::Server::new());
    disk::describe(&std::env::temp_dir());
    disk::describe_server(&database.url());
    let (database, nats) = (database.url(), broker.url());
    let ways = [(None, 1), (None, 16), (Some(&*nats), 1), (Some(&*nats), 16)];
    let ways = ways.map(|(nats, tasks)| Way { nats, tasks, measured: Arc::default() });
    for _ in 0..ROUNDS {
        for way in &ways {
            // One for each, with which its replicas go.
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(way.measure(&database, time / ROUNDS));
        }
    }
    table::print(&["", "stored, median", "arrived, median", "p90", "p99", "events"], &ways.map(|way| way.row()));
    println!("\nBoth from the call of `append`. A task appends every {}.", table::time(PACE));
}

impl Way<'_> {
    async fn measure(&self, database: &str, time: Duration) {
        let (measured, begun) = (self.measured.clone(), Instant::now());
        let handler = move |_: Turn, task: TaskUpdater| {
            let measured = measured.clone();
            async move { append(&task, &measured, begun, time).await }
        };
        let (one, other) =
            (replica(database, self.nats, handler.clone()).await, replica(database, self.nats, handler).await);
        join_all((0..self.tasks).map(|_| async {
            let Sent::Task(task) = one.start("append").await.unwrap() else { panic!("a message, not a task") };
            let mut events = other.task(task.id().clone()).watch().await.unwrap();
            while let Some(event) = events.next().await {
                let StreamResponse::ArtifactUpdate(update) = &event.unwrap().response else { continue };
                let called = Duration::from_nanos(update.artifact.text().parse().unwrap());
                self.measured.arrived.lock().unwrap().push(begun.elapsed() - called);
            }
        }))
        .await;
    }

    fn row(&self) -> Vec<String> {
        let way = if self.nats.is_some() { "NATS" } else { "NOTIFY" };
        let tasks = if self.tasks == 1 { "one task".to_owned() } else { format!("{} tasks at once", self.tasks) };
        let (stored, arrived) = (self.measured.stored.lock().unwrap(), self.measured.arrived.lock().unwrap());
        let at = |values: &[Duration], part| table::time(table::quantile(values, part).unwrap_or_default());
        let parts = [at(&stored, 0.5), at(&arrived, 0.5), at(&arrived, 0.9), at(&arrived, 0.99)];
        let name = format!("{way}, {tasks}");
        [name].into_iter().chain(parts).chain([table::whole(arrived.len() as f64)]).collect()
    }
}

/// A replica with a pool and a bus of its own, as a caller reaches it.
async fn replica(database: &str, nats: Option<&str>, handler: impl MessageHandler) -> Client {
    let options = PostgresOptions::new(database);
    let agent = agent(PostgresStorage::open(options.clone()).await.unwrap(), handler);
    let agent = match nats {
        Some(nats) => agent.bus(NatsBus::open(&NatsOptions::new(nats)).await.unwrap()),
        None => agent.bus(PostgresBus::open(&options).await.unwrap()),
    };
    let serving = agent.bind("127.0.0.1:0").await.unwrap();
    let url = serving.url();
    tokio::spawn(serving.serve_until(std::future::pending()));
    Client::builder().connect(&url).await.unwrap()
}

/// Appends for so long; each chunk says when it was called for.
async fn append(task: &TaskUpdater, measured: &Measured, begun: Instant, time: Duration) -> Result<(), HandlerError> {
    task.working(()).await?;
    let mut artifact = task.artifact("a1");
    while begun.elapsed() < time {
        tokio::time::sleep(PACE).await;
        let called = begun.elapsed();
        artifact.append(called.as_nanos().to_string()).await?;
        measured.stored.lock().unwrap().push(begun.elapsed() - called);
    }
    task.complete().await
}
