//! An agent whose processes are killed, halted and cut off while callers send, stream, follow up and
//! cancel; and what must be true of it afterwards. First each harm is done once for certain, then at
//! random. A run in which something did not happen that must is as wrong as one that lost something.
//!
//! `CRASHES` says how often a process is killed at random, `CRASH_SEED` what chance does: each caller
//! plays the same scenes with the same seed, and the same processes are harmed in the same way, one after
//! the other; who gets how far in between is not in its hands. A long run:
//!
//! ```text
//! CRASHES=300 CRASH_SEED=7 cargo test -p nuncio-agent-sdk --test crashes -- --nocapture
//! ```
//!
//! What went wrong is told with the logs of the tasks and of the processes; `CRASH_LOG=debug` has more
//! of the latter.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![cfg(unix)]

mod agent;
mod caller;
mod calls;
mod database;
mod dice;
mod door;
mod hooks;
mod judge;
mod ledger;
#[path = "../../../a2a_task_storage/tests/common/nats.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod nats;
#[path = "../../../a2a_task_storage/tests/common/postgres.rs"]
mod postgres;
mod process;
mod reaper;
mod recorder;
mod witness;
mod world;

use world::World;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_by_an_agent_with_a_file_that_is_killed() {
    World::with_a_file().await.run().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_by_replicas_that_are_killed_and_cut_off() {
    World::with_a_database("woken_by_it", None).await.run().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_by_replicas_whose_bus_is_stopped_and_started() {
    World::with_a_database("woken_by_nats", Some(nats::Server::new())).await.run().await;
}
