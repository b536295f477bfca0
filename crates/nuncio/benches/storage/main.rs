//! What it costs to keep tasks: in memory, in a file, in PostgreSQL.
//!
//! `cargo bench -p nuncio --bench storage -- rates` sends tasks and chunks per second, with every
//! commit on the disk, beside the official Python SDK on the same PostgreSQL;
//! `-- latency` from an append at one replica to a stream at another;
//! `-- stored` lists, starts and sizes with many tasks stored.
//!
//! Each prints tables of Markdown. PostgreSQL and NATS are started here, with their data in a temporary
//! directory, which has to be on the disk that is to be measured (`TMPDIR` says where).

#![allow(clippy::unwrap_used, reason = "a panic is how a benchmark fails")]

mod agent;
mod disk;
mod http;
mod latency;
#[path = "../../../a2a_task_storage/tests/common/nats.rs"]
#[allow(dead_code, reason = "tests use more of it")]
mod nats;
#[path = "../../../a2a_task_storage/tests/common/postgres.rs"]
mod postgres;
mod rates;
mod server;
mod stored;
mod table;

use std::time::Duration;

use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// What cargo adds.
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Tasks and chunks per second.
    Rates {
        /// How often everything is measured.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// For how many seconds each time.
        #[arg(long, default_value_t = 3.0)]
        seconds: f64,
    },
    /// From an append at one replica to a stream at another.
    Latency {
        /// For how many seconds each way.
        #[arg(long, default_value_t = 20.0)]
        seconds: f64,
    },
    /// Lists, starts and sizes, with so many tasks stored.
    Stored {
        #[arg(default_values_t = [1_000, 100_000, 1_000_000])]
        tasks: Vec<u64>,
    },
    /// The agent, for the other commands.
    #[command(hide = true)]
    Serve {
        #[command(subcommand)]
        place: agent::Place,
    },
}

fn main() {
    match Arguments::parse().command {
        Command::Rates { rounds, seconds } => rates::run(rounds, Duration::from_secs_f64(seconds)),
        Command::Latency { seconds } => latency::run(Duration::from_secs_f64(seconds)),
        Command::Stored { tasks } => stored::run(&tasks),
        Command::Serve { place } => agent::serve(place),
    }
}
