//! What a storage can be asked by whoever looks after it: all tasks of all scopes, whole.

use std::sync::Arc;

use a2a_app_ports::{BoxFuture, PushConfigRow, ReplicaId, Revision, Scope, StorageError, TaskId};
use a2a_protocol_core::{Event, Message, Task, TaskState, Timestamp};

/// A task as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredTask {
    /// Its place in the order in which tasks came into this storage.
    pub place: u64,
    /// To whom it belongs.
    pub scope: Scope,
    /// Its id.
    pub id: TaskId,
    /// Its conversation.
    pub context_id: Arc<str>,
    /// The skill that answers it.
    pub skill: Arc<str>,
    /// Its state.
    pub state: TaskState,
    /// When it got there.
    pub status_time: Timestamp,
    /// How many events have happened to it.
    pub revision: Revision,
    /// Whether all of them are there. When the replay window is over, only the task itself is.
    pub has_log: bool,
    /// The newest fencing token.
    pub fence: u64,
    /// The replica that runs it, which may be lost.
    pub holder: Option<ReplicaId>,
    /// Whether nobody runs it although its log has grown since it was given back.
    pub waits: bool,
}

/// How a task came about, as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub enum History {
    /// All that has happened to it.
    Log(Vec<Event>),
    /// The log is gone: the task as it ended.
    Snapshot(Arc<Task>),
}

/// All that is stored of a task.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TaskRecord {
    /// What it is. Its place is that of the storage it was read from.
    pub task: StoredTask,
    /// How it came about.
    pub history: History,
    /// Its push configurations, which hold secrets.
    pub push_configs: Vec<PushConfigRow>,
}

/// A claimed message id.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClaimRecord {
    /// To whom it belongs.
    pub scope: Scope,
    /// The id that the caller chose.
    pub message_id: Box<str>,
    /// A digest of what the request says.
    pub digest: [u8; 32],
    /// The task for which it is claimed.
    pub task: TaskId,
    /// Who has claimed it.
    pub replica: ReplicaId,
    /// When it may be forgotten.
    pub expires: Timestamp,
    /// The place of its message in the log of the task, once it is stored there.
    pub place: Option<Revision>,
    /// The message that was the answer, where no task was.
    pub answer: Option<Arc<Message>>,
}

/// Which tasks to forget. None is forgotten that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prune {
    /// Those that ended before this time.
    EndedBefore(Timestamp),
    /// All but so many of all scopes together: those that ended longest ago go.
    Keep(u64),
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The task it is about, where it is about one.
    pub task: Option<TaskId>,
    /// What is the matter. Holds no secrets.
    pub what: String,
}

/// A piece of what is stored.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Piece<T, P> {
    /// What was found there, in the order of their places.
    pub found: Vec<T>,
    /// What cannot be read, and is passed over.
    pub damaged: Vec<Finding>,
    /// The place after which the next piece begins, unless this is the last.
    pub next: Option<P>,
}

/// The place of a claim, in an order of the storage's own.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimPlace {
    pub(crate) scope: i64,
    pub(crate) message_id: String,
}

/// A piece of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checked {
    /// How many tasks were looked at.
    pub tasks: u64,
    /// How many events of theirs.
    pub events: u64,
    /// What is not as it should be.
    pub findings: Vec<Finding>,
    /// The place of the last of them, unless it was the last of all.
    pub next: Option<u64>,
}

/// Looks after a storage over a database, [`SqlStorage`](crate::SqlStorage). Knows no scopes, so it is
/// for operators and never for peers.
///
/// What it reads of one task is of one moment, also while a server uses the storage. Damage comes as
/// an error of kind [`Damaged`](crate::SqlFailureKind::Damaged) where one thing was asked for, else as
/// findings.
pub trait StoreAdmin: Send + Sync {
    /// At most `limit` tasks whose place comes after this one, in the order of their places.
    ///
    /// # Errors
    /// Only `Failed`.
    fn tasks(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Piece<StoredTask, u64>, StorageError>>;

    /// All that is stored of a task; `None` when there is none of this id.
    ///
    /// # Errors
    /// Only `Failed`; where the log has a gap, too.
    fn record(&self, id: TaskId) -> BoxFuture<'_, Result<Option<TaskRecord>, StorageError>>;

    /// At most `limit` claims after this place.
    ///
    /// # Errors
    /// Only `Failed`.
    fn claims<'a>(
        &'a self,
        after: Option<&'a ClaimPlace>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Piece<ClaimRecord, ClaimPlace>, StorageError>>;

    /// Stores all of a task, at once; `false`, and nothing is stored, when its id is taken. What some
    /// replica ran elsewhere is orphaned here: an engine takes it over.
    ///
    /// # Errors
    /// `Refused` when the events do not fit together, else only `Failed`.
    fn import_task(&self, record: TaskRecord) -> BoxFuture<'_, Result<bool, StorageError>>;

    /// Stores a claim; `false`, and nothing is stored, when the scope has one of this message id.
    ///
    /// # Errors
    /// Only `Failed`.
    fn import_claim(&self, claim: ClaimRecord) -> BoxFuture<'_, Result<bool, StorageError>>;

    /// How many tasks [`prune`](Self::prune) would forget.
    ///
    /// # Errors
    /// Only `Failed`.
    fn prunable(&self, what: Prune) -> BoxFuture<'_, Result<u64, StorageError>>;

    /// Forgets a piece of these tasks with all that belongs to them, whatever webhooks were still to be
    /// told; how many, and whether there are more. The room that they took is used again.
    ///
    /// # Errors
    /// Only `Failed`.
    fn prune(&self, what: Prune) -> BoxFuture<'_, Result<(u64, bool), StorageError>>;

    /// Checks at most `limit` tasks whose place comes after this one: whether each log is whole and
    /// folds, and whether snapshots and rows say what the logs say.
    ///
    /// # Errors
    /// Only `Failed`, and for no damage.
    fn check_tasks(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Checked, StorageError>>;

    /// Checks everything but the tasks: the files of the database, as far as it can, and whether
    /// counters, scopes, push configurations and claims fit the tasks.
    ///
    /// # Errors
    /// Only `Failed`, and for no damage.
    fn check_rest(&self) -> BoxFuture<'_, Result<Vec<Finding>, StorageError>>;
}
