//! What callers were told: all of it is so.

use std::{collections::BTreeMap, sync::Arc};

use agent_sdk::protocol::{StreamResponse, Task, TaskState};

use super::{Judge, Log, said};
use crate::ledger::{Answer, Stream};

impl Judge<'_> {
    /// Whether each message that was answered is in the log of the task that it was answered by, and
    /// whether all who sent it got the same answer.
    pub(super) fn sends(&self) {
        let sends = self.ledger.facts().sends.clone();
        let mut answers = BTreeMap::new();
        for send in sends {
            let first = answers.entry(send.message.clone()).or_insert_with(|| send.answer.clone());
            if *first != send.answer {
                self.fault(&send.message, format_args!("was answered by {first:?} and by {:?}", send.answer));
            }
            if let Answer::Task(task) = &send.answer
                && let Some(log) = self.log_of(task)
                && !log.events.iter().filter_map(said).any(|message| message.message_id == send.message)
            {
                self.fault(task, format_args!("the message {} is lost", send.message));
            }
        }
    }

    /// Whether each event that a stream brought is in the log, at its place, and whether the stream
    /// left none out.
    pub(super) fn streams(&self) {
        let streams = std::mem::take(&mut self.ledger.facts().streams);
        for stream in &streams {
            let Some(task) = stream.events.iter().find_map(|(_, event)| event.task_id()) else { continue };
            if let Some(log) = self.log_of(task) {
                log.check_stream(task, stream, |what| self.fault(task, what));
            }
        }
        self.ledger.facts().streams = streams;
    }

    /// Whether each task that somebody was told of was so at some time.
    pub(super) fn tasks_told(&self) {
        let tasks = self.ledger.facts().tasks.clone();
        for task in tasks {
            if let Some(log) = self.log_of(&task.id)
                && !log.folds.contains(&task)
            {
                self.fault(&task.id, format_args!("was never as somebody was told: {task:?}"));
            }
        }
    }

    pub(super) fn cancellations(&self) {
        let canceled = self.ledger.facts().canceled.clone();
        for task in canceled {
            let state = self.log_of(&task).and_then(Log::state);
            if state != Some(&TaskState::Canceled) {
                self.fault(&task, format_args!("was told to be cancelled, and is {state:?}"));
            }
        }
    }
}

impl Log {
    pub(super) fn state(&self) -> Option<&TaskState> {
        self.folds.last().map(|task| &task.status.state)
    }

    /// What watchers are told of the event at this place, from 1.
    pub(super) fn response(&self, task: &Arc<str>, place: usize) -> Option<StreamResponse> {
        self.events.get(place - 1)?.response(task, &self.folds[0].context_id)
    }

    fn check_stream(&self, task: &Arc<str>, stream: &Stream, fault: impl Fn(String)) {
        let mut last = 0;
        for (sequence, event) in &stream.events {
            let place = match sequence {
                Some(sequence) => usize::try_from(*sequence).unwrap(),
                // Over gRPC nobody says the place.
                None => match self.place(task, event, last) {
                    Some(place) => place,
                    None => return fault(format!("a stream brought what is not in the log after {last}: {event:?}")),
                },
            };
            let told = match event {
                StreamResponse::Task(then) => self.folds.get(place - 1).is_some_and(|fold| fold == &**then),
                other => self.response(task, place).as_ref() == Some(other),
            };
            if !told {
                fault(format!("a stream brought as event {place}: {event:?}"));
            }
            if place <= last && !matches!(event, StreamResponse::Task(_)) {
                fault(format!("a stream brought event {place} after event {last}"));
            }
            // A task as it stands says all that has happened before.
            let mut skipped = (last + 1..place).filter(|place| self.response(task, *place).is_some());
            if !matches!(event, StreamResponse::Task(_))
                && let Some(skipped) = skipped.next()
            {
                fault(format!("a stream left out event {skipped}"));
            }
            last = last.max(place);
        }
    }

    /// Where the log says this, after a place.
    fn place(&self, task: &Arc<str>, event: &StreamResponse, after: usize) -> Option<usize> {
        match event {
            StreamResponse::Task(then) => self.fold_place(then, after),
            other => (after + 1..=self.events.len()).find(|place| self.response(task, *place).as_ref() == Some(other)),
        }
    }

    fn fold_place(&self, task: &Task, after: usize) -> Option<usize> {
        (after.max(1)..=self.folds.len()).find(|place| self.folds[place - 1] == *task)
    }
}
