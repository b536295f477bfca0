//! The index of all tasks: which there are, and where they are listed. It is a hint, and spread over
//! several values; what a task is, its head says, and whoever finds that they differ puts it right.

use std::{collections::BTreeMap, sync::Arc};

use a2a_app_ports::{ListQuery, Position, Scope, StorageError, TaskId, TaskPage};
use a2a_protocol_core::Timestamp;

use super::{
    KeyValueStorage,
    pairs::{self, Pairs},
    records::{Head, Row},
};
use crate::{SqlFailure, archive::lines::Text};

/// Over so many values the index is spread. A task changes one of them, a list reads them all.
const SHARDS: u128 = 64;
/// So often a row is written that others write over.
const TRIES: usize = 4;

type Shard = BTreeMap<Text<TaskId>, Row>;

impl<P: Pairs> KeyValueStorage<P> {
    /// All rows, in the order of ids.
    pub(super) async fn rows(&self) -> Result<BTreeMap<TaskId, Row>, StorageError> {
        let keys: Vec<_> = (0..SHARDS).map(pairs::index).collect();
        let shards = self.read_all::<Shard>(&keys).await?;
        Ok(shards.into_iter().flatten().flatten().map(|(id, row)| (id.0, row)).collect())
    }

    /// Changes the row of a task, and looks whether it has stayed: another instance may have changed
    /// another row of its shard. Runs under the lock.
    pub(super) async fn change_row(
        &self,
        id: TaskId,
        change: impl Fn(Option<&Row>) -> Option<Row>,
    ) -> Result<(), StorageError> {
        let key = pairs::index(id.as_u128() % SHARDS);
        for _ in 0..=TRIES {
            let mut shard = self.read::<Shard>(&key).await?.unwrap_or_default();
            let row = change(shard.get(&Text(id)));
            if row.as_ref() == shard.get(&Text(id)) {
                return Ok(());
            }
            match row {
                Some(row) => drop(shard.insert(Text(id), row)),
                None => drop(shard.remove(&Text(id))),
            }
            self.write(&key, &shard).await?;
        }
        tracing::warn!(task = %id, "several instances change the index at once: it may lag behind this task");
        Ok(())
    }

    /// Puts the row of a task where its head is. Of a row that is lost nobody knows whether webhooks are
    /// to be told.
    pub(super) async fn refresh_row(&self, id: TaskId, head: &Head) -> Result<(), StorageError> {
        self.change_row(id, |row| Some(head.row(row.is_none_or(|row| row.tells)))).await
    }

    /// Puts a row right that is not where its task is.
    pub(super) async fn heal(&self, id: TaskId) -> Result<(), StorageError> {
        let _one = self.writing.lock().await;
        match self.head(id).await? {
            Some(head) => self.refresh_row(id, &head).await,
            None => Ok(()),
        }
    }

    pub(super) async fn list_now(&self, scope: &Scope, query: &ListQuery) -> Result<TaskPage, StorageError> {
        let (scope_key, context) = (pairs::scope(scope), query.context_id.as_deref().map(pairs::digest));
        let mut places: Vec<Position> = self
            .rows()
            .await?
            .into_iter()
            .filter(|(_, row)| row.scope == scope_key)
            .filter(|(_, row)| context.as_ref().is_none_or(|context| *context == row.context))
            .filter(|(_, row)| query.state.as_ref().is_none_or(|state| *state == row.state))
            .filter(|(_, row)| query.status_after.is_none_or(|after| row.time >= after))
            .map(|(id, row)| Position { time: row.time, id })
            .collect();
        let total = places.len() as u64;
        places.retain(|place| query.after.is_none_or(|after| *place < after));
        places.sort_unstable_by(|one, next| next.cmp(one));
        let more = places.len() > query.limit;
        places.truncate(query.limit);
        let mut page = TaskPage { tasks: Vec::new(), next: places.last().filter(|_| more).copied(), total };
        for place in places {
            let mut task = match self.task_at(scope, place.id, None).await {
                Ok(Some((_, task))) => task,
                Ok(None) => continue,
                // One that is damaged is left out: it is not to cost the others.
                Err(error) => {
                    tracing::error!(error = SqlFailure::text_of(&error), "a task is left out of a list");
                    continue;
                }
            };
            let now = Position { time: task.status.timestamp.unwrap_or(Timestamp::UNIX_EPOCH), id: place.id };
            let state_fits = query.state.as_ref().is_none_or(|state| *state == task.status.state);
            if now != place || !state_fits {
                self.heal(place.id).await?;
            }
            if query.without_artifacts {
                task.artifacts = Vec::new();
            }
            if state_fits && query.after.is_none_or(|after| now < after) {
                page.tasks.push(Arc::new(task));
            }
        }
        page.tasks.sort_by(|one, next| (next.status.timestamp, &next.id).cmp(&(one.status.timestamp, &one.id)));
        Ok(page)
    }
}
