//! When a log is due for a snapshot.

use a2a_app_ports::{Revision, StorageError};
use a2a_protocol_core::{Task, TaskState};
use serde::{Deserialize, Serialize};

/// How much of a task is in its newest snapshot and in the events after that, as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Size {
    /// The revision of the snapshot; 0 is none.
    pub(crate) snapshot: Revision,
    /// What it takes.
    pub(crate) snapshot_bytes: u64,
    /// What the events after it take.
    pub(crate) tail_bytes: u64,
}

impl Size {
    /// Whether it is time for a snapshot: when the events after the last one take as much as it did,
    /// so that all snapshots together take no more than the log and a read is never longer than twice
    /// the task; earlier where a task will be read more than it grows; and at the end, after which the
    /// log may go.
    fn is_due(self, state: &TaskState) -> bool {
        let rests = matches!(state, TaskState::InputRequired | TaskState::AuthRequired);
        state.is_terminal()
            || self.tail_bytes >= self.snapshot_bytes.max(4096)
            || rests && self.tail_bytes >= (self.snapshot_bytes / 4).max(1024)
    }

    /// The body of the snapshot to store now, if one is.
    pub(crate) fn snapshot_now(&mut self, task: &Task, revision: Revision) -> Result<Option<String>, StorageError> {
        if !self.is_due(&task.status.state) {
            return Ok(None);
        }
        let body = serde_json::to_string(task).map_err(|error| StorageError::Failed(Box::new(error)))?;
        *self = Self { snapshot: revision, snapshot_bytes: body.len() as u64, tail_bytes: 0 };
        Ok(Some(body))
    }

    /// What is read to have the task.
    pub(crate) fn bytes(self) -> u64 {
        self.snapshot_bytes + self.tail_bytes
    }
}
