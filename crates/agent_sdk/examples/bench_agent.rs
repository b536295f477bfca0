//! The agent that the load harness drives: the first word of a message says what to do.
//!
//! `msg …` a direct message · `task …` a task with one artifact · `chunks:N:SIZE` one artifact in N
//! chunks · `ychunks:N:SIZE` the same, giving way between chunks · `hold` nothing for 40 s.
//!
//! Run it with `cargo run --release --example bench_agent -- --listen 127.0.0.1:7300`.

use std::{net::SocketAddr, time::Duration};

use agent_sdk::{MemoryLimits, MemoryStorage, prelude::*};
use clap::Parser;

#[derive(Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:7300")]
    listen: SocketAddr,
}

async fn bench(turn: Turn, task: TaskUpdater) -> Result<(), HandlerError> {
    let text = turn.text();
    match text.split([' ', ':']).next().unwrap_or_default() {
        "msg" => return task.reply(format!("echo: {text}")).await,
        "chunks" | "ychunks" => {
            let mut numbers = text.split(':').skip(1).map(str::parse::<usize>);
            let mut number = |or, most| numbers.next().and_then(Result::ok).unwrap_or(or).min(most);
            let (count, chunk) = (number(10, 20_000), "x".repeat(number(16, 65_536)));
            task.working(()).await?;
            let mut artifact = task.artifact("a1");
            for _ in 1..count {
                artifact.append(chunk.as_str()).await?;
                if text.starts_with('y') {
                    tokio::task::yield_now().await;
                }
            }
            artifact.append_last(chunk).await?;
        }
        "hold" => {
            task.working(()).await?;
            tokio::time::sleep(Duration::from_secs(40)).await;
        }
        _ => {
            task.working(()).await?;
            task.artifact("a1").write(format!("echo: {text}")).await?;
        }
    }
    task.complete().await
}

#[tokio::main]
async fn main() -> Result<(), ServeError> {
    let Arguments { listen } = Arguments::parse();
    let limits = MemoryLimits { max_bytes: 4 << 30, ..MemoryLimits::default() };
    Agent::new("Bench", "Does what the load harness asks")
        .skill(Skill::new("bench", "Bench").tag("bench").answers(Answers::Either), bench)
        .storage(MemoryStorage::with_limits(limits))
        .serve(listen)
        .await
}
