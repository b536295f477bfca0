//! The storage in a key-value store does what every storage has to do, in a host like Spin's, and keeps what it was given
//! through the deaths of instances. What several instances at once do to it, its own tests show.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod storages;
mod support;

use std::collections::HashSet;

use component_host::Host;
use futures::future::join_all;
use storages::{KEY_VALUE, MOMENTS, post};

#[tokio::test(flavor = "multi_thread")]
async fn spin_key_value_conforms() {
    KEY_VALUE.conforms().await;
}

/// Several instances at the same moment are what this storage is not for. They may lose what somebody was told is stored,
/// and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn racing_instances_do_no_more_than_lose_what_they_write_at_once() {
    const ROUNDS: u64 = 20;
    let directory = tempfile::tempdir().unwrap();
    let serving = KEY_VALUE.serve(&KEY_VALUE.host(&directory)).await;
    KEY_VALUE.create(&serving).await;
    let mut lost = 0;
    for revision in 1..=ROUNDS {
        let path = KEY_VALUE.append(revision);
        let answers = join_all((0..12).map(|_| post(&serving, &path))).await;
        let next = (revision + 1).to_string();
        assert!(answers.iter().all(|(status, at)| matches!(status, 200 | 409) && *at == next), "{answers:?}");
        let won = answers.iter().filter(|(status, _)| *status == 200).count();
        assert!(won > 0, "{answers:?}");
        lost += won - 1;
        assert_eq!(KEY_VALUE.revision(&serving).await, revision + 1);
    }
    assert!(lost < 3 * ROUNDS as usize, "{lost} of {} are lost", 12 * ROUNDS);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stored_outlives_its_instance_and_its_host() {
    let directory = tempfile::tempdir().unwrap();
    KEY_VALUE.keeps(&directory).await.stop().await;
    // One instance after the other, each for one request.
    let serving = KEY_VALUE.serve(&KEY_VALUE.host(&directory).requests_per_instance(1)).await;
    for revision in 6..30 {
        let appended = post(&serving, &KEY_VALUE.append(revision)).await;
        assert_eq!(appended, (200, (revision + 1).to_string()));
    }
    assert_eq!(KEY_VALUE.revision(&serving).await, 30);
    serving.stop().await;
    // What each of them wrote has its name, which no other has.
    let store = rusqlite::Connection::open(directory.path().join("tasks.db")).unwrap();
    let mut keys = store.prepare("SELECT key FROM spin_key_value WHERE key LIKE 'a2a.event.%'").unwrap();
    let keys = keys.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let writers: HashSet<_> = keys.map(|key| key.unwrap().split(['.', '-']).nth(7).unwrap().to_owned()).collect();
    assert_eq!(writers.len(), 26, "{writers:?}");
}

/// Appended while an instance dies or a caller goes.
const EVENTS: u64 = 100;

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_dies_in_the_middle_of_an_append_leaves_all_of_it_or_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let serving = KEY_VALUE.serve(&KEY_VALUE.host(&directory)).await;
    KEY_VALUE.create(&serving).await;
    let (mut now, mut died) = (1, 0);
    for moment in MOMENTS {
        let (status, _) =
            post(&serving, &format!("{}&count={EVENTS}&trap_after={moment}", KEY_VALUE.append(now))).await;
        died += u32::from(status != 200);
        let found = KEY_VALUE.revision(&serving).await;
        assert!(found == now || found == now + EVENTS, "after {moment} µs: {found} instead of {now}");
        let appended = post(&serving, &KEY_VALUE.append(found)).await;
        assert_eq!(appended, (200, (found + 1).to_string()));
        now = found + 1;
    }
    assert!(died > 3, "{died} instances died");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_caller_has_begun_who_goes_away_is_finished() {
    KEY_VALUE.finishes(EVENTS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_the_component_may_not_use_is_named() {
    let (status, said) = post(&KEY_VALUE.serve(&Host::new()).await, &format!("{}&label=tasks", KEY_VALUE.task())).await;
    assert!(status == 500 && said.contains("tasks") && said.contains("key_value_stores"), "{status} {said}");
}
