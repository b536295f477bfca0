//! Where the demo agent keeps its tasks.

use a2a_task_storage::Retention;
use agent_sdk::{
    Agent, NatsBus, NatsOptions, PostgresBus, PostgresStorage, SqlFailure, SqlFailureKind, SqliteStorage,
    ports::StorageError,
};

use crate::{
    error::Failure,
    place::{self, Place},
};

/// Has an agent keep its tasks in a place, and where replicas share that, hear there or from NATS what
/// they write.
pub(super) async fn keep(
    agent: Agent,
    place: Place,
    nats: Option<String>,
    retention: Retention,
) -> Result<Agent, Failure> {
    match place {
        Place::Directory(directory) => {
            place::make(&directory)?;
            let mut options = place::file(&directory);
            options.retention = retention;
            Ok(agent.storage(SqliteStorage::open(options).map_err(|error| refused(&error, "--data"))?))
        }
        Place::Database(mut options) => {
            options.retention = retention;
            let agent = match nats {
                Some(nats) => {
                    let bus = NatsBus::open(&NatsOptions::new(nats)).await;
                    agent.bus(bus.map_err(|error| refused(&error, "--nats-url"))?)
                }
                None => {
                    let bus = PostgresBus::open(&options).await;
                    agent.bus(bus.map_err(|error| refused(&error, "--database-url"))?)
                }
            };
            let storage = PostgresStorage::open(options).await;
            Ok(agent.storage(storage.map_err(|error| refused(&error, "--database-url"))?))
        }
    }
}

/// Most of what can be the matter is said with what to do about it.
fn refused(error: &StorageError, option: &str) -> Failure {
    let failure = place::failed(error);
    match SqlFailure::kind_of(error) {
        Some(SqlFailureKind::InUse | SqlFailureKind::Newer | SqlFailureKind::Damaged) => {
            failure.hint(format!("choose another place with {option}"))
        }
        _ => failure,
    }
}
