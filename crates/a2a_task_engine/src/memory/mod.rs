//! The storage in memory.

mod chunks;
mod claims;
mod filing;
mod index;
mod leases;
mod pushes;
mod record;
mod row;
mod scopes;
mod shards;
mod size;
mod storage;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use a2a_app_ports::{Author, Creation, ListQuery, Revision, Scope, Storage, StorageError, TaskId, TaskPage};
use a2a_protocol_core::{Event, EventKind, FoldError, Task, Timestamp};

use self::{
    claims::Claims,
    leases::Replicas,
    pushes::PushedTasks,
    record::{Kept, Record},
    row::Row,
    scopes::Scopes,
    shards::{Due, Shards},
};

/// How much a [`MemoryStorage`] keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimits {
    /// About how many bytes of memory tasks may take, 512 MiB by default. Beyond it, the tasks that
    /// ended longest ago are evicted, with what their webhooks have not been told; those that have
    /// not ended never are.
    pub max_bytes: usize,
    /// How long the events of a task are kept after it has ended, an hour by default. Measured by
    /// the times of the events that are stored later. Events that a webhook is still to be told are
    /// kept until it has been told, or given up.
    pub replay_window: Duration,
    /// About how many claims of message ids are kept, a million by default. Beyond it, the oldest
    /// are forgotten before they expire.
    pub max_claims: usize,
}

impl Default for MemoryLimits {
    fn default() -> Self {
        Self { max_bytes: 512 << 20, replay_window: Duration::from_secs(60 * 60), max_claims: 1_000_000 }
    }
}

/// What a [`MemoryStorage`] holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryMetrics {
    /// The tasks.
    pub tasks: usize,
    /// Those of them that have not ended.
    pub running: usize,
    /// About how many bytes they take.
    pub bytes: usize,
    /// How many tasks were evicted so far to keep within the limit.
    pub evicted: u64,
}

/// Keeps tasks in memory: bounded, and gone with the process.
///
/// All futures are ready at once. Nothing runs in the background: what is to be forgotten is
/// forgotten by the calls that store something.
pub struct MemoryStorage {
    limits: MemoryLimits,
    shards: Shards,
    scopes: Scopes,
    claims: Claims,
    pushed: PushedTasks,
    replicas: Replicas,
    page_token_key: OnceLock<[u8; 32]>,
    bytes: AtomicUsize,
    evicted: AtomicU64,
}

impl MemoryStorage {
    /// A storage with the default limits.
    pub fn new() -> Self {
        Self::with_limits(MemoryLimits::default())
    }

    /// A storage with these limits.
    pub fn with_limits(limits: MemoryLimits) -> Self {
        Self {
            limits,
            shards: Shards::new(limits.replay_window),
            scopes: Scopes::new(),
            claims: Claims::new(limits.max_claims),
            pushed: PushedTasks::default(),
            replicas: Replicas::default(),
            page_token_key: OnceLock::new(),
            bytes: AtomicUsize::new(0),
            evicted: AtomicU64::new(0),
        }
    }

    /// What it holds now.
    pub fn metrics(&self) -> MemoryMetrics {
        let (tasks, running) = self.shards.count();
        MemoryMetrics { tasks, running, bytes: self.bytes.load(Relaxed), evicted: self.evicted.load(Relaxed) }
    }

    fn create_now(&self, scope: &Scope, id: TaskId, creation: Creation) -> Result<Revision, StorageError> {
        if !creation.claimed {
            return self.create_if(scope, id, creation, true);
        }
        let (message_id, count) = (claimed_message(&creation.events)?, creation.events.len());
        self.claims
            .store_claimed(scope, &message_id, id, count, |is_claimed| self.create_if(scope, id, creation, is_claimed))
    }

    fn create_if(
        &self,
        scope: &Scope,
        id: TaskId,
        creation: Creation,
        is_claimed: bool,
    ) -> Result<Revision, StorageError> {
        let Creation { events, push, replica, .. } = creation;
        let now = events.last().map_or(Timestamp::UNIX_EPOCH, |event| event.time);
        let mut kept = Kept::begin(id, events, replica).map_err(StorageError::Refused)?;
        if let Some(row) = push {
            kept.change_pushes(|pushes| pushes.put(*row));
        }
        let conflict = |taken: Arc<Record>| {
            let current = if taken.owner.scope == *scope { taken.kept().revision() } else { 0 };
            StorageError::Conflict { current }
        };
        let is_present = self.replicas.is_present(replica);
        if !is_present || !is_claimed {
            let refused = if is_present { StorageError::Unclaimed } else { StorageError::Fenced };
            return Err(self.shards.find(id).map_or(refused, conflict));
        }
        let row = Row::new(id, kept.status(), self.scopes.context_hash(kept.context_id()));
        let record = Arc::new(Record::new(self.scopes.find_or_add(scope), kept));
        // Held until the task is in the index too: nobody changes it before.
        let kept = record.kept();
        let due = self.shards.insert(id, &record, now).map_err(conflict)?;
        record.owner.index.insert(row);
        self.replicas.note_creator(replica);
        if kept.pushes().is_some() {
            self.pushed.note(id, true);
        }
        if kept.has_ended() {
            self.shards.ended(id, now);
        }
        self.bytes.fetch_add(kept.bytes(), Relaxed);
        let revision = kept.revision();
        drop(kept);
        self.drop_logs(due);
        self.make_room();
        Ok(revision)
    }

    fn append_now(
        &self,
        scope: &Scope,
        id: TaskId,
        expected: Revision,
        events: Vec<Event>,
        author: Author,
    ) -> Result<Revision, StorageError> {
        if author != Author::Claimant {
            return self.append_if(scope, id, expected, events, author, true);
        }
        let (message_id, count) = (claimed_message(&events)?, events.len());
        self.claims.store_claimed(scope, &message_id, id, count, |is_claimed| {
            self.append_if(scope, id, expected, events, author, is_claimed)
        })
    }

    fn append_if(
        &self,
        scope: &Scope,
        id: TaskId,
        expected: Revision,
        events: Vec<Event>,
        author: Author,
        is_claimed: bool,
    ) -> Result<Revision, StorageError> {
        let now = events.last().map_or(Timestamp::UNIX_EPOCH, |event| event.time);
        let (found, due) = self.shards.find_at(id, now);
        self.drop_logs(due);
        let record = found.filter(|record| record.owner.scope == *scope).ok_or(StorageError::NotFound)?;
        let mut kept = record.kept();
        let (before, bytes) = (Row::new(id, kept.status(), 0), kept.bytes());
        let revision = kept.append(expected, events, author, !is_claimed)?;
        if author.lease().is_none() && kept.holder().is_none() {
            self.replicas.note(id, !kept.has_ended());
        }
        if !before.is_current(kept.status()) {
            record.owner.index.replace(&before, Row::new(id, kept.status(), 0));
            if kept.has_ended() {
                self.shards.ended(id, now);
            }
        }
        self.bytes.fetch_add(kept.bytes() - bytes, Relaxed);
        drop(kept);
        self.make_room();
        Ok(revision)
    }

    fn list_now(&self, scope: &Scope, query: &ListQuery) -> TaskPage {
        let Some(tasks) = self.scopes.find(scope) else { return TaskPage::default() };
        let context = query.context_id.as_deref().map(|context| self.scopes.context_hash(context));
        let found = tasks.index.query(query, context);
        let next = found.rows.last().filter(|_| found.more).map(Row::position);
        let mut moved = false;
        let mut page: Vec<Arc<Task>> = Vec::with_capacity(found.rows.len());
        for row in &found.rows {
            let Some(task) = self.find(scope, row.id()).map(|record| record.kept().task()) else { continue };
            if !row.is_current(&task.status) {
                // It has changed since the index was read: it is shown as it is now where that is
                // still an answer to the query.
                let state_fits = query.state.as_ref().is_none_or(|state| *state == task.status.state);
                let place_fits = query.after.is_none_or(|after| Row::new(row.id(), &task.status, 0).position() < after);
                if !state_fits || !place_fits {
                    continue;
                }
                moved = true;
            }
            page.push(task);
        }
        if moved {
            page.sort_by(|one, next| (next.status.timestamp, &next.id).cmp(&(one.status.timestamp, &one.id)));
        }
        TaskPage { tasks: page, next, total: found.total as u64 }
    }

    /// The task, if it belongs to the scope.
    fn find(&self, scope: &Scope, id: TaskId) -> Option<Arc<Record>> {
        self.shards.find(id).filter(|record| record.owner.scope == *scope)
    }

    fn drop_logs(&self, due: Due) {
        for record in due {
            let mut kept = record.kept();
            if kept.has_to_tell() {
                kept.change_pushes(|pushes| pushes.log_is_due = true);
                continue;
            }
            let before = kept.bytes();
            let events = kept.drop_log();
            self.bytes.fetch_add(kept.bytes(), Relaxed);
            self.bytes.fetch_sub(before, Relaxed);
            drop(kept);
            drop(events);
        }
    }

    fn make_room(&self) {
        while self.bytes.load(Relaxed) > self.limits.max_bytes {
            let Some((id, record)) = self.shards.take_longest_ended() else { return };
            let mut kept = record.kept();
            record.owner.index.remove(&Row::new(id, kept.status(), 0));
            self.bytes.fetch_sub(kept.bytes(), Relaxed);
            if kept.pushes().is_some() {
                self.pushed.note(id, false);
            }
            let events = kept.drop_all();
            drop(kept);
            drop(events);
            self.evicted.fetch_add(1, Relaxed);
        }
    }
}

impl Default for MemoryStorage {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStorage").field("limits", &self.limits).field("metrics", &self.metrics()).finish()
    }
}

/// The id of the message that events begin with.
fn claimed_message(events: &[Event]) -> Result<String, StorageError> {
    match events.first().map(|event| &event.kind) {
        Some(EventKind::Created { message, .. } | EventKind::Message(message)) => Ok(message.message_id.clone()),
        _ => Err(StorageError::Refused(FoldError::Misplaced)),
    }
}

/// Nothing that holds a lock here panics halfway through a change, so a poisoned lock is as good as
/// any other.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl From<MemoryStorage> for Arc<dyn Storage> {
    fn from(storage: MemoryStorage) -> Self {
        Arc::new(storage)
    }
}
