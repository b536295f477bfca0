//! SQLite and key-value.

mod support;

use std::path::Path;

use component_host::{Host, Location};
use http::{Method, StatusCode};
use support::{exchange, get, post, serve};

fn sqlite(directory: &Path) -> Host {
    Host::new().sqlite("default", directory.join("test.db"))
}

/// Runs a script and compares the answer to each line, which stands after its ` => `.
async fn runs(serving: &component_host::Serving, script: &str) {
    let (statements, expected): (Vec<_>, Vec<_>) =
        script.trim().lines().map(|line| line.trim().split_once(" => ").expect("a line has an answer")).unzip();
    let answers = post(serving, "/sql", &statements.join("\n")).await;
    for ((statement, expected), answer) in statements.iter().zip(expected).zip(answers.lines()) {
        assert_eq!(answer, expected, "{statement}");
    }
    assert_eq!(answers.lines().count(), statements.len());
}

#[tokio::test]
async fn values_of_all_types_go_there_and_back_and_rows_stream() {
    let serving = serve(Host::new().sqlite("default", Location::Memory)).await;
    assert_eq!(get(&serving, "/rows?1000").await, "1,0.5,\"text\",[00, ff],null i 500500");
}

#[tokio::test]
async fn a_transaction_spans_statements_and_ends_with_its_connection() {
    let directory = tempfile::tempdir().unwrap();
    let serving = serve(sqlite(directory.path())).await;
    runs(
        &serving,
        r#"
        a: CREATE TABLE t (k TEXT PRIMARY KEY, v INTEGER) => ok
        a: BEGIN IMMEDIATE => ok
        a: INSERT INTO t VALUES ('x', 1), ('y', 2) => ok
        a: changes => 2 2
        b: SELECT count(*) FROM t => 0
        a: COMMIT => ok
        b: SELECT count(*) FROM t => 2
        a: BEGIN => ok
        a: UPDATE t SET v = 3 => ok
        a: ROLLBACK => ok
        a: SELECT v FROM t ORDER BY v => 1 2
        a: UPDATE t SET v = 4 WHERE k = 'x' AND v = 1 RETURNING v => 4
        a: UPDATE t SET v = 4 WHERE k = 'x' AND v = 1 => ok
        a: changes => 0 2
        c: BEGIN IMMEDIATE => ok
        c: DELETE FROM t => ok
        c: drop => dropped
        b: SELECT count(*) FROM t => 2
        b: BEGIN IMMEDIATE => ok
        b: COMMIT => ok
        "#,
    )
    .await;
}

#[tokio::test]
async fn of_two_connections_that_write_one_waits_and_then_fails() {
    let directory = tempfile::tempdir().unwrap();
    let serving = serve(sqlite(directory.path())).await;
    runs(
        &serving,
        r#"
        a: PRAGMA journal_mode => "delete"
        a: PRAGMA busy_timeout => 5000
        a: PRAGMA foreign_keys => 1
        a: CREATE TABLE t (v INTEGER) => ok
        a: BEGIN IMMEDIATE => ok
        b: PRAGMA busy_timeout = 1 => 1
        b: BEGIN IMMEDIATE => Error::Io("database is locked")
        b: SELECT count(*) FROM t => 0
        a: COMMIT => ok
        b: BEGIN IMMEDIATE => ok
        b: INSERT INTO t VALUES (1) => ok
        b: COMMIT => ok
        a: PRAGMA journal_mode = WAL => "wal"
        c: PRAGMA journal_mode => "wal"
        "#,
    )
    .await;
}

#[tokio::test]
async fn writers_of_several_instances_take_turns() {
    let directory = tempfile::tempdir().unwrap();
    let serving = serve(sqlite(directory.path()).requests_per_instance(1)).await;
    runs(&serving, "a: CREATE TABLE t (v INTEGER) => ok\n a: INSERT INTO t VALUES (0) => ok").await;

    let add = "a: BEGIN IMMEDIATE => ok\n a: UPDATE t SET v = v + 1 => ok\n a: COMMIT => ok";
    futures::future::join_all((0..8).map(|_| runs(&serving, add))).await;

    runs(&serving, "a: SELECT v FROM t => 8").await;
    assert_eq!(serving.instances().borrow().started, 10);
}

#[tokio::test]
async fn a_transaction_ends_with_its_instance() {
    let directory = tempfile::tempdir().unwrap();
    let serving = serve(sqlite(directory.path())).await;
    runs(&serving, "a: CREATE TABLE t (v INTEGER) => ok").await;

    let script = "a: BEGIN IMMEDIATE\n a: INSERT INTO t VALUES (1)\n a: panic";
    assert_eq!(exchange(&serving, Method::POST, "/sql", script).await.0, StatusCode::INTERNAL_SERVER_ERROR);

    runs(&serving, "a: BEGIN IMMEDIATE => ok\n a: SELECT count(*) FROM t => 0").await;
}

#[tokio::test]
async fn what_is_wrong_with_a_statement_or_a_database_is_said() {
    let serving = serve(Host::new().sqlite("default", Location::Memory)).await;
    runs(
        &serving,
        r#"
        a: SELEC 1 => Error::Io("near \"SELEC\": syntax error in SELEC 1 at offset 0")
        a@other: SELECT 1 => Error::AccessDenied
        a: ATTACH '/tmp/other.db' AS other => Error::Io("not authorized")
        a: CREATE TABLE t (v INTEGER PRIMARY KEY) => ok
        a: INSERT INTO t VALUES (1) => ok
        a: INSERT INTO t VALUES (1) => Error::Io("UNIQUE constraint failed: t.v")
        b: SELECT * FROM t => Error::Io("no such table: t")
        "#,
    )
    .await;
}

#[tokio::test]
async fn stores_on_files_outlive_the_host() {
    let directory = tempfile::tempdir().unwrap();
    let host = sqlite(directory.path()).key_value("default", directory.path().join("keys.db"));
    let serving = serve(host.clone()).await;
    runs(&serving, "a: CREATE TABLE t (v INTEGER) => ok\n a: INSERT INTO t VALUES (7) => ok").await;
    assert_eq!(exchange(&serving, Method::PUT, "/key/a", "1").await.1, "written");
    assert_eq!(exchange(&serving, Method::PUT, "/key/a", "2").await.1, "written");
    assert_eq!(exchange(&serving, Method::PUT, "/key/b", "3").await.1, "written");
    support::soon(serving.stop()).await;

    let serving = serve(host).await;

    runs(&serving, "a: SELECT v FROM t => 7").await;
    assert_eq!(get(&serving, "/keys").await, "a b");
    assert_eq!(get(&serving, "/key/a").await, "2");
    assert_eq!(exchange(&serving, Method::DELETE, "/key/a", "").await.1, "exists: false");
    assert_eq!(get(&serving, "/key/a").await, "none");
    assert_eq!(get(&serving, "/keys").await, "b");
    let (status, error) = exchange(&serving, Method::GET, "/key/other:a", "").await;
    assert_eq!((status, error.as_str()), (StatusCode::BAD_GATEWAY, "Error::AccessDenied"));
}
