//! Idempotent send: the first send of a message id claims it, a repeat joins what the first began.

use std::sync::Arc;

use a2a_app_ports::{Claim, Claimed, Revision, Scope, Snapshot, TaskId};
use a2a_protocol_core::{Error, EventKind};
use futures::future::select;
use sha2::{Digest, Sha256};

use super::{
    READ_AT_ONCE, Shared, failed,
    live::Live,
    send::{Accepted, Incoming, Sending},
    tend::LOOK,
};

impl Shared {
    /// Takes a message once: of all that repeat its id, one begins or continues a task, the others
    /// join that.
    pub(super) async fn accept_once(
        self: &Arc<Self>,
        mut incoming: Incoming,
        follow_up: Option<Snapshot>,
    ) -> Result<Accepted, Error> {
        let (scope, id) = (incoming.scope.clone(), incoming.id);
        let message_id: Arc<str> = incoming.message.message_id.as_str().into();
        let details = incoming.details.as_ref().map(|details| (&details.metadata, &details.accepted_output_modes));
        let said = serde_json::to_vec(&(&incoming.message, details)).map_err(Error::internal)?;
        let digest: [u8; 32] = Sha256::digest(said).into();
        self.attend();
        let mine = Claiming::new(self.live.enter(id));
        let mut watching: Option<Arc<Live>> = None;
        let present = loop {
            let present = self.present().await.map_err(failed)?;
            let listener = watching.as_ref().map(|live| live.listen());
            // Asked before looking: what is done after the question is found by the look.
            let busy = watching.as_ref().is_some_and(|live| live.is_busy(live.id() == id));
            let now = self.host.clock.now();
            let expires = now.plus(self.options.claim_time);
            let claim =
                Claim { message_id: (&*message_id).into(), digest, task: id, replica: present.replica, now, expires };
            let claimed = match self.storage.claim(&scope, claim).await {
                Ok(claimed) => claimed,
                Err(error) => {
                    // It may be claimed although nobody heard of that.
                    self.unclaim(&scope, &message_id, id).await;
                    return Err(failed(error));
                }
            };
            let (first, by) = match claimed {
                Claimed::New => break present,
                Claimed::Task { id, by } => (id, by),
                Claimed::Message(answer) => return Ok(Accepted::Answered(answer)),
                Claimed::OtherContent => {
                    return Err(Error::invalid("message.messageId", "was used for a message that says something else"));
                }
            };
            if let Some(sending) = self.join(&scope, first, &message_id).await? {
                return Ok(Accepted::Sending(sending));
            }
            match (&watching, listener) {
                (Some(live), Some(listener)) if live.id() == first => match by {
                    Some(by) if by == present.replica && busy => listener.await,
                    // At work elsewhere: its word for it may be lost.
                    Some(by) if by != present.replica => drop(select(listener, self.host.clock.sleep(LOOK)).await),
                    _ => {
                        // Whoever claimed it first never came to send it.
                        self.storage.settle(&scope, &message_id, first, None).await.map_err(failed)?;
                        watching = None;
                    }
                },
                _ => watching = Some(self.live.enter(first)),
            }
        };
        // Only a new task can be answered without one; a follow-up has its task to join.
        incoming.claim = follow_up.is_none().then(|| (message_id.clone(), present));
        let begun = self.take(incoming, follow_up).await;
        if begun.is_err() {
            self.unclaim(&scope, &message_id, id).await;
        }
        drop(mine);
        begun.map(Accepted::Sending)
    }

    /// Frees the id of a message whose sender is told that it failed, unless it got into its task
    /// nevertheless: then its repeats join that. A storage that fails is asked again, because others
    /// wait for as long as this replica is there.
    pub(super) async fn unclaim(self: &Arc<Self>, scope: &Scope, message_id: &Arc<str>, id: TaskId) {
        if self.try_unclaim(scope, message_id, id).await.is_ok() {
            return;
        }
        let (engine, scope, message_id) = (Arc::downgrade(self), scope.clone(), message_id.clone());
        self.host.spawner.spawn(Box::pin(async move {
            while let Some(shared) = engine.upgrade() {
                let pause = shared.host.clock.sleep(LOOK);
                drop(shared);
                pause.await;
                let Some(shared) = engine.upgrade() else { return };
                if shared.try_unclaim(&scope, &message_id, id).await.is_ok() {
                    return;
                }
            }
        }));
    }

    async fn try_unclaim(&self, scope: &Scope, message_id: &str, id: TaskId) -> Result<(), Error> {
        let exists = self.storage.snapshot(scope, id).await.map_err(failed)?.is_some();
        if exists && self.place(scope, id, message_id).await? != Some(0) {
            return Ok(());
        }
        self.storage.settle(scope, message_id, id, None).await.map_err(failed)
    }

    /// The message as the first send of it left it, if it has got into its task.
    async fn join(&self, scope: &Scope, id: TaskId, message_id: &str) -> Result<Option<Sending>, Error> {
        let live = self.live.enter(id);
        let waiting = live.waiting();
        let Some(snapshot) = self.storage.snapshot(scope, id).await.map_err(failed)? else { return Ok(None) };
        let message = match self.place(scope, id, message_id).await? {
            Some(0) => return Ok(None),
            Some(place) => place,
            // The log is gone, the task has long ended.
            None => snapshot.revision,
        };
        self.observe(&live, scope, &snapshot);
        live.follow(message);
        Ok(Some(Sending { scope: scope.clone(), id, live, waiting, message, created: None, work: None }))
    }

    /// The place of a message in a log; 0 when it is not there, `None` when the log is not.
    async fn place(&self, scope: &Scope, id: TaskId, message_id: &str) -> Result<Option<Revision>, Error> {
        let mut place = 0;
        loop {
            let events = self.storage.events(scope, id, place, READ_AT_ONCE).await.map_err(failed)?;
            let Some(events) = events else { return Ok(None) };
            let more = events.len() == READ_AT_ONCE;
            for event in events {
                place += 1;
                match event.kind {
                    EventKind::Created { message, .. } | EventKind::Message(message)
                        if message.message_id == message_id =>
                    {
                        return Ok(Some(place));
                    }
                    _ => {}
                }
            }
            if !more {
                return Ok(Some(0));
            }
        }
    }
}

/// Holds a message between its claim and its task. Repeats wait until this is dropped.
struct Claiming(Arc<Live>);

impl Claiming {
    fn new(live: Arc<Live>) -> Self {
        live.begin_claim();
        Self(live)
    }
}

impl Drop for Claiming {
    fn drop(&mut self) {
        self.0.end_claim();
    }
}
