//! Push configurations, and how much their webhooks have been told.

use std::ops::Bound::{Excluded, Unbounded};

use a2a_app_ports::{PushConfigKey, PushConfigRow, ReplicaId, Revision, Scope, StorageError, TaskId};
use a2a_protocol_core::Timestamp;
use futures::try_join;

use super::{
    KeyValueStorage,
    pairs::{self, Pairs},
    records::{Head, Pushes},
};

impl<P: Pairs> KeyValueStorage<P> {
    async fn pushes_of(&self, scope: &Scope, task: TaskId) -> Result<Option<(Head, Pushes)>, StorageError> {
        let (head, pushes) = try_join!(self.head_of(scope, task), self.pushes(task))?;
        Ok(head.map(|head| (head, pushes)))
    }

    async fn store_pushes(&self, task: TaskId, pushes: &Pushes) -> Result<(), StorageError> {
        match pushes.rows.is_empty() {
            true => self.pairs.delete(&pairs::pushes(task)).await,
            false => self.write(&pairs::pushes(task), &pushes.line(task)).await,
        }
    }

    pub(super) async fn put_push_now(
        &self,
        scope: &Scope,
        task: TaskId,
        mut row: PushConfigRow,
        most: usize,
    ) -> Result<(), StorageError> {
        let _one = self.writing.lock().await;
        let (head, mut pushes) = self.pushes_of(scope, task).await?.ok_or(StorageError::NotFound)?;
        match pushes.rows.get(row.id()) {
            Some(known) => row = row.in_place_of(known),
            None if pushes.rows.len() >= most => return Err(StorageError::Full),
            None => {}
        }
        pushes.put(row);
        // Looked for in vain is better than not looked for.
        if pushes.tell(&head) {
            self.change_row(task, |_| Some(head.row(true))).await?;
        }
        self.store_pushes(task, &pushes).await
    }

    pub(super) async fn push_configs_now(
        &self,
        scope: &Scope,
        task: TaskId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<PushConfigRow>, StorageError> {
        let Some((_, pushes)) = self.pushes_of(scope, task).await? else { return Ok(Vec::new()) };
        let from = after.map_or(Unbounded, Excluded);
        Ok(pushes.rows.range::<str, _>((from, Unbounded)).take(limit).map(|(_, row)| row.clone()).collect())
    }

    pub(super) async fn push_config_now(
        &self,
        scope: &Scope,
        task: TaskId,
        id: &str,
    ) -> Result<Option<PushConfigRow>, StorageError> {
        Ok(self.pushes_of(scope, task).await?.and_then(|(_, mut pushes)| pushes.rows.remove(id)))
    }

    /// Changes the configurations of a task, if there are any; the change says whether it is one.
    pub(super) async fn change_pushes(
        &self,
        scope: &Scope,
        task: TaskId,
        change: impl FnOnce(&mut Pushes) -> bool,
    ) -> Result<(), StorageError> {
        let _one = self.writing.lock().await;
        let Some((head, mut pushes)) = self.pushes_of(scope, task).await? else { return Ok(()) };
        if !change(&mut pushes) {
            return Ok(());
        }
        self.store_pushes(task, &pushes).await?;
        self.note_told(task, &head, &pushes).await
    }

    /// Notes in the index that no webhook is to be told any more, if that is so.
    async fn note_told(&self, task: TaskId, head: &Head, pushes: &Pushes) -> Result<(), StorageError> {
        match pushes.tell(head) {
            true => Ok(()),
            false => self.change_row(task, |_| Some(head.row(false))).await,
        }
    }

    /// Changes a configuration, unless it was replaced since it was created then.
    pub(super) async fn change_push(
        &self,
        key: &PushConfigKey,
        created: Timestamp,
        change: impl FnOnce(&mut PushConfigRow) -> bool,
    ) -> Result<(), StorageError> {
        let change = |pushes: &mut Pushes| match pushes.rows.get_mut(&key.id) {
            Some(row) if row.created == created => change(row),
            _ => false,
        };
        self.change_pushes(&key.scope, key.task, change).await
    }

    pub(super) async fn take_pushes_now(
        &self,
        scope: &Scope,
        task: TaskId,
        replica: ReplicaId,
    ) -> Result<bool, StorageError> {
        let _one = self.writing.lock().await;
        let Some((_, mut pushes)) = self.pushes_of(scope, task).await? else { return Ok(false) };
        if pushes.teller == Some(replica) || pushes.rows.is_empty() {
            return Ok(true);
        }
        if let Some(teller) = pushes.teller
            && self.is_present(teller).await?
        {
            return Ok(false);
        }
        pushes.teller = Some(replica);
        self.store_pushes(task, &pushes).await?;
        Ok(self.pushes(task).await?.teller == Some(replica))
    }

    pub(super) async fn release_pushes_now(
        &self,
        scope: &Scope,
        task: TaskId,
        replica: ReplicaId,
        seen: Revision,
    ) -> Result<bool, StorageError> {
        let _one = self.writing.lock().await;
        let Some((head, mut pushes)) = self.pushes_of(scope, task).await? else { return Ok(true) };
        if pushes.teller != Some(replica) {
            return Ok(true);
        }
        if head.revision > seen {
            return Ok(false);
        }
        pushes.teller = None;
        self.store_pushes(task, &pushes).await?;
        Ok(true)
    }

    /// In the order of task and id.
    pub(super) async fn pending_pushes_now(
        &self,
        agent: &str,
        after: Option<&PushConfigKey>,
        limit: usize,
    ) -> Result<Vec<PushConfigKey>, StorageError> {
        let mut pending = Vec::new();
        let agent = pairs::digest(agent);
        let first = after.map_or(TaskId::from_u128(0), |after| after.task);
        for (task, _) in self.rows().await?.range(first..).filter(|(_, row)| row.agent == agent && row.tells) {
            if pending.len() >= limit {
                break;
            }
            let task = *task;
            let (head, pushes) = try_join!(self.head(task), self.pushes(task))?;
            let Some(head) = head else { continue };
            if head.has_ended() && !pushes.tell(&head) {
                // The index lags behind.
                let _one = self.writing.lock().await;
                self.note_told(task, &head, &self.pushes(task).await?).await?;
            }
            if let Some(teller) = pushes.teller
                && self.is_present(teller).await?
            {
                continue;
            }
            let from = after.filter(|after| after.task == task).map_or(Unbounded, |after| Excluded(&*after.id));
            let rows = pushes.rows.range::<str, _>((from, Unbounded));
            let behind = rows.filter(|(_, row)| row.failure.is_none() && row.cursor < head.revision);
            let scope = head.scope();
            let keys = behind.map(|(id, _)| PushConfigKey { scope: scope.clone(), task, id: id.clone() });
            pending.extend(keys.take(limit - pending.len()));
        }
        Ok(pending)
    }
}
