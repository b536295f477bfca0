//! Where tasks are kept: as logs, with their folds, scoped to whom they belong.

mod claim;
mod error;
mod lease;
mod listing;
mod push;
mod task_id;
mod writing;

use std::{sync::Arc, time::Duration};

use a2a_protocol_core::{Event, Message, Task, Timestamp};

use crate::BoxFuture;
pub use claim::{Claim, Claimed};
pub use error::StorageError;
pub use lease::{Holder, Lease, ReplicaId, Taken};
pub use listing::{ListQuery, Position, TaskPage};
pub use push::{PushConfigKey, PushConfigRow, PushFailure};
pub use task_id::{NotATaskId, TaskId};
pub use writing::{Author, Creation};

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

/// In place of the revision at which to append: wherever the log ends.
pub const AT_THE_END: Revision = Revision::MAX;

/// A task as of a revision.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The last event that is folded in.
    pub revision: Revision,
    /// The skill that answers the task.
    pub skill: Arc<str>,
    /// The fold.
    pub task: Arc<Task>,
    /// Whether the task has push configurations, so that whoever appends to its log has to see that
    /// they are told. Not a matter of the revision: it is as of now.
    pub has_push_configs: bool,
    /// Who runs the task; as of now, too.
    pub holder: Holder,
}

/// Keeps the tasks of many scopes. Every implementation passes the conformance suite.
pub trait TaskStorage: Send + Sync {
    /// Begins the log of a new task. All of it is stored, or nothing.
    ///
    /// # Errors
    /// `Refused` when the events do not fit together, else `Conflict` when the id is taken, else
    /// `Fenced` when the replica has not joined or is lost, else `Unclaimed`.
    fn create<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        creation: Creation,
    ) -> BoxFuture<'a, Result<Revision, StorageError>>;

    /// Appends to a log that has exactly `expected` events, or however many with [`AT_THE_END`]: so what
    /// callers say gets in, however fast a run writes. All events are stored, or none; they are stored
    /// when this returns. With the end of the task its lease ends.
    ///
    /// # Errors
    /// `NotFound`, `Fenced` when the lease is not the task's, else `Conflict` when the log is longer
    /// than expected, else `Refused`, else `Unclaimed`.
    fn append<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        expected: Revision,
        events: Vec<Event>,
        author: Author,
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
    /// with `None`, not at all, so that the id is free again. A claim that is used or answered already,
    /// or is for another task, is left as it is.
    ///
    /// # Errors
    /// `Unclaimed` when there is an answer and the message is not claimed for this task, or was stored
    /// there.
    fn settle<'a>(
        &'a self,
        scope: &'a Scope,
        message_id: &'a str,
        task: TaskId,
        answer: Option<Arc<Message>>,
    ) -> BoxFuture<'a, Result<(), StorageError>>;

    /// Stores a push configuration of a task, which may have ended: in place of the one that has its
    /// id, as [`PushConfigRow::in_place_of`] says, or as one more, where the task has fewer than
    /// `most`. All of it at once, whoever else puts one. Configurations go when their task goes.
    ///
    /// # Errors
    /// `NotFound` when the scope has no such task, `Full` when the task has `most` others.
    fn put_push_config<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        row: PushConfigRow,
        most: usize,
    ) -> BoxFuture<'a, Result<(), StorageError>>;

    /// The push configuration of this id; `None` also when the task is not there.
    ///
    /// # Errors
    /// Only `Failed`.
    fn push_config<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<PushConfigRow>, StorageError>>;

    /// The push configurations of a task whose ids come after `after`, at most `limit` of them, in
    /// the order of the bytes of their ids; none when the task is not there.
    ///
    /// # Errors
    /// Only `Failed`.
    fn push_configs<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<PushConfigRow>, StorageError>>;

    /// Removes a push configuration, with its secrets. One that is not there is no error.
    ///
    /// # Errors
    /// Only `Failed`.
    fn delete_push_config<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        id: &'a str,
    ) -> BoxFuture<'a, Result<(), StorageError>>;
}

/// What the engine keeps for itself, for all scopes.
pub trait FleetStorage: Send + Sync {
    /// Has a replica join the others: what it runs is its own for so long, by the clock of the
    /// storage, and longer with every [`renew`](Self::renew).
    ///
    /// # Errors
    /// Only `Failed`.
    fn join(&self, replica: ReplicaId, time: Duration) -> BoxFuture<'_, Result<(), StorageError>>;

    /// Says that a replica is still there, for so long from now; `false` when it has been given up,
    /// or never joined: then it runs nothing any more, and joins as another.
    ///
    /// # Errors
    /// Only `Failed`.
    fn renew(&self, replica: ReplicaId, time: Duration) -> BoxFuture<'_, Result<bool, StorageError>>;

    /// Has a replica leave: whatever it still runs is orphaned.
    ///
    /// # Errors
    /// Only `Failed`.
    fn leave(&self, replica: ReplicaId) -> BoxFuture<'_, Result<(), StorageError>>;

    /// Takes the lease of a task that has not ended, for a replica that has joined, when nobody has
    /// it or who has it is lost. Of many who try at once, one gets it.
    ///
    /// # Errors
    /// `Fenced` when the replica has not joined, or is lost; else only `Failed`.
    fn take<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        replica: ReplicaId,
    ) -> BoxFuture<'a, Result<Taken, StorageError>>;

    /// Gives a lease back; the task is neither ended nor orphaned. `false`, and nothing changes, when
    /// the log has grown beyond `seen`. A lease that is not the task's any more counts as given back.
    ///
    /// # Errors
    /// Only `Failed`.
    fn release<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        lease: Lease,
        seen: Revision,
    ) -> BoxFuture<'a, Result<bool, StorageError>>;

    /// Tasks of an agent that somebody is to take, at most `limit` of them: lost replicas ran them, or
    /// they were left, or nobody has them although their logs have grown since they were given back.
    /// Those after `after` in an order of the storage's own, which does not change: so that what
    /// cannot be taken does not hide the rest.
    ///
    /// # Errors
    /// Only `Failed`.
    fn orphans<'a>(
        &'a self,
        agent: &'a str,
        after: Option<&'a (Scope, TaskId)>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Scope, TaskId)>, StorageError>>;

    /// Tasks of an agent that have paused before this time and that nobody has: they wait for their
    /// callers. At most `limit` of them, the longest first.
    ///
    /// # Errors
    /// Only `Failed`.
    fn paused<'a>(
        &'a self,
        agent: &'a str,
        before: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Scope, TaskId)>, StorageError>>;

    /// Forgets a piece of what the storage has been told to keep no longer than until now: logs and
    /// tasks that have ended, claims, replicas that are lost. `true` when there may be more.
    ///
    /// # Errors
    /// Only `Failed`.
    fn sweep(&self, now: Timestamp) -> BoxFuture<'_, Result<bool, StorageError>>;

    /// The key under which page tokens are sealed: made of `candidate` by whoever asks first, the
    /// same for all replicas ever after.
    ///
    /// # Errors
    /// Only `Failed`.
    fn page_token_key(&self, candidate: [u8; 32]) -> BoxFuture<'_, Result<[u8; 32], StorageError>>;

    /// Notes that a push configuration has been told everything up to this event. Never goes back;
    /// a configuration that is gone, or was replaced since it was read, is left as it is: `created`
    /// tells.
    ///
    /// # Errors
    /// Only `Failed`.
    fn advance_push<'a>(
        &'a self,
        key: &'a PushConfigKey,
        created: Timestamp,
        cursor: Revision,
    ) -> BoxFuture<'a, Result<(), StorageError>>;

    /// Notes that delivery to a push configuration was given up. One that is gone, or was replaced
    /// since it was read, is left as it is: `created` tells.
    ///
    /// # Errors
    /// Only `Failed`.
    fn fail_push<'a>(
        &'a self,
        key: &'a PushConfigKey,
        created: Timestamp,
        failure: PushFailure,
    ) -> BoxFuture<'a, Result<(), StorageError>>;

    /// Has a replica tell the webhooks of a task, which has joined, unless another one does that has
    /// been heard of: whether it is to.
    ///
    /// # Errors
    /// Only `Failed`.
    fn take_pushes<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        replica: ReplicaId,
    ) -> BoxFuture<'a, Result<bool, StorageError>>;

    /// Has a replica tell the webhooks of a task no more. `false`, and nothing changes, when it tells
    /// them and the log has grown beyond `seen`.
    ///
    /// # Errors
    /// Only `Failed`.
    fn release_pushes<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        replica: ReplicaId,
        seen: Revision,
    ) -> BoxFuture<'a, Result<bool, StorageError>>;

    /// The push configurations of an agent's tasks that have events to be told, were not given up,
    /// and are told by no replica that has been heard of, at most `limit` of them: those after
    /// `after` in an order of the storage's own, which does not change.
    ///
    /// # Errors
    /// Only `Failed`.
    fn pending_pushes<'a>(
        &'a self,
        agent: &'a str,
        after: Option<&'a PushConfigKey>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<PushConfigKey>, StorageError>>;
}

/// A storage with all that an engine needs.
pub trait Storage: TaskStorage + FleetStorage {}

impl<S: TaskStorage + FleetStorage> Storage for S {}
