//! Tasks that are created, grow and are read, step by step.

use std::{pin::pin, sync::Arc, time::Duration};

use a2a_app_ports::{Author, Creation, ReplicaId, Scope, Storage, StorageError, TaskId};
use a2a_protocol_core::{Event, EventKind, Message, Timestamp};
use futures::future::{Either, select};
use http::StatusCode;

use crate::{Answer, Query, no, storages::failed};

const REPLICA: ReplicaId = ReplicaId::from_u128(1);
const LONG: Duration = Duration::from_secs(3600);

fn scope() -> Scope {
    Scope { agent: "agent".into(), tenant: None, owner: None }
}

fn id(task: &str) -> Option<TaskId> {
    task.parse().ok().map(TaskId::from_u128)
}

fn event(kind: EventKind) -> Event {
    Event { time: Timestamp::UNIX_EPOCH, kind }
}

fn revision(found: Result<u64, StorageError>) -> Answer {
    found.map_or_else(|error| failed(&error), |revision| (StatusCode::OK, revision.to_string()))
}

/// Creates a task of one event.
pub(crate) async fn create(storage: &impl Storage, task: &str) -> Answer {
    let Some(id) = id(task) else { return no(StatusCode::BAD_REQUEST, "the task has to be a number") };
    if let Err(error) = storage.join(REPLICA, LONG).await {
        return failed(&error);
    }
    let message = Arc::new(Message::user("first", "Please."));
    let created = EventKind::Created { context_id: "context".into(), skill: "skill".into(), message };
    revision(storage.create(&scope(), id, Creation::new(vec![event(created)], REPLICA)).await)
}

/// Reads a task: its revision.
pub(crate) async fn read(storage: &impl Storage, task: &str) -> Answer {
    let Some(id) = id(task) else { return no(StatusCode::BAD_REQUEST, "the task has to be a number") };
    match storage.snapshot(&scope(), id).await {
        Ok(Some(snapshot)) => (StatusCode::OK, snapshot.revision.to_string()),
        Ok(None) => no(StatusCode::NOT_FOUND, "there is no such task"),
        Err(error) => failed(&error),
    }
}

/// Appends events at a revision.
pub(crate) async fn append(storage: &impl Storage, task: &str, query: &Query) -> Answer {
    let Some(id) = id(task) else { return no(StatusCode::BAD_REQUEST, "the task has to be a number") };
    let Some(expected) = query.number("expected") else { return no(StatusCode::BAD_REQUEST, "expected: no number") };
    let events = (0..query.number("count").unwrap_or(1))
        .map(|_| event(EventKind::Message(Arc::new(Message::user("more", "More.")))))
        .collect();
    let scope = scope();
    let appended = storage.append(&scope, id, expected, events, Author::Caller);
    let patience = query.number("drop_after").or(query.number("trap_after"));
    let Some(patience) = patience else { return revision(appended.await) };
    match select(appended, pin!(wasip3::clocks::monotonic_clock::wait_for(patience * 1000))).await {
        Either::Left((appended, _)) => revision(appended),
        Either::Right(_) if query.number("trap_after").is_some() => panic!("as it was told"),
        Either::Right(_) => (StatusCode::ACCEPTED, String::new()),
    }
}
