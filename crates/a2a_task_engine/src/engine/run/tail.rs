//! What the end of a log says to whoever goes on with its task.

use std::{collections::VecDeque, sync::Arc};

use a2a_app_ports::{Revision, Scope, Storage, StorageError, TaskId};
use a2a_protocol_core::{Event, EventKind, TaskState};
use serde_json::Value;

use super::Said;
use crate::engine::READ_AT_ONCE;

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
    /// What was said and given to no handler, as far as is known.
    pub(super) queue: VecDeque<(Revision, Said)>,
    /// The turn that was broken off.
    pub(super) broken_off: Option<BrokenOff>,
    /// Whether the task is to be cancelled.
    pub(super) is_canceling: bool,
}

/// A turn that a lost replica was at.
#[derive(Debug)]
pub(super) struct BrokenOff {
    pub(super) place: Revision,
    pub(super) said: Said,
    /// Whether the message answers a pause, so that it may not have been given to a handler at all.
    pub(super) answers_pause: bool,
    /// Which attempt at it was broken off.
    pub(super) attempt: u32,
    pub(super) checkpoint: Option<Arc<Value>>,
}

impl Tail {
    /// Reads as much of the end of a log as it takes: back to where nothing is left to answer, or,
    /// where a run was broken off, to the message that was given to its handler last.
    pub(super) async fn read(
        storage: &dyn Storage,
        (scope, id): (&Scope, TaskId),
        revision: Revision,
        broken_off: bool,
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
            if let Some(tail) = Self::of(after, &events, broken_off) {
                return Ok(tail);
            }
            reach = reach.saturating_mul(REACH_FACTOR);
        }
    }

    /// What the events after this one say; `None` when that is too little.
    fn of(after: Revision, events: &[Event], broken_off: bool) -> Option<Self> {
        let places: Vec<(Revision, &Event)> = (after + 1..).zip(events).collect();
        let places = || places.iter().copied();
        // The last message that was given to a handler, and where the log says so first: every attempt
        // says it again.
        let taken = |(place, event): (Revision, &Event)| match event.kind {
            EventKind::Created { .. } => Some((place, place)),
            EventKind::Taken(message) => Some((message, place)),
            _ => None,
        };
        let turn = places().rev().find_map(taken).map(|(last, place)| {
            let first = places().filter_map(taken).find(|(message, _)| *message == last);
            first.unwrap_or((last, place))
        });
        let status = places().rev().find_map(|(place, event)| match &event.kind {
            EventKind::Status { state, .. } => Some((place, state)),
            _ => None,
        });
        // Whoever paused a task and gave it back had seen all that was said before.
        let paused = status.filter(|(_, state)| state.is_interrupted()).map(|(place, _)| place);
        let begin = match (turn, paused) {
            (Some((_, taken)), Some(paused)) if !broken_off && paused > taken => paused,
            (Some((message, _)), _) if message > after => message,
            (None, Some(paused)) if !broken_off => paused,
            (None, None) | (None, Some(_)) if after == 0 => 0,
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
        let answered = status.is_some_and(|(place, state)| {
            *state == TaskState::InputRequired && turn.is_none_or(|(_, taken)| place > taken)
        });
        let begun = match (turn, status) {
            (Some((_, taken)), Some((place, _))) if answered => taken.max(place),
            (Some((_, taken)), _) => taken,
            _ => 0,
        };
        let broken_off = broken_off.then(|| if answered { queue.pop_front() } else { said_at(after, events, turn?.0) });
        let noted = || places().rev().filter(|(place, _)| *place > begun).map(|(_, event)| &event.kind);
        let attempt = noted().find_map(|kind| if let EventKind::Attempt(number) = kind { Some(*number) } else { None });
        let checkpoint =
            noted().find_map(|kind| if let EventKind::Checkpoint(value) = kind { Some(value.clone()) } else { None });
        let state = status.map(|(place, state)| {
            let went_on = places().any(|(at, event)| at > place && matches!(event.kind, EventKind::Message(_)));
            if went_on && *state == TaskState::InputRequired { TaskState::Working } else { state.clone() }
        });
        Some(Self {
            revision: after + events.len() as Revision,
            state,
            queue,
            broken_off: broken_off.flatten().map(|(place, said)| BrokenOff {
                place,
                said,
                answers_pause: answered,
                attempt: attempt.unwrap_or(1),
                checkpoint,
            }),
            is_canceling: events.iter().any(|event| matches!(event.kind, EventKind::CancelRequested)),
        })
    }
}

/// The message at a place, with what its request said besides.
fn said_at(after: Revision, events: &[Event], place: Revision) -> Option<(Revision, Said)> {
    let index = usize::try_from(place.checked_sub(after + 1)?).ok()?;
    let (EventKind::Created { message, .. } | EventKind::Message(message)) = &events.get(index)?.kind else {
        return None;
    };
    let details = match events.get(index + 1).map(|event| &event.kind) {
        Some(EventKind::Details(details)) => Some(details.clone()),
        _ => None,
    };
    Some((place, (message.clone(), details)))
}
