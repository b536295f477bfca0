//! Where and how tasks are kept in the SQLite of a Spin host.

use std::time::Duration;

use crate::Retention;

/// How a [`SpinSqliteStorage`](super::SpinSqliteStorage) is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpinSqliteOptions {
    /// The label of the database, as `sqlite_databases` of the component in `spin.toml` has it. It is to
    /// hold nothing else.
    pub label: String,
    /// For how long tasks are kept.
    pub retention: Retention,
    /// About how many bytes of the memory of an instance the tasks take that are kept at hand for the
    /// next append, 8 MiB by default.
    pub cache_bytes: usize,
    /// How long an operation may take, 10 seconds by default, waiting for what other instances and other
    /// requests of this one write. It fails then, and nothing is stored.
    pub patience: Duration,
}

impl SpinSqliteOptions {
    /// A database, with the defaults.
    pub fn new(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            retention: Retention::default(),
            cache_bytes: 8 << 20,
            patience: Duration::from_secs(10),
        }
    }
}

impl<L: Into<String>> From<L> for SpinSqliteOptions {
    fn from(label: L) -> Self {
        Self::new(label)
    }
}
