//! A run: the handler of one task at work, turn after turn, and the log it writes.

use std::{
    any::Any,
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::Poll,
};

use a2a_app_ports::{
    Answers, BoxFuture, CallContext, Effect, HandlerError, PushConfigRow, Revision, Run, Scope, StorageError, TaskId,
    TaskUpdater, Turn,
};
use a2a_protocol_core::{Error, ErrorKind, Event, EventKind, Message, Part, Role, SendDetails, TaskState};
use futures::{future::poll_fn, lock::Mutex as AsyncMutex};

use super::{
    Shared,
    live::{Live, lock},
    skills::Skill,
};

/// After so many records the updater lets others have a go: a handler that never waits must neither
/// starve its own stream nor pile up one huge batch.
const RECORDS_PER_POLL: u32 = 64;

/// What a run is about.
pub(crate) struct Subject {
    pub(crate) id: TaskId,
    pub(crate) name: Arc<str>,
    pub(crate) context_id: Arc<str>,
    pub(crate) scope: Scope,
    pub(crate) skill: Arc<Skill>,
    pub(crate) context: Arc<CallContext>,
    /// The message id that is claimed for the answer.
    pub(crate) claim: Option<Arc<str>>,
}

/// The handler of one task at work.
pub(crate) struct TaskRun {
    engine: Arc<Shared>,
    subject: Subject,
    live: Arc<Live>,
    log: AsyncMutex<Log>,
    /// Whether the task exists.
    created: AtomicBool,
    records: AtomicU32,
    /// The answer of a run that ends without a task.
    direct: Mutex<Option<Result<Arc<Message>, Error>>>,
}

/// The run's view of the log.
struct Log {
    revision: Revision,
    state: TaskState,
    /// The creation, until the first event is stored along with it.
    pending: Vec<Event>,
    /// The push configuration that came with the first message, until it is stored along.
    push: Option<Box<PushConfigRow>>,
    /// Whether a creation was begun: it may be stored although nobody waited for that.
    creating: bool,
    stage: Stage,
    /// Messages that came while a turn was running.
    queue: VecDeque<(Revision, Said)>,
}

impl Log {
    fn new(revision: Revision, state: TaskState, pending: Vec<Event>, push: Option<Box<PushConfigRow>>) -> Self {
        Self { revision, state, pending, push, creating: false, stage: Stage::Open, queue: VecDeque::new() }
    }
}

/// What the handler may still do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    /// The run has answered without a task.
    Answered,
    /// Nobody runs the task, or another run does.
    Over,
}

/// A message, and what its request said besides.
pub(crate) type Said = (Arc<Message>, Option<Arc<SendDetails>>);

/// The message of a turn, and what was said before it.
type NextTurn = (Said, Vec<Arc<Message>>);

/// How a turn ended.
enum Ended {
    Returned(Result<(), HandlerError>),
    Panicked(String),
    Canceled,
    TimedOut,
}

impl TaskRun {
    /// A run that begins a task by these events, which are stored with the first one that follows.
    pub(crate) fn begin(
        engine: Arc<Shared>,
        subject: Subject,
        live: Arc<Live>,
        created: Vec<Event>,
        push: Option<Box<PushConfigRow>>,
    ) -> Arc<Self> {
        Self::new(engine, subject, live, Log::new(0, TaskState::Submitted, created, push))
    }

    /// A run that goes on with a task of this state, whose messages were taken up to this revision.
    pub(crate) fn resume(
        engine: Arc<Shared>,
        subject: Subject,
        live: Arc<Live>,
        taken: Revision,
        state: TaskState,
    ) -> Arc<Self> {
        Self::new(engine, subject, live, Log::new(taken, state, Vec::new(), None))
    }

    fn new(engine: Arc<Shared>, subject: Subject, live: Arc<Live>, log: Log) -> Arc<Self> {
        Arc::new(Self {
            engine,
            subject,
            live,
            created: AtomicBool::new(log.pending.is_empty()),
            log: AsyncMutex::new(log),
            records: AtomicU32::new(0),
            direct: Mutex::default(),
        })
    }

    /// Whether the task exists.
    pub(crate) fn is_created(&self) -> bool {
        self.created.load(Ordering::SeqCst)
    }

    /// Whether the run has answered without a task.
    pub(crate) fn has_answered(&self) -> bool {
        lock(&self.direct).is_some()
    }

    /// The answer without a task.
    pub(crate) fn take_answer(&self) -> Option<Result<Arc<Message>, Error>> {
        lock(&self.direct).take()
    }

    /// Stores the creation now, for callers that want the task before the handler has begun.
    pub(crate) async fn create(&self) -> Result<(), StorageError> {
        let mut log = self.log.lock().await;
        if log.pending.is_empty() {
            return Ok(());
        }
        let created = log.pending.clone();
        match self.store(&mut log, created).await {
            Err(StorageError::Conflict { .. }) => Ok(()),
            stored => stored,
        }
    }

    /// Runs the turn of this message, and the turns of those that queue up behind it. Of a resumed
    /// run the first message is in the log.
    pub(crate) async fn go(self: Arc<Self>, first: Option<Said>) {
        let mut next = match first {
            Some(said) => Ok(Some((said, Vec::new()))),
            None => self.first_of_queue().await,
        };
        loop {
            next = match next {
                Ok(Some((said, history))) => {
                    let ended = self.turn(said, history).await;
                    self.settle(ended).await
                }
                Ok(None) => return,
                Err(error) => return self.give_up(error),
            };
        }
    }

    /// One call of the handler, to its end, its cancellation or its time limit.
    async fn turn(self: &Arc<Self>, message: Said, history: Vec<Arc<Message>>) -> Ended {
        let Subject { name, context_id, skill, context, .. } = &self.subject;
        let run: Arc<dyn Run> = self.clone();
        let turn = Turn::new(
            message,
            name.clone(),
            context_id.clone(),
            skill.id.clone(),
            history,
            context.clone(),
            run.clone(),
        );
        let updater = TaskUpdater::new(name.clone(), context_id.clone(), run);
        self.live.cancel.reset_awaited();
        let clock = &self.engine.host.clock;
        let mut limit = skill.time_limit.map(|limit| clock.sleep(limit));
        let mut grace: Option<BoxFuture<'static, ()>> = None;
        let mut creation: Option<BoxFuture<'_, Result<(), StorageError>>> = None;
        // A handler may panic before its first await, too.
        let handler = skill.handler.clone();
        let mut handler = match catch_unwind(AssertUnwindSafe(|| handler.run(turn, updater))) {
            Ok(handler) => handler,
            Err(panic) => return Ended::Panicked(describe(&*panic)),
        };
        let ended = poll_fn(|cx| {
            let cancel = &self.live.cancel;
            cancel.register(cx.waker());
            if cancel.is_requested() {
                if !cancel.is_awaited() {
                    return Poll::Ready(Ended::Canceled);
                }
                let grace = grace.get_or_insert_with(|| clock.sleep(self.engine.options.cancel_grace));
                if grace.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Ended::Canceled);
                }
            }
            match catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(cx))) {
                Ok(Poll::Ready(result)) => return Poll::Ready(Ended::Returned(result)),
                Err(panic) => return Poll::Ready(Ended::Panicked(describe(&*panic))),
                Ok(Poll::Pending) => {}
            }
            if let Some(limit) = &mut limit
                && limit.as_mut().poll(cx).is_ready()
            {
                return Poll::Ready(Ended::TimedOut);
            }
            // The handler waits for something: a task is to exist by now.
            if self.is_created() {
                // Nobody polls it any more: it must not stand in the queue for the log.
                creation = None;
            } else if skill.answers == Answers::Task {
                let create = creation.get_or_insert_with(|| Box::pin(self.create()));
                if let Poll::Ready(Err(error)) = create.as_mut().poll(cx) {
                    return Poll::Ready(Ended::Returned(Err(error.into())));
                }
            }
            Poll::Pending
        })
        .await;
        match catch_unwind(AssertUnwindSafe(|| drop(handler))) {
            Ok(()) => ended,
            Err(panic) => {
                let panic = describe(&*panic);
                tracing::error!(task = %name, skill = %skill.id, panic, "handler panicked when it was dropped");
                ended
            }
        }
    }

    /// Records how a turn ended, and takes the message of the next one, if it is here already.
    async fn settle(&self, ended: Ended) -> Result<Option<NextTurn>, StorageError> {
        let mut log = self.log.lock().await;
        if log.stage == Stage::Answered {
            if let Ended::Returned(Err(error)) = &ended {
                self.report("handler failed after its reply", error);
            }
            self.live.stop(Revision::MAX);
            return Ok(None);
        }
        let end = match ended {
            Ended::Returned(Ok(())) => None,
            // Whatever broke off, it was asked to.
            Ended::Returned(Err(_)) if self.live.cancel.is_requested() => Some((TaskState::Canceled, None)),
            Ended::Returned(Err(error)) => {
                self.report("handler failed", &error);
                if !log.pending.is_empty() && self.subject.skill.answers != Answers::Task {
                    let error = Error::new(ErrorKind::Internal, error.message().to_owned());
                    return self.answer(&mut log, Err(error)).await;
                }
                Some((TaskState::Failed, Some(error.message().to_owned())))
            }
            Ended::Panicked(panic) => {
                tracing::error!(task = %self.subject.name, skill = %self.subject.skill.id, panic, "handler panicked");
                if !log.pending.is_empty() && self.subject.skill.answers != Answers::Task {
                    return self.answer(&mut log, Err(Error::new(ErrorKind::Internal, AGENT_FAILED))).await;
                }
                Some((TaskState::Failed, Some(AGENT_FAILED.to_owned())))
            }
            Ended::Canceled => Some((TaskState::Canceled, None)),
            Ended::TimedOut => {
                let limit = self.subject.skill.time_limit.unwrap_or_default();
                Some((TaskState::Failed, Some(format!("the agent did not finish within {limit:?}"))))
            }
        };
        if !log.pending.is_empty() && self.subject.skill.answers == Answers::Message {
            tracing::error!(skill = %self.subject.skill.id, "the handler ended without a reply");
            let text = end.and_then(|(_, text)| text).unwrap_or_else(|| "the agent gave no answer".to_owned());
            return self.answer(&mut log, Err(Error::new(ErrorKind::Internal, text))).await;
        }
        loop {
            if self.live.revision() > log.revision {
                self.refresh(&mut log).await?;
            }
            if log.state.is_terminal() {
                log.queue.clear();
            } else {
                let canceled = self.live.cancel.is_requested().then_some((TaskState::Canceled, None));
                let next = match (&end, canceled) {
                    (Some(end), _) => Some(end.clone()),
                    (None, Some(canceled)) => Some(canceled),
                    (None, None) if !log.queue.is_empty() => return self.next_turn(&mut log).await,
                    (None, None) if log.state.is_interrupted() => None,
                    (None, None) => Some((TaskState::Completed, None)),
                };
                if let Some((state, text)) = next {
                    let message = text.map(|text| self.agent_message(text));
                    match self.try_append(&mut log, EventKind::Status { state, message, metadata: None }).await {
                        Ok(()) => continue,
                        Err(StorageError::Conflict { .. }) => {
                            self.refresh(&mut log).await?;
                            continue;
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
            if self.live.stop(log.revision) {
                log.stage = Stage::Over;
                return Ok(None);
            }
        }
    }

    /// The first turn of a run that goes on with a task.
    async fn first_of_queue(&self) -> Result<Option<NextTurn>, StorageError> {
        let mut log = self.log.lock().await;
        loop {
            self.refresh(&mut log).await?;
            if !log.state.is_terminal() && !log.queue.is_empty() {
                return self.next_turn(&mut log).await;
            }
            if self.live.stop(log.revision) {
                log.stage = Stage::Over;
                return Ok(None);
            }
        }
    }

    /// Takes the message of the next turn, with what was said before it.
    async fn next_turn(&self, log: &mut Log) -> Result<Option<NextTurn>, StorageError> {
        let Some((place, said)) = log.queue.pop_front() else { return Ok(None) };
        self.resume_work(log).await?;
        self.live.take(place, log.revision);
        let snapshot = self.engine.storage.snapshot(&self.subject.scope, self.subject.id).await?;
        let snapshot = snapshot.ok_or(StorageError::NotFound)?;
        let later = |message: &Arc<Message>| {
            message.message_id == said.0.message_id
                || log.queue.iter().any(|(_, (queued, _))| queued.message_id == message.message_id)
        };
        let history = snapshot.task.history.iter().filter(|message| !later(message)).cloned().collect();
        Ok(Some((said, history)))
    }

    /// Says in the log that a task which had paused is worked on: what it waited for is here, and
    /// whoever looks now is not to answer once more.
    async fn resume_work(&self, log: &mut Log) -> Result<(), StorageError> {
        while log.state.is_interrupted() {
            match self.try_append(log, EventKind::status(TaskState::Working)).await {
                Err(StorageError::Conflict { .. }) => self.refresh(log).await?,
                stored => stored?,
            }
        }
        Ok(())
    }

    /// Reads what others have appended.
    async fn refresh(&self, log: &mut Log) -> Result<(), StorageError> {
        if !log.pending.is_empty() {
            return Ok(());
        }
        let Subject { scope, id, .. } = &self.subject;
        loop {
            let events = self.engine.storage.events(scope, *id, log.revision, super::READ_AT_ONCE).await?;
            let events = events.ok_or(StorageError::NotFound)?;
            let more = events.len() == super::READ_AT_ONCE;
            for event in events {
                log.revision += 1;
                match event.kind {
                    EventKind::Status { state, .. } => log.state = state,
                    EventKind::Message(message) => {
                        log.queue.push_back((log.revision, (message, None)));
                        if log.state == TaskState::InputRequired {
                            log.state = TaskState::Working;
                        }
                    }
                    EventKind::Details(details) => {
                        if let Some((_, said)) = log.queue.back_mut() {
                            said.1 = Some(details);
                        }
                    }
                    EventKind::CancelRequested => {
                        self.live.cancel.request();
                    }
                    _ => {}
                }
            }
            if !more {
                self.live.observe(log.revision, &log.state);
                self.engine.grown(&self.live, scope, log.revision, None);
                return Ok(());
            }
        }
    }

    /// Appends an event, reading on and trying again when others have appended in between.
    async fn append(&self, log: &mut Log, kind: EventKind) -> Result<(), HandlerError> {
        loop {
            if log.state.is_terminal() {
                return Err(HandlerError::new(format!("the task has ended as {}", log.state)));
            }
            match self.try_append(log, kind.clone()).await {
                Err(StorageError::Conflict { .. }) => self.refresh(log).await?,
                other => return other.map_err(HandlerError::from),
            }
        }
    }

    async fn try_append(&self, log: &mut Log, kind: EventKind) -> Result<(), StorageError> {
        let event = Event { time: self.engine.host.clock.now(), kind };
        let mut events = log.pending.clone();
        events.push(event);
        self.store(log, events).await
    }

    async fn store(&self, log: &mut Log, events: Vec<Event>) -> Result<(), StorageError> {
        let Subject { scope, id, .. } = &self.subject;
        let state = events.iter().rev().find_map(|event| match &event.kind {
            EventKind::Status { state, .. } => Some(state.clone()),
            EventKind::Created { .. } => Some(TaskState::Submitted),
            _ => None,
        });
        let creates = !log.pending.is_empty();
        if creates {
            let again = std::mem::replace(&mut log.creating, true);
            match self.engine.storage.create(scope, *id, events, log.push.clone(), self.engine.replica).await {
                Ok(revision) => log.revision = revision,
                // An earlier try got there although nobody waited for it.
                Err(StorageError::Conflict { .. }) if again => {
                    self.note_creation(log);
                    self.engine.grown(&self.live, scope, 1, None);
                    self.refresh(log).await?;
                    return Err(StorageError::Conflict { current: log.revision });
                }
                Err(StorageError::Conflict { .. }) => {
                    return Err(StorageError::Failed("a random task id was taken".into()));
                }
                Err(error) => return Err(error),
            }
            self.note_creation(log);
        } else {
            log.revision = self.engine.storage.append(scope, *id, log.revision, events, None).await?;
        }
        self.engine.grown(&self.live, scope, log.revision, state.as_ref().map(|state| (log.revision, state)));
        if let Some(state) = state {
            log.state = state;
        }
        Ok(())
    }

    fn note_creation(&self, log: &mut Log) {
        log.pending = Vec::new();
        log.push = None;
        self.live.take(1, 1);
        self.created.store(true, Ordering::SeqCst);
    }

    /// Ends the run without a task.
    async fn answer(
        &self,
        log: &mut Log,
        answer: Result<Arc<Message>, Error>,
    ) -> Result<Option<NextTurn>, StorageError> {
        self.say(log, answer).await?;
        self.live.stop(Revision::MAX);
        Ok(None)
    }

    /// Answers without a task; under a claim, repeats of the message get the same answer.
    async fn say(&self, log: &mut Log, answer: Result<Arc<Message>, Error>) -> Result<(), StorageError> {
        let Subject { scope, id, claim, .. } = &self.subject;
        if let Some(message_id) = claim {
            self.engine.storage.settle(scope, message_id, *id, answer.as_ref().ok().cloned()).await?;
        }
        log.stage = Stage::Answered;
        *lock(&self.direct) = Some(answer);
        self.live.notify();
        Ok(())
    }

    /// The storage has failed: whoever waits is told, and nobody is left waiting.
    fn give_up(&self, error: StorageError) {
        tracing::error!(task = %self.subject.name, error = %Chain(&error), "the run is abandoned");
        lock(&self.direct).get_or_insert_with(|| Err(Error::internal(error)));
        self.live.abandon();
    }

    /// A message that came while the turn is running. A failure to read shows itself at the next
    /// record.
    async fn take_queued(&self) -> Option<Arc<Message>> {
        let mut log = self.log.lock().await;
        if log.stage != Stage::Open {
            return None;
        }
        let taken = async {
            if self.live.revision() > log.revision {
                self.refresh(&mut log).await?;
            }
            if log.state.is_terminal() || log.queue.is_empty() {
                return Ok(None);
            }
            self.resume_work(&mut log).await?;
            Ok::<_, StorageError>(log.queue.pop_front())
        };
        match taken.await {
            Ok(taken) => {
                let (place, (message, _)) = taken?;
                self.live.take(place, log.revision);
                Some(message)
            }
            Err(error) => {
                tracing::error!(task = %self.subject.name, error = %Chain(&error), "cannot read the log");
                None
            }
        }
    }

    fn agent_message(&self, text: String) -> Arc<Message> {
        let mut message = Message::new(self.new_id(), Role::Agent, vec![Part::text(text)]);
        message.context_id = Some(self.subject.context_id.clone());
        message.task_id = Some(self.subject.name.clone());
        Arc::new(message)
    }

    fn report(&self, what: &'static str, error: &HandlerError) {
        let cause = error.cause().map(|cause| Chain(cause).to_string());
        tracing::warn!(task = %self.subject.name, skill = %self.subject.skill.id, error = %error, cause, "{what}");
    }
}

/// What callers are told when only the log may say more.
pub(super) const AGENT_FAILED: &str = "the agent failed; its log says why";

impl Run for TaskRun {
    fn record(&self, effect: Effect) -> BoxFuture<'_, Result<(), HandlerError>> {
        Box::pin(async move {
            {
                let mut log = self.log.lock().await;
                let undecided = !log.pending.is_empty();
                let answers = self.subject.skill.answers;
                match log.stage {
                    Stage::Open => {}
                    Stage::Answered => return Err(HandlerError::new("the message is answered")),
                    Stage::Over => return Err(HandlerError::new("the turn is over")),
                }
                let kind = match effect {
                    Effect::Reply(mut message) if undecided && answers != Answers::Task => {
                        Arc::make_mut(&mut message).task_id = None;
                        return Ok(self.say(&mut log, Ok(message)).await?);
                    }
                    Effect::Reply(message) => {
                        EventKind::Status { state: TaskState::Completed, message: Some(message), metadata: None }
                    }
                    Effect::Event(_) if undecided && answers == Answers::Message => {
                        return Err(HandlerError::new("this skill answers with a message, it has no task"));
                    }
                    Effect::Event(kind) => kind,
                    _ => return Err(HandlerError::new("an effect that this engine does not know")),
                };
                self.append(&mut log, kind).await?;
            }
            if self.records.fetch_add(1, Ordering::Relaxed) % RECORDS_PER_POLL == RECORDS_PER_POLL - 1 {
                yield_once().await;
            }
            Ok(())
        })
    }

    fn cancelled(self: Arc<Self>) -> BoxFuture<'static, ()> {
        self.live.cancel.expect();
        Box::pin(async move { self.live.cancel.requested().await })
    }

    fn next_message(&self) -> BoxFuture<'_, Arc<Message>> {
        Box::pin(async move {
            loop {
                let listener = self.live.listen();
                if let Some(message) = self.take_queued().await {
                    return message;
                }
                listener.await;
            }
        })
    }

    fn new_id(&self) -> String {
        self.engine.new_id().to_string()
    }
}

async fn yield_once() {
    let mut yielded = false;
    poll_fn(|cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn describe(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no text".to_owned())
}

/// An error with its causes, for the log.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
