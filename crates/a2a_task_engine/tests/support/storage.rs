//! A storage in memory with what other storages are known for: it takes its time, and it fails.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use a2a_app_ports::{
    Author, BoxFuture, Claim, Claimed, Creation, FleetStorage, Lease, ListQuery, PushConfigKey, PushConfigRow,
    PushFailure, ReplicaId, Revision, Scope, Snapshot, StorageError, Taken, TaskId, TaskPage, TaskStorage,
};
use a2a_protocol_core::{Event, Message, Timestamp};
use a2a_task_engine::{MemoryLimits, MemoryStorage};
use futures::{FutureExt, channel::oneshot};
use tokio::time::Instant;

use super::{AGENT, Dice, witness::Witness};

/// How operations fare on their way to a storage and back.
pub trait Line: Send + Sync {
    fn now(&self) -> Instant;

    /// Before the effect of an operation, which an error prevents.
    fn there(&self) -> BoxFuture<'_, Result<(), StorageError>>;

    /// After its effect, of which an error keeps the caller from hearing.
    fn back(&self) -> BoxFuture<'_, Result<(), StorageError>>;

    /// Whether an operation comes to its effect although its caller goes away.
    fn is_on_its_way(&self) -> bool;

    /// Takes an operation of which the caller hears that it failed, and which comes to its effect
    /// later; gives it back otherwise.
    fn detain(&self, operation: BoxFuture<'static, ()>) -> Option<BoxFuture<'static, ()>>;
}

/// An operation that may have left the process of its caller.
struct UnderWay<'a, T> {
    operation: Option<BoxFuture<'a, T>>,
    storage: &'a TestStorage,
}

impl<T> Drop for UnderWay<'_, T> {
    fn drop(&mut self) {
        if let (Some(operation), Some(line)) = (self.operation.take(), &self.storage.line)
            && line.is_on_its_way()
        {
            self.storage.expire();
            operation.now_or_never();
        }
    }
}

/// Memory that may be slow, and that may be told to fail. Several may share the memory, as replicas
/// do: then each is the line of one of them.
#[derive(Default)]
pub struct TestStorage {
    memory: Arc<MemoryStorage>,
    /// Until when replicas have said that they are there.
    present: Arc<Mutex<HashMap<ReplicaId, Instant>>>,
    /// How often at most others run before the effect of an operation, and again after it.
    delay: u32,
    dice: Dice,
    broken: AtomicBool,
    cut: AtomicBool,
    calls: Mutex<Vec<&'static str>>,
    line: Option<Arc<dyn Line>>,
    pub witness: Arc<Witness>,
}

impl TestStorage {
    /// A storage that waits before and after the effect of each operation, as SQL does.
    pub fn slow(seed: u64) -> Self {
        Self { delay: 3, dice: Dice::new(seed), ..Self::default() }
    }

    /// A storage that keeps the logs of tasks only so long after their end.
    pub fn keeping_logs(replay_window: Duration) -> Self {
        let limits = MemoryLimits { replay_window, ..MemoryLimits::default() };
        Self { memory: Arc::new(MemoryStorage::with_limits(limits)), ..Self::default() }
    }

    /// Another line to the same memory.
    pub fn line(&self, seed: u64) -> Self {
        let (memory, present, witness) = (self.memory.clone(), self.present.clone(), self.witness.clone());
        Self { memory, present, witness, delay: self.delay, dice: Dice::new(seed), ..Self::default() }
    }

    /// A line to the same memory on which operations fare like this.
    pub fn by(&self, line: Arc<dyn Line>) -> Self {
        Self { line: Some(line), ..self.line(0) }
    }

    /// Has everything fail from now on, or no more.
    pub fn set_cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
    }

    /// What has been asked of it since this was asked last.
    pub fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    /// Has the log of a task say what a caller said.
    pub async fn say(&self, task: &str, event: Event) {
        let scope = Scope { agent: AGENT.into(), tenant: None, owner: None };
        let (id, length) = (task.parse().unwrap(), self.log(task).len() as Revision);
        self.memory.append(&scope, id, length, vec![event.clone()], Author::Caller).await.unwrap();
        self.witness.appended(id, &[event], None, true);
    }

    /// Writes off all replicas that are there.
    pub async fn lose_all(&self) {
        let present: Vec<_> = self.present.lock().unwrap().drain().map(|(replica, _)| replica).collect();
        for replica in present {
            self.memory.leave(replica).await.unwrap();
        }
    }

    fn now(&self) -> Instant {
        self.line.as_ref().map_or_else(Instant::now, |line| line.now())
    }

    fn is_there(&self, replica: ReplicaId, time: Duration) {
        self.present.lock().unwrap().insert(replica, self.now() + time);
    }

    /// Writes off whoever has not been heard of.
    fn expire(&self) {
        expire(&self.memory, &self.present, self.now());
    }

    /// Has whatever writes fail from now on, or no more.
    pub fn set_broken(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }

    /// The log of a task, also when it is kept no more.
    pub fn log(&self, task: &str) -> Vec<Event> {
        let (scope, id) = (Scope { agent: AGENT.into(), tenant: None, owner: None }, task.parse().unwrap());
        let kept = self.memory.events(&scope, id, 0, usize::MAX).now_or_never().unwrap().unwrap();
        kept.unwrap_or_else(|| self.witness.log(id))
    }

    fn slowly<'a, T: Send + 'a>(
        &'a self,
        name: &'static str,
        operation: BoxFuture<'a, Result<T, StorageError>>,
    ) -> BoxFuture<'a, Result<T, StorageError>> {
        Box::pin(async move {
            self.calls.lock().unwrap().push(name);
            if let Some(line) = &self.line {
                let mut under_way = UnderWay { operation: Some(operation), storage: self };
                let arrived = line.there().await;
                tracing::trace!(name, arrived = arrived.is_ok(), "storage");
                let operation = under_way.operation.take().unwrap();
                arrived?;
                self.expire();
                let done = operation.await;
                line.back().await?;
                return done;
            }
            self.dice.dawdle(self.delay).await;
            if self.cut.load(Ordering::SeqCst) {
                return Err(StorageError::Failed("nobody there".into()));
            }
            self.expire();
            let done = operation.await;
            self.dice.dawdle(self.delay).await;
            done
        })
    }

    fn write<'a, T: Send + 'a>(
        &'a self,
        name: &'static str,
        operation: BoxFuture<'a, Result<T, StorageError>>,
    ) -> BoxFuture<'a, Result<T, StorageError>> {
        let operation = Box::pin(async move {
            if self.broken.load(Ordering::SeqCst) {
                return Err(StorageError::Failed("disk on fire".into()));
            }
            operation.await
        });
        self.slowly(name, operation)
    }
}

impl TestStorage {
    /// A write that may come to its effect long after its caller was told that it failed.
    fn write_or_late<T: Send + 'static>(
        &self,
        name: &'static str,
        operation: BoxFuture<'static, Result<T, StorageError>>,
    ) -> BoxFuture<'_, Result<T, StorageError>> {
        let Some(line) = self.line.clone() else { return self.write(name, operation) };
        Box::pin(async move {
            let (memory, present, clock) = (self.memory.clone(), self.present.clone(), line.clone());
            let (done, result) = oneshot::channel();
            let late = Box::pin(async move {
                expire(&memory, &present, clock.now());
                tracing::trace!(name, "storage, late or not");
                let _ = done.send(operation.await);
            });
            match line.detain(late) {
                None => Err(StorageError::Failed("lost, or late".into())),
                Some(operation) => {
                    let now = async move {
                        operation.await;
                        result.await.expect("it is done")
                    };
                    self.write(name, Box::pin(now)).await
                }
            }
        })
    }
}

/// Writes off whoever has not been heard of.
fn expire(memory: &MemoryStorage, present: &Mutex<HashMap<ReplicaId, Instant>>, now: Instant) {
    let mut present = present.lock().unwrap();
    for (replica, _) in present.extract_if(|_, until| *until <= now) {
        memory.leave(replica).now_or_never().unwrap().unwrap();
    }
}

impl TaskStorage for TestStorage {
    fn create<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        creation: Creation,
    ) -> BoxFuture<'a, Result<Revision, StorageError>> {
        let (memory, witness, scope) = (self.memory.clone(), self.witness.clone(), scope.clone());
        self.write_or_late(
            "create",
            Box::pin(async move {
                let (replica, events) = (creation.replica, creation.events.clone());
                let created = memory.create(&scope, id, creation).await;
                witness.created(id, replica, &events, created.is_ok());
                created
            }),
        )
    }

    fn append<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        expected: Revision,
        events: Vec<Event>,
        author: Author,
    ) -> BoxFuture<'a, Result<Revision, StorageError>> {
        let (memory, witness, scope) = (self.memory.clone(), self.witness.clone(), scope.clone());
        self.write_or_late(
            "append",
            Box::pin(async move {
                let appended = memory.append(&scope, id, expected, events.clone(), author).await;
                witness.appended(id, &events, author.lease(), appended.is_ok());
                appended
            }),
        )
    }

    fn snapshot<'a>(&'a self, scope: &'a Scope, id: TaskId) -> BoxFuture<'a, Result<Option<Snapshot>, StorageError>> {
        self.slowly("snapshot", Box::pin(async move { self.memory.snapshot(scope, id).await }))
    }

    fn snapshot_at<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        revision: Revision,
    ) -> BoxFuture<'a, Result<Option<Snapshot>, StorageError>> {
        self.slowly("snapshot_at", Box::pin(async move { self.memory.snapshot_at(scope, id, revision).await }))
    }

    fn events<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        after: Revision,
        limit: usize,
    ) -> BoxFuture<'a, Result<Option<Vec<Event>>, StorageError>> {
        self.slowly("events", Box::pin(async move { self.memory.events(scope, id, after, limit).await }))
    }

    fn list<'a>(&'a self, scope: &'a Scope, query: &'a ListQuery) -> BoxFuture<'a, Result<TaskPage, StorageError>> {
        self.slowly("list", Box::pin(async move { self.memory.list(scope, query).await }))
    }

    fn claim<'a>(&'a self, scope: &'a Scope, claim: Claim) -> BoxFuture<'a, Result<Claimed, StorageError>> {
        let (memory, scope) = (self.memory.clone(), scope.clone());
        self.write_or_late("claim", Box::pin(async move { memory.claim(&scope, claim).await }))
    }

    fn settle<'a>(
        &'a self,
        scope: &'a Scope,
        message_id: &'a str,
        task: TaskId,
        answer: Option<Arc<Message>>,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        let (memory, scope, message_id) = (self.memory.clone(), scope.clone(), message_id.to_owned());
        self.write_or_late("settle", Box::pin(async move { memory.settle(&scope, &message_id, task, answer).await }))
    }

    fn put_push_config<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        row: PushConfigRow,
        most: usize,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        self.write(
            "put_push_config",
            Box::pin(async move { self.memory.put_push_config(scope, task, row, most).await }),
        )
    }

    fn push_config<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<PushConfigRow>, StorageError>> {
        self.slowly("push_config", Box::pin(async move { self.memory.push_config(scope, task, id).await }))
    }

    fn push_configs<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<PushConfigRow>, StorageError>> {
        self.slowly("push_configs", Box::pin(async move { self.memory.push_configs(scope, task, after, limit).await }))
    }

    fn delete_push_config<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        id: &'a str,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        self.write("delete_push_config", Box::pin(async move { self.memory.delete_push_config(scope, task, id).await }))
    }
}

impl FleetStorage for TestStorage {
    fn join(&self, replica: ReplicaId, time: Duration) -> BoxFuture<'_, Result<(), StorageError>> {
        self.write(
            "join",
            Box::pin(async move {
                self.is_there(replica, time);
                self.memory.join(replica, time).await
            }),
        )
    }

    fn renew(&self, replica: ReplicaId, time: Duration) -> BoxFuture<'_, Result<bool, StorageError>> {
        self.write(
            "renew",
            Box::pin(async move {
                let there = self.memory.renew(replica, time).await?;
                if there {
                    self.is_there(replica, time);
                }
                Ok(there)
            }),
        )
    }

    fn leave(&self, replica: ReplicaId) -> BoxFuture<'_, Result<(), StorageError>> {
        self.write(
            "leave",
            Box::pin(async move {
                self.present.lock().unwrap().remove(&replica);
                self.memory.leave(replica).await
            }),
        )
    }

    fn take<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        replica: ReplicaId,
    ) -> BoxFuture<'a, Result<Taken, StorageError>> {
        let (memory, witness, present) = (self.memory.clone(), self.witness.clone(), self.present.clone());
        let scope = scope.clone();
        self.write_or_late(
            "take",
            Box::pin(async move {
                let taken = memory.take(&scope, id, replica).await;
                if let Ok(Taken::Lease { lease, .. }) = &taken {
                    let present = present.lock().unwrap();
                    witness.taken(id, *lease, |holder| present.contains_key(&holder));
                }
                taken
            }),
        )
    }

    fn release<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        lease: Lease,
        seen: Revision,
    ) -> BoxFuture<'a, Result<bool, StorageError>> {
        let (memory, witness, scope) = (self.memory.clone(), self.witness.clone(), scope.clone());
        self.write_or_late(
            "release",
            Box::pin(async move {
                let released = memory.release(&scope, id, lease, seen).await;
                witness.released(id, lease, matches!(released, Ok(true)));
                released
            }),
        )
    }

    fn orphans<'a>(
        &'a self,
        agent: &'a str,
        after: Option<&'a (Scope, TaskId)>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Scope, TaskId)>, StorageError>> {
        self.slowly("orphans", Box::pin(async move { self.memory.orphans(agent, after, limit).await }))
    }

    fn paused<'a>(
        &'a self,
        agent: &'a str,
        before: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Scope, TaskId)>, StorageError>> {
        self.slowly("paused", Box::pin(async move { self.memory.paused(agent, before, limit).await }))
    }

    fn sweep(&self, now: Timestamp) -> BoxFuture<'_, Result<bool, StorageError>> {
        self.write("sweep", Box::pin(async move { self.memory.sweep(now).await }))
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
        self.write("advance_push", Box::pin(async move { self.memory.advance_push(key, created, cursor).await }))
    }

    fn fail_push<'a>(
        &'a self,
        key: &'a PushConfigKey,
        created: Timestamp,
        failure: PushFailure,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        self.write("fail_push", Box::pin(async move { self.memory.fail_push(key, created, failure).await }))
    }

    fn take_pushes<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        replica: ReplicaId,
    ) -> BoxFuture<'a, Result<bool, StorageError>> {
        self.write("take_pushes", Box::pin(async move { self.memory.take_pushes(scope, task, replica).await }))
    }

    fn release_pushes<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        replica: ReplicaId,
        seen: Revision,
    ) -> BoxFuture<'a, Result<bool, StorageError>> {
        self.write(
            "release_pushes",
            Box::pin(async move { self.memory.release_pushes(scope, task, replica, seen).await }),
        )
    }

    fn pending_pushes<'a>(
        &'a self,
        agent: &'a str,
        after: Option<&'a PushConfigKey>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<PushConfigKey>, StorageError>> {
        self.slowly("pending_pushes", Box::pin(async move { self.memory.pending_pushes(agent, after, limit).await }))
    }
}
