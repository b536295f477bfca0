//! A cursor over a task's log as a stream: it reads what is stored after its place, then waits to be
//! woken. A slow watcher reads on from its place; it loses nothing and holds nobody up.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use a2a_app_ports::{BoxFuture, Holder, Revision, Scope, Snapshot, StorageError, TaskId};
use a2a_protocol_core::{Error, Event, EventKind, StreamEvent, StreamResponse, Task, TaskState};
use event_listener::EventListener;
use futures::Stream;

use super::{READ_AT_ONCE, Shared, abandoned, drive::Beside, live::Live, slot::News};

/// How often, and after which time, a storage is asked again that fails. A watcher is patient: it
/// loses nothing by waiting.
const RETRIES: u32 = 60;
const RETRY: Duration = Duration::from_secs(1);

/// When a watcher has seen enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// When the task has ended.
    End,
    /// When the task has ended, or has paused after the message at this place of its log.
    Answered(Revision),
}

/// What a watcher has seen.
enum Seen {
    Enough,
    /// Enough, unless the task is run elsewhere.
    EnoughUnlessRun,
    TooLittle,
}

/// A watcher of one task.
pub(crate) struct Watch {
    engine: Arc<Shared>,
    live: Arc<Live>,
    scope: Arc<Scope>,
    id: TaskId,
    task_id: Arc<str>,
    context_id: Arc<str>,
    /// The last event that has been read.
    after: Revision,
    until: Until,
    ready: VecDeque<Arc<StreamEvent>>,
    reading: Option<BoxFuture<'static, Result<Option<Vec<Event>>, StorageError>>>,
    /// How often in a row it could not be read, and the rest before the next try.
    failures: u32,
    rest: Option<BoxFuture<'static, ()>>,
    /// Whether there was nothing to read the last time.
    vain: bool,
    listener: Option<EventListener>,
    /// The task is being looked up: whether anybody runs it, or how it ended.
    asking: Option<BoxFuture<'static, Result<Option<Snapshot>, StorageError>>>,
    /// Whether it has been looked up since the last change.
    asked: bool,
    /// Whether the log is gone.
    gone: bool,
    /// The work that is done beside reading.
    beside: Option<Beside>,
    over: bool,
}

impl Watch {
    /// Watches from a task as of a revision; the task is the first event.
    pub(crate) fn new(
        engine: Arc<Shared>,
        live: Arc<Live>,
        scope: Scope,
        id: TaskId,
        (task, revision): (Arc<Task>, Revision),
        until: Until,
    ) -> Self {
        live.begin_watching();
        let (task_id, context_id) = (task.id.clone(), task.context_id.clone());
        let first = StreamEvent::new(Some(revision), StreamResponse::Task(task));
        Self {
            engine,
            live,
            scope: Arc::new(scope),
            id,
            task_id,
            context_id,
            after: revision,
            until,
            ready: VecDeque::from([Arc::new(first)]),
            reading: None,
            failures: 0,
            rest: None,
            vain: false,
            listener: None,
            asking: None,
            asked: false,
            gone: false,
            beside: None,
            over: false,
        }
    }

    /// Does this work beside reading.
    pub(crate) fn doing(mut self, work: Option<Beside>) -> Self {
        self.beside = work;
        self
    }

    /// Takes what was read. Past the event with which the watcher has seen enough, nothing.
    fn take(&mut self, events: Vec<Event>) {
        self.live.learn(&News::of(self.after, &events));
        for event in events {
            self.after += 1;
            if let Some(response) = event.response(&self.task_id, &self.context_id) {
                self.ready.push_back(self.live.share(StreamEvent::new(Some(self.after), response)));
            }
            if self.is_last(&event) {
                self.over = true;
                return;
            }
        }
    }

    fn look_up(&self) -> BoxFuture<'static, Result<Option<Snapshot>, StorageError>> {
        let (engine, scope, id) = (self.engine.clone(), self.scope.clone(), self.id);
        Box::pin(async move { engine.storage.snapshot(&scope, id).await })
    }

    /// The storage is asked again, after a while.
    fn try_later(&mut self) {
        self.failures += 1;
        self.rest = Some(self.engine.host.clock.sleep(RETRY));
    }

    /// Ends with an error.
    fn fail(&mut self, error: Error) -> Poll<Option<Result<Arc<StreamEvent>, Error>>> {
        self.over = true;
        Poll::Ready(Some(Err(error)))
    }

    fn is_last(&self, event: &Event) -> bool {
        match (&event.kind, self.until) {
            (EventKind::Status { state, .. }, _) if state.is_terminal() => true,
            (EventKind::Status { state: TaskState::InputRequired, .. }, Until::Answered(message)) => {
                self.live.slot().is_after(message, self.after)
            }
            _ => false,
        }
    }

    /// Whether there is nothing to wait for although no event says so.
    fn has_seen_enough(&self) -> Seen {
        let slot = self.live.slot();
        match self.until {
            _ if slot.revision > self.after => Seen::TooLittle,
            _ if slot.state.is_terminal() => Seen::Enough,
            Until::Answered(message) if slot.has_paused_after(message) && !slot.running => match slot.state {
                TaskState::InputRequired => Seen::Enough,
                // The handler may wait for the credential; then the stream stays.
                TaskState::AuthRequired => Seen::EnoughUnlessRun,
                _ => Seen::TooLittle,
            },
            _ => Seen::TooLittle,
        }
    }
}

impl Stream for Watch {
    type Item = Result<Arc<StreamEvent>, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(event) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            if this.over {
                this.beside = None;
                return Poll::Ready(None);
            }
            if let Some(rest) = &mut this.rest {
                ready!(rest.as_mut().poll(cx));
                this.rest = None;
            }
            if let Some(reading) = &mut this.reading {
                let read = ready!(reading.as_mut().poll(cx));
                this.reading = None;
                match read {
                    // It is said to be longer than it is, or has grown since.
                    Ok(Some(events)) if events.is_empty() => {
                        this.live.learn(&News::of(this.after, &events));
                        this.vain = !std::mem::replace(&mut this.vain, true);
                        if !this.vain {
                            this.rest = Some(this.engine.host.clock.sleep(RETRY));
                        }
                    }
                    Ok(Some(events)) => {
                        this.vain = false;
                        this.take(events);
                    }
                    // What was looked up before does not tell how the task ended.
                    Ok(None) => (this.gone, this.asking) = (true, None),
                    Err(error) if this.failures >= RETRIES => return this.fail(Error::internal(error)),
                    Err(_) => {
                        this.try_later();
                        continue;
                    }
                }
                this.failures = 0;
                continue;
            }
            if this.gone {
                let mut asking = this.asking.take().unwrap_or_else(|| this.look_up());
                let Poll::Ready(found) = asking.as_mut().poll(cx) else {
                    this.asking = Some(asking);
                    return Poll::Pending;
                };
                match found {
                    // It ended long ago, and is shown as it did.
                    Ok(Some(ended)) => {
                        let task = StreamResponse::Task(ended.task);
                        this.ready.push_back(Arc::new(StreamEvent::new(Some(ended.revision), task)));
                        this.over = true;
                    }
                    Ok(None) => return this.fail(Error::task_not_found(&this.task_id)),
                    Err(error) if this.failures >= RETRIES => return this.fail(Error::internal(error)),
                    Err(_) => this.try_later(),
                }
                continue;
            }
            if !this.live.is_beyond(this.after)
                && let Some(work) = &mut this.beside
                && !work.poll(cx, &this.live)
            {
                // It waits for something, or is done: dropped, what is left goes on without this.
                this.beside = None;
            }
            if this.live.is_beyond(this.after) {
                let (engine, scope, id, after) = (this.engine.clone(), this.scope.clone(), this.id, this.after);
                this.reading =
                    Some(Box::pin(async move { engine.storage.events(&scope, id, after, READ_AT_ONCE).await }));
                continue;
            }
            if this.live.slot().abandoned {
                return this.fail(abandoned());
            }
            if let Some(asking) = &mut this.asking {
                let found = ready!(asking.as_mut().poll(cx));
                this.asking = None;
                this.asked = true;
                // A storage that fails now is asked again.
                let runs =
                    found.map_or(true, |found| found.is_some_and(|task| matches!(task.holder, Holder::Present(_))));
                this.over = !runs && matches!(this.has_seen_enough(), Seen::Enough | Seen::EnoughUnlessRun);
                continue;
            }
            match this.has_seen_enough() {
                Seen::Enough => {
                    this.over = true;
                    continue;
                }
                Seen::EnoughUnlessRun if !this.asked && this.listener.is_some() => {
                    this.asking = Some(this.look_up());
                    continue;
                }
                Seen::EnoughUnlessRun | Seen::TooLittle => {}
            }
            match &mut this.listener {
                // Listen first, then look once more: what happens in between is not missed.
                None => this.listener = Some(this.live.listen()),
                Some(listener) => {
                    ready!(Pin::new(listener).poll(cx));
                    this.listener = None;
                    this.asked = false;
                }
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.live.end_watching();
    }
}
