//! The small part of a database that the operations need.

use std::sync::{Mutex, MutexGuard, PoisonError};

use a2a_app_ports::{MaybeSend, StorageError, TaskId};

use super::{
    folds::{Fold, Folds},
    values::{Row, Value},
};
use crate::Retention;

/// A connection on which statements run, one after the other even when they are sent at once.
///
/// Statements are written for all databases, with parameters `?1`, `?2` and on. What stands in
/// `/*pg …*/` counts in PostgreSQL only, which needs to be told which rows to lock; `nuncio_now()` is
/// the time by the clock of the database, in milliseconds.
pub(crate) trait Connection: Send + Sync {
    /// Over so many rows a counter is spread, so that transactions that run at once seldom wait for
    /// each other.
    const STRIPES: u64;

    /// The statement by which the database checks its own files, if it has one: a row for each
    /// finding, or one that says `ok`.
    const CHECK: Option<&'static str> = None;

    /// Runs a statement that gives rows, and hands each over as it comes.
    fn each(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        take: impl FnMut(Row) -> Result<(), StorageError> + Send,
    ) -> impl Future<Output = Result<(), StorageError>> + MaybeSend;

    /// Runs a statement that gives rows, of which there is room for all at once.
    fn query(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> impl Future<Output = Result<Vec<Row>, StorageError>> + MaybeSend {
        async move {
            let mut rows = Vec::new();
            self.each(sql, values, |row| {
                rows.push(row);
                Ok(())
            })
            .await?;
            Ok(rows)
        }
    }

    /// Runs a statement; how many rows it has changed.
    fn execute(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> impl Future<Output = Result<u64, StorageError>> + MaybeSend;
}

/// What an operation runs in: a transaction, or for those that only read, at least a connection.
pub(crate) struct Tx<'a, C> {
    pub(crate) db: &'a C,
    pub(crate) retention: Retention,
    folds: &'a Folds,
    /// What is to be kept once the transaction is committed.
    kept: Mutex<Vec<(TaskId, Fold)>>,
}

impl<'a, C: Connection> Tx<'a, C> {
    pub(crate) fn new(db: &'a C, folds: &'a Folds, retention: Retention) -> Self {
        Self { db, retention, folds, kept: Mutex::default() }
    }

    /// Takes the fold of a task out of those that are kept, if it is of this revision.
    pub(crate) fn take_fold(&self, id: TaskId, revision: u64) -> Option<Fold> {
        self.folds.take(id).filter(|fold| fold.revision == revision)
    }

    /// Keeps a fold, if the transaction is committed.
    pub(crate) fn keep_fold(&self, id: TaskId, fold: Fold) {
        lock(&self.kept).push((id, fold));
    }

    /// What to keep now that it is committed.
    pub(crate) fn into_kept(self) -> Vec<(TaskId, Fold)> {
        self.kept.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long an operation may take, and for whom it may have to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// It is done soon, or not at all.
    Usual,
    /// So it is, and waits for no other operation.
    First,
    /// It looks at everything: it takes as long as that takes.
    Long,
}

/// Something to do in a transaction. It may be run again where a transaction came to nothing.
pub(crate) trait Operation: Send + Sync + 'static {
    /// What comes of it.
    type Output: Send + Sync + 'static;

    /// How it shares the connections of a database with others.
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "a file has no connections to share"))]
    const PACE: Pace = Pace::Usual;

    /// Does it. After an error the transaction is rolled back.
    fn run<C: Connection>(
        &self,
        tx: &Tx<'_, C>,
    ) -> impl Future<Output = Result<Self::Output, StorageError>> + MaybeSend;

    /// Whether the run that gave this output was committed, asked when the connection was lost
    /// meanwhile. `false` where it was not, or where it does no harm to run it once more.
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "a file has no connection to lose"))]
    fn was_done<C: Connection>(
        &self,
        tx: &Tx<'_, C>,
        output: &Self::Output,
    ) -> impl Future<Output = Result<bool, StorageError>> + MaybeSend {
        let _ = (tx, output);
        std::future::ready(Ok(false))
    }
}

/// A database in which operations run.
pub(crate) trait Backend: Send + Sync + 'static {
    /// Runs an operation that changes something: in a transaction, durable when this returns.
    fn write<O: Operation>(&self, operation: O) -> impl Future<Output = Result<O::Output, StorageError>> + MaybeSend;

    /// Runs an operation that only reads. Each of its statements sees a state of its own.
    fn read<O: Operation>(&self, operation: O) -> impl Future<Output = Result<O::Output, StorageError>> + MaybeSend;

    /// Where the data is, without secrets.
    fn place(&self) -> String;
}

/// Nothing that holds a lock here panics halfway through a change.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
