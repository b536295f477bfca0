//! The push configurations of one task.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound::{Excluded, Unbounded},
    sync::{Mutex, atomic::Ordering::Relaxed},
};

use a2a_app_ports::{PushConfigKey, PushConfigRow, ReplicaId, Revision, Scope, StorageError, TaskId};
use a2a_protocol_core::Timestamp;

use super::{MemoryStorage, lock, record::Kept, size};

/// So many tasks are looked through at once for what is pending.
const LOOKED_THROUGH_AT_ONCE: usize = 256;

/// The configurations of a task, and who tells them.
#[derive(Debug, Default)]
pub(super) struct Pushes {
    /// By id.
    rows: BTreeMap<Box<str>, PushConfigRow>,
    teller: Option<ReplicaId>,
    /// Whether the log is to go once all are told what it says.
    pub(super) log_is_due: bool,
}

impl Pushes {
    pub(super) fn put(&mut self, row: PushConfigRow) {
        self.rows.insert(row.id().into(), row);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.rows.values().map(size::of_push).sum()
    }

    /// Whether any are to be told of events up to this one.
    pub(super) fn are_behind(&self, revision: Revision) -> bool {
        self.rows.values().any(|row| is_behind(row, revision))
    }

    fn after(&self, after: Option<&str>) -> impl Iterator<Item = &PushConfigRow> {
        let from = after.map_or(Unbounded, Excluded);
        self.rows.range::<str, _>((from, Unbounded)).map(|(_, row)| row)
    }
}

fn is_behind(row: &PushConfigRow, revision: Revision) -> bool {
    row.failure.is_none() && row.cursor < revision
}

/// The tasks that have push configurations.
#[derive(Debug, Default)]
pub(super) struct PushedTasks(Mutex<BTreeSet<TaskId>>);

impl PushedTasks {
    /// Notes whether a task has any; called while the task is held.
    pub(super) fn note(&self, task: TaskId, has: bool) {
        let mut tasks = lock(&self.0);
        if has {
            tasks.insert(task);
        } else {
            tasks.remove(&task);
        }
    }

    /// The next ones from this one on.
    fn from(&self, task: TaskId) -> Vec<TaskId> {
        lock(&self.0).range(task..).take(LOOKED_THROUGH_AT_ONCE).copied().collect()
    }
}

impl MemoryStorage {
    pub(super) fn put_push_now(
        &self,
        scope: &Scope,
        task: TaskId,
        mut row: PushConfigRow,
        most: usize,
    ) -> Result<(), StorageError> {
        let record = self.find(scope, task).ok_or(StorageError::NotFound)?;
        let mut kept = record.kept();
        if kept.is_gone() {
            return Err(StorageError::NotFound);
        }
        match kept.pushes().and_then(|pushes| pushes.rows.get(row.id())) {
            Some(known) => row = row.in_place_of(known),
            None if kept.pushes().map_or(0, |pushes| pushes.rows.len()) >= most => return Err(StorageError::Full),
            None => {}
        }
        self.change_pushes(task, &mut kept, |pushes| pushes.put(row));
        drop(kept);
        self.make_room();
        Ok(())
    }

    pub(super) fn push_now(&self, scope: &Scope, task: TaskId, id: &str) -> Option<PushConfigRow> {
        self.find(scope, task)?.kept().pushes()?.rows.get(id).cloned()
    }

    pub(super) fn pushes_now(
        &self,
        scope: &Scope,
        task: TaskId,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<PushConfigRow> {
        let Some(record) = self.find(scope, task) else { return Vec::new() };
        let kept = record.kept();
        kept.pushes().map_or_else(Vec::new, |pushes| pushes.after(after).take(limit).cloned().collect())
    }

    pub(super) fn delete_push_now(&self, scope: &Scope, task: TaskId, id: &str) {
        let Some(record) = self.find(scope, task) else { return };
        let mut kept = record.kept();
        if kept.pushes().is_some() {
            self.change_pushes(task, &mut kept, |pushes| drop(pushes.rows.remove(id)));
        }
    }

    /// Changes a configuration, unless it was replaced since it was created then.
    pub(super) fn change_push_now(
        &self,
        key: &PushConfigKey,
        created: Timestamp,
        change: impl FnOnce(&mut PushConfigRow),
    ) {
        let Some(record) = self.find(&key.scope, key.task) else { return };
        let mut kept = record.kept();
        if kept.pushes().is_some() {
            self.change_pushes(key.task, &mut kept, |pushes| {
                if let Some(row) = pushes.rows.get_mut(&key.id).filter(|row| row.created == created) {
                    change(row);
                }
            });
        }
    }

    fn change_pushes(&self, task: TaskId, kept: &mut Kept, change: impl FnOnce(&mut Pushes)) {
        let bytes = kept.bytes();
        let log_is_due = kept.pushes().is_some_and(|pushes| pushes.log_is_due);
        kept.change_pushes(change);
        if log_is_due && !kept.has_to_tell() {
            drop(kept.drop_log());
        }
        self.bytes.fetch_add(kept.bytes(), Relaxed);
        self.bytes.fetch_sub(bytes, Relaxed);
        self.pushed.note(task, kept.pushes().is_some());
    }

    /// In the order of task and id.
    pub(super) fn pending_pushes_now(
        &self,
        agent: &str,
        after: Option<&PushConfigKey>,
        limit: usize,
    ) -> Vec<PushConfigKey> {
        let mut pending = Vec::new();
        let mut next = Some(after.map_or(TaskId::from_u128(0), |after| after.task));
        while let Some(from) = next {
            let tasks = self.pushed.from(from);
            next = tasks.get(LOOKED_THROUGH_AT_ONCE - 1).map(|last| TaskId::from_u128(last.as_u128().wrapping_add(1)));
            for task in tasks {
                let Some(record) = self.shards.find(task).filter(|record| *record.owner.scope.agent == *agent) else {
                    continue;
                };
                let kept = record.kept();
                if kept.pushes().and_then(|pushes| pushes.teller).is_some_and(|teller| self.replicas.is_present(teller))
                {
                    continue;
                }
                let after = after.filter(|after| after.task == task).map(|after| &*after.id);
                let rows = kept.pushes().into_iter().flat_map(|pushes| pushes.after(after));
                let behind = rows.filter(|row| is_behind(row, kept.revision()));
                let keys =
                    behind.map(|row| PushConfigKey { scope: record.owner.scope.clone(), task, id: row.id().into() });
                pending.extend(keys.take(limit - pending.len()));
                if pending.len() == limit {
                    return pending;
                }
            }
        }
        pending
    }
}

impl MemoryStorage {
    pub(super) fn take_pushes_now(&self, scope: &Scope, task: TaskId, replica: ReplicaId) -> bool {
        let Some(record) = self.find(scope, task) else { return false };
        let mut kept = record.kept();
        let Some(pushes) = kept.pushes() else { return true };
        let takes = pushes.teller.is_none_or(|teller| teller == replica || !self.replicas.is_present(teller));
        if takes {
            kept.change_pushes(|pushes| pushes.teller = Some(replica));
        }
        takes
    }

    pub(super) fn release_pushes_now(&self, scope: &Scope, task: TaskId, replica: ReplicaId, seen: Revision) -> bool {
        let Some(record) = self.find(scope, task) else { return true };
        let mut kept = record.kept();
        let tells = kept.pushes().is_some_and(|pushes| pushes.teller == Some(replica));
        if tells && kept.revision() > seen {
            return false;
        }
        if tells {
            kept.change_pushes(|pushes| pushes.teller = None);
        }
        true
    }
}
