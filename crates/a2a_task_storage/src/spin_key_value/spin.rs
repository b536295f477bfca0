//! The key-value store of a Spin application.

use a2a_app_ports::StorageError;
use spin_sdk::key_value::{Error, Store};

use super::{KeyValueStorage, pairs::Pairs};
use crate::{Retention, SqlFailure, SqlFailureKind, apart::apart};

/// Keeps tasks in a key-value store of a Spin host: the simple storage, for an agent of modest use whose
/// tasks are to outlive its instances.
///
/// Whatever one instance at a time does is stored whole or not at all, also when the instance dies in the
/// middle of it. But **two instances that write to the same task at the same moment can both be told that
/// it is stored, and what one of them has written is lost**, because the store cannot change a value only
/// if it is what it was. Both look before they write and again after it; so that takes one that is held up
/// just between looking and writing. What is lost is whole appends: a log is never a mixture. A run whose
/// events are lost hears of it when it writes next, and is taken over. In the same way a message id may be
/// claimed twice, two replicas may believe that they run a task, of which one can write, and a new task may
/// be in no list until its status changes. Where that must not be, there is `SpinSqliteStorage`.
///
/// A list or a sweep reads the index of all tasks, 64 values, and a change of a status writes one of them,
/// with about 240 bytes for each of a 64th of all tasks: see [`SpinKeyValueOptions::retention`]. An append
/// takes six accesses, five of them one after the other, and an instance does one at a time. Reading a task
/// takes one for every event since its last snapshot, 16 at once.
///
/// The store has to read what it was last given (with DynamoDB, `consistent_read = true`; with Cosmos DB,
/// strong consistency), and to take values as large as an event or a task with all that is in it: the
/// store that Spin has by default takes 128 MiB, DynamoDB 400 KB, Cosmos DB about 500 KB. Whether a lease
/// is over, the time of day of the host decides: keep hosts as close as NTP does. What an instance leaves
/// that dies in the middle of an append stays in the store, though nothing refers to it.
///
/// Clones are handles to the same storage. Open it once in an instance: what is opened twice is as two
/// instances.
pub type SpinKeyValueStorage = KeyValueStorage<SpinStore>;

impl SpinKeyValueStorage {
    /// Opens the store of a label, or with these options.
    ///
    /// # Errors
    /// [`SqlFailure`]: `Missing` when the component may not use a store of this label, `Newer` when a later
    /// version of this program has written it.
    pub async fn open(options: impl Into<SpinKeyValueOptions>) -> Result<Self, StorageError> {
        let SpinKeyValueOptions { label, retention } = options.into();
        let store = Store::open(&label).await.map_err(|error| opening(&label, error))?;
        Self::over(SpinStore(store), retention).await
    }
}

/// How a [`SpinKeyValueStorage`] is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpinKeyValueOptions {
    /// The label of the store, such as `default`, as `key_value_stores` of the component in `spin.toml` has
    /// it. A store of its own is best; all keys begin with `a2a.`.
    pub label: String,
    /// For how long tasks are kept; by default the newest 10 000 of those that have ended, since every
    /// task makes lists and sweeps slower, and changes of other tasks, too.
    pub retention: Retention,
}

impl SpinKeyValueOptions {
    /// A store, with the defaults.
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), retention: Retention { most_ended: Some(10_000), ..Retention::default() } }
    }
}

impl<L: Into<String>> From<L> for SpinKeyValueOptions {
    fn from(label: L) -> Self {
        Self::new(label)
    }
}

/// A store that is open.
pub struct SpinStore(Store);

impl Pairs for SpinStore {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.0.get(key).await.map_err(failed)
    }

    async fn set(&self, key: &str, value: Vec<u8>) -> Result<(), StorageError> {
        self.0.set(key, value).await.map_err(failed)
    }

    async fn delete(&self, key: &str) -> Result<(), StorageError> {
        self.0.delete(key).await.map_err(failed)
    }

    async fn apart<T: 'static>(
        work: impl Future<Output = Result<T, StorageError>> + 'static,
    ) -> Result<T, StorageError> {
        apart(work).await
    }
}

fn opening(label: &str, error: Error) -> StorageError {
    let what = match error {
        Error::NoSuchStore | Error::AccessDenied => {
            format!("the component has no key-value store {label:?}: name it in `key_value_stores` of spin.toml")
        }
        error => return failed(error),
    };
    SqlFailure::new(SqlFailureKind::Missing, what).into()
}

fn failed(error: Error) -> StorageError {
    SqlFailure::new(SqlFailureKind::Other, "the key-value store failed").because(error).into()
}
