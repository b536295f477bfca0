//! Push notifications: webhooks are cursors over the log like every other watcher, but stored ones,
//! so that what they are told survives whoever tells it.
//!
//! As long as there is something to tell, one worker a task sees to it, in which each webhook is told
//! on its own: in order, one thing after the other, and without waiting for the other webhooks. Of all
//! replicas one has that worker.

mod body;
mod configs;
mod delivery;
mod state;

use std::{collections::HashMap, sync::Arc, time::Duration};

use a2a_app_ports::{BoxFuture, Chain, PushConfigKey, Revision, Scope, Snapshot, StorageError, TaskId};
use futures::{
    FutureExt, StreamExt,
    future::{Either, select},
    stream::FuturesUnordered,
};
use protocol_transport_core::policy::Backoff;

use self::{delivery::Delivery, state::Delivering};
use super::{Shared, live::Live, membership::Present, slot::News};
pub(crate) use state::Pushing;

/// How long to leave a storage alone that has failed.
const STORAGE_RETRY: Duration = Duration::from_secs(5);
/// So many tasks are taken up at once after a start.
const RESUMED_AT_ONCE: usize = 256;

/// How webhooks are told, and how many there may be.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PushOptions {
    /// How long to wait between tries to tell a webhook the same: up to 1 s, then up to twice as
    /// long each time, up to 5 min. A webhook that asks for more time gets it, until it is given up.
    pub backoff: Backoff,
    /// How long to try to tell a webhook the same before it is given up; 1 h. The last try is made
    /// when that time is up.
    pub give_up_after: Duration,
    /// How many configurations a task may have; 100.
    pub max_configs: usize,
}

impl Default for PushOptions {
    fn default() -> Self {
        let backoff =
            Backoff { first: Duration::from_secs(1), factor: 2, max: Duration::from_secs(5 * 60), attempts: u32::MAX };
        Self { backoff, give_up_after: Duration::from_secs(60 * 60), max_configs: 100 }
    }
}

impl Shared {
    /// Notes what a snapshot says of a task.
    pub(super) fn observe(&self, live: &Live, scope: &Scope, snapshot: &Snapshot) {
        live.belongs_to(scope);
        live.observe(snapshot.revision, &snapshot.task.status.state);
        if snapshot.has_push_configs && self.push.is_some() {
            live.has_webhooks();
        }
    }

    /// The log of a task has grown by what was written here: whoever waits for that is woken, here and
    /// elsewhere, and its webhooks are told.
    pub(super) fn grown(self: &Arc<Self>, live: &Arc<Live>, scope: &Scope, news: &News) {
        live.belongs_to(scope);
        if live.wrote(news) {
            self.begin_telling(live, scope);
        }
        self.publish(live.id(), news.revision());
    }

    /// Wakes whoever waits elsewhere for what happens to a task.
    pub(super) fn publish(&self, id: TaskId, revision: Revision) {
        if let Some(bus) = &self.options.bus {
            bus.publish(id, revision);
        }
    }

    /// Has the webhooks of a task looked after, of which some may have been told less than there is.
    pub(super) fn tell(self: &Arc<Self>, live: &Arc<Live>, scope: &Scope) {
        live.webhooks_changed();
        if live.webhooks_wait() {
            self.begin_telling(live, scope);
        }
    }

    fn begin_telling(self: &Arc<Self>, live: &Arc<Live>, scope: &Scope) {
        let worker = Worker {
            engine: self.clone(),
            live: live.clone(),
            scope: scope.clone(),
            under_way: HashMap::new(),
            seen: 0,
            has_webhooks: true,
            looking: false,
            at_rest: false,
        };
        self.host.spawner.spawn(Box::pin(worker.work()));
    }

    /// Tells webhooks what an engine before this one did not get to tell.
    pub(super) async fn resume_pushes(self: &Arc<Self>) -> Result<(), StorageError> {
        if self.push.is_none() {
            return Ok(());
        }
        let mut after = None;
        loop {
            let mut page = self.storage.pending_pushes(&self.agent, after.as_ref(), RESUMED_AT_ONCE).await?;
            for key in &page {
                self.tell(&self.live.enter(key.task), &key.scope);
            }
            // A page may be shorter than it could be, of what can be read.
            let Some(last) = page.pop() else { return Ok(()) };
            after = Some(last);
        }
    }
}

/// Something that the worker of a task waits for.
type Waiting = FuturesUnordered<BoxFuture<'static, Done>>;

/// What the worker waited for is done.
struct Done {
    /// The webhook that has been told all there was; `None` for a storage that was left alone.
    webhook: Option<Box<str>>,
    /// Held until it is known whether there is more to tell.
    delivering: Option<Delivering>,
}

/// Tells the webhooks of a task.
struct Worker {
    engine: Arc<Shared>,
    live: Arc<Live>,
    scope: Scope,
    /// The webhooks that are being told, by id: whether there may be more for one than there was
    /// when that began.
    under_way: HashMap<Box<str>, bool>,
    /// How long the log was, as far as was known, when the worker last looked.
    seen: Revision,
    has_webhooks: bool,
    looking: bool,
    at_rest: bool,
}

impl Worker {
    async fn work(mut self) {
        while let Some(present) = self.take().await {
            if self.tell(present).await && self.live.rest(self.has_webhooks) {
                self.at_rest = true;
                return;
            }
        }
    }

    /// As whom the webhooks are to be told here; `None` when another replica tells them.
    async fn take(&self) -> Option<Present> {
        loop {
            let taken = async {
                let present = self.engine.present().await?;
                let (storage, id) = (&self.engine.storage, self.live.id());
                let taken = storage.take_pushes(&self.scope, id, present.replica).await?;
                if taken
                    && self.live.revision() == 0
                    && let Some(snapshot) = storage.snapshot(&self.scope, id).await?
                {
                    self.engine.observe(&self.live, &self.scope, &snapshot);
                }
                Ok::<_, StorageError>(taken.then_some(present))
            };
            match taken.await {
                Ok(taken) => return taken,
                Err(_) if self.engine.membership.is_gone() => return None,
                Err(error) => {
                    tracing::error!(task = %self.live.id(), error = %Chain(&error), "cannot take webhooks to tell");
                    // A storage that is left alone is not waited for.
                    self.live.look();
                    self.live.looked();
                    self.engine.host.clock.sleep(STORAGE_RETRY).await;
                }
            }
        }
    }

    /// Tells until all is told, and hands that back. `false` when this replica was lost meanwhile.
    async fn tell(&mut self, present: Present) -> bool {
        let mut waiting = Waiting::new();
        let mut last = None;
        self.under_way.clear();
        loop {
            self.look(present, &mut waiting, last.take()).await;
            while !self.live.is_look_due() {
                let listener = self.live.listen();
                if self.live.is_look_due() {
                    break;
                }
                if !self.engine.membership.is_current(present) {
                    return false;
                }
                match select(waiting.next(), listener).await {
                    Either::Left((Some(done), _)) => {
                        let more = done.webhook.is_none_or(|webhook| self.under_way.remove(&webhook) == Some(true));
                        if more {
                            last = done.delivering;
                            break;
                        }
                    }
                    Either::Left((None, _)) => match self.hand_back(present).await {
                        true => return true,
                        false => break,
                    },
                    Either::Right(_) => {}
                }
            }
        }
    }

    /// Has this replica tell the webhooks no more; `false` when there may be more to tell.
    async fn hand_back(&self, present: Present) -> bool {
        let storage = &self.engine.storage;
        match storage.release_pushes(&self.scope, self.live.id(), present.replica, self.seen).await {
            Ok(true) => return true,
            Ok(false) => self.engine.read_on(&self.live).await,
            Err(error) => {
                tracing::error!(task = %self.live.id(), error = %Chain(&error), "cannot hand webhooks back");
            }
        }
        if self.live.revision() <= self.seen {
            self.engine.host.clock.sleep(STORAGE_RETRY).await;
        }
        false
    }

    /// Sees which webhooks are to be told something, and has them told.
    async fn look(&mut self, present: Present, waiting: &mut Waiting, last: Option<Delivering>) {
        self.live.look();
        self.looking = true;
        self.seen = self.live.revision();
        drop(last);
        let found = self.engine.storage.push_configs(&self.scope, self.live.id(), None, usize::MAX).await;
        match found {
            Ok(rows) => {
                self.has_webhooks = !rows.is_empty();
                for row in rows.iter().filter(|row| row.failure.is_none()) {
                    if let Some(more) = self.under_way.get_mut(row.id()) {
                        *more = true;
                        continue;
                    }
                    self.under_way.insert(row.id().into(), false);
                    let key = PushConfigKey { scope: self.scope.clone(), task: self.live.id(), id: row.id().into() };
                    let delivery = Delivery::new(self.engine.clone(), self.live.clone(), present, key);
                    let delivering = self.live.delivering();
                    waiting.push(Box::pin(async move {
                        let (webhook, delivering) = delivery.run(delivering).await;
                        Done { webhook: Some(webhook), delivering: Some(delivering) }
                    }));
                }
            }
            Err(error) => {
                tracing::error!(task = %self.live.id(), error = %Chain(&error), "cannot read push configurations");
                let rest = self.engine.host.clock.sleep(STORAGE_RETRY);
                waiting.push(Box::pin(rest.map(|()| Done { webhook: None, delivering: None })));
            }
        }
        self.looking = false;
        self.live.looked();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if !self.at_rest {
            self.live.worker_gone(self.looking);
        }
    }
}
