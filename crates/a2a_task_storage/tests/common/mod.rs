//! Tasks to store, and what every SQL storage has to do besides the conformance suite.

#![allow(dead_code, reason = "every test file uses another part")]
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

pub(crate) mod admin;
pub(crate) mod damage;
pub(crate) mod migration;
pub(crate) mod retention;

use std::{sync::Arc, time::Duration};

use a2a_app_ports::{Author, Creation, PushConfigRow, ReplicaId, Revision, Scope, Storage, StorageError, TaskId};
use a2a_protocol_core::{
    Artifact, Event, EventKind, Message, Part, ProtocolVersion, Task, TaskPushNotificationConfig, TaskState, Timestamp,
    log,
};

pub(crate) const REPLICA: ReplicaId = ReplicaId::from_u128(1);
pub(crate) const LONG: Duration = Duration::from_secs(3600);

pub(crate) fn scope() -> Scope {
    Scope { agent: "agent".into(), tenant: None, owner: Some("owner".into()) }
}

pub(crate) fn id(number: u64) -> TaskId {
    TaskId::from_u128(u128::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64 | u128::from(number))
}

pub(crate) fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + i64::try_from(millis).unwrap()).unwrap()
}

pub(crate) fn created(millis: u64) -> Event {
    let message = Arc::new(Message::user("message", "Please."));
    let kind = EventKind::Created { context_id: "context".into(), skill: "skill".into(), message };
    Event { time: at(millis), kind }
}

pub(crate) fn said(millis: u64, name: &str) -> Event {
    Event { time: at(millis), kind: EventKind::Message(Arc::new(Message::user(name, "More."))) }
}

pub(crate) fn status(millis: u64, state: TaskState) -> Event {
    Event { time: at(millis), kind: EventKind::status(state) }
}

pub(crate) fn chunk(millis: u64, text: &str, append: bool) -> Event {
    let artifact = Arc::new(Artifact::new("report", vec![Part::text(text)]));
    Event { time: at(millis), kind: EventKind::Artifact { artifact, append, last_chunk: false } }
}

/// Text that cannot be made smaller.
pub(crate) fn noise(seed: u64, length: usize) -> String {
    let numbers = std::iter::successors(Some(seed), |state| Some(state.wrapping_add(0x9e37_79b9_7f4a_7c15)));
    let hashes = numbers.map(|number| (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9));
    hashes
        .take(length / 16)
        .map(|hash| format!("{:016x}", (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb)))
        .collect()
}

pub(crate) fn push(name: &str) -> PushConfigRow {
    let mut config = TaskPushNotificationConfig::default();
    config.id = Some(name.to_owned());
    config.url = "https://hook.example".to_owned();
    config.token = Some("secret".to_owned());
    PushConfigRow { config, version: ProtocolVersion::V1_0, created: at(0), cursor: 0, failure: None }
}

pub(crate) fn fold(id: TaskId, events: &[Event]) -> Task {
    let mut task = log::begin(id.into(), &events[0]).unwrap();
    events[1..].iter().for_each(|event| log::apply(&mut task, event).unwrap());
    task
}

/// Creates a task that [`REPLICA`] runs, which joins for it.
pub(crate) async fn create(
    storage: &impl Storage,
    scope: &Scope,
    id: TaskId,
    events: Vec<Event>,
) -> Result<Revision, StorageError> {
    storage.join(REPLICA, LONG).await?;
    storage.create(scope, id, Creation::new(events, REPLICA)).await
}

/// Creates a task with a push configuration, whose message is claimed for it.
pub(crate) async fn create_claimed(storage: &impl Storage, id: TaskId, events: Vec<Event>, push: PushConfigRow) {
    let mut creation = Creation::new(events, REPLICA);
    (creation.push, creation.claimed) = (Some(Box::new(push)), true);
    storage.create(&scope(), id, creation).await.unwrap();
}

/// Stores a task that ends after three events.
pub(crate) async fn run_to_end(storage: &impl Storage, number: u64, millis: u64) {
    create(storage, &scope(), id(number), vec![created(millis)]).await.unwrap();
    let rest = vec![chunk(millis, "done", false), status(millis, TaskState::Completed)];
    storage.append(&scope(), id(number), 1, rest, Author::Caller).await.unwrap();
}

pub(crate) async fn sweep_all(storage: &impl Storage, millis: u64) -> usize {
    let mut pieces = 1;
    while storage.sweep(at(millis)).await.unwrap() {
        pieces += 1;
        assert!(pieces < 1000, "it never ends");
    }
    pieces
}
