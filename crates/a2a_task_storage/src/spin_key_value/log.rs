//! Creating tasks, appending to their logs, and reading them.

use std::sync::Arc;

use a2a_app_ports::{
    AT_THE_END, Author, Creation, Holder, Lease, ReplicaId, Revision, Scope, Snapshot, StorageError, TaskId,
};
use a2a_protocol_core::{Event, EventKind, FoldError, Task, log};
use futures::try_join;

use super::{
    KeyValueStorage,
    folds::Fold,
    pairs::{self, Pairs},
    records::{Head, Held, Pushes, PushesLine},
};
use crate::{SqlFailure, SqlFailureKind};

/// Nobody has this id: what it holds is as good as lost.
const NOBODY: ReplicaId = ReplicaId::from_u128(0);
/// So often an append is tried that goes wherever the log ends, while other instances append too.
pub(super) const TRIES: usize = 20;

impl<P: Pairs> KeyValueStorage<P> {
    pub(super) async fn head(&self, id: TaskId) -> Result<Option<Head>, StorageError> {
        self.read(&pairs::head(id)).await
    }

    pub(super) async fn head_of(&self, scope: &Scope, id: TaskId) -> Result<Option<Head>, StorageError> {
        Ok(self.head(id).await?.filter(|head| head.is_of(scope)))
    }

    pub(super) async fn held(&self, id: TaskId) -> Result<Held, StorageError> {
        Ok(self.read(&pairs::lease(id)).await?.unwrap_or_default())
    }

    pub(super) async fn pushes(&self, id: TaskId) -> Result<Pushes, StorageError> {
        Ok(self.read::<PushesLine>(&pairs::pushes(id)).await?.map(PushesLine::pushes).unwrap_or_default())
    }

    pub(super) async fn create_now(
        &self,
        scope: &Scope,
        id: TaskId,
        creation: Creation,
    ) -> Result<Revision, StorageError> {
        let Creation { events, push, replica, claimed, .. } = creation;
        let misplaced = StorageError::Refused(FoldError::Misplaced);
        let Some((first, rest)) = events.split_first() else { return Err(misplaced) };
        let EventKind::Created { skill, .. } = &first.kind else { return Err(misplaced) };
        let mut task = log::begin(id.into(), first).map_err(StorageError::Refused)?;
        rest.iter().try_for_each(|event| log::apply(&mut task, event)).map_err(StorageError::Refused)?;

        let _one = self.writing.lock().await;
        if let Some(taken) = self.head(id).await? {
            return Err(StorageError::Conflict { current: if taken.is_of(scope) { taken.revision } else { 0 } });
        }
        if !self.is_present(replica).await? {
            return Err(StorageError::Fenced);
        }
        let mut head = Head::new(scope, skill.clone(), &task.context_id);
        head.hands.push((1, self.new_hand()));
        if claimed {
            head.uses = Some(self.use_claim(scope, message_id(&events)?, id, 1).await?);
        }
        let mut pushes = Pushes::default();
        push.into_iter().for_each(|row| pushes.put(*row));
        let grown = self.grow(id, &mut head, &task, &events).await?;
        if !head.has_ended() {
            self.write(&pairs::lease(id), &Held::by(Lease::first(replica))).await?;
        }
        if !pushes.rows.is_empty() {
            self.write(&pairs::pushes(id), &pushes.line(id)).await?;
        }
        // A row without a task is passed over; a task without a row would be lost.
        self.change_row(id, |_| Some(head.row(pushes.tell(&head)))).await?;
        self.commit(id, None, &head, grown).await?;
        self.settle_use(&head).await?;
        self.keep_fold(id, &head, Arc::new(task));
        Ok(head.revision)
    }

    pub(super) async fn append_now(
        &self,
        scope: &Scope,
        id: TaskId,
        expected: Revision,
        events: Vec<Event>,
        author: Author,
    ) -> Result<Revision, StorageError> {
        let _one = self.writing.lock().await;
        for _ in 0..TRIES {
            match self.try_append(scope, id, expected, &events, author).await {
                // Another instance was quicker.
                Err(StorageError::Conflict { .. }) if expected == AT_THE_END => {}
                done => return done,
            }
        }
        let what = format!("other instances append to task {id} all the time: try again");
        Err(SqlFailure::new(SqlFailureKind::Again, what).into())
    }

    async fn try_append(
        &self,
        scope: &Scope,
        id: TaskId,
        expected: Revision,
        events: &[Event],
        author: Author,
    ) -> Result<Revision, StorageError> {
        let (head, held) = try_join!(self.head_of(scope, id), self.held(id))?;
        let before = head.ok_or(StorageError::NotFound)?;
        if let Author::Run(lease) = author
            && (before.has_ended() || held.lease() != Some(lease))
        {
            return Err(StorageError::Fenced);
        }
        let lost = self.folds.is_lost(id, &before);
        if let Author::Run(lease) = author
            && lost
        {
            // Another instance has written over what this one has acknowledged, and has not seen it.
            // So whoever runs the task knows of a log that is not there: let somebody take it over.
            tracing::error!(task = %id, "another instance has written over events of this task, which are lost");
            self.write(&pairs::lease(id), &Held::by(Lease { replica: NOBODY, ..lease })).await?;
            self.folds.forget(id);
            return Err(StorageError::Fenced);
        }
        if expected != AT_THE_END && expected != before.revision {
            return Err(StorageError::Conflict { current: before.revision });
        }
        let claimed = if author == Author::Claimant { Some(message_id(events)?) } else { None };
        if events.is_empty() {
            return Ok(before.revision);
        }
        let mut head = before.clone();
        let mut task = match self.folds.take_task(id, &before) {
            Some(task) => task,
            None => {
                // What goes on from another's events, or from one's own of long ago, is by another hand.
                head.hands.push((before.revision + 1, self.new_hand()));
                Arc::new(self.fold(id, &before, before.revision).await?)
            }
        };
        let grown = Arc::make_mut(&mut task);
        events.iter().try_for_each(|event| log::apply(grown, event)).map_err(StorageError::Refused)?;
        // The claim that was used last has to know before the next one takes its place.
        self.settle_use(&before).await?;
        head.uses = match claimed {
            Some(claimed) => Some(self.use_claim(scope, claimed, id, before.revision + 1).await?),
            None => None,
        };
        let grown = self.grow(id, &mut head, &task, events).await?;
        self.commit(id, Some(&before), &head, grown).await?;
        if (&head.state, head.time) != (&before.state, before.time) {
            self.refresh_row(id, &head).await?;
        }
        self.settle_use(&head).await?;
        // Of one that is lost the run has yet to hear.
        if !lost || head.has_ended() {
            self.keep_fold(id, &head, task);
        }
        Ok(head.revision)
    }

    /// Stores events that come next, and a snapshot where one is due: what they are stored as. Nobody
    /// reads them before there is a head that names them.
    async fn grow(
        &self,
        id: TaskId,
        head: &mut Head,
        task: &Task,
        events: &[Event],
    ) -> Result<Vec<String>, StorageError> {
        let mut pairs = Vec::with_capacity(events.len() + 1);
        for event in events {
            head.revision += 1;
            let body = serde_json::to_vec(event).map_err(|error| StorageError::Failed(Box::new(error)))?;
            head.size.tail_bytes += body.len() as u64;
            pairs.push((head.event(id, head.revision), body));
        }
        head.set_status(task);
        if let Some(body) = head.size.snapshot_now(task, head.revision)? {
            head.snapshots.push(head.revision);
            pairs.push((head.snapshot(id, head.revision), body.into_bytes()));
        }
        self.write_all(pairs).await
    }

    /// Stores a head in place of the one that was read, and looks whether it has stayed. Where another
    /// instance was quicker it is a conflict, and what the head was to name is gone.
    async fn commit(
        &self,
        id: TaskId,
        before: Option<&Head>,
        head: &Head,
        grown: Vec<String>,
    ) -> Result<(), StorageError> {
        let key = pairs::head(id);
        let mut now = self.head(id).await?;
        if now.as_ref() == before {
            self.write(&key, head).await?;
            now = self.head(id).await?;
            // A store that reads late has the old one still.
            if now.as_ref() == before || now.as_ref().is_some_and(|now| now.goes_on_from(head)) {
                return Ok(());
            }
        }
        self.erase_all(&grown).await?;
        let now = now.filter(|now| now.is_of(&head.scope()));
        Err(StorageError::Conflict { current: now.map_or(0, |now| now.revision) })
    }

    fn keep_fold(&self, id: TaskId, head: &Head, task: Arc<Task>) {
        match head.has_ended() {
            true => self.folds.forget(id),
            false => self.folds.put(id, Fold::new(head, task)),
        }
    }

    /// The task as of a revision that the log has: the snapshot before it and the events after that.
    async fn fold(&self, id: TaskId, head: &Head, revision: Revision) -> Result<Task, StorageError> {
        let damaged = |what: std::fmt::Arguments<'_>| SqlFailure::damaged(format_args!("the log of task {id}: {what}"));
        let base = head.snapshot_before(revision);
        let mut task = None;
        if let Some(base) = base {
            let stored = self.read::<Task>(&head.snapshot(id, base)).await?;
            task = Some(stored.ok_or_else(|| damaged(format_args!("the snapshot at {base} is missing")))?);
        }
        let base = base.unwrap_or(0);
        for (number, event) in (base + 1..).zip(self.read_events(id, head, base, revision).await?) {
            match &mut task {
                Some(task) => log::apply(task, &event),
                None => log::begin(id.into(), &event).map(|begun| task = Some(begun)),
            }
            .map_err(|error| damaged(format_args!("event {number} does not fit: {error}")))?;
        }
        task.ok_or_else(|| damaged(format_args!("it is empty")))
    }

    /// The events from one revision to another.
    async fn read_events(
        &self,
        id: TaskId,
        head: &Head,
        after: Revision,
        upto: Revision,
    ) -> Result<Vec<Event>, StorageError> {
        let keys: Vec<_> = (after + 1..=upto).map(|revision| head.event(id, revision)).collect();
        let events = self.read_all::<Event>(&keys).await?;
        let missing = |number| SqlFailure::damaged(format_args!("the log of task {id}: event {number} is missing"));
        (after + 1..).zip(events).map(|(number, event)| event.ok_or_else(|| missing(number))).collect()
    }

    /// A task as of a revision, or of its newest one, which its head tells then.
    pub(super) async fn task_at(
        &self,
        scope: &Scope,
        id: TaskId,
        at: Option<Revision>,
    ) -> Result<Option<(Head, Task)>, StorageError> {
        loop {
            let Some(head) = self.head_of(scope, id).await? else { return Ok(None) };
            let revision = at.unwrap_or(head.revision);
            let base = head.snapshot_before(revision).unwrap_or(0);
            if revision == 0 || revision > head.revision || base < head.dropped {
                return Ok(None);
            }
            match self.fold(id, &head, revision).await {
                Ok(task) => return Ok(Some((head, task))),
                // What was read may have gone meanwhile.
                Err(_) if self.head(id).await?.as_ref() != Some(&head) => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) async fn snapshot_now(
        &self,
        scope: &Scope,
        id: TaskId,
        at: Option<Revision>,
    ) -> Result<Option<Snapshot>, StorageError> {
        let Some((head, task)) = self.task_at(scope, id, at).await? else { return Ok(None) };
        let (holder, pushes) = try_join!(self.holder(id, &head), self.pushes(id))?;
        let (revision, has_push_configs) = (at.unwrap_or(head.revision), !pushes.rows.is_empty());
        Ok(Some(Snapshot { revision, skill: head.skill, task: Arc::new(task), has_push_configs, holder }))
    }

    async fn holder(&self, id: TaskId, head: &Head) -> Result<Holder, StorageError> {
        Ok(match self.held(id).await?.lease() {
            Some(lease) if !head.has_ended() => match self.is_present(lease.replica).await? {
                true => Holder::Present(lease.replica),
                false => Holder::Lost,
            },
            _ => Holder::Nobody,
        })
    }

    pub(super) async fn events_now(
        &self,
        scope: &Scope,
        id: TaskId,
        after: Revision,
        limit: usize,
    ) -> Result<Option<Vec<Event>>, StorageError> {
        loop {
            let Some(head) = self.head_of(scope, id).await? else { return Ok(None) };
            if after >= head.revision || limit == 0 {
                return Ok(Some(Vec::new()));
            }
            if after < head.dropped {
                return Ok(None);
            }
            let upto = head.revision.min(after.saturating_add(limit as Revision));
            match self.read_events(id, &head, after, upto).await {
                Ok(events) => return Ok(Some(events)),
                Err(_) if self.head(id).await?.as_ref() != Some(&head) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The id of the message with which events begin.
fn message_id(events: &[Event]) -> Result<&str, StorageError> {
    match events.first().map(|event| &event.kind) {
        Some(EventKind::Created { message, .. } | EventKind::Message(message)) => Ok(&message.message_id),
        _ => Err(StorageError::Refused(FoldError::Misplaced)),
    }
}
