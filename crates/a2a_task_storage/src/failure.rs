//! Why a database did not do what it was asked.

use std::{error::Error, fmt};

use a2a_app_ports::StorageError;

/// What is the matter, as far as something can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SqlFailureKind {
    /// There is no room left to write.
    Full,
    /// It may not be written to.
    ReadOnly,
    /// Another process has it.
    InUse,
    /// It is not there.
    Missing,
    /// It was written by an earlier version of this program, and cannot be read as it is.
    Older,
    /// It was written by a later version of this program.
    Newer,
    /// It is not what this program writes: of another program, or damaged.
    Damaged,
    /// The server does not answer.
    Unreachable,
    /// The connection was lost, or the server broke down, while something was being stored: whether it
    /// is, is not known.
    Unknown,
    /// Two writers stood in each other's way; either may be tried again.
    Again,
    /// Anything else.
    Other,
}

/// The cause of a [`StorageError::Failed`] of this crate. Says where and what to do; never holds a
/// password.
#[derive(Debug)]
pub struct SqlFailure {
    kind: SqlFailureKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl SqlFailure {
    pub(crate) fn new(kind: SqlFailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    pub(crate) fn because(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// The same to tell several of: without its cause, which is in its text.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn copy(error: &StorageError) -> StorageError {
        Self::new(Self::kind_of(error).unwrap_or(SqlFailureKind::Other), Self::text_of(error)).into()
    }

    /// A row that cannot be as this program wrote it.
    pub(crate) fn damaged(what: impl fmt::Display) -> StorageError {
        Self::new(SqlFailureKind::Damaged, format!("the stored data is damaged: {what}")).into()
    }

    /// What an error of a storage says, with the cause that only its source names.
    pub(crate) fn text_of(error: &StorageError) -> String {
        let StorageError::Failed(cause) = error else { return error.to_string() };
        cause.source().map_or_else(|| cause.to_string(), |source| format!("{cause} ({source})"))
    }

    /// What is the matter.
    pub fn kind(&self) -> SqlFailureKind {
        self.kind
    }

    /// What is the matter, if the error is of this crate.
    pub fn kind_of(error: &StorageError) -> Option<SqlFailureKind> {
        match error {
            StorageError::Failed(cause) => cause.downcast_ref::<Self>().map(Self::kind),
            _ => None,
        }
    }
}

impl fmt::Display for SqlFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for SqlFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl From<SqlFailure> for StorageError {
    fn from(failure: SqlFailure) -> Self {
        Self::Failed(Box::new(failure))
    }
}
