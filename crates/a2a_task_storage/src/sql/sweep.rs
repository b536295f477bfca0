//! Forgetting what is kept no longer, piece by piece.

use std::time::Duration;

use a2a_app_ports::{Revision, StorageError, TaskId};
use a2a_protocol_core::{TaskState, Timestamp};
use futures::future::try_join_all;

use super::{
    counts::{self, Counted},
    damage::whole,
    transaction::{Connection, Operation, Tx},
    values::{Row, Value, count},
};

/// So many tasks, claims and events a piece has at most, so that nobody waits for it for long.
const TASKS: u64 = 64;
const CLAIMS: u64 = 1024;
pub(super) const EVENTS: u64 = 4096;

/// Forgets a piece; the output is whether there may be more.
pub(super) struct Sweep {
    pub(super) now: Timestamp,
}

/// A task that has ended.
pub(super) struct Ended {
    n: i64,
    id: TaskId,
    scope: i64,
    /// The key of its context.
    context: String,
    state: TaskState,
    dropped: Revision,
    revision: Revision,
}

/// What is read of tasks to forget: so many, after so many, and what the filter takes.
macro_rules! ended {
    ($filter:literal, $order:literal) => {
        concat!(
            "SELECT t.n, t.id, t.scope, t.context, t.state, t.dropped, t.revision FROM tasks t WHERE ",
            $filter,
            " ORDER BY ",
            $order,
            " LIMIT ?1 OFFSET ?2 /*pg FOR UPDATE OF t*/"
        )
    };
}

/// Of those that are too old.
const EXPIRED: &str = ended!("t.ended <= ?3", "t.ended");
/// Of all that have ended.
pub(super) const OLDEST: &str = ended!("t.ended IS NOT NULL", "t.ended");
/// Of those that ended before a time.
pub(super) const BEFORE: &str = ended!("t.ended < ?3", "t.ended");

impl Ended {
    /// The first of those that a statement of [`ended`] finds, of which it looks at so many, and how many
    /// it has looked at. What is damaged is looked at and stays: those behind it come all the same.
    pub(super) async fn first<C: Connection>(
        tx: &Tx<'_, C>,
        sql: &'static str,
        filter: Option<Value<'_>>,
        most: u64,
    ) -> Result<(Vec<Self>, u64), StorageError> {
        let mut seen = 0;
        loop {
            let piece = TASKS.min(most - seen);
            let values: Vec<_> = [count(piece), count(seen)].into_iter().chain(filter).collect();
            let rows = tx.db.query(sql, &values).await?;
            let tasks = whole("a task that has ended", rows.iter().map(Self::of_row));
            seen += rows.len() as u64;
            if !tasks.is_empty() || (rows.len() as u64) < TASKS || seen == most {
                return Ok((tasks, seen));
            }
        }
    }

    fn of_row(row: &Row) -> Result<Self, StorageError> {
        Ok(Self {
            n: row.int(0)?,
            id: row.task_id(1)?,
            scope: row.int(2)?,
            context: row.text(3)?.to_owned(),
            state: row.state(4)?,
            dropped: row.number(5)?,
            revision: row.number(6)?,
        })
    }

    /// Drops of the log what the budget allows; whether all of it is gone.
    async fn drop_log<C: Connection>(&self, tx: &Tx<'_, C>, budget: &mut u64) -> Result<bool, StorageError> {
        const LOG: &str = "DELETE FROM events WHERE task = ?1 AND seq <= ?2";
        const SNAPSHOTS: &str = "DELETE FROM snapshots WHERE task = ?1 AND revision < ?2";
        const PART: &str = "UPDATE tasks SET dropped = ?2 WHERE n = ?1";
        const ALL: &str = "UPDATE tasks SET dropped = ?2, log_due = NULL WHERE n = ?1";
        let upto = self.revision.min(self.dropped.saturating_add(*budget));
        *budget -= upto.saturating_sub(self.dropped);
        let values = [Value::Int(self.n), count(upto)];
        tx.db.execute(LOG, &values).await?;
        if upto < self.revision {
            tx.db.execute(PART, &values).await?;
            return Ok(false);
        }
        tx.db.execute(SNAPSHOTS, &values).await?;
        tx.db.execute(ALL, &values).await?;
        Ok(true)
    }

    async fn forget<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<(), StorageError> {
        const PUSHES: &str = "DELETE FROM push_configs WHERE task = ?1";
        const SNAPSHOTS: &str = "DELETE FROM snapshots WHERE task = ?1";
        const TASK: &str = "DELETE FROM tasks WHERE n = ?1";
        tx.db.execute(PUSHES, &[Value::Bytes(&self.id.as_u128().to_be_bytes())]).await?;
        tx.db.execute(SNAPSHOTS, &[Value::Int(self.n)]).await?;
        tx.db.execute(TASK, &[Value::Int(self.n)]).await?;
        let counted = Counted { id: self.id, scope: self.scope, context: &self.context };
        counts::move_task(tx, &counted, Some(&self.state), None).await?;
        counts::tidy(tx, &counted).await
    }
}

/// Forgets tasks as far as the budget allows: how many, and whether it was used up.
pub(super) async fn forget_all<C: Connection>(
    tx: &Tx<'_, C>,
    tasks: Vec<Ended>,
    budget: &mut u64,
) -> Result<(u64, bool), StorageError> {
    let mut forgotten = 0;
    for task in tasks {
        if !task.drop_log(tx, budget).await? {
            return Ok((forgotten, true));
        }
        task.forget(tx).await?;
        forgotten += 1;
    }
    Ok((forgotten, false))
}

impl Sweep {
    /// A time so long ago, in nanoseconds.
    fn before(&self, duration: Duration) -> Value<'static> {
        let nanos = self.now.as_nanos() - i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX);
        Value::Int(i64::try_from(nanos).unwrap_or(i64::MIN))
    }

    /// Logs beyond the replay window of which no webhook is to be told any more. The task itself is
    /// in its last snapshot.
    async fn logs<C: Connection>(&self, tx: &Tx<'_, C>, budget: &mut u64) -> Result<bool, StorageError> {
        const DUE: &str = ended!(
            "t.log_due <= ?3 AND t.snapshot = t.revision AND NOT EXISTS (SELECT 1 FROM push_configs p \
             WHERE p.task = t.id AND p.failed_at IS NULL AND p.told = 0)",
            "t.log_due"
        );
        let due = self.before(tx.retention.replay_window);
        let (tasks, seen) = Ended::first(tx, DUE, Some(due), u64::MAX).await?;
        for task in &tasks {
            if !task.drop_log(tx, budget).await? {
                return Ok(true);
            }
        }
        Ok(seen >= TASKS && !tasks.is_empty())
    }

    /// Tasks that ended too long ago, and the oldest of those that are too many.
    async fn tasks<C: Connection>(&self, tx: &Tx<'_, C>, budget: &mut u64) -> Result<bool, StorageError> {
        let mut more = false;
        if let Some(keep) = tx.retention.keep_ended_for {
            let (tasks, seen) = Ended::first(tx, EXPIRED, Some(self.before(keep)), u64::MAX).await?;
            let (forgotten, used_up) = forget_all(tx, tasks, budget).await?;
            more |= used_up || forgotten > 0 && seen >= TASKS;
        }
        if let Some(most) = tx.retention.most_ended {
            let surplus = counts::ended(tx).await?.saturating_sub(most);
            let (tasks, seen) = Ended::first(tx, OLDEST, None, surplus).await?;
            let (forgotten, used_up) = forget_all(tx, tasks, budget).await?;
            more |= used_up || forgotten > 0 && surplus > seen;
        }
        Ok(more)
    }

    /// Claims that have expired. Another replica may claim one again meanwhile.
    async fn claims<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<bool, StorageError> {
        const EXPIRED: &str = "SELECT scope, message_id FROM claims WHERE expires <= ?1 ORDER BY expires LIMIT ?2";
        const FORGET: &str = "DELETE FROM claims WHERE scope = ?1 AND message_id = ?2 AND expires <= ?3";
        let now = self.before(Duration::ZERO);
        let rows = tx.db.query(EXPIRED, &[now, count(CLAIMS)]).await?;
        try_join_all(rows.iter().map(|row| async move {
            let (scope, message_id) = (row.int(0)?, row.text(1)?);
            tx.db.execute(FORGET, &[Value::Int(scope), Value::Text(message_id), now]).await
        }))
        .await?;
        Ok(rows.len() as u64 == CLAIMS)
    }
}

impl Operation for Sweep {
    type Output = bool;

    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<bool, StorageError> {
        // One replica sweeps at a time, else two would forget twice as many as are too many.
        const TURN: &str = "SELECT value FROM meta WHERE key = ?1 /*pg FOR UPDATE SKIP LOCKED*/";
        const LOST: &str = "DELETE FROM replicas WHERE expires <= nuncio_now()";
        if tx.db.query(TURN, &[Value::Text("sweep")]).await?.is_empty() {
            return Ok(false);
        }
        let mut budget = EVENTS;
        let logs = self.logs(tx, &mut budget).await?;
        let tasks = self.tasks(tx, &mut budget).await?;
        let claims = self.claims(tx).await?;
        tx.db.execute(LOST, &[]).await?;
        Ok(logs || tasks || claims)
    }
}
