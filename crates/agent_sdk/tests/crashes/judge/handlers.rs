//! What handlers did: one at a time, each message once an attempt, from what was noted last.

use std::collections::{BTreeMap, BTreeSet};

use agent_sdk::protocol::{EventKind, TaskState};

use super::{Judge, Log, said, works::AtWork};
use crate::witness::{What, Work, told};

impl Judge<'_> {
    /// Whether no two handlers of a task were at work at once, and each attempt at a message was one.
    pub(super) fn handlers(&self) {
        let (mut before, mut begun) = (BTreeMap::<_, Vec<&AtWork>>::new(), BTreeSet::new());
        for call in &self.works.calls {
            let task = &*call.work.task;
            if !begun.insert(&call.work) {
                self.fault(task, format_args!("began twice: {:?}", call.work));
            }
            let others = before.entry(task).or_default();
            others.retain(|other| other.to.is_none_or(|(order, _)| order > call.order));
            for other in &*others {
                if !self.works.was_over(other, call.from) {
                    let (one, two) = (&call.work, &other.work);
                    self.fault(
                        task,
                        format_args!("{one:?} began in {} beside {two:?} in {}", call.process, other.process),
                    );
                }
            }
            others.push(call);
        }
    }

    /// Whether all that handlers were told to be stored is in the log, in that order.
    pub(super) fn told(&self) {
        let mut told = BTreeMap::<_, Vec<_>>::new();
        for line in &self.lines {
            if let What::Told(work, what) = &line.what {
                told.entry(work).or_default().push(what);
            }
        }
        for (work, told) in told {
            let log = self.logs.get(&*work.task);
            let mut there = log.into_iter().flat_map(|log| &log.events).filter_map(|event| told::of(&event.kind));
            if let Some(lost) = told.into_iter().find(|what| !there.any(|there| there == **what)) {
                self.fault(&work.task, format_args!("{work:?} was told of what is not there: {lost}"));
            }
        }
    }

    /// Whether each attempt got what the ones before had noted last, and the log tells of each.
    pub(super) fn checkpoints(&self) {
        let mut told = BTreeMap::new();
        for line in &self.lines {
            let (work, restored) = match &line.what {
                What::Begun(work, restored) => (work, restored),
                What::Told(work, what) => {
                    let step = what.strip_prefix(told::CHECKPOINT).map(|step| step.parse::<u64>().unwrap());
                    told.extend(step.map(|step| ((&work.task, &work.message), step)));
                    continue;
                }
                _ => continue,
            };
            let last = told.get(&(&work.task, &work.message)).copied();
            if *restored < last {
                self.fault(&work.task, format_args!("{work:?} got {restored:?}, and {last:?} was told to be noted"));
            }
            // The first attempt at a first message may have come to nothing, and left nothing.
            let Some(log) = self.logs.get(&*work.task) else {
                if work.attempt > 1 {
                    self.fault(&work.task, format_args!("is lost, though it was run: {work:?}"));
                }
                continue;
            };
            match log.noted(work) {
                Some(noted) if noted == *restored => {}
                noted => self.fault(&work.task, format_args!("{work:?} got {restored:?}, and noted was {noted:?}")),
            }
        }
    }
}

impl Log {
    /// What was noted before an attempt at a message, if anything; `None` if the log does not tell of
    /// that attempt.
    fn noted(&self, work: &Work) -> Option<Option<u64>> {
        let places = || (1..).zip(&self.events);
        let (asked, _) = places().find(|(_, event)| said(event).is_some_and(|said| said.message_id == work.message))?;
        let (mut current, mut noted) = (1, None);
        for (_, event) in places() {
            match &event.kind {
                EventKind::Taken(place) if *place != current => (current, noted) = (*place, None),
                EventKind::Status { state: TaskState::InputRequired, .. } => noted = None,
                EventKind::Attempt(attempt) if current == asked && *attempt == work.attempt => return Some(noted),
                EventKind::Checkpoint(value) => noted = value.as_u64(),
                _ => {}
            }
        }
        // The first one is not noted before its handler notes something.
        (work.attempt == 1).then_some(None)
    }
}
