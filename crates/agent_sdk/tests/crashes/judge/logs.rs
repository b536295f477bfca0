//! The logs themselves: whole, with one end, and each message in one of them.

use std::collections::BTreeMap;

use agent_sdk::protocol::EventKind;

use super::{Judge, said};

impl Judge<'_> {
    /// Whether the storage finds everything in order.
    pub(super) async fn integrity(&self) {
        let mut findings = self.storage.check_rest().await.unwrap();
        let mut place = Some(0);
        while let Some(after) = place {
            let mut checked = self.storage.check_tasks(after, 100).await.unwrap();
            findings.append(&mut checked.findings);
            place = checked.next;
        }
        for finding in findings {
            let task = finding.task.map(|task| task.to_string()).unwrap_or_default();
            self.fault(&task, format_args!("found by the storage: {}", finding.what));
        }
    }

    /// Whether each task has ended, once.
    pub(super) fn ends(&self) {
        for (name, log) in &self.logs {
            let ends: Vec<_> = (1..).zip(&log.events).filter(|(_, event)| is_end(&event.kind)).collect();
            let length = log.events.len();
            if length as u64 != log.record.task.revision {
                self.fault(name, format_args!("has {length} events at revision {}", log.record.task.revision));
            }
            match ends[..] {
                [(place, _)] if place == length => {}
                [] => self.fault(name, "has not ended"),
                [(place, _)] => self.fault(name, format_args!("has ended with event {place} of {length}")),
                _ => self.fault(name, format_args!("has {} ends", ends.len())),
            }
        }
    }

    /// Whether no message was taken twice.
    pub(super) fn messages(&self) {
        let mut places = BTreeMap::<_, Vec<_>>::new();
        for (name, log) in &self.logs {
            for (place, event) in (1..).zip(&log.events) {
                if let Some(message) = said(event) {
                    places.entry(&message.message_id).or_default().push((name, place));
                }
            }
        }
        for (message, places) in places.iter().filter(|(_, places)| places.len() > 1) {
            self.fault(message, format_args!("was taken more than once: {places:?}"));
        }
    }
}

fn is_end(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Status { state, .. } if state.is_terminal())
}
