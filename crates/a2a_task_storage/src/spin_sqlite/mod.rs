//! Tasks in the SQLite of a Spin host, for the instances of a component.
//!
//! What Spin 4 does, and this relies on. For a database of type `spin`, a file: every `open` makes a
//! connection of its own, without settings but a wait of five seconds for locks, and it is closed when the
//! component drops it, or ends by a trap, which takes back what is open on it. A statement runs on a thread
//! of the host while the component goes on; one that is no longer waited for runs to its end. So a
//! transaction may take several calls.
//!
//! For a database of type `libsql`, statements go to a server by HTTP. It takes none of the settings that
//! [`connection`] makes, by which it is known and refused: its transactions end after a time of its own,
//! and whether a commit whose answer was lost was stored, nobody can say.

mod connection;
mod options;
mod patience;
mod schema;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use a2a_app_ports::{StorageError, TaskId};
use tokio::sync::Mutex;

use self::{connection::SpinConnection, patience::Patience};
use crate::{
    apart::apart,
    sql::{Backend, Fold, Folds, Operation, SqlMetrics, SqlStorage, Tx},
};
pub use options::SpinSqliteOptions;

/// Keeps tasks in the SQLite of a Spin host, for any number of instances of a component on one machine.
///
/// What is acknowledged is on the disk. An instance writes one transaction after the other, on a connection
/// of its own; other instances are waited for within [`SpinSqliteOptions::patience`]. What was begun is
/// finished even if nobody waits for it any more; when the instance ends in the middle of it, nothing of it
/// is stored.
///
/// Whether a lease is over, the time of day of the host decides, which is one for all instances.
pub type SpinSqliteStorage = SqlStorage<SpinSqlite>;

/// The database, and the connections to it.
pub struct SpinSqlite {
    inner: Arc<Inner>,
}

struct Inner {
    label: Arc<str>,
    options: SpinSqliteOptions,
    folds: Folds,
    /// For transactions. Whoever runs one has taken it out: if it is dropped, the connection is, too.
    writer: Mutex<Option<SpinConnection>>,
    /// For what only reads, all at once.
    reader: Mutex<Option<Arc<SpinConnection>>>,
    writes: AtomicU64,
    commits: AtomicU64,
}

impl SqlStorage<SpinSqlite> {
    /// Opens the database of a label, or with these options, and makes the tables if nothing is in it.
    ///
    /// # Errors
    /// [`SqlFailure`](crate::SqlFailure): `Missing` when the host has no database of this label or the component may not use
    /// it, `InUse` when others write for too long, `Older` and `Newer` when it is of another version,
    /// `Damaged` when it is not one of ours, `Other` when it is in memory only or remote.
    pub async fn open(options: impl Into<SpinSqliteOptions>) -> Result<Self, StorageError> {
        let options = options.into();
        let inner = Inner {
            label: options.label.as_str().into(),
            folds: Folds::new(options.cache_bytes),
            options,
            writer: Mutex::new(None),
            reader: Mutex::new(None),
            writes: AtomicU64::new(0),
            commits: AtomicU64::new(0),
        };
        let inner = Arc::new(inner);
        let opening = inner.clone();
        apart(async move { opening.prepare().await }).await?;
        Ok(Self::over(SpinSqlite { inner }))
    }

    /// What this instance has done so far.
    pub fn metrics(&self) -> SqlMetrics {
        let inner = &self.backend.inner;
        SqlMetrics { writes: inner.writes.load(Relaxed), commits: inner.commits.load(Relaxed), reconnects: 0 }
    }
}

impl Backend for SpinSqlite {
    async fn write<O: Operation>(&self, operation: O) -> Result<O::Output, StorageError> {
        let inner = self.inner.clone();
        apart(async move { inner.write(&operation).await }).await
    }

    async fn read<O: Operation>(&self, operation: O) -> Result<O::Output, StorageError> {
        let inner = self.inner.clone();
        apart(async move { inner.read(&operation).await }).await
    }

    fn place(&self) -> String {
        format!("the database {:?}", self.inner.label)
    }
}

/// What came of a transaction, and the folds to keep of it.
type Done<T> = Result<(T, Vec<(TaskId, Fold)>), StorageError>;

impl Inner {
    fn patience(&self) -> Patience {
        Patience::new(self.options.patience)
    }

    /// Makes the database ready, and leaves the connection to who writes first.
    async fn prepare(&self) -> Result<(), StorageError> {
        let mut patience = self.patience();
        let mut writer = self.writer.lock().await;
        loop {
            let prepared = async {
                let db = SpinConnection::open(&self.label).await?;
                schema::prepare(&db, &self.label).await.map(|()| db)
            };
            match prepared.await {
                Ok(db) => {
                    *writer = Some(db);
                    return Ok(());
                }
                Err(error) => patience.pause(error).await?,
            }
        }
    }

    async fn write<O: Operation>(&self, operation: &O) -> Result<O::Output, StorageError> {
        let mut patience = self.patience();
        let mut writer = patience.wait(&self.label, self.writer.lock()).await?;
        self.writes.fetch_add(1, Relaxed);
        loop {
            match self.transact(&mut writer, operation, &mut patience).await {
                Ok((output, kept)) => {
                    self.commits.fetch_add(1, Relaxed);
                    kept.into_iter().for_each(|(id, fold)| self.folds.put(id, fold));
                    return Ok(output);
                }
                Err(error) => patience.pause(error).await?,
            }
        }
    }

    /// Runs an operation in a transaction. The connection is put back only where none is open on it.
    async fn transact<O: Operation>(
        &self,
        writer: &mut Option<SpinConnection>,
        operation: &O,
        patience: &mut Patience,
    ) -> Done<O::Output> {
        let db = match writer.take() {
            Some(db) => db,
            None => SpinConnection::open(&self.label).await?,
        };
        if let Err(error) = db.run("BEGIN IMMEDIATE").await {
            *writer = Some(db);
            return Err(error);
        }
        let tx = Tx::new(&db, &self.folds, self.options.retention);
        let result = operation.run(&tx).await;
        let kept = tx.into_kept();
        match result {
            Ok(output) => {
                // Where there is no write-ahead log, readers are waited for.
                while let Err(error) = db.run("COMMIT").await {
                    patience.pause(error).await?;
                }
                *writer = Some(db);
                Ok((output, kept))
            }
            Err(error) => {
                if db.run("ROLLBACK").await.is_ok() {
                    *writer = Some(db);
                }
                Err(error)
            }
        }
    }

    async fn read<O: Operation>(&self, operation: &O) -> Result<O::Output, StorageError> {
        let mut patience = self.patience();
        loop {
            let result = async {
                let db = self.reader().await?;
                operation.run(&Tx::new(&*db, &self.folds, self.options.retention)).await
            };
            match result.await {
                Err(error) => patience.pause(error).await?,
                done => return done,
            }
        }
    }

    async fn reader(&self) -> Result<Arc<SpinConnection>, StorageError> {
        let mut reader = self.reader.lock().await;
        if let Some(db) = &*reader {
            return Ok(db.clone());
        }
        let db = Arc::new(SpinConnection::open(&self.label).await?);
        *reader = Some(db.clone());
        Ok(db)
    }
}
