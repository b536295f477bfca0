//! The directory in which an agent keeps its tasks.

use std::{fs, io, path::Path};

use agent_sdk::{SqlFailureKind, SqliteStorage, ports::StorageError};

use crate::error::{Code, Failure};

/// Opens the tasks of a directory; makes both if they are not there.
pub(super) fn open(directory: &Path) -> Result<SqliteStorage, Failure> {
    make(directory).map_err(|error| {
        let place = directory.display();
        let message = match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => format!("{place} is not a directory"),
            _ => format!("cannot make the directory {place}: {error}"),
        };
        Failure::new(Code::Internal, message).hint("choose another place with --data")
    })?;
    SqliteStorage::open(directory.join("tasks.db")).map_err(|error| refused(&error))
}

/// Makes a directory that is for this user only, with those above it. One that is there stays as it is.
fn make(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(directory)
}

/// Most of what can be the matter is said with what to do about it.
fn refused(error: &StorageError) -> Failure {
    let kind = agent_sdk::SqlFailure::kind_of(error);
    let said = match error {
        StorageError::Failed(cause) => cause.to_string(),
        other => other.to_string(),
    };
    let failure = Failure::new(Code::Internal, said);
    match kind {
        Some(SqlFailureKind::InUse | SqlFailureKind::Newer | SqlFailureKind::Damaged) => {
            failure.hint("choose another place with --data")
        }
        _ => failure,
    }
}
