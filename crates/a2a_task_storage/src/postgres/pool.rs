//! A few connections, which are made anew when they are lost.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use a2a_app_ports::StorageError;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep},
};

use super::{
    connection::PgConnection,
    target::{Target, in_time},
};
use crate::{
    SqlFailure, SqlFailureKind,
    sql::{Connection, Row, Value, lock},
};

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Pool {
    target: Arc<Target>,
    idle: Mutex<Vec<Arc<PgConnection>>>,
    permits: Semaphore,
    /// How many were lost.
    pub(super) lost: AtomicU64,
}

impl Pool {
    pub(super) fn new(target: Arc<Target>, connections: usize) -> Self {
        let permits = Semaphore::new(connections.clamp(1, Semaphore::MAX_PERMITS));
        Self { target, idle: Mutex::default(), permits, lost: AtomicU64::new(0) }
    }

    /// A connection to be used until then: one that is idle, or a new one. Tries again when the server
    /// is not there.
    pub(super) async fn get(&self, until: Instant) -> Result<Borrowed<'_>, StorageError> {
        let late = || SqlFailure::new(SqlFailureKind::Unreachable, self.busy());
        if until <= Instant::now() {
            return Err(late().into());
        }
        let permit = tokio::time::timeout_at(until, self.permits.acquire()).await.map_err(|_| late())?;
        let permit = permit.map_err(|_| SqlFailure::new(SqlFailureKind::Other, "the storage has stopped"))?;
        let mut pause = FIRST_PAUSE;
        loop {
            let idle = lock(&self.idle).pop();
            match idle {
                Some(connection) if connection.client.is_closed() => {
                    self.lost.fetch_add(1, Relaxed);
                    continue;
                }
                Some(connection) => return Ok(Borrowed::new(self, permit, connection, until)),
                None => {}
            }
            match PgConnection::open(&self.target, until).await {
                Ok(connection) => return Ok(Borrowed::new(self, permit, Arc::new(connection), until)),
                Err(error) if is_lost(&error) && Instant::now() + pause < until => {
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn busy(&self) -> String {
        format!("{}: no connection became free; allow more of them, or see what keeps it busy", self.target.place())
    }
}

/// Whether an error is that of a connection rather than of what was asked.
pub(super) fn is_lost(error: &StorageError) -> bool {
    SqlFailure::kind_of(error) == Some(SqlFailureKind::Unreachable)
}

/// A connection for a while. It goes back when it is dropped, unless it is lost, silent, or in the
/// middle of something.
pub(super) struct Borrowed<'a> {
    pool: &'a Pool,
    connection: Arc<PgConnection>,
    /// `None` is for as long as it takes.
    until: Option<Instant>,
    is_busy: AtomicBool,
    is_silent: AtomicBool,
    _permit: SemaphorePermit<'a>,
}

impl<'a> Borrowed<'a> {
    fn new(pool: &'a Pool, permit: SemaphorePermit<'a>, connection: Arc<PgConnection>, until: Instant) -> Self {
        let (is_busy, is_silent) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { pool, connection, until: Some(until), is_busy, is_silent, _permit: permit }
    }

    /// For as long as it takes, here and at the server.
    pub(super) async fn without_end(mut self) -> Result<Self, StorageError> {
        self.set_busy(true);
        self.batch("SET statement_timeout TO 0").await?;
        self.until = None;
        Ok(self)
    }

    /// For others again, who do not have that long.
    pub(super) async fn with_end(mut self) {
        self.until = Some(self.pool.target.until());
        self.set_busy(self.batch(&self.pool.target.end_statements()).await.is_err());
    }

    /// Says whether it is in the middle of something.
    pub(super) fn set_busy(&self, busy: bool) {
        self.is_busy.store(busy, Relaxed);
    }

    /// Runs statements that give nothing.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), StorageError> {
        self.in_time(self.connection.batch(sql)).await
    }

    async fn in_time<T>(&self, answer: impl Future<Output = Result<T, StorageError>>) -> Result<T, StorageError> {
        let Some(until) = self.until else { return answer.await };
        let result = in_time(&self.connection.place, until, answer).await;
        if result.as_ref().is_err_and(is_lost) {
            self.is_silent.store(true, Relaxed);
        }
        result
    }
}

impl Connection for Borrowed<'_> {
    const STRIPES: u64 = PgConnection::STRIPES;

    async fn each(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        take: impl FnMut(Row) -> Result<(), StorageError> + Send,
    ) -> Result<(), StorageError> {
        self.in_time(self.connection.each(sql, values, take)).await
    }

    async fn execute(&self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, StorageError> {
        self.in_time(self.connection.execute(sql, values)).await
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        if self.connection.client.is_closed() || self.is_silent.load(Relaxed) {
            self.pool.lost.fetch_add(1, Relaxed);
        } else if !self.is_busy.load(Relaxed) {
            lock(&self.pool.idle).push(self.connection.clone());
        }
    }
}
