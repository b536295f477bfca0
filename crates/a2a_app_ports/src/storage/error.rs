//! Why a storage does not do what it is asked.

use std::fmt;

use a2a_protocol_core::FoldError;

use super::Revision;

/// Why a storage did not do what it was asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum StorageError {
    /// The scope has no such task.
    NotFound,
    /// The log is longer than the caller knew: nothing was written.
    Conflict {
        /// How long it is.
        current: Revision,
    },
    /// The events do not fit the task: nothing was written.
    Refused(FoldError),
    /// There are as many as there may be: nothing was written.
    Full,
    /// The task is no longer run under this lease, or the replica is lost: nothing was written.
    Fenced,
    /// The message is not claimed for this task, or not any more, or was stored before: nothing was
    /// written.
    Unclaimed,
    /// The storage itself failed.
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("no such task in this scope"),
            Self::Conflict { current } => write!(f, "the log is already at revision {current}"),
            Self::Refused(error) => write!(f, "the event does not fit: {error}"),
            Self::Full => f.write_str("there are as many as there may be"),
            Self::Fenced => f.write_str("the task is run under another lease by now"),
            Self::Unclaimed => f.write_str("the message is not claimed for this task"),
            Self::Failed(_) => f.write_str("the storage failed"),
        }
    }
}

impl std::error::Error for StorageError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(error) => Some(error),
            Self::Failed(cause) => Some(&**cause),
            Self::NotFound | Self::Conflict { .. } | Self::Full | Self::Fenced | Self::Unclaimed => None,
        }
    }
}
