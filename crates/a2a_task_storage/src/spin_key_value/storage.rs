//! The ports over a key-value store.

use std::{sync::Arc, time::Duration};

use a2a_app_ports::{
    Author, BoxFuture, Claim, Claimed, Creation, FleetStorage, Lease, ListQuery, MaybeSend, PushConfigKey,
    PushConfigRow, PushFailure, ReplicaId, Revision, Scope, Snapshot, StorageError, Taken, TaskId, TaskPage,
    TaskStorage,
};
use a2a_protocol_core::{Event, Message, Timestamp};

use super::{
    KeyValueStorage,
    pairs::{PAGE_TOKEN_KEY, Pairs},
};

impl<P: Pairs> KeyValueStorage<P> {
    /// Does what may hold the lock, or wait for it, apart from whoever waits for it: a caller that does not
    /// come to look, such as a slow reader of a stream, is to keep nobody waiting.
    fn apart<T, F>(&self, work: impl FnOnce(Self) -> F) -> BoxFuture<'static, Result<T, StorageError>>
    where
        T: MaybeSend + 'static,
        F: Future<Output = Result<T, StorageError>> + MaybeSend + 'static,
    {
        Box::pin(P::apart(work(self.clone())))
    }

    async fn page_token_key_now(&self, candidate: [u8; 32]) -> Result<[u8; 32], StorageError> {
        let _one = self.writing.lock().await;
        if let Some(key) = self.read(PAGE_TOKEN_KEY).await? {
            return Ok(key);
        }
        self.write(PAGE_TOKEN_KEY, &candidate).await?;
        // Another instance may have written its own at once: the last one stays.
        Ok(self.read(PAGE_TOKEN_KEY).await?.unwrap_or(candidate))
    }
}

impl<P: Pairs> TaskStorage for KeyValueStorage<P> {
    fn create<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        creation: Creation,
    ) -> BoxFuture<'a, Result<Revision, StorageError>> {
        let scope = scope.clone();
        self.apart(|this| async move { this.create_now(&scope, id, creation).await })
    }

    fn append<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        expected: Revision,
        events: Vec<Event>,
        author: Author,
    ) -> BoxFuture<'a, Result<Revision, StorageError>> {
        let scope = scope.clone();
        self.apart(|this| async move { this.append_now(&scope, id, expected, events, author).await })
    }

    fn snapshot<'a>(&'a self, scope: &'a Scope, id: TaskId) -> BoxFuture<'a, Result<Option<Snapshot>, StorageError>> {
        Box::pin(self.snapshot_now(scope, id, None))
    }

    fn snapshot_at<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        revision: Revision,
    ) -> BoxFuture<'a, Result<Option<Snapshot>, StorageError>> {
        Box::pin(self.snapshot_now(scope, id, Some(revision)))
    }

    fn events<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        after: Revision,
        limit: usize,
    ) -> BoxFuture<'a, Result<Option<Vec<Event>>, StorageError>> {
        Box::pin(self.events_now(scope, id, after, limit))
    }

    fn list<'a>(&'a self, scope: &'a Scope, query: &'a ListQuery) -> BoxFuture<'a, Result<TaskPage, StorageError>> {
        let (scope, query) = (scope.clone(), query.clone());
        self.apart(|this| async move { this.list_now(&scope, &query).await })
    }

    fn claim<'a>(&'a self, scope: &'a Scope, claim: Claim) -> BoxFuture<'a, Result<Claimed, StorageError>> {
        let scope = scope.clone();
        self.apart(|this| async move { this.claim_now(&scope, claim).await })
    }

    fn settle<'a>(
        &'a self,
        scope: &'a Scope,
        message_id: &'a str,
        task: TaskId,
        answer: Option<Arc<Message>>,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        let (scope, message_id) = (scope.clone(), message_id.to_owned());
        self.apart(|this| async move { this.settle_now(&scope, &message_id, task, answer).await })
    }

    fn put_push_config<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        row: PushConfigRow,
        most: usize,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        let scope = scope.clone();
        self.apart(|this| async move { this.put_push_now(&scope, task, row, most).await })
    }

    fn push_config<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<PushConfigRow>, StorageError>> {
        Box::pin(self.push_config_now(scope, task, id))
    }

    fn push_configs<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<PushConfigRow>, StorageError>> {
        Box::pin(self.push_configs_now(scope, task, after, limit))
    }

    fn delete_push_config<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        id: &'a str,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        let (scope, id) = (scope.clone(), id.to_owned());
        self.apart(
            |this| async move { this.change_pushes(&scope, task, |pushes| pushes.rows.remove(&*id).is_some()).await },
        )
    }
}

impl<P: Pairs> FleetStorage for KeyValueStorage<P> {
    fn join(&self, replica: ReplicaId, time: Duration) -> BoxFuture<'_, Result<(), StorageError>> {
        self.apart(|this| async move { this.join_now(replica, time).await })
    }

    fn renew(&self, replica: ReplicaId, time: Duration) -> BoxFuture<'_, Result<bool, StorageError>> {
        self.apart(|this| async move { this.renew_now(replica, time).await })
    }

    fn leave(&self, replica: ReplicaId) -> BoxFuture<'_, Result<(), StorageError>> {
        self.apart(|this| async move { this.leave_now(replica).await })
    }

    fn take<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        replica: ReplicaId,
    ) -> BoxFuture<'a, Result<Taken, StorageError>> {
        let scope = scope.clone();
        self.apart(|this| async move { this.take_now(&scope, id, replica).await })
    }

    fn release<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        lease: Lease,
        seen: Revision,
    ) -> BoxFuture<'a, Result<bool, StorageError>> {
        let scope = scope.clone();
        self.apart(|this| async move { this.release_now(&scope, id, lease, seen).await })
    }

    fn orphans<'a>(
        &'a self,
        agent: &'a str,
        after: Option<&'a (Scope, TaskId)>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Scope, TaskId)>, StorageError>> {
        let (agent, after) = (agent.to_owned(), after.map(|(_, id)| *id));
        self.apart(|this| async move { this.orphans_now(&agent, after, limit).await })
    }

    fn paused<'a>(
        &'a self,
        agent: &'a str,
        before: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Scope, TaskId)>, StorageError>> {
        let agent = agent.to_owned();
        self.apart(|this| async move { this.paused_now(&agent, before, limit).await })
    }

    fn sweep(&self, now: Timestamp) -> BoxFuture<'_, Result<bool, StorageError>> {
        self.apart(|this| async move { this.sweep_now(now).await })
    }

    fn page_token_key(&self, candidate: [u8; 32]) -> BoxFuture<'_, Result<[u8; 32], StorageError>> {
        self.apart(|this| async move { this.page_token_key_now(candidate).await })
    }

    fn advance_push<'a>(
        &'a self,
        key: &'a PushConfigKey,
        created: Timestamp,
        cursor: Revision,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        let key = key.clone();
        let advance = move |row: &mut PushConfigRow| {
            let advances = row.cursor < cursor;
            row.cursor = row.cursor.max(cursor);
            advances
        };
        self.apart(|this| async move { this.change_push(&key, created, advance).await })
    }

    fn fail_push<'a>(
        &'a self,
        key: &'a PushConfigKey,
        created: Timestamp,
        failure: PushFailure,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        let key = key.clone();
        let fail = |row: &mut PushConfigRow| {
            row.failure = Some(failure);
            true
        };
        self.apart(|this| async move { this.change_push(&key, created, fail).await })
    }

    fn take_pushes<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        replica: ReplicaId,
    ) -> BoxFuture<'a, Result<bool, StorageError>> {
        let scope = scope.clone();
        self.apart(|this| async move { this.take_pushes_now(&scope, task, replica).await })
    }

    fn release_pushes<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        replica: ReplicaId,
        seen: Revision,
    ) -> BoxFuture<'a, Result<bool, StorageError>> {
        let scope = scope.clone();
        self.apart(|this| async move { this.release_pushes_now(&scope, task, replica, seen).await })
    }

    fn pending_pushes<'a>(
        &'a self,
        agent: &'a str,
        after: Option<&'a PushConfigKey>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<PushConfigKey>, StorageError>> {
        let (agent, after) = (agent.to_owned(), after.cloned());
        self.apart(|this| async move { this.pending_pushes_now(&agent, after.as_ref(), limit).await })
    }
}
