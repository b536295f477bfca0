//! Tasks that wait for their callers: for how long they may.

use std::{sync::Arc, time::Duration};

use a2a_app_ports::{Scope, StorageError, TaskId};
use a2a_protocol_core::{TaskState, Timestamp};

use super::{Shared, membership::Acquired, run::Chain};

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
                match self.end_pause(scope, *id, before, limit).await {
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

    /// Fails a task as it was when it paused. Whoever has said something since was in time: the task
    /// goes on.
    async fn end_pause(
        self: &Arc<Self>,
        scope: &Scope,
        id: TaskId,
        before: Timestamp,
        limit: Duration,
    ) -> Result<bool, StorageError> {
        let live = self.live.enter(id);
        let Some(snapshot) = self.storage.snapshot(scope, id).await? else { return Ok(false) };
        self.observe(&live, scope, &snapshot);
        let status = &snapshot.task.status;
        let is_due = status.state.is_interrupted() && status.timestamp.is_some_and(|since| since < before);
        if !is_due || !live.start() {
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
