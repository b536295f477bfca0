//! A task that is put into the tables, with all that belongs to it.

use a2a_app_ports::{PushConfigRow, ReplicaId, Revision, StorageError, TaskId};
use a2a_protocol_core::Task;
use futures::future::try_join_all;

use super::{
    counts::{self, Counted},
    pushes, scopes,
    tasks::{Batch, Size, number, status_time, store_snapshot},
    transaction::{Connection, Tx},
    values::{Value, count},
};

/// The bodies of snapshots, with their revisions.
pub(super) type Snapshots = Vec<(Revision, String)>;

/// A task as it is to be stored: created now, or as it was elsewhere.
pub(super) struct NewTask<'a> {
    pub(super) id: TaskId,
    pub(super) agent: &'a str,
    /// The key of its scope.
    pub(super) scope: &'a str,
    pub(super) skill: &'a str,
    pub(super) task: &'a Task,
    pub(super) revision: Revision,
    /// Its log, or nothing where that is gone.
    pub(super) batch: &'a Batch,
    /// Up to where the log is gone.
    pub(super) dropped: Revision,
    pub(super) snapshots: &'a Snapshots,
    pub(super) size: Size,
    pub(super) pushes: &'a [PushConfigRow],
    pub(super) fence: u64,
    pub(super) holder: Option<ReplicaId>,
    pub(super) waits: bool,
}

impl NewTask<'_> {
    /// Stores it; `false`, and nothing changes, when its id is taken.
    pub(super) async fn store<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<bool, StorageError> {
        const INSERT: &str = "INSERT INTO tasks (id, scope, context, skill, state, status_time, revision, \
            snapshot, snapshot_bytes, tail_bytes, fence, holder, waits, dropped, ended, log_due) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) \
            ON CONFLICT (id) DO NOTHING RETURNING n";
        let scope = scopes::number(tx, self.agent, self.scope).await?;
        let (state, at) = (&self.task.status.state, status_time(self.task));
        let id = self.id.as_u128().to_be_bytes();
        let holder = self.holder.map(|holder| holder.as_u128().to_be_bytes());
        let only = |condition, value| if condition { value } else { Value::Null };
        let values = [
            Value::Bytes(&id),
            Value::Int(scope),
            Value::Text(&self.task.context_id),
            Value::Text(self.skill),
            number(state),
            at,
            count(self.revision),
            count(self.size.snapshot),
            count(self.size.snapshot_bytes),
            count(self.size.tail_bytes),
            count(self.fence),
            holder.as_ref().map_or(Value::Null, |holder| Value::Bytes(holder)),
            Value::Int(self.waits.into()),
            count(self.dropped),
            only(state.is_terminal(), at),
            only(state.is_terminal() && self.dropped == 0, at),
        ];
        let Some(n) = tx.db.query(INSERT, &values).await?.first().map(|row| row.int(0)).transpose()? else {
            return Ok(false);
        };
        let counted = Counted { id: self.id, scope, context: &self.task.context_id };
        let snapshots = self.snapshots.iter().map(|(revision, body)| store_snapshot(tx, n, *revision, Some(body)));
        let pushes = self.pushes.iter().map(|row| pushes::store(tx, self.id, row));
        futures::try_join!(
            self.batch.insert(tx, n, 0),
            try_join_all(snapshots),
            try_join_all(pushes),
            counts::move_task(tx, &counted, None, Some(state)),
        )?;
        Ok(true)
    }
}
