//! Storing a task as it was elsewhere.

use std::sync::Arc;

use a2a_app_ports::{Revision, StorageError};
use a2a_protocol_core::{FoldError, Task, log};
use futures::future::try_join_all;

use crate::{
    History, TaskRecord,
    sql::{
        counts::{self, Counted},
        pushes, scopes,
        tasks::{Batch, Size, json, number, status_time, store_snapshot},
        transaction::{Connection, Operation, Tx},
        values::{Value, count},
    },
};

/// Bodies of snapshots, with their revisions.
type Snapshots = Vec<(Revision, String)>;

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
        const INSERT: &str = "INSERT INTO tasks (id, scope, context, skill, state, status_time, revision, \
            snapshot, snapshot_bytes, tail_bytes, fence, holder, waits, dropped, ended, log_due) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) \
            ON CONFLICT (id) DO NOTHING RETURNING n";
        let head = &self.record.task;
        let scope = scopes::number(tx, &head.scope.agent, &self.key).await?;
        let (state, at) = (&self.task.status.state, status_time(&self.task));
        let id = head.id.as_u128().to_be_bytes();
        let holder = head.holder.map(|holder| holder.as_u128().to_be_bytes());
        let only = |condition, value| if condition { value } else { Value::Null };
        let values = [
            Value::Bytes(&id),
            Value::Int(scope),
            Value::Text(&self.task.context_id),
            Value::Text(&head.skill),
            number(state),
            at,
            count(head.revision),
            count(self.size.snapshot),
            count(self.size.snapshot_bytes),
            count(self.size.tail_bytes),
            count(head.fence),
            holder.as_ref().map_or(Value::Null, |holder| Value::Bytes(holder)),
            Value::Int(head.waits.into()),
            count(self.dropped),
            only(state.is_terminal(), at),
            only(state.is_terminal() && self.dropped == 0, at),
        ];
        let Some(n) = tx.db.query(INSERT, &values).await?.first().map(|row| row.int(0)).transpose()? else {
            return Ok(false);
        };
        let counted = Counted { id: head.id, scope, context: &self.task.context_id };
        let snapshots = self.snapshots.iter().map(|(revision, body)| store_snapshot(tx, n, *revision, Some(body)));
        let pushes = self.record.push_configs.iter().map(|row| pushes::store(tx, head.id, Some(row)));
        futures::try_join!(
            self.batch.insert(tx, n, 0),
            try_join_all(snapshots),
            try_join_all(pushes),
            counts::move_task(tx, &counted, None, Some(state)),
        )?;
        Ok(true)
    }

    async fn was_done<C: Connection>(&self, tx: &Tx<'_, C>, added: &bool) -> Result<bool, StorageError> {
        const THERE: &str = "SELECT 1 FROM tasks WHERE id = ?1";
        let id = self.record.task.id.as_u128().to_be_bytes();
        Ok(!added || !tx.db.query(THERE, &[Value::Bytes(&id)]).await?.is_empty())
    }
}
