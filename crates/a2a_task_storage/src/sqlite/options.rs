//! Where and how tasks are kept in a file.

use std::path::PathBuf;

use crate::Retention;

/// How a [`SqliteStorage`](super::SqliteStorage) is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SqliteOptions {
    /// The file. It is made if it is not there, with its directory; beside it come `-wal` and `-shm`
    /// of SQLite and `-lock` of ours.
    pub path: PathBuf,
    /// For how long tasks are kept.
    pub retention: Retention,
    /// About how many bytes of memory the tasks take that are kept at hand for the next append, 64
    /// MiB by default.
    pub cache_bytes: usize,
    /// How large the file may grow, in bytes; as large as the disk allows by default.
    pub max_bytes: Option<u64>,
}

impl SqliteOptions {
    /// A file, with the defaults.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), retention: Retention::default(), cache_bytes: 64 << 20, max_bytes: None }
    }
}

impl<P: Into<PathBuf>> From<P> for SqliteOptions {
    fn from(path: P) -> Self {
        Self::new(path)
    }
}
