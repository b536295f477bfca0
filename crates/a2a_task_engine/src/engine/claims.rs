//! Idempotent send: the first send of a message id claims it, a repeat joins what the first began.

use std::{sync::Arc, time::Duration};

use a2a_app_ports::{Claim, Claimed, Revision, Scope, Snapshot, StorageError, TaskId};
use a2a_protocol_core::Error;
use futures::future::select;
use sha2::{Digest, Sha256};

use super::{
    Shared, failed,
    live::Live,
    send::{Accepted, Incoming, Sending},
    tend::LOOK,
};

/// What a storage does although it failed, it has done by then.
const LATE: Duration = Duration::from_secs(300);

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
        loop {
            let replica = self.present().await.map_err(failed)?.replica;
            let listener = watching.as_ref().map(|live| live.listen());
            // Asked before looking: what is done after the question is found by the look.
            let busy = watching.as_ref().is_some_and(|live| live.is_busy(live.id() == id));
            let now = self.host.clock.now();
            let expires = now.plus(self.options.claim_time);
            let claim = Claim { message_id: (&*message_id).into(), digest, task: id, replica, now, expires };
            let claimed = match self.storage.claim(&scope, claim).await {
                Ok(claimed) => claimed,
                Err(error) => {
                    // It may be claimed although nobody heard of that.
                    self.unclaim(&scope, &message_id, id, false).await;
                    return Err(failed(error));
                }
            };
            let (first, by) = match claimed {
                Claimed::New => break,
                Claimed::Task { id, place: Some(place), .. } => {
                    return self.join(&scope, id, place).await.map(Accepted::Sending);
                }
                Claimed::Task { id, by, .. } => (id, by),
                Claimed::Message(answer) => return Ok(Accepted::Answered(answer)),
                Claimed::OtherContent => {
                    return Err(Error::invalid("message.messageId", "was used for a message that says something else"));
                }
            };
            match (&watching, listener) {
                // On its way into its task. Of other replicas that may not be heard.
                (Some(live), Some(listener)) if live.id() == first && by.is_some_and(|by| by != replica || busy) => {
                    drop(select(listener, self.host.clock.sleep(LOOK)).await);
                }
                (Some(live), _) if live.id() == first => {
                    // Whoever claimed it first does not come to send it.
                    self.storage.settle(&scope, &message_id, first, None).await.map_err(failed)?;
                    watching = None;
                }
                _ => watching = Some(self.live.enter(first)),
            }
        }
        incoming.claim = Some(message_id.clone());
        let begun = self.take(incoming, follow_up).await;
        if begun.is_err() {
            self.unclaim(&scope, &message_id, id, true).await;
        }
        drop(mine);
        begun.map(Accepted::Sending)
    }

    /// Frees the id of a message whose sender is told that it failed, unless it got into its task
    /// nevertheless: then its repeats join that. A storage that fails is asked again, because others
    /// wait for as long as this replica is there; so is one that may yet come to claim the id, because
    /// nobody has heard what became of that.
    pub(super) async fn unclaim(self: &Arc<Self>, scope: &Scope, message_id: &Arc<str>, id: TaskId, was_claimed: bool) {
        if self.try_unclaim(scope, message_id, id).await.is_ok() && was_claimed {
            return;
        }
        let (engine, scope, message_id) = (Arc::downgrade(self), scope.clone(), message_id.clone());
        self.host.spawner.spawn(Box::pin(async move {
            let mut pause = LOOK;
            while let Some(shared) = engine.upgrade() {
                let paused = shared.host.clock.sleep(pause);
                drop(shared);
                paused.await;
                let Some(shared) = engine.upgrade() else { return };
                let is_free = shared.try_unclaim(&scope, &message_id, id).await.is_ok();
                if is_free && (was_claimed || pause >= LATE) {
                    return;
                }
                pause = (pause * 2).min(LATE);
            }
        }));
    }

    async fn try_unclaim(&self, scope: &Scope, message_id: &str, id: TaskId) -> Result<(), StorageError> {
        self.storage.settle(scope, message_id, id, None).await?;
        if let Some(live) = self.live.find(id) {
            live.notify();
        }
        self.publish(id, 0);
        Ok(())
    }

    /// The message as the first send of it left it: at this place of the log of its task.
    async fn join(self: &Arc<Self>, scope: &Scope, id: TaskId, place: Revision) -> Result<Sending, Error> {
        let live = self.live.enter(id);
        let waiting = live.waiting();
        let (_, snapshot) = self.find_settled(scope, &id.to_string()).await?;
        self.observe(&live, scope, &snapshot);
        live.follow(place);
        // The answer may be there long since.
        self.read_on(&live).await;
        Ok(Sending { scope: scope.clone(), id, live, waiting, message: place, created: None, work: None })
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
