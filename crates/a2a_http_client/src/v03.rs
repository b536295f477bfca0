//! What agents of version 0.3 do not do of themselves.
//!
//! An error in place of a stream may be an event of one: the first event is waited for. A subscription
//! need not begin with the task as it stands, and an ended task is refused with one of several errors,
//! or by breaking the stream off: the client asks for the task first, which the stream then begins
//! with, and refuses an ended one as version 1.0 does. A history length of 0 is none: the client cuts
//! off what it did not ask for.

use std::sync::Arc;

use a2a_app_ports::{CallContext, Reply};
use a2a_protocol_core::{
    Call, Error, ErrorKind, GetTaskRequest, ProtocolVersion, SendMessageResponse, StreamEvent, StreamResponse,
    SubscribeToTaskRequest, Task,
};

use crate::{
    Client, TransportError,
    binding::invalid,
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
            return Ok(Opened { source: self.watch(context, call, last_event_id).await?, first: None, standing: None });
        }
        match call {
            // Whoever numbers its events begins with the task, too.
            Call::SubscribeToTask(request) if last_event_id.is_none() => self.subscribe(context, call, request).await,
            _ => {
                let mut source = self.watch(context, call, last_event_id).await?;
                let first = match source.next().await {
                    Ok(event) => event,
                    Err(End::Error(error)) => return Err(error.into()),
                    Err(End::Cut(error)) => return Err(error.into()),
                    Err(End::Clean) => return Err(TransportError::broken("the stream ended without an event").into()),
                };
                Ok(Opened { source, first: Some(first), standing: None })
            }
        }
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
            Ok(source) => {
                let first = Some(StreamEvent::new(None, StreamResponse::Task(task.clone())).into());
                Ok(Opened { source, first, standing: Some(task) })
            }
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
        match self.ask(context, get).await? {
            Reply::Task(task) if task.status.state.is_terminal() => {
                let message = format!("task {} has ended: {}", task.id, task.status.state);
                Err(Error::new(ErrorKind::UnsupportedOperation, message))
            }
            Reply::Task(task) => Ok(task),
            other => Err(invalid(format!("{other:?} is no task"))),
        }
    }
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
