//! The operations of a storage, written once for both databases.

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

#[cfg(feature = "sqlite")]
pub(crate) use folds::Fold;
pub(crate) use folds::Folds;
#[cfg(feature = "sqlite")]
pub(crate) use names::key;
pub use storage::{SqlMetrics, SqlStorage};
#[cfg(feature = "postgres")]
pub(crate) use transaction::Pace;
pub(crate) use transaction::{Backend, Connection, Operation, Tx, lock};
pub(crate) use values::{Cell, Row, Value};
