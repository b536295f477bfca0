//! What webhooks were told: everything, in order, at least once.

use agent_sdk::protocol::StreamResponse;

use super::{Judge, Log, millis};
use crate::hooks::Hooks;

impl Judge<'_> {
    pub(super) fn webhooks(&self, hooks: &Hooks) {
        let acknowledged = self.ledger.facts().hooks.clone();
        for (name, told) in hooks.told().iter() {
            let Some(task) = told.iter().find_map(StreamResponse::task_id) else { continue };
            let Some(log) = self.log_of(task) else { continue };
            let all = log.responses(task);
            let Some(mut due) = all.iter().position(|(_, event)| *event == told[0]) else {
                self.fault(task, format_args!("the webhook {name} was told what is not in the log: {:?}", told[0]));
                continue;
            };
            if let Some(hook) = acknowledged.iter().find(|hook| hook.name == *name)
                && all[..due].iter().any(|(time, _)| *time > hook.since)
            {
                self.fault(task, format_args!("the webhook {name} is first told event {}", due + 1));
            }
            for event in told {
                if all.get(due).is_some_and(|(_, next)| next == event) {
                    due += 1;
                } else if !all[..due].iter().any(|(_, earlier)| earlier == event) {
                    self.fault(task, format_args!("the webhook {name} is told this before {due} others: {event:?}"));
                    break;
                }
            }
            if due < all.len() {
                let (known, count) = (due, all.len());
                self.fault(task, format_args!("the webhook {name} knows {known} of {count} events"));
            }
        }
        for hook in acknowledged {
            let Some(log) = self.log_of(&hook.task) else { continue };
            let due = log.responses(&hook.task).iter().any(|(time, _)| *time > hook.since);
            if due && !hooks.told().contains_key(&hook.name) {
                self.fault(&hook.task, format_args!("the webhook {} is told nothing", hook.name));
            }
        }
    }
}

impl Log {
    /// What a webhook that is there from the beginning is told, with the times of it.
    fn responses(&self, task: &std::sync::Arc<str>) -> Vec<(u64, StreamResponse)> {
        let created = StreamResponse::Task(self.folds[0].clone().into());
        let places = 2..=self.events.len();
        let rest = places.filter_map(|place| Some((self.events[place - 1].time, self.response(task, place)?)));
        let all = std::iter::once((self.events[0].time, created)).chain(rest);
        all.map(|(time, event)| (millis(time), event)).collect()
    }
}
