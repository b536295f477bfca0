//! What every implementation of a port has to do, as suites that anyone can run against their own.

mod claimed;
mod claims;
mod leases;
mod listing;
mod logs;
mod names;
mod pushes;
mod scopes;
mod storage;
mod tasks;

#[cfg(not(target_family = "wasm"))]
pub use storage::{BlockOn, racing_appends};
pub use storage::{StorageCase, storage_cases, storage_suite};
