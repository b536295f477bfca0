//! How much there was to be judged: too little proves nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::Judge;
use crate::{hooks::Hooks, witness::What};

/// How often something has happened, and how often it must have.
pub(crate) struct Count {
    pub(crate) what: &'static str,
    pub(crate) count: usize,
    pub(crate) least: usize,
}

/// What was done to processes.
pub(crate) struct Done {
    pub(crate) crashes: usize,
    /// How often they were cut off for certain.
    pub(crate) cuts: usize,
    /// Whether there was a bus to be stopped.
    pub(crate) bus: bool,
}

impl Judge<'_> {
    pub(crate) fn counts(&self, hooks: &Hooks, done: &Done) -> Vec<Count> {
        let lines = |wanted: fn(&What) -> bool| self.lines.iter().filter(|line| wanted(&line.what)).count();
        let facts = self.ledger.facts();
        let messages: BTreeSet<_> = facts.sends.iter().map(|send| &send.message).collect();
        let (taken, there) = self.takeovers();
        let count = |what, count, least| Count { what, count, least };
        vec![
            count("tasks", self.logs.len(), 1),
            count("events", self.logs.values().map(|log| log.events.len()).sum(), 1),
            count("answered messages", messages.len(), 1),
            count("answers to messages that were sent again", facts.sends.len() - messages.len(), 1),
            count("streams", facts.streams.len(), 1),
            count("events of streams", facts.streams.iter().map(|stream| stream.events.len()).sum(), 1),
            count("streams taken up again", facts.resumed, 1),
            count("cancellations answered", facts.canceled.len(), 1),
            count("events told to webhooks", hooks.told().values().map(Vec::len).sum(), 1),
            count("calls of handlers", self.works.calls.len(), 1),
            count(
                "of them attempts after the first",
                self.works.calls.iter().filter(|call| call.work.attempt > 1).count(),
                1,
            ),
            count("writes that handlers were told of", lines(|what| matches!(what, What::Told(..))), 1),
            count("writes under leases", lines(|what| matches!(what, What::Wrote { .. })), 1),
            count("processes killed", lines(|what| *what == What::Killed), done.crashes),
            count("processes halted", lines(|what| *what == What::Halted), 1),
            count("processes cut off", lines(|what| *what == What::CutOff), done.cuts),
            count("stops of the bus", lines(|what| *what == What::BusStopped), usize::from(done.bus)),
            count("tasks taken over", taken, 2 + done.cuts),
            count("of them from processes that were still there", there, 1 + done.cuts),
        ]
    }

    /// How many tasks were taken over, and how many of them from processes that were still there.
    fn takeovers(&self) -> (usize, usize) {
        let (mut killed, mut holders) = (BTreeSet::new(), BTreeMap::new());
        let (mut taken, mut there) = (0, 0);
        for line in &self.lines {
            match &line.what {
                What::Killed => drop(killed.insert(line.process)),
                What::Took { task, orphaned, .. } => {
                    let before = holders.insert(task, line.process);
                    if let (Some(before), true) = (before, orphaned) {
                        taken += 1;
                        there += usize::from(!killed.contains(&before));
                    }
                }
                _ => {}
            }
        }
        (taken, there)
    }
}
