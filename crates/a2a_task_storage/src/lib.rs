//! Keeps the tasks of A2A agents where they outlive the process.
//!
//! In scope: [`SqliteStorage`], tasks in a file, for one process; [`PostgresStorage`], tasks in a
//! database, for a fleet of replicas; [`PostgresBus`] and, with the feature `nats`, `NatsBus`, by
//! which those wake each other. The operations are written once, in `sql`, over statements that both
//! databases understand; `sqlite` and `postgres` hold what differs: connections, transactions and the
//! schema.
//!
//! [`StoreAdmin`] is for whoever looks after a storage: all tasks of all scopes, what is damaged, and
//! [`archive`], storages as lines of JSON.
//!
//! Out of scope: what a task is (the domain folds it) and who runs it (the engine decides).

mod admin;
pub mod archive;
mod failure;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "postgres")]
mod postgres;
mod retention;
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "sqlite")]
mod sqlite_schema;
#[cfg(any(feature = "postgres", feature = "nats"))]
mod wakes;

pub use admin::{Checked, ClaimPlace, ClaimRecord, Finding, History, Piece, Prune, StoreAdmin, StoredTask, TaskRecord};
pub use failure::{SqlFailure, SqlFailureKind};
#[cfg(feature = "nats")]
pub use nats::{NatsBus, NatsOptions};
#[cfg(feature = "postgres")]
pub use postgres::{PostgresBus, PostgresOptions, PostgresStorage};
pub use retention::Retention;
pub use sql::{SqlMetrics, SqlStorage};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteOptions, SqliteStorage};
