//! The user's agent: what a handler is, and what it is given.

use std::{borrow::Cow, fmt, sync::Arc};

use a2a_protocol_core::{EventKind, Message, Role, SendDetails, Struct};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{BoxFuture, CallContext, MaybeSend, TaskUpdater};

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
    fn cancelled(self: Arc<Self>) -> BoxFuture<'static, ()>;

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
    /// What was said in this task before, oldest first; by an earlier [`attempt`](Self::attempt), too.
    pub history: Vec<Arc<Message>>,
    /// The skill that was chosen.
    pub skill_id: Arc<str>,
    /// What is known of the call besides its request.
    pub context: Arc<CallContext>,
    details: Option<Arc<SendDetails>>,
    attempt: u32,
    checkpoint: Option<Arc<Value>>,
    run: Arc<dyn Run>,
}

impl Turn {
    /// For engines: a turn of this run.
    pub fn new(
        (message, details): (Arc<Message>, Option<Arc<SendDetails>>),
        task_id: Arc<str>,
        context_id: Arc<str>,
        skill_id: Arc<str>,
        history: Vec<Arc<Message>>,
        context: Arc<CallContext>,
        run: Arc<dyn Run>,
    ) -> Self {
        Self { message, task_id, context_id, history, skill_id, context, details, attempt: 1, checkpoint: None, run }
    }

    /// For engines: a turn that was begun before, by a replica that was lost.
    #[must_use]
    pub fn again(mut self, attempt: u32, checkpoint: Option<Arc<Value>>) -> Self {
        self.attempt = attempt;
        self.checkpoint = checkpoint;
        self
    }

    /// The how-manieth time this message is given to a handler: 1, or more where replicas were lost
    /// that ran it.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// What [`TaskUpdater::checkpoint`] noted last in the attempts before this one, if anything.
    ///
    /// # Errors
    /// When what was noted is no such value.
    pub fn restore<T: DeserializeOwned>(&self) -> Result<Option<T>, HandlerError> {
        Ok(self.checkpoint.as_deref().map(T::deserialize).transpose()?)
    }

    /// The text of the message: its text parts, joined by line breaks.
    pub fn text(&self) -> String {
        self.message.text()
    }

    /// The metadata of the request that brought the message; the message has metadata of its own.
    pub fn request_metadata(&self) -> Option<&Struct> {
        self.details.as_ref()?.metadata.as_deref()
    }

    /// The media types the caller can take; none said is any.
    pub fn accepted_output_modes(&self) -> &[String] {
        self.details.as_ref().map(|details| &*details.accepted_output_modes).unwrap_or_default()
    }

    /// Whether the message continues a task.
    pub fn is_follow_up(&self) -> bool {
        // What the agent itself has said may be of an attempt at this very message.
        self.history.iter().any(|message| message.role == Role::User)
    }

    /// Resolves once the task is to be cancelled. A handler that calls this gets a grace period to
    /// tidy up before it is dropped; any other is dropped at once.
    pub fn cancelled(&self) -> impl Future<Output = ()> + MaybeSend + use<> {
        self.run.clone().cancelled()
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
