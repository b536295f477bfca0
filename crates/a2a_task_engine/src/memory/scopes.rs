//! Scopes: each has its own index behind its own lock.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex},
};

use a2a_app_ports::Scope;

use super::{index::Index, lock};

const SHARDS: usize = 64;

/// The tasks of one scope, by the order in which they are listed.
#[derive(Debug)]
pub(super) struct ScopeTasks {
    pub(super) scope: Scope,
    pub(super) index: Index,
}

type Shard = Mutex<HashMap<Scope, Arc<ScopeTasks>>>;

/// All scopes that have tasks.
#[derive(Debug)]
pub(super) struct Scopes {
    shards: Box<[Shard]>,
    hasher: RandomState,
}

impl Scopes {
    pub(super) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }

    /// A keyed hash of a context id.
    pub(super) fn context_hash(&self, context_id: &str) -> u64 {
        self.hasher.hash_one(context_id)
    }

    pub(super) fn find(&self, scope: &Scope) -> Option<Arc<ScopeTasks>> {
        lock(self.shard(scope)).get(scope).cloned()
    }

    pub(super) fn find_or_add(&self, scope: &Scope) -> Arc<ScopeTasks> {
        let mut scopes = lock(self.shard(scope));
        if let Some(known) = scopes.get(scope) {
            return known.clone();
        }
        // Before the map grows, scopes go whose tasks are all gone: nobody else holds those.
        if scopes.len() == scopes.capacity() {
            scopes.retain(|_, tasks| Arc::strong_count(tasks) > 1);
            let len = scopes.len();
            scopes.reserve(len + 1);
        }
        let added = Arc::new(ScopeTasks { scope: scope.clone(), index: Index::default() });
        scopes.insert(scope.clone(), added.clone());
        added
    }

    fn shard(&self, scope: &Scope) -> &Shard {
        &self.shards[self.hasher.hash_one(scope) as usize % SHARDS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_without_tasks_are_forgotten() {
        let scopes = Scopes::new();
        let scope = |owner: usize| Scope { owner: Some(owner.to_string().into()), ..Scope::default() };
        let held: Vec<_> = (0..100).map(|owner| scopes.find_or_add(&scope(owner))).collect();
        (100..100_000).for_each(|owner| drop(scopes.find_or_add(&scope(owner))));
        let known: usize = scopes.shards.iter().map(|shard| lock(shard).len()).sum();
        assert!(known < 10_000, "{known} scopes are known");
        for (owner, tasks) in held.iter().enumerate() {
            assert!(Arc::ptr_eq(tasks, &scopes.find_or_add(&scope(owner))));
        }
    }
}
