//! The little of a key-value store that the storage needs, and the names of what it keeps there.

use a2a_app_ports::{MaybeSend, ReplicaId, Revision, Scope, StorageError, TaskId};
use futures::future::try_join_all;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use super::KeyValueStorage;
use crate::SqlFailure;

/// So many values are read or written at once.
const AT_ONCE: usize = 16;

/// A key-value store.
pub trait Pairs: Send + Sync + 'static {
    /// The value of a key.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Vec<u8>>, StorageError>> + MaybeSend;

    /// Stores a value in place of what the key had.
    fn set(&self, key: &str, value: Vec<u8>) -> impl Future<Output = Result<(), StorageError>> + MaybeSend;

    /// Forgets a key, which may not be there.
    fn delete(&self, key: &str) -> impl Future<Output = Result<(), StorageError>> + MaybeSend;

    /// Does something to its end, whoever waits for it.
    fn apart<T: MaybeSend + 'static>(
        work: impl Future<Output = Result<T, StorageError>> + MaybeSend + 'static,
    ) -> impl Future<Output = Result<T, StorageError>> + MaybeSend;
}

impl<P: Pairs> KeyValueStorage<P> {
    pub(super) async fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StorageError> {
        let Some(value) = self.pairs.get(key).await? else { return Ok(None) };
        let parsed = serde_json::from_slice(&value);
        parsed.map(Some).map_err(|error| SqlFailure::damaged(format_args!("the value of {key}: {error}")))
    }

    /// The values of several keys, in their order.
    pub(super) async fn read_all<T: DeserializeOwned>(&self, keys: &[String]) -> Result<Vec<Option<T>>, StorageError> {
        let mut values = Vec::with_capacity(keys.len());
        for keys in keys.chunks(AT_ONCE) {
            values.extend(try_join_all(keys.iter().map(|key| self.read(key))).await?);
        }
        Ok(values)
    }

    pub(super) async fn write(&self, key: &str, value: &impl Serialize) -> Result<(), StorageError> {
        let value = serde_json::to_vec(value).map_err(|error| StorageError::Failed(Box::new(error)))?;
        self.pairs.set(key, value).await
    }

    /// Stores new values: their keys.
    pub(super) async fn write_all(&self, mut pairs: Vec<(String, Vec<u8>)>) -> Result<Vec<String>, StorageError> {
        for pairs in pairs.chunks_mut(AT_ONCE) {
            try_join_all(pairs.iter_mut().map(|(key, value)| self.pairs.set(key, std::mem::take(value)))).await?;
        }
        Ok(pairs.into_iter().map(|(key, _)| key).collect())
    }

    pub(super) async fn erase_all(&self, keys: &[String]) -> Result<(), StorageError> {
        for keys in keys.chunks(AT_ONCE) {
            try_join_all(keys.iter().map(|key| self.pairs.delete(key))).await?;
        }
        Ok(())
    }
}

/// The version of what is stored.
pub(super) const FORMAT: &str = "a2a.format";
/// The key of page tokens.
pub(super) const PAGE_TOKEN_KEY: &str = "a2a.page-token-key";
/// The replicas that have joined and not left.
pub(super) const REPLICAS: &str = "a2a.replicas";
/// Up to which time expired claims are forgotten.
pub(super) const SWEPT: &str = "a2a.swept";

pub(super) fn head(id: TaskId) -> String {
    format!("a2a.task.{id}")
}

pub(super) fn lease(id: TaskId) -> String {
    format!("a2a.lease.{id}")
}

pub(super) fn pushes(id: TaskId) -> String {
    format!("a2a.pushes.{id}")
}

pub(super) fn event(id: TaskId, hand: &str, revision: Revision) -> String {
    format!("a2a.event.{id}.{hand}.{revision}")
}

pub(super) fn snapshot(id: TaskId, hand: &str, revision: Revision) -> String {
    format!("a2a.snapshot.{id}.{hand}.{revision}")
}

pub(super) fn replica(replica: ReplicaId) -> String {
    format!("a2a.replica.{replica}")
}

pub(super) fn claim(scope: &Scope, message_id: &str) -> String {
    let of = serde_json::json!([&*scope.agent, scope.tenant.as_deref(), scope.owner.as_deref(), message_id]);
    format!("a2a.claim.{}", digest(&of.to_string()))
}

pub(super) fn expiring(bucket: i64) -> String {
    format!("a2a.expiring.{bucket}")
}

pub(super) fn index(shard: u128) -> String {
    format!("a2a.index.{shard}")
}

/// What stands for a scope where tasks are looked up.
pub(super) fn scope(scope: &Scope) -> String {
    digest(&serde_json::json!([&*scope.agent, scope.tenant.as_deref(), scope.owner.as_deref()]).to_string())
}

/// What stands for a name of any length.
pub(super) fn digest(name: &str) -> String {
    Sha256::digest(name)[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}
