//! Keeps the tasks of A2A agents where they outlive the process.
//!
//! In scope: [`SqliteStorage`], tasks in a file, for one process; [`PostgresStorage`], tasks in a
//! database, for a fleet of replicas; [`PostgresBus`] and, with the feature `nats`, `NatsBus`, by
//! which those wake each other; and in components of WebAssembly, with the feature `spin-sqlite`,
//! `SpinSqliteStorage`, tasks in the SQLite of a Spin host. The operations are written once, in `sql`,
//! over statements that all databases understand; `sqlite`, `postgres` and `spin_sqlite` hold what
//! differs: connections, transactions and the schema, of which SQLite has one, in `sqlite_schema`.
//!
//! With the feature `spin-key-value` there is `SpinKeyValueStorage`, tasks in the key-value store of a Spin
//! host. That can do less, and so what is in `spin_key_value` is written for it alone.
//!
//! [`StoreAdmin`] is for whoever looks after a storage: all tasks of all scopes, what is damaged, and
//! [`archive`], storages as lines of JSON.
//!
//! Out of scope: what a task is (the domain folds it) and who runs it (the engine decides).

#[cfg(all(any(feature = "spin-key-value", feature = "spin-sqlite"), not(target_family = "wasm")))]
compile_error!(
    "the features `spin-sqlite` and `spin-key-value` are for WebAssembly (target wasm32-wasip2): natively, use `sqlite` or `postgres`"
);
#[cfg(all(any(feature = "sqlite", feature = "postgres", feature = "nats"), target_family = "wasm"))]
compile_error!(
    "the features `sqlite`, `postgres` and `nats` do not work on WebAssembly: there, use `spin-sqlite` or `spin-key-value` without default features"
);

mod admin;
#[cfg(all(any(feature = "spin-key-value", feature = "spin-sqlite"), target_family = "wasm"))]
mod apart;
pub mod archive;
mod failure;
#[cfg(all(feature = "nats", not(target_family = "wasm")))]
mod nats;
#[cfg(all(feature = "postgres", not(target_family = "wasm")))]
mod postgres;
mod retention;
#[cfg(any(
    feature = "sqlite",
    feature = "postgres",
    feature = "nats",
    feature = "spin-sqlite",
    feature = "spin-key-value",
    test
))]
mod size;
#[cfg(any(all(feature = "spin-key-value", target_family = "wasm"), test))]
mod spin_key_value;
#[cfg(all(feature = "spin-sqlite", target_family = "wasm"))]
mod spin_sqlite;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "nats", feature = "spin-sqlite"))]
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
#[cfg(all(feature = "spin-key-value", target_family = "wasm"))]
pub use spin_key_value::{SpinKeyValueOptions, SpinKeyValueStorage};
#[cfg(all(feature = "spin-sqlite", target_family = "wasm"))]
pub use spin_sqlite::{SpinSqliteOptions, SpinSqliteStorage};
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "nats", feature = "spin-sqlite"))]
pub use sql::{SqlMetrics, SqlStorage};
#[cfg(all(feature = "sqlite", not(target_family = "wasm")))]
pub use sqlite::{SqliteOptions, SqliteStorage};
