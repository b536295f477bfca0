//! The storage in a file conforms.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use a2a_app_ports::conformance::{racing_appends, storage_suite};
use a2a_task_storage::{SqliteOptions, SqliteStorage};
use futures::executor::block_on;

fn open(directory: &tempfile::TempDir, number: usize) -> SqliteStorage {
    SqliteStorage::open(SqliteOptions::new(directory.path().join(format!("{number}.db")))).unwrap()
}

#[test]
fn sqlite_storage_conforms() {
    let directory = tempfile::tempdir().unwrap();
    let number = std::sync::atomic::AtomicUsize::new(0);
    let next = || number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    block_on(storage_suite(async || open(&directory, next())));
}

#[test]
fn racing_threads_do_not_overwrite_each_other() {
    let directory = tempfile::tempdir().unwrap();
    racing_appends(&open(&directory, 0), &|future| block_on(future));
}

/// Without a cache every append loads the task, so that snapshots and tails are folded all the time.
#[test]
fn sqlite_storage_conforms_without_a_cache() {
    let directory = tempfile::tempdir().unwrap();
    let number = std::sync::atomic::AtomicUsize::new(0);
    let next = || number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    block_on(storage_suite(async || {
        let mut options = SqliteOptions::new(directory.path().join(format!("{}.db", next())));
        options.cache_bytes = 0;
        SqliteStorage::open(options).unwrap()
    }));
}
