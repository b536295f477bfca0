//! A storage in memory with what other storages are known for: it takes its time, and it fails.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use a2a_app_ports::{
    BoxFuture, Claim, Claimed, FleetStorage, Lease, ListQuery, PushConfigKey, PushConfigRow, PushFailure, ReplicaId,
    Revision, Scope, Snapshot, StorageError, Taken, TaskId, TaskPage, TaskStorage,
};
use a2a_protocol_core::{Event, Message, Timestamp};
use a2a_task_engine::MemoryStorage;

use super::{AGENT, Dice};

/// Memory that may be slow, and that may be told to fail.
#[derive(Default)]
pub struct TestStorage {
    memory: MemoryStorage,
    /// How often at most others run before the effect of an operation, and again after it.
    delay: u32,
    dice: Dice,
    broken: AtomicBool,
}

impl TestStorage {
    /// A storage that waits before and after the effect of each operation, as SQL does.
    pub fn slow(seed: u64) -> Self {
        Self { delay: 3, dice: Dice::new(seed), ..Self::default() }
    }

    /// Has whatever writes fail from now on, or no more.
    pub fn set_broken(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }

    /// The log of a task.
    pub async fn log(&self, task: &str) -> Vec<Event> {
        let scope = Scope { agent: AGENT.into(), tenant: None, owner: None };
        self.memory.events(&scope, task.parse().unwrap(), 0, usize::MAX).await.unwrap().unwrap()
    }

    fn slowly<'a, T: Send + 'a>(&'a self, operation: BoxFuture<'a, T>) -> BoxFuture<'a, T> {
        if self.delay == 0 {
            return operation;
        }
        Box::pin(async move {
            self.dice.dawdle(self.delay).await;
            let done = operation.await;
            self.dice.dawdle(self.delay).await;
            done
        })
    }

    fn write<'a, T: Send + 'a>(
        &'a self,
        operation: BoxFuture<'a, Result<T, StorageError>>,
    ) -> BoxFuture<'a, Result<T, StorageError>> {
        self.slowly(Box::pin(async move {
            if self.broken.load(Ordering::SeqCst) {
                return Err(StorageError::Failed("disk on fire".into()));
            }
            operation.await
        }))
    }
}

impl TaskStorage for TestStorage {
    fn create<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        events: Vec<Event>,
        push: Option<Box<PushConfigRow>>,
        replica: ReplicaId,
    ) -> BoxFuture<'a, Result<Revision, StorageError>> {
        self.write(Box::pin(async move { self.memory.create(scope, id, events, push, replica).await }))
    }

    fn append<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        expected: Revision,
        events: Vec<Event>,
        lease: Option<Lease>,
    ) -> BoxFuture<'a, Result<Revision, StorageError>> {
        self.write(Box::pin(async move { self.memory.append(scope, id, expected, events, lease).await }))
    }

    fn snapshot<'a>(&'a self, scope: &'a Scope, id: TaskId) -> BoxFuture<'a, Result<Option<Snapshot>, StorageError>> {
        self.slowly(Box::pin(async move { self.memory.snapshot(scope, id).await }))
    }

    fn snapshot_at<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        revision: Revision,
    ) -> BoxFuture<'a, Result<Option<Snapshot>, StorageError>> {
        self.slowly(Box::pin(async move { self.memory.snapshot_at(scope, id, revision).await }))
    }

    fn events<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        after: Revision,
        limit: usize,
    ) -> BoxFuture<'a, Result<Option<Vec<Event>>, StorageError>> {
        self.slowly(Box::pin(async move { self.memory.events(scope, id, after, limit).await }))
    }

    fn list<'a>(&'a self, scope: &'a Scope, query: &'a ListQuery) -> BoxFuture<'a, Result<TaskPage, StorageError>> {
        self.slowly(Box::pin(async move { self.memory.list(scope, query).await }))
    }

    fn claim<'a>(&'a self, scope: &'a Scope, claim: Claim) -> BoxFuture<'a, Result<Claimed, StorageError>> {
        self.slowly(Box::pin(async move { self.memory.claim(scope, claim).await }))
    }

    fn settle<'a>(
        &'a self,
        scope: &'a Scope,
        message_id: &'a str,
        task: TaskId,
        answer: Option<Arc<Message>>,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        self.slowly(Box::pin(async move { self.memory.settle(scope, message_id, task, answer).await }))
    }

    fn put_push_config<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        row: PushConfigRow,
        most: usize,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        self.write(Box::pin(async move { self.memory.put_push_config(scope, task, row, most).await }))
    }

    fn push_config<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<PushConfigRow>, StorageError>> {
        self.slowly(Box::pin(async move { self.memory.push_config(scope, task, id).await }))
    }

    fn push_configs<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<PushConfigRow>, StorageError>> {
        self.slowly(Box::pin(async move { self.memory.push_configs(scope, task, after, limit).await }))
    }

    fn delete_push_config<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        id: &'a str,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        self.write(Box::pin(async move { self.memory.delete_push_config(scope, task, id).await }))
    }
}

impl FleetStorage for TestStorage {
    fn join(&self, replica: ReplicaId, time: Duration) -> BoxFuture<'_, Result<(), StorageError>> {
        self.write(Box::pin(async move { self.memory.join(replica, time).await }))
    }

    fn renew(&self, replica: ReplicaId, time: Duration) -> BoxFuture<'_, Result<bool, StorageError>> {
        self.write(Box::pin(async move { self.memory.renew(replica, time).await }))
    }

    fn leave(&self, replica: ReplicaId) -> BoxFuture<'_, Result<(), StorageError>> {
        self.write(Box::pin(async move { self.memory.leave(replica).await }))
    }

    fn take<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        replica: ReplicaId,
    ) -> BoxFuture<'a, Result<Taken, StorageError>> {
        self.write(Box::pin(async move { self.memory.take(scope, id, replica).await }))
    }

    fn release<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        lease: Lease,
        seen: Revision,
    ) -> BoxFuture<'a, Result<bool, StorageError>> {
        self.write(Box::pin(async move { self.memory.release(scope, id, lease, seen).await }))
    }

    fn orphans<'a>(
        &'a self,
        agent: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Scope, TaskId)>, StorageError>> {
        self.slowly(Box::pin(async move { self.memory.orphans(agent, limit).await }))
    }

    fn sweep(&self, now: Timestamp) -> BoxFuture<'_, Result<bool, StorageError>> {
        self.write(Box::pin(async move { self.memory.sweep(now).await }))
    }

    fn page_token_key(&self, candidate: [u8; 32]) -> BoxFuture<'_, Result<[u8; 32], StorageError>> {
        self.memory.page_token_key(candidate)
    }

    fn advance_push<'a>(
        &'a self,
        key: &'a PushConfigKey,
        created: Timestamp,
        cursor: Revision,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        self.write(Box::pin(async move { self.memory.advance_push(key, created, cursor).await }))
    }

    fn fail_push<'a>(
        &'a self,
        key: &'a PushConfigKey,
        created: Timestamp,
        failure: PushFailure,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        self.write(Box::pin(async move { self.memory.fail_push(key, created, failure).await }))
    }

    fn take_pushes<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        replica: ReplicaId,
    ) -> BoxFuture<'a, Result<bool, StorageError>> {
        self.write(Box::pin(async move { self.memory.take_pushes(scope, task, replica).await }))
    }

    fn release_pushes<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        replica: ReplicaId,
        seen: Revision,
    ) -> BoxFuture<'a, Result<bool, StorageError>> {
        self.write(Box::pin(async move { self.memory.release_pushes(scope, task, replica, seen).await }))
    }

    fn pending_pushes<'a>(
        &'a self,
        agent: &'a str,
        after: Option<&'a PushConfigKey>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<PushConfigKey>, StorageError>> {
        self.slowly(Box::pin(async move { self.memory.pending_pushes(agent, after, limit).await }))
    }
}
