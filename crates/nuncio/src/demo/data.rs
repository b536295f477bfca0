//! The directory in which an agent keeps its tasks.

use std::{fs, io, path::Path};

use agent_sdk::{
    Agent, NatsBus, NatsOptions, PostgresBus, PostgresOptions, PostgresStorage, SqlFailureKind, SqliteStorage,
    ports::StorageError,
};

use crate::error::{Code, Failure};

/// Opens the tasks of a directory; makes both if they are not there.
pub(super) fn open(directory: &Path) -> Result<SqliteStorage, Failure> {
    make(directory).map_err(|error| {
        let place = directory.display();
        let message = match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => format!("{place} is not a directory"),
            _ => format!("cannot make the directory {place}: {error}"),
        };
        Failure::new(Code::Internal, message).hint("choose another place with --data")
    })?;
    SqliteStorage::open(directory.join("tasks.db")).map_err(|error| refused(&error, "--data"))
}

/// Has an agent keep its tasks in a database, and hear there, or from NATS, what its replicas write.
pub(super) async fn share(agent: Agent, database: &str, nats: Option<&str>) -> Result<Agent, Failure> {
    let options = PostgresOptions::new(database);
    let agent = match nats {
        Some(nats) => {
            agent.bus(NatsBus::open(&NatsOptions::new(nats)).await.map_err(|error| refused(&error, "--nats-url"))?)
        }
        None => agent.bus(PostgresBus::open(&options).await.map_err(|error| refused(&error, "--database-url"))?),
    };
    let storage = PostgresStorage::open(options).await.map_err(|error| refused(&error, "--database-url"))?;
    Ok(agent.storage(storage))
}

/// Makes a directory that is for this user only, with those above it. One that is there stays as it is.
fn make(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(directory)
}

/// Most of what can be the matter is said with what to do about it.
fn refused(error: &StorageError, option: &str) -> Failure {
    let kind = agent_sdk::SqlFailure::kind_of(error);
    let said = match error {
        StorageError::Failed(cause) => cause.to_string(),
        other => other.to_string(),
    };
    let failure = Failure::new(Code::Internal, said);
    match kind {
        Some(SqlFailureKind::InUse | SqlFailureKind::Newer | SqlFailureKind::Damaged) => {
            failure.hint(format!("choose another place with {option}"))
        }
        _ => failure,
    }
}
