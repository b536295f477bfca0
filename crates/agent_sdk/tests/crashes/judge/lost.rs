//! Runs that were lost: each for a reason.

use std::collections::BTreeMap;

use agent_sdk::protocol::{EventKind, TaskState};

use super::{Judge, Log, millis, said};
use crate::{
    agent::{ATTEMPTS, LEASE},
    witness::{LATE, What},
};

/// One attempt at the last message that was given to a handler, and when another was made, or given up.
#[derive(Debug)]
struct Attempt {
    message: String,
    number: u32,
    from: u64,
    to: u64,
}

/// Why a run was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// None that is known.
    Unknown,
    /// Its storage failed, or its process had no time.
    Misfortune,
    /// Its process was killed, halted or cut off.
    Harm,
}

impl Judge<'_> {
    /// Whether each task that has failed was lost as often as it says, each time for a reason, and
    /// seldom for one that nobody has made.
    pub(super) fn failures(&self) {
        let (mut failed, mut misfortunes) = (0, Vec::new());
        for (name, log) in &self.logs {
            let Some(text) = log.failure() else { continue };
            failed += 1;
            let attempts = log.attempts();
            let lost = match (&*log.record.task.skill, &*text) {
                ("fragile", "the process that ran the agent was lost, and the agent does not begin again") => 1,
                (skill, _) if skill != "fragile" && text == lost(ATTEMPTS) => ATTEMPTS as usize,
                _ => {
                    self.fault(name, format_args!("has failed: {text}"));
                    continue;
                }
            };
            if attempts.len() != lost {
                self.fault(name, format_args!("has failed with {text:?} after {attempts:?}"));
            }
            for attempt in attempts {
                match self.reason(name, &attempt) {
                    Reason::Unknown => self.fault(name, format_args!("was lost for no reason in {attempt:?}")),
                    Reason::Misfortune => misfortunes.push(name),
                    Reason::Harm => {}
                }
            }
        }
        let harms = self.lines.iter().filter(|line| matches!(line.what, What::Killed | What::Halted | What::CutOff));
        if misfortunes.len() > 1 + harms.count() / 4 {
            self.fault("", format_args!("of {failed} failed tasks, too many by themselves: {misfortunes:?}"));
        }
    }

    /// The best reason for which an attempt may have been lost.
    fn reason(&self, task: &str, attempt: &Attempt) -> Reason {
        let process = self.process(task, attempt);
        let (mut since, mut best) = (BTreeMap::new(), Reason::Unknown);
        for line in self.lines.iter().filter(|line| process.is_none_or(|process| process == line.process)) {
            let (reason, from) = match &line.what {
                What::Halted | What::CutOff => {
                    since.insert(line.process, line.at);
                    (Reason::Harm, line.at)
                }
                What::WentOn | What::Reached => (Reason::Harm, since.remove(&line.process).unwrap_or(line.at)),
                What::Killed => (Reason::Harm, line.at),
                What::Failed(failed) if *failed == *task => (Reason::Misfortune, line.at),
                What::Unrenewed => (Reason::Misfortune, line.at),
                What::Stalled(late) if *late > ms(LEASE) / 3 => (Reason::Misfortune, line.at - late),
                _ => continue,
            };
            // What was lost may be noticed when the lease is over.
            if from <= attempt.to + ms(LATE) && line.at + ms(LEASE) >= attempt.from {
                best = best.max(reason);
            }
        }
        best
    }

    /// The process that made an attempt, where that was seen.
    fn process(&self, task: &str, attempt: &Attempt) -> Option<u32> {
        let mut calls = self.works.calls.iter().filter(|call| call.work.task == task);
        let call = calls
            .find(|call| call.work.message == attempt.message && call.work.attempt == attempt.number)
            .map(|call| call.process);
        let taken =
            self.lines.iter().filter(|line| matches!(&line.what, What::Took { task: taken, .. } if taken == task));
        // The handler was not called yet; who had the lease was to do so. Of the creation it is noted
        // when it has happened.
        let holder = || taken.take_while(|line| is_creation(&line.what) || line.at <= attempt.from).last();
        call.or_else(|| Some(holder()?.process))
    }
}

impl Log {
    /// What the task says of its failure.
    fn failure(&self) -> Option<String> {
        let status = &self.folds.last()?.status;
        let text = status.message.as_ref().map(|message| message.text()).unwrap_or_default();
        (status.state == TaskState::Failed).then_some(text)
    }

    /// The attempts at the message that was given to a handler last.
    fn attempts(&self) -> Vec<Attempt> {
        let (mut current, mut attempts) = (1, Vec::<Attempt>::new());
        for event in &self.events {
            let at = millis(event.time);
            let number = match &event.kind {
                EventKind::Created { .. } => 1,
                EventKind::Taken(place) if *place != current => {
                    attempts.clear();
                    current = *place;
                    1
                }
                EventKind::Attempt(number) => *number,
                _ => continue,
            };
            if let Some(last) = attempts.last_mut() {
                last.to = at;
            }
            let index = usize::try_from(current - 1).unwrap();
            let message = said(&self.events[index]).map(|said| said.message_id.clone()).unwrap_or_default();
            attempts.push(Attempt { message, number, from: at, to: u64::MAX });
        }
        if let (Some(last), Some(end)) = (attempts.last_mut(), self.events.last()) {
            last.to = millis(end.time);
        }
        attempts
    }
}

fn lost(times: u32) -> String {
    format!("the processes that ran the agent were lost, {times} times in a row")
}

fn is_creation(what: &What) -> bool {
    matches!(what, What::Took { held, .. } if held.fence == 1)
}

fn ms(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap()
}
