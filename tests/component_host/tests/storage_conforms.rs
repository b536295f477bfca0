//! The storages for components do what every storage has to do, in a host like Spin's, and keep what they were given
//! through the deaths of instances.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod storages;
mod support;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use a2a_task_storage::{SqliteStorage, StoreAdmin};
use component_host::{Host, Location, Serving};
use futures::future::join_all;
use storages::{MOMENTS, SQLITE, post};
use tokio::task::JoinHandle;

/// The file is what this program writes natively, and nothing in it is amiss.
async fn assert_whole(file: &Path) {
    let storage = SqliteStorage::open(file).unwrap();
    let tasks = storage.check_tasks(0, 1000).await.unwrap();
    assert!(tasks.findings.is_empty() && tasks.tasks > 0, "{tasks:?}");
    assert_eq!(storage.check_rest().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn spin_sqlite_conforms() {
    SQLITE.conforms().await;
}

/// Of those who append at the same revision, one wins, again and again.
async fn race(serving: &Serving) {
    SQLITE.create(serving).await;
    for revision in 1..12 {
        let path = SQLITE.append(revision);
        let answers = join_all((0..12).map(|_| post(serving, &path))).await;
        let won: Vec<_> = answers.iter().filter(|(status, _)| *status == 200).collect();
        assert_eq!(won, [&(200, (revision + 1).to_string())], "{answers:?}");
        assert!(answers.iter().all(|(status, _)| matches!(status, 200 | 409)), "{answers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_instances_do_not_overwrite_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let serving = SQLITE.serve(&SQLITE.host(&directory).requests_per_instance(1)).await;
    race(&serving).await;
    assert!(serving.instances().borrow().started > 100, "each request had an instance of its own");
    serving.stop().await;
    assert_whole(&directory.path().join("tasks.db")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_requests_of_an_instance_do_not_overwrite_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let serving = SQLITE.serve(&SQLITE.host(&directory).requests_per_instance(1000)).await;
    race(&serving).await;
    let started = serving.instances().borrow().started;
    assert!(started < 33, "{started} instances for 133 requests: they seldom met in one");
    serving.stop().await;
    assert_whole(&directory.path().join("tasks.db")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stored_outlives_its_instance_and_its_host() {
    let directory = tempfile::tempdir().unwrap();
    let serving = SQLITE.keeps(&directory).await;
    // Beside the component that uses it.
    let read = SqliteStorage::open_to_read(directory.path().join("tasks.db")).unwrap();
    assert_eq!(read.tasks(0, 10).await.unwrap().found.len(), 1);
    drop(read);
    serving.stop().await;
    assert_whole(&directory.path().join("tasks.db")).await;
}

/// Appended in one transaction while an instance dies or a caller goes.
const EVENTS: u64 = 300;

/// Sees whether anybody holds the lock for a transaction on a file, until it is asked.
struct Witness {
    seen: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Witness {
    fn of(file: &Path) -> Self {
        let db = rusqlite::Connection::open(file).unwrap();
        db.busy_timeout(Duration::ZERO).unwrap();
        let seen = Arc::new(AtomicBool::new(false));
        let sees = seen.clone();
        let look = move || {
            // Only this thread has it when it has been asked.
            while Arc::strong_count(&sees) > 1 {
                match db.execute_batch("BEGIN IMMEDIATE") {
                    Ok(()) => db.execute_batch("ROLLBACK").unwrap(),
                    Err(_) => sees.store(true, Ordering::Relaxed),
                }
                std::thread::sleep(Duration::from_micros(500));
            }
        };
        Self { seen, thread: tokio::task::spawn_blocking(look) }
    }

    async fn has_seen_it(self) -> bool {
        let seen = self.seen.load(Ordering::Relaxed);
        drop(self.seen);
        self.thread.await.unwrap();
        seen
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_dies_in_the_middle_of_a_transaction_leaves_nothing_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let serving = SQLITE.serve(&SQLITE.host(&directory)).await;
    SQLITE.create(&serving).await;
    let (mut now, mut died) = (1, 0);
    for moment in MOMENTS {
        let witness = Witness::of(&directory.path().join("tasks.db"));
        let path = format!("{}&count={EVENTS}&trap_after={moment}", SQLITE.append(now));
        let (status, _) = post(&serving, &path).await;
        died += u32::from(witness.has_seen_it().await && status != 200);
        // Another instance finds all of it or nothing, and no lock.
        let since = Instant::now();
        let found = SQLITE.revision(&serving).await;
        assert!(found == now || found == now + EVENTS, "after {moment} µs: {found} instead of {now}");
        let appended = post(&serving, &SQLITE.append(found)).await;
        assert_eq!(appended, (200, (found + 1).to_string()));
        assert!(since.elapsed() < Duration::from_secs(5), "after {moment} µs it took {:?}", since.elapsed());
        now = found + 1;
    }
    assert!(died > 3, "{died} instances died that had the lock");
    serving.stop().await;
    assert_whole(&directory.path().join("tasks.db")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_caller_has_begun_who_goes_away_is_finished() {
    SQLITE.finishes(EVENTS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_others_write_is_waited_for_and_not_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let serving = SQLITE.serve(&SQLITE.host(&directory)).await;
    SQLITE.create(&serving).await;
    let other = rusqlite::Connection::open(directory.path().join("tasks.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(SQLITE.revision(&serving).await, 1, "readers do not wait");
    let path = SQLITE.append(1);
    let (appended, ()) = tokio::join!(post(&serving, &path), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        other.execute_batch("COMMIT").unwrap();
    });
    assert_eq!(appended, (200, "2".to_owned()));

    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let since = Instant::now();
    let path = format!("{}&patience=300", SQLITE.append(2));
    let (status, said) = post(&SQLITE.serve(&SQLITE.host(&directory)).await, &path).await;
    assert!(status == 500 && said.contains("is in use by others"), "{status} {said}");
    assert!((300..3000).contains(&since.elapsed().as_millis()), "after {:?}", since.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_place_for_tasks_is_refused_with_a_reason() {
    let directory = tempfile::tempdir().unwrap();
    let foreign = directory.path().join("foreign.db");
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE recipes (name)").unwrap();
    let damaged = directory.path().join("damaged.db");
    std::fs::write(&damaged, "this is a text and no database, and it is long enough to be looked at ".repeat(40))
        .unwrap();
    let host = Host::new().sqlite("memory", Location::Memory).sqlite("foreign", foreign).sqlite("damaged", damaged);
    let serving = SQLITE.serve(&host).await;
    let reasons = [
        ("memory", "is kept in memory"),
        ("foreign", "is a database of another program"),
        ("damaged", "is not a SQLite database"),
        ("missing", "is not"),
    ];
    for (label, reason) in reasons {
        let (status, said) = post(&serving, &format!("{}&label={label}", SQLITE.task())).await;
        assert!(status == 500 && said.contains(reason) && said.contains(label), "{label}: {status} {said}");
    }
}
