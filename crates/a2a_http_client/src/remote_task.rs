//! A handle on a task of another agent.

use std::{
    fmt,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use a2a_app_ports::{AgentOperations, CallContext, EventStream, Parts};
use a2a_protocol_core::{
    CancelTaskRequest, Error, ErrorKind, GetTaskRequest, Message, SendMessageRequest, StreamEvent, StreamResponse,
    SubscribeToTaskRequest, Task, TaskState,
};
use futures::{StreamExt, stream};

use crate::{Client, TransportError, timing::within};

/// The pause between two looks at a task whose agent does not stream: it grows by half each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What came of a message.
#[derive(Clone, Debug)]
pub enum Sent {
    /// A task; the handle has it as the agent answered.
    Task(RemoteTask),
    /// A direct reply; there is no task.
    Message(Arc<Message>),
}

/// A task of another agent. Clones are the same task.
#[derive(Clone)]
pub struct RemoteTask {
    client: Client,
    id: Arc<str>,
    task: Option<Arc<Task>>,
    /// Whether any clone has seen the task ended.
    ended: Arc<AtomicBool>,
}

impl RemoteTask {
    pub(crate) fn new(client: Client, id: Arc<str>, task: Option<Arc<Task>>) -> Self {
        let ended = task.as_ref().is_some_and(|task| task.status.state.is_terminal());
        Self { client, id, task, ended: Arc::new(ended.into()) }
    }

    pub(crate) fn known(client: Client, task: Arc<Task>) -> Self {
        Self::new(client, task.id.clone(), Some(task))
    }

    /// The task's id.
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// The conversation, where the task came with one.
    pub fn context_id(&self) -> Option<&Arc<str>> {
        self.task.as_ref().map(|task| &task.context_id).filter(|id| !id.is_empty())
    }

    /// The task as it was when this handle was made.
    pub fn task(&self) -> Option<&Arc<Task>> {
        self.task.as_ref()
    }

    /// Asks for the task as it is now.
    ///
    /// # Errors
    /// What the agent answers; `Unavailable` when it does not.
    pub async fn get(&self) -> Result<Arc<Task>, Error> {
        let task = self.client.get_task(CallContext::new(), GetTaskRequest::new(&*self.id)).await?;
        self.note(&task.status.state);
        Ok(task)
    }

    /// Waits until the task has ended or waits for its caller: by its events where the agent
    /// streams, else by asking again and again.
    ///
    /// # Errors
    /// `Unavailable` by a [`TransportError`] that is a time-out when `timeout` is exceeded; what the
    /// agent answers otherwise.
    pub async fn wait_for_completion(&self, timeout: impl Into<Option<Duration>>) -> Result<Arc<Task>, Error> {
        let Some(limit) = timeout.into() else {
            return self.rest().await;
        };
        let clock = self.client.link().host.clock.clone();
        within(&*clock, limit, self.rest()).await.unwrap_or_else(|| {
            let seconds = limit.as_secs_f64();
            let error = TransportError::timeout(format!("task {} has not ended within {seconds} s", self.id));
            Err(Error::new(ErrorKind::Unavailable, error.to_string()).caused_by(error))
        })
    }

    async fn rest(&self) -> Result<Arc<Task>, Error> {
        if let Some(task) = self.task.as_ref().filter(|task| task.status.state.is_terminal()) {
            return Ok(task.clone());
        }
        if self.client.streams() {
            match self.subscribe().await {
                Ok(mut events) => {
                    while let Some(event) = events.next().await {
                        if event?.response.status().is_some_and(|status| rests(&status.state)) {
                            break;
                        }
                    }
                }
                // It has ended already, or this agent does not let it be watched.
                Err(error) if error.kind() == ErrorKind::UnsupportedOperation => {}
                Err(error) => return Err(error),
            }
        }
        // Events only say when to look: somebody else may have answered the task since.
        let mut pause = FIRST_PAUSE;
        loop {
            let task = self.get().await?;
            if rests(&task.status.state) {
                return Ok(task);
            }
            self.client.link().host.clock.sleep(pause).await;
            pause = (pause + pause / 2).min(LONGEST_PAUSE);
        }
    }

    /// Watches the task: it comes first as it is now, then what happens to it. A task that has ended
    /// is the one event of its stream, so it does not matter how quick the agent was.
    ///
    /// # Errors
    /// UnsupportedOperation when the task goes on and the agent does not stream; what the agent
    /// answers otherwise.
    pub async fn watch(&self) -> Result<EventStream, Error> {
        let refused = match self.subscribe().await {
            Err(error) if error.kind() == ErrorKind::UnsupportedOperation => error,
            outcome => return outcome,
        };
        let task = self.get().await?;
        if !task.status.state.is_terminal() {
            return Err(refused);
        }
        let event = StreamEvent::new(None, StreamResponse::Task(task));
        Ok(Box::pin(stream::iter([Ok(Arc::new(event))])))
    }

    async fn subscribe(&self) -> Result<EventStream, Error> {
        let request = SubscribeToTaskRequest::new(&*self.id);
        let events = self.client.subscribe_to_task(CallContext::new(), request).await?;
        let task = self.clone();
        Ok(Box::pin(events.inspect(move |event| {
            if let Some(status) = event.as_ref().ok().and_then(|event| event.response.status()) {
                task.note(&status.state);
            }
        })))
    }

    /// Stops the task.
    ///
    /// # Errors
    /// TaskNotCancelable when it has ended.
    pub async fn cancel(&self) -> Result<Arc<Task>, Error> {
        let task = self.client.cancel_task(CallContext::new(), CancelTaskRequest::new(&*self.id)).await?;
        self.note(&task.status.state);
        Ok(task)
    }

    /// Sends a message to the task, and waits for what comes of it.
    ///
    /// # Errors
    /// UnsupportedOperation when the task has ended; what the agent answers otherwise.
    pub async fn reply(&self, parts: impl Into<Parts>) -> Result<Sent, Error> {
        let mut message = self.client.message(parts);
        message.task_id = Some(self.id.clone());
        message.context_id = self.context_id().cloned();
        let mut sent = self.client.dispatch(SendMessageRequest::new(message)).await?;
        if let Sent::Task(task) = &mut sent
            && task.id == self.id
        {
            if let Some(now) = &task.task {
                self.note(&now.status.state);
            }
            task.ended = self.ended.clone();
        }
        Ok(sent)
    }

    /// Ties the task to the value that is given back: when that is dropped before the task was seen
    /// ended, the task is cancelled in the background. So what a handler has started elsewhere ends
    /// with the handler.
    #[must_use = "dropping it cancels the task"]
    pub fn cancel_on_drop(self) -> CancelOnDrop {
        CancelOnDrop { task: self, armed: true }
    }

    fn note(&self, state: &TaskState) {
        if state.is_terminal() {
            self.ended.store(true, Ordering::Relaxed);
        }
    }
}

fn rests(state: &TaskState) -> bool {
    state.is_terminal() || state.is_interrupted()
}

impl fmt::Debug for RemoteTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.task.as_ref().map(|task| &task.status.state);
        f.debug_struct("RemoteTask").field("id", &self.id).field("state", &state).finish_non_exhaustive()
    }
}

/// A task that is cancelled when this is dropped before the task was seen ended.
#[derive(Debug)]
pub struct CancelOnDrop {
    task: RemoteTask,
    armed: bool,
}

impl CancelOnDrop {
    /// Lets the task go on by itself.
    pub fn release(mut self) -> RemoteTask {
        self.armed = false;
        self.task.clone()
    }
}

impl Deref for CancelOnDrop {
    type Target = RemoteTask;

    fn deref(&self) -> &RemoteTask {
        &self.task
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if !self.armed || self.task.ended.load(Ordering::Relaxed) {
            return;
        }
        let task = self.task.clone();
        let spawner = self.task.client.link().host.spawner.clone();
        spawner.spawn(Box::pin(async move {
            // Nobody is left to be told: it has ended, or cannot be reached.
            let _ = task.cancel().await;
        }));
    }
}
