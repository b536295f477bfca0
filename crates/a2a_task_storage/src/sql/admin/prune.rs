//! Forgetting tasks because somebody says so.

use a2a_app_ports::StorageError;

use crate::{
    Prune,
    sql::{
        sweep::{BEFORE, EVENTS, Ended, OLDEST, forget_all},
        transaction::{Connection, Operation, Pace, Tx},
        values::{Value, time},
    },
};

/// Counts what would be forgotten.
pub(super) struct HowMany(pub(super) Prune);

impl Operation for HowMany {
    type Output = u64;

    const PACE: Pace = Pace::Long;

    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<u64, StorageError> {
        const BEFORE: &str = "SELECT count(*) FROM tasks WHERE ended < ?1";
        const ALL: &str = "SELECT count(*) FROM tasks WHERE ended IS NOT NULL";
        let (rows, keep) = match self.0 {
            Prune::EndedBefore(when) => (tx.db.query(BEFORE, &[time(when)]).await?, 0),
            Prune::Keep(keep) => (tx.db.query(ALL, &[]).await?, keep),
        };
        rows.first().map_or(Ok(0), |row| row.number(0)).map(|ended| ended.saturating_sub(keep))
    }
}

/// Forgets a piece.
pub(super) struct Forget(pub(super) Prune);

impl Operation for Forget {
    type Output = (u64, bool);

    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<(u64, bool), StorageError> {
        // Beside a sweep it would forget more than it is to.
        const TURN: &str = "SELECT value FROM meta WHERE key = ?1 /*pg FOR UPDATE*/";
        tx.db.query(TURN, &[Value::Text("sweep")]).await?;
        let all = HowMany(self.0).run(tx).await?;
        let (tasks, _) = match self.0 {
            Prune::EndedBefore(when) => Ended::first(tx, BEFORE, Some(time(when)), all).await?,
            Prune::Keep(_) => Ended::first(tx, OLDEST, None, all).await?,
        };
        let (forgotten, used_up) = forget_all(tx, tasks, &mut { EVENTS }).await?;
        // Those that are left may be damaged.
        Ok((forgotten, used_up || forgotten > 0 && all > forgotten))
    }
}
