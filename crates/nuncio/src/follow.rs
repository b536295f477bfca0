//! Follows a task until it has ended or needs its caller: by its events, and where they fail, by
//! asking for its state.

use std::{sync::Arc, time::Duration};

use a2a_app_ports::{AgentOperations as _, AgentService, CallContext, EventStream};
use a2a_protocol_core::{Error, ErrorKind, GetTaskRequest, Message, StreamResponse, Task, TaskState, TaskStatus, log};
use futures::StreamExt as _;

use crate::{app::App, error::Failure};

/// How often in a row the question for the state may fail before the wait does. The client has
/// tried each of them several times already.
const FAILED_POLLS: u32 = 3;
/// Polling slows down to this many times the interval while nothing changes.
const SLOWEST: u32 = 4;

/// What a message led to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A task that has ended or waits for its caller.
    Task(Arc<Task>),
    /// A direct reply.
    Message(Arc<Message>),
}

/// Told of every event, with the task as it stands after it.
type Watch<'a> = Box<dyn FnMut(&StreamResponse, Option<&Task>) -> Result<(), Failure> + 'a>;

/// Follows one task.
pub(crate) struct Follower<'a> {
    app: &'a App,
    agent: &'a dyn AgentService,
    watch: Watch<'a>,
    task: Option<Task>,
    /// At most this many messages of the history, when asking for the task.
    pub(crate) history: Option<i32>,
    /// Whether the stream is that of a message to a task: it may open with the task as it was
    /// before, still waiting for that message.
    pub(crate) answers: bool,
}

impl<'a> Follower<'a> {
    pub(crate) fn new(
        app: &'a App,
        agent: &'a dyn AgentService,
        watch: impl FnMut(&StreamResponse, Option<&Task>) -> Result<(), Failure> + 'a,
    ) -> Self {
        Self { app, agent, watch: Box::new(watch), task: None, history: None, answers: false }
    }

    /// Follows the events of a stream.
    ///
    /// # Errors
    /// When the agent ends the stream by an error, or neither the stream nor polling works.
    pub(crate) async fn events(&mut self, mut events: EventStream) -> Result<Outcome, Failure> {
        while let Some(event) = events.next().await {
            let response = match event {
                Ok(event) => event.response.clone(),
                Err(error) => {
                    self.tolerate(&error)?;
                    break;
                }
            };
            let opens = self.answers && self.task.is_none();
            match self.event(&response)? {
                Some(Outcome::Task(task)) if opens && task.status.state.is_interrupted() => {}
                Some(outcome) => return Ok(outcome),
                None => {}
            }
        }
        let Some(task) = &self.task else {
            let error = Error::new(ErrorKind::InvalidAgentResponse, "the stream ended without an event");
            return Err(self.app.failed(&error));
        };
        let id = task.id.to_string();
        self.poll(&id).await
    }

    /// A stream that breaks off costs nothing once its task is known. An error that the agent
    /// itself sends is what the caller of `--stream` wants to see.
    fn tolerate(&self, error: &Error) -> Result<(), Failure> {
        let broke_off = matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::InvalidAgentResponse);
        if self.task.is_none() || (self.app.settings.stream && !broke_off) {
            return Err(self.app.with_resumption(self.app.failed(error)));
        }
        self.app.console.note(&format!("note: the stream failed ({}), going on by polling", error.message()));
        Ok(())
    }

    /// Takes one event; an outcome when there is nothing more to wait for.
    pub(crate) fn event(&mut self, response: &StreamResponse) -> Result<Option<Outcome>, Failure> {
        match (&mut self.task, response) {
            (_, StreamResponse::Message(message)) => {
                (self.watch)(response, None)?;
                return Ok(Some(Outcome::Message(message.clone())));
            }
            (None, StreamResponse::Task(task)) => self.task = Some((**task).clone()),
            // The protocol wants the task first; whoever leaves it out is understood all the same.
            (None, StreamResponse::StatusUpdate(update)) => {
                let status = update.status.clone();
                self.task = Some(Task::new(update.task_id.clone(), update.context_id.clone(), status));
            }
            (None, StreamResponse::ArtifactUpdate(update)) => {
                let mut task = Task::new(update.task_id.clone(), update.context_id.clone(), TaskStatus::default());
                // A chunk of an artifact that is not known is left to the final reading of the task.
                let _ = log::absorb(&mut task, response);
                self.task = Some(task);
            }
            (Some(task), response) => {
                // What does not fit is repeated or late.
                let _ = log::absorb(task, response);
            }
        }
        let Some(task) = &self.task else {
            return Ok(None);
        };
        self.app.saw(task);
        self.app.show_progress(&task.status.state, Some(response));
        (self.watch)(response, Some(task))?;
        Ok(is_settled(&task.status.state).then(|| Outcome::Task(Arc::new(task.clone()))))
    }

    /// Waits on after a first answer that was not the last word.
    ///
    /// # Errors
    /// Like [`poll`](Self::poll).
    pub(crate) async fn rest(&mut self) -> Result<Outcome, Failure> {
        let id = self.task.as_ref().map(|task| task.id.to_string()).unwrap_or_default();
        tokio::time::sleep(self.app.settings.poll_interval).await;
        self.poll(&id).await
    }

    /// The task in the agent's own words, instead of what was put together from its events; unless
    /// the agent does not know yet what it has said.
    pub(crate) async fn as_the_agent_has_it(&self, task: Arc<Task>) -> Arc<Task> {
        let mut request = GetTaskRequest::new(&*task.id);
        request.history_length = self.history;
        match self.agent.get_task(CallContext::new(), request).await {
            Ok(own) if own.status.state == task.status.state => own,
            _ => task,
        }
    }

    /// Asks for the state of a task, again and again.
    ///
    /// # Errors
    /// When the agent answers with an error, or cannot be reached for a while.
    pub(crate) async fn poll(&mut self, id: &str) -> Result<Outcome, Failure> {
        let interval = self.app.settings.poll_interval;
        let mut delay = interval;
        let mut failures = 0;
        loop {
            let mut request = GetTaskRequest::new(id);
            request.history_length = self.history;
            match self.agent.get_task(CallContext::new(), request).await {
                Ok(task) => {
                    failures = 0;
                    if self.task.as_ref() != Some(&task) {
                        delay = interval;
                        // The task as the agent gives it takes the place of the one put together.
                        self.task = None;
                        if let Some(outcome) = self.event(&StreamResponse::Task(task))? {
                            return Ok(outcome);
                        }
                    } else if is_settled(&task.status.state) {
                        return Ok(Outcome::Task(task));
                    }
                }
                Err(error) if error.kind() == ErrorKind::Unavailable && failures < FAILED_POLLS => failures += 1,
                Err(error) => return Err(self.app.with_resumption(self.app.failed(&error))),
            }
            tokio::time::sleep(delay).await;
            delay = slower(delay, interval);
        }
    }
}

/// Half as long again, within bounds.
fn slower(delay: Duration, interval: Duration) -> Duration {
    (delay + delay / 2).min(interval.saturating_mul(SLOWEST))
}

/// Whether there is nothing to wait for: the task has ended, or needs its caller. Unknown and
/// unspecified states are neither.
pub(crate) fn is_settled(state: &TaskState) -> bool {
    state.is_terminal() || state.is_interrupted()
}

#[cfg(test)]
mod tests {
    use std::{
        collections::VecDeque,
        sync::{Mutex, PoisonError},
    };

    use a2a_app_ports::{BoxFuture, Reply};
    use a2a_protocol_core::{Call, StreamEvent};
    use serde_json::{Value, json};

    use super::*;
    use crate::{config::Layers, output::Console, redact::Secrets, settings::Settings};

    /// Answers GetTask from a list of states, the last one for ever.
    struct Scripted(Mutex<VecDeque<Result<&'static str, Error>>>, Mutex<Vec<tokio::time::Instant>>);

    impl Scripted {
        fn new(states: impl IntoIterator<Item = Result<&'static str, Error>>) -> Self {
            Self(Mutex::new(states.into_iter().collect()), Mutex::default())
        }
    }

    impl AgentService for Scripted {
        fn handle(&self, _: CallContext, call: Call) -> BoxFuture<'_, Result<Reply, Error>> {
            Box::pin(async move {
                assert!(matches!(call, Call::GetTask(_)));
                self.1.lock().unwrap_or_else(PoisonError::into_inner).push(tokio::time::Instant::now());
                let mut states = self.0.lock().unwrap();
                let next = if states.len() > 1 { states.pop_front() } else { states.front().cloned() };
                next.unwrap().map(|state| Reply::Task(Arc::new(task(state))))
            })
        }
    }

    fn task(state: &str) -> Task {
        serde_json::from_value(json!({"id": "t", "contextId": "c", "status": {"state": state}})).unwrap()
    }

    fn app(flags: &[(&'static str, &str)]) -> App {
        let flags = flags.iter().map(|(name, value)| (*name, vec![(*value).to_owned()])).collect();
        let resolved = Layers { flags, ..Layers::default() }.resolve();
        let settings = Settings::read(&resolved).unwrap();
        App::new(settings, resolved, Console::new(crate::settings::Format::Json, true, Secrets::default()))
    }

    fn events(events: Vec<Result<Value, Error>>) -> EventStream {
        let events = events
            .into_iter()
            .map(|event| event.map(|json| Arc::new(StreamEvent::new(None, serde_json::from_value(json).unwrap()))));
        Box::pin(futures::stream::iter(events.collect::<Vec<_>>()))
    }

    async fn states_until_settled(
        agent: &Scripted,
        app: &App,
        stream: Option<EventStream>,
    ) -> Result<Vec<String>, Failure> {
        let seen = std::cell::RefCell::new(Vec::new());
        let mut follower = Follower::new(app, agent, |_, task| {
            seen.borrow_mut().push(task.map(|task| task.status.state.to_string()).unwrap_or_default());
            Ok(())
        });
        let outcome = match stream {
            Some(stream) => follower.events(stream).await,
            None => follower.poll("t").await,
        };
        drop(follower);
        outcome.map(|_| seen.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn polling_ends_at_terminal_and_interrupted_states_only() {
        let app = app(&[]);
        for last in ["COMPLETED", "FAILED", "CANCELED", "REJECTED", "INPUT_REQUIRED", "AUTH_REQUIRED"] {
            let last: &'static str = format!("TASK_STATE_{last}").leak();
            let between =
                ["TASK_STATE_SUBMITTED", "TASK_STATE_UNSPECIFIED", "TASK_STATE_DREAMING", "TASK_STATE_WORKING", last];
            let agent = Scripted::new(between.map(Ok));
            assert_eq!(states_until_settled(&agent, &app, None).await.unwrap(), between);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn polling_slows_down_within_bounds_and_never_spins() {
        let app = app(&[("poll-interval", "1s")]);
        let mut states = vec![Ok("TASK_STATE_WORKING"); 7];
        states.push(Ok("TASK_STATE_COMPLETED"));
        let agent = Scripted::new(states);
        states_until_settled(&agent, &app, None).await.unwrap();
        let times = agent.1.lock().unwrap();
        let gaps: Vec<_> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
        // The paused clock ticks in milliseconds and rounds up.
        assert!(
            gaps.iter()
                .zip([1000, 1500, 2250, 3375, 4000, 4000, 4000])
                .all(|(gap, expected)| gap.abs_diff(expected) <= 1),
            "{gaps:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn polling_survives_a_short_outage() {
        let app = app(&[]);
        let down = || Err(Error::new(ErrorKind::Unavailable, "down"));
        let agent = Scripted::new([down(), down(), Ok("TASK_STATE_COMPLETED")]);
        assert_eq!(states_until_settled(&agent, &app, None).await.unwrap(), ["TASK_STATE_COMPLETED"]);
        let agent = Scripted::new([down()]);
        assert_eq!(states_until_settled(&agent, &app, None).await.unwrap_err().code, crate::error::Code::Unreachable);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_breaks_off_is_continued_by_polling() {
        let working = json!({"task": {"id": "t", "contextId": "c", "status": {"state": "TASK_STATE_WORKING"}}});
        for (flags, breaks) in [
            (&[("stream", "true")][..], vec![]),
            (&[("stream", "true")], vec![Err(Error::new(ErrorKind::Unavailable, "cut"))]),
            (&[], vec![Err(Error::new(ErrorKind::Internal, "agent's own"))]),
        ] {
            let app = app(flags);
            let agent = Scripted::new([Ok("TASK_STATE_COMPLETED")]);
            let stream = events(std::iter::once(Ok(working.clone())).chain(breaks).collect());
            let states = states_until_settled(&agent, &app, Some(stream)).await.unwrap();
            assert_eq!(states, ["TASK_STATE_WORKING", "TASK_STATE_COMPLETED"]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_task_that_opens_the_stream_of_an_answer_is_not_its_outcome() {
        let app = app(&[]);
        let asking = json!({"task": {"id": "t", "contextId": "c", "status": {"state": "TASK_STATE_INPUT_REQUIRED"}}});
        let done =
            json!({"statusUpdate": {"taskId": "t", "contextId": "c", "status": {"state": "TASK_STATE_COMPLETED"}}});
        for (stream, last) in [
            (vec![Ok(asking.clone()), Ok(done)], "TASK_STATE_COMPLETED"),
            (vec![Ok(asking)], "TASK_STATE_INPUT_REQUIRED"),
        ] {
            let agent = Scripted::new([Ok("TASK_STATE_INPUT_REQUIRED")]);
            let mut follower = Follower::new(&app, &agent, |_, _| Ok(()));
            follower.answers = true;
            let outcome = follower.events(events(stream)).await.unwrap();
            let Outcome::Task(task) = outcome else { panic!("{outcome:?}") };
            assert_eq!(task.status.state.to_string(), last);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_of_the_agent_ends_a_stream_that_is_followed() {
        let app = app(&[("stream", "true")]);
        let agent = Scripted::new([Ok("TASK_STATE_COMPLETED")]);
        let working = json!({"task": {"id": "t", "contextId": "c", "status": {"state": "TASK_STATE_WORKING"}}});
        let stream = events(vec![Ok(working), Err(Error::new(ErrorKind::Internal, "agent's own"))]);
        let failure = states_until_settled(&agent, &app, Some(stream)).await.unwrap_err();
        assert_eq!(failure.code, crate::error::Code::Protocol(ErrorKind::Internal));
        assert_eq!(failure.hint.as_deref(), Some("nuncio task get --wait t"));
    }

    #[tokio::test(start_paused = true)]
    async fn events_are_folded_into_the_task_and_a_message_ends_the_stream() {
        let app = app(&[]);
        let agent = Scripted::new([Ok("TASK_STATE_COMPLETED")]);
        let mut follower = Follower::new(&app, &agent, |_, _| Ok(()));
        let outcome = follower
            .events(events(vec![
                Ok(json!({"statusUpdate": {"taskId": "t", "contextId": "c", "status": {"state": "TASK_STATE_WORKING"}}})),
                Ok(json!({"artifactUpdate": {"taskId": "t", "contextId": "c", "artifact": {"artifactId": "a", "parts": [{"text": "1"}]}}})),
                Ok(json!({"artifactUpdate": {"taskId": "t", "contextId": "c", "append": true, "artifact": {"artifactId": "a", "parts": [{"text": "2"}]}}})),
                Ok(json!({"statusUpdate": {"taskId": "t", "contextId": "c", "status": {"state": "TASK_STATE_COMPLETED"}}})),
            ]))
            .await
            .unwrap();
        let Outcome::Task(task) = outcome else { panic!("{outcome:?}") };
        assert_eq!(task.artifacts[0].text(), "12");

        let mut follower = Follower::new(&app, &agent, |_, _| Ok(()));
        let message = json!({"message": {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "hi"}]}});
        let outcome = follower.events(events(vec![Ok(message)])).await.unwrap();
        assert!(matches!(outcome, Outcome::Message(message) if message.text() == "hi"));
    }
}
