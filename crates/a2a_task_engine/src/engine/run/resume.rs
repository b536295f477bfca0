//! How a run takes up what there is to answer: a turn that was broken off, or the next message.

use std::sync::Arc;

use a2a_app_ports::{Revision, StorageError};
use a2a_protocol_core::{EventKind, Message, TaskState};

use super::{
    NextTurn, Said, Stage, TaskRun,
    log::Log,
    tail::{BrokenOff, Tail},
};
use crate::engine::membership::Left;

impl TaskRun {
    /// The first turn of a run that goes on with a task.
    pub(super) async fn pick_up(&self, left: Left) -> Result<Option<NextTurn>, StorageError> {
        let (scope, id) = (&self.subject.scope, self.subject.id);
        let mut log = self.log.lock().await;
        let snapshot = self.engine.storage.snapshot(scope, id).await?.ok_or(StorageError::NotFound)?;
        let given_back = left == Left::GivenBack;
        let mut tail = Tail::read(&*self.engine.storage, (scope, id), snapshot.revision, !given_back).await?;
        if left == Left::Abandoned
            && let Some(turn) = tail.broken_off.take_if(|turn| turn.answers_pause)
        {
            tail.queue.push_front((turn.place, turn.said));
        }
        log.revision = tail.revision;
        log.state = tail.state.unwrap_or_else(|| snapshot.task.status.state.clone());
        log.queue = tail.queue;
        if tail.is_canceling {
            self.live.cancel.request();
        }
        if let Some(turn) = tail.broken_off.filter(|_| left == Left::BrokenOff)
            && !log.state.is_terminal()
            && !self.live.cancel.is_requested()
        {
            return self.try_again(&mut log, turn).await;
        }
        loop {
            if log.state.is_terminal() {
                return Ok(self.finish(&mut log));
            }
            if self.live.cancel.is_requested() {
                self.end(&mut log, TaskState::Canceled, None).await?;
            } else if !log.queue.is_empty() {
                return self.next_turn(&mut log).await;
            } else if self.give_back(&mut log).await? {
                log.stage = Stage::Over;
                return Ok(None);
            } else {
                self.refresh(&mut log).await?;
            }
        }
    }

    /// Begins a turn once more that a lost replica has begun, if the skill says so; else, or when that
    /// has been tried often enough, the task has failed.
    async fn try_again(&self, log: &mut Log, turn: BrokenOff) -> Result<Option<NextTurn>, StorageError> {
        let BrokenOff { place, said, attempt, checkpoint, .. } = turn;
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
        self.note_taken(log, place);
        self.resume_work(log).await?;
        let attempt = attempt + 1;
        tracing::info!(task = %self.subject.name, skill = %skill.id, attempt, "a task is run again");
        while let Err(error) = self.try_append(log, EventKind::Attempt(attempt)).await {
            match error {
                StorageError::Conflict { .. } => self.refresh(log).await?,
                error => return Err(error),
            }
            if log.state.is_terminal() {
                return Ok(self.finish(log));
            }
        }
        let history = self.history(log, &said).await?;
        Ok(Some(NextTurn { said, history, attempt, checkpoint }))
    }

    /// Takes the message of the next turn, with what was said before it.
    pub(super) async fn next_turn(&self, log: &mut Log) -> Result<Option<NextTurn>, StorageError> {
        let Some((place, said)) = log.queue.pop_front() else { return Ok(None) };
        self.note_taken(log, place);
        self.resume_work(log).await?;
        let history = self.history(log, &said).await?;
        Ok(Some(NextTurn { said, history, attempt: 1, checkpoint: None }))
    }

    /// Has the log say, along with the next event, that a message was given to the handler. Of the
    /// first one that goes without saying.
    pub(super) fn note_taken(&self, log: &mut Log, place: Revision) {
        if place > 1 {
            let taken = self.event(EventKind::Taken(place));
            log.notes.push(taken);
        }
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

    /// Says in the log that a task which had paused is worked on: what it waited for is here, and
    /// whoever looks now is not to answer once more.
    pub(super) async fn resume_work(&self, log: &mut Log) -> Result<(), StorageError> {
        while log.state.is_interrupted() {
            match self.try_append(log, EventKind::status(TaskState::Working)).await {
                Err(StorageError::Conflict { .. }) => self.refresh(log).await?,
                stored => stored?,
            }
        }
        Ok(())
    }
}
