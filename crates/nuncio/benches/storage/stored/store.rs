//! The storages, and what is asked of their files.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use a2a_app_ports::Storage;
use agent_sdk::{PostgresOptions, PostgresStorage, SqliteStorage};

use crate::{
    agent::{self, Place},
    disk::{self, ask},
    postgres,
};

/// A storage, and the server that it needs.
pub(super) struct Store {
    pub(super) place: Place,
    database: Option<postgres::Server>,
}

impl Store {
    pub(super) fn all(directory: &Path) -> [Self; 3] {
        let database = postgres::Server::new();
        disk::describe_server(&database.url());
        [
            Self { place: Place::Memory, database: None },
            Self { place: Place::File { path: directory.join("tasks.db") }, database: None },
            Self { place: Place::Database { url: database.url() }, database: Some(database) },
        ]
    }

    pub(super) fn name(&self) -> &'static str {
        self.place.name()
    }

    pub(super) fn is_on_disk(&self) -> bool {
        !matches!(self.place, Place::Memory)
    }

    /// An empty storage of the same kind.
    pub(super) fn beside(&self) -> Self {
        let place = match &self.place {
            Place::Memory => Place::Memory,
            Place::File { path } => Place::File { path: path.with_file_name("beside.db") },
            Place::Database { url } => {
                ask(url, "CREATE DATABASE beside");
                Place::Database { url: url.replace("/postgres", "/beside") }
            }
        };
        Self { place, database: None }
    }

    pub(super) async fn open(&self) -> Arc<dyn Storage> {
        match &self.place {
            Place::Memory => agent::memory().into(),
            Place::File { path } => SqliteStorage::open(path.clone()).unwrap().into(),
            Place::Database { url } => PostgresStorage::open(PostgresOptions::new(url)).await.unwrap().into(),
        }
    }

    /// Does something of which only the result is measured: PostgreSQL does not wait for the disk, and
    /// knows afterwards what it has, as it would have come to know in time.
    pub(super) async fn without_waiting(&self, work: impl Future<Output = ()>) {
        let Place::Database { url } = &self.place else { return work.await };
        let say = |words: &[&str]| words.iter().for_each(|sql| drop(ask(url, sql)));
        say(&["ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"]);
        work.await;
        say(&["ALTER SYSTEM RESET fsync", "SELECT pg_reload_conf()", "VACUUM ANALYZE", "CHECKPOINT"]);
    }

    /// How many bytes it takes on the disk.
    pub(super) fn bytes(&self) -> u64 {
        match &self.place {
            Place::Memory => 0,
            Place::File { path } => {
                let db = rusqlite::Connection::open(path).unwrap();
                let pragma = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
                (pragma("page_size") * (pragma("page_count") - pragma("freelist_count"))).unsigned_abs()
            }
            Place::Database { url } => {
                let tables = "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c \
                    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'nuncio' AND c.relkind = 'r'";
                ask(url, tables).parse().unwrap()
            }
        }
    }

    /// Has it give back what it does not use.
    pub(super) fn pack(&self) {
        match &self.place {
            Place::Memory => {}
            Place::File { path } => rusqlite::Connection::open(path).unwrap().execute_batch("VACUUM").unwrap(),
            Place::Database { url } => drop(ask(url, "VACUUM FULL")),
        }
    }

    /// Has everybody forget what is in the files, so that it is read from the disk again.
    pub(super) fn forget(&self) {
        match (&self.place, &self.database) {
            (Place::File { path }, _) => disk::forget(path),
            (Place::Database { url }, Some(server)) => {
                let data = PathBuf::from(ask(url, "SHOW data_directory"));
                ask(url, "CHECKPOINT");
                server.stop();
                disk::forget(&data);
                server.start();
            }
            _ => {}
        }
    }
}
