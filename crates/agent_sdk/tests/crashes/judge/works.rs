//! When handlers were at work, by what was witnessed, and when their processes could not know the time.

use std::sync::Arc;

use crate::{
    agent::LEASE,
    witness::{LATE, Line, What, Work},
};

/// A call of a handler, from when to when.
pub(super) struct AtWork {
    pub(super) process: u32,
    pub(super) work: Work,
    /// Of two at work in different processes, which began first.
    pub(super) order: usize,
    pub(super) from: u64,
    /// When it was over, and where that was witnessed; never, for all that is known.
    pub(super) to: Option<(usize, u64)>,
}

/// For so long a process stood still: halted, or without its share of the machine. It drops its handlers
/// when it goes on.
struct Stall {
    process: u32,
    from: u64,
    to: u64,
}

/// What was witnessed.
pub(super) struct Works {
    pub(super) calls: Vec<AtWork>,
    stalls: Vec<Stall>,
}

impl Works {
    pub(super) fn of(lines: &[Line]) -> Self {
        let mut works = Self { calls: Vec::new(), stalls: Vec::new() };
        for (order, line) in lines.iter().enumerate() {
            let (process, at) = (line.process, line.at);
            let here = |call: &&mut AtWork| call.process == process && call.to.is_none();
            match &line.what {
                What::Begun(work, _) => {
                    works.calls.push(AtWork { process, work: work.clone(), order, from: at, to: None });
                }
                What::Over(work) => {
                    let mut calls = works.calls.iter_mut().filter(here);
                    if let Some(call) = calls.find(|call| call.work == *work) {
                        call.to = Some((order, at));
                    }
                }
                What::Killed => {
                    works.calls.iter_mut().filter(here).for_each(|call| call.to = Some((order, at)));
                    // What it would have noted of its last moments, nobody knows.
                    works.stalls.push(Stall { process, from: at - millis(LEASE) / 3, to: at });
                }
                What::Halted => works.stalls.push(Stall { process, from: at, to: u64::MAX }),
                What::WentOn => {
                    let halted = works.stalls.iter_mut().rev().find(|stall| stall.process == process);
                    halted.unwrap().to = at;
                }
                What::Stalled(late) => works.stalls.push(Stall { process, from: at - late, to: at }),
                _ => {}
            }
        }
        works
    }

    /// The calls for a task.
    pub(super) fn for_task(&self, task: &Arc<str>) -> impl Iterator<Item = &AtWork> {
        self.calls.iter().filter(move |call| *call.work.task == **task)
    }

    /// Whether a call that should have been over at a time was, or was as soon as its process could.
    pub(super) fn was_over(&self, call: &AtWork, due: u64) -> bool {
        let Some((_, over)) = call.to else { return false };
        // What is due at one time is done one after the other.
        let margin = millis(LATE);
        let stalls = || self.stalls.iter().filter(|stall| stall.process == call.process);
        over <= due || stalls().any(|stall| stall.from <= due + margin && over <= stall.to.saturating_add(margin))
    }
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap()
}
