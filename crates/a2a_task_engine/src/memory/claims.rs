//! Claims of message ids, bounded in number and in time.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard},
};

use a2a_app_ports::{Claim, Claimed, ReplicaId, Revision, Scope, StorageError, TaskId};
use a2a_protocol_core::{Message, Timestamp};

use super::{leases::Replicas, lock};

const SHARDS: usize = 16;
/// How many expired claims one call forgets at most: more than it adds, so that a backlog shrinks.
const FORGOTTEN_AT_ONCE: usize = 4;

/// All claims.
#[derive(Debug)]
pub(super) struct Claims {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    /// The most claims of one shard.
    limit: usize,
}

type Key = (Scope, Box<str>);

#[derive(Debug, Default)]
struct Shard {
    claims: HashMap<Arc<Key>, Known>,
    /// All claims in the order in which they were made, freed ones too.
    made: VecDeque<(Timestamp, Arc<Key>)>,
}

#[derive(Debug)]
struct Known {
    digest: [u8; 32],
    expires: Timestamp,
    task: TaskId,
    replica: ReplicaId,
    /// Where the message is in the log of the task, once it is.
    place: Option<Revision>,
    /// The answer without the task.
    answer: Option<Arc<Message>>,
}

impl Claims {
    /// Room for about `limit` claims; when it is used up the oldest one is forgotten.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            limit: limit.div_ceil(SHARDS).max(1),
        }
    }

    pub(super) fn claim(&self, scope: &Scope, claim: Claim, replicas: &Replicas) -> Claimed {
        let Claim { message_id, digest, task, replica, now, expires } = claim;
        let key = Arc::new((scope.clone(), message_id));
        let mut shard = self.shard(&key);
        shard.forget_expired(now);
        match shard.claims.entry(key.clone()) {
            Entry::Occupied(known) if known.get().expires > now => {
                return known.get().claimed_again(&digest, replicas);
            }
            Entry::Occupied(expired) => {
                // Taken out for its key, by which `made` tells the two claims apart.
                expired.remove_entry();
            }
            Entry::Vacant(_) => {}
        }
        if shard.made.len() >= self.limit {
            shard.forget_oldest();
        }
        shard.made.push_back((expires, key.clone()));
        shard.claims.insert(key, Known { digest, expires, task, replica, place: None, answer: None });
        Claimed::New
    }

    pub(super) fn settle(
        &self,
        scope: &Scope,
        message_id: &str,
        task: TaskId,
        answer: Option<Arc<Message>>,
    ) -> Result<(), StorageError> {
        let key = (scope.clone(), message_id.into());
        let mut shard = self.shard(&key);
        let known = shard.claims.get_mut(&key).filter(|known| known.task == task && known.place.is_none());
        match (known, answer) {
            (Some(known), Some(message)) => drop(known.answer.get_or_insert(message)),
            (None, Some(_)) => return Err(StorageError::Unclaimed),
            (Some(known), None) if known.answer.is_none() => drop(shard.claims.remove(&key)),
            (_, None) => {}
        }
        Ok(())
    }

    /// Stores so many events of which a message is the first, where the log of its task ends then; it is
    /// told whether the message is claimed for that. The claim is used with it, and nobody frees it
    /// meanwhile.
    pub(super) fn store_claimed(
        &self,
        scope: &Scope,
        message_id: &str,
        task: TaskId,
        events: usize,
        store: impl FnOnce(bool) -> Result<Revision, StorageError>,
    ) -> Result<Revision, StorageError> {
        let key = (scope.clone(), message_id.into());
        let mut shard = self.shard(&key);
        let known = shard.claims.get_mut(&key).filter(|known| known.is_open_for(task));
        let stored = store(known.is_some())?;
        if let Some(known) = known {
            known.place = Some(stored + 1 - events as Revision);
        }
        Ok(stored)
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, Shard> {
        lock(&self.shards[self.hasher.hash_one(key) as usize % SHARDS])
    }
}

impl Known {
    /// Whether it is for this task and neither used nor answered.
    fn is_open_for(&self, task: TaskId) -> bool {
        self.task == task && self.place.is_none() && self.answer.is_none()
    }

    fn claimed_again(&self, digest: &[u8; 32], replicas: &Replicas) -> Claimed {
        match &self.answer {
            _ if self.digest != *digest => Claimed::OtherContent,
            Some(message) => Claimed::Message(message.clone()),
            None => {
                let by = Some(self.replica).filter(|replica| replicas.is_present(*replica));
                Claimed::Task { id: self.task, place: self.place, by }
            }
        }
    }
}

impl Shard {
    fn forget_expired(&mut self, now: Timestamp) {
        for _ in 0..FORGOTTEN_AT_ONCE {
            if self.made.front().is_some_and(|(expires, _)| *expires <= now) {
                self.forget_oldest();
            }
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, key)) = self.made.pop_front()
            && self.claims.get_key_value(&*key).is_some_and(|(known, _)| Arc::ptr_eq(known, &key))
        {
            self.claims.remove(&*key);
        }
    }
}
