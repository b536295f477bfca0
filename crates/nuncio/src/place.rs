//! Where agents keep their tasks: in a directory or in a database.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use a2a_app_ports::StorageError;
use a2a_task_storage::{
    PostgresOptions, PostgresStorage, SqlFailure, SqlFailureKind, SqliteOptions, SqliteStorage, StoreAdmin,
};

use crate::error::{Code, Failure};

/// The variables that name databases and the bus between replicas; they hold passwords.
pub(crate) const DATABASE_URL: &str = "A2ACLI_DATABASE_URL";
pub(crate) const NATS_URL: &str = "A2ACLI_NATS_URL";

/// Where tasks are kept.
pub(crate) enum Place {
    /// In the file tasks.db of a directory.
    Directory(PathBuf),
    /// In a database of PostgreSQL.
    Database(PostgresOptions),
}

impl Place {
    /// The place that one of the two flags names, or else the environment.
    pub(crate) fn of(data: Option<&Path>, database_url: Option<&str>) -> Result<Option<Self>, Failure> {
        if let Some(directory) = data {
            return match directory.as_os_str().is_empty() {
                true => Err(Failure::usage("--data: must name a directory")),
                false => Ok(Some(Self::Directory(directory.to_owned()))),
            };
        }
        let (url, origin) = match (database_url, variable(DATABASE_URL)) {
            (Some(url), _) => (url.to_owned(), "--database-url"),
            (None, Some(url)) => (url, DATABASE_URL),
            (None, None) => return Ok(None),
        };
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            let what = "must be the URL of a PostgreSQL database, such as postgres://user:password@host/name";
            return Err(Failure::usage(format!("{origin}: {what}")));
        }
        Ok(Some(Self::Database(PostgresOptions::new(url))))
    }

    /// Opens what is there, only to read it.
    pub(crate) async fn open_to_read(self) -> Result<Box<dyn StoreAdmin>, StorageError> {
        Ok(match self {
            Self::Directory(directory) => Box::new(SqliteStorage::open_to_read(file(&directory))?),
            Self::Database(options) => Box::new(PostgresStorage::open_to_read(options).await?),
        })
    }

    /// Opens it to change something; makes it if it is not there.
    pub(crate) async fn open_to_write(self) -> Result<Box<dyn StoreAdmin>, StorageError> {
        Ok(match self {
            Self::Directory(directory) => Box::new(SqliteStorage::open(file(&directory))?),
            Self::Database(options) => Box::new(PostgresStorage::open(options).await?),
        })
    }
}

/// The options of the storage in a directory.
pub(crate) fn file(directory: &Path) -> SqliteOptions {
    SqliteOptions::new(directory.join("tasks.db"))
}

/// What a variable says; an empty value is none.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Makes a directory that is for this user only, with those above it. One that is there stays as it is.
pub(crate) fn make(directory: &Path) -> Result<(), Failure> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(directory).map_err(|error| {
        let place = directory.display();
        let message = match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => format!("{place} is not a directory"),
            _ => format!("cannot make the directory {place}: {error}"),
        };
        Failure::new(Code::Store, message).hint("choose another place with --data")
    })
}

/// A failure of a storage or a bus.
pub(crate) fn failed(error: &StorageError) -> Failure {
    let message = match error {
        StorageError::Failed(cause) => match cause.source() {
            Some(source) => format!("{cause} ({source})"),
            None => cause.to_string(),
        },
        other => other.to_string(),
    };
    let code = match SqlFailure::kind_of(error) {
        Some(SqlFailureKind::Damaged) => Code::StoreDamaged,
        Some(SqlFailureKind::Unreachable) => Code::Unreachable,
        _ => Code::Store,
    };
    Failure::new(code, message)
}
