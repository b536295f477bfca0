//! Sees whose each task is, and that nobody else writes to it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
};

use a2a_app_ports::{Lease, ReplicaId, TaskId};
use a2a_protocol_core::{Event, EventKind};

/// What the leases and the logs of tasks should be, by what was asked of their storage.
#[derive(Default)]
pub struct Witness(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    tasks: HashMap<TaskId, Known>,
    faults: Vec<String>,
}

#[derive(Default)]
struct Known {
    lease: Option<Lease>,
    fence: u64,
    ended: bool,
    log: Vec<Event>,
}

impl Witness {
    /// What should not have been.
    pub fn faults(&self) -> Vec<String> {
        self.seen().faults.clone()
    }

    /// The whole log of a task, also when its storage has it no more.
    pub fn log(&self, id: TaskId) -> Vec<Event> {
        self.seen().tasks.get(&id).map_or_else(Vec::new, |known| known.log.clone())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap()
    }

    pub(super) fn created(&self, id: TaskId, replica: ReplicaId, events: &[Event], done: bool) {
        if !done {
            return;
        }
        let lease = Lease::first(replica);
        tracing::trace!(%id, %replica, "create");
        let known = Known { lease: Some(lease), fence: lease.fence, ..Known::default() };
        if self.seen().tasks.insert(id, known).is_some() {
            self.seen().faults.push(format!("{id} was created twice"));
        }
        self.wrote(id, events);
    }

    pub(super) fn appended(&self, id: TaskId, events: &[Event], lease: Option<Lease>, done: bool) {
        tracing::trace!(%id, ?lease, ?events, done, "append");
        if !done {
            return;
        }
        if let Some(lease) = lease {
            let mut seen = self.seen();
            let current = seen.tasks.entry(id).or_default().lease;
            if current != Some(lease) {
                seen.faults.push(format!("{id}: an append under {lease:?} was accepted, though it is {current:?}"));
            }
        }
        self.wrote(id, events);
    }

    fn wrote(&self, id: TaskId, events: &[Event]) {
        let mut seen = self.seen();
        for event in events {
            let known = seen.tasks.entry(id).or_default();
            known.log.push(event.clone());
            if known.ended {
                seen.faults.push(format!("{id}: {event:?} after the end"));
                return;
            }
            if matches!(&event.kind, EventKind::Status { state, .. } if state.is_terminal()) {
                (known.ended, known.lease) = (true, None);
            }
        }
    }

    pub(super) fn taken(&self, id: TaskId, lease: Lease, is_present: impl Fn(ReplicaId) -> bool) {
        let mut seen = self.seen();
        let known = seen.tasks.entry(id).or_default();
        tracing::trace!(%id, ?lease, "take");
        let before = known.lease.replace(lease);
        let fence = std::mem::replace(&mut known.fence, lease.fence);
        if before.is_some_and(|before| is_present(before.replica)) || fence >= lease.fence {
            seen.faults.push(format!("{id}: {lease:?} was given away while {before:?} held"));
        }
    }

    pub(super) fn released(&self, id: TaskId, lease: Lease, done: bool) {
        tracing::trace!(%id, ?lease, done, "release");
        if done {
            self.seen().tasks.entry(id).or_default().lease.take_if(|current| *current == lease);
        }
    }
}
