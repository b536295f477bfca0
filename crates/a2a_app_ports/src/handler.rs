//! The user's agent: what a handler is given, and how it answers.

use std::{borrow::Cow, fmt, sync::Arc};

use a2a_protocol_core::{Artifact, EventKind, Message, Part, Role, Struct, TaskState};
use serde_json::Value;

use crate::{BoxFuture, CallContext, MaybeSend};

/// The member of a status update's metadata that holds the progress, from 0 to 1.
pub const PROGRESS: &str = "progress";

/// An agent, or one skill of it: called once a message.
///
/// The handler is dropped when its task is cancelled. Returning `Ok` without having ended or paused
/// the task completes it; an error fails it.
pub trait MessageHandler: Send + Sync + 'static {
    /// Answers a message.
    fn handle(&self, turn: Turn, task: TaskUpdater) -> impl Future<Output = Result<(), HandlerError>> + MaybeSend;
}

impl<F, R> MessageHandler for F
where
    F: Fn(Turn, TaskUpdater) -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), HandlerError>> + MaybeSend,
{
    fn handle(&self, turn: Turn, task: TaskUpdater) -> impl Future<Output = Result<(), HandlerError>> + MaybeSend {
        self(turn, task)
    }
}

/// What a skill answers with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Answers {
    /// A task: it exists before the handler starts.
    #[default]
    Task,
    /// A message: no task is ever made.
    Message,
    /// Whichever the handler's first effect makes it; callers wait for that.
    Either,
}

/// Why a handler gave up. Any error converts into it: callers are told that the agent failed, and
/// the log says why. [`HandlerError::new`] gives callers a message of its own.
pub struct HandlerError {
    message: Cow<'static, str>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl HandlerError {
    /// An error whose message callers may read.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), cause: None }
    }

    /// With a cause for the log.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// What callers are told.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What the log is told.
    pub fn cause(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        self.cause.as_deref()
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for HandlerError {
    fn from(cause: E) -> Self {
        Self::new("the agent failed; its log says why").caused_by(cause)
    }
}

impl fmt::Debug for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerError").field("message", &self.message).field("cause", &self.cause).finish()
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// What a handler does to its task; the engine records it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Effect {
    /// An event of the task.
    Event(EventKind),
    /// The answer: a direct message, or the completion of the task, as the skill declares.
    Reply(Arc<Message>),
}

/// The engine's side of a running handler. Handlers use [`Turn`] and [`TaskUpdater`] instead.
pub trait Run: Send + Sync {
    /// Records an effect; it is stored when this returns.
    fn record(&self, effect: Effect) -> BoxFuture<'_, Result<(), HandlerError>>;

    /// Resolves once the task is to be cancelled. From the first call on, the handler is given the
    /// grace period to tidy up instead of being dropped.
    fn cancelled(&self) -> BoxFuture<'_, ()>;

    /// The next message that the caller sent while the handler runs; waits for one.
    fn next_message(&self) -> BoxFuture<'_, Arc<Message>>;

    /// A fresh id for a message or artifact.
    fn new_id(&self) -> String;
}

/// One message and what belongs to it.
#[derive(Clone)]
#[non_exhaustive]
pub struct Turn {
    /// The message to answer.
    pub message: Arc<Message>,
    /// The task it belongs to; for a skill that answers messages, the id the task would have.
    pub task_id: Arc<str>,
    /// The conversation.
    pub context_id: Arc<str>,
    /// What was said in this task before, oldest first.
    pub history: Vec<Arc<Message>>,
    /// The skill that was chosen.
    pub skill_id: Arc<str>,
    /// What is known of the call besides the message.
    pub context: Arc<CallContext>,
    run: Arc<dyn Run>,
}

impl Turn {
    /// For engines: a turn of this run.
    pub fn new(
        message: Arc<Message>,
        task_id: Arc<str>,
        context_id: Arc<str>,
        skill_id: Arc<str>,
        history: Vec<Arc<Message>>,
        context: Arc<CallContext>,
        run: Arc<dyn Run>,
    ) -> Self {
        Self { message, task_id, context_id, history, skill_id, context, run }
    }

    /// The text of the message: its text parts, joined by line breaks.
    pub fn text(&self) -> String {
        self.message.text()
    }

    /// Whether the message continues a task.
    pub fn is_follow_up(&self) -> bool {
        !self.history.is_empty()
    }

    /// Resolves once the task is to be cancelled. A handler that calls this gets a grace period to
    /// tidy up before it is dropped; any other is dropped at once.
    pub fn cancelled(&self) -> impl Future<Output = ()> + MaybeSend + use<> {
        let run = self.run.clone();
        async move { run.cancelled().await }
    }

    /// Takes the next message that the caller sends to this task while the handler runs, which
    /// would otherwise begin the next turn.
    pub async fn next(&self) -> Arc<Message> {
        self.run.next_message().await
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("task_id", &self.task_id).field("message", &self.message).finish_non_exhaustive()
    }
}

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
        let next = Artifact::new(self.artifact.artifact_id.clone(), Vec::new());
        let mut artifact = if self.begun { next } else { std::mem::replace(&mut self.artifact, next) };
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
