//! The storage in a key-value store does what every storage has to do, in a host like Spin's, and keeps what it was given
//! through the deaths of instances. What several instances at once do to it, its own tests show.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::{collections::HashSet, time::Duration};

use component_host::{ComponentFile, Host, Serving, build};
use futures::{StreamExt, future::join_all, stream};
use http::Method;
use support::{exchange, until};
use tempfile::TempDir;

const TASK: &str = "/tasks/1?storage=key-value";
const APPEND: &str = "/tasks/1/events?storage=key-value";

async fn serve(host: &Host) -> Serving {
    let load = || ComponentFile::load(build("nuncio-storage-component", &["spin-key-value"])).unwrap();
    host.serve(&tokio::task::spawn_blocking(load).await.unwrap()).await.unwrap()
}

/// A host whose component has a store for the label `default`.
fn with_store(directory: &TempDir) -> Host {
    Host::new().key_value("default", directory.path().join("store.db"))
}

async fn ask(serving: &Serving, method: Method, path: &str) -> (u16, String) {
    let (status, body) = exchange(serving, method, path, "").await;
    (status.as_u16(), body)
}

async fn post(serving: &Serving, path: &str) -> (u16, String) {
    ask(serving, Method::POST, path).await
}

async fn create(serving: &Serving) {
    assert_eq!(post(serving, TASK).await, (200, "1".to_owned()));
}

/// How long the log of the task is.
async fn revision(serving: &Serving) -> u64 {
    let (status, body) = ask(serving, Method::GET, TASK).await;
    assert_eq!(status, 200, "{body}");
    body.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn spin_key_value_conforms() {
    let names = ask(&serve(&Host::new()).await, Method::GET, "/cases").await.1;
    let names: Vec<_> = names.lines().collect();
    assert!(names.len() > 60, "{names:?}");
    let directory = tempfile::tempdir().unwrap();
    // A case that does not hold ends its instance: that is to be alone in it.
    let host = Host::new().concurrent_requests(1);
    let file = |name: &str| directory.path().join(format!("{name}.db"));
    let host = names.iter().fold(host, |host, name| host.key_value(*name, file(name)));
    let serving = serve(&host).await;
    let serving = &serving;
    let runs = names.iter().map(|name| async move {
        (name, post(serving, &format!("/cases/{name}?storage=key-value&label={name}")).await)
    });
    let answers: Vec<_> = stream::iter(runs).buffer_unordered(4).collect().await;
    let failed: Vec<_> = answers.iter().filter(|(_, (status, _))| *status != 200).collect();
    assert!(failed.is_empty(), "{failed:#?}\n{}", *serving.stderr().borrow());
}

/// Several instances at the same moment are what this storage is not for. They may lose what somebody was told is stored,
/// and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn racing_instances_do_no_more_than_lose_what_they_write_at_once() {
    const ROUNDS: u64 = 20;
    let directory = tempfile::tempdir().unwrap();
    let serving = serve(&with_store(&directory)).await;
    create(&serving).await;
    let mut lost = 0;
    for revision in 1..=ROUNDS {
        let path = format!("{APPEND}&expected={revision}");
        let answers = join_all((0..12).map(|_| post(&serving, &path))).await;
        let next = (revision + 1).to_string();
        assert!(answers.iter().all(|(status, at)| matches!(status, 200 | 409) && *at == next), "{answers:?}");
        let won = answers.iter().filter(|(status, _)| *status == 200).count();
        assert!(won > 0, "{answers:?}");
        lost += won - 1;
        assert_eq!(self::revision(&serving).await, revision + 1);
    }
    assert!(lost < 3 * ROUNDS as usize, "{lost} of {} are lost", 12 * ROUNDS);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stored_outlives_its_instance_and_its_host() {
    let directory = tempfile::tempdir().unwrap();
    let host = with_store(&directory).idle(Duration::from_millis(50));
    let serving = serve(&host).await;
    create(&serving).await;
    until(&mut serving.instances(), |instances| instances.running() == 0).await;
    assert_eq!(revision(&serving).await, 1);
    assert_eq!(post(&serving, &format!("{APPEND}&expected=1&count=5")).await.1, "6");
    serving.stop().await;
    let serving = serve(&host).await;
    assert_eq!(revision(&serving).await, 6);
    // One instance after the other, each for one request.
    let serving = serve(&with_store(&directory).requests_per_instance(1)).await;
    for revision in 6..30 {
        let appended = post(&serving, &format!("{APPEND}&expected={revision}")).await;
        assert_eq!(appended, (200, (revision + 1).to_string()));
    }
    assert_eq!(revision(&serving).await, 30);
    serving.stop().await;
    // What each of them wrote has its name, which no other has.
    let store = rusqlite::Connection::open(directory.path().join("store.db")).unwrap();
    let mut keys = store.prepare("SELECT key FROM spin_key_value WHERE key LIKE 'a2a.event.%'").unwrap();
    let keys = keys.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let writers: HashSet<_> = keys.map(|key| key.unwrap().split(['.', '-']).nth(7).unwrap().to_owned()).collect();
    assert_eq!(writers.len(), 26, "{writers:?}");
}

/// Microseconds after which an instance dies or a caller goes, of which some are in the middle of an append of so many
/// events.
const MOMENTS: [u64; 12] = [0, 300, 1000, 2000, 3000, 5000, 7000, 9000, 12_000, 16_000, 20_000, 25_000];
const EVENTS: u64 = 100;

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_dies_in_the_middle_of_an_append_leaves_all_of_it_or_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let serving = serve(&with_store(&directory)).await;
    create(&serving).await;
    let (mut now, mut died) = (1, 0);
    for moment in MOMENTS {
        let (status, _) = post(&serving, &format!("{APPEND}&expected={now}&count={EVENTS}&trap_after={moment}")).await;
        died += u32::from(status != 200);
        let found = revision(&serving).await;
        assert!(found == now || found == now + EVENTS, "after {moment} µs: {found} instead of {now}");
        let appended = post(&serving, &format!("{APPEND}&expected={found}")).await;
        assert_eq!(appended, (200, (found + 1).to_string()));
        now = found + 1;
    }
    assert!(died > 3, "{died} instances died");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_caller_has_begun_who_goes_away_is_finished() {
    let directory = tempfile::tempdir().unwrap();
    let serving = serve(&with_store(&directory)).await;
    create(&serving).await;
    let (mut now, mut gone) = (1, 0);
    for moment in MOMENTS {
        let (status, _) = post(&serving, &format!("{APPEND}&expected={now}&count={EVENTS}&drop_after={moment}")).await;
        gone += u32::from(status == 202);
        now += EVENTS;
        let appended = post(&serving, &format!("{APPEND}&expected={now}")).await;
        assert_eq!(appended, (200, (now + 1).to_string()), "after {moment} µs");
        now += 1;
    }
    assert!(gone > 3, "{gone} callers went");
    assert_eq!(serving.instances().borrow().started, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_the_component_may_not_use_is_named() {
    let (status, said) = post(&serve(&Host::new()).await, &format!("{TASK}&label=tasks")).await;
    assert!(status == 500 && said.contains("tasks") && said.contains("key_value_stores"), "{status} {said}");
}
