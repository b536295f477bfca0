//! Several demo servers on one database: any of them answers for any task.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![cfg(unix)]

#[path = "../../a2a_task_storage/tests/common/nats.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod nats;
#[path = "../../a2a_task_storage/tests/common/postgres.rs"]
mod postgres;

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use agent_sdk::prelude::*;
use futures::StreamExt as _;

const LONG: Duration = Duration::from_secs(30);

struct Replica {
    process: Child,
    url: String,
}

impl Replica {
    fn start(database: &str, nats: Option<&str>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nuncio"));
        command.args(["demo-server", "--listen", "127.0.0.1:0"]).env("A2ACLI_DATABASE_URL", database);
        command.args(nats.iter().flat_map(|nats| ["--nats-url", nats])).env("HOME", "/nonexistent");
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("URL: ").expect("it says where it listens").to_owned();
        Self { process, url }
    }

    async fn client(&self) -> Client {
        Client::builder().connect(&self.url).await.unwrap()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What is begun at one replica is watched, answered and cancelled at the other.
async fn any_answers_for_any(database: &str, nats: Option<&str>) {
    let replicas = [Replica::start(database, nats), Replica::start(database, nats)];
    let [one, other] = [replicas[0].client().await, replicas[1].client().await];
    let Sent::Task(held) = one.start("hold").await.unwrap() else { panic!("a message, not a task") };
    let id = held.id().clone();
    let mut events = other.task(id.clone()).watch().await.unwrap();
    let canceled = other.task(id.clone()).cancel().await.unwrap();
    assert_eq!(canceled.status.state, TaskState::Canceled);
    let mut last = None;
    while let Some(event) = tokio::time::timeout(LONG, events.next()).await.unwrap() {
        last = event.unwrap().response.status().map(|status| status.state.clone());
    }
    assert_eq!(last, Some(TaskState::Canceled), "the stream goes on to the end of the task");
    assert_eq!(one.task(id).get().await.unwrap().status.state, TaskState::Canceled);

    let Sent::Task(asked) = one.send("ask").await.unwrap() else { panic!("a message, not a task") };
    let Sent::Task(answered) = other.task(asked.id().clone()).reply("blue").await.unwrap() else { panic!("a message") };
    assert_eq!(answered.task().unwrap().status.state, TaskState::Completed);
    assert_eq!(one.task(asked.id().clone()).get().await.unwrap(), *answered.task().unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_on_one_database_wake_each_other_through_it() {
    let server = postgres::Server::get();
    any_answers_for_any(&server.url(), None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_on_one_database_wake_each_other_through_nats() {
    let (server, nats) = (postgres::Server::get(), nats::Server::new());
    any_answers_for_any(&server.url(), Some(&nats.url())).await;
}
