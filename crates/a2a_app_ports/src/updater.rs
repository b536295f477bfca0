//! How a handler tells of its task.

use std::{fmt, sync::Arc};

use a2a_protocol_core::{Artifact, EventKind, Message, Part, Role, Struct, TaskState};
use serde::Serialize;
use serde_json::Value;

use crate::{Effect, HandlerError, Run};

/// The member of a status update's metadata that holds the progress, from 0 to 1.
pub const PROGRESS: &str = "progress";

/// The parts of a message or artifact, from whatever says the same more shortly.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts(pub Vec<Part>);

/// No parts at all: a status without a message.
impl From<()> for Parts {
    fn from((): ()) -> Self {
        Self(Vec::new())
    }
}

impl From<&str> for Parts {
    fn from(text: &str) -> Self {
        Self(vec![Part::text(text)])
    }
}

impl From<String> for Parts {
    fn from(text: String) -> Self {
        Self(vec![Part::text(text)])
    }
}

impl From<Part> for Parts {
    fn from(part: Part) -> Self {
        Self(vec![part])
    }
}

impl From<Vec<Part>> for Parts {
    fn from(parts: Vec<Part>) -> Self {
        Self(parts)
    }
}

impl From<Value> for Parts {
    fn from(data: Value) -> Self {
        Self(vec![Part::data(data)])
    }
}

/// How a handler tells of its task. What a method returns from is stored; watchers see it then.
/// After the task has ended every method is an error.
#[derive(Clone)]
pub struct TaskUpdater {
    task_id: Arc<str>,
    context_id: Arc<str>,
    run: Arc<dyn Run>,
}

impl TaskUpdater {
    /// For engines: the updater of this run.
    pub fn new(task_id: Arc<str>, context_id: Arc<str>, run: Arc<dyn Run>) -> Self {
        Self { task_id, context_id, run }
    }

    /// The answer: where the skill answers messages, a direct one; where it answers tasks, the task
    /// is completed with it.
    ///
    /// # Errors
    /// When the task has ended, or cannot be stored; when there are no parts.
    pub async fn reply(&self, parts: impl Into<Parts>) -> Result<(), HandlerError> {
        let parts = parts.into();
        if parts.0.is_empty() {
            return Err(HandlerError::new("a message needs at least one part"));
        }
        let message = self.message(parts);
        self.run.record(Effect::Reply(message)).await
    }

    /// The task is being worked on, with a word about it; `()` says nothing.
    ///
    /// # Errors
    /// When the task has ended, or cannot be stored.
    pub async fn working(&self, parts: impl Into<Parts>) -> Result<(), HandlerError> {
        self.status(TaskState::Working, Some(parts.into())).await
    }

    /// How far the work is, from 0 to 1; other values are brought into that range.
    ///
    /// # Errors
    /// When the task has ended, or cannot be stored.
    pub async fn progress(&self, fraction: f64) -> Result<(), HandlerError> {
        let fraction = if fraction.is_nan() { 0.0 } else { fraction.clamp(0.0, 1.0) };
        let mut metadata = Struct::new();
        metadata.insert(PROGRESS.to_owned(), Value::from(fraction));
        let kind = EventKind::Status { state: TaskState::Working, message: None, metadata: Some(Box::new(metadata)) };
        self.run.record(Effect::Event(kind)).await
    }

    /// Begins an artifact of this id, or replaces it if an earlier turn made one.
    pub fn artifact(&self, id: impl Into<String>) -> ArtifactWriter {
        let id = id.into();
        let mut artifact = Artifact::new(id.clone(), Vec::new());
        artifact.name = Some(id.into());
        ArtifactWriter { artifact, begun: false, run: self.run.clone() }
    }

    /// Sets members of the task's metadata.
    ///
    /// # Errors
    /// When the task has ended, or cannot be stored.
    pub async fn metadata(&self, members: Struct) -> Result<(), HandlerError> {
        self.run.record(Effect::Event(EventKind::Metadata(Box::new(members)))).await
    }

    /// Notes how far the work is: should the process be lost, whoever does the work again finds it by
    /// [`Turn::restore`](crate::Turn::restore). Callers do not see it.
    ///
    /// # Errors
    /// When the value has no JSON; when the task has ended, or cannot be stored.
    pub async fn checkpoint<T: Serialize + Sync + ?Sized>(&self, value: &T) -> Result<(), HandlerError> {
        let value = serde_json::to_value(value)?;
        self.run.record(Effect::Event(EventKind::Checkpoint(Arc::new(value)))).await
    }

    /// Asks the caller for more, which ends the turn: the answer is the message of the next one.
    ///
    /// # Errors
    /// When the task has ended, or cannot be stored.
    pub async fn input_required(&self, parts: impl Into<Parts>) -> Result<(), HandlerError> {
        self.status(TaskState::InputRequired, Some(parts.into())).await
    }

    /// Asks the caller for a credential. The handler may go on waiting for it, or return.
    ///
    /// # Errors
    /// When the task has ended, or cannot be stored.
    pub async fn auth_required(&self, parts: impl Into<Parts>) -> Result<(), HandlerError> {
        self.status(TaskState::AuthRequired, Some(parts.into())).await
    }

    /// The task has ended well.
    ///
    /// # Errors
    /// When the task has ended, or cannot be stored.
    pub async fn complete(&self) -> Result<(), HandlerError> {
        self.status(TaskState::Completed, None).await
    }

    /// The task has failed, for a reason that the caller is told.
    ///
    /// # Errors
    /// When the task has ended, or cannot be stored.
    pub async fn fail(&self, parts: impl Into<Parts>) -> Result<(), HandlerError> {
        self.status(TaskState::Failed, Some(parts.into())).await
    }

    /// The agent will not do it, for a reason that the caller is told.
    ///
    /// # Errors
    /// When the task has ended, or cannot be stored.
    pub async fn reject(&self, parts: impl Into<Parts>) -> Result<(), HandlerError> {
        self.status(TaskState::Rejected, Some(parts.into())).await
    }

    async fn status(&self, state: TaskState, parts: Option<Parts>) -> Result<(), HandlerError> {
        let message = parts.filter(|parts| !parts.0.is_empty()).map(|parts| self.message(parts));
        self.run.record(Effect::Event(EventKind::Status { state, message, metadata: None })).await
    }

    fn message(&self, parts: Parts) -> Arc<Message> {
        let mut message = Message::new(self.run.new_id(), Role::Agent, parts.0);
        message.context_id = Some(self.context_id.clone());
        message.task_id = Some(self.task_id.clone());
        Arc::new(message)
    }
}

impl fmt::Debug for TaskUpdater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskUpdater").field("task_id", &self.task_id).finish_non_exhaustive()
    }
}

/// Writes an artifact, at once or in chunks. A chunk costs its own size, however long the artifact.
pub struct ArtifactWriter {
    artifact: Artifact,
    begun: bool,
    run: Arc<dyn Run>,
}

impl ArtifactWriter {
    /// With a name for people; it is the id otherwise. Before the first chunk.
    #[must_use]
    pub fn name(mut self, name: impl Into<Box<str>>) -> Self {
        self.artifact.name = Some(name.into());
        self
    }

    /// With a description. Before the first chunk.
    #[must_use]
    pub fn description(mut self, description: impl Into<Box<str>>) -> Self {
        self.artifact.description = Some(description.into());
        self
    }

    /// Writes the whole artifact.
    ///
    /// # Errors
    /// When the task has ended, or cannot be stored; when there are no parts.
    pub async fn write(mut self, parts: impl Into<Parts>) -> Result<(), HandlerError> {
        self.chunk(parts.into(), true).await
    }

    /// Appends a chunk; watchers see it at once.
    ///
    /// # Errors
    /// When the task has ended, or cannot be stored; when there are no parts.
    pub async fn append(&mut self, parts: impl Into<Parts>) -> Result<(), HandlerError> {
        self.chunk(parts.into(), false).await
    }

    /// Appends the last chunk.
    ///
    /// # Errors
    /// When the task has ended, or cannot be stored; when there are no parts.
    pub async fn append_last(mut self, parts: impl Into<Parts>) -> Result<(), HandlerError> {
        self.chunk(parts.into(), true).await
    }

    /// Says that the chunk before was the last one. A chunk cannot be without parts, so this one
    /// has an empty text; [`append_last`](Self::append_last) needs none.
    ///
    /// # Errors
    /// When the task has ended, or cannot be stored.
    pub async fn finish(mut self) -> Result<(), HandlerError> {
        self.chunk(Parts::from(""), true).await
    }

    async fn chunk(&mut self, parts: Parts, last_chunk: bool) -> Result<(), HandlerError> {
        if parts.0.is_empty() {
            return Err(HandlerError::new("an artifact needs at least one part"));
        }
        // Only the first chunk says what the artifact is; the others name its id.
        let mut artifact = match self.begun {
            true => Artifact::new(self.artifact.artifact_id.clone(), Vec::new()),
            false => self.artifact.clone(),
        };
        artifact.parts = parts.0;
        let kind = EventKind::Artifact { artifact: Arc::new(artifact), append: self.begun, last_chunk };
        self.run.record(Effect::Event(kind)).await?;
        self.begun = true;
        Ok(())
    }
}

impl fmt::Debug for ArtifactWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArtifactWriter").field("id", &self.artifact.artifact_id).finish_non_exhaustive()
    }
}
