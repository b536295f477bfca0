//! The threads that use the file: one writes, some read.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use a2a_app_ports::{StorageError, TaskId};
use futures::{FutureExt, channel::oneshot};

use super::connection::SqliteConnection;
use crate::{
    Retention, SqlFailure, SqlFailureKind,
    sql::{Fold, Folds, Operation, Tx, lock},
};

/// So many operations are committed at once at most, so that the first does not wait for ever.
const GROUP: usize = 512;

/// What waits for a thread.
#[derive(Debug)]
pub(super) struct Queue<T> {
    waiting: Mutex<Waiting<T>>,
    came: Condvar,
}

#[derive(Debug)]
struct Waiting<T> {
    items: VecDeque<T>,
    is_closed: bool,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        Self { waiting: Mutex::new(Waiting { items: VecDeque::new(), is_closed: false }), came: Condvar::new() }
    }

    /// What comes after the end is dropped.
    pub(super) fn push(&self, item: T) {
        let mut waiting = lock(&self.waiting);
        if !waiting.is_closed {
            waiting.items.push_back(item);
            self.came.notify_one();
        }
    }

    /// The next, waiting for it; `None` when there will be no more.
    fn next(&self) -> Option<T> {
        let idle = |waiting: &mut Waiting<T>| waiting.items.is_empty() && !waiting.is_closed;
        let waiting = self.came.wait_while(lock(&self.waiting), idle);
        waiting.unwrap_or_else(PoisonError::into_inner).items.pop_front()
    }

    /// The next, if there is one.
    fn next_now(&self) -> Option<T> {
        lock(&self.waiting).items.pop_front()
    }

    /// Takes nothing more. What waits is still done.
    pub(super) fn close(&self) {
        lock(&self.waiting).is_closed = true;
        self.came.notify_all();
    }
}

/// Closes the queue of a thread that ends, by a panic too: whoever waits hears that nobody comes.
struct Ends<'a, T>(&'a Queue<T>);

impl<T> Drop for Ends<'_, T> {
    fn drop(&mut self) {
        self.0.close();
        while self.0.next_now().is_some() {}
    }
}

/// What a caller is told whose answer will not come.
pub(super) fn stopped() -> StorageError {
    SqlFailure::new(SqlFailureKind::Other, "the storage has stopped").into()
}

/// A read, with where its answer goes.
pub(super) type ReadJob = Box<dyn FnOnce(&SqliteConnection) + Send>;

pub(super) fn read(db: &SqliteConnection, queue: &Queue<ReadJob>) {
    let _ends = Ends(queue);
    while let Some(job) = queue.next() {
        job(db);
    }
}

/// What operations have in common that change something.
pub(super) struct Shared {
    pub(super) folds: Folds,
    pub(super) retention: Retention,
    pub(super) writes: AtomicU64,
    pub(super) commits: AtomicU64,
}

/// An operation that changes something, with where its answer goes.
pub(super) trait WriteJob: Send {
    /// Runs it within the transaction that is open. Whether it went well.
    fn run(&mut self, db: &SqliteConnection, shared: &Shared) -> bool;
    /// Answers, now that it is committed, or that it cannot be.
    fn answer(self: Box<Self>, shared: &Shared, failed: Option<StorageError>);
}

pub(super) struct Write<O: Operation> {
    operation: O,
    reply: oneshot::Sender<Result<O::Output, StorageError>>,
    result: Option<Result<O::Output, StorageError>>,
    kept: Vec<(TaskId, Fold)>,
}

impl<O: Operation> Write<O> {
    pub(super) fn new(operation: O, reply: oneshot::Sender<Result<O::Output, StorageError>>) -> Self {
        Self { operation, reply, result: None, kept: Vec::new() }
    }

    /// Runs it so that its error takes back what it has done, and nothing of the others.
    fn try_run(&mut self, db: &SqliteConnection, shared: &Shared) -> Result<O::Output, StorageError> {
        db.run("SAVEPOINT operation")?;
        let tx = Tx::new(db, &shared.folds, shared.retention);
        match finish(self.operation.run(&tx)) {
            Ok(output) => {
                db.run("RELEASE operation")?;
                self.kept = tx.into_kept();
                Ok(output)
            }
            Err(error) => {
                if db.is_in_transaction() {
                    db.run("ROLLBACK TO operation")?;
                    db.run("RELEASE operation")?;
                }
                Err(error)
            }
        }
    }
}

/// The result of a future that is ready as soon as it is asked, as those over SQLite are.
pub(super) fn finish<T>(future: impl Future<Output = Result<T, StorageError>>) -> Result<T, StorageError> {
    let waits = || SqlFailure::new(SqlFailureKind::Other, "an operation waits for something besides SQLite");
    future.now_or_never().unwrap_or_else(|| Err(waits().into()))
}

impl<O: Operation> WriteJob for Write<O> {
    fn run(&mut self, db: &SqliteConnection, shared: &Shared) -> bool {
        self.kept.clear();
        let result = self.try_run(db, shared);
        self.result.insert(result).is_ok()
    }

    fn answer(self: Box<Self>, shared: &Shared, failed: Option<StorageError>) {
        let result = match (failed, self.result) {
            (Some(error), _) => Err(error),
            (None, result) => result.unwrap_or_else(|| Err(stopped())),
        };
        if result.is_ok() {
            self.kept.into_iter().for_each(|(id, fold)| shared.folds.put(id, fold));
        }
        // Whoever asked may have gone.
        let _ = self.reply.send(result);
    }
}

type Job = Box<dyn WriteJob>;

/// Runs what comes. What comes while the disk is busy with one commit shares the next.
pub(super) fn write(db: &SqliteConnection, queue: &Queue<Job>, shared: &Arc<Shared>) {
    let _ends = Ends(queue);
    while let Some(first) = queue.next() {
        let mut group = Vec::new();
        if commit(db, shared, &mut group, Some(first), || queue.next_now()).is_ok() {
            group.into_iter().for_each(|job| job.answer(shared, None));
            continue;
        }
        // Only those should fail that cannot be stored: each for itself.
        for job in group {
            let mut alone = Vec::new();
            let failed = commit(db, shared, &mut alone, Some(job), || None).err();
            alone.into_iter().for_each(|job| job.answer(shared, failed.as_ref().map(SqlFailure::copy)));
        }
    }
}

/// Runs jobs in one transaction, which is durable when this returns. They are in the group, whatever
/// comes of it.
fn commit(
    db: &SqliteConnection,
    shared: &Shared,
    group: &mut Vec<Job>,
    first: Option<Job>,
    next: impl Fn() -> Option<Job>,
) -> Result<(), StorageError> {
    let begun = db.run("BEGIN IMMEDIATE");
    let (mut coming, mut changes) = (first, false);
    while let Some(mut job) = coming {
        let well = begun.is_ok() && job.run(db, shared);
        group.push(job);
        shared.writes.fetch_add(1, Relaxed);
        changes |= well;
        if begun.is_err() || !db.is_in_transaction() {
            break;
        }
        coming = if group.len() < GROUP { next() } else { None };
    }
    begun?;
    if !db.is_in_transaction() {
        let lost = "the transaction was taken back";
        return if group.len() == 1 { Ok(()) } else { Err(SqlFailure::new(SqlFailureKind::Other, lost).into()) };
    }
    if let Err(error) = db.run("COMMIT") {
        if db.is_in_transaction() {
            db.run("ROLLBACK")?;
        }
        return Err(error);
    }
    if changes {
        shared.commits.fetch_add(1, Relaxed);
    }
    Ok(())
}
