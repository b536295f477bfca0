//! Which replica runs which task.

use std::time::Duration;

use a2a_app_ports::{Lease, ReplicaId, Revision, Scope, StorageError, Taken, TaskId};
use a2a_protocol_core::Timestamp;

use super::{
    damage::whole,
    scopes,
    tasks::Stored,
    transaction::{Connection, Operation, Pace, Tx},
    values::{Row, Value, count, time},
};

/// A replica says that it is there, for so long from now, by the clock of the database.
pub(super) enum Presence {
    Join(ReplicaId, Duration),
    Renew(ReplicaId, Duration),
    Leave(ReplicaId),
}

impl Operation for Presence {
    type Output = bool;

    const PACE: Pace = Pace::First;

    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<bool, StorageError> {
        const JOIN: &str = "INSERT INTO replicas (id, expires) VALUES (?1, nuncio_now() + ?2) \
            ON CONFLICT (id) DO UPDATE SET expires = excluded.expires";
        const RENEW: &str = "UPDATE replicas SET expires = nuncio_now() + ?2 WHERE id = ?1 AND expires > nuncio_now()";
        const LEAVE: &str = "DELETE FROM replicas WHERE id = ?1";
        let (sql, replica, time) = match self {
            Self::Join(replica, time) => (JOIN, replica, Some(time)),
            Self::Renew(replica, time) => (RENEW, replica, Some(time)),
            Self::Leave(replica) => (LEAVE, replica, None),
        };
        let replica = replica.as_u128().to_be_bytes();
        let values = [Some(Value::Bytes(&replica)), time.map(|time| count(time.as_millis()))];
        let values: Vec<_> = values.into_iter().flatten().collect();
        Ok(tx.db.execute(sql, &values).await? > 0)
    }
}

/// Whether a replica has been heard of. One that has been is looked at without a lock, for which its
/// renewals would wait; of one that seems not to have been, a renewal that is under way is waited for,
/// and no other begins.
pub(super) async fn is_present<C: Connection>(tx: &Tx<'_, C>, replica: ReplicaId) -> Result<bool, StorageError> {
    const THERE: &str = "SELECT expires > nuncio_now() FROM replicas WHERE id = ?1";
    const STILL_THERE: &str = "SELECT expires > nuncio_now() FROM replicas WHERE id = ?1 /*pg FOR SHARE*/";
    let id = replica.as_u128().to_be_bytes();
    for sql in [THERE, STILL_THERE] {
        let rows = tx.db.query(sql, &[Value::Bytes(&id)]).await?;
        if rows.first().map_or(Ok(0), |row| row.int(0))? != 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the replica that asks has been heard of, which is not to be given up meanwhile. Its renewals
/// do not wait for what it does.
async fn is_member<C: Connection>(tx: &Tx<'_, C>, replica: ReplicaId) -> Result<bool, StorageError> {
    const THERE: &str = "SELECT 1 FROM replicas WHERE id = ?1 AND expires > nuncio_now() /*pg FOR KEY SHARE*/";
    let id = replica.as_u128().to_be_bytes();
    Ok(!tx.db.query(THERE, &[Value::Bytes(&id)]).await?.is_empty())
}

/// Takes the lease of a task.
pub(super) struct Take {
    scope: String,
    id: TaskId,
    replica: ReplicaId,
}

impl Take {
    pub(super) fn new(scope: &Scope, id: TaskId, replica: ReplicaId) -> Self {
        Self { scope: scopes::key(scope), id, replica }
    }
}

impl Operation for Take {
    type Output = Taken;

    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<Taken, StorageError> {
        const TAKE: &str = "UPDATE tasks SET fence = ?2, holder = ?3, waits = 0 WHERE n = ?1";
        if !is_member(tx, self.replica).await? {
            return Err(StorageError::Fenced);
        }
        let Some(stored) = Stored::find(tx, self.id, &self.scope).await? else { return Ok(Taken::Over) };
        if stored.state.is_terminal() {
            return Ok(Taken::Over);
        }
        if let Some(lease) = stored.lease()
            && is_present(tx, lease.replica).await?
        {
            return Ok(Taken::By(lease));
        }
        let lease = Lease { replica: self.replica, fence: stored.fence + 1 };
        let replica = self.replica.as_u128().to_be_bytes();
        tx.db.execute(TAKE, &[Value::Int(stored.n), count(lease.fence), Value::Bytes(&replica)]).await?;
        Ok(Taken::Lease { lease, orphaned: stored.holder.is_some() })
    }

    async fn was_done<C: Connection>(&self, tx: &Tx<'_, C>, taken: &Taken) -> Result<bool, StorageError> {
        let Taken::Lease { lease, .. } = taken else { return Ok(true) };
        let stored = Stored::find(tx, self.id, &self.scope).await?;
        Ok(stored.and_then(|stored| stored.lease()) == Some(*lease))
    }
}

/// Gives a lease back.
pub(super) struct Release {
    scope: String,
    id: TaskId,
    lease: Lease,
    seen: Revision,
}

impl Release {
    pub(super) fn new(scope: &Scope, id: TaskId, lease: Lease, seen: Revision) -> Self {
        Self { scope: scopes::key(scope), id, lease, seen }
    }
}

impl Operation for Release {
    type Output = bool;

    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<bool, StorageError> {
        const RELEASE: &str = "UPDATE tasks SET holder = NULL WHERE n = ?1";
        let stored = Stored::find(tx, self.id, &self.scope).await?;
        let Some(held) = stored.filter(|stored| stored.lease() == Some(self.lease)) else { return Ok(true) };
        if held.revision > self.seen {
            return Ok(false);
        }
        tx.db.execute(RELEASE, &[Value::Int(held.n)]).await?;
        Ok(true)
    }
}

/// Finds what lost replicas left, and what nobody has although its log has grown, in the order of ids.
pub(super) struct Orphans {
    pub(super) agent: String,
    pub(super) after: Option<TaskId>,
    pub(super) limit: usize,
}

impl Operation for Orphans {
    type Output = Vec<(Scope, TaskId)>;

    /// Goes from one holder to the next, of which there are few, and only into the tasks of those
    /// that are lost.
    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<Self::Output, StorageError> {
        const FIND: &str = "WITH RECURSIVE holders (id) AS ( \
                SELECT (SELECT holder FROM tasks WHERE holder IS NOT NULL ORDER BY holder LIMIT 1) \
                UNION ALL SELECT (SELECT t.holder FROM tasks t WHERE t.holder > holders.id ORDER BY t.holder LIMIT 1) \
                FROM holders WHERE holders.id IS NOT NULL), \
            lost AS MATERIALIZED (SELECT h.id FROM holders h WHERE h.id IS NOT NULL \
                AND NOT EXISTS (SELECT 1 FROM replicas r WHERE r.id = h.id AND r.expires > nuncio_now())) \
            SELECT COALESCE(s.long_key, s.key), t.id FROM lost JOIN tasks t ON t.holder = lost.id JOIN scopes s ON s.n = t.scope \
            WHERE s.agent = ?1 AND t.id > ?2 \
            UNION ALL SELECT COALESCE(s.long_key, s.key), t.id FROM tasks t JOIN scopes s ON s.n = t.scope \
            WHERE t.waits = 1 AND s.agent = ?1 AND t.id > ?2 ORDER BY 2 LIMIT ?3";
        let after = self.after.map(|id| id.as_u128().to_be_bytes().to_vec()).unwrap_or_default();
        let values = [Value::Text(&self.agent), Value::Bytes(&after), count(self.limit)];
        let rows = tx.db.query(FIND, &values).await?;
        Ok(whole("a task", rows.iter().map(scoped)))
    }
}

/// Finds what waits for its callers.
pub(super) struct Paused {
    pub(super) agent: String,
    pub(super) before: Timestamp,
    pub(super) limit: usize,
}

impl Operation for Paused {
    type Output = Vec<(Scope, TaskId)>;

    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<Self::Output, StorageError> {
        const FIND: &str = "SELECT COALESCE(s.long_key, s.key), t.id FROM tasks t JOIN scopes s ON s.n = t.scope \
            WHERE t.holder IS NULL AND t.waits = 0 AND t.state IN (6, 8) AND t.status_time < ?2 AND s.agent = ?1 \
            ORDER BY t.status_time, t.id LIMIT ?3";
        let rows = tx.db.query(FIND, &[Value::Text(&self.agent), time(self.before), count(self.limit)]).await?;
        Ok(whole("a task", rows.iter().map(scoped)))
    }
}

/// A row of the text of a scope and an id.
fn scoped(row: &Row) -> Result<(Scope, TaskId), StorageError> {
    Ok((scopes::of_text(row.text(0)?)?, row.task_id(1)?))
}

#[cfg(test)]
mod tests {
    use a2a_protocol_core::TaskState;

    #[test]
    fn the_states_that_pause_are_those_that_the_schema_and_the_statement_name() {
        let paused: Vec<_> = TaskState::KNOWN.iter().filter(|state| state.is_interrupted()).collect();
        assert_eq!(paused, [&TaskState::InputRequired, &TaskState::AuthRequired]);
        assert_eq!(paused.iter().map(|state| state.number()).collect::<Vec<_>>(), [Some(6), Some(8)]);
    }
}
