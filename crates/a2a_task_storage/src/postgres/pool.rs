//! A few connections, which are made anew when they are lost.

use std::{
    ops::Deref,
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

use super::{connection::PgConnection, target::Target};
use crate::{SqlFailure, SqlFailureKind, sql::lock};

const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Pool {
    pub(super) target: Target,
    idle: Mutex<Vec<Arc<PgConnection>>>,
    permits: Semaphore,
    /// How many were lost.
    pub(super) lost: AtomicU64,
}

impl Pool {
    pub(super) fn new(target: Target, connections: usize) -> Arc<Self> {
        let permits = Semaphore::new(connections.max(1));
        Arc::new(Self { target, idle: Mutex::default(), permits, lost: AtomicU64::new(0) })
    }

    /// A connection: one that is idle, or a new one. Tries again until then when the server is not
    /// there.
    pub(super) async fn get(&self, until: Instant) -> Result<Borrowed<'_>, StorageError> {
        let late = |_| SqlFailure::new(SqlFailureKind::Unreachable, self.busy());
        let permit = tokio::time::timeout_at(until, self.permits.acquire()).await.map_err(late)?;
        let permit = permit.map_err(|_| SqlFailure::new(SqlFailureKind::Other, "the storage has stopped"))?;
        let mut pause = FIRST_PAUSE;
        loop {
            let idle = lock(&self.idle).pop();
            match idle {
                Some(connection) if connection.client.is_closed() => {
                    self.lost.fetch_add(1, Relaxed);
                    continue;
                }
                Some(connection) => return Ok(Borrowed::new(self, permit, connection)),
                None => {}
            }
            match PgConnection::open(&self.target).await {
                Ok(connection) => return Ok(Borrowed::new(self, permit, Arc::new(connection))),
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

/// A connection that goes back when it is dropped, unless it is lost or in the middle of something.
pub(super) struct Borrowed<'a> {
    pool: &'a Pool,
    connection: Arc<PgConnection>,
    is_busy: AtomicBool,
    _permit: SemaphorePermit<'a>,
}

impl<'a> Borrowed<'a> {
    fn new(pool: &'a Pool, permit: SemaphorePermit<'a>, connection: Arc<PgConnection>) -> Self {
        Self { pool, connection, is_busy: AtomicBool::new(false), _permit: permit }
    }

    /// Says whether it is in the middle of something.
    pub(super) fn set_busy(&self, busy: bool) {
        self.is_busy.store(busy, Relaxed);
    }
}

impl Deref for Borrowed<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        if self.connection.client.is_closed() {
            self.pool.lost.fetch_add(1, Relaxed);
        } else if !self.is_busy.load(Relaxed) {
            lock(&self.pool.idle).push(self.connection.clone());
        }
    }
}
