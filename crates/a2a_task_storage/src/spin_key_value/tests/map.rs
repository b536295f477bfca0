//! A key-value store in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    task::Poll,
};

use a2a_app_ports::{BoxFuture, StorageError};

use super::super::pairs::Pairs;

/// What happens while somebody else is about to store a value.
pub(super) type Interruption = Box<dyn Fn() -> BoxFuture<'static, ()> + Send>;

/// Clones are the same store.
#[derive(Clone, Default)]
pub(super) struct Map(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    values: BTreeMap<String, Vec<u8>>,
    written: usize,
    /// How many writes there may be.
    alive_for: Option<usize>,
    /// With numbers from here every access takes its time.
    random: Option<u64>,
    /// What is to happen before a value of this key is stored.
    interruption: Option<(String, Interruption)>,
}

impl Map {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    /// How many keys begin like that.
    pub(super) fn count(&self, prefix: &str) -> usize {
        self.inner().values.keys().filter(|key| key.starts_with(prefix)).count()
    }

    /// How many bytes were written.
    pub(super) fn written(&self) -> usize {
        self.inner().written
    }

    pub(super) fn put(&self, key: &str, value: &str) {
        self.inner().values.insert(key.to_owned(), value.into());
    }

    /// Forgets the keys that begin like that.
    pub(super) fn forget(&self, prefix: &str) {
        self.inner().values.retain(|key, _| !key.starts_with(prefix));
    }

    /// Has everything fail after so many writes.
    pub(super) fn die_after(&self, writes: usize) {
        self.inner().alive_for = Some(writes);
    }

    pub(super) fn revive(&self) {
        self.inner().alive_for = None;
    }

    /// Has this happen once, just before the value of this key is stored next.
    pub(super) fn interrupt(&self, key: &str, interruption: impl Fn() -> BoxFuture<'static, ()> + Send + 'static) {
        self.inner().interruption = Some((key.to_owned(), Box::new(interruption)));
    }

    /// Has every access take a time of its own, which this number decides.
    pub(super) fn dawdle(&self, seed: u64) {
        self.inner().random = Some(seed);
    }

    /// Lets others go on meanwhile.
    async fn pause(&self) {
        let mut turns = self.inner().random.as_mut().map_or(0, |random| {
            *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *random >> 62
        });
        futures::future::poll_fn(|context| {
            if turns == 0 {
                return Poll::Ready(());
            }
            turns -= 1;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// Counts a write, unless the store is dead.
    fn writes(&self) -> Result<(), StorageError> {
        match &mut self.inner().alive_for {
            Some(0) => Err(StorageError::Failed("the instance is dead".into())),
            Some(writes) => {
                *writes -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Pairs for Map {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.pause().await;
        let inner = self.inner();
        match inner.alive_for {
            Some(0) => Err(StorageError::Failed("the instance is dead".into())),
            _ => Ok(inner.values.get(key).cloned()),
        }
    }

    async fn set(&self, key: &str, value: Vec<u8>) -> Result<(), StorageError> {
        self.pause().await;
        let interruption = self.inner().interruption.take_if(|(at, _)| *at == key);
        if let Some((_, interruption)) = interruption {
            interruption().await;
        }
        self.writes()?;
        let mut inner = self.inner();
        inner.written += value.len();
        inner.values.insert(key.to_owned(), value);
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), StorageError> {
        self.writes()?;
        self.inner().values.remove(key);
        Ok(())
    }

    async fn apart<T: Send + 'static>(
        work: impl Future<Output = Result<T, StorageError>> + Send + 'static,
    ) -> Result<T, StorageError> {
        work.await
    }
}
