//! Claims of message ids, bounded in number and in time.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard},
};

use a2a_app_ports::{Claim, Claimed, ReplicaId, Scope, TaskId};
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
        shard.claims.insert(key, Known { digest, expires, task, replica, answer: None });
        Claimed::New
    }

    pub(super) fn settle(&self, scope: &Scope, message_id: &str, task: TaskId, answer: Option<Arc<Message>>) {
        let key = (scope.clone(), message_id.into());
        let mut shard = self.shard(&key);
        let known = shard.claims.get_mut(&key).filter(|known| known.task == task && known.answer.is_none());
        let Some(known) = known else { return };
        match answer {
            Some(message) => known.answer = Some(message),
            None => {
                shard.claims.remove(&key);
            }
        }
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, Shard> {
        lock(&self.shards[self.hasher.hash_one(key) as usize % SHARDS])
    }
}

impl Known {
    fn claimed_again(&self, digest: &[u8; 32], replicas: &Replicas) -> Claimed {
        match &self.answer {
            _ if self.digest != *digest => Claimed::OtherContent,
            Some(message) => Claimed::Message(message.clone()),
            None => {
                let by = Some(self.replica).filter(|replica| replicas.is_present(*replica));
                Claimed::Task { id: self.task, by }
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
