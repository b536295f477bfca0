//! Telling one webhook, event by event, what has happened to its task.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use a2a_app_ports::{
    Chain, PushConfigKey, PushConfigRow, PushFailure, PushOutcome, PushTransport, Revision, StorageError,
};
use a2a_protocol_core::{EventKind, ProtocolVersion, StreamResponse, Task, Timestamp, log, url_origin};
use futures::future::{Either, select};

use super::{
    STORAGE_RETRY,
    body::{self, Notice},
    state::Delivering,
};
use crate::engine::{READ_AT_ONCE, Shared, live::Live, membership::Present};

/// A cursor over a task's log that tells a webhook what it reads. Where it is, it stores after every
/// event; and before every try it reads the configuration again, which may be gone or another.
pub(super) struct Delivery {
    engine: Arc<Shared>,
    live: Arc<Live>,
    /// As whom it tells.
    present: Present,
    key: PushConfigKey,
    /// The task and its conversation, once they are known.
    names: Option<(Arc<str>, Arc<str>)>,
    /// What has been read and not told.
    ahead: VecDeque<(Revision, StreamResponse)>,
    /// Up to where it has been read, and told.
    read: Revision,
    told: Revision,
    tries: Tries,
}

/// The tries to tell a webhook the same.
#[derive(Default)]
struct Tries {
    /// By when its configuration was created: of which configuration.
    of: Option<Timestamp>,
    failed: u32,
    since: Option<Timestamp>,
    /// The next one is the last.
    last: bool,
}

/// What a step came to.
enum Step {
    /// There may be more to tell.
    More,
    /// There is nobody to tell, or nothing.
    Done,
    /// Nothing is to be done before this time is over.
    Wait(Duration),
}

impl Delivery {
    pub(super) fn new(engine: Arc<Shared>, live: Arc<Live>, present: Present, key: PushConfigKey) -> Self {
        let (ahead, tries) = (VecDeque::new(), Tries::default());
        Self { engine, live, present, key, names: None, ahead, read: 0, told: 0, tries }
    }

    /// Tells all there is to tell, or gives up. Time spent waiting does not count as delivering.
    pub(super) async fn run(mut self, mut delivering: Delivering) -> (Box<str>, Delivering) {
        let Some(transport) = self.engine.push.clone() else { return (self.key.id, delivering) };
        loop {
            let wait = match self.step(&*transport).await {
                Ok(Step::More) => continue,
                Ok(Step::Done) => return (self.key.id, delivering),
                Ok(Step::Wait(time)) => time,
                Err(error) => {
                    tracing::error!(task = %self.key.task, error = %Chain(&error), "cannot read or note what webhooks are told");
                    STORAGE_RETRY
                }
            };
            drop(delivering);
            self.wait(wait).await;
            delivering = self.live.delivering();
        }
    }

    async fn step(&mut self, transport: &dyn PushTransport) -> Result<Step, StorageError> {
        let PushConfigKey { scope, task, id } = &self.key;
        let row = self.engine.storage.push_config(scope, *task, id).await?;
        let Some(row) = row.filter(|row| row.failure.is_none()) else { return Ok(Step::Done) };
        if self.tries.of != Some(row.created) {
            self.tries = Tries { of: Some(row.created), ..Tries::default() };
        }
        if row.cursor != self.told {
            (self.read, self.told) = (row.cursor, row.cursor);
            self.ahead.clear();
        }
        if self.ahead.is_empty() && !self.read_on(&row).await? {
            return Ok(Step::Done);
        }
        let Some((place, event)) = self.ahead.front() else { return Ok(Step::More) };
        if !self.engine.membership.is_current(self.present) {
            // By now another replica may tell it.
            return Ok(Step::Done);
        }
        let notice = match row.version {
            ProtocolVersion::V0_3 => Notice::Task(self.task_as_of(*place).await?),
            _ => Notice::Event(event.clone()),
        };
        let outcome = match body::request(&row, &notice) {
            Ok(request) => transport.deliver(request).await,
            Err(error) => PushOutcome::Refused { reason: error.message().to_owned() },
        };
        if outcome != PushOutcome::Delivered {
            self.tries.failed += 1;
        }
        match outcome {
            PushOutcome::Delivered => {
                self.tell(row.created, *place).await?;
                self.ahead.pop_front();
                Ok(Step::More)
            }
            PushOutcome::Refused { reason } => self.give_up(&row, reason).await,
            PushOutcome::Retry { after, reason } => match self.next_try(after) {
                Some(delay) => {
                    let PushConfigKey { task, id, .. } = &self.key;
                    tracing::debug!(task = %task, config = %id, reason, ?delay, "a webhook is to be told once more");
                    Ok(Step::Wait(delay))
                }
                None => self.give_up(&row, reason).await,
            },
        }
    }

    /// Reads what comes next; `false` at the end.
    async fn read_on(&mut self, row: &PushConfigRow) -> Result<bool, StorageError> {
        let PushConfigKey { scope, task, .. } = &self.key;
        let storage = &self.engine.storage;
        let Some(events) = storage.events(scope, *task, self.read, READ_AT_ONCE).await? else {
            // The log is gone, the task has long ended: how it did is all there is left to tell.
            let Some(snapshot) = storage.snapshot(scope, *task).await? else { return Ok(false) };
            self.read = snapshot.revision;
            self.ahead.push_back((snapshot.revision, StreamResponse::Task(snapshot.task)));
            return Ok(snapshot.revision > self.told);
        };
        if events.is_empty() {
            if self.read > self.told {
                self.tell(row.created, self.read).await?;
            }
            return Ok(false);
        }
        if self.names.is_none() {
            let Some(snapshot) = storage.snapshot(scope, *task).await? else { return Ok(false) };
            self.names = Some((snapshot.task.id.clone(), snapshot.task.context_id.clone()));
        }
        let Some((task_id, context_id)) = &self.names else { return Ok(false) };
        for event in events {
            self.read += 1;
            let told = match &event.kind {
                EventKind::Created { .. } => {
                    log::begin(task_id.clone(), &event).ok().map(|task| StreamResponse::Task(Arc::new(task)))
                }
                _ => event.response(task_id, context_id),
            };
            self.ahead.extend(told.map(|told| (self.read, told)));
        }
        Ok(true)
    }

    /// The task after an event; where that cannot be had any more, the task as it is.
    async fn task_as_of(&self, place: Revision) -> Result<Arc<Task>, StorageError> {
        let PushConfigKey { scope, task, .. } = &self.key;
        let storage = &self.engine.storage;
        let snapshot = match storage.snapshot_at(scope, *task, place).await? {
            Some(then) => Some(then),
            None => storage.snapshot(scope, *task).await?,
        };
        Ok(snapshot.ok_or(StorageError::NotFound)?.task)
    }

    /// Notes that everything up to this place has been told.
    async fn tell(&mut self, created: Timestamp, place: Revision) -> Result<(), StorageError> {
        self.engine.storage.advance_push(&self.key, created, place).await?;
        self.told = place;
        self.tries = Tries { of: Some(created), ..Tries::default() };
        Ok(())
    }

    /// When to try again, having failed; `None` when it has been tried for long enough. The last try
    /// is made when that time is up, however long the webhook asks to wait.
    fn next_try(&mut self, after: Option<Duration>) -> Option<Duration> {
        let options = &self.engine.options.push;
        let now = self.engine.host.clock.now();
        // The upper half of the bits, of which a float takes what it can hold.
        let chance = (self.engine.host.random.random() >> 64) as f64 / (u64::MAX as f64);
        let delay = options.backoff.delay(self.tries.failed.saturating_sub(1), chance)?.max(after.unwrap_or_default());
        let since = *self.tries.since.get_or_insert(now);
        let left = options.give_up_after.saturating_sub(now.since(since));
        if self.tries.last || left.is_zero() {
            return None;
        }
        self.tries.last = delay >= left;
        Some(delay.min(left))
    }

    async fn give_up(&self, row: &PushConfigRow, reason: String) -> Result<Step, StorageError> {
        let (PushConfigKey { task, id, .. }, tries) = (&self.key, self.tries.failed);
        let webhook = url_origin(&row.config.url);
        tracing::warn!(task = %task, config = %id, webhook, tries, reason, "a webhook is given up");
        let failure = PushFailure { time: self.engine.host.clock.now(), reason };
        self.engine.storage.fail_push(&self.key, row.created, failure).await?;
        // Should it have been replaced meanwhile, there is somebody to tell after all.
        Ok(Step::More)
    }

    /// Waits until the time is over or the configuration is another.
    async fn wait(&self, time: Duration) {
        let mut over = self.engine.host.clock.sleep(time);
        loop {
            let seen = self.live.push_changes();
            let changed = Box::pin(self.live.until(|| self.live.push_changes() != seen));
            match select(over, changed).await {
                Either::Left(_) => return,
                Either::Right((_, rest)) => over = rest,
            }
            let PushConfigKey { scope, task, id } = &self.key;
            let row = self.engine.storage.push_config(scope, *task, id).await;
            if row.is_ok_and(|row| row.map(|row| row.created) != self.tries.of) {
                return;
            }
        }
    }
}
