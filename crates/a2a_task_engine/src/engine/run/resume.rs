//! How a run takes up what there is to answer: a turn that was broken off, or the next message.

use std::sync::Arc;

use a2a_app_ports::{Revision, StorageError};
use a2a_protocol_core::{EventKind, Message, TaskState};

use super::{
    NextTurn, Said, TaskRun,
    log::{Log, Rest},
    tail::{BrokenOff, Tail},
};
use crate::engine::membership::Left;

impl TaskRun {
    /// The first turn of a run that has taken a task which was left.
    pub(super) async fn pick_up(&self, log: &mut Log, mut left: Left) -> Result<Option<NextTurn>, StorageError> {
        let (scope, id) = (&self.subject.scope, self.subject.id);
        loop {
            let snapshot = self.engine.storage.snapshot(scope, id).await?.ok_or(StorageError::NotFound)?;
            let tail = Tail::read(&*self.engine.storage, (scope, id), snapshot.revision, left).await?;
            log.revision = tail.revision;
            log.state = tail.state.unwrap_or_else(|| snapshot.task.status.state.clone());
            log.queue = tail.queue;
            if tail.is_canceling {
                self.live.cancel.request();
            }
            if let Some(turn) = tail.broken_off
                && !log.state.is_terminal()
                && !self.live.cancel.is_requested()
            {
                return self.try_again(log, turn).await;
            }
            left = loop {
                if log.state.is_terminal() {
                    return Ok(self.finish(log));
                }
                if self.live.cancel.is_requested() {
                    self.end(log, TaskState::Canceled, None).await?;
                } else if !log.queue.is_empty() {
                    return self.next_turn(log).await;
                } else {
                    match self.give_back(log).await? {
                        Rest::Over => return Ok(None),
                        Rest::More => {}
                        Rest::Again(left) => break left,
                    }
                }
            };
        }
    }

    /// Begins a turn once more that a lost replica has begun, if the skill says so; else, or when that
    /// has been tried often enough, the task has failed.
    async fn try_again(&self, log: &mut Log, turn: BrokenOff) -> Result<Option<NextTurn>, StorageError> {
        let BrokenOff { place, said, attempt, checkpoint } = turn;
        let skill = &self.subject.skill;
        let most = self.engine.options.max_attempts;
        let failed = match skill.rerunnable {
            false => Some("the process that ran the agent was lost, and the agent does not begin again".to_owned()),
            true if attempt >= most => {
                Some(format!("the processes that ran the agent were lost, {attempt} times in a row"))
            }
            true => None,
        };
        if let Some(text) = failed {
            tracing::warn!(task = %self.subject.name, skill = %skill.id, attempt, text, "a task is failed");
            while !log.state.is_terminal() {
                self.end(log, TaskState::Failed, Some(text.clone())).await?;
            }
            return Ok(self.finish(log));
        }
        let attempt = attempt + 1;
        tracing::info!(task = %self.subject.name, skill = %skill.id, attempt, "a task is run again");
        self.take_message(log, place, Some(attempt)).await?;
        if log.state.is_terminal() {
            return Ok(self.finish(log));
        }
        let history = self.history(log, &said).await?;
        Ok(Some(NextTurn { said, history, attempt, checkpoint }))
    }

    /// Takes the message of the next turn, with what was said before it.
    pub(super) async fn next_turn(&self, log: &mut Log) -> Result<Option<NextTurn>, StorageError> {
        let Some((place, said)) = log.queue.pop_front() else { return Ok(None) };
        self.take_message(log, place, None).await?;
        if log.state.is_terminal() {
            return Ok(self.finish(log));
        }
        let history = self.history(log, &said).await?;
        Ok(Some(NextTurn { said, history, attempt: 1, checkpoint: None }))
    }

    /// Has the log say that a message is given to the handler, before the handler gets it: whoever
    /// takes the task over does not give it as if it were new. Of the first message that goes without
    /// saying.
    async fn take_message(&self, log: &mut Log, place: Revision, attempt: Option<u32>) -> Result<(), StorageError> {
        log.taken.extend((place > 1).then_some(place));
        self.resume_work(log, attempt.map(EventKind::Attempt)).await
    }

    /// Says in the log that a task which had paused is worked on, and what else there is to say: what
    /// it waited for is here, and whoever looks now is not to answer once more.
    pub(super) async fn resume_work(&self, log: &mut Log, also: Option<EventKind>) -> Result<(), StorageError> {
        while !log.state.is_terminal() {
            let working = log.state.is_interrupted().then(|| EventKind::status(TaskState::Working));
            let events = self.events(log, working.into_iter().chain(also.clone()));
            match self.store(log, events).await {
                Err(StorageError::Conflict { .. }) => self.refresh(log).await?,
                stored => return stored,
            }
        }
        Ok(())
    }

    /// What was said before this message.
    async fn history(&self, log: &Log, said: &Said) -> Result<Vec<Arc<Message>>, StorageError> {
        let snapshot = self.engine.storage.snapshot(&self.subject.scope, self.subject.id).await?;
        let snapshot = snapshot.ok_or(StorageError::NotFound)?;
        let later = |message: &Arc<Message>| {
            message.message_id == said.0.message_id
                || log.queue.iter().any(|(_, (queued, _))| queued.message_id == message.message_id)
        };
        Ok(snapshot.task.history.iter().filter(|message| !later(message)).cloned().collect())
    }
}
