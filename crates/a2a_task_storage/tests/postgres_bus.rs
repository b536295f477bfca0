//! The bus between replicas, over a real server.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

#[path = "common/postgres.rs"]
mod postgres;

use std::time::Duration;

use a2a_app_ports::{BoxStream, EventBus, Revision, TaskId, Wake};
use a2a_task_storage::{PostgresBus, PostgresOptions};
use futures::{FutureExt, StreamExt};
use postgres::Server;

fn options(server: &Server, schema: &str) -> PostgresOptions {
    let mut options = PostgresOptions::new(server.url());
    options.schema = schema.to_owned();
    options
}

async fn open(server: &Server, schema: &str) -> PostgresBus {
    PostgresBus::open(&options(server, schema)).await.unwrap()
}

fn id(number: u128) -> TaskId {
    TaskId::from_u128(number << 64 | number)
}

async fn next(wakes: &mut BoxStream<'static, Wake>) -> Wake {
    tokio::time::timeout(Duration::from_secs(30), wakes.next()).await.unwrap().unwrap()
}

/// Reads until this wake-up; how many there were before it.
async fn read_until(wakes: &mut BoxStream<'static, Wake>, last: Wake) -> usize {
    let mut before = 0;
    while next(wakes).await != last {
        before += 1;
    }
    before
}

/// Publishes until the other one hears of the task itself: until it has said that all may have changed,
/// a bus says no more than that.
async fn hears(bus: &PostgresBus, wakes: &mut BoxStream<'static, Wake>, task: TaskId, revision: Revision) {
    let publish = async {
        loop {
            bus.publish(task, revision);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! { _ = publish => {}, _ = read_until(wakes, Wake::Task(task, revision)) => {} }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_replica_tells_the_others_hear() {
    let server = Server::get();
    let (one, two, three) = (open(&server, "hear").await, open(&server, "hear").await, open(&server, "hear").await);
    let stranger = open(&server, "other").await;
    let (mut own, mut at_two, mut at_three) = (one.subscribe(), two.subscribe(), three.subscribe());
    let (mut also_at_two, mut strange) = (two.subscribe(), stranger.subscribe());
    one.publish(id(1), 7);
    for wakes in [&mut at_two, &mut at_three, &mut also_at_two] {
        assert_eq!(next(wakes).await, Wake::Task(id(1), 7));
    }
    two.publish(id(2), Revision::MAX);
    assert_eq!(next(&mut own).await, Wake::Task(id(2), Revision::MAX), "and nothing of its own before");
    assert_eq!(next(&mut at_three).await, Wake::Task(id(2), Revision::MAX));
    assert_eq!(strange.next().now_or_never(), None, "another schema");
    drop(two);
    assert_eq!(at_two.next().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn wake_ups_are_coalesced() {
    let server = Server::get();
    let (one, two) = (open(&server, "many").await, open(&server, "many").await);
    let mut wakes = two.subscribe();
    for revision in 1..=20_000 {
        one.publish(id(1), revision);
    }
    let told = read_until(&mut wakes, Wake::Task(id(1), 20_000)).await;
    assert!(told < 1000, "{told} of 20000");
    // Of many tasks all are told, in more than one notification.
    (2..2000).for_each(|task| one.publish(id(task), 1));
    for task in 2..2000 {
        assert_eq!(next(&mut wakes).await, Wake::Task(id(task), 1));
    }
    // More than anybody waits for one by one.
    (0..100_000).for_each(|task| one.publish(id(task), 2));
    assert!(read_until(&mut wakes, Wake::All).await < 100_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_that_was_cut_off_comes_back_and_says_so() {
    const CUT: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND application_name = $1";
    let server = Server::new();
    let (one, two) = (open(&server, "cut").await, open(&server, "cut").await);
    let (mut at_one, mut at_two) = (one.subscribe(), two.subscribe());
    let (admin, connection) = tokio_postgres::connect(&server.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    for revision in 1..5 {
        admin.execute(CUT, &[&"nuncio"]).await.unwrap();
        read_until(&mut at_one, Wake::All).await;
        read_until(&mut at_two, Wake::All).await;
        hears(&one, &mut at_two, id(1), revision).await;
    }
    drop(admin);
    let server = tokio::task::spawn_blocking(move || {
        server.stop();
        server.start();
        server
    });
    let server = server.await.unwrap();
    read_until(&mut at_one, Wake::All).await;
    read_until(&mut at_two, Wake::All).await;
    hears(&two, &mut at_one, id(2), 1).await;
    drop(server);
}
