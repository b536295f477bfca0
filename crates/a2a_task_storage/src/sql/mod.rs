//! The operations of a storage, written once for all databases.

mod admin;
mod claims;
mod counts;
mod damage;
mod folds;
mod leases;
mod listing;
mod names;
mod new_task;
mod pushes;
mod reading;
mod scopes;
mod storage;
mod sweep;
mod tasks;
mod transaction;
mod values;

#[cfg(any(feature = "sqlite", feature = "spin-sqlite"))]
pub(crate) use folds::Fold;
pub(crate) use folds::Folds;
#[cfg(feature = "sqlite")]
pub(crate) use names::key;
pub use storage::{SqlMetrics, SqlStorage};
#[cfg(feature = "postgres")]
pub(crate) use transaction::Pace;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "nats"))]
pub(crate) use transaction::lock;
pub(crate) use transaction::{Backend, Connection, Operation, Tx};
pub(crate) use values::{Cell, Row, Value};
