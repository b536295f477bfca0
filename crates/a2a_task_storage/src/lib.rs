//! Keeps the tasks of A2A agents where they outlive the process.
//!
//! In scope: [`SqliteStorage`], tasks in a file, for one process; [`PostgresStorage`], tasks in a
//! database, for a fleet of replicas; [`PostgresBus`] and, with the feature `nats`, `NatsBus`, by
//! which those wake each other; and in components of WebAssembly, with the feature `spin-sqlite`,
//! `SpinSqliteStorage`, tasks in the SQLite of a Spin host. The operations are written once, in `sql`,
//! over statements that all databases understand; `sqlite`, `postgres` and `spin_sqlite` hold what
//! differs: connections, transactions and the schema, of which SQLite has one, in `sqlite_schema`.
//!
//! [`StoreAdmin`] is for whoever looks after a storage: all tasks of all scopes, what is damaged, and
//! [`archive`], storages as lines of JSON.
//!
//! Out of scope: what a task is (the domain folds it) and who runs it (the engine decides).

#[cfg(all(feature = "spin-sqlite", not(target_family = "wasm")))]
compile_error!(
    "the feature `spin-sqlite` is for WebAssembly (target wasm32-wasip2): natively, use `sqlite` or `postgres`"
);
#[cfg(all(any(feature = "sqlite", feature = "postgres", feature = "nats"), target_family = "wasm"))]
compile_error!(
    "the features `sqlite`, `postgres` and `nats` do not work on WebAssembly: there, use `spin-sqlite` without default features"
);

mod admin;
#[cfg(all(feature = "spin-sqlite", target_family = "wasm"))]
mod apart;
pub mod archive;
mod failure;
#[cfg(all(feature = "nats", not(target_family = "wasm")))]
mod nats;
#[cfg(all(feature = "postgres", not(target_family = "wasm")))]
mod postgres;
mod retention;
mod size;
#[cfg(all(feature = "spin-sqlite", target_family = "wasm"))]
mod spin_sqlite;
mod sql;
#[cfg(all(feature = "sqlite", not(target_family = "wasm")))]
mod sqlite;
#[cfg(any(all(feature = "sqlite", not(target_family = "wasm")), all(feature = "spin-sqlite", target_family = "wasm")))]
mod sqlite_schema;
#[cfg(all(any(feature = "postgres", feature = "nats"), not(target_family = "wasm")))]
mod wakes;

pub use admin::{Checked, ClaimPlace, ClaimRecord, Finding, History, Piece, Prune, StoreAdmin, StoredTask, TaskRecord};
pub use failure::{SqlFailure, SqlFailureKind};
#[cfg(all(feature = "nats", not(target_family = "wasm")))]
pub use nats::{NatsBus, NatsOptions};
#[cfg(all(feature = "postgres", not(target_family = "wasm")))]
pub use postgres::{PostgresBus, PostgresOptions, PostgresStorage};
pub use retention::Retention;
#[cfg(all(feature = "spin-sqlite", target_family = "wasm"))]
pub use spin_sqlite::{SpinSqliteOptions, SpinSqliteStorage};
pub use sql::{SqlMetrics, SqlStorage};
#[cfg(all(feature = "sqlite", not(target_family = "wasm")))]
pub use sqlite::{SqliteOptions, SqliteStorage};
