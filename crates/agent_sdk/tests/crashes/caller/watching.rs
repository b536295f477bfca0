//! Callers that watch what becomes of a message or of a task.

use std::sync::Arc;

use agent_sdk::{
    ports::EventStream,
    prelude::*,
    protocol::{ErrorKind, SendMessageRequest, StreamResponse, SubscribeToTaskRequest},
};
use futures::StreamExt;
use tokio::time::{Instant, sleep};

use super::{Caller, Gone, Outcome};
use crate::ledger::{Answer, PATIENCE, Send, Stream};

impl Caller {
    /// Sends a message and watches what comes of it.
    pub(super) async fn stream(&self, request: &SendMessageRequest) -> Outcome<(Option<Arc<str>>, TaskState)> {
        let id = &request.message.message_id;
        let send = || self.once.send_streaming_message(CallContext::new(), request.clone());
        let until = Instant::now() + PATIENCE;
        let mut stream = Stream::default();
        let mut state = TaskState::Completed;
        loop {
            let events = self.insist(id, "its stream", send).await?;
            let read = self.read(id, events, &mut stream, &mut state).await;
            let first = stream.events.first().map(|(_, first)| first.clone());
            let (answer, task) = match first {
                None if read.is_ok() => {
                    self.ledger.fault(id, "its stream is empty");
                    return Err(Gone);
                }
                None if Instant::now() > until => return Err(self.in_vain(id, "the first event of its stream")),
                // Nothing was heard yet: it is sent again.
                None => continue,
                Some(StreamResponse::Message(answer)) => (Answer::Message(answer), None),
                Some(event) => {
                    let task = event.task_id().unwrap().clone();
                    (Answer::Task(task.clone()), Some(task))
                }
            };
            self.ledger.facts().sends.push(Send { message: id.clone(), answer });
            let Some(task) = task else { return Ok((None, state)) };
            if read.is_ok() {
                self.ledger.facts().streams.push(stream);
            } else {
                state = self.watch_on(&task, stream, state).await?;
            }
            return Ok((Some(task), state));
        }
    }

    /// Watches a task until it rests.
    pub(super) async fn watch(&self, task: &Arc<str>) -> Outcome<TaskState> {
        self.watch_on(task, Stream::default(), TaskState::Submitted).await
    }

    /// Watches a task on from where a stream was cut for good, until it rests.
    async fn watch_on(&self, task: &Arc<str>, mut stream: Stream, mut state: TaskState) -> Outcome<TaskState> {
        let until = Instant::now() + PATIENCE;
        loop {
            let mut context = CallContext::new();
            context.last_event_id = stream.events.iter().rev().find_map(|(sequence, _)| *sequence);
            self.ledger.facts().resumed += usize::from(context.last_event_id.is_some());
            let subscription = self.once.subscribe_to_task(context, SubscribeToTaskRequest::new(&**task));
            let read = match self.within(task, "its stream", subscription).await? {
                Ok(events) => self.read(task, events, &mut stream, &mut state).await,
                Err(error) if error.kind() == ErrorKind::UnsupportedOperation => {
                    state = self.get(task).await?.status.state.clone();
                    if !state.is_terminal() {
                        self.ledger.fault(task, format!("cannot be watched, though it is {state}: {error}"));
                    }
                    Ok(())
                }
                Err(error) => Err(self.see(task, "its stream", &error)),
            };
            if read.is_ok() || Instant::now() > until {
                self.ledger.facts().streams.push(stream);
                return read.map(|()| state).map_err(|_| self.in_vain(task, "the rest of its stream"));
            }
            sleep(self.dice.millis(10, 100)).await;
        }
    }

    /// Reads a stream until the task rests.
    async fn read(
        &self,
        about: &str,
        mut events: EventStream,
        stream: &mut Stream,
        state: &mut TaskState,
    ) -> Outcome<()> {
        loop {
            let what = format!("the event of its stream after {:?}", stream.events.last());
            match self.within(about, &what, events.next()).await? {
                Some(Ok(event)) => {
                    stream.events.push((event.sequence, event.response.clone()));
                    let Some(status) = event.response.status() else { continue };
                    *state = status.state.clone();
                    // A subscription to a task that waits for its caller goes on for ever.
                    if state.is_interrupted() {
                        return Ok(());
                    }
                }
                Some(Err(error)) => return Err(self.see(about, &what, &error)),
                None => return Ok(()),
            }
        }
    }
}
