//! The port by which replicas wake each other.

use crate::{BoxStream, Revision, TaskId};

/// What one replica tells the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// The log of this task has reached this revision.
    Task(TaskId, Revision),
    /// Wake-ups may have been lost: whoever waits looks.
    All,
}

/// Carries wake-ups between the replicas of an agent, and nothing else: whoever is woken reads the
/// storage. One that is lost costs time, never an event, because whoever waits also looks once in a
/// while.
pub trait EventBus: Send + Sync {
    /// Tells the other replicas, soon, that the log of a task has grown; of several wake-ups for one
    /// task the latest is enough. Neither waits nor fails.
    fn publish(&self, task: TaskId, revision: Revision);

    /// What the others tell from now on. It ends with the bus; a lost connection is taken up again,
    /// and then says [`Wake::All`].
    fn subscribe(&self) -> BoxStream<'static, Wake>;
}
