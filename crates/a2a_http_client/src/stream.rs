//! Streams of events: one connection after another, until the task has come to rest.
//!
//! A stream that ends before that, cleanly or not, was cut: an agent on WebAssembly ends it cleanly
//! when it dies. It is resumed behind the caller's back, by SubscribeToTask after the last event
//! seen where events have ids, else from the task as it then stands. An agent of 0.3 need not begin with
//! that: the client has asked for it then, and where events may be lost between the two requests, it
//! asks again when the task has come to rest.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use a2a_app_ports::{BoxStream, CallContext, EventStream, Reply};
use a2a_protocol_core::{
    Call, Error, ErrorKind, GetTaskRequest, StreamEvent, StreamResponse, SubscribeToTaskRequest, Task,
};
use futures::stream;
use protocol_transport_core::sse::{Decoder, Event};
use serde_json::value::RawValue;

use crate::{
    Body, Client, Observation, TransportError,
    binding::{Reading, invalid, raw},
    connected::Source,
    exchange::Link,
    retry::{Failure, FailureKind, Repeat},
    timing::within,
};

/// The largest event that is read, in bytes.
const MAX_EVENT: usize = 16 << 20;
/// How long to wait for the end of a stream whose last event has come, so that its connection can
/// be used again.
pub(crate) const LINGER: Duration = Duration::from_millis(250);

/// Makes a streaming call. An error before the stream begins is the call's.
pub(crate) async fn open(client: Client, context: CallContext, call: Call) -> Result<EventStream, Error> {
    let (task_id, follow_up) = match &call {
        Call::SubscribeToTask(request) => (Some(Arc::from(request.id.as_str())), false),
        Call::SendStreamingMessage(request) => (None, request.message.task_id.is_some()),
        _ => (None, false),
    };
    let last_event_id = context.last_event_id.map(|id| id.to_string());
    let mut tries = client.link().tries(Repeat::of(&call, client.is_idempotent()));
    let opened = loop {
        match client.open(&context, &call, last_event_id.as_deref()).await {
            Ok(opened) => break opened,
            Err(failure) => tries.again(failure).await?,
        }
    };
    let mut watch = Watch {
        client: client.clone(),
        context,
        call,
        connection: None,
        standing: None,
        first: VecDeque::new(),
        task_id,
        last_event_id,
        last_sequence: None,
        follow_up,
        subscribed: false,
        at_rest: false,
        unanswered: false,
        over: false,
        begun: false,
        failures: 0,
    };
    watch.install(opened);
    Ok(Box::pin(stream::unfold(watch, |mut watch| async {
        let item = watch.next().await?;
        Some((item, watch))
    })))
}

/// One reply that is a stream.
pub(crate) struct Connection {
    body: Body,
    decoder: Decoder,
    reading: Reading,
    link: Link,
    /// The id in force after the last event.
    id: Option<String>,
    /// The one event of a reply that is no stream.
    single: Option<StreamResponse>,
}

/// Why a connection gives no more events.
pub(crate) enum End {
    /// It ended as a reply does. Before the task rests, that is a cut too.
    Clean,
    /// It was cut; the stream can be resumed.
    Cut(TransportError),
    /// The agent says so, or makes no sense.
    Error(Error),
}

impl Connection {
    pub(crate) fn stream(body: Body, reading: Reading, link: Link) -> Self {
        Self { body, decoder: Decoder::new(MAX_EVENT), reading, link, id: None, single: None }
    }

    pub(crate) fn single(response: StreamResponse, reading: Reading, link: Link) -> Self {
        let single = Some(response);
        Self { single, ..Self::stream(Box::pin(stream::empty()), reading, link) }
    }

    /// The id in force after the last event.
    pub(crate) fn last_event_id(&self) -> Option<&String> {
        self.id.as_ref()
    }

    pub(crate) async fn next(&mut self) -> Result<StreamEvent, End> {
        if let Some(response) = self.single.take() {
            return Ok(StreamEvent::new(None, response));
        }
        let event = self.next_event().await?;
        self.read(event).map_err(End::Error)
    }

    async fn next_event(&mut self) -> Result<Event, End> {
        loop {
            match self.decoder.next_event() {
                Ok(Some(event)) => return Ok(event),
                Ok(None) => {}
                Err(error) => return Err(End::Error(invalid(error.to_string()))),
            }
            match self.link.chunk(&mut self.body).await {
                Ok(Some(chunk)) => self.decoder.push(&chunk),
                Ok(None) => return Err(End::Clean),
                Err(error) => return Err(End::Cut(error)),
            }
        }
    }

    /// The results of an agent's own method. What they mean only the agent knows: a stream that is
    /// cut is not resumed, and one that ends is at its end.
    pub(crate) fn results(self) -> BoxStream<'static, Result<Box<RawValue>, Error>> {
        Box::pin(stream::unfold(Some(self), |connection| async {
            let mut connection = connection?;
            let result = match connection.next_event().await {
                Ok(event) => connection.payload(&event).and_then(raw),
                Err(End::Clean) => return None,
                Err(End::Cut(error)) => Err(Failure::from(error).into()),
                Err(End::Error(error)) => Err(error),
            };
            let rest = result.is_ok().then_some(connection);
            Some((result, rest))
        }))
    }

    /// The JSON of an event without its envelope.
    fn payload<'a>(&self, event: &'a Event) -> Result<&'a str, Error> {
        let payload = self.reading.payload(event.data.as_bytes());
        if event.event.as_deref() == Some("error") {
            // The JSON-RPC binding has an envelope for it; HTTP+JSON has the body of an error.
            return Err(payload.err().unwrap_or_else(|| self.reading.by_status(500, event.data.as_bytes())));
        }
        payload
    }

    fn read(&mut self, event: Event) -> Result<StreamEvent, Error> {
        let response = self.reading.stream_response(self.payload(&event)?);
        // An id that an earlier event has set says how far the stream is, but not what this one is.
        let sequence = event.id.as_ref().filter(|_| event.own_id).and_then(|id| id.parse().ok());
        self.id = event.id;
        Ok(StreamEvent::new(sequence, response?))
    }

    /// Reads on to the end, where it comes at once.
    pub(crate) async fn finish(mut self) {
        let clock = self.link.host.clock.clone();
        within(&*clock, LINGER, async { while let Ok(Some(_)) = self.link.chunk(&mut self.body).await {} }).await;
    }
}

/// A connection that was just made.
pub(crate) struct Opened {
    pub(crate) source: Source,
    /// What the stream begins with: the client has it already.
    pub(crate) first: Vec<Arc<StreamEvent>>,
    /// The task that this is, if the client has asked for it because the agent may not send it.
    pub(crate) standing: Option<Arc<Task>>,
}

impl Opened {
    pub(crate) fn of(source: Source) -> Self {
        Self { source, first: Vec::new(), standing: None }
    }
}

/// What is known of a stream across its connections.
struct Watch {
    client: Client,
    context: CallContext,
    /// The call that began the stream.
    call: Call,
    connection: Option<Source>,
    /// The task as the client has asked for it, as long as the agent has not sent it.
    standing: Option<Arc<Task>>,
    /// What the stream begins with, ahead of this connection.
    first: VecDeque<Arc<StreamEvent>>,
    task_id: Option<Arc<str>>,
    /// After which event to resume, as the agent wrote it.
    last_event_id: Option<String>,
    last_sequence: Option<u64>,
    /// Whether the call sends a message to a task that is there already.
    follow_up: bool,
    /// Whether this connection is a subscription in place of the stream of a message that was sent.
    subscribed: bool,
    /// Whether the stream may end: the task has ended or waits for its caller, or there is none.
    at_rest: bool,
    /// Whether all that was seen is that the task waited for the message which the call sends.
    unanswered: bool,
    /// Whether nothing more is to come.
    over: bool,
    /// Whether this connection has given an event.
    begun: bool,
    /// How many connections in a row have brought nothing new.
    failures: u32,
}

impl Watch {
    fn install(&mut self, opened: Opened) {
        self.connection = Some(opened.source);
        self.first = opened.first.into();
        self.standing = opened.standing;
    }

    async fn next(&mut self) -> Option<Result<Arc<StreamEvent>, Error>> {
        loop {
            if self.over {
                if let Some(connection) = self.connection.take() {
                    connection.finish(&self.client).await;
                }
                self.standing.take()?;
                return self.rest().await.transpose().map(|last| last.map(Arc::new));
            }
            if let Some(event) = self.first.pop_front() {
                match self.take(event) {
                    Some(event) => return Some(Ok(event)),
                    None => continue,
                }
            }
            let end = match &mut self.connection {
                Some(connection) => match connection.next().await {
                    Ok(event) => match self.take(event) {
                        Some(event) => return Some(Ok(event)),
                        None => continue,
                    },
                    Err(end) => end,
                },
                None => return None,
            };
            self.connection = None;
            let cut = match end {
                End::Clean if self.at_rest => {
                    self.over = true;
                    continue;
                }
                // The stream of a message is complete when its task rests; a subscription is not.
                End::Cut(_) if self.at_rest && !matches!(self.call, Call::SubscribeToTask(_)) => {
                    self.over = true;
                    continue;
                }
                End::Clean => TransportError::broken("the stream ended without a terminal or interrupted state"),
                End::Cut(error) => error,
                End::Error(error) => {
                    // It may have ended before the subscription began, for which 0.3 has several errors.
                    let ended = if self.standing.take().is_some() { self.rest().await } else { Ok(None) };
                    self.over = true;
                    return Some(ended.ok().flatten().map(Arc::new).ok_or(error));
                }
            };
            match self.resume(cut).await {
                Ok(None) => {}
                Ok(Some(last)) => {
                    self.over = true;
                    self.standing = None;
                    return Some(Ok(Arc::new(last)));
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Notes what an event says. `None` if it was seen before the cut.
    fn take(&mut self, event: Arc<StreamEvent>) -> Option<Arc<StreamEvent>> {
        let first = !std::mem::replace(&mut self.begun, true);
        if let Some(sequence) = event.sequence {
            if self.last_sequence.is_some_and(|last| sequence <= last) {
                return None;
            }
            self.last_sequence = Some(sequence);
        }
        if let Some(id) = self.connection.as_ref().and_then(Source::last_event_id) {
            self.last_event_id = Some(id.clone());
        }
        if let (false, StreamResponse::Task(task)) = (first, &event.response)
            && self.standing.take().is_some_and(|standing| standing == *task)
        {
            return None;
        }
        // The task as it stands, with which a resumption begins, is no progress by itself.
        if !first || event.sequence.is_some() {
            self.failures = 0;
        }
        if self.task_id.is_none() {
            self.task_id = event.response.task_id().cloned();
        }
        match event.response.status().map(|status| &status.state) {
            Some(state) => {
                self.unanswered = first
                    && self.follow_up
                    && !self.subscribed
                    && state.is_interrupted()
                    && matches!(event.response, StreamResponse::Task(_));
                self.at_rest = state.is_terminal() || state.is_interrupted() && !self.unanswered;
                // A subscription stays open while the task waits for its caller, which the stream
                // that it stands for does not.
                self.over = state.is_terminal() || state.is_interrupted() && self.subscribed;
            }
            None if matches!(event.response, StreamResponse::Message(_)) => {
                (self.at_rest, self.over) = (true, true);
            }
            None => {}
        }
        Some(event)
    }

    /// Connects again. Gives the last event if the task came to rest in the meantime.
    async fn resume(&mut self, cut: TransportError) -> Result<Option<StreamEvent>, Error> {
        let mut reason = Failure::from(cut);
        if self.unanswered {
            // The task may wait for the next message by now, or still be at this one.
            if let Some(last) = self.rest().await? {
                return Ok(Some(last));
            }
        }
        let call = match &self.task_id {
            Some(id) => {
                let mut call = Call::SubscribeToTask(SubscribeToTaskRequest::new(&**id));
                call.set_tenant(self.call.tenant().map(str::to_owned));
                call
            }
            // The agent knows the message and answers with the task that it made of it.
            None if self.client.is_idempotent() => self.call.clone(),
            None => return Err(reason.into()),
        };
        loop {
            let Some(delay) = self.client.link().delay(self.failures, reason.retry_after) else {
                return Err(unresumed(reason, self.failures));
            };
            self.failures = self.failures.saturating_add(1);
            let error = Error::from(reason);
            if let Some(observer) = &self.client.link().observer {
                observer.observe(&Observation::Resume { attempt: self.failures, delay, reason: &error });
            }
            self.client.link().host.clock.sleep(delay).await;
            reason = match self.client.open(&self.context, &call, self.last_event_id.as_deref()).await {
                Ok(opened) => {
                    self.install(opened);
                    self.subscribed = self.task_id.is_some() && matches!(self.call, Call::SendStreamingMessage(_));
                    self.begun = false;
                    return Ok(None);
                }
                Err(failure) => failure,
            };
            match &reason.kind {
                // It cannot be watched any more if it has come to rest in the meantime.
                FailureKind::Answered(error) if error.kind() == ErrorKind::UnsupportedOperation => {
                    return match self.rest().await? {
                        Some(last) => Ok(Some(last)),
                        None => Err(reason.into()),
                    };
                }
                FailureKind::Answered(_) if !Repeat::Read.allows(&reason) => return Err(reason.into()),
                // Even one that took its time: the caller has waited for longer than that already.
                _ => {}
            }
        }
    }

    /// The task, if it has come to rest.
    async fn rest(&mut self) -> Result<Option<StreamEvent>, Error> {
        let Some(id) = &self.task_id else {
            return Ok(None);
        };
        let mut call = Call::GetTask(GetTaskRequest::new(&**id));
        call.set_tenant(self.call.tenant().map(str::to_owned));
        Ok(match self.client.ask(&self.context, &call).await? {
            Reply::Task(task) if task.status.state.is_terminal() || task.status.state.is_interrupted() => {
                Some(StreamEvent::new(None, StreamResponse::Task(task)))
            }
            _ => None,
        })
    }
}

/// The error of a stream that was cut and stays so.
fn unresumed(reason: Failure, failures: u32) -> Error {
    match reason.kind {
        FailureKind::Transport(error) if failures > 0 => {
            Error::new(ErrorKind::Unavailable, format!("{error} (after {failures} tries to resume)")).caused_by(error)
        }
        _ => reason.into(),
    }
}
