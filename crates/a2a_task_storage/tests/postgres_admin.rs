//! Looking after a storage in PostgreSQL.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;
#[path = "common/postgres.rs"]
mod postgres;

use std::time::Duration;

use a2a_app_ports::{StorageError, TaskStorage as _};
use a2a_task_storage::{
    PostgresOptions, PostgresStorage, Prune, Retention, SqlFailure, SqlFailureKind, SqliteStorage, StoreAdmin as _,
};
use common::{
    admin::{all, export, fill, import, verify},
    at, damage, id, run_to_end, scope,
};
use postgres::Server;

fn options(server: &Server, schema: &str) -> PostgresOptions {
    let mut options = PostgresOptions::new(server.url());
    options.schema = schema.to_owned();
    options.connections = 4;
    options.retention = Retention { replay_window: Duration::from_secs(60), ..Retention::default() };
    options
}

async fn client(server: &Server) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(&server.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_is_the_same_in_either_database() {
    let server = Server::get();
    let from = PostgresStorage::open(options(&server, "from")).await.unwrap();
    fill(&from).await;
    assert_eq!(verify(&from).await, []);
    let lines = export(&from).await;
    let directory = tempfile::tempdir().unwrap();
    let file = SqliteStorage::open(directory.path().join("tasks.db")).unwrap();
    assert_eq!(import(&file, &lines).await, 10);
    assert_eq!(export(&file).await, lines);
    let back = PostgresStorage::open(options(&server, "back")).await.unwrap();
    assert_eq!(import(&back, &export(&file).await).await, 10);
    assert_eq!(import(&back, &lines).await, 0, "all are there");
    assert_eq!(export(&back).await, lines);
    assert_eq!((verify(&file).await, verify(&back).await), (vec![], vec![]));
    assert_eq!(from.list(&scope(), &all()).await.unwrap(), back.list(&scope(), &all()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_found_and_said_by_task() {
    let server = Server::get();
    let client = client(&server).await;
    for (place, (sql, number, says)) in [
        ("DELETE FROM events WHERE task = 2 AND seq = 17", Some(2), "event 17 is missing"),
        ("UPDATE tasks SET state = 77 WHERE n = 4", Some(4), "its row: the stored data is damaged"),
        ("UPDATE counts SET s3 = s3 + 1 WHERE context = ''", None, "1 too many TASK_STATE_COMPLETED"),
        ("DELETE FROM tasks WHERE n = 5", None, "2 events are of no task, at place 5"),
        (
            "UPDATE claims SET place = 7 WHERE message_id = 'said'",
            Some(2),
            "\"said\" is used by event 7, which is another",
        ),
        ("UPDATE push_configs SET told = 1 WHERE id = 'hook'", Some(2), "counts as told, and is not"),
    ]
    .into_iter()
    .enumerate()
    {
        let schema = format!("damage{place}");
        let storage = PostgresStorage::open(options(&server, &schema)).await.unwrap();
        fill(&storage).await;
        client.batch_execute(&format!("SET search_path TO {schema}; {sql}")).await.unwrap();
        let findings = verify(&storage).await;
        let found = findings.iter().any(|finding| finding.task == number.map(id) && finding.what.contains(says));
        assert!(found, "{sql}: no {says:?} in {findings:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_costs_only_what_is_damaged() {
    let server = Server::get();
    let mut options = options(&server, "costs");
    damage::fill(&PostgresStorage::open(options.clone()).await.unwrap()).await;
    let damage = format!("SET search_path TO costs; {}", damage::DAMAGE);
    client(&server).await.batch_execute(&damage).await.unwrap();
    options.retention.keep_ended_for = Some(Duration::ZERO);
    damage::costs_only_itself(&PostgresStorage::open(options).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_of_many_keeps_no_others() {
    let server = Server::get();
    let mut options = options(&server, "many");
    damage::fill_many(&PostgresStorage::open(options.clone()).await.unwrap()).await;
    let damage = format!("SET search_path TO many; {}", damage::MANY);
    client(&server).await.batch_execute(&damage).await.unwrap();
    options.retention = damage::KEEP_FEW;
    damage::of_many_keeps_no_others(&PostgresStorage::open(options).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_ended_is_pruned() {
    let server = Server::get();
    let storage = PostgresStorage::open(options(&server, "pruned")).await.unwrap();
    fill(&storage).await;
    for number in 10..110 {
        run_to_end(&storage, number, number).await;
    }
    for (what, expected) in [(Prune::EndedBefore(at(11)), 2), (Prune::Keep(10), 90), (Prune::Keep(0), 10)] {
        assert_eq!(storage.prunable(what).await.unwrap(), expected);
        let (mut pruned, mut more) = (0, true);
        while more {
            let piece = storage.prune(what).await.unwrap();
            (pruned, more) = (pruned + piece.0, piece.1);
        }
        assert_eq!(pruned, expected);
        assert_eq!(verify(&storage).await, []);
    }
    assert_eq!(storage.tasks(0, 99).await.unwrap().found.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_reads_makes_and_changes_nothing() {
    let server = Server::get();
    let kind = |error: StorageError| SqlFailure::kind_of(&error);
    let missing = PostgresStorage::open_to_read(options(&server, "nowhere")).await.unwrap_err();
    assert_eq!(kind(missing), Some(SqlFailureKind::Missing));
    let schemas = "SELECT 1 FROM pg_namespace WHERE nspname = 'nowhere'";
    assert!(client(&server).await.query(schemas, &[]).await.unwrap().is_empty());

    let storage = PostgresStorage::open(options(&server, "read")).await.unwrap();
    fill(&storage).await;
    let reader = PostgresStorage::open_to_read(options(&server, "read")).await.unwrap();
    assert_eq!(export(&reader).await, export(&storage).await);
    assert_eq!(kind(reader.prune(Prune::Keep(0)).await.unwrap_err()), Some(SqlFailureKind::ReadOnly));
    assert_eq!(storage.prunable(Prune::Keep(0)).await.unwrap(), 2);
}
