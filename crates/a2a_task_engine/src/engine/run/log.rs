//! A run's view of the log, and how it writes it.

use std::{collections::VecDeque, sync::atomic::Ordering, time::Duration};

use a2a_app_ports::{Author, Chain, Creation, HandlerError, PushConfigRow, Revision, StorageError};
use a2a_protocol_core::{Event, EventKind, TaskState};

use super::{Said, Stage, TaskRun};
use crate::engine::{
    READ_AT_ONCE,
    live::lock,
    membership::{Acquired, Held, Left},
    slot::News,
};

/// The run's view of the log.
pub(super) struct Log {
    pub(super) revision: Revision,
    pub(super) state: TaskState,
    /// The creation, until the first event is stored along with it.
    pub(super) pending: Vec<Event>,
    /// Messages that the handler has taken before their turn: the log says so along with the next event.
    pub(super) taken: Vec<Revision>,
    /// The push configuration that came with the first message, until it is stored along.
    pub(super) push: Option<Box<PushConfigRow>>,
    pub(super) stage: Stage,
    /// Messages that came while a turn was running.
    pub(super) queue: VecDeque<(Revision, Said)>,
}

impl Log {
    pub(super) fn new(pending: Vec<Event>, push: Option<Box<PushConfigRow>>) -> Self {
        Self {
            revision: 0,
            state: TaskState::Submitted,
            pending,
            taken: Vec::new(),
            push,
            stage: Stage::Open,
            queue: VecDeque::new(),
        }
    }
}

/// How often, and after which time, a storage is tried again that fails a run.
const RETRIES: u32 = 30;
const RETRY: Duration = Duration::from_secs(1);

/// What became of a task that was to be given back.
pub(super) enum Rest {
    /// Nobody here has it any more.
    Over,
    /// More has been said, and is read: it is not given back.
    More,
    /// More has been said since, and it was taken again: so it had been left.
    Again(Left),
}

impl TaskRun {
    /// Reads what others have appended.
    pub(super) async fn refresh(&self, log: &mut Log) -> Result<(), StorageError> {
        if !log.pending.is_empty() {
            return Ok(());
        }
        loop {
            let (scope, id) = (&self.subject.scope, self.subject.id);
            let events = match self.engine.storage.events(scope, id, log.revision, READ_AT_ONCE).await {
                Err(error @ StorageError::Failed(_)) => {
                    self.try_later(error).await?;
                    continue;
                }
                events => events?.ok_or(StorageError::NotFound)?,
            };
            self.failures.store(0, Ordering::SeqCst);
            let more = events.len() == READ_AT_ONCE;
            let news = News::of(log.revision, &events);
            self.live.learn(&news);
            if !events.is_empty() {
                // Some of it may be this run's own, which nobody waited for.
                self.engine.grown(&self.live, &self.subject.scope, &news);
            }
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
                    // By this run, of which nobody heard, or by another that had the task meanwhile.
                    EventKind::Taken(place) => log.queue.retain(|(queued, _)| *queued != place),
                    _ => {}
                }
            }
            if !more {
                return Ok(());
            }
        }
    }

    /// Appends an event, reading on and trying again when others have appended in between.
    pub(super) async fn append(&self, log: &mut Log, kind: EventKind) -> Result<(), HandlerError> {
        loop {
            if log.state.is_terminal() {
                return Err(HandlerError::new(format!("the task has ended as {}", log.state)));
            }
            let events = self.events(log, [kind.clone()]);
            match self.store(log, events).await {
                Err(StorageError::Conflict { .. }) => self.refresh(log).await?,
                other => return other.map_err(HandlerError::from),
            }
        }
    }

    /// Events, and before them what is stored along: what is to be [stored](Self::store).
    pub(super) fn events(&self, log: &Log, kinds: impl IntoIterator<Item = EventKind>) -> Vec<Event> {
        let mut events = Vec::with_capacity(log.pending.len() + log.taken.len() + 1);
        events.extend_from_slice(&log.pending);
        events.extend(log.taken.iter().map(|place| self.event(EventKind::Taken(*place))));
        events.extend(kinds.into_iter().map(|kind| self.event(kind)));
        events
    }

    pub(super) fn event(&self, kind: EventKind) -> Event {
        Event { time: self.engine.host.clock.now(), kind }
    }

    /// Stores what was [put together](Self::events), if it is anything.
    pub(super) async fn store(&self, log: &mut Log, events: Vec<Event>) -> Result<(), StorageError> {
        if events.is_empty() {
            return Ok(());
        }
        let mut failed = false;
        let stored = loop {
            match self.try_store(log, events.clone()).await {
                Err(error @ StorageError::Failed(_)) => {
                    failed = true;
                    self.try_later(error).await?;
                }
                // It may have been stored although that failed.
                Err(StorageError::Conflict { .. }) if failed && self.has_stored(log, &events).await? => break Ok(()),
                stored => break stored,
            }
        };
        match &stored {
            Ok(()) => {
                self.failures.store(0, Ordering::SeqCst);
                self.note_stored(log, &events);
            }
            Err(StorageError::Fenced | StorageError::Unclaimed) => {
                // Whoever polls the handler is to drop it.
                self.fenced.store(true, Ordering::SeqCst);
                self.live.cancel.wake();
            }
            Err(_) => {}
        }
        stored
    }

    fn note_stored(&self, log: &mut Log, events: &[Event]) {
        let news = News::of(log.revision, events);
        log.revision = news.revision();
        log.taken.clear();
        let state = events.iter().rev().find_map(|event| match &event.kind {
            EventKind::Status { state, .. } => Some(state),
            _ => None,
        });
        if let Some(state) = state {
            log.state = state.clone();
        }
        self.engine.grown(&self.live, &self.subject.scope, &news);
    }

    /// Waits before something is tried again that the storage has failed: for about as long as a
    /// replica that cannot renew its leases may have them. The handler waits meanwhile and hears
    /// nothing of it.
    pub(super) async fn try_later(&self, error: StorageError) -> Result<(), StorageError> {
        let failures = self.failures.fetch_add(1, Ordering::SeqCst);
        if failures == 0 {
            let task = &self.subject.name;
            tracing::warn!(%task, error = %Chain(&error), "the storage fails a run, and is tried again");
        }
        if failures >= RETRIES || self.engine.membership.is_gone() {
            return Err(error);
        }
        self.engine.host.clock.sleep(RETRY).await;
        if self.is_lost() { Err(StorageError::Fenced) } else { Ok(()) }
    }

    /// Whether the storage has failed the run for too long.
    pub(super) fn is_failed(&self) -> bool {
        self.failures.load(Ordering::SeqCst) > RETRIES
    }

    /// Whether the log goes on with just these events.
    async fn has_stored(&self, log: &Log, events: &[Event]) -> Result<bool, StorageError> {
        let (scope, id) = (&self.subject.scope, self.subject.id);
        loop {
            match self.engine.storage.events(scope, id, log.revision, events.len()).await {
                Err(error @ StorageError::Failed(_)) => self.try_later(error).await?,
                found => return Ok(found?.is_some_and(|found| found == events)),
            }
        }
    }

    async fn try_store(&self, log: &mut Log, events: Vec<Event>) -> Result<(), StorageError> {
        if !log.pending.is_empty() {
            // In a box, so that the many events that come after it need no room for it.
            return Box::pin(self.try_create(log, events)).await;
        }
        let (scope, id) = (&self.subject.scope, self.subject.id);
        let held = self.held().filter(|held| self.engine.membership.is_good(*held)).ok_or(StorageError::Fenced)?;
        self.engine.storage.append(scope, id, log.revision, events, Author::Run(held.lease)).await.map(drop)
    }

    /// Stores the task. It is a conflict when an earlier try got there although nobody heard of it, or
    /// when the creation is to be tried again.
    async fn try_create(&self, log: &mut Log, events: Vec<Event>) -> Result<(), StorageError> {
        let (scope, id) = (&self.subject.scope, self.subject.id);
        let earlier = self.held();
        let held = match earlier {
            Some(held) if !self.engine.membership.is_good(held) => return Err(StorageError::Fenced),
            Some(held) => held,
            None => self.engine.present().await?.first(),
        };
        self.hold(Some(held));
        let mut creation = Creation::new(events, held.lease.replica);
        creation.push.clone_from(&log.push);
        creation.claimed = self.subject.claim.is_some();
        match (self.engine.storage.create(scope, id, creation).await, earlier) {
            (Ok(_), _) => self.note_creation(log),
            (Err(conflict @ StorageError::Conflict { .. }), Some(_)) => {
                // Told at once: whoever waits for the creation may stop here.
                let begun = News::of(0, log.pending.get(..1).unwrap_or_default());
                self.note_creation(log);
                self.engine.grown(&self.live, scope, &begun);
                return Err(conflict);
            }
            (Err(StorageError::Conflict { .. }), None) => {
                self.hold(None);
                return Err(StorageError::Failed("a random task id was taken".into()));
            }
            (Err(StorageError::Fenced), None) => {
                // The replica is lost, and has not known.
                self.hold(None);
                self.engine.lose(held.by());
                return Err(StorageError::Conflict { current: 0 });
            }
            (Err(error), _) => return Err(error),
        }
        Ok(())
    }

    fn note_creation(&self, log: &mut Log) {
        log.pending = Vec::new();
        log.push = None;
        self.created.store(true, Ordering::SeqCst);
    }

    /// Gives the task back, which waits for its caller.
    pub(super) async fn give_back(&self, log: &mut Log) -> Result<Rest, StorageError> {
        let (scope, id) = (&self.subject.scope, self.subject.id);
        let held = self.held().ok_or(StorageError::Fenced)?;
        let released = loop {
            match self.engine.storage.release(scope, id, held.lease, log.revision).await {
                Err(error @ StorageError::Failed(_)) => self.try_later(error).await?,
                released => break released?,
            }
        };
        if !released {
            self.refresh(log).await?;
            return Ok(Rest::More);
        }
        self.hold(None);
        if log.state == TaskState::AuthRequired {
            // Who watches elsewhere cannot see in the log that nobody waits for the credential.
            self.engine.publish(id, 0);
        }
        if !self.live.stop(log.revision) {
            // Somebody here has said more since, and left it to this run. Others may have had the task.
            if let Acquired::Held { held, left } = self.engine.acquire(&self.live, scope).await? {
                self.hold(Some(held));
                return Ok(Rest::Again(left));
            }
        }
        log.stage = Stage::Over;
        Ok(Rest::Over)
    }

    /// Whether there is certainly no task yet, so that there need not be one.
    pub(super) fn is_undecided(&self, log: &Log) -> bool {
        !log.pending.is_empty() && self.held().is_none()
    }

    pub(super) fn held(&self) -> Option<Held> {
        *lock(&self.held)
    }

    pub(super) fn hold(&self, held: Option<Held>) {
        *lock(&self.held) = held;
    }

    /// Whether the task is another's to run by now.
    pub(super) fn is_lost(&self) -> bool {
        self.fenced.load(Ordering::SeqCst) || self.held().is_some_and(|held| !self.engine.membership.is_good(held))
    }
}
