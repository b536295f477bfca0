//! The storage in PostgreSQL conforms, and outlives its connections.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;
#[path = "common/postgres.rs"]
mod postgres;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use a2a_app_ports::{
    Author, Creation, FleetStorage, ListQuery, Storage, StorageError, TaskStorage,
    conformance::{racing_appends, storage_suite},
};
use a2a_protocol_core::{TaskState, Timestamp};
use a2a_task_storage::{PostgresOptions, PostgresStorage, Retention, SqlFailure, SqlFailureKind};
use common::{LONG, REPLICA, admin::verify, chunk, create, created, fold, id, migration, retention, run_to_end, scope};
use futures::future::join_all;
use postgres::{PASSWORD, Server};
use tokio::sync::Notify;

/// Options for a schema that nobody else uses.
fn options(server: &Server) -> PostgresOptions {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let mut options = PostgresOptions::new(server.url());
    options.schema = format!("test \"{}\"", NUMBER.fetch_add(1, Relaxed));
    options.connections = 4;
    options
}

async fn open(server: &Server) -> PostgresStorage {
    PostgresStorage::open(options(server)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_storage_conforms() {
    let server = Server::get();
    storage_suite(async || open(&server).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_storage_conforms_without_a_cache() {
    let server = Server::get();
    storage_suite(async || {
        let mut options = options(&server);
        options.cache_bytes = 0;
        PostgresStorage::open(options).await.unwrap()
    })
    .await;
}

#[test]
fn racing_threads_do_not_overwrite_each_other() {
    let server = Server::get();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let storage = runtime.block_on(open(&server));
    let handle = runtime.handle().clone();
    racing_appends(&storage, &move |future| handle.block_on(future));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_is_forgotten_in_time() {
    let server = Server::get();
    let keeping = async |retention: Retention| {
        let mut options = options(&server);
        options.retention = retention;
        PostgresStorage::open(options).await.unwrap()
    };
    retention::logs_go_after_the_replay_window(&keeping(retention::WINDOW).await).await;
    retention::a_long_log_goes_piece_by_piece(&keeping(retention::WINDOW).await).await;
    retention::a_log_stays_until_webhooks_are_told(&keeping(retention::WINDOW).await).await;
    retention::ended_tasks_go_when_they_are_too_old_or_too_many(&keeping(retention::KEEP).await).await;
    retention::claims_that_expired_are_forgotten(&keeping(Retention::default()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_at_once_make_the_schema_once() {
    let server = Server::get();
    let options = options(&server);
    let replicas = join_all((0..8).map(|_| PostgresStorage::open(options.clone()))).await;
    let replicas: Vec<_> = replicas.into_iter().map(Result::unwrap).collect();
    run_to_end(&replicas[0], 1, 0).await;
    for replica in &replicas {
        assert!(replica.snapshot(&scope(), id(1)).await.unwrap().is_some());
        assert_eq!(replica.page_token_key([1; 32]).await.unwrap(), [1; 32]);
    }
}

/// A connection of the test's own, in which each statement stands for itself.
async fn admin(server: &Server) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(&server.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_schema_is_not_touched() {
    let server = Server::get();
    let options = options(&server);
    drop(PostgresStorage::open(options.clone()).await.unwrap());
    let schema = options.schema.replace('"', "\"\"");
    let set = format!("UPDATE \"{schema}\".meta SET value = '99' WHERE key = 'schema'");
    admin(&server).await.batch_execute(&set).await.unwrap();
    let error = PostgresStorage::open(options).await.unwrap_err();
    assert_eq!(SqlFailure::kind_of(&error), Some(SqlFailureKind::Newer), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_of_version_1_are_used_where_their_messages_are_stored() {
    let server = Server::get();
    let options = options(&server);
    let schema = options.schema.replace('"', "\"\"");
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let bytes = |bytes: &[u8]| format!("'\\x{}'", hex(bytes));
    let rows = migration::rows_of_v1(|name| bytes(name.as_bytes()), bytes);
    let v1 = include_str!("../src/postgres/v1.sql");
    let made = format!(
        "CREATE SCHEMA \"{schema}\"; SET search_path TO \"{schema}\"; {v1}; \
         INSERT INTO meta (key, value) VALUES ('schema', '1'); {rows} \
         INSERT INTO claims SELECT scope, '\\x00', digest, task, replica, expires, NULL FROM claims LIMIT 1;"
    );
    admin(&server).await.batch_execute(&made).await.unwrap();
    let storage = PostgresStorage::open(options).await.unwrap();
    migration::claims_of_v1_are_used_where_their_messages_are_stored(&storage).await;
    assert_eq!(verify(&storage).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn any_text_is_stored() {
    let server = Server::get();
    let storage = open(&server).await;
    let odd = a2a_app_ports::Scope { agent: "a\0gent".into(), tenant: Some("☃'\"".into()), owner: None };
    let mut first = created(0);
    if let a2a_protocol_core::EventKind::Created { context_id, .. } = &mut first.kind {
        *context_id = "con\0text".into();
    }
    let log = vec![first, chunk(1, "nul \0 and ☃", false)];
    create(&storage, &odd, id(1), log.clone()).await.unwrap();
    assert_eq!(storage.events(&odd, id(1), 0, 9).await.unwrap(), Some(log));
    let query = ListQuery { context_id: Some("con\0text".into()), limit: 1, ..ListQuery::default() };
    let page = storage.list(&odd, &query).await.unwrap();
    assert_eq!((page.total, &*page.tasks[0].context_id), (1, "con\0text"));
}

/// Appends to tasks while connections are cut again and again, and finds every event once.
async fn append_through(storage: &impl Storage, cuts: usize, mut cut: impl AsyncFnMut()) {
    let (over, appended, grown) = (AtomicBool::new(false), AtomicU64::new(0), Notify::new());
    let writers = (0..4).map(async |number| {
        create(storage, &scope(), id(number), vec![created(0)]).await.unwrap();
        let mut revision = 1;
        while !over.load(Relaxed) {
            let next = chunk(revision, &format!("{revision} "), revision > 1);
            assert_eq!(
                storage.append(&scope(), id(number), revision, vec![next], Author::Caller).await.unwrap(),
                revision + 1
            );
            revision += 1;
            appended.fetch_add(1, Relaxed);
            grown.notify_one();
        }
        let log = storage.events(&scope(), id(number), 0, usize::MAX).await.unwrap().unwrap();
        assert_eq!(log.len() as u64, revision);
        let snapshot = storage.snapshot(&scope(), id(number)).await.unwrap().unwrap();
        assert_eq!((snapshot.revision, &*snapshot.task), (revision, &fold(id(number), &log)));
    });
    let disturb = async {
        for round in 1..=cuts as u64 {
            // Not always at the same place of the next append; and more than can have been on their way at the last cut.
            let enough = appended.load(Relaxed) + 10 + round % 7;
            while appended.load(Relaxed) < enough {
                grown.notified().await;
            }
            cut().await;
        }
        over.store(true, Relaxed);
    };
    futures::join!(join_all(writers), disturb);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_lose_and_repeat_nothing() {
    const CUT: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
        WHERE pid <> pg_backend_pid() AND application_name = 'nuncio'";
    let server = Server::new();
    let storage = open(&server).await;
    let admin = admin(&server).await;
    append_through(&storage, 40, async || assert!(admin.query_one(CUT, &[]).await.is_ok())).await;
    assert!(storage.metrics().reconnects >= 40, "{:?}", storage.metrics());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_crashes_and_comes_back_loses_nothing() {
    let server = Arc::new(Server::new());
    let mut options = options(&server);
    options.patience = Duration::from_secs(60);
    let storage = PostgresStorage::open(options).await.unwrap();
    append_through(&storage, 3, async || {
        let server = server.clone();
        let restart = move || {
            server.stop();
            server.start();
        };
        tokio::task::spawn_blocking(restart).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_say_where_and_never_the_password() {
    let server = Server::get();
    let mut gone = options(&server);
    gone.patience = Duration::from_millis(50);
    let (port, _) = (1, ());
    gone.url = format!("postgres://nuncio:{PASSWORD}@127.0.0.1:{port}/tasks");
    let mut wrong = options(&server);
    wrong.url = wrong.url.replace("correct", "incorrect");
    let cases = [(gone, SqlFailureKind::Unreachable, "127.0.0.1:1/tasks"), (wrong, SqlFailureKind::Other, "password")];
    for (options, kind, says) in cases {
        assert!(!format!("{options:?}").contains("horse"));
        let error = PostgresStorage::open(options).await.unwrap_err();
        assert_eq!(SqlFailure::kind_of(&error), Some(kind), "{error:?}");
        let StorageError::Failed(cause) = &error else { panic!("{error:?}") };
        assert!(cause.to_string().contains(says), "{cause}");
        assert!(!format!("{error} {error:?} {cause}").contains("horse"));
    }
    assert!(!format!("{:?}", open(&server).await).contains("horse"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_does_not_come_for_the_answer_keeps_nobody_waiting() {
    let server = Server::get();
    let mut options = options(&server);
    (options.connections, options.patience) = (1, Duration::from_secs(5));
    let storage = PostgresStorage::open(options).await.unwrap();
    run_to_end(&storage, 1, 0).await;
    let scope = scope();
    let mut slow = storage.events(&scope, id(1), 0, 9);
    assert!(futures::poll!(&mut slow).is_pending());
    storage.snapshot(&scope, id(1)).await.unwrap();
    run_to_end(&storage, 2, 0).await;
    assert_eq!(slow.await.unwrap().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_given_up_leaves_nothing_half_done() {
    let server = Server::get();
    let storage = open(&server).await;
    storage.join(REPLICA, LONG).await.unwrap();
    let scope = scope();
    for number in 0..50 {
        let creation = Creation::new(vec![created(0), chunk(1, "x", false)], REPLICA);
        let create = storage.create(&scope, id(number), creation);
        tokio::select! { biased; _ = create => {}, () = tokio::time::sleep(Duration::from_micros(number * 40)) => {} }
    }
    let query = ListQuery { state: Some(TaskState::Submitted), limit: 100, ..ListQuery::default() };
    while storage.list(&scope, &query).await.unwrap().total != 50 {}
    assert_eq!(storage.list(&scope, &query).await.unwrap().tasks.len(), 50);
    assert!(!storage.sweep(Timestamp::UNIX_EPOCH).await.unwrap());
    assert_eq!(storage.append(&scope, id(0), 2, vec![chunk(2, "y", true)], Author::Caller).await.unwrap(), 3);
}
