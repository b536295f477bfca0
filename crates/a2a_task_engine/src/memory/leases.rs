//! Which replica runs which task.

use std::{collections::BTreeSet, sync::Mutex, time::Duration};

use a2a_app_ports::{Holder, Lease, ReplicaId, Revision, Scope, StorageError, Taken, TaskId};
use a2a_protocol_core::Timestamp;

use super::{MemoryStorage, lock, record::Record};

/// The replicas that are known. Memory is of one process, which is not lost without it; that others
/// may be is for those who try what happens then.
#[derive(Debug, Default)]
pub(super) struct Replicas(Mutex<Known>);

/// There are few replicas: to find one among them takes less than to hash it.
#[derive(Debug, Default)]
struct Known {
    present: BTreeSet<ReplicaId>,
    /// Those that may have left tasks behind.
    lost: BTreeSet<ReplicaId>,
    /// Tasks that nobody has and whose logs have grown since they were given back.
    waiting: BTreeSet<TaskId>,
}

impl Replicas {
    /// A time of nothing is over at once; any other lasts until the replica leaves.
    pub(super) fn join(&self, replica: ReplicaId, time: Duration) {
        lock(&self.0).present.insert(replica);
        self.end_if_over(replica, time);
    }

    pub(super) fn renew(&self, replica: ReplicaId, time: Duration) -> bool {
        let there = self.is_present(replica);
        self.end_if_over(replica, time);
        there
    }

    fn end_if_over(&self, replica: ReplicaId, time: Duration) {
        if time.is_zero() {
            self.leave(replica);
        }
    }

    pub(super) fn leave(&self, replica: ReplicaId) {
        let mut known = lock(&self.0);
        if known.present.remove(&replica) {
            known.lost.insert(replica);
        }
    }

    /// Notes who creates a task, who may be lost by then.
    pub(super) fn note_creator(&self, replica: ReplicaId) {
        let mut known = lock(&self.0);
        if !known.present.contains(&replica) {
            known.lost.insert(replica);
        }
    }

    /// Notes whether a task waits for somebody to take it; called while the task is held.
    pub(super) fn note(&self, task: TaskId, waits: bool) {
        let waiting = &mut lock(&self.0).waiting;
        if waits {
            waiting.insert(task);
        } else {
            waiting.remove(&task);
        }
    }

    /// Who runs a task, as it is told to others.
    pub(super) fn holder(&self, holder: Option<ReplicaId>) -> Holder {
        match holder {
            None => Holder::Nobody,
            Some(replica) if self.is_present(replica) => Holder::Present(replica),
            Some(_) => Holder::Lost,
        }
    }

    pub(super) fn is_present(&self, replica: ReplicaId) -> bool {
        lock(&self.0).present.contains(&replica)
    }
}

impl MemoryStorage {
    pub(super) fn take_now(&self, scope: &Scope, id: TaskId, replica: ReplicaId) -> Result<Taken, StorageError> {
        if !self.replicas.is_present(replica) {
            return Err(StorageError::Fenced);
        }
        let Some(record) = self.find(scope, id) else { return Ok(Taken::Over) };
        let mut kept = record.kept();
        if kept.has_ended() || kept.is_gone() {
            return Ok(Taken::Over);
        }
        Ok(match self.replicas.holder(kept.holder()) {
            Holder::Present(_) => kept.lease().map_or(Taken::Over, Taken::By),
            holder => {
                if holder == Holder::Nobody {
                    self.replicas.note(id, false);
                }
                Taken::Lease { lease: kept.take(replica), orphaned: holder == Holder::Lost }
            }
        })
    }

    pub(super) fn release_now(&self, scope: &Scope, id: TaskId, lease: Lease, seen: Revision) -> bool {
        self.find(scope, id).is_none_or(|record| record.kept().release(lease, seen))
    }

    pub(super) fn paused_now(&self, agent: &str, before: Timestamp, limit: usize) -> Vec<(Scope, TaskId)> {
        let waiting = lock(&self.replicas.0).waiting.clone();
        let mut paused = Vec::new();
        self.shards.for_each(|id, record| {
            if *record.owner.scope.agent != *agent || waiting.contains(&id) {
                return;
            }
            let kept = record.kept();
            if let Some(since) = kept.status().timestamp.filter(|since| *since < before)
                && kept.status().state.is_interrupted()
                && kept.holder().is_none()
            {
                paused.push((since, id, record.owner.scope.clone()));
            }
        });
        paused.sort_unstable_by_key(|(since, id, _)| (*since, *id));
        paused.into_iter().take(limit).map(|(_, id, scope)| (scope, id)).collect()
    }

    /// In the order of ids.
    pub(super) fn orphans_now(
        &self,
        agent: &str,
        after: Option<&(Scope, TaskId)>,
        limit: usize,
    ) -> Vec<(Scope, TaskId)> {
        let is_next = |id: TaskId| after.is_none_or(|(_, after)| id > *after);
        let (mut lost, waiting) = {
            let known = lock(&self.replicas.0);
            (known.lost.clone(), known.waiting.clone())
        };
        let mut orphans: Vec<_> = waiting
            .into_iter()
            .filter_map(|id| Some((self.shards.find(id)?.owner.scope.clone(), id)))
            .filter(|(scope, id)| *scope.agent == *agent && is_next(*id))
            .collect();
        if !lost.is_empty() {
            self.find_lost(&mut lost, |record, id| {
                if *record.owner.scope.agent == *agent && is_next(id) {
                    orphans.push((record.owner.scope.clone(), id));
                }
            });
        }
        orphans.sort_unstable_by_key(|(_, id)| *id);
        orphans.truncate(limit);
        orphans
    }

    /// Shows the tasks that lost replicas have, and forgets those of them that have none.
    fn find_lost(&self, lost: &mut BTreeSet<ReplicaId>, mut see: impl FnMut(&Record, TaskId)) {
        let mut missed = BTreeSet::new();
        self.shards.for_each(|id, record| {
            let Some(holder) = record.kept().holder().filter(|holder| lost.contains(holder)) else { return };
            missed.insert(holder);
            see(record, id);
        });
        // Nobody has to look for what these have left once more.
        lost.retain(|replica| !missed.contains(replica));
        lock(&self.replicas.0).lost.retain(|replica| !lost.contains(replica));
    }
}
