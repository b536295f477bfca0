//! Where tasks are kept.

use std::path::PathBuf;

use a2a_app_ports::StorageError;
use a2a_task_storage::{PostgresOptions, PostgresStorage, SqliteStorage, StoreAdmin};

use super::failed;
use crate::error::Failure;

/// Where tasks are kept.
pub(super) enum Place {
    /// In the file tasks.db of a directory.
    Directory(PathBuf),
    /// In a database of PostgreSQL.
    Database(PostgresOptions),
}

impl Place {
    /// Opens what is there, only to read it.
    pub(super) async fn open_to_read(self) -> Result<Box<dyn StoreAdmin>, Failure> {
        match self {
            Self::Directory(directory) => boxed(SqliteStorage::open_to_read(directory.join(FILE))),
            Self::Database(options) => boxed(PostgresStorage::open_to_read(options).await),
        }
    }

    /// Opens it to change something; makes it if it is not there.
    pub(super) async fn open_to_write(self) -> Result<Box<dyn StoreAdmin>, Failure> {
        match self {
            Self::Directory(directory) => boxed(SqliteStorage::open(directory.join(FILE))),
            Self::Database(options) => boxed(PostgresStorage::open(options).await),
        }
    }
}

fn boxed(opened: Result<impl StoreAdmin + 'static, StorageError>) -> Result<Box<dyn StoreAdmin>, Failure> {
    Ok(Box::new(opened.map_err(|error| failed(&error))?))
}

/// The name of the file in a directory of data.
const FILE: &str = "tasks.db";
