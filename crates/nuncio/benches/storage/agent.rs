//! The agent that is measured, and where it keeps its tasks.

use std::{path::PathBuf, sync::Arc};

use agent_sdk::{
    MemoryLimits, MemoryStorage, PostgresBus, PostgresOptions, PostgresStorage, SqliteStorage, ports::Storage,
    prelude::*,
};

pub(crate) const NAME: &str = "Bench";
pub(crate) const SKILL: &str = "bench";
const CHUNK: &str = "a chunk of text.";

/// Where tasks are kept.
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Place {
    Memory,
    File { path: PathBuf },
    Database { url: String },
}

impl Place {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::File { .. } => "SQLite",
            Self::Database { .. } => "PostgreSQL",
        }
    }

    /// Where this place is on the disk, as arguments of this program.
    pub(crate) fn arguments(&self) -> Vec<String> {
        match self {
            Self::Memory => vec!["memory".to_owned()],
            Self::File { path } => vec!["file".to_owned(), path.display().to_string()],
            Self::Database { url } => vec!["database".to_owned(), url.clone()],
        }
    }
}

/// As much memory as a million tasks need.
pub(crate) fn memory() -> MemoryStorage {
    MemoryStorage::with_limits(MemoryLimits { max_bytes: 4 << 30, ..MemoryLimits::default() })
}

pub(crate) fn agent(storage: impl Into<Arc<dyn Storage>>, handler: impl MessageHandler) -> Agent {
    let skill = Skill::new(SKILL, "Bench").tag("bench").answers(Answers::Either);
    Agent::new(NAME, "Does what the benchmark asks").skill(skill, handler).storage(storage)
}

/// `chunks N` is a task with one artifact in so many chunks, anything else one with a small artifact.
pub(crate) async fn answer(turn: Turn, task: TaskUpdater) -> Result<(), HandlerError> {
    let text = turn.text();
    task.working(()).await?;
    match text.strip_prefix("chunks ").map(str::parse::<usize>) {
        Some(count) => {
            let mut artifact = task.artifact("a1");
            for _ in 1..count.map_err(|_| HandlerError::new("how many chunks?"))? {
                artifact.append(CHUNK).await?;
            }
            artifact.append_last(CHUNK).await?;
        }
        None => task.artifact("a1").write(format!("echo: {text}")).await?,
    }
    task.complete().await
}

/// Serves the agent, saying where on the first line of the standard output.
pub(crate) fn serve(place: Place) {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let agent = match place {
            Place::Memory => agent(memory(), answer),
            Place::File { path } => agent(SqliteStorage::open(path).unwrap(), answer),
            Place::Database { url } => {
                let options = PostgresOptions::new(url);
                let bus = PostgresBus::open(&options).await.unwrap();
                agent(PostgresStorage::open(options).await.unwrap(), answer).bus(bus)
            }
        };
        let serving = agent.bind("127.0.0.1:0").await.unwrap();
        println!("URL: {}", serving.url());
        serving.serve().await;
    });
}
