//! A storage of which it is noted what it let runs write, under which leases, and where it failed.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use agent_sdk::{
    ports::{
        Author, BoxFuture, Claim, Claimed, Creation, FleetStorage, Lease, ListQuery, PushConfigKey, PushConfigRow,
        PushFailure, ReplicaId, Revision, Scope, Snapshot, Storage, StorageError, Taken, TaskId, TaskPage, TaskStorage,
    },
    protocol::{Event, Message, Timestamp},
};

use crate::{
    agent::LEASE,
    witness::{Held, What, Witness, now},
};

pub(crate) struct Recorder {
    storage: Arc<dyn Storage>,
    witness: Arc<Witness>,
}

impl Recorder {
    pub(crate) fn of(storage: impl Storage + 'static, witness: &Arc<Witness>) -> Arc<dyn Storage> {
        Arc::new(Self { storage: Arc::new(storage), witness: witness.clone() })
    }

    fn note(&self, what: What) {
        self.witness.note(std::process::id(), what);
    }

    /// What the storage makes of a task, with a note of it, or of its failure.
    fn noted<'a, T: Send + 'a>(
        &'a self,
        task: TaskId,
        operation: BoxFuture<'a, Result<T, StorageError>>,
        what: impl FnOnce(&T) -> Option<What> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, StorageError>> {
        Box::pin(async move {
            let done = operation.await;
            let what = match &done {
                Ok(done) => what(done),
                Err(StorageError::Failed(_)) => Some(What::Failed(task.to_string())),
                Err(_) => None,
            };
            what.into_iter().for_each(|what| self.note(what));
            done
        })
    }
}

/// Operations of which nothing is noted.
macro_rules! passed_on {
    ($($name:ident($($argument:ident: $type:ty),*) -> $output:ty;)*) => {$(
        fn $name<'a>(&'a self, $($argument: $type),*) -> BoxFuture<'a, Result<$output, StorageError>> {
            self.storage.$name($($argument),*)
        }
    )*};
}

impl TaskStorage for Recorder {
    fn create<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        creation: Creation,
    ) -> BoxFuture<'a, Result<Revision, StorageError>> {
        let held = Held::of(Lease::first(creation.replica));
        let took = move |_: &Revision| Some(What::Took { task: id.to_string(), held, orphaned: false });
        self.noted(id, self.storage.create(scope, id, creation), took)
    }

    fn append<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        expected: Revision,
        events: Vec<Event>,
        author: Author,
    ) -> BoxFuture<'a, Result<Revision, StorageError>> {
        let (held, since) = (author.lease().map(Held::of), now());
        let wrote = move |revision: &Revision| {
            Some(What::Wrote { task: id.to_string(), revision: *revision, held: held?, since })
        };
        self.noted(id, self.storage.append(scope, id, expected, events, author), wrote)
    }

    fn snapshot<'a>(&'a self, scope: &'a Scope, id: TaskId) -> BoxFuture<'a, Result<Option<Snapshot>, StorageError>> {
        self.noted(id, self.storage.snapshot(scope, id), |_| None)
    }

    fn events<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        after: Revision,
        limit: usize,
    ) -> BoxFuture<'a, Result<Option<Vec<Event>>, StorageError>> {
        self.noted(id, self.storage.events(scope, id, after, limit), |_| None)
    }

    passed_on! {
        snapshot_at(scope: &'a Scope, id: TaskId, revision: Revision) -> Option<Snapshot>;
        list(scope: &'a Scope, query: &'a ListQuery) -> TaskPage;
        claim(scope: &'a Scope, claim: Claim) -> Claimed;
        settle(scope: &'a Scope, message_id: &'a str, task: TaskId, answer: Option<Arc<Message>>) -> ();
        put_push_config(scope: &'a Scope, task: TaskId, row: PushConfigRow, most: usize) -> ();
        push_config(scope: &'a Scope, task: TaskId, id: &'a str) -> Option<PushConfigRow>;
        push_configs(scope: &'a Scope, task: TaskId, after: Option<&'a str>, limit: usize) -> Vec<PushConfigRow>;
        delete_push_config(scope: &'a Scope, task: TaskId, id: &'a str) -> ();
    }
}

impl FleetStorage for Recorder {
    fn renew(&self, replica: ReplicaId, time: Duration) -> BoxFuture<'_, Result<bool, StorageError>> {
        Box::pin(async move {
            let since = Instant::now();
            let renewed = self.storage.renew(replica, time).await;
            if !matches!(renewed, Ok(true)) || since.elapsed() > LEASE / 3 {
                self.note(What::Unrenewed);
            }
            renewed
        })
    }

    fn take<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        replica: ReplicaId,
    ) -> BoxFuture<'a, Result<Taken, StorageError>> {
        let took = move |taken: &Taken| {
            let (lease, orphaned) = match *taken {
                Taken::Lease { lease, orphaned } => (lease, orphaned),
                // It was taken by a try that seemed to fail.
                Taken::By(lease) if lease.replica == replica => (lease, false),
                Taken::By(_) | Taken::Over => return None,
            };
            Some(What::Took { task: id.to_string(), held: Held::of(lease), orphaned })
        };
        self.noted(id, self.storage.take(scope, id, replica), took)
    }

    fn release<'a>(
        &'a self,
        scope: &'a Scope,
        id: TaskId,
        lease: Lease,
        seen: Revision,
    ) -> BoxFuture<'a, Result<bool, StorageError>> {
        self.noted(id, self.storage.release(scope, id, lease, seen), |_| None)
    }

    passed_on! {
        join(replica: ReplicaId, time: Duration) -> ();
        leave(replica: ReplicaId) -> ();
        orphans(agent: &'a str, after: Option<&'a (Scope, TaskId)>, limit: usize) -> Vec<(Scope, TaskId)>;
        paused(agent: &'a str, before: Timestamp, limit: usize) -> Vec<(Scope, TaskId)>;
        sweep(now: Timestamp) -> bool;
        page_token_key(candidate: [u8; 32]) -> [u8; 32];
        advance_push(key: &'a PushConfigKey, created: Timestamp, cursor: Revision) -> ();
        fail_push(key: &'a PushConfigKey, created: Timestamp, failure: PushFailure) -> ();
        take_pushes(scope: &'a Scope, task: TaskId, replica: ReplicaId) -> bool;
        release_pushes(scope: &'a Scope, task: TaskId, replica: ReplicaId, seen: Revision) -> bool;
        pending_pushes(agent: &'a str, after: Option<&'a PushConfigKey>, limit: usize) -> Vec<PushConfigKey>;
    }
}
