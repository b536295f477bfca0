//! What is known here of a task's log: how long it is, and what it says to those who wait. It is had
//! by reading the log, or by having written it.

use a2a_app_ports::Revision;
use a2a_protocol_core::{Event, EventKind, TaskState};

use super::push::Pushing;

/// The newest that is known of a task's log, and who works on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slot {
    /// How long the log is.
    pub(crate) revision: Revision,
    /// How long it is said to be.
    pub(crate) said: Revision,
    /// Up to where it has been read.
    pub(crate) read: Revision,
    /// The state after the newest status known.
    pub(crate) state: TaskState,
    /// An upper bound of that status's sequence number.
    state_revision: Revision,
    /// Where the task last paused, whatever has happened since.
    pub(crate) paused: Revision,
    /// The messages that were given to a handler, but for the first one, and where the log says so:
    /// of all that come after `turns_after`.
    turns: Vec<(Revision, Revision)>,
    turns_after: Revision,
    /// Whether a handler runs here.
    pub(crate) running: bool,
    /// Who sees that webhooks are told.
    pub(super) pushing: Pushing,
    /// Whether the last run came to nothing: the storage failed it.
    pub(crate) abandoned: bool,
}

impl Slot {
    /// Whether the task has paused in, or after, the turn of the message at this place.
    pub(crate) fn has_paused_after(&self, message: Revision) -> bool {
        self.is_after(message, self.paused)
    }

    /// Whether the event at `place` belongs to the turn of the message, or to a later one.
    pub(crate) fn is_after(&self, message: Revision, place: Revision) -> bool {
        let mut turns = self.turns.iter();
        let began = if message <= 1 { Some(1) } else { turns.find(|(of, _)| *of == message).map(|(_, at)| *at) };
        began.is_some_and(|began| place > began)
    }

    /// Takes in what a part of the log says.
    pub(super) fn learn(&mut self, news: &News) {
        for (place, fact) in &news.facts {
            match fact {
                Fact::State(state) if *place > self.state_revision => self.take_state(*place, state),
                Fact::State(state) if state.is_interrupted() => self.paused = self.paused.max(*place),
                Fact::Message if *place > self.state_revision && self.state == TaskState::InputRequired => {
                    self.take_state(*place, &TaskState::Working);
                }
                Fact::Taken(message) if !self.turns.iter().any(|(of, _)| of == message) => {
                    self.turns.push((*message, *place));
                }
                _ => {}
            }
        }
        self.revision = self.revision.max(news.last);
        if news.after <= self.read {
            self.read = self.read.max(news.last);
        }
    }

    /// The log was seen to be so long, with the task in this state.
    pub(super) fn observe(&mut self, revision: Revision, state: &TaskState) {
        if self.read == 0 {
            (self.read, self.turns_after) = (revision, revision);
        }
        self.revision = self.revision.max(revision);
        if revision > self.state_revision && self.state != *state {
            self.take_state(revision, state);
        }
    }

    /// Somebody wants to know of the turn of the message at this place, and of those that follow.
    pub(super) fn follow(&mut self, message: Revision) {
        if message > 1 && self.turns_after >= message {
            (self.read, self.turns_after) = (message, message - 1);
        }
    }

    fn take_state(&mut self, place: Revision, state: &TaskState) {
        self.state = state.clone();
        self.state_revision = place;
        if state.is_interrupted() {
            self.paused = place;
        }
    }
}

/// What a part of a log says to those who wait.
#[derive(Debug)]
pub(crate) struct News {
    /// The part begins after this event,
    after: Revision,
    /// and ends with this one.
    last: Revision,
    facts: Vec<(Revision, Fact)>,
    pub(super) is_canceling: bool,
}

#[derive(Debug)]
enum Fact {
    State(TaskState),
    Message,
    Taken(Revision),
}

impl News {
    /// What the events after this one say.
    pub(crate) fn of(after: Revision, events: &[Event]) -> Self {
        let (mut facts, mut is_canceling) = (Vec::new(), false);
        for (place, event) in (after + 1..).zip(events) {
            let fact = match &event.kind {
                EventKind::Created { .. } => Fact::State(TaskState::Submitted),
                EventKind::Status { state, .. } => Fact::State(state.clone()),
                EventKind::Message(_) => Fact::Message,
                EventKind::Taken(message) => Fact::Taken(*message),
                EventKind::CancelRequested => {
                    is_canceling = true;
                    continue;
                }
                _ => continue,
            };
            facts.push((place, fact));
        }
        Self { after, last: after + events.len() as Revision, facts, is_canceling }
    }

    /// How long the log is at least.
    pub(crate) fn revision(&self) -> Revision {
        self.last
    }
}
