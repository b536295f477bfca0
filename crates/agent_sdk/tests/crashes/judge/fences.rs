//! What runs wrote, by what the storage was seen to accept: all of it under the newest lease.

use std::collections::BTreeMap;

use super::Judge;
use crate::{
    database::{Notes, TaskNote},
    witness::{Held, What},
};

/// Events that were accepted, up to this one, from a run with this lease.
struct Accepted<'a> {
    revision: u64,
    held: &'a Held,
    since: u64,
}

impl Judge<'_> {
    /// Whether no lease wrote after a newer one, or after a newer one was taken, and none is of two
    /// replicas.
    pub(super) fn fences(&self) {
        let mut taken = BTreeMap::<&str, Vec<(u64, &Held)>>::new();
        for line in &self.lines {
            if let What::Took { task, held, .. } = &line.what {
                taken.entry(task).or_default().push((line.at, held));
            }
        }
        for (task, accepted) in self.accepted() {
            let taken = taken.remove(task).unwrap_or_default();
            let mut owners = BTreeMap::new();
            for held in taken.iter().map(|(_, held)| *held).chain(accepted.iter().map(|write| write.held)) {
                let owner = owners.entry(held.fence).or_insert(&held.replica);
                if **owner != held.replica {
                    self.fault(task, format_args!("{owner} and {} have the same lease {}", held.replica, held.fence));
                }
            }
            for pair in accepted.windows(2) {
                let (one, next) = (&pair[0], &pair[1]);
                if next.held.fence < one.held.fence || next.revision == one.revision {
                    self.fault(
                        task,
                        format_args!(
                            "{:?} wrote event {} after {:?} wrote event {}",
                            next.held, next.revision, one.held, one.revision
                        ),
                    );
                }
            }
            for Accepted { revision, held, since } in accepted {
                // Of the first try to create a task nobody may have heard.
                if held.fence > 1 && !taken.iter().any(|(_, taken)| *taken == held) {
                    self.fault(task, format_args!("{held:?} wrote event {revision}, and was never taken"));
                }
                if let Some((at, newer)) = taken.iter().find(|(at, taken)| taken.fence > held.fence && *at < since) {
                    self.fault(
                        task,
                        format_args!(
                            "{held:?} wrote event {revision} from {since} on, though {newer:?} was taken by {at}"
                        ),
                    );
                }
            }
        }
    }

    /// Whether the database had each run's events written while their lease was the task's.
    pub(super) fn fences_in(&self, notes: &Notes) {
        let grown = notes.tasks.iter().filter(|note| note.length.1 > note.length.0);
        let grown: BTreeMap<_, &TaskNote> = grown.map(|note| ((note.id, note.length.1), note)).collect();
        for (task, accepted) in self.accepted() {
            let id = task.parse::<agent_sdk::ports::TaskId>().unwrap().as_u128();
            for Accepted { revision, held, .. } in accepted {
                let note = grown.get(&(id, revision));
                let lease = note.map(|note| (note.fence.0, note.holder.0.as_deref().map(hex).unwrap_or_default()));
                if lease.as_ref().is_none_or(|(fence, holder)| *fence != held.fence || *holder != held.replica) {
                    self.fault(task, format_args!("{held:?} wrote event {revision} while {lease:?} had the task"));
                }
            }
        }
    }

    /// What was accepted from the runs of each task, in the order of its log.
    fn accepted(&self) -> BTreeMap<&str, Vec<Accepted<'_>>> {
        let mut accepted = BTreeMap::<&str, Vec<_>>::new();
        for line in &self.lines {
            if let What::Wrote { task, revision, held, since } = &line.what {
                let (revision, since) = (*revision, *since);
                accepted.entry(task).or_default().push(Accepted { revision, held, since });
            }
        }
        accepted.values_mut().for_each(|writes| writes.sort_by_key(|write| write.revision));
        accepted
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
