//! Tasks in a file, for one process.

mod connection;
mod options;
mod schema;
mod workers;

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{ErrorKind, Read, Seek, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering::Relaxed},
    thread::{self, JoinHandle},
};

use a2a_app_ports::StorageError;
use futures::channel::oneshot;

use self::{
    connection::{Access, Clock, SqliteConnection, beside},
    workers::{Queue, ReadJob, Shared, Write, WriteJob},
};
use crate::{
    SqlFailure, SqlFailureKind,
    sql::{Backend, Folds, Operation, SqlMetrics, SqlStorage, Tx},
    sqlite_schema::STEPS,
};
pub use options::SqliteOptions;

/// Keeps tasks in a file, for one process at a time.
///
/// What is acknowledged is on the disk: after a crash of the process or the machine it is there.
/// What is stored at once is committed at once, so that many writers share the wait for the disk.
/// Reads run beside each other and beside the writer, on threads of the storage; no runtime is
/// needed. When the last handle is dropped, what was begun is finished.
pub type SqliteStorage = SqlStorage<Sqlite>;

/// The file, and the threads that use it.
pub struct Sqlite {
    path: Arc<Path>,
    shared: Arc<Shared>,
    reads: Arc<Queue<ReadJob>>,
    writes: Arc<Queue<Box<dyn WriteJob>>>,
    threads: Vec<JoinHandle<()>>,
    /// Held as long as the threads run; not there when the file is only read.
    lock: Option<File>,
}

impl SqlStorage<Sqlite> {
    /// Opens the file, or makes it: of this path, or with these options. Of a file that is there only the header, the version of the schema
    /// and what a crash left in the write-ahead log are looked at; a file of an earlier version is
    /// brought to this one. Blocks for as long as that takes.
    ///
    /// # Errors
    /// [`SqlFailure`]: `InUse` when another process has the file open, `ReadOnly` when it may not be
    /// written, `Newer` when a later version wrote it, `Damaged` when it is not a file of ours.
    pub fn open(options: impl Into<SqliteOptions>) -> Result<Self, StorageError> {
        Sqlite::open(options.into()).map(Self::over)
    }

    /// Opens a file that is there only to be read, also while another process uses it: that one is
    /// neither waited for nor held up. Whatever would change something fails. A copy is read also
    /// where this user may not write, as long as no write-ahead log is beside it.
    ///
    /// # Errors
    /// [`SqlFailure`]: `Missing` when there is no file, `Older` and `Newer` when it is of another
    /// version, `Damaged` when it is not a file of ours.
    pub fn open_to_read(options: impl Into<SqliteOptions>) -> Result<Self, StorageError> {
        Sqlite::open_to_read(options.into()).map(Self::over)
    }

    /// What it has done so far.
    pub fn metrics(&self) -> SqlMetrics {
        let shared = &self.backend.shared;
        SqlMetrics { writes: shared.writes.load(Relaxed), commits: shared.commits.load(Relaxed), reconnects: 0 }
    }
}

impl Sqlite {
    fn open(options: SqliteOptions) -> Result<Self, StorageError> {
        is_no_directory(&options.path)?;
        let (path, lock) = lock_file(&options.path)?;
        let clock = Clock::start();
        let writer = SqliteConnection::open(&path, clock, Access::Write)?;
        prepare(&path, &writer, options.max_bytes)?;
        let mut sqlite = Self::start_reading(path, &options, (clock, Access::Read), Some(lock))?;
        let (queue, shared) = (sqlite.writes.clone(), sqlite.shared.clone());
        sqlite.start("nuncio-write", move || workers::write(&writer, &queue, &shared))?;
        Ok(sqlite)
    }

    fn open_to_read(options: SqliteOptions) -> Result<Self, StorageError> {
        if !options.path.exists() {
            let message = format!("{} is not there", options.path.display());
            return Err(SqlFailure::new(SqlFailureKind::Missing, message).into());
        }
        is_no_directory(&options.path)?;
        let path: Arc<Path> = followed(&options.path).map_err(|error| StorageError::Failed(Box::new(error)))?.into();
        let (clock, mut access) = (Clock::start(), Access::Read);
        let mut found = SqliteConnection::open(&path, clock, access).and_then(|db| version(&path, &db));
        // A copy, such as in a directory that may only be read. Whoever writes has a log beside it; whoever
        // has read leaves an empty one.
        let has_log = || fs::metadata(beside(&path, "-wal")).is_ok_and(|log| log.len() > 0);
        if found.as_ref().is_err_and(is_read_only) && !has_log() {
            access = Access::ReadAtRest;
            found = SqliteConnection::open(&path, clock, access).and_then(|db| version(&path, &db));
        }
        let version = found?;
        if version < STEPS.len() {
            let (known, path) = (STEPS.len(), path.display());
            let message = format!(
                "{path} was written by an earlier version of this program (schema {version}, this one is {known}): \
                 open it once for writing, which brings it to this version"
            );
            return Err(SqlFailure::new(SqlFailureKind::Older, message).into());
        }
        Self::start_reading(path, &options, (clock, access), None)
    }

    fn start_reading(
        path: Arc<Path>,
        options: &SqliteOptions,
        (clock, access): (Clock, Access),
        lock: Option<File>,
    ) -> Result<Self, StorageError> {
        let shared = Arc::new(Shared {
            folds: Folds::new(options.cache_bytes),
            retention: options.retention,
            writes: 0.into(),
            commits: 0.into(),
        });
        let (reads, writes) = (Arc::new(Queue::new()), Arc::new(Queue::new()));
        let mut sqlite = Self { path, shared, reads, writes, threads: Vec::new(), lock };
        for _ in 0..thread::available_parallelism().map_or(2, usize::from).clamp(2, 8) {
            let reader = SqliteConnection::open(&sqlite.path, clock, access)?;
            let queue = sqlite.reads.clone();
            sqlite.start("nuncio-read", move || workers::read(&reader, &queue))?;
        }
        Ok(sqlite)
    }

    fn start(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), StorageError> {
        let thread = thread::Builder::new().name(name.to_owned()).spawn(work);
        self.threads.push(thread.map_err(|error| StorageError::Failed(Box::new(error)))?);
        Ok(())
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.writes.close();
        self.reads.close();
        for thread in self.threads.drain(..) {
            // It has panicked, and said so.
            let _ = thread.join();
        }
        // Closing it would not do: a process that is being started holds it too, for a moment.
        let _ = self.lock.as_ref().map(File::unlock);
    }
}

impl Backend for Sqlite {
    async fn write<O: Operation>(&self, operation: O) -> Result<O::Output, StorageError> {
        if self.lock.is_none() {
            let message = format!("{} was opened only to be read", self.path.display());
            return Err(SqlFailure::new(SqlFailureKind::ReadOnly, message).into());
        }
        let (reply, result) = oneshot::channel();
        self.writes.push(Box::new(Write::new(operation, reply)));
        result.await.unwrap_or_else(|_| Err(workers::stopped()))
    }

    async fn read<O: Operation>(&self, operation: O) -> Result<O::Output, StorageError> {
        let (reply, result) = oneshot::channel();
        let shared = self.shared.clone();
        self.reads.push(Box::new(move |db| {
            let tx = Tx::new(db, &shared.folds, shared.retention);
            let _ = reply.send(workers::finish(operation.run(&tx)));
        }));
        result.await.unwrap_or_else(|_| Err(workers::stopped()))
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }
}

fn is_no_directory(path: &Path) -> Result<(), StorageError> {
    if path.is_dir() {
        let message = format!("{} is a directory, and not the file of a storage: name another place", path.display());
        return Err(SqlFailure::new(SqlFailureKind::Other, message).into());
    }
    Ok(())
}

fn is_read_only(error: &StorageError) -> bool {
    SqlFailure::kind_of(error) == Some(SqlFailureKind::ReadOnly)
}

/// Locks the file for this process, by a file of its own beside it: SQLite's locks let others in. Comes
/// with the path that is left when links are followed: else whoever came by another had a lock of his own.
fn lock_file(path: &Path) -> Result<(Arc<Path>, File), StorageError> {
    let read_only = |path: &Path, error: std::io::Error| {
        let what = "cannot be opened for writing: give this user write access to it and its directory";
        SqlFailure::new(SqlFailureKind::ReadOnly, format!("{} {what}", path.display())).because(error)
    };
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        fs::create_dir_all(directory).map_err(|error| read_only(directory, error))?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        // Tasks and the secrets of webhooks are nobody else's. SQLite makes its files alike.
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let path = &followed(path).map_err(|error| read_only(path, error))?;
    let name = beside(path, "-lock");
    let mut lock = options.open(&name).map_err(|error| read_only(&name, error))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Whoever holds it may be about to write it.
            let _ = lock.read_to_string(&mut holder);
            let holder = if holder.is_empty() { String::new() } else { format!(" (process {})", holder.trim()) };
            let what = "is in use by another process";
            let advice = "a file is for one process at a time: stop that one, or use PostgreSQL for several";
            let message = format!("{} {what}{holder}; {advice}", path.display());
            return Err(SqlFailure::new(SqlFailureKind::InUse, message).into());
        }
        Err(TryLockError::Error(error)) => return Err(read_only(&name, error).into()),
    }
    options.open(path).map_err(|error| read_only(path, error))?;
    // It only tells others who we are, and is no reason to fail.
    let _ = lock.set_len(0).and_then(|()| lock.rewind()).and_then(|()| write!(lock, "{}", std::process::id()));
    Ok((path.as_path().into(), lock))
}

/// A path without links, also of a file that is not there yet. SQLite follows them too, and has its
/// files beside the one that is found.
fn followed(path: &Path) -> std::io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    loop {
        let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new(".")).canonicalize()?;
        match path.canonicalize() {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            followed => return followed,
        }
        match path.read_link() {
            // It is to be made where the link leads.
            Ok(target) => path = directory.join(target),
            Err(_) => return Ok(path.file_name().map_or_else(|| directory.clone(), |name| directory.join(name))),
        }
    }
}

/// The version of the schema that a file has; 0 is none.
fn version(path: &Path, db: &SqliteConnection) -> Result<usize, StorageError> {
    db.with(|db| schema::look(db))?.version(&path.display().to_string())
}

/// Makes a file ready to be used: brings it to the newest schema.
fn prepare(path: &Path, db: &SqliteConnection, max_bytes: Option<u64>) -> Result<(), StorageError> {
    let version = version(path, db)?;
    db.with(|db| {
        db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        // Every commit waits for the disk.
        db.pragma_update(None, "synchronous", "FULL")?;
        db.pragma_update(None, "temp_store", "MEMORY")?;
        db.pragma_update(None, "cache_size", -16 * 1024)?;
        db.pragma_update(None, "journal_size_limit", 64 << 20)?;
        if let Some(bytes) = max_bytes {
            let page: u64 = db.pragma_query_value(None, "page_size", |row| row.get::<_, i64>(0))?.unsigned_abs();
            let pages = i64::try_from(bytes / page.max(1)).unwrap_or(i64::MAX).max(1);
            db.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
        }
        schema::migrate(db, version, STEPS)?;
        // Whoever had the file open before is gone.
        db.execute("DELETE FROM replicas", []).map(drop)
    })
}
