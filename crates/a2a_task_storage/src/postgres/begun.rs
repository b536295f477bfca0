//! A transaction whose first statement goes out with its beginning.

use a2a_app_ports::StorageError;
use tokio::sync::Semaphore;

use super::pool::Borrowed;
use crate::{
    SqlFailure, SqlFailureKind,
    sql::{Connection, Row, Value},
};

/// A connection on which a transaction begins. All statements but the first wait for what comes of the
/// beginning: where that failed, each of them would be a transaction of its own, as the first one was.
/// The answer comes before that of the first statement, so nobody waits for longer.
pub(super) struct Begun<'a, 'b> {
    connection: &'a Borrowed<'b>,
    /// Whoever has a permit may send a statement: the first one has the only one, then all do.
    permits: Semaphore,
}

impl<'a, 'b> Begun<'a, 'b> {
    pub(super) fn new(connection: &'a Borrowed<'b>) -> Self {
        Self { connection, permits: Semaphore::new(1) }
    }

    /// Sends the beginning.
    pub(super) async fn begin(&self) -> Result<(), StorageError> {
        let begun = self.connection.batch("BEGIN").await;
        match begun {
            Ok(()) => self.permits.add_permits(Semaphore::MAX_PERMITS / 2),
            Err(_) => self.permits.close(),
        }
        begun
    }

    async fn turn(&self) -> Result<(), StorageError> {
        let refused = |_| SqlFailure::new(SqlFailureKind::Other, "the transaction did not begin");
        self.permits.acquire().await.map_err(refused)?.forget();
        Ok(())
    }
}

impl Connection for Begun<'_, '_> {
    const STRIPES: u64 = Borrowed::STRIPES;

    async fn each(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        take: impl FnMut(Row) -> Result<(), StorageError> + Send,
    ) -> Result<(), StorageError> {
        self.turn().await?;
        self.connection.each(sql, values, take).await
    }

    async fn execute(&self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, StorageError> {
        self.turn().await?;
        self.connection.execute(sql, values).await
    }
}
