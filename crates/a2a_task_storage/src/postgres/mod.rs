//! Tasks in PostgreSQL, for many replicas.

mod begun;
mod bus;
mod connection;
mod options;
mod pool;
mod schema;
mod target;

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use a2a_app_ports::StorageError;
use futures::future::{Either, select};
use tokio::time::Instant;

use self::{
    begun::Begun,
    pool::{Borrowed, Pool, is_lost},
    target::Target,
};
use crate::{
    SqlFailure, SqlFailureKind,
    sql::{Backend, Connection, Folds, Operation, Pace, SqlMetrics, SqlStorage, Tx},
};
pub use bus::PostgresBus;
pub use options::PostgresOptions;

/// So often a transaction is tried that others stand in the way of.
const TRIES: usize = 20;

/// Keeps tasks in PostgreSQL, for any number of replicas.
///
/// Needs a tokio runtime. A connection that is lost is made anew, and what ran on it is run again
/// where that cannot do it twice; where it was lost in the middle of a commit, the database is asked
/// what came of it. What was begun is finished even if nobody waits for it any more.
///
/// Every operation ends within [`PostgresOptions::patience`], whatever the server and the network do:
/// with [`SqlFailure`] `Unreachable` where nothing was stored, and `Unknown` where something may have
/// been, since a commit was under way.
pub type PostgresStorage = SqlStorage<Postgres>;

/// The database, and the connections to it.
pub struct Postgres {
    inner: Arc<Inner>,
}

struct Inner {
    target: Arc<Target>,
    pool: Pool,
    /// For what must not wait for what the others are used for.
    first: Pool,
    folds: Folds,
    options: PostgresOptions,
    is_read_only: bool,
    writes: AtomicU64,
    commits: AtomicU64,
}

impl SqlStorage<Postgres> {
    /// Connects, and brings the schema to this version.
    ///
    /// # Errors
    /// [`SqlFailure`]: `Unreachable` when the server does not answer, `Newer` when a later version of
    /// this program has the schema, `Other` when the URL is wrong or the user may not in.
    pub async fn open(options: PostgresOptions) -> Result<Self, StorageError> {
        Self::connect(options, true).await
    }

    /// Connects only to read: nothing is made, and whatever would change something fails.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`SqlFailure`]: `Missing` when no tasks were ever stored there,
    /// `Older` when the schema is of an earlier version.
    pub async fn open_to_read(options: PostgresOptions) -> Result<Self, StorageError> {
        Self::connect(options, false).await
    }

    async fn connect(options: PostgresOptions, writes: bool) -> Result<Self, StorageError> {
        let target = Arc::new(Target::new(&options)?);
        let inner = Inner {
            pool: Pool::new(target.clone(), options.connections),
            first: Pool::new(target.clone(), 1),
            target,
            folds: Folds::new(options.cache_bytes),
            options,
            is_read_only: !writes,
            writes: AtomicU64::new(0),
            commits: AtomicU64::new(0),
        };
        match writes {
            true => inner.migrate().await?,
            false => schema::check(&inner.pool.get(inner.target.until()).await?, &inner.target).await?,
        }
        Ok(Self::over(Postgres { inner: Arc::new(inner) }))
    }

    /// What it has done so far.
    pub fn metrics(&self) -> SqlMetrics {
        let inner = &self.backend.inner;
        SqlMetrics {
            writes: inner.writes.load(Relaxed),
            commits: inner.commits.load(Relaxed),
            reconnects: inner.pool.lost.load(Relaxed) + inner.first.lost.load(Relaxed),
        }
    }
}

impl Backend for Postgres {
    async fn write<O: Operation>(&self, operation: O) -> Result<O::Output, StorageError> {
        let inner = self.inner.clone();
        if inner.is_read_only {
            let message = format!("{} was opened only to be read", self.place());
            return Err(SqlFailure::new(SqlFailureKind::ReadOnly, message).into());
        }
        // On a task of its own, so that whoever stops waiting leaves nothing half done.
        on_its_own(async move { inner.write(&operation).await }).await
    }

    async fn read<O: Operation>(&self, operation: O) -> Result<O::Output, StorageError> {
        let inner = self.inner.clone();
        if O::PACE == Pace::Long {
            let connection = inner.pool::<O>().get(inner.target.until()).await?;
            return inner.read_all(connection, &operation).await;
        }
        // On a task of its own, so that whoever does not come to look for the answer, such as a slow reader
        // of a stream, does not keep the connection from the others.
        on_its_own(async move { inner.read(&operation).await }).await
    }

    fn place(&self) -> String {
        self.inner.target.place()
    }
}

async fn on_its_own<T: Send + 'static>(
    work: impl Future<Output = Result<T, StorageError>> + Send + 'static,
) -> Result<T, StorageError> {
    let done = tokio::spawn(work).await;
    done.unwrap_or_else(|_| Err(SqlFailure::new(SqlFailureKind::Other, "the storage has stopped").into()))
}

/// How an attempt at a transaction ended.
enum Attempt<T> {
    Done(T),
    /// The connection was lost while it was being committed.
    Unknown(T, StorageError),
    Failed(StorageError),
}

impl Inner {
    fn tx<'a, C: Connection>(&'a self, connection: &'a C) -> Tx<'a, C> {
        Tx::new(connection, &self.folds, self.options.retention)
    }

    fn pool<O: Operation>(&self) -> &Pool {
        if O::PACE == Pace::First { &self.first } else { &self.pool }
    }

    /// Brings the schema to this version: for as long as that takes, while the server is there.
    async fn migrate(&self) -> Result<(), StorageError> {
        let connection = self.pool.get(self.target.until()).await?;
        if schema::is_current(&connection, &self.target).await? {
            return Ok(());
        }
        let connection = connection.without_end().await?;
        self.unless_gone(schema::migrate(&connection, &self.target)).await?;
        connection.with_end().await;
        Ok(())
    }

    /// Reads for as long as that takes, while the server is there.
    async fn read_all<O: Operation>(&self, connection: Borrowed<'_>, operation: &O) -> Result<O::Output, StorageError> {
        let connection = connection.without_end().await?;
        let output = self.unless_gone(operation.run(&self.tx(&connection))).await?;
        connection.with_end().await;
        Ok(output)
    }

    /// What comes of work, as long as the server is there.
    async fn unless_gone<T>(&self, work: impl Future<Output = Result<T, StorageError>>) -> Result<T, StorageError> {
        match select(pin!(work), pin!(self.gone())).await {
            Either::Left((result, _)) => result,
            Either::Right((gone, _)) => Err(gone),
        }
    }

    /// Resolves when the server does not answer any more.
    async fn gone(&self) -> StorageError {
        loop {
            tokio::time::sleep(self.target.patience).await;
            let asked = async { self.first.get(self.target.until()).await?.batch("SELECT 1").await };
            if let Err(error) = asked.await {
                return error;
            }
        }
    }

    async fn read<O: Operation>(&self, operation: &O) -> Result<O::Output, StorageError> {
        let until = self.target.until();
        loop {
            let connection = self.pool::<O>().get(until).await?;
            let result = operation.run(&self.tx(&connection)).await;
            match result {
                Err(error) if is_lost(&error) && Instant::now() < until => {}
                result => return result,
            }
        }
    }

    async fn write<O: Operation>(&self, operation: &O) -> Result<O::Output, StorageError> {
        self.writes.fetch_add(1, Relaxed);
        let until = self.target.until();
        let (mut tries, mut lost) = (0, None);
        let result = loop {
            let connection = match self.pool::<O>().get(until).await {
                Ok(connection) => connection,
                Err(error) => break Err(error),
            };
            match self.attempt(&connection, operation).await {
                Attempt::Done(output) => break Ok(output),
                Attempt::Unknown(output, error) => {
                    drop(connection);
                    match self.was_done(operation, &output, until).await {
                        Ok(true) => return Ok(output),
                        Ok(false) => lost = Some(output),
                        Err(_) => return Err(unknown(&error)),
                    }
                }
                Attempt::Failed(error) => {
                    tries += 1;
                    let again = SqlFailure::kind_of(&error) == Some(SqlFailureKind::Again) && tries < TRIES;
                    if !(again || is_lost(&error) && Instant::now() < until) {
                        break Err(error);
                    }
                }
            }
        };
        let Some(output) = lost else { return result };
        // The first attempt may have been committed after it was asked about: then it is what stood in
        // the way of the second.
        match self.was_done(operation, &output, until).await {
            Ok(true) => Ok(output),
            Ok(false) => result,
            Err(error) => Err(unknown(&error)),
        }
    }

    async fn attempt<O: Operation>(&self, connection: &Borrowed<'_>, operation: &O) -> Attempt<O::Output> {
        connection.set_busy(true);
        let transaction = Begun::new(connection);
        let tx = self.tx(&transaction);
        let (begun, result) = futures::join!(transaction.begin(), operation.run(&tx));
        let result = match (begun, result) {
            // What is a single statement is done by itself.
            (Err(error), Ok(output)) if !is_lost(&error) => {
                connection.set_busy(false);
                return Attempt::Done(output);
            }
            (begun, result) => begun.and(result),
        };
        match result {
            Ok(output) => match connection.batch("COMMIT").await {
                Ok(()) => {
                    connection.set_busy(false);
                    self.commits.fetch_add(1, Relaxed);
                    tx.into_kept().into_iter().for_each(|(id, fold)| self.folds.put(id, fold));
                    Attempt::Done(output)
                }
                Err(error) if is_lost(&error) || is_unknown(&error) => Attempt::Unknown(output, error),
                Err(error) => Attempt::Failed(error),
            },
            Err(error) => {
                // One that cannot be taken back is not used again.
                connection.set_busy(connection.batch("ROLLBACK").await.is_err());
                Attempt::Failed(error)
            }
        }
    }

    /// Asks on another connection whether a transaction was committed. The server may still be at it:
    /// its locks are waited for.
    async fn was_done<O: Operation>(
        &self,
        operation: &O,
        output: &O::Output,
        until: Instant,
    ) -> Result<bool, StorageError> {
        loop {
            let connection = self.pool::<O>().get(until).await?;
            match operation.was_done(&self.tx(&connection), output).await {
                Err(error) if is_lost(&error) && Instant::now() < until => {}
                result => return result,
            }
        }
    }
}

fn is_unknown(error: &StorageError) -> bool {
    SqlFailure::kind_of(error) == Some(SqlFailureKind::Unknown)
}

fn unknown(error: &StorageError) -> StorageError {
    let why = SqlFailure::copy(error);
    let message = match &why {
        StorageError::Failed(cause) => format!("whether it was stored is not known: {cause}"),
        _ => "whether it was stored is not known".to_owned(),
    };
    SqlFailure::new(SqlFailureKind::Unknown, message).into()
}
