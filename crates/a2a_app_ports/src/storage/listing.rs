//! Lists of tasks.

use std::sync::Arc;

use a2a_protocol_core::{Task, TaskState, Timestamp};

use super::TaskId;

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
    /// Nobody looks at their artifacts: they may be left out, where that takes less than to have them.
    pub without_artifacts: bool,
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
