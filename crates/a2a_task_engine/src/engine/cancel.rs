//! CancelTask: cancel means stop.

use std::sync::Arc;

use a2a_app_ports::{AT_THE_END, Author, CallContext, Reply, Revision, Scope, StorageError, TaskId};
use a2a_protocol_core::{CancelTaskRequest, Error, ErrorKind, Event, EventKind, Message, Part, Role, TaskState};

use super::{
    Shared,
    drive::Whole,
    failed,
    live::Live,
    membership::{Acquired, Held},
    slot::News,
};

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
        self.attend();
        let live = self.live.enter(id);
        let _waiting = live.waiting();
        let mut asked = false;
        loop {
            let (_, snapshot) = self.find_settled(&scope, &request.id).await?;
            let state = &snapshot.task.status.state;
            self.observe(&live, &scope, &snapshot);
            if asked && *state == TaskState::Canceled {
                return Ok(Reply::Task(snapshot.task));
            }
            if state.is_terminal() {
                let text = format!("the task has ended as {state}");
                return Err(Error::new(ErrorKind::TaskNotCancelable, text).with_metadata("taskId", &*request.id));
            }
            // Who runs the task ends it; a task that nobody runs is ended here.
            let (engine, its, of) = (self.clone(), live.clone(), scope.clone());
            drop(snapshot);
            let steps = async move { engine.ask_to_stop(&its, &of).await };
            match Whole::new(self.clone(), Box::pin(steps)).await {
                Ok(()) => {}
                // It has ended meanwhile.
                Err(StorageError::Refused(_)) => continue,
                Err(error) => return Err(failed(error)),
            }
            // Once it is asked for, whoever runs the task is waited for; before, it was not known.
            if std::mem::replace(&mut asked, true) || live.is_running() {
                let was_running = live.is_running();
                let over = || {
                    let slot = live.slot();
                    slot.state.is_terminal() || slot.abandoned || (was_running && !slot.running)
                };
                live.until(over).await;
            }
        }
    }

    /// Has the log say that the task is to be stopped, or, when nobody runs it, that it is.
    async fn ask_to_stop(self: &Arc<Self>, live: &Arc<Live>, scope: &Scope) -> Result<(), StorageError> {
        if live.start() {
            let acquired = self.acquire(live, scope).await.inspect_err(|_| live.quit())?;
            if let Acquired::Held { held, .. } = acquired {
                return self.end_held(live, scope, held, TaskState::Canceled, None).await;
            }
        }
        if !live.cancel.is_requested() {
            let events = vec![Event { time: self.host.clock.now(), kind: EventKind::CancelRequested }];
            let revision = self.storage.append(scope, live.id(), AT_THE_END, events.clone(), Author::Caller).await?;
            self.grown(live, scope, &News::of(revision - 1, &events));
            live.cancel.request();
        }
        Ok(())
    }

    /// Ends a task that was [acquired](Self::acquire) for that, whatever has been said meanwhile.
    pub(super) async fn end_held(
        self: &Arc<Self>,
        live: &Arc<Live>,
        scope: &Scope,
        held: Held,
        state: TaskState,
        text: Option<String>,
    ) -> Result<(), StorageError> {
        let mut revision = live.revision();
        loop {
            match self.end_held_at(revision, live, scope, held, state.clone(), text.clone()).await {
                Err(StorageError::Conflict { current }) => revision = current,
                ended => return ended,
            }
        }
    }

    /// Ends a task that was [acquired](Self::acquire) for that, if its log is just so long. With a
    /// `Conflict` it is still to be seen to.
    pub(super) async fn end_held_at(
        self: &Arc<Self>,
        revision: Revision,
        live: &Arc<Live>,
        scope: &Scope,
        held: Held,
        state: TaskState,
        text: Option<String>,
    ) -> Result<(), StorageError> {
        let message = text.map(|text| {
            let mut message = Message::new(self.new_id().to_string(), Role::Agent, vec![Part::text(text)]);
            message.task_id = Some(live.id().into());
            Arc::new(message)
        });
        let kind = EventKind::Status { state, message, metadata: None };
        let events = vec![Event { time: self.host.clock.now(), kind }];
        let news = News::of(revision, &events);
        let ended = match self.storage.append(scope, live.id(), revision, events, Author::Run(held.lease)).await {
            Ok(_) => {
                self.grown(live, scope, &news);
                Ok(())
            }
            Err(error @ StorageError::Conflict { .. }) => return Err(error),
            // It has ended meanwhile, or is another's to end.
            Err(StorageError::Fenced | StorageError::Refused(_)) => Ok(()),
            Err(error) => {
                self.membership.doubt(scope, live.id(), held.by());
                Err(error)
            }
        };
        live.quit();
        ended
    }
}
