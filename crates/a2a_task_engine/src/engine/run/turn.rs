//! A turn: one call of the handler, and what the handler may ask of its run.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    task::Poll,
};

use a2a_app_ports::{Answers, BoxFuture, Chain, Effect, HandlerError, Run, StorageError, TaskUpdater, Turn};
use a2a_protocol_core::{EventKind, Message, TaskState};
use futures::future::poll_fn;

use super::{Ended, NextTurn, Stage, Subject, TaskRun};

/// After so many records the updater lets others have a go: a handler that never waits must neither
/// starve its own stream nor pile up one huge batch.
const RECORDS_PER_POLL: u32 = 64;

impl TaskRun {
    /// One call of the handler, to its end, its cancellation or its time limit.
    pub(super) async fn turn(self: &Arc<Self>, next: NextTurn) -> Ended {
        self.begun.store(true, Ordering::SeqCst);
        self.live.notify();
        let NextTurn { said, history, attempt, checkpoint } = next;
        let Subject { name, context_id, skill, context, .. } = &self.subject;
        let run: Arc<dyn Run> = self.clone();
        let turn =
            Turn::new(said, name.clone(), context_id.clone(), skill.id.clone(), history, context.clone(), run.clone())
                .again(attempt, checkpoint);
        let updater = TaskUpdater::new(name.clone(), context_id.clone(), run);
        self.live.cancel.reset_awaited();
        let clock = &self.engine.host.clock;
        let mut limit = skill.time_limit.map(|limit| clock.sleep(limit));
        let mut grace: Option<BoxFuture<'static, ()>> = None;
        let mut creation: Option<BoxFuture<'_, Result<(), StorageError>>> = None;
        // A handler may panic before its first await, too.
        let handler = skill.handler.clone();
        let mut handler = match catch_unwind(AssertUnwindSafe(|| handler.run(turn, updater))) {
            Ok(handler) => handler,
            Err(panic) => return Ended::Panicked(describe(&*panic)),
        };
        let ended = poll_fn(|cx| {
            let cancel = &self.live.cancel;
            cancel.register(cx.waker());
            if self.is_lost() {
                return Poll::Ready(Ended::Lost);
            }
            if cancel.is_requested() {
                if !cancel.is_awaited() {
                    return Poll::Ready(Ended::Canceled);
                }
                let grace = grace.get_or_insert_with(|| clock.sleep(self.engine.options.cancel_grace));
                if grace.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Ended::Canceled);
                }
            }
            match catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(cx))) {
                Ok(Poll::Ready(result)) => return Poll::Ready(Ended::Returned(result)),
                Err(panic) => return Poll::Ready(Ended::Panicked(describe(&*panic))),
                Ok(Poll::Pending) if self.is_lost() => return Poll::Ready(Ended::Lost),
                Ok(Poll::Pending) => {}
            }
            if let Some(limit) = &mut limit
                && limit.as_mut().poll(cx).is_ready()
            {
                return Poll::Ready(Ended::TimedOut);
            }
            // The handler waits for something: a task is to exist by now.
            if self.is_created() {
                // Nobody polls it any more: it must not stand in the queue for the log.
                creation = None;
            } else if skill.answers == Answers::Task {
                let create = creation.get_or_insert_with(|| Box::pin(self.create()));
                match create.as_mut().poll(cx) {
                    Poll::Ready(Err(StorageError::Fenced | StorageError::Unclaimed)) => {
                        return Poll::Ready(Ended::Lost);
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Ended::Returned(Err(error.into()))),
                    Poll::Ready(Ok(())) | Poll::Pending => {}
                }
            }
            Poll::Pending
        })
        .await;
        match catch_unwind(AssertUnwindSafe(|| drop(handler))) {
            Ok(()) => ended,
            Err(panic) => {
                let panic = describe(&*panic);
                tracing::error!(task = %name, skill = %skill.id, panic, "handler panicked when it was dropped");
                ended
            }
        }
    }

    /// A message that came while the turn is running. A failure to read shows itself at the next
    /// record.
    async fn take_queued(&self) -> Option<Arc<Message>> {
        let mut log = self.log.lock().await;
        if log.stage != Stage::Open {
            return None;
        }
        let taken = async {
            if self.live.is_beyond(log.revision) {
                self.refresh(&mut log).await?;
            }
            if log.state.is_interrupted() && !log.queue.is_empty() {
                self.resume_work(&mut log, None).await?;
            }
            if log.state.is_terminal() {
                return Ok(None);
            }
            // Nothing waits from here on: a handler that stops waiting has not taken it, and the log
            // does not say so.
            let Some((place, (message, _))) = log.queue.pop_front() else { return Ok(None) };
            log.taken.push(place);
            Ok::<_, StorageError>(Some(message))
        };
        match taken.await {
            Ok(taken) => taken,
            Err(error) => {
                tracing::error!(task = %self.subject.name, error = %Chain(&error), "cannot read the log");
                None
            }
        }
    }
}

impl Run for TaskRun {
    fn record(&self, effect: Effect) -> BoxFuture<'_, Result<(), HandlerError>> {
        Box::pin(async move {
            {
                let mut log = self.log.lock().await;
                let undecided = self.is_undecided(&log);
                let answers = self.subject.skill.answers;
                match log.stage {
                    Stage::Open => {}
                    Stage::Answered => return Err(HandlerError::new("the message is answered")),
                    Stage::Over => return Err(HandlerError::new("the turn is over")),
                }
                let kind = match effect {
                    Effect::Reply(mut message) if undecided && answers != Answers::Task => {
                        Arc::make_mut(&mut message).task_id = None;
                        return Ok(self.say(&mut log, Ok(message)).await?);
                    }
                    Effect::Reply(message) => {
                        EventKind::Status { state: TaskState::Completed, message: Some(message), metadata: None }
                    }
                    Effect::Event(_) if undecided && answers == Answers::Message => {
                        return Err(HandlerError::new("this skill answers with a message, it has no task"));
                    }
                    Effect::Event(kind) => kind,
                    _ => return Err(HandlerError::new("an effect that this engine does not know")),
                };
                self.append(&mut log, kind).await?;
            }
            if self.records.fetch_add(1, Ordering::Relaxed) % RECORDS_PER_POLL == RECORDS_PER_POLL - 1 {
                yield_once().await;
            }
            Ok(())
        })
    }

    fn cancelled(self: Arc<Self>) -> BoxFuture<'static, ()> {
        self.live.cancel.expect();
        Box::pin(async move { self.live.cancel.requested().await })
    }

    fn next_message(&self) -> BoxFuture<'_, Arc<Message>> {
        Box::pin(async move {
            loop {
                let listener = self.live.listen();
                if let Some(message) = self.take_queued().await {
                    return message;
                }
                listener.await;
            }
        })
    }

    fn new_id(&self) -> String {
        self.engine.new_id().to_string()
    }
}

async fn yield_once() {
    let mut yielded = false;
    poll_fn(|cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn describe(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no text".to_owned())
}
