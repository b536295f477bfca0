//! Keeps the tasks of A2A agents where they outlive the process.
//!
//! In scope: [`SqliteStorage`], tasks in a file, for one process. The operations are written in `sql`,
//! over a small part of a database; `sqlite` holds connections, transactions and the schema.
//!
//! Out of scope: what a task is (the domain folds it) and who runs it (the engine decides).

mod failure;
mod retention;
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use failure::{SqlFailure, SqlFailureKind};
pub use retention::Retention;
pub use sql::{SqlMetrics, SqlStorage};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteOptions, SqliteStorage};
