//! Leases, by what the database noted: who ran a task had its lease, and whoever lost it had dropped
//! its handler in time.

use std::{collections::BTreeMap, sync::Arc};

use agent_sdk::{ports::TaskId, protocol::EventKind};

use super::Judge;
use crate::database::{Notes, ReplicaNote, TaskNote};

impl Judge<'_> {
    pub(crate) fn leases(&self, notes: &Notes) {
        self.fences_in(notes);
        let replicas: BTreeMap<&[u8], &ReplicaNote> = notes.replicas.iter().map(|note| (&*note.id, note)).collect();
        let mut lengths = BTreeMap::new();
        for note in &notes.tasks {
            let name: Arc<str> = TaskId::from_u128(note.id).into();
            let Some(log) = self.logs.get(&name) else { continue };
            let holder = |id: &Option<Vec<u8>>| id.as_ref().and_then(|id| replicas.get(&**id).copied());
            let (before, after) = (holder(&note.holder.0), holder(&note.holder.1));
            let length = lengths.insert(note.id, note.length.1).unwrap_or_default();
            if length != note.length.0 {
                self.fault(&name, format_args!("grew from {length}, and then from {}", note.length.0));
            }
            if note.length.0 == 0 {
                // Whoever creates a task runs it, also where that ends it.
                if after.is_some_and(|holder| holder.process != note.process) {
                    self.fault(&name, format_args!("was created by {} for another", note.process));
                }
                continue;
            }
            let is_run = log.events[index(note.length.0)..index(note.length.1)].iter().any(|event| is_run(&event.kind));
            if is_run && before.is_none_or(|holder| holder.process != note.process) {
                let of = before.map(|holder| holder.process);
                self.fault(
                    &name,
                    format_args!("{} wrote from {:?} on, though {of:?} held it", note.process, note.length),
                );
            }
            if note.fence.1 == note.fence.0 {
                continue;
            }
            if note.fence.1 != note.fence.0 + 1 || after.is_none_or(|taker| taker.process != note.process) {
                self.fault(&name, format_args!("was taken by {} with fences {:?}", note.process, note.fence));
            }
            if let Some(lost) = before {
                self.taken_over(&name, note, lost);
            }
        }
    }

    /// Whether the handler of a task that was taken over was no longer at work by then.
    fn taken_over(&self, name: &Arc<str>, note: &TaskNote, lost: &ReplicaNote) {
        // A renewal that was not stored yet when it was taken came too late.
        let over = lost.gone.unwrap_or(u64::MAX).min(lost.expires).min(note.at);
        for call in self.works.for_task(name).filter(|call| call.process == lost.process && call.from < note.at) {
            if !self.works.was_over(call, over) {
                self.fault(name, format_args!("{:?} was at work after {over}, when its lease was over", call.work));
            }
        }
    }
}

fn index(length: u64) -> usize {
    usize::try_from(length).unwrap()
}

/// Whether only who has the lease may say this.
fn is_run(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::Status { .. }
            | EventKind::Artifact { .. }
            | EventKind::Metadata(_)
            | EventKind::Taken(_)
            | EventKind::Attempt(_)
            | EventKind::Checkpoint(_)
    )
}
