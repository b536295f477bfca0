//! One task: its log, and its fold, which every append keeps up to date.

use std::sync::{Arc, Mutex, MutexGuard};

use a2a_app_ports::{AT_THE_END, Author, Holder, Lease, ReplicaId, Revision, Snapshot, StorageError, TaskId};
use a2a_protocol_core::{Artifact, Event, EventKind, FoldError, Task, TaskStatus, log};

use super::{leases::Replicas, lock, pushes::Pushes, scopes::ScopeTasks, size};

/// What a record costs besides its task and events: itself, its place in its shard, its row, its
/// place among the ended; in bytes.
const RECORD: usize = size_of::<Record>() + 16 + 40 + 40 + 36;

/// A task and to whom it belongs.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) owner: Arc<ScopeTasks>,
    kept: Mutex<Kept>,
}

impl Record {
    pub(super) fn new(owner: Arc<ScopeTasks>, kept: Kept) -> Self {
        Self { owner, kept: Mutex::new(kept) }
    }

    /// Holds the task still. While it is held, the locks of its shard and of its scope's index may
    /// be taken, and never the other way round.
    pub(super) fn kept(&self) -> MutexGuard<'_, Kept> {
        lock(&self.kept)
    }
}

/// What is kept of a task.
#[derive(Debug)]
pub(super) struct Kept {
    revision: Revision,
    skill: Arc<str>,
    task: Arc<Task>,
    /// How many leases there have been.
    fence: u64,
    /// Who has the latest, unless it was given back.
    holder: Option<ReplicaId>,
    /// All events, or none once the log is dropped.
    events: Vec<Event>,
    /// Its push configurations, if it has any.
    pushes: Option<Box<Pushes>>,
    /// An estimate of what all this takes; 0 when it is no longer stored.
    bytes: usize,
}

impl Kept {
    /// Folds the first events of a log.
    pub(super) fn begin(id: TaskId, events: Vec<Event>, replica: ReplicaId) -> Result<Self, FoldError> {
        let Some((first, rest)) = events.split_first() else { return Err(FoldError::Misplaced) };
        let EventKind::Created { skill, message, .. } = &first.kind else { return Err(FoldError::Misplaced) };
        // The first message may name the task already: then they share the name.
        let name = message.task_id.clone().filter(|name| name.parse() == Ok(id)).unwrap_or_else(|| id.into());
        let mut task = log::begin(name, first)?;
        rest.iter().try_for_each(|event| log::apply(&mut task, event))?;
        let bytes = RECORD + size::of_fold(&task) + events.iter().map(size::of_event).sum::<usize>();
        let (revision, skill, task) = (events.len() as Revision, skill.clone(), Arc::new(task));
        let Lease { replica, fence } = Lease::first(replica);
        let mut kept = Self { revision, skill, task, fence, holder: Some(replica), events, pushes: None, bytes };
        kept.settle_if_ended();
        Ok(kept)
    }

    /// Folds the next events: all of them or none. A caller's message that would have to be claimed
    /// and is not is `unclaimed`.
    pub(super) fn append(
        &mut self,
        expected: Revision,
        events: Vec<Event>,
        author: Author,
        unclaimed: bool,
    ) -> Result<Revision, StorageError> {
        if author.lease().is_some() && author.lease() != self.lease() {
            return Err(StorageError::Fenced);
        }
        if expected != AT_THE_END && self.revision != expected {
            return Err(StorageError::Conflict { current: self.revision });
        }
        // One event is refused as a whole; of several, the later ones may be.
        if events.len() > 1 || unclaimed {
            try_all(&self.task, &events).map_err(StorageError::Refused)?;
        }
        if unclaimed {
            return Err(StorageError::Unclaimed);
        }
        if !events.is_empty() {
            let task = Arc::make_mut(&mut self.task);
            events.iter().try_for_each(|event| log::apply(task, event)).map_err(StorageError::Refused)?;
            self.revision += events.len() as Revision;
            self.bytes += events.iter().map(size::of_event).sum::<usize>();
            self.events.extend(events);
            self.settle_if_ended();
        }
        Ok(self.revision)
    }

    /// Gives back the lease and what growing left over: an ended task stays for long, and grows no
    /// more.
    fn settle_if_ended(&mut self) {
        if !self.has_ended() {
            return;
        }
        self.holder = None;
        self.events.shrink_to_fit();
        if let Some(task) = Arc::get_mut(&mut self.task) {
            task.history.shrink_to_fit();
            task.artifacts.shrink_to_fit();
            for artifact in task.artifacts.iter_mut().filter_map(Arc::get_mut) {
                artifact.parts.shrink_to_fit();
            }
        }
    }

    pub(super) fn lease(&self) -> Option<Lease> {
        self.holder.map(|replica| Lease { replica, fence: self.fence })
    }

    pub(super) fn holder(&self) -> Option<ReplicaId> {
        self.holder
    }

    pub(super) fn take(&mut self, replica: ReplicaId) -> Lease {
        self.fence += 1;
        self.holder = Some(replica);
        Lease { replica, fence: self.fence }
    }

    /// Whether the lease is not held any more, the log having been seen up to there.
    pub(super) fn release(&mut self, lease: Lease, seen: Revision) -> bool {
        let held = self.lease() == Some(lease);
        if held && self.revision > seen {
            return false;
        }
        if held {
            self.holder = None;
        }
        true
    }

    /// Forgets the events; they are returned so that they are freed outside the lock.
    pub(super) fn drop_log(&mut self) -> Vec<Event> {
        if !self.events.is_empty() {
            self.bytes = RECORD + size::of_task(&self.task) + self.pushes().map_or(0, Pushes::bytes);
        }
        std::mem::take(&mut self.events)
    }

    /// Forgets what is counted, for a task that is no longer stored.
    pub(super) fn drop_all(&mut self) -> Vec<Event> {
        self.bytes = 0;
        self.pushes = None;
        std::mem::take(&mut self.events)
    }

    /// Whether the task is no longer stored.
    pub(super) fn is_gone(&self) -> bool {
        self.bytes == 0
    }

    /// The push configurations, if there are any.
    pub(super) fn pushes(&self) -> Option<&Pushes> {
        self.pushes.as_deref()
    }

    /// Whether webhooks are still to be told what the log says.
    pub(super) fn has_to_tell(&self) -> bool {
        self.pushes().is_some_and(|pushes| pushes.are_behind(self.revision))
    }

    pub(super) fn change_pushes(&mut self, change: impl FnOnce(&mut Pushes)) {
        let mut pushes = self.pushes.take().unwrap_or_default();
        self.bytes -= pushes.bytes();
        change(&mut pushes);
        self.bytes += pushes.bytes();
        self.pushes = (!pushes.is_empty()).then_some(pushes);
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn revision(&self) -> Revision {
        self.revision
    }

    pub(super) fn status(&self) -> &TaskStatus {
        &self.task.status
    }

    pub(super) fn context_id(&self) -> &str {
        &self.task.context_id
    }

    pub(super) fn has_ended(&self) -> bool {
        self.task.status.state.is_terminal()
    }

    pub(super) fn task(&self) -> Arc<Task> {
        self.task.clone()
    }

    pub(super) fn snapshot(&self, replicas: &Replicas) -> Snapshot {
        Snapshot {
            revision: self.revision,
            skill: self.skill.clone(),
            task: self.task.clone(),
            has_push_configs: self.pushes.is_some(),
            holder: replicas.holder(self.holder),
        }
    }

    /// What a snapshot of an earlier revision is folded from.
    pub(super) fn beginning(&self, revision: Revision, replicas: &Replicas) -> Option<Beginning> {
        let first = self.events.get(..usize::try_from(revision).ok()?)?;
        let has_push_configs = self.pushes.is_some();
        Some(Beginning {
            id: self.task.id.clone(),
            events: first.to_vec(),
            has_push_configs,
            holder: replicas.holder(self.holder),
        })
    }

    /// The events after a revision, as long as none of them is dropped.
    pub(super) fn events_after(&self, after: Revision, limit: usize) -> Option<Vec<Event>> {
        if after >= self.revision {
            return Some(Vec::new());
        }
        let next = self.events.get(usize::try_from(after).ok()?..)?;
        if next.is_empty() { None } else { Some(next[..next.len().min(limit)].to_vec()) }
    }
}

/// A task's id and its first events.
pub(super) struct Beginning {
    id: Arc<str>,
    events: Vec<Event>,
    has_push_configs: bool,
    holder: Holder,
}

impl Beginning {
    /// The task that they make.
    pub(super) fn fold(self) -> Option<Snapshot> {
        let Self { id, events, has_push_configs, holder } = self;
        let (first, rest) = events.split_first()?;
        let EventKind::Created { skill, .. } = &first.kind else { return None };
        let mut task = log::begin(id, first).ok()?;
        rest.iter().try_for_each(|event| log::apply(&mut task, event)).ok()?;
        Some(Snapshot {
            revision: events.len() as Revision,
            skill: skill.clone(),
            task: Arc::new(task),
            has_push_configs,
            holder,
        })
    }
}

/// Whether all of a batch fits: tried on a task that has only what decides that, its state and the
/// names of the artifacts concerned, so that nothing has to be undone and nothing large is copied.
fn try_all(task: &Task, events: &[Event]) -> Result<(), FoldError> {
    let is_named = |known: &Artifact| {
        events.iter().any(|event| {
            matches!(&event.kind, EventKind::Artifact { artifact, .. } if artifact.artifact_id == known.artifact_id)
        })
    };
    let status = TaskStatus::new(task.status.state.clone());
    let mut trial = Task::new(task.id.clone(), task.context_id.clone(), status);
    let named = task.artifacts.iter().filter(|known| is_named(known));
    trial.artifacts = named.map(|known| Arc::new(Artifact::new(known.artifact_id.clone(), Vec::new()))).collect();
    events.iter().try_for_each(|event| log::apply(&mut trial, event))
}
