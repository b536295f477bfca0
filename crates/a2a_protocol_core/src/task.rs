//! Tasks (sections 4.1.1 and 4.1.2).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Artifact, Message, Struct, TaskState, Timestamp, json};

/// The unit of work (section 4.1.1): what an agent does for a message, with its state, what it
/// produced and what was said.
///
/// Messages and artifacts are shared, so a clone costs a few pointers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Task {
    /// Given by the server.
    #[serde(deserialize_with = "json::nullable")]
    pub id: Arc<str>,
    /// The conversation it belongs to.
    #[serde(alias = "context_id", deserialize_with = "json::nullable", skip_serializing_if = "str::is_empty")]
    pub context_id: Arc<str>,
    /// Where it stands.
    #[serde(deserialize_with = "json::nullable")]
    pub status: TaskStatus,
    /// What it has produced so far.
    #[serde(deserialize_with = "json::list", skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Arc<Artifact>>,
    /// What was said, oldest first, without the message of the current status.
    #[serde(deserialize_with = "json::list", skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Arc<Message>>,
    /// Free members for extensions.
    #[serde(with = "json::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Box<Struct>>,
}

impl Default for Task {
    fn default() -> Self {
        Self::new(Arc::default(), Arc::default(), TaskStatus::default())
    }
}

impl Task {
    /// A task with the fields that are required.
    pub fn new(id: impl Into<Arc<str>>, context_id: impl Into<Arc<str>>, status: TaskStatus) -> Self {
        Self {
            id: id.into(),
            context_id: context_id.into(),
            status,
            artifacts: Vec::new(),
            history: Vec::new(),
            metadata: None,
        }
    }

    /// The artifact with this id.
    pub fn artifact(&self, artifact_id: &str) -> Option<&Artifact> {
        self.artifacts.iter().map(|artifact| &**artifact).find(|artifact| artifact.artifact_id == artifact_id)
    }

    /// Keeps the newest `length` messages of the history; `None` keeps all, 0 none (section 3.2.4).
    pub fn limit_history(&mut self, length: Option<u32>) {
        if let Some(length) = length {
            let surplus = self.history.len().saturating_sub(length as usize);
            self.history.drain(..surplus);
        }
    }
}

/// State, message and time of a task (section 4.1.2).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct TaskStatus {
    /// The state.
    #[serde(deserialize_with = "json::nullable")]
    pub state: TaskState,
    /// What the agent says about it.
    #[serde(deserialize_with = "json::optional", skip_serializing_if = "Option::is_none")]
    pub message: Option<Arc<Message>>,
    /// When it took this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
}

impl TaskStatus {
    /// A status with this state and nothing else.
    pub fn new(state: TaskState) -> Self {
        Self { state, ..Self::default() }
    }
}
