//! A run: the handler of one task at work, turn after turn, and the log it writes.

mod log;
mod tail;

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::Poll,
};

use a2a_app_ports::{
    Answers, BoxFuture, CallContext, Effect, HandlerError, PushConfigRow, Revision, Run, Scope, Snapshot, StorageError,
    TaskId, TaskUpdater, Turn,
};
use a2a_protocol_core::{Error, ErrorKind, Event, EventKind, Message, Part, Role, SendDetails, TaskState};
use futures::{future::poll_fn, lock::Mutex as AsyncMutex};
use serde_json::Value;

use self::{
    log::Log,
    tail::{BrokenOff, Tail},
};
use super::{
    Shared, abandoned,
    live::{Live, lock},
    membership::{Held, Left, Present},
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
    /// The message id that is claimed for the answer, and as whom.
    pub(crate) claim: Option<(Arc<str>, Present)>,
}

impl Subject {
    /// A task that goes on without a call of its caller; `None` when its skill is no longer offered.
    pub(crate) fn left(engine: &Shared, scope: &Scope, id: TaskId, snapshot: &Snapshot) -> Option<Self> {
        let skill = engine.skills.iter().find(|skill| skill.id == snapshot.skill)?.clone();
        let mut context = CallContext::new();
        context.principal.clone_from(&scope.owner);
        Some(Self {
            id,
            name: snapshot.task.id.clone(),
            context_id: snapshot.task.context_id.clone(),
            scope: scope.clone(),
            skill,
            context: Arc::new(context),
            claim: None,
        })
    }
}

/// The handler of one task at work.
pub(crate) struct TaskRun {
    engine: Arc<Shared>,
    subject: Subject,
    live: Arc<Live>,
    log: AsyncMutex<Log>,
    /// The lease under which the log is written.
    held: Mutex<Option<Held>>,
    /// Whether the storage knows of another lease by now.
    fenced: AtomicBool,
    /// Whether the task exists.
    created: AtomicBool,
    records: AtomicU32,
    /// The answer of a run that ends without a task.
    direct: Mutex<Option<Result<Arc<Message>, Error>>>,
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

/// The message of a turn, and what is known of it.
struct NextTurn {
    said: Said,
    /// What was said before.
    history: Vec<Arc<Message>>,
    attempt: u32,
    checkpoint: Option<Arc<Value>>,
}

/// How a turn ended.
enum Ended {
    Returned(Result<(), HandlerError>),
    Panicked(String),
    Canceled,
    TimedOut,
    /// Another replica runs the task, or may.
    Lost,
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
        Self::new(engine, subject, live, Log::new(created, push), None)
    }

    /// A run that goes on with a task under this lease.
    pub(crate) fn resume(engine: Arc<Shared>, subject: Subject, live: Arc<Live>, held: Held) -> Arc<Self> {
        Self::new(engine, subject, live, Log::new(Vec::new(), None), Some(held))
    }

    fn new(engine: Arc<Shared>, subject: Subject, live: Arc<Live>, log: Log, held: Option<Held>) -> Arc<Self> {
        Arc::new(Self {
            engine,
            subject,
            live,
            held: Mutex::new(held),
            fenced: AtomicBool::new(false),
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

    /// Runs the turn of this message, with which the task begins, and the turns of those that queue
    /// up behind it.
    pub(crate) async fn go(self: Arc<Self>, said: Said) {
        let first = NextTurn { said, history: Vec::new(), attempt: 1, checkpoint: None };
        self.go_from(Ok(Some(first))).await;
    }

    /// Goes on with a task: with the turn that was broken off, or with what has been said since.
    pub(crate) async fn go_on(self: Arc<Self>, left: Left) {
        let first = self.pick_up(left).await;
        self.go_from(first).await;
    }

    async fn go_from(self: Arc<Self>, mut next: Result<Option<NextTurn>, StorageError>) {
        loop {
            next = match next {
                Ok(Some(turn)) => {
                    let ended = self.turn(turn).await;
                    self.settle(ended).await
                }
                Ok(None) => return,
                Err(StorageError::Fenced) => return self.lose().await,
                Err(error) => return self.give_up(error).await,
            };
        }
    }

    /// One call of the handler, to its end, its cancellation or its time limit.
    async fn turn(self: &Arc<Self>, next: NextTurn) -> Ended {
        let NextTurn { said, history, attempt, checkpoint } = next;
        let Subject { name, context_id, skill, context, .. } = &self.subject;
        let run: Arc<dyn Run> = self.clone();
        let turn =
            Turn::new(said, name.clone(), context_id.clone(), skill.id.clone(), history, context.clone(), run.clone())
                .again(attempt, checkpoint);
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
            if self.is_lost() {
                return Poll::Ready(Ended::Lost);
            }
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
                Ok(Poll::Pending) if self.is_lost() => return Poll::Ready(Ended::Lost),
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
                match create.as_mut().poll(cx) {
                    Poll::Ready(Err(StorageError::Fenced)) => return Poll::Ready(Ended::Lost),
                    Poll::Ready(Err(error)) => return Poll::Ready(Ended::Returned(Err(error.into()))),
                    Poll::Ready(Ok(())) | Poll::Pending => {}
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
            self.live.quit();
            return Ok(None);
        }
        let end = match ended {
            Ended::Lost => return Err(StorageError::Fenced),
            Ended::Returned(_) if self.is_lost() => return Err(StorageError::Fenced),
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
        if self.live.is_beyond(log.revision) {
            self.refresh(&mut log).await?;
        }
        loop {
            if log.state.is_terminal() {
                return Ok(self.finish(&mut log));
            }
            let canceled = self.live.cancel.is_requested().then_some((TaskState::Canceled, None));
            match end.clone().or(canceled) {
                None if !log.queue.is_empty() => return self.next_turn(&mut log).await,
                None if log.state.is_interrupted() => {
                    if self.give_back(&mut log).await? {
                        log.stage = Stage::Over;
                        return Ok(None);
                    }
                    self.refresh(&mut log).await?;
                }
                next => {
                    let (state, text) = next.unwrap_or((TaskState::Completed, None));
                    self.end(&mut log, state, text).await?;
                }
            }
        }
    }

    /// Ends the task, unless others have appended in between: that is read.
    async fn end(&self, log: &mut Log, state: TaskState, text: Option<String>) -> Result<(), StorageError> {
        let message = text.map(|text| self.agent_message(text));
        match self.try_append(log, EventKind::Status { state, message, metadata: None }).await {
            Err(StorageError::Conflict { .. }) => self.refresh(log).await,
            ended => ended,
        }
    }

    /// The task has ended, and so has the run.
    fn finish(&self, log: &mut Log) -> Option<NextTurn> {
        log.queue.clear();
        log.stage = Stage::Over;
        self.hold(None);
        self.live.quit();
        None
    }

    /// The first turn of a run that goes on with a task.
    async fn pick_up(&self, left: Left) -> Result<Option<NextTurn>, StorageError> {
        let (scope, id) = (&self.subject.scope, self.subject.id);
        let mut log = self.log.lock().await;
        let snapshot = self.engine.storage.snapshot(scope, id).await?.ok_or(StorageError::NotFound)?;
        let given_back = left == Left::GivenBack;
        let mut tail = Tail::read(&*self.engine.storage, (scope, id), snapshot.revision, !given_back).await?;
        if left == Left::Abandoned
            && let Some(turn) = tail.broken_off.take_if(|turn| turn.answers_pause)
        {
            tail.queue.push_front((turn.place, turn.said));
        }
        log.revision = tail.revision;
        log.state = tail.state.unwrap_or_else(|| snapshot.task.status.state.clone());
        log.queue = tail.queue;
        if tail.is_canceling {
            self.live.cancel.request();
        }
        if let Some(turn) = tail.broken_off.filter(|_| left == Left::BrokenOff)
            && !log.state.is_terminal()
            && !self.live.cancel.is_requested()
        {
            return self.try_again(&mut log, turn).await;
        }
        loop {
            if log.state.is_terminal() {
                return Ok(self.finish(&mut log));
            }
            if self.live.cancel.is_requested() {
                self.end(&mut log, TaskState::Canceled, None).await?;
            } else if !log.queue.is_empty() {
                return self.next_turn(&mut log).await;
            } else if self.give_back(&mut log).await? {
                log.stage = Stage::Over;
                return Ok(None);
            } else {
                self.refresh(&mut log).await?;
            }
        }
    }

    /// Begins a turn once more that a lost replica has begun, if the skill says so; else, or when that
    /// has been tried often enough, the task has failed.
    async fn try_again(&self, log: &mut Log, turn: BrokenOff) -> Result<Option<NextTurn>, StorageError> {
        let BrokenOff { place, said, attempt, checkpoint, .. } = turn;
        let skill = &self.subject.skill;
        let most = self.engine.options.max_attempts;
        let failed = match skill.rerunnable {
            false => Some("the process that ran the agent was lost, and the agent does not begin again".to_owned()),
            true if attempt >= most => {
                Some(format!("the processes that ran the agent were lost, {attempt} times in a row"))
            }
            true => None,
        };
        if let Some(text) = failed {
            tracing::warn!(task = %self.subject.name, skill = %skill.id, attempt, text, "a task is failed");
            while !log.state.is_terminal() {
                self.end(log, TaskState::Failed, Some(text.clone())).await?;
            }
            return Ok(self.finish(log));
        }
        self.note_taken(log, place);
        self.resume_work(log).await?;
        let attempt = attempt + 1;
        tracing::info!(task = %self.subject.name, skill = %skill.id, attempt, "a task is run again");
        while let Err(error) = self.try_append(log, EventKind::Attempt(attempt)).await {
            match error {
                StorageError::Conflict { .. } => self.refresh(log).await?,
                error => return Err(error),
            }
            if log.state.is_terminal() {
                return Ok(self.finish(log));
            }
        }
        let history = self.history(log, &said).await?;
        Ok(Some(NextTurn { said, history, attempt, checkpoint }))
    }

    /// Takes the message of the next turn, with what was said before it.
    async fn next_turn(&self, log: &mut Log) -> Result<Option<NextTurn>, StorageError> {
        let Some((place, said)) = log.queue.pop_front() else { return Ok(None) };
        self.note_taken(log, place);
        self.resume_work(log).await?;
        let history = self.history(log, &said).await?;
        Ok(Some(NextTurn { said, history, attempt: 1, checkpoint: None }))
    }

    /// Has the log say, along with the next event, that a message was given to the handler. Of the
    /// first one that goes without saying.
    fn note_taken(&self, log: &mut Log, place: Revision) {
        if place > 1 {
            let taken = self.event(EventKind::Taken(place));
            log.notes.push(taken);
        }
    }

    /// What was said before this message.
    async fn history(&self, log: &Log, said: &Said) -> Result<Vec<Arc<Message>>, StorageError> {
        let snapshot = self.engine.storage.snapshot(&self.subject.scope, self.subject.id).await?;
        let snapshot = snapshot.ok_or(StorageError::NotFound)?;
        let later = |message: &Arc<Message>| {
            message.message_id == said.0.message_id
                || log.queue.iter().any(|(_, (queued, _))| queued.message_id == message.message_id)
        };
        Ok(snapshot.task.history.iter().filter(|message| !later(message)).cloned().collect())
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

    /// Ends the run without a task.
    async fn answer(
        &self,
        log: &mut Log,
        answer: Result<Arc<Message>, Error>,
    ) -> Result<Option<NextTurn>, StorageError> {
        self.say(log, answer).await?;
        self.live.quit();
        Ok(None)
    }

    /// Answers without a task; under a claim, repeats of the message get the same answer.
    async fn say(&self, log: &mut Log, answer: Result<Arc<Message>, Error>) -> Result<(), StorageError> {
        let Subject { scope, id, claim, .. } = &self.subject;
        if let Some((message_id, _)) = claim {
            self.engine.storage.settle(scope, message_id, *id, answer.as_ref().ok().cloned()).await?;
            self.engine.publish(*id, 0);
        }
        log.stage = Stage::Answered;
        *lock(&self.direct) = Some(answer);
        self.live.notify();
        Ok(())
    }

    /// The storage has failed: whoever waits is told, and nobody is left waiting. What is left of the
    /// run is seen to when the storage is there again.
    pub(crate) async fn give_up(&self, error: StorageError) {
        tracing::error!(task = %self.subject.name, error = %Chain(&error), "the run is abandoned");
        let Subject { scope, id, claim, .. } = &self.subject;
        let creation = {
            let mut log = self.log.lock().await;
            log.stage = Stage::Over;
            log.creation()
        };
        match (self.held().or(creation), claim) {
            (Some(held), _) => self.engine.membership.put_aside(scope, *id, held),
            (None, Some((message_id, _))) => {
                // Repeats are not to wait for what does not come.
                let _ = self.engine.storage.settle(scope, message_id, *id, None).await;
            }
            (None, None) => {}
        }
        lock(&self.direct).get_or_insert_with(|| Err(Error::internal(error)));
        self.live.abandon();
    }

    /// The task is another's to run: whoever waits for it here goes on waiting.
    async fn lose(&self) {
        tracing::warn!(task = %self.subject.name, "the run is dropped: its lease is lost");
        self.log.lock().await.stage = Stage::Over;
        self.fenced.store(true, Ordering::SeqCst);
        if !self.is_created() {
            lock(&self.direct).get_or_insert_with(|| Err(abandoned()));
        }
        self.live.quit();
    }

    /// A message that came while the turn is running. A failure to read shows itself at the next
    /// record.
    async fn take_queued(&self) -> Option<Arc<Message>> {
        let mut log = self.log.lock().await;
        if log.stage != Stage::Open {
            return None;
        }
        let taken = async {
            if self.live.is_beyond(log.revision) {
                self.refresh(&mut log).await?;
            }
            if log.state.is_terminal() {
                return Ok(None);
            }
            let Some((place, (message, _))) = log.queue.pop_front() else { return Ok(None) };
            self.note_taken(&mut log, place);
            self.resume_work(&mut log).await?;
            Ok::<_, StorageError>(Some(message))
        };
        match taken.await {
            Ok(taken) => taken,
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
