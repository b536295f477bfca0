//! Forgetting what is kept no longer, piece by piece.

use std::time::Duration;

use a2a_app_ports::{Revision, StorageError, TaskId};
use a2a_protocol_core::Timestamp;
use serde::de::IgnoredAny;

use super::{
    KeyValueStorage,
    pairs::{self, Pairs},
    records::{Head, Row},
};

/// About so many values of tasks and their logs a piece forgets, so that nobody waits for it for long.
const VALUES: u64 = 256;
/// For so long a row of the index may be there before its task is.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

impl<P: Pairs> KeyValueStorage<P> {
    /// Forgets a piece; whether there may be more.
    pub(super) async fn sweep_now(&self, now: Timestamp) -> Result<bool, StorageError> {
        let over = |row: &Row, time: Duration| row.time.plus(time) <= now;
        let mut rows: Vec<_> = self.rows().await?.into_iter().collect();
        let running = rows.extract_if(.., |(_, row)| !row.state.is_terminal());
        let old = running.filter(|(_, row)| over(row, PATIENCE)).map(|(id, _)| id).collect();
        self.forget_uncreated(old).await?;

        let ended = rows.len() as u64;
        rows.sort_unstable_by_key(|(id, row)| (row.time, *id));
        let surplus = self.retention.most_ended.map_or(0, |most| ended.saturating_sub(most));
        let mut budget = VALUES;
        for (number, (id, row)) in (0..).zip(rows) {
            let forgotten = number < surplus || self.retention.keep_ended_for.is_some_and(|time| over(&row, time));
            if forgotten || row.log && !row.tells && over(&row, self.retention.replay_window) {
                if !self.forget(id, forgotten, &mut budget).await? && over(&row, PATIENCE) {
                    self.forget_uncreated(vec![id]).await?;
                }
                if budget == 0 {
                    return Ok(true);
                }
            }
        }
        self.forget_lost().await?;
        self.forget_claims(now).await
    }

    /// Forgets the rows of those of these tasks that never came.
    async fn forget_uncreated(&self, ids: Vec<TaskId>) -> Result<(), StorageError> {
        let keys: Vec<_> = ids.iter().map(|id| pairs::head(*id)).collect();
        let heads = self.read_all::<IgnoredAny>(&keys).await?;
        for (id, _) in ids.into_iter().zip(heads).filter(|(_, head)| head.is_none()) {
            let _one = self.writing.lock().await;
            self.change_row(id, |_| None).await?;
        }
        Ok(())
    }

    /// Forgets the log of a task that has ended, or the task too, as far as the budget allows; `false`
    /// when there is no such task.
    async fn forget(&self, id: TaskId, task_too: bool, budget: &mut u64) -> Result<bool, StorageError> {
        let _one = self.writing.lock().await;
        let Some(mut head) = self.head(id).await? else { return Ok(false) };
        if head.has_ended() && !self.forget_log(id, &mut head, budget).await? {
            return Ok(true);
        }
        if !head.has_ended() || !task_too {
            return self.refresh_row(id, &head).await.map(|()| true);
        }
        self.settle_use(&head).await?;
        // From when its head is gone, the task is.
        self.erase_all(&[pairs::head(id)]).await?;
        self.erase_all(&[pairs::pushes(id), pairs::lease(id), head.snapshot(id, head.revision)]).await?;
        self.change_row(id, |_| None).await?;
        *budget = budget.saturating_sub(4);
        Ok(true)
    }

    /// Whether all of a log is gone. The task itself is in its last snapshot.
    async fn forget_log(&self, id: TaskId, head: &mut Head, budget: &mut u64) -> Result<bool, StorageError> {
        if head.snapshots.last() != Some(&head.revision) {
            return Ok(false);
        }
        if head.deleted == head.revision {
            return Ok(true);
        }
        // First nobody reads it any more, then it goes.
        head.dropped = head.revision;
        self.write(&pairs::head(id), head).await?;
        let upto = head.revision.min(head.deleted.saturating_add(*budget));
        *budget = budget.saturating_sub(upto - head.deleted);
        let events: Vec<_> = (head.deleted + 1..=upto).map(|revision| head.event(id, revision)).collect();
        self.erase_all(&events).await?;
        if upto == head.revision {
            let earlier = head.snapshots.drain(..head.snapshots.len() - 1).collect::<Vec<Revision>>();
            let snapshots: Vec<_> = earlier.into_iter().map(|revision| head.snapshot(id, revision)).collect();
            self.erase_all(&snapshots).await?;
            head.hands.drain(..head.hands.len() - 1);
        }
        head.deleted = upto;
        self.write(&pairs::head(id), head).await?;
        Ok(upto == head.revision)
    }
}
