//! CancelTask: cancel means stop.

use std::sync::Arc;

use a2a_app_ports::{CallContext, Reply, StorageError, TaskId};
use a2a_protocol_core::{CancelTaskRequest, Error, ErrorKind, Event, EventKind, TaskState};

use super::{Shared, drive::Whole, failed};

impl Shared {
    /// Stops a task and returns once it has ended. Cancellations at the same time join; a task that
    /// ends otherwise first is not cancelable, whoever wins the race.
    pub(super) async fn cancel(
        self: &Arc<Self>,
        context: &CallContext,
        request: &CancelTaskRequest,
    ) -> Result<Reply, Error> {
        let scope = self.scope(context, request.tenant.as_deref());
        let id: TaskId = request.id.parse().map_err(|_| Error::task_not_found(&request.id))?;
        let live = self.live.enter(id);
        let mut asked = false;
        loop {
            let (_, snapshot) = self.find(&scope, &request.id).await?;
            let state = &snapshot.task.status.state;
            self.observe(&live, &snapshot);
            if asked && *state == TaskState::Canceled {
                return Ok(Reply::Task(snapshot.task));
            }
            if state.is_terminal() {
                let text = format!("the task has ended as {state}");
                return Err(Error::new(ErrorKind::TaskNotCancelable, text).with_metadata("taskId", &*request.id));
            }
            let running = live.is_running();
            if !(running && live.cancel.is_requested()) {
                // Who runs the task ends it; a task that nobody runs is ended here.
                let kind = if running { EventKind::CancelRequested } else { EventKind::status(TaskState::Canceled) };
                let ends = (!running).then_some(&TaskState::Canceled);
                let event = Event { time: self.host.clock.now(), kind };
                let (engine, live, scope) = (self.clone(), live.clone(), scope.clone());
                let steps = async move {
                    let revision = engine.storage.append(&scope, id, snapshot.revision, vec![event], None).await?;
                    engine.grown(&live, &scope, revision, ends.map(|state| (revision, state)));
                    Ok(())
                };
                match Whole::new(self.clone(), Box::pin(steps)).await {
                    Ok(()) => {}
                    Err(StorageError::Conflict { .. }) => continue,
                    Err(error) => return Err(failed(error)),
                }
            }
            asked = true;
            if running {
                live.cancel.request();
                live.until(|| !live.is_running()).await;
            }
        }
    }
}
