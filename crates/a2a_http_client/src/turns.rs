//! How many calls are made at once: of each host only so many, so that a slow one holds up nobody
//! else, and in total.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Semaphore;

pub(crate) struct Turns {
    total: Semaphore,
    per_host: usize,
    /// The hosts that are called, or are to be.
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Turns {
    pub(crate) fn new(per_host: usize, total: usize) -> Self {
        Self { total: Semaphore::new(total), per_host, hosts: Mutex::default() }
    }

    /// Makes a call to a host, in its turn. Whoever waits for a host takes nothing of the total.
    pub(crate) async fn take<T>(&self, host: &str, call: impl Future<Output = T>) -> T {
        let place = Place { turns: self, host, turn: self.host(host) };
        // Neither is ever closed.
        let _of_host = place.turn.acquire().await;
        let _of_total = self.total.acquire().await;
        call.await
    }

    fn host(&self, host: &str) -> Arc<Semaphore> {
        self.hosts().entry(host.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.per_host))).clone()
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<String, Arc<Semaphore>>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who calls a host, or waits to. The last one to leave takes the host along.
struct Place<'a> {
    turns: &'a Turns,
    host: &'a str,
    turn: Arc<Semaphore>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut hosts = self.turns.hosts();
        // One is this, the other that of the map; all others are made under the lock.
        if Arc::strong_count(&self.turn) <= 2 {
            hosts.remove(self.host);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures::{FutureExt, future::pending};

    use super::*;

    #[test]
    fn a_host_has_so_many_turns_and_leaves_the_others_theirs() {
        let (turns, calls) = (Turns::new(2, 3), Cell::new(0));
        let call = async || {
            calls.set(calls.get() + 1);
            pending::<()>().await;
        };
        let mut under_way = Vec::new();
        for (host, expected) in [("a", 1), ("a", 2), ("a", 2), ("b", 3), ("c", 3)] {
            under_way.push(Box::pin(turns.take(host, call())));
            assert!(under_way.last_mut().unwrap().now_or_never().is_none());
            assert_eq!(calls.get(), expected, "{host}");
        }
        assert_eq!(turns.hosts().len(), 3);
        // A call that is given up leaves its turn to whoever waits for one.
        drop(under_way.remove(3));
        assert_eq!(turns.hosts().len(), 2, "nobody calls b");
        assert!(under_way.iter_mut().all(|call| call.now_or_never().is_none()));
        assert_eq!(calls.get(), 4, "c is called, and a not thrice");
        drop(under_way.remove(0));
        assert!(under_way.iter_mut().all(|call| call.now_or_never().is_none()));
        assert_eq!(calls.get(), 5);
        drop(under_way);
        assert_eq!((turns.total.available_permits(), turns.hosts().len()), (3, 0));
    }
}
