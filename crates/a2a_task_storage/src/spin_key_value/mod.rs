//! Tasks in the key-value store of a Spin host: the simple storage, for what needs no database.
//!
//! The store gets, sets and deletes one value at a time, and has nothing that changes a value only if it
//! is still what was read. (It also lists all its keys. But while somebody reads that list, Spin's own
//! store keeps everybody else waiting, other requests of the same instance included, without which the
//! list is not read on. So nothing here asks for it.) What can be made of that:
//!
//! - A log is its events, each a value of its own, so that an event costs its own size, and snapshots of
//!   the task at geometric growth. Which of them there are says one small value, the head of the task.
//!   It is set last; so an append is stored whole or not at all, wherever in it an instance dies.
//! - The key of an event says by whose hand it is, so that instances that append at once do not write
//!   over each other's events. The head that is set last stands, and with it a log that was written in
//!   order. Whoever sets a head looks before and after whether somebody else has, and gives way; what is
//!   lost all the same is lost whole.
//! - Leases and push configurations are values of their own: they are not lost together with an append,
//!   nor an append with them.
//! - An index, spread over several values, says which tasks there are and where they are listed. It is a
//!   hint: whoever finds that it differs from a head puts it right. So what costs with the number of tasks
//!   are those values, and not a look at every task.
//!
//! Within an instance a lock lets one operation write at a time.

mod claims;
mod folds;
mod index;
mod leases;
mod log;
mod pairs;
mod pushes;
mod records;
#[cfg(target_family = "wasm")]
mod spin;
mod storage;
mod sweep;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use a2a_app_ports::{Storage, StorageError};
use tokio::sync::Mutex;

#[cfg(target_family = "wasm")]
pub use self::spin::{SpinKeyValueOptions, SpinKeyValueStorage};
use self::{folds::Folds, pairs::Pairs};
use crate::{Retention, SqlFailure, SqlFailureKind};

/// The version of what is stored. Later versions read what earlier ones wrote.
const VERSION: u32 = 1;

/// Keeps tasks in a key-value store; see [`SpinKeyValueStorage`](crate::SpinKeyValueStorage).
///
/// Clones are handles to the same storage.
pub struct KeyValueStorage<P> {
    shared: Arc<Shared<P>>,
}

/// What the handles of a storage share.
pub struct Shared<P> {
    pairs: P,
    retention: Retention,
    /// Begins the names of the hands by which this storage writes; no other has it.
    writer: String,
    hands: AtomicU64,
    folds: Folds,
    writing: Mutex<()>,
}

impl<P: Pairs> KeyValueStorage<P> {
    /// Over a store, which is new or was written by this version.
    async fn over(pairs: P, retention: Retention) -> Result<Self, StorageError> {
        let writer = format!("{:016x}", RandomState::new().hash_one(VERSION));
        let (hands, folds) = (AtomicU64::new(0), Folds::default());
        let shared = Shared { pairs, retention, writer, hands, folds, writing: Mutex::new(()) };
        let storage = Self { shared: Arc::new(shared) };
        match storage.read::<u32>(pairs::FORMAT).await? {
            None => storage.write(pairs::FORMAT, &VERSION).await?,
            Some(VERSION) => {}
            Some(other) => {
                let what = format!("the key-value store was written by a later version of this program: {other}");
                return Err(SqlFailure::new(SqlFailureKind::Newer, what).into());
            }
        }
        Ok(storage)
    }
}

impl<P> Shared<P> {
    /// A name under which nobody has stored anything.
    fn new_hand(&self) -> String {
        format!("{}-{:x}", self.writer, self.hands.fetch_add(1, Relaxed))
    }
}

impl<P> std::ops::Deref for KeyValueStorage<P> {
    type Target = Shared<P>;

    fn deref(&self) -> &Shared<P> {
        &self.shared
    }
}

impl<P> Clone for KeyValueStorage<P> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<P> fmt::Debug for KeyValueStorage<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyValueStorage").field("retention", &self.retention).finish_non_exhaustive()
    }
}

impl<P: Pairs> From<KeyValueStorage<P>> for Arc<dyn Storage> {
    fn from(storage: KeyValueStorage<P>) -> Self {
        Arc::new(storage)
    }
}
