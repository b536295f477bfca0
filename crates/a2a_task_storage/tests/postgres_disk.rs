//! A PostgreSQL server whose disk gets full.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;
#[path = "common/postgres.rs"]
mod postgres;
#[path = "common/small_disk.rs"]
mod small_disk;

use std::time::Duration;

use a2a_app_ports::{Author, StorageError, TaskStorage as _};
use a2a_protocol_core::Event;
use a2a_task_storage::{PostgresOptions, PostgresStorage, SqlFailure, SqlFailureKind};
use common::{
    admin::{all, verify},
    chunk, create, created, fold, id, noise, scope,
};
use postgres::Server;
use small_disk::SmallDisk;

const TASKS: [u64; 4] = [1, 2, 3, 4];

fn options(server: &Server) -> PostgresOptions {
    let mut options = PostgresOptions::new(server.url());
    options.patience = Duration::from_secs(2);
    options
}

/// Appends to tasks at once until nothing more can be: what was acknowledged of each, and why no more was.
async fn fill(storage: &PostgresStorage) -> [(Vec<Event>, SqlFailureKind, String); 4] {
    let fill = async |task: u64| {
        let mut log = vec![created(0)];
        create(storage, &scope(), id(task), log.clone()).await.unwrap();
        for revision in 1..1000 {
            let chunk = chunk(revision, &noise(task << 32 | revision, 100_000), revision > 1);
            match storage.append(&scope(), id(task), revision, vec![chunk.clone()], Author::Caller).await {
                Ok(_) => log.push(chunk),
                Err(StorageError::Failed(cause)) => {
                    let failure = cause.downcast::<SqlFailure>().unwrap();
                    return (log, failure.kind(), failure.to_string());
                }
                Err(error) => panic!("{error:?}"),
            }
        }
        panic!("it never gets full")
    };
    let [a, b, c, d] = TASKS.map(fill);
    futures::join!(a, b, c, d).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_fails_what_does_not_fit_and_nothing_else() {
    let Some(disk) = SmallDisk::new(90, 32 << 20) else { return };
    let server = Server::with_tables_at(disk.path(), false);
    let storage = PostgresStorage::open(options(&server)).await.unwrap();
    let mut stored = fill(&storage).await;
    for (task, (log, kind, said)) in TASKS.into_iter().zip(&stored) {
        assert_eq!(*kind, SqlFailureKind::Full, "{said}");
        for words in ["127.0.0.1", "No space left on device", "free some space; what was acknowledged is safe"] {
            assert!(said.contains(words), "{said}");
        }
        let found = storage.events(&scope(), id(task), 0, 1000).await.unwrap().unwrap();
        assert!(found == *log, "what was refused is not there, and all else is");
        let snapshot = storage.snapshot(&scope(), id(task)).await.unwrap().unwrap();
        assert!(snapshot.revision == log.len() as u64 && *snapshot.task == fold(id(task), log));
    }
    assert_eq!(storage.list(&scope(), &all()).await.unwrap().total, 4);

    disk.make_room();
    for (task, (log, ..)) in TASKS.into_iter().zip(&mut stored) {
        let (revision, more) = (log.len() as u64, chunk(9, &noise(task, 100_000), true));
        storage.append(&scope(), id(task), revision, vec![more.clone()], Author::Caller).await.unwrap();
        log.push(more);
    }
    assert_eq!(verify(&storage).await, []);
    drop(storage);
    server.stop();
    server.start();
    let storage = PostgresStorage::open(options(&server)).await.unwrap();
    for (task, (log, ..)) in TASKS.into_iter().zip(stored) {
        assert!(storage.events(&scope(), id(task), 0, 1000).await.unwrap().unwrap() == log);
    }
    assert_eq!(verify(&storage).await, []);
}

/// Without room for its write-ahead log the server stops.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_outlives_a_server_that_stops_for_want_of_room() {
    let Some(disk) = SmallDisk::new(160, 70 << 20) else { return };
    let server = Server::with_tables_at(disk.path(), true);
    let storage = PostgresStorage::open(options(&server)).await.unwrap();
    let stored = fill(&storage).await;
    for (_, kind, said) in &stored {
        use SqlFailureKind::{Full, Unknown, Unreachable};
        assert!(matches!(kind, Full | Unknown | Unreachable), "{kind:?} {said}");
    }
    disk.make_room();
    server.stop();
    server.start();
    for (task, (log, ..)) in TASKS.into_iter().zip(stored) {
        let found = storage.events(&scope(), id(task), 0, 1000).await.unwrap().unwrap();
        assert!(found.starts_with(&log), "task {task}: {} of {}", found.len(), log.len());
        let more = chunk(9, &noise(task, 100_000), true);
        storage.append(&scope(), id(task), found.len() as u64, vec![more], Author::Caller).await.unwrap();
    }
    assert_eq!(verify(&storage).await, []);
}
