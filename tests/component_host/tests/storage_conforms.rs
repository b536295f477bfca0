//! The storages for components do what every storage has to do, in a host like Spin's, and keep what they were given
//! through the deaths of instances.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

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
use component_host::{ComponentFile, Host, Location, Serving, build};
use futures::{StreamExt, future::join_all, stream};
use http::Method;
use support::{exchange, until};
use tempfile::TempDir;
use tokio::task::JoinHandle;

const APPEND: &str = "/tasks/1/events?storage=sqlite";

async fn serve(host: &Host) -> Serving {
    let load = || ComponentFile::load(build("nuncio-storage-component", &["spin-sqlite"])).unwrap();
    host.serve(&tokio::task::spawn_blocking(load).await.unwrap()).await.unwrap()
}

/// A host whose component has a file for the label `default`.
fn with_file(directory: &TempDir) -> Host {
    Host::new().sqlite("default", directory.path().join("tasks.db"))
}

async fn ask(serving: &Serving, method: Method, path: &str) -> (u16, String) {
    let (status, body) = exchange(serving, method, path, "").await;
    (status.as_u16(), body)
}

async fn post(serving: &Serving, path: &str) -> (u16, String) {
    ask(serving, Method::POST, path).await
}

/// Creates a task of one event.
async fn create(serving: &Serving) {
    assert_eq!(post(serving, "/tasks/1?storage=sqlite").await, (200, "1".to_owned()));
}

/// How long the log of the task is.
async fn revision(serving: &Serving) -> u64 {
    let (status, body) = ask(serving, Method::GET, "/tasks/1?storage=sqlite").await;
    assert_eq!(status, 200, "{body}");
    body.parse().unwrap()
}

/// The file is what this program writes natively, and nothing in it is amiss.
async fn assert_whole(file: &Path) {
    let storage = SqliteStorage::open(file).unwrap();
    let tasks = storage.check_tasks(0, 1000).await.unwrap();
    assert!(tasks.findings.is_empty() && tasks.tasks > 0, "{tasks:?}");
    assert_eq!(storage.check_rest().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn spin_sqlite_conforms() {
    let names = ask(&serve(&Host::new()).await, Method::GET, "/cases").await.1;
    let names: Vec<_> = names.lines().collect();
    assert!(names.len() > 60, "{names:?}");
    let directory = tempfile::tempdir().unwrap();
    // A case that does not hold ends its instance: that is to be alone in it.
    let host = Host::new().concurrent_requests(1);
    let file = |name: &str| directory.path().join(format!("{name}.db"));
    let host = names.iter().fold(host, |host, name| host.sqlite(*name, file(name)));
    let serving = serve(&host).await;
    let serving = &serving;
    let runs = names
        .iter()
        .map(|name| async move { (name, post(serving, &format!("/cases/{name}?storage=sqlite&label={name}")).await) });
    let answers: Vec<_> = stream::iter(runs).buffer_unordered(4).collect().await;
    let failed: Vec<_> = answers.iter().filter(|(_, (status, _))| *status != 200).collect();
    assert!(failed.is_empty(), "{failed:#?}\n{}", *serving.stderr().borrow());
}

/// Of those who append at the same revision, one wins, again and again.
async fn race(serving: &Serving) {
    create(serving).await;
    for revision in 1..12 {
        let path = format!("{APPEND}&expected={revision}");
        let answers = join_all((0..12).map(|_| post(serving, &path))).await;
        let won: Vec<_> = answers.iter().filter(|(status, _)| *status == 200).collect();
        assert_eq!(won, [&(200, (revision + 1).to_string())], "{answers:?}");
        assert!(answers.iter().all(|(status, _)| matches!(status, 200 | 409)), "{answers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_instances_do_not_overwrite_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let serving = serve(&with_file(&directory).requests_per_instance(1)).await;
    race(&serving).await;
    assert!(serving.instances().borrow().started > 100, "each request had an instance of its own");
    serving.stop().await;
    assert_whole(&directory.path().join("tasks.db")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_requests_of_an_instance_do_not_overwrite_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let serving = serve(&with_file(&directory).requests_per_instance(1000)).await;
    race(&serving).await;
    let started = serving.instances().borrow().started;
    assert!(started < 33, "{started} instances for 133 requests: they seldom met in one");
    serving.stop().await;
    assert_whole(&directory.path().join("tasks.db")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stored_outlives_its_instance_and_its_host() {
    let directory = tempfile::tempdir().unwrap();
    let host = with_file(&directory).idle(Duration::from_millis(50));
    let serving = serve(&host).await;
    create(&serving).await;
    until(&mut serving.instances(), |instances| instances.running() == 0).await;
    assert_eq!(revision(&serving).await, 1);
    assert_eq!(post(&serving, &format!("{APPEND}&expected=1&count=5")).await.1, "6");
    serving.stop().await;
    let serving = serve(&host).await;
    assert_eq!(revision(&serving).await, 6);
    // Beside the component that uses it.
    let read = SqliteStorage::open_to_read(directory.path().join("tasks.db")).unwrap();
    assert_eq!(read.tasks(0, 10).await.unwrap().found.len(), 1);
    drop(read);
    serving.stop().await;
    assert_whole(&directory.path().join("tasks.db")).await;
}

/// Microseconds after which an instance dies or a caller goes, of which some are in the middle of a transaction of so
/// many events.
const MOMENTS: [u64; 12] = [0, 300, 1000, 2000, 3000, 5000, 7000, 9000, 12_000, 16_000, 20_000, 25_000];
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
    let serving = serve(&with_file(&directory)).await;
    create(&serving).await;
    let (mut now, mut died) = (1, 0);
    for moment in MOMENTS {
        let witness = Witness::of(&directory.path().join("tasks.db"));
        let path = format!("{APPEND}&expected={now}&count={EVENTS}&trap_after={moment}");
        let (status, _) = post(&serving, &path).await;
        died += u32::from(witness.has_seen_it().await && status != 200);
        // Another instance finds all of it or nothing, and no lock.
        let since = Instant::now();
        let found = revision(&serving).await;
        assert!(found == now || found == now + EVENTS, "after {moment} µs: {found} instead of {now}");
        let appended = post(&serving, &format!("{APPEND}&expected={found}")).await;
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
    let directory = tempfile::tempdir().unwrap();
    let serving = serve(&with_file(&directory)).await;
    create(&serving).await;
    let (mut now, mut gone) = (1, 0);
    for moment in MOMENTS {
        let path = format!("{APPEND}&expected={now}&count={EVENTS}");
        let (status, _) = post(&serving, &format!("{path}&drop_after={moment}")).await;
        gone += u32::from(status == 202);
        // Written behind it, on the same connection.
        now += EVENTS;
        let appended = post(&serving, &format!("{APPEND}&expected={now}")).await;
        assert_eq!(appended, (200, (now + 1).to_string()), "after {moment} µs");
        now += 1;
    }
    assert!(gone > 3, "{gone} callers went");
    assert_eq!(serving.instances().borrow().started, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_others_write_is_waited_for_and_not_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let serving = serve(&with_file(&directory)).await;
    create(&serving).await;
    let other = rusqlite::Connection::open(directory.path().join("tasks.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(revision(&serving).await, 1, "readers do not wait");
    let path = format!("{APPEND}&expected=1");
    let (appended, ()) = tokio::join!(post(&serving, &path), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        other.execute_batch("COMMIT").unwrap();
    });
    assert_eq!(appended, (200, "2".to_owned()));

    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let since = Instant::now();
    let path = format!("{APPEND}&expected=2&patience=300");
    let (status, said) = post(&serve(&with_file(&directory)).await, &path).await;
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
    let serving = serve(&host).await;
    let reasons = [
        ("memory", "is kept in memory"),
        ("foreign", "is a database of another program"),
        ("damaged", "is not a SQLite database"),
        ("missing", "is not"),
    ];
    for (label, reason) in reasons {
        let (status, said) = post(&serving, &format!("/tasks/1?storage=sqlite&label={label}")).await;
        assert!(status == 500 && said.contains(reason) && said.contains(label), "{label}: {status} {said}");
    }
}
