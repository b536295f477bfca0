//! Tasks that wait for their callers: for how long they may.

use std::sync::Arc;

use a2a_app_ports::{Chain, Scope, StorageError, TaskId};
use a2a_protocol_core::{TaskState, TaskStatus};

use super::{Shared, membership::Acquired};

/// So many tasks are asked for at once.
const PAUSES: usize = 256;

impl Shared {
    /// Fails what has waited for its caller for too long.
    pub(super) async fn end_pauses(self: &Arc<Self>) -> Result<(), StorageError> {
        let Some(limit) = self.options.pause_limit else { return Ok(()) };
        let before = self.host.clock.now().minus(limit);
        loop {
            let paused = self.storage.paused(&self.agent, before, PAUSES).await?;
            let mut ended = 0;
            for (scope, id) in &paused {
                match self.end_pause(scope, *id).await {
                    Ok(has_ended) => ended += usize::from(has_ended),
                    // One task that cannot be read is not to keep the others waiting.
                    Err(error) => tracing::warn!(task = %id, error = %Chain(&error), "cannot end a pause"),
                }
            }
            // What could not be ended is tried again with the next sweep.
            if paused.len() < PAUSES || ended == 0 {
                return Ok(());
            }
        }
    }

    /// Whether a task has waited for its caller for too long.
    pub(super) fn is_pause_over(&self, status: &TaskStatus) -> bool {
        let since = status.timestamp.filter(|_| status.state.is_interrupted());
        since.zip(self.options.pause_limit).is_some_and(|(since, limit)| since < self.host.clock.now().minus(limit))
    }

    /// Fails a task that has waited for too long, as it was when it paused. Whoever has said something since was in
    /// time: the task goes on.
    pub(super) async fn end_pause(self: &Arc<Self>, scope: &Scope, id: TaskId) -> Result<bool, StorageError> {
        let live = self.live.enter(id);
        let Some(snapshot) = self.storage.snapshot(scope, id).await? else { return Ok(false) };
        self.observe(&live, scope, &snapshot);
        let Some(limit) = self.options.pause_limit else { return Ok(false) };
        if !self.is_pause_over(&snapshot.task.status) || !live.start() {
            return Ok(false);
        }
        let acquired = self.acquire(&live, scope).await.inspect_err(|_| live.quit())?;
        let Acquired::Held { held, left } = acquired else { return Ok(false) };
        let text = format!("the caller did not answer within {limit:?}");
        match self.end_held_at(snapshot.revision, &live, scope, held, TaskState::Failed, Some(text)).await {
            Err(StorageError::Conflict { .. }) => self.go_on(&live, scope, &snapshot, held, left).await.map(|()| false),
            ended => ended.map(|()| true),
        }
    }
}
