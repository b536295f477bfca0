//! A run: the handler of one task at work, turn after turn, and the log it writes.

mod log;
mod resume;
mod tail;
mod turn;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use a2a_app_ports::{
    Answers, CallContext, Chain, HandlerError, PushConfigRow, Run, Scope, Snapshot, StorageError, TaskId,
};
use a2a_protocol_core::{Error, ErrorKind, Event, EventKind, Message, Part, Role, SendDetails, TaskState};
use futures::lock::Mutex as AsyncMutex;
use serde_json::Value;

use self::log::{Log, Rest};
use super::{
    Shared, abandoned,
    live::{Live, lock},
    membership::{Held, Left},
    skills::Skill,
};

/// What a run is about.
pub(crate) struct Subject {
    pub(crate) id: TaskId,
    pub(crate) name: Arc<str>,
    pub(crate) context_id: Arc<str>,
    pub(crate) scope: Scope,
    pub(crate) skill: Arc<Skill>,
    pub(crate) context: Arc<CallContext>,
    /// The message id, where it is claimed for the task that is to be created.
    pub(crate) claim: Option<Arc<str>>,
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
    /// The lease under which the log is written; from the first try to create the task, of which
    /// nobody may hear.
    held: Mutex<Option<Held>>,
    /// Whether the storage knows of another lease by now.
    fenced: AtomicBool,
    /// Whether the task exists.
    created: AtomicBool,
    /// Whether a handler was called.
    begun: AtomicBool,
    records: AtomicU32,
    /// How often in a row the storage has failed the run.
    failures: AtomicU32,
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
            begun: AtomicBool::new(false),
            records: AtomicU32::new(0),
            failures: AtomicU32::new(0),
            direct: Mutex::default(),
        })
    }

    /// Whether the task exists.
    pub(crate) fn is_created(&self) -> bool {
        self.created.load(Ordering::SeqCst)
    }

    /// Whether a handler was called.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::SeqCst)
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
        while !log.pending.is_empty() {
            let created = self.events(&log, []);
            match self.store(&mut log, created).await {
                Err(StorageError::Conflict { .. }) => self.refresh(&mut log).await?,
                stored => stored?,
            }
        }
        Ok(())
    }

    /// Runs the turn of this message, with which the task begins, and the turns of those that queue
    /// up behind it.
    pub(crate) async fn go(self: Arc<Self>, said: Said) {
        let first = NextTurn { said, history: Vec::new(), attempt: 1, checkpoint: None };
        self.go_from(Ok(Some(first))).await;
    }

    /// Goes on with a task: with the turn that was broken off, or with what has been said since.
    pub(crate) async fn go_on(self: Arc<Self>, left: Left) {
        let first = {
            let mut log = self.log.lock().await;
            self.pick_up(&mut log, left).await
        };
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
                Err(StorageError::Fenced | StorageError::Unclaimed) => return self.lose().await,
                Err(error) => return self.give_up(error).await,
            };
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
            Ended::Returned(_) if self.is_failed() => return Err(StorageError::Failed(TOO_LONG.into())),
            Ended::Returned(Ok(())) => None,
            // Whatever broke off, it was asked to.
            Ended::Returned(Err(_)) if self.live.cancel.is_requested() => Some((TaskState::Canceled, None)),
            Ended::Returned(Err(error)) => {
                self.report("handler failed", &error);
                if self.is_undecided(&log) && self.subject.skill.answers != Answers::Task {
                    let error = Error::new(ErrorKind::Internal, error.message().to_owned());
                    return self.answer(&mut log, Err(error)).await;
                }
                Some((TaskState::Failed, Some(error.message().to_owned())))
            }
            Ended::Panicked(panic) => {
                tracing::error!(task = %self.subject.name, skill = %self.subject.skill.id, panic, "handler panicked");
                if self.is_undecided(&log) && self.subject.skill.answers != Answers::Task {
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
                None if log.state.is_interrupted() => match self.give_back(&mut log).await? {
                    Rest::Over => return Ok(None),
                    Rest::More => {}
                    Rest::Again(left) => return self.pick_up(&mut log, left).await,
                },
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
        let events = self.events(log, [EventKind::Status { state, message, metadata: None }]);
        match self.store(log, events).await {
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
        if let Some(message_id) = claim {
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
        self.log.lock().await.stage = Stage::Over;
        if let Some(held) = self.held() {
            self.engine.membership.doubt(scope, *id, held.by());
        }
        if let Some(message_id) = claim
            && !self.is_created()
        {
            // Repeats are not to wait for what does not come.
            self.engine.unclaim(scope, message_id, *id, true).await;
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
        match self.failures.load(Ordering::SeqCst) {
            0 => self.live.quit(),
            // Nor can those who wait here read how it goes on.
            _ => self.live.abandon(),
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

const TOO_LONG: &str = "the storage has failed the run for too long";

/// What callers are told when only the log may say more.
pub(super) const AGENT_FAILED: &str = "the agent failed; its log says why";
