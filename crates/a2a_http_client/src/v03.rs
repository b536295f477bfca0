//! What agents of version 0.3 do not do of themselves.
//!
//! An error in place of a stream may be an event of one: the first event is waited for. No stream need
//! begin with the task as it stands: the client asks for it, and begins with it. An ended task is
//! refused to who subscribes with one of several errors, or by breaking the stream off: the client
//! refuses it as version 1.0 does. A history length of 0 is none: the client cuts off what it did not
//! ask for.

use std::sync::Arc;

use a2a_app_ports::{CallContext, Reply};
use a2a_protocol_core::{
    Call, Error, ErrorKind, GetTaskRequest, ProtocolVersion, SendMessageRequest, SendMessageResponse, StreamEvent,
    StreamResponse, SubscribeToTaskRequest, Task,
};

use crate::{
    Client, TransportError,
    binding::invalid,
    connected::Source,
    retry::{Failure, FailureKind},
    stream::{End, Opened},
};

impl Client {
    /// Makes a call that is answered by a stream, once.
    pub(crate) async fn open(
        &self,
        context: &CallContext,
        call: &Call,
        last_event_id: Option<&str>,
    ) -> Result<Opened, Failure> {
        if self.version() == ProtocolVersion::V1_0 {
            return Ok(Opened::of(self.watch(context, call, last_event_id).await?));
        }
        match call {
            // Whoever numbers its events begins with the task, too.
            Call::SubscribeToTask(request) if last_event_id.is_none() => self.subscribe(context, call, request).await,
            Call::SendStreamingMessage(request) => self.converse(context, call, request).await,
            _ => {
                let mut source = self.watch(context, call, last_event_id).await?;
                let first = first_of(&mut source).await?;
                Ok(Opened { first: vec![first], ..Opened::of(source) })
            }
        }
    }

    /// Sends a message.
    ///
    /// A task that waits for it is asked for beforehand, when nothing happens to it: that is what the
    /// events that follow change. Any other task is asked for after the first event, and may have gone
    /// on by then.
    async fn converse(
        &self,
        context: &CallContext,
        call: &Call,
        request: &SendMessageRequest,
    ) -> Result<Opened, Failure> {
        let get = |task: &str| {
            let mut get = GetTaskRequest::new(task);
            get.tenant.clone_from(&request.tenant);
            get.history_length = request.configuration.as_ref().and_then(|configuration| configuration.history_length);
            Call::GetTask(get)
        };
        let waiting = match &request.message.task_id {
            Some(id) => Some(self.standing(context, &get(id)).await?),
            None => None,
        };
        let waiting = waiting.filter(|task| task.status.state.is_interrupted());
        let mut source = self.watch(context, call, None).await?;
        let first = first_of(&mut source).await?;
        let id = match &first.response {
            StreamResponse::Task(_) | StreamResponse::Message(_) => {
                return Ok(Opened { first: vec![first], ..Opened::of(source) });
            }
            StreamResponse::StatusUpdate(update) => &update.task_id,
            StreamResponse::ArtifactUpdate(update) => &update.task_id,
        };
        if let Some(task) = waiting {
            return Ok(Opened { first: vec![begin(task), first], ..Opened::of(source) });
        }
        let task = self.standing(context, &get(id)).await?;
        let standing = (!task.status.state.is_terminal()).then(|| task.clone());
        Ok(Opened { source, first: vec![begin(task)], standing })
    }

    async fn subscribe(
        &self,
        context: &CallContext,
        call: &Call,
        request: &SubscribeToTaskRequest,
    ) -> Result<Opened, Failure> {
        let mut get = Call::GetTask(GetTaskRequest::new(&*request.id));
        get.set_tenant(request.tenant.clone());
        let task = self.unended(context, &get).await?;
        match self.watch(context, call, None).await {
            Ok(source) => Ok(Opened { source, first: vec![begin(task.clone())], standing: Some(task) }),
            Err(failure) => {
                if matches!(failure.kind, FailureKind::Answered(_)) {
                    // It may have ended in the meantime.
                    self.unended(context, &get).await?;
                }
                Err(failure)
            }
        }
    }

    /// The task as it stands.
    ///
    /// # Errors
    /// UnsupportedOperation where it has ended.
    async fn unended(&self, context: &CallContext, get: &Call) -> Result<Arc<Task>, Error> {
        let task = self.standing(context, get).await?;
        if task.status.state.is_terminal() {
            let message = format!("task {} has ended: {}", task.id, task.status.state);
            return Err(Error::new(ErrorKind::UnsupportedOperation, message));
        }
        Ok(task)
    }

    /// The task as it stands.
    async fn standing(&self, context: &CallContext, get: &Call) -> Result<Arc<Task>, Error> {
        match self.ask(context, get).await? {
            Reply::Task(task) => Ok(task),
            other => Err(invalid(format!("{other:?} is no task"))),
        }
    }
}

/// The event that a stream of a task begins with.
fn begin(task: Arc<Task>) -> Arc<StreamEvent> {
    StreamEvent::new(None, StreamResponse::Task(task)).into()
}

async fn first_of(source: &mut Source) -> Result<Arc<StreamEvent>, Failure> {
    source.next().await.map_err(|end| match end {
        End::Error(error) => error.into(),
        End::Cut(error) => error.into(),
        End::Clean => TransportError::broken("the stream ended without an event").into(),
    })
}

/// Leaves no more of a task's history than the call asks for.
pub(crate) fn cut_history(call: &Call, reply: &mut Reply) {
    let (length, task) = match (call, reply) {
        (Call::GetTask(request), Reply::Task(task)) => (request.history_length, task),
        (Call::SendMessage(request), Reply::Sent(SendMessageResponse::Task(task))) => {
            (request.configuration.as_ref().and_then(|configuration| configuration.history_length), task)
        }
        _ => return,
    };
    let Some(length) = length.and_then(|length| usize::try_from(length).ok()) else { return };
    if let Some(surplus) = task.history.len().checked_sub(length).filter(|surplus| *surplus > 0) {
        Arc::make_mut(task).history.drain(..surplus);
    }
}
