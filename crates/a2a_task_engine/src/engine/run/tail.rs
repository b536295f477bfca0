//! What the end of a log says to whoever goes on with its task.

use std::{collections::VecDeque, sync::Arc};

use a2a_app_ports::{Revision, Scope, Storage, StorageError, TaskId};
use a2a_protocol_core::{Event, EventKind, TaskState};
use serde_json::Value;

use super::Said;
use crate::engine::{READ_AT_ONCE, membership::Left};

/// So much of a log is read at first; each time that is too little, more.
const FIRST_REACH: Revision = 64;
const REACH_FACTOR: Revision = 8;

/// The end of a log.
#[derive(Debug)]
pub(super) struct Tail {
    /// How long the log is.
    pub(super) revision: Revision,
    /// The state of the task, unless the tail does not tell.
    pub(super) state: Option<TaskState>,
    /// What was said and given to no handler.
    pub(super) queue: VecDeque<(Revision, Said)>,
    /// The turn that was broken off.
    pub(super) broken_off: Option<BrokenOff>,
    /// Whether the task is to be cancelled.
    pub(super) is_canceling: bool,
}

/// The turn that is not over, unless somebody is still at it.
#[derive(Debug)]
pub(super) struct BrokenOff {
    pub(super) place: Revision,
    pub(super) said: Said,
    /// Which attempt at it was broken off.
    pub(super) attempt: u32,
    pub(super) checkpoint: Option<Arc<Value>>,
}

impl Tail {
    /// Reads as much of the end of a log as it takes: back to the message that was given to a handler
    /// last, or, where the task was given back, to where it paused.
    pub(super) async fn read(
        storage: &dyn Storage,
        (scope, id): (&Scope, TaskId),
        revision: Revision,
        left: Left,
    ) -> Result<Self, StorageError> {
        let mut reach = FIRST_REACH;
        loop {
            let after = revision.saturating_sub(reach);
            let mut events = Vec::new();
            loop {
                let from = after + events.len() as Revision;
                let page = storage.events(scope, id, from, READ_AT_ONCE).await?.ok_or(StorageError::NotFound)?;
                let more = page.len() == READ_AT_ONCE;
                events.extend(page);
                if !more {
                    break;
                }
            }
            if let Some(tail) = Self::of(after, &events, left) {
                return Ok(tail);
            }
            reach = reach.saturating_mul(REACH_FACTOR);
        }
    }

    /// What the events after this one say; `None` when that is too little.
    fn of(after: Revision, events: &[Event], left: Left) -> Option<Self> {
        let places: Vec<(Revision, &Event)> = (after + 1..).zip(events).collect();
        let places = || places.iter().copied();
        // The last message that was given to a handler, and where the log says so first: every attempt
        // says it again. Messages are given in the order in which they came.
        let taken = |(place, event): (Revision, &Event)| match event.kind {
            EventKind::Created { .. } => Some((place, place)),
            EventKind::Taken(message) => Some((message, place)),
            _ => None,
        };
        let last = places().rev().find_map(taken);
        let status = places().rev().find_map(|(place, event)| match &event.kind {
            EventKind::Status { state, .. } => Some((place, state)),
            _ => None,
        });
        // Whoever paused a task and gave it back had seen all that was said before.
        let paused = status.filter(|(_, state)| left == Left::GivenBack && state.is_interrupted());
        let begin = match (last, paused) {
            (taken, Some((paused, _))) if taken.is_none_or(|(_, place)| paused > place) => paused,
            (Some((message, _)), _) if message > after => message,
            _ => return None,
        };
        let mut queue = VecDeque::new();
        for (place, event) in places().filter(|(place, _)| *place > begin) {
            match &event.kind {
                EventKind::Message(message) => queue.push_back((place, (message.clone(), None))),
                EventKind::Details(details) => {
                    if let Some((_, said)) = queue.back_mut().filter(|(message, _)| *message + 1 == place) {
                        said.1 = Some(details.clone());
                    }
                }
                _ => {}
            }
        }
        let broken_off = match (left, last) {
            (Left::BrokenOff, Some((message, _))) => BrokenOff::find(after, events, message),
            _ => None,
        };
        let state = status.map(|(place, state)| {
            let went_on = places().any(|(at, event)| at > place && matches!(event.kind, EventKind::Message(_)));
            if went_on && *state == TaskState::InputRequired { TaskState::Working } else { state.clone() }
        });
        Some(Self {
            revision: after + events.len() as Revision,
            state,
            queue,
            broken_off,
            is_canceling: events.iter().any(|event| matches!(event.kind, EventKind::CancelRequested)),
        })
    }
}

impl BrokenOff {
    /// The turn of the message at a place, if it is not over.
    fn find(after: Revision, events: &[Event], place: Revision) -> Option<Self> {
        let index = |place: Revision| usize::try_from(place.checked_sub(after + 1)?).ok();
        let (first, rest) = events.get(index(place)?..)?.split_first()?;
        let (EventKind::Created { message, .. } | EventKind::Message(message)) = &first.kind else { return None };
        let details = match rest.first().map(|event| &event.kind) {
            Some(EventKind::Details(details)) => Some(details.clone()),
            _ => None,
        };
        let begun = rest.iter().position(|event| event.kind == EventKind::Taken(place)).map_or(0, |taken| taken + 1);
        let (mut attempt, mut checkpoint, mut is_over) = (1, None, false);
        for event in &rest[begun..] {
            match &event.kind {
                EventKind::Attempt(number) => attempt = *number,
                EventKind::Checkpoint(value) => checkpoint = Some(value.clone()),
                // With a question a turn is over. Whoever waits for a credential may be at it still.
                EventKind::Status { state, .. } => is_over = *state == TaskState::InputRequired,
                _ => {}
            }
        }
        (!is_over).then(|| Self { place, said: (message.clone(), details), attempt, checkpoint })
    }
}
