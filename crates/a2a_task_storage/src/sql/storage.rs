//! The ports over a database.

use std::{fmt, sync::Arc, time::Duration};

use a2a_app_ports::{
    Author, BoxFuture, Claim, Claimed, Creation, FleetStorage, Lease, ListQuery, PushConfigKey, PushConfigRow,
    PushFailure, ReplicaId, Revision, Scope, Snapshot, Storage, StorageError, Taken, TaskId, TaskPage, TaskStorage,
};
use a2a_protocol_core::{Event, Message, Timestamp};

use super::{
    claims::{ClaimId, Settle},
    leases::{Orphans, Paused, Presence, Release, Take},
    listing::List,
    pushes::{self, Change, Pending, Tell, Turn, What},
    reading::{ReadEvents, ReadSnapshot},
    sweep::Sweep,
    tasks::{Append, Create},
    transaction::{Backend, Connection, Operation, Tx},
    values::Value,
};

/// What a storage has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SqlMetrics {
    /// How many operations that change something were run.
    pub writes: u64,
    /// How many transactions they were committed in.
    pub commits: u64,
    /// How many connections were lost and made anew.
    pub reconnects: u64,
}

/// Keeps tasks in a database: [`SqliteStorage`](crate::SqliteStorage) or
/// [`PostgresStorage`](crate::PostgresStorage), or in a component `SpinSqliteStorage`.
///
/// The totals of lists come from counters, whatever the number of tasks; where the time of the
/// status is asked for, the tasks that match are counted. A page of a context and a state walks the
/// context.
///
/// Clones are handles to the same storage.
pub struct SqlStorage<B> {
    pub(crate) backend: Arc<B>,
}

impl<B> SqlStorage<B> {
    pub(crate) fn over(backend: B) -> Self {
        Self { backend: Arc::new(backend) }
    }
}

impl<B> Clone for SqlStorage<B> {
    fn clone(&self) -> Self {
        Self { backend: self.backend.clone() }
    }
}

impl<B: Backend> fmt::Debug for SqlStorage<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlStorage").field("place", &self.backend.place()).finish_non_exhaustive()
    }
}

impl<B: Backend> From<SqlStorage<B>> for Arc<dyn Storage> {
    fn from(storage: SqlStorage<B>) -> Self {
        Arc::new(storage)
    }
}

impl<B: Backend> TaskStorage for SqlStorage<B> {
    fn create<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        creation: Creation,
    ) -> BoxFuture<'a, Result<Revision, StorageError>> {
        Box::pin(async move { self.backend.write(Create::new(scope, id, creation)?).await })
    }

    fn append<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        expected: Revision,
        events: Vec<Event>,
        author: Author,
    ) -> BoxFuture<'a, Result<Revision, StorageError>> {
        Box::pin(async move { self.backend.write(Append::new(scope, id, expected, events, author)?).await })
    }

    fn snapshot<'a>(&'a self, scope: &'a Scope, id: TaskId) -> BoxFuture<'a, Result<Option<Snapshot>, StorageError>> {
        Box::pin(async move { self.backend.read(ReadSnapshot::new(scope, id, None)).await })
    }

    fn snapshot_at<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        revision: Revision,
    ) -> BoxFuture<'a, Result<Option<Snapshot>, StorageError>> {
        Box::pin(async move { self.backend.read(ReadSnapshot::new(scope, id, Some(revision))).await })
    }

    fn events<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        after: Revision,
        limit: usize,
    ) -> BoxFuture<'a, Result<Option<Vec<Event>>, StorageError>> {
        Box::pin(async move { self.backend.read(ReadEvents::new(scope, id, after, limit)).await })
    }

    fn list<'a>(&'a self, scope: &'a Scope, query: &'a ListQuery) -> BoxFuture<'a, Result<TaskPage, StorageError>> {
        Box::pin(async move { self.backend.read(List::new(scope, query)).await })
    }

    fn claim<'a>(&'a self, scope: &'a Scope, claim: Claim) -> BoxFuture<'a, Result<Claimed, StorageError>> {
        Box::pin(async move { self.backend.write(ClaimId::new(scope, claim)).await })
    }

    fn settle<'a>(
        &'a self,
        scope: &'a Scope,
        message_id: &'a str,
        task: TaskId,
        answer: Option<Arc<Message>>,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move { self.backend.write(Settle::new(scope, message_id, task, answer.as_deref())?).await })
    }

    fn put_push_config<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        row: PushConfigRow,
        most: usize,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move { self.backend.write(pushes::Put::new(scope, task, row, most)).await })
    }

    fn push_config<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<PushConfigRow>, StorageError>> {
        Box::pin(async move {
            let read = pushes::Read { only: Some(id.to_owned()), ..pushes::Read::new(scope, task) };
            Ok(self.backend.read(read).await?.pop())
        })
    }

    fn push_configs<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<PushConfigRow>, StorageError>> {
        Box::pin(async move {
            let after = after.map(str::to_owned);
            self.backend.read(pushes::Read { after, limit, ..pushes::Read::new(scope, task) }).await
        })
    }

    fn delete_push_config<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        id: &'a str,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move { self.backend.write(Change::new(scope, task, id, What::Delete)).await })
    }
}

impl<B: Backend> FleetStorage for SqlStorage<B> {
    fn join(&self, replica: ReplicaId, time: Duration) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(async move { self.backend.write(Presence::Join(replica, time)).await.map(drop) })
    }

    fn renew(&self, replica: ReplicaId, time: Duration) -> BoxFuture<'_, Result<bool, StorageError>> {
        Box::pin(async move { self.backend.write(Presence::Renew(replica, time)).await })
    }

    fn leave(&self, replica: ReplicaId) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(async move { self.backend.write(Presence::Leave(replica)).await.map(drop) })
    }

    fn take<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        replica: ReplicaId,
    ) -> BoxFuture<'a, Result<Taken, StorageError>> {
        Box::pin(async move { self.backend.write(Take::new(scope, id, replica)).await })
    }

    fn release<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        lease: Lease,
        seen: Revision,
    ) -> BoxFuture<'a, Result<bool, StorageError>> {
        Box::pin(async move { self.backend.write(Release::new(scope, id, lease, seen)).await })
    }

    fn orphans<'a>(
        &'a self,
        agent: &'a str,
        after: Option<&'a (Scope, TaskId)>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Scope, TaskId)>, StorageError>> {
        let after = after.map(|(_, id)| *id);
        Box::pin(async move { self.backend.read(Orphans { agent: agent.to_owned(), after, limit }).await })
    }

    fn paused<'a>(
        &'a self,
        agent: &'a str,
        before: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Scope, TaskId)>, StorageError>> {
        Box::pin(async move { self.backend.read(Paused { agent: agent.to_owned(), before, limit }).await })
    }

    fn sweep(&self, now: Timestamp) -> BoxFuture<'_, Result<bool, StorageError>> {
        Box::pin(async move { self.backend.write(Sweep { now }).await })
    }

    fn page_token_key(&self, candidate: [u8; 32]) -> BoxFuture<'_, Result<[u8; 32], StorageError>> {
        Box::pin(async move { self.backend.write(PageTokenKey(candidate)).await })
    }

    fn advance_push<'a>(
        &'a self,
        key: &'a PushConfigKey,
        created: Timestamp,
        cursor: Revision,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        let change = Change::new(&key.scope, key.task, &key.id, What::Advance(created, cursor));
        Box::pin(async move { self.backend.write(change).await })
    }

    fn fail_push<'a>(
        &'a self,
        key: &'a PushConfigKey,
        created: Timestamp,
        failure: PushFailure,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        let change = Change::new(&key.scope, key.task, &key.id, What::Fail(created, failure));
        Box::pin(async move { self.backend.write(change).await })
    }

    fn take_pushes<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        replica: ReplicaId,
    ) -> BoxFuture<'a, Result<bool, StorageError>> {
        Box::pin(async move { self.backend.write(Tell::new(scope, task, replica, Turn::Take)).await })
    }

    fn release_pushes<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        replica: ReplicaId,
        seen: Revision,
    ) -> BoxFuture<'a, Result<bool, StorageError>> {
        Box::pin(async move { self.backend.write(Tell::new(scope, task, replica, Turn::Release(seen))).await })
    }

    fn pending_pushes<'a>(
        &'a self,
        agent: &'a str,
        after: Option<&'a PushConfigKey>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<PushConfigKey>, StorageError>> {
        let after = after.map(|after| (after.task, after.id.to_string()));
        Box::pin(async move { self.backend.read(Pending { agent: agent.to_owned(), after, limit }).await })
    }
}

/// Reads the key of page tokens, or makes it.
struct PageTokenKey([u8; 32]);

impl Operation for PageTokenKey {
    type Output = [u8; 32];

    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<[u8; 32], StorageError> {
        const ADD: &str = "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING";
        const READ: &str = "SELECT value FROM meta WHERE key = ?1";
        let name = Value::Text("page_token_key");
        tx.db.execute(ADD, &[name, Value::Bytes(&self.0)]).await?;
        let rows = tx.db.query(READ, &[name]).await?;
        rows.first().map_or(Ok(self.0), |row| row.digest(0))
    }
}
