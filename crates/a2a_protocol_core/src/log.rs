//! A task is one log: what can happen to it, and the fold that makes the task of its events.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Artifact, Message, StreamResponse, Struct, Task, TaskArtifactUpdateEvent, TaskState, TaskStatus,
    TaskStatusUpdateEvent, Timestamp, TransitionRefused, json, life_cycle,
};

/// Something that happened to a task. Its sequence number is its place in the log: 1, 2, 3 and on.
/// What it holds is shared with the task folded from it.
///
/// As JSON, in which logs are stored and exported: `{"time": …, "kind": {"status": {…}}}`, with
/// what is of the protocol as ProtoJSON. Later versions read what earlier ones wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When it was recorded.
    pub time: Timestamp,
    /// What happened.
    pub kind: EventKind,
}

/// The kinds of events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum EventKind {
    /// The task began; the first event of every log, and only the first.
    Created {
        /// The conversation.
        context_id: Arc<str>,
        /// The skill that answers it.
        skill: Arc<str>,
        /// The message that began it.
        message: Arc<Message>,
    },
    /// The caller said more. A task that required input is working again.
    Message(Arc<Message>),
    /// What the request said besides its message, which is the event before.
    Details(Arc<SendDetails>),
    /// The task has a new status.
    Status {
        /// The new state.
        state: TaskState,
        /// What the agent says about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<Arc<Message>>,
        /// Metadata of the update, such as progress.
        #[serde(default, with = "json::object", skip_serializing_if = "Option::is_none")]
        metadata: Option<Box<Struct>>,
    },
    /// The task produced an artifact or a chunk of one.
    Artifact {
        /// The artifact; of a chunk, what is new.
        artifact: Arc<Artifact>,
        /// Whether it is added to the artifact of the same id.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        append: bool,
        /// Whether it is the last chunk.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        last_chunk: bool,
    },
    /// Members to set in the task's metadata.
    Metadata(Box<Struct>),
    /// The caller wants it to stop.
    CancelRequested,
    /// The message at this place of the log was given to the handler, after it had waited for its
    /// turn.
    Taken(u64),
    /// The handler of a replica that is gone is run again: the so-manieth attempt at this turn.
    Attempt(u32),
    /// What the handler wants to know if it is run again.
    Checkpoint(Arc<Value>),
}

/// What a request to send a message says besides the message, for whoever answers it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SendDetails {
    /// The request's metadata.
    #[serde(with = "json::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Box<Struct>>,
    /// The media types the caller can take; none said is any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accepted_output_modes: Vec<String>,
}

impl EventKind {
    /// A status without message.
    pub fn status(state: TaskState) -> Self {
        Self::Status { state, message: None, metadata: None }
    }
}

impl Event {
    /// How watchers are told of it; `None` for events that only the engine needs.
    pub fn response(&self, task_id: &Arc<str>, context_id: &Arc<str>) -> Option<StreamResponse> {
        match &self.kind {
            EventKind::Status { state, message, metadata } => {
                Some(StreamResponse::StatusUpdate(TaskStatusUpdateEvent {
                    task_id: task_id.clone(),
                    context_id: context_id.clone(),
                    status: TaskStatus { state: state.clone(), message: message.clone(), timestamp: Some(self.time) },
                    metadata: metadata.clone(),
                }))
            }
            EventKind::Artifact { artifact, append, last_chunk } => {
                Some(StreamResponse::ArtifactUpdate(TaskArtifactUpdateEvent {
                    task_id: task_id.clone(),
                    context_id: context_id.clone(),
                    artifact: artifact.clone(),
                    append: *append,
                    last_chunk: *last_chunk,
                    metadata: None,
                }))
            }
            EventKind::Created { .. }
            | EventKind::Message(_)
            | EventKind::Details(_)
            | EventKind::Metadata(_)
            | EventKind::CancelRequested
            | EventKind::Taken(_)
            | EventKind::Attempt(_)
            | EventKind::Checkpoint(_) => None,
        }
    }
}

/// An event does not fit the task it is folded into.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FoldError {
    /// The life cycle forbids it.
    Transition(TransitionRefused),
    /// The task has ended in this state and takes no more events.
    Ended(TaskState),
    /// A chunk is to be appended to an artifact that the task does not have.
    UnknownArtifact(String),
    /// `Created` is not the first event, or another one is.
    Misplaced,
    /// The event is about the task with this id.
    OtherTask(Arc<str>),
}

impl fmt::Display for FoldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transition(refused) => refused.fmt(f),
            Self::Ended(state) => write!(f, "the task has ended as {state}"),
            Self::UnknownArtifact(id) => write!(f, "nothing to append to: no artifact {id:?}"),
            Self::OtherTask(id) => write!(f, "the event is about the task {id:?}"),
            Self::Misplaced => f.write_str("a log begins with its one creation"),
        }
    }
}

impl std::error::Error for FoldError {}

/// The task that a log's first event makes.
///
/// # Errors
/// `Misplaced` unless the event is `Created`.
pub fn begin(id: Arc<str>, first: &Event) -> Result<Task, FoldError> {
    let EventKind::Created { context_id, message, .. } = &first.kind else {
        return Err(FoldError::Misplaced);
    };
    let status = TaskStatus { state: TaskState::Submitted, message: None, timestamp: Some(first.time) };
    let mut task = Task::new(id, context_id.clone(), status);
    task.history.push(message.clone());
    Ok(task)
}

/// Folds the next event of a log into its task. Costs what the event holds, however much the task
/// already has. A refused event leaves the task as it was.
///
/// # Errors
/// When the event does not fit: see [`FoldError`].
pub fn apply(task: &mut Task, event: &Event) -> Result<(), FoldError> {
    let state = &task.status.state;
    match &event.kind {
        EventKind::Created { .. } => return Err(FoldError::Misplaced),
        EventKind::Status { state: next, message, .. } => {
            life_cycle::transition(state, next).map_err(FoldError::Transition)?;
            retire_status_message(task);
            task.status = TaskStatus { state: next.clone(), message: message.clone(), timestamp: Some(event.time) };
        }
        _ if state.is_terminal() => return Err(FoldError::Ended(state.clone())),
        EventKind::Message(message) => {
            // The input that was required is here: nobody who looks now is to answer once more.
            let answered = *state == TaskState::InputRequired;
            retire_status_message(task);
            task.history.push(message.clone());
            if answered {
                task.status = TaskStatus { state: TaskState::Working, message: None, timestamp: Some(event.time) };
            }
        }
        EventKind::Artifact { artifact, append, .. } => put_artifact(task, artifact, *append)?,
        EventKind::Metadata(members) => {
            task.metadata
                .get_or_insert_default()
                .extend(members.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        EventKind::CancelRequested
        | EventKind::Details(_)
        | EventKind::Taken(_)
        | EventKind::Attempt(_)
        | EventKind::Checkpoint(_) => {}
    }
    Ok(())
}

/// Folds what a stream brings into a caller's copy of the task. A repeated or late event that does
/// not fit is an error that the caller may note and pass over: the copy is as it was. An artifact
/// that comes after the end is taken all the same, its content is what the caller is after.
///
/// # Errors
/// As [`apply`]; a direct message is `Misplaced`.
pub fn absorb(task: &mut Task, response: &StreamResponse) -> Result<(), FoldError> {
    if let Some(id) = response.task_id().filter(|id| !id.is_empty() && !task.id.is_empty() && **id != task.id) {
        return Err(FoldError::OtherTask(id.clone()));
    }
    match response {
        StreamResponse::Task(whole) => task.clone_from(whole),
        StreamResponse::Message(_) => return Err(FoldError::Misplaced),
        StreamResponse::StatusUpdate(update) => {
            if task.status.state.is_terminal() {
                return Err(FoldError::Ended(task.status.state.clone()));
            }
            retire_status_message(task);
            task.status = update.status.clone();
        }
        StreamResponse::ArtifactUpdate(update) => put_artifact(task, &update.artifact, update.append)?,
    }
    Ok(())
}

/// The message of a status that is replaced moves into the history.
fn retire_status_message(task: &mut Task) {
    if let Some(message) = task.status.message.take() {
        task.history.push(message);
    }
}

fn put_artifact(task: &mut Task, artifact: &Arc<Artifact>, append: bool) -> Result<(), FoldError> {
    let place = task.artifacts.iter_mut().find(|known| known.artifact_id == artifact.artifact_id);
    match (place, append) {
        (None, true) => return Err(FoldError::UnknownArtifact(artifact.artifact_id.clone())),
        (None, false) => task.artifacts.push(artifact.clone()),
        (Some(place), false) => *place = artifact.clone(),
        (Some(place), true) => {
            let known = Arc::make_mut(place);
            known.parts.extend(artifact.parts.iter().cloned());
            if let Some(metadata) = &artifact.metadata {
                known
                    .metadata
                    .get_or_insert_default()
                    .extend(metadata.iter().map(|(name, value)| (name.clone(), value.clone())));
            }
        }
    }
    Ok(())
}
