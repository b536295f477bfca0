//! A task that is put into the tables, with all that belongs to it.

use a2a_app_ports::{PushConfigRow, ReplicaId, Revision, Scope, StorageError, TaskId};
use a2a_protocol_core::Task;
use futures::future::try_join_all;

use super::{
    claims,
    counts::{self, Counted},
    names, pushes, scopes,
    tasks::{Batch, number, status_time, store_snapshot},
    transaction::{Connection, Tx},
    values::{Value, count},
};
use crate::size::Size;

/// The bodies of snapshots, with their revisions.
pub(super) type Snapshots = Vec<(Revision, String)>;

/// A task as it is to be stored: created now, or as it was elsewhere.
pub(super) struct NewTask<'a> {
    pub(super) id: TaskId,
    pub(super) scope: &'a Scope,
    /// The key of its scope.
    pub(super) scope_key: &'a str,
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
    /// Who creates it, and has to be there for that; nobody where it was created elsewhere.
    pub(super) creator: Option<ReplicaId>,
    /// The id of its message, where that has to be claimed for it.
    pub(super) claim: Option<&'a str>,
}

/// A task goes into the table in the same statement that looks whether its creator is there. The
/// creator cannot leave until the transaction ends, and can renew its time meanwhile.
macro_rules! insert {
    ($before:literal, $after:literal) => {
        concat!(
            "INSERT INTO tasks (id, scope, context, skill, state, status_time, revision, ",
            "snapshot, snapshot_bytes, tail_bytes, fence, holder, waits, dropped, ended, log_due, long_context) ",
            $before,
            "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17",
            $after,
            " ON CONFLICT (id) DO NOTHING RETURNING n"
        )
    };
}

impl NewTask<'_> {
    /// Stores it; `false`, and nothing changes, when its id is taken or its creator is not there.
    pub(super) async fn store<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<bool, StorageError> {
        const CREATE: &str =
            insert!("SELECT ", " FROM replicas r WHERE r.id = ?18 AND r.expires > nuncio_now() /*pg FOR KEY SHARE*/");
        const IMPORT: &str = insert!("VALUES (", ")");
        let scope = scopes::number(tx, self.scope, self.scope_key).await?;
        let context = names::key(&self.task.context_id);
        let (state, at) = (&self.task.status.state, status_time(self.task));
        let id = self.id.as_u128().to_be_bytes();
        let holder = self.holder.map(|holder| holder.as_u128().to_be_bytes());
        let only = |condition, value| if condition { value } else { Value::Null };
        let mut values = vec![
            Value::Bytes(&id),
            Value::Int(scope),
            Value::Text(&context),
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
            names::whole(&self.task.context_id),
        ];
        let creator = self.creator.map(|creator| creator.as_u128().to_be_bytes());
        values.extend(creator.as_ref().map(|creator| Value::Bytes(creator)));
        let sql = if creator.is_some() { CREATE } else { IMPORT };
        let Some(n) = tx.db.query(sql, &values).await?.first().map(|row| row.int(0)).transpose()? else {
            return Ok(false);
        };
        let counted = Counted { id: self.id, scope, context: &context };
        let snapshots = self.snapshots.iter().map(|(revision, body)| store_snapshot(tx, n, *revision, Some(body)));
        let pushes = self.pushes.iter().map(|row| pushes::store(tx, self.id, row));
        futures::try_join!(
            self.batch.insert(tx, n, 0),
            try_join_all(snapshots),
            try_join_all(pushes),
            counts::move_task(tx, &counted, None, Some(state)),
            claims::spend(tx, scope, self.claim, self.id, 1),
        )?;
        Ok(true)
    }
}
