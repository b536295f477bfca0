//! A run's view of the log, and how it writes it.

use std::{collections::VecDeque, sync::atomic::Ordering};

use a2a_app_ports::{HandlerError, PushConfigRow, Revision, StorageError};
use a2a_protocol_core::{Event, EventKind, TaskState};

use super::{Said, Stage, TaskRun};
use crate::engine::{
    READ_AT_ONCE,
    live::lock,
    membership::{Acquired, Held, Present},
    slot::News,
};

/// The run's view of the log.
pub(super) struct Log {
    pub(super) revision: Revision,
    pub(super) state: TaskState,
    /// The creation, until the first event is stored along with it.
    pub(super) pending: Vec<Event>,
    /// What is stored along with the next event: which messages were given to the handler.
    pub(super) notes: Vec<Event>,
    /// The push configuration that came with the first message, until it is stored along.
    pub(super) push: Option<Box<PushConfigRow>>,
    /// As whom a creation was begun: it may be stored although nobody waited for that.
    creating: Option<Present>,
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
            notes: Vec::new(),
            push,
            creating: None,
            stage: Stage::Open,
            queue: VecDeque::new(),
        }
    }
}

impl Log {
    /// The lease of a task that may have been created, for all that is known.
    pub(super) fn creation(&self) -> Option<Held> {
        self.creating.map(Present::first)
    }

    /// Whether there is certainly no task yet, so that there need not be one.
    pub(super) fn is_undecided(&self) -> bool {
        !self.pending.is_empty() && self.creating.is_none()
    }
}

impl TaskRun {
    /// Reads what others have appended.
    pub(super) async fn refresh(&self, log: &mut Log) -> Result<(), StorageError> {
        if !log.pending.is_empty() {
            return Ok(());
        }
        loop {
            let events = self.engine.storage.events(&self.subject.scope, self.subject.id, log.revision, READ_AT_ONCE);
            let events = events.await?.ok_or(StorageError::NotFound)?;
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
            match self.try_append(log, kind.clone()).await {
                Err(StorageError::Conflict { .. }) => self.refresh(log).await?,
                other => return other.map_err(HandlerError::from),
            }
        }
    }

    pub(super) async fn try_append(&self, log: &mut Log, kind: EventKind) -> Result<(), StorageError> {
        let event = self.event(kind);
        let events = log.pending.iter().chain(&log.notes).cloned().chain([event]).collect();
        self.store(log, events).await
    }

    pub(super) fn event(&self, kind: EventKind) -> Event {
        Event { time: self.engine.host.clock.now(), kind }
    }

    pub(super) async fn store(&self, log: &mut Log, events: Vec<Event>) -> Result<(), StorageError> {
        let stored = self.try_store(log, events).await;
        if let Err(StorageError::Fenced) = stored {
            // Whoever polls the handler is to drop it.
            self.fenced.store(true, Ordering::SeqCst);
            self.live.cancel.wake();
        }
        stored
    }

    async fn try_store(&self, log: &mut Log, events: Vec<Event>) -> Result<(), StorageError> {
        let (scope, id) = (&self.subject.scope, self.subject.id);
        let state = events.iter().rev().find_map(|event| match &event.kind {
            EventKind::Status { state, .. } => Some(state.clone()),
            _ => None,
        });
        let news = News::of(log.revision, &events);
        if log.pending.is_empty() {
            let held = self.held().filter(|held| self.engine.membership.is_good(*held)).ok_or(StorageError::Fenced)?;
            self.engine.storage.append(scope, id, log.revision, events, Some(held.lease)).await?;
        } else {
            let present = self.engine.present().await?;
            if self.subject.claim.as_ref().is_some_and(|(_, by)| !by.is_same(present)) {
                // Who has lost its claim creates nothing: by now it may be another's.
                return Err(StorageError::Fenced);
            }
            let earlier = log.creating.replace(present);
            match (self.engine.storage.create(scope, id, events, log.push.clone(), present.replica).await, earlier) {
                (Ok(_), _) => self.note_creation(log, present),
                // An earlier try got there although nobody waited for it.
                (Err(StorageError::Conflict { .. }), Some(earlier)) => {
                    let begun = News::of(0, log.pending.get(..1).unwrap_or_default());
                    self.note_creation(log, earlier);
                    self.engine.grown(&self.live, scope, &begun);
                    self.refresh(log).await?;
                    return Err(StorageError::Conflict { current: log.revision });
                }
                (Err(StorageError::Conflict { .. }), None) => {
                    return Err(StorageError::Failed("a random task id was taken".into()));
                }
                (Err(error), _) => return Err(error),
            }
        }
        log.revision = news.revision();
        log.notes.clear();
        if let Some(state) = state {
            log.state = state;
        }
        self.engine.grown(&self.live, scope, &news);
        Ok(())
    }

    fn note_creation(&self, log: &mut Log, by: Present) {
        log.pending = Vec::new();
        log.push = None;
        self.hold(Some(by.first()));
        self.created.store(true, Ordering::SeqCst);
    }

    /// Gives the task back, which waits for its caller. `false` when more has been said: then it is
    /// still, or again, to be run here.
    pub(super) async fn give_back(&self, log: &mut Log) -> Result<bool, StorageError> {
        let (scope, id) = (&self.subject.scope, self.subject.id);
        let held = self.held().ok_or(StorageError::Fenced)?;
        if !self.engine.storage.release(scope, id, held.lease, log.revision).await? {
            return Ok(false);
        }
        self.hold(None);
        if log.state == TaskState::AuthRequired {
            // Who watches elsewhere cannot see in the log that nobody waits for the credential.
            self.engine.publish(id, 0);
        }
        if self.live.stop(log.revision) {
            return Ok(true);
        }
        // Somebody here has said more since, and left it to this run.
        match self.engine.acquire(&self.live, scope).await? {
            Acquired::Held { held, .. } => {
                self.hold(Some(held));
                Ok(false)
            }
            Acquired::Not => Ok(true),
        }
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
