//! Where tasks are kept: as logs, with their folds, scoped to whom they belong.

use std::{fmt, str::FromStr, sync::Arc};

use a2a_protocol_core::{Event, FoldError, Message, Task, TaskState, Timestamp};
use uuid::Uuid;

use crate::BoxFuture;

/// The id of a task: a UUID, written in the hyphenated lower-case form and read in no other, so
/// that a task has one name only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(u128);

impl TaskId {
    /// A random (version 4) UUID of these bits.
    pub fn from_random(bits: u128) -> Self {
        Self(uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().as_u128())
    }

    /// The bits of the UUID.
    pub fn as_u128(self) -> u128 {
        self.0
    }

    /// The UUID of these bits.
    pub fn from_u128(bits: u128) -> Self {
        Self(bits)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Uuid::from_u128(self.0).as_hyphenated().encode_lower(&mut Uuid::encode_buffer()))
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<TaskId> for Arc<str> {
    fn from(id: TaskId) -> Self {
        Self::from(&*Uuid::from_u128(id.0).as_hyphenated().encode_lower(&mut Uuid::encode_buffer()))
    }
}

/// The text is not the name of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotATaskId;

impl fmt::Display for NotATaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a task id")
    }
}

impl std::error::Error for NotATaskId {}

impl FromStr for TaskId {
    type Err = NotATaskId;

    fn from_str(text: &str) -> Result<Self, NotATaskId> {
        if text.len() != 36 || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(NotATaskId);
        }
        Uuid::try_parse(text).map(|uuid| Self(uuid.as_u128())).map_err(|_| NotATaskId)
    }
}

/// To whom tasks belong. What is in one scope does not exist for another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    /// The agent, where a storage serves several.
    pub agent: Arc<str>,
    /// The tenant of the agent.
    pub tenant: Option<Arc<str>>,
    /// The caller, where callers are known.
    pub owner: Option<Arc<str>>,
}

/// How many events a log has: the sequence number of its last one.
pub type Revision = u64;

/// A task as of a revision.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The last event that is folded in.
    pub revision: Revision,
    /// The skill that answers the task.
    pub skill: Arc<str>,
    /// The fold.
    pub task: Arc<Task>,
}

/// A place in a list: after the task of this status time and id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The time of the task's status.
    pub time: Timestamp,
    /// The task.
    pub id: TaskId,
}

/// Which tasks to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Only tasks of this conversation.
    pub context_id: Option<Arc<str>>,
    /// Only tasks in this state.
    pub state: Option<TaskState>,
    /// Only tasks whose status is of this time or later.
    pub status_after: Option<Timestamp>,
    /// Only tasks after this place.
    pub after: Option<Position>,
    /// At most this many.
    pub limit: usize,
}

/// A page of a list: newest status first, then the greater id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskPage {
    /// The tasks.
    pub tasks: Vec<Arc<Task>>,
    /// The place after the last of them, if there are more.
    pub next: Option<Position>,
    /// How many tasks match, on all pages: exact.
    pub total: u64,
}

/// A claim of a message id under the idempotent-send extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The id that the caller chose.
    pub message_id: Box<str>,
    /// A digest of what the request says; a repeat says the same.
    pub digest: [u8; 32],
    /// The task that the message is to create.
    pub task: TaskId,
    /// Now.
    pub now: Timestamp,
    /// When the claim may be forgotten.
    pub expires: Timestamp,
}

/// How a claim went.
#[derive(Clone, Debug, PartialEq)]
pub enum Claimed {
    /// It is the first of its id.
    New,
    /// The id is claimed for this task, which may be yet to come.
    Task(TaskId),
    /// The id was answered by this message.
    Message(Arc<Message>),
    /// The id is claimed for a request that says something else.
    OtherContent,
}

/// Why a storage did not do what it was asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum StorageError {
    /// The scope has no such task.
    NotFound,
    /// The log is longer than the caller knew: nothing was written.
    Conflict {
        /// How long it is.
        current: Revision,
    },
    /// The events do not fit the task: nothing was written.
    Refused(FoldError),
    /// The storage itself failed.
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("no such task in this scope"),
            Self::Conflict { current } => write!(f, "the log is already at revision {current}"),
            Self::Refused(error) => write!(f, "the event does not fit: {error}"),
            Self::Failed(_) => f.write_str("the storage failed"),
        }
    }
}

impl std::error::Error for StorageError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(error) => Some(error),
            Self::Failed(cause) => Some(&**cause),
            Self::NotFound | Self::Conflict { .. } => None,
        }
    }
}

/// Keeps the tasks of many scopes. Every implementation passes the conformance suite.
pub trait TaskStorage: Send + Sync {
    /// Begins the log of a new task; the first event is its creation. All events are stored, or none.
    ///
    /// # Errors
    /// `Conflict` when the id is taken, `Refused` when the events do not fit together.
    fn create<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        events: Vec<Event>,
    ) -> BoxFuture<'a, Result<Revision, StorageError>>;

    /// Appends to a log that has exactly `expected` events. All events are stored, or none; they are
    /// stored when this returns.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` when the log is longer than expected, `Refused`.
    fn append<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        expected: Revision,
        events: Vec<Event>,
    ) -> BoxFuture<'a, Result<Revision, StorageError>>;

    /// The task as it stands.
    ///
    /// # Errors
    /// Only `Failed`.
    fn snapshot<'a>(&'a self, scope: &'a Scope, id: TaskId) -> BoxFuture<'a, Result<Option<Snapshot>, StorageError>>;

    /// The task as of an earlier revision; `None` also when the log does not reach there, or not
    /// back there any more.
    ///
    /// # Errors
    /// Only `Failed`.
    fn snapshot_at<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        revision: Revision,
    ) -> BoxFuture<'a, Result<Option<Snapshot>, StorageError>>;

    /// The events after a revision, oldest first, at most `limit` of them: event `after + 1` and on.
    /// `None` when the task is not there or the log does not reach back that far any more.
    ///
    /// # Errors
    /// Only `Failed`.
    fn events<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        after: Revision,
        limit: usize,
    ) -> BoxFuture<'a, Result<Option<Vec<Event>>, StorageError>>;

    /// A page of the scope's tasks.
    ///
    /// # Errors
    /// Only `Failed`.
    fn list<'a>(&'a self, scope: &'a Scope, query: &'a ListQuery) -> BoxFuture<'a, Result<TaskPage, StorageError>>;

    /// Claims a message id, atomically: of many that claim the same id at once, one gets `New`.
    ///
    /// # Errors
    /// Only `Failed`.
    fn claim<'a>(&'a self, scope: &'a Scope, claim: Claim) -> BoxFuture<'a, Result<Claimed, StorageError>>;

    /// Says how a message that is claimed for this task was answered without it: by this message, or,
    /// with `None`, not at all, so that the id is free again. A claim that is answered already, or is
    /// for another task, is left as it is.
    ///
    /// # Errors
    /// Only `Failed`.
    fn settle<'a>(
        &'a self,
        scope: &'a Scope,
        message_id: &'a str,
        task: TaskId,
        answer: Option<Arc<Message>>,
    ) -> BoxFuture<'a, Result<(), StorageError>>;
}

/// What the engine keeps for itself, for all scopes.
pub trait FleetStorage: Send + Sync {
    /// The key under which page tokens are sealed: made of `candidate` by whoever asks first, the
    /// same for all replicas ever after.
    ///
    /// # Errors
    /// Only `Failed`.
    fn page_token_key(&self, candidate: [u8; 32]) -> BoxFuture<'_, Result<[u8; 32], StorageError>>;
}

/// A storage with all that an engine needs.
pub trait Storage: TaskStorage + FleetStorage {}

impl<S: TaskStorage + FleetStorage> Storage for S {}
