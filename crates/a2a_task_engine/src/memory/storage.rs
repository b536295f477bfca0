//! The ports over memory. All futures are ready at once.

use std::{sync::Arc, time::Duration};

use a2a_app_ports::{
    Author, BoxFuture, Claim, Claimed, Creation, FleetStorage, Lease, ListQuery, PushConfigKey, PushConfigRow,
    PushFailure, ReplicaId, Revision, Scope, Snapshot, StorageError, Taken, TaskId, TaskPage, TaskStorage,
};
use a2a_protocol_core::{Event, Message, Timestamp};

use super::{MemoryStorage, record::Beginning};

impl TaskStorage for MemoryStorage {
    fn create<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        creation: Creation,
    ) -> BoxFuture<'a, Result<Revision, StorageError>> {
        Box::pin(async move { self.create_now(scope, id, creation) })
    }

    fn append<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        expected: Revision,
        events: Vec<Event>,
        author: Author,
    ) -> BoxFuture<'a, Result<Revision, StorageError>> {
        Box::pin(async move { self.append_now(scope, id, expected, events, author) })
    }

    fn snapshot<'a>(&'a self, scope: &'a Scope, id: TaskId) -> BoxFuture<'a, Result<Option<Snapshot>, StorageError>> {
        Box::pin(async move { Ok(self.find(scope, id).map(|record| record.kept().snapshot(&self.replicas))) })
    }

    fn snapshot_at<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        revision: Revision,
    ) -> BoxFuture<'a, Result<Option<Snapshot>, StorageError>> {
        Box::pin(async move {
            let Some(record) = self.find(scope, id) else { return Ok(None) };
            let kept = record.kept();
            if kept.revision() == revision {
                return Ok(Some(kept.snapshot(&self.replicas)));
            }
            let beginning = kept.beginning(revision, &self.replicas);
            drop(kept);
            Ok(beginning.and_then(Beginning::fold))
        })
    }

    fn events<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        after: Revision,
        limit: usize,
    ) -> BoxFuture<'a, Result<Option<Vec<Event>>, StorageError>> {
        Box::pin(async move { Ok(self.find(scope, id).and_then(|record| record.kept().events_after(after, limit))) })
    }

    fn list<'a>(&'a self, scope: &'a Scope, query: &'a ListQuery) -> BoxFuture<'a, Result<TaskPage, StorageError>> {
        Box::pin(async move { Ok(self.list_now(scope, query)) })
    }

    fn claim<'a>(&'a self, scope: &'a Scope, claim: Claim) -> BoxFuture<'a, Result<Claimed, StorageError>> {
        Box::pin(async move { Ok(self.claims.claim(scope, claim, &self.replicas)) })
    }

    fn settle<'a>(
        &'a self,
        scope: &'a Scope,
        message_id: &'a str,
        task: TaskId,
        answer: Option<Arc<Message>>,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move { self.claims.settle(scope, message_id, task, answer) })
    }

    fn put_push_config<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        row: PushConfigRow,
        most: usize,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move { self.put_push_now(scope, task, row, most) })
    }

    fn push_config<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<PushConfigRow>, StorageError>> {
        Box::pin(async move { Ok(self.push_now(scope, task, id)) })
    }

    fn push_configs<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<PushConfigRow>, StorageError>> {
        Box::pin(async move { Ok(self.pushes_now(scope, task, after, limit)) })
    }

    fn delete_push_config<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        id: &'a str,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move {
            self.delete_push_now(scope, task, id);
            Ok(())
        })
    }
}

impl FleetStorage for MemoryStorage {
    fn join(&self, replica: ReplicaId, time: Duration) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(async move {
            self.replicas.join(replica, time);
            Ok(())
        })
    }

    fn renew(&self, replica: ReplicaId, time: Duration) -> BoxFuture<'_, Result<bool, StorageError>> {
        Box::pin(async move { Ok(self.replicas.renew(replica, time)) })
    }

    fn leave(&self, replica: ReplicaId) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(async move {
            self.replicas.leave(replica);
            Ok(())
        })
    }

    fn take<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        replica: ReplicaId,
    ) -> BoxFuture<'a, Result<Taken, StorageError>> {
        Box::pin(async move { self.take_now(scope, id, replica) })
    }

    fn release<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        lease: Lease,
        seen: Revision,
    ) -> BoxFuture<'a, Result<bool, StorageError>> {
        Box::pin(async move { Ok(self.release_now(scope, id, lease, seen)) })
    }

    fn orphans<'a>(
        &'a self,
        agent: &'a str,
        after: Option<&'a (Scope, TaskId)>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Scope, TaskId)>, StorageError>> {
        Box::pin(async move { Ok(self.orphans_now(agent, after, limit)) })
    }

    fn paused<'a>(
        &'a self,
        agent: &'a str,
        before: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Scope, TaskId)>, StorageError>> {
        Box::pin(async move { Ok(self.paused_now(agent, before, limit)) })
    }

    fn sweep(&self, now: Timestamp) -> BoxFuture<'_, Result<bool, StorageError>> {
        Box::pin(async move {
            let due = self.shards.due(now);
            let more = !due.is_empty();
            self.drop_logs(due);
            Ok(more)
        })
    }

    fn page_token_key(&self, candidate: [u8; 32]) -> BoxFuture<'_, Result<[u8; 32], StorageError>> {
        Box::pin(async move { Ok(*self.page_token_key.get_or_init(|| candidate)) })
    }

    fn advance_push<'a>(
        &'a self,
        key: &'a PushConfigKey,
        created: Timestamp,
        cursor: Revision,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move {
            self.change_push_now(key, created, |row| row.cursor = row.cursor.max(cursor));
            Ok(())
        })
    }

    fn fail_push<'a>(
        &'a self,
        key: &'a PushConfigKey,
        created: Timestamp,
        failure: PushFailure,
    ) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move {
            self.change_push_now(key, created, |row| row.failure = Some(failure));
            Ok(())
        })
    }

    fn take_pushes<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        replica: ReplicaId,
    ) -> BoxFuture<'a, Result<bool, StorageError>> {
        Box::pin(async move { Ok(self.take_pushes_now(scope, task, replica)) })
    }

    fn release_pushes<'a>(
        &'a self,
        scope: &'a Scope,
        task: TaskId,
        replica: ReplicaId,
        seen: Revision,
    ) -> BoxFuture<'a, Result<bool, StorageError>> {
        Box::pin(async move { Ok(self.release_pushes_now(scope, task, replica, seen)) })
    }

    fn pending_pushes<'a>(
        &'a self,
        agent: &'a str,
        after: Option<&'a PushConfigKey>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<PushConfigKey>, StorageError>> {
        Box::pin(async move { Ok(self.pending_pushes_now(agent, after, limit)) })
    }
}
