//! The tasks that the cases are about.

use std::sync::Arc;

use a2a_protocol_core::{Artifact, Event, EventKind, Message, Part, Task, TaskState, Timestamp, log};

use crate::{Creation, PushConfigRow, ReplicaId, Revision, Scope, Snapshot, StorageError, TaskId, TaskStorage};

/// Who runs the tasks that the cases create. It has joined before they begin.
pub(super) const REPLICA: ReplicaId = ReplicaId::from_u128(1);

pub(super) fn scope(agent: &str) -> Scope {
    Scope { agent: agent.into(), tenant: None, owner: None }
}

/// The n-th id. Ids do not come in the order of their numbers.
pub(super) fn id(number: u64) -> TaskId {
    let mut random = Random(number);
    TaskId::from_random(u128::from(random.next()) << 64 | u128::from(random.next()))
}

/// A time some milliseconds into the suite.
pub(super) fn at(millis: u64) -> Timestamp {
    const BEGIN: i64 = 1_700_000_000_000;
    Timestamp::from_millis(BEGIN.saturating_add_unsigned(millis)).unwrap_or(Timestamp::UNIX_EPOCH)
}

pub(super) fn created(millis: u64, context: &str) -> Event {
    let mut message = Message::user(format!("message at {millis}"), "Please.");
    message.context_id = Some(context.into());
    let kind = EventKind::Created { context_id: context.into(), skill: "skill".into(), message: Arc::new(message) };
    Event { time: at(millis), kind }
}

pub(super) fn said(millis: u64, text: &str) -> Event {
    Event { time: at(millis), kind: EventKind::Message(Arc::new(Message::user(format!("message at {millis}"), text))) }
}

pub(super) fn status(millis: u64, state: TaskState) -> Event {
    Event { time: at(millis), kind: EventKind::status(state) }
}

pub(super) fn status_saying(millis: u64, state: TaskState, text: &str) -> Event {
    let message = Message::user(format!("status at {millis}"), text);
    let kind = EventKind::Status { state, message: Some(Arc::new(message)), metadata: None };
    Event { time: at(millis), kind }
}

pub(super) fn chunk(millis: u64, artifact: &str, text: &str, append: bool) -> Event {
    let artifact = Arc::new(Artifact::new(artifact, vec![Part::text(text)]));
    Event { time: at(millis), kind: EventKind::Artifact { artifact, append, last_chunk: false } }
}

pub(super) fn metadata(millis: u64, name: &str, value: &str) -> Event {
    let members = [(name.to_owned(), value.into())].into_iter().collect();
    Event { time: at(millis), kind: EventKind::Metadata(Box::new(members)) }
}

/// A log with an event of every kind.
pub(super) fn full_log() -> Vec<Event> {
    vec![
        created(1, "context"),
        status_saying(2, TaskState::Working, "On it."),
        chunk(3, "report", "one ", false),
        chunk(4, "report", "two ", true),
        metadata(5, "color", "green"),
        chunk(6, "picture", "a cat", false),
        status(7, TaskState::InputRequired),
        said(8, "More."),
        status(9, TaskState::Working),
        chunk(10, "report", "three", true),
        metadata(11, "color", "red"),
        chunk(12, "picture", "a dog", false),
        Event { time: at(13), kind: EventKind::CancelRequested },
        status_saying(14, TaskState::Canceled, "Stopped."),
    ]
}

/// Creates a task that [`REPLICA`] runs.
pub(super) async fn create(
    storage: &impl TaskStorage,
    scope: &Scope,
    id: TaskId,
    events: Vec<Event>,
) -> Result<Revision, StorageError> {
    storage.create(scope, id, Creation::new(events, REPLICA)).await
}

/// The same, with a push configuration.
pub(super) async fn create_with(
    storage: &impl TaskStorage,
    scope: &Scope,
    id: TaskId,
    events: Vec<Event>,
    push: PushConfigRow,
) -> Result<Revision, StorageError> {
    let creation = Creation { push: Some(Box::new(push)), ..Creation::new(events, REPLICA) };
    storage.create(scope, id, creation).await
}

/// The task that events make, as the domain folds them.
pub(super) fn fold(id: TaskId, events: &[Event]) -> Task {
    let mut task = good(log::begin(id.into(), &events[0]));
    events[1..].iter().for_each(|event| good(log::apply(&mut task, event)));
    task
}

/// What a call gave that has to succeed.
#[track_caller]
pub(super) fn good<T, E: std::fmt::Debug>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("failed: {error:?}"),
    }
}

#[track_caller]
pub(super) fn assert_conflict(result: Result<Revision, StorageError>, revision: Revision) {
    assert!(
        matches!(result, Err(StorageError::Conflict { current }) if current == revision),
        "expected a conflict at revision {revision}, got {result:?}"
    );
}

/// Checks that a task is exactly what these events make of it, however it is read.
pub(super) async fn assert_log(storage: &impl TaskStorage, scope: &Scope, id: TaskId, log: &[Event]) {
    let revision = log.len() as Revision;
    let task = Arc::new(fold(id, log));
    let expected = |found: Option<Snapshot>, what: &str| {
        let Some(Snapshot { holder, .. }) = found else { panic!("{what} is not there") };
        let (skill, task, has_push_configs) = ("skill".into(), task.clone(), false);
        assert_eq!(found, Some(Snapshot { revision, skill, task, has_push_configs, holder }), "{what}");
    };
    expected(good(storage.snapshot(scope, id).await), "the snapshot");
    expected(good(storage.snapshot_at(scope, id, revision).await), "the snapshot of the end");
    assert_eq!(good(storage.events(scope, id, 0, usize::MAX).await).as_deref(), Some(log), "the events");
    assert_eq!(good(storage.snapshot_at(scope, id, revision + 1).await), None, "the snapshot of what is to come");
}

/// Numbers that are the same in every run (splitmix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
