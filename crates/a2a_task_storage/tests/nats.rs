//! Replicas wake each other by a real NATS server, also after it was away.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

#[path = "common/nats.rs"]
mod nats;

use std::time::Duration;

use a2a_app_ports::{BoxStream, EventBus, StorageError, TaskId, Wake};
use a2a_task_storage::{NatsBus, NatsOptions, SqlFailure, SqlFailureKind};
use futures::StreamExt;
use nats::{PASSWORD, Server};

async fn open(server: &Server) -> NatsBus {
    NatsBus::open(&NatsOptions::new(server.url())).await.unwrap()
}

fn task(number: u128) -> TaskId {
    TaskId::from_u128(number)
}

async fn next(wakes: &mut BoxStream<'static, Wake>) -> Wake {
    tokio::time::timeout(Duration::from_secs(30), wakes.next()).await.expect("no wake-up comes").expect("the bus ended")
}

/// Publishes until it is told of the task itself. Each time something comes: what was under way when
/// the connection was lost is told as [`Wake::All`].
async fn goes_on(from: &NatsBus, to: &mut BoxStream<'static, Wake>, number: u128, after: u64) {
    for revision in after + 1.. {
        from.publish(task(number), revision);
        if matches!(next(to).await, Wake::Task(told, its) if told == task(number) && its > after) {
            return;
        }
    }
}

#[tokio::test]
async fn the_others_are_woken_and_nobody_else() {
    let server = Server::new();
    let (one, two) = (open(&server).await, open(&server).await);
    let mut other = NatsOptions::new(server.url());
    other.subject = "another.storage".to_owned();
    let (other, its_replica) = (NatsBus::open(&other).await.unwrap(), NatsBus::open(&other).await.unwrap());
    let (mut to_one, mut to_two, mut to_other) = (one.subscribe(), two.subscribe(), other.subscribe());
    one.publish(task(1), 3);
    assert_eq!(next(&mut to_two).await, Wake::Task(task(1), 3));
    two.publish(task(2), 4);
    assert_eq!(next(&mut to_one).await, Wake::Task(task(2), 4), "its own came back");
    its_replica.publish(task(3), 5);
    assert_eq!(next(&mut to_other).await, Wake::Task(task(3), 5), "of another subject");
    drop(two);
    assert_eq!(to_two.next().await, None);
}

#[tokio::test]
async fn of_many_wake_ups_for_a_task_the_latest_is_sent() {
    let server = Server::new();
    let (one, two) = (open(&server).await, open(&server).await);
    let mut wakes = two.subscribe();
    // Nothing is sent while this runs: there is one thread.
    (1..=10_000).for_each(|revision| one.publish(task(1), revision));
    one.publish(task(2), 1);
    assert_eq!(next(&mut wakes).await, Wake::Task(task(1), 10_000));
    assert_eq!(next(&mut wakes).await, Wake::Task(task(2), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_and_comes_back_has_everyone_look() {
    let server = Server::new();
    let (one, two) = (open(&server).await, open(&server).await);
    let (mut to_one, mut to_two) = (one.subscribe(), two.subscribe());
    for round in 1..=3 {
        server.stop();
        for revision in 0..20_000 {
            one.publish(task(revision), 1);
        }
        server.start();
        for wakes in [&mut to_one, &mut to_two] {
            while next(wakes).await != Wake::All {}
        }
        goes_on(&one, &mut to_two, 1, round * 1_000_000).await;
        goes_on(&two, &mut to_one, 2, round * 1_000_000).await;
    }
}

#[tokio::test]
async fn errors_say_where_and_never_the_password() {
    let server = Server::new();
    let bus = open(&server).await;
    assert!(!format!("{bus:?}").contains("horse"));
    let gone = NatsOptions::new(format!("nats://nuncio:{}@127.0.0.1:1", PASSWORD.replace(' ', "%20")));
    let wrong = NatsOptions::new(server.url().replace("correct", "incorrect"));
    let guest = NatsOptions::new(server.url().replace("//nuncio", "//guest"));
    let cases = [
        (gone, SqlFailureKind::Unreachable, "127.0.0.1:1 "),
        (wrong, SqlFailureKind::Other, "authorization violation"),
        (guest, SqlFailureKind::Other, "Permissions Violation"),
    ];
    for (options, kind, says) in cases {
        let error = NatsBus::open(&options).await.unwrap_err();
        assert_eq!(SqlFailure::kind_of(&error), Some(kind), "{error:?}");
        let StorageError::Failed(cause) = &error else { panic!("{error:?}") };
        assert!(cause.to_string().contains(says), "{cause}");
        assert!(cause.to_string().starts_with("the NATS server 127.0.0.1:"), "{cause}");
        assert!(!format!("{options:?} {error} {error:?} {cause}").contains("horse"));
    }
}
