//! What a send answers and what streams carry (sections 3.2.3 and 4.2).

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{Artifact, InDialect, JsonDialect, Message, Struct, Task, TaskStatus, json, oneof::oneof};

/// A task has a new status (section 4.2.1).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct TaskStatusUpdateEvent {
    /// The task.
    #[serde(alias = "task_id", deserialize_with = "json::nullable")]
    pub task_id: Arc<str>,
    /// Its conversation.
    #[serde(alias = "context_id", deserialize_with = "json::nullable")]
    pub context_id: Arc<str>,
    /// The new status.
    #[serde(deserialize_with = "json::nullable")]
    pub status: TaskStatus,
    /// Free members for extensions.
    #[serde(with = "json::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Box<Struct>>,
}

impl TaskStatusUpdateEvent {
    /// An event with the fields that are required.
    pub fn new(task_id: impl Into<Arc<str>>, context_id: impl Into<Arc<str>>, status: TaskStatus) -> Self {
        Self { task_id: task_id.into(), context_id: context_id.into(), status, metadata: None }
    }
}

/// A task has produced an artifact, or a chunk of one (section 4.2.2).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct TaskArtifactUpdateEvent {
    /// The task.
    #[serde(alias = "task_id", deserialize_with = "json::nullable")]
    pub task_id: Arc<str>,
    /// Its conversation.
    #[serde(alias = "context_id", deserialize_with = "json::nullable")]
    pub context_id: Arc<str>,
    /// The artifact, or the chunk: its parts are what is new.
    #[serde(deserialize_with = "json::nullable")]
    pub artifact: Arc<Artifact>,
    /// Whether the parts are added to the artifact of the same id instead of replacing it.
    #[serde(deserialize_with = "json::nullable", skip_serializing_if = "is_false")]
    pub append: bool,
    /// Whether this is the last chunk.
    #[serde(alias = "last_chunk", deserialize_with = "json::nullable", skip_serializing_if = "is_false")]
    pub last_chunk: bool,
    /// Free members for extensions.
    #[serde(with = "json::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Box<Struct>>,
}

impl TaskArtifactUpdateEvent {
    /// An event that brings a whole artifact.
    pub fn new(task_id: impl Into<Arc<str>>, context_id: impl Into<Arc<str>>, artifact: Arc<Artifact>) -> Self {
        Self { task_id: task_id.into(), context_id: context_id.into(), artifact, ..Self::default() }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(value: &bool) -> bool {
    !value
}

oneof! {
    /// What SendMessage answers: a task, or a message without one (section 3.1.1).
    SendMessageResponse {
        /// The task that the message created or continued.
        Task(Arc<Task>) = "task",
        /// A direct reply; no task exists.
        Message(Arc<Message>) = "message",
    }
}

oneof! {
    /// One event of a stream (section 3.2.3).
    StreamResponse {
        /// The task as it stands; the first event of a task's stream.
        Task(Arc<Task>) = "task",
        /// A direct reply; the only event of its stream.
        Message(Arc<Message>) = "message",
        /// A new status.
        StatusUpdate(TaskStatusUpdateEvent) = "statusUpdate" | "status_update",
        /// An artifact or a chunk of one.
        ArtifactUpdate(TaskArtifactUpdateEvent) = "artifactUpdate" | "artifact_update",
    }
}

impl StreamResponse {
    /// The status this event brings, if it brings one.
    pub fn status(&self) -> Option<&TaskStatus> {
        match self {
            Self::Task(task) => Some(&task.status),
            Self::StatusUpdate(update) => Some(&update.status),
            Self::Message(_) | Self::ArtifactUpdate(_) => None,
        }
    }

    /// The task this event is about; a direct message has none.
    pub fn task_id(&self) -> Option<&Arc<str>> {
        match self {
            Self::Task(task) => Some(&task.id),
            Self::StatusUpdate(update) => Some(&update.task_id),
            Self::ArtifactUpdate(update) => Some(&update.task_id),
            Self::Message(message) => message.task_id.as_ref(),
        }
    }
}

impl From<SendMessageResponse> for StreamResponse {
    fn from(response: SendMessageResponse) -> Self {
        match response {
            SendMessageResponse::Task(task) => Self::Task(task),
            SendMessageResponse::Message(message) => Self::Message(message),
        }
    }
}

/// A stream's event with its place in the task's log. It is written as JSON once, however many
/// watchers share it.
#[derive(Debug)]
pub struct StreamEvent {
    /// Its sequence number; the `id:` of a server-sent event. Direct messages and events of peers
    /// that send no ids have none.
    pub sequence: Option<u64>,
    /// What it says.
    pub response: StreamResponse,
    json: OnceLock<Bytes>,
    /// The same in the dialects of 0.3, once somebody asks for it.
    legacy: OnceLock<Box<[OnceLock<Bytes>; 2]>>,
}

impl StreamEvent {
    /// An event at this place of the log.
    pub fn new(sequence: Option<u64>, response: StreamResponse) -> Self {
        Self { sequence, response, json: OnceLock::new(), legacy: OnceLock::new() }
    }

    /// The response as ProtoJSON, the same in the JSON-RPC and the HTTP+JSON binding. The bytes
    /// are kept, for events that several watchers share.
    ///
    /// # Errors
    /// Only when a value cannot be written as JSON at all.
    pub fn json(&self) -> Result<Bytes, serde_json::Error> {
        kept(&self.json, || serde_json::to_vec(&self.response))
    }

    /// The response in a dialect, kept as [`json`](Self::json) keeps it.
    ///
    /// # Errors
    /// When the dialect has no word for it.
    pub fn json_in(&self, dialect: JsonDialect) -> Result<Bytes, serde_json::Error> {
        let place = match dialect {
            JsonDialect::V1_0 => return self.json(),
            JsonDialect::V0_3 => 0,
            JsonDialect::V0_3Proto => 1,
        };
        kept(&self.legacy.get_or_init(Box::default)[place], || serde_json::to_vec(&InDialect(dialect, &self.response)))
    }
}

fn kept(
    place: &OnceLock<Bytes>,
    write: impl FnOnce() -> Result<Vec<u8>, serde_json::Error>,
) -> Result<Bytes, serde_json::Error> {
    if let Some(json) = place.get() {
        return Ok(json.clone());
    }
    let json = Bytes::from(write()?);
    Ok(place.get_or_init(|| json).clone())
}
