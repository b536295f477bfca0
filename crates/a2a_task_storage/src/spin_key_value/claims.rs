//! Claims of message ids.

use std::sync::Arc;

use a2a_app_ports::{Claim, Claimed, Revision, Scope, StorageError, TaskId};
use a2a_protocol_core::{Message, Timestamp};

use super::{
    KeyValueStorage,
    pairs::{self, Pairs},
    records::{Head, Use},
};
use crate::{ClaimRecord, archive::lines::ClaimLine};

/// Claims that expire within so many milliseconds are forgotten together.
const BUCKET: i64 = 10 * 60 * 1000;
/// So many times are looked at in one piece of a sweep.
const BUCKETS: i64 = 32;

fn bucket(time: Timestamp) -> i64 {
    time.as_millis().div_euclid(BUCKET)
}

impl<P: Pairs> KeyValueStorage<P> {
    /// A claim as it stands. Whether it is used, the head of its task knows first.
    async fn known_claim(&self, key: &str) -> Result<Option<ClaimRecord>, StorageError> {
        let Some(mut known) = self.read::<ClaimLine>(key).await?.map(ClaimLine::claim) else { return Ok(None) };
        if known.place.is_none() {
            let used = self.head_of(&known.scope, known.task).await?.and_then(|head| head.uses);
            known.place = used.filter(|used| used.is_of(key, &known)).map(|used| used.place);
        }
        Ok(Some(known))
    }

    /// Lets the claim that a task has used last know that it is.
    pub(super) async fn settle_use(&self, head: &Head) -> Result<(), StorageError> {
        let Some(used) = &head.uses else { return Ok(()) };
        let known = self.read::<ClaimLine>(&used.claim).await?.map(ClaimLine::claim);
        match known.filter(|known| known.place.is_none() && used.is_of(&used.claim, known)) {
            Some(known) => {
                let place = Some(used.place);
                self.write(&used.claim, &ClaimLine::new(&ClaimRecord { place, ..known })).await
            }
            None => Ok(()),
        }
    }

    /// That the claim of a message for a task, which is neither used nor answered, is used.
    pub(super) async fn use_claim(
        &self,
        scope: &Scope,
        message_id: &str,
        task: TaskId,
        place: Revision,
    ) -> Result<Use, StorageError> {
        let claim = pairs::claim(scope, message_id);
        let known = self.known_claim(&claim).await?;
        match known.filter(|known| known.task == task && known.place.is_none() && known.answer.is_none()) {
            Some(known) => Ok(Use { claim, expires: known.expires, place }),
            None => Err(StorageError::Unclaimed),
        }
    }

    pub(super) async fn claim_now(&self, scope: &Scope, claim: Claim) -> Result<Claimed, StorageError> {
        let Claim { message_id, digest, task, replica, now, expires } = claim;
        let key = pairs::claim(scope, &message_id);
        let _one = self.writing.lock().await;
        if let Some(known) = self.known_claim(&key).await?.filter(|known| known.expires > now) {
            return self.claimed(known, &digest).await;
        }
        let list = pairs::expiring(bucket(expires));
        let mut expiring = self.read::<Vec<String>>(&list).await?.unwrap_or_default();
        if !expiring.contains(&key) {
            expiring.push(key.clone());
            self.write(&list, &expiring).await?;
        }
        let scope = scope.clone();
        let new = ClaimRecord { scope, message_id, digest, task, replica, expires, place: None, answer: None };
        self.write(&key, &ClaimLine::new(&new)).await?;
        match self.known_claim(&key).await? {
            // Another instance has claimed it at once.
            Some(known) if known.task != task && known.expires > now => self.claimed(known, &digest).await,
            _ => Ok(Claimed::New),
        }
    }

    /// What a repeat is told.
    async fn claimed(&self, known: ClaimRecord, digest: &[u8; 32]) -> Result<Claimed, StorageError> {
        Ok(match known.answer {
            _ if known.digest != *digest => Claimed::OtherContent,
            Some(message) => Claimed::Message(message),
            None => {
                let by = self.is_present(known.replica).await?.then_some(known.replica);
                Claimed::Task { id: known.task, place: known.place, by }
            }
        })
    }

    pub(super) async fn settle_now(
        &self,
        scope: &Scope,
        message_id: &str,
        task: TaskId,
        answer: Option<Arc<Message>>,
    ) -> Result<(), StorageError> {
        let key = pairs::claim(scope, message_id);
        let _one = self.writing.lock().await;
        let known = self.known_claim(&key).await?.filter(|known| known.task == task && known.place.is_none());
        match (known, answer) {
            (Some(mut known), Some(message)) => {
                // The first answer stays.
                known.answer.get_or_insert(message);
                self.write(&key, &ClaimLine::new(&known)).await
            }
            (None, Some(_)) => Err(StorageError::Unclaimed),
            (Some(known), None) if known.answer.is_none() => self.pairs.delete(&key).await,
            (_, None) => Ok(()),
        }
    }

    /// Forgets a piece of the claims that have expired; whether there may be more.
    pub(super) async fn forget_claims(&self, now: Timestamp) -> Result<bool, StorageError> {
        let upto = bucket(now) - 1;
        // Before the first sweep there was nothing to forget.
        let swept = self.read::<i64>(pairs::SWEPT).await?.unwrap_or(upto - 1);
        let until = upto.min(swept.saturating_add(BUCKETS));
        for bucket in swept.saturating_add(1)..=until {
            let list = pairs::expiring(bucket);
            let _one = self.writing.lock().await;
            let Some(keys) = self.read::<Vec<String>>(&list).await? else { continue };
            // One that was claimed again since expires later.
            let claims = self.read_all::<ClaimLine>(&keys).await?;
            let expired = |claim: Option<ClaimLine>| claim.is_some_and(|claim| claim.claim().expires <= now);
            let gone: Vec<_> =
                keys.into_iter().zip(claims).filter_map(|(key, claim)| expired(claim).then_some(key)).collect();
            self.erase_all(&gone).await?;
            self.pairs.delete(&list).await?;
        }
        if until > swept {
            self.write(pairs::SWEPT, &until).await?;
        }
        Ok(until < upto)
    }
}
