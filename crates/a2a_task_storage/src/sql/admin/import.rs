//! Storing a task as it was elsewhere.

use std::sync::Arc;

use a2a_app_ports::{Revision, StorageError};
use a2a_protocol_core::{FoldError, Task, log};

use crate::{
    History, TaskRecord,
    size::Size,
    sql::{
        new_task::{NewTask, Snapshots},
        scopes,
        tasks::{Batch, json},
        transaction::{Connection, Operation, Tx},
        values::Value,
    },
};

/// Stores all of a task.
pub(super) struct ImportTask {
    record: TaskRecord,
    key: String,
    task: Arc<Task>,
    batch: Batch,
    snapshots: Snapshots,
    size: Size,
    dropped: Revision,
}

impl ImportTask {
    pub(super) fn new(mut record: TaskRecord) -> Result<Self, StorageError> {
        let key = scopes::key(&record.task.scope);
        let revision = record.task.revision;
        match &mut record.history {
            History::Log(events) => {
                let batch = Batch::new(std::mem::take(events))?;
                let (task, snapshots, size) = fold(&record, &batch)?;
                Ok(Self { record, key, task: Arc::new(task), batch, snapshots, size, dropped: 0 })
            }
            History::Snapshot(task) => {
                let (task, body) = (task.clone(), json(&**task)?);
                let size = Size { snapshot: revision, snapshot_bytes: body.len() as u64, tail_bytes: 0 };
                let batch = Batch::new(Vec::new())?;
                Ok(Self { record, key, task, batch, snapshots: vec![(revision, body)], size, dropped: revision })
            }
        }
    }
}

/// Folds a log; the task, and the snapshots that would have been stored had the events come one by
/// one.
fn fold(record: &TaskRecord, batch: &Batch) -> Result<(Task, Snapshots, Size), StorageError> {
    let first = batch.events.first().ok_or(StorageError::Refused(FoldError::Misplaced))?;
    let mut task = log::begin(record.task.id.into(), first).map_err(StorageError::Refused)?;
    let mut size = Size { snapshot: 0, snapshot_bytes: 0, tail_bytes: 0 };
    let mut snapshots = Vec::new();
    for ((seq, event), body) in (1..).zip(&batch.events).zip(&batch.bodies) {
        if seq > 1 {
            log::apply(&mut task, event).map_err(StorageError::Refused)?;
        }
        size.tail_bytes += body.len() as u64;
        snapshots.extend(size.snapshot_now(&task, seq)?.map(|snapshot| (seq, snapshot)));
    }
    Ok((task, snapshots, size))
}

impl Operation for ImportTask {
    type Output = bool;

    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<bool, StorageError> {
        let head = &self.record.task;
        let new = NewTask {
            id: head.id,
            scope: &head.scope,
            scope_key: &self.key,
            skill: &head.skill,
            task: &self.task,
            revision: head.revision,
            batch: &self.batch,
            dropped: self.dropped,
            snapshots: &self.snapshots,
            size: self.size,
            pushes: &self.record.push_configs,
            fence: head.fence,
            holder: head.holder,
            waits: head.waits,
            creator: None,
            claim: None,
        };
        new.store(tx).await
    }

    async fn was_done<C: Connection>(&self, tx: &Tx<'_, C>, added: &bool) -> Result<bool, StorageError> {
        const THERE: &str = "SELECT 1 FROM tasks WHERE id = ?1";
        let id = self.record.task.id.as_u128().to_be_bytes();
        Ok(!added || !tx.db.query(THERE, &[Value::Bytes(&id)]).await?.is_empty())
    }
}
