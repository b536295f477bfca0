//! The connections to an agent. One carries so many calls at once and no more, of which a stream is
//! one for as long as it is open; what is beyond that would wait in silence for another to end.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use tonic::transport::{Channel, Endpoint};

use super::screened::Screened;

/// The calls that a connection carries at once: what RFC 9113 (section 6.5.2) wants servers to
/// allow at least.
const CALLS: usize = 100;

/// Where an agent is. Connections are made when they are needed.
pub(super) struct Pool {
    endpoint: Endpoint,
    channels: Mutex<Channels>,
}

/// Calls hold on to their channel, so its references tell how many they are.
#[derive(Default)]
struct Channels {
    /// Stays. Made at the first call, which is the first time that a runtime is sure to be there.
    first: Option<Arc<Channel>>,
    /// Made while all others were full; each is closed when its last call is over.
    more: Vec<Weak<Channel>>,
}

impl Pool {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, channels: Mutex::default() }
    }

    /// A channel for one call.
    pub(super) fn channel(&self) -> Screened {
        Screened::new(self.take())
    }

    fn take(&self) -> Arc<Channel> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let Channels { first, more } = &mut *channels;
        let connect = || Arc::new(self.endpoint.connect_lazy());
        let first = first.get_or_insert_with(connect);
        if Arc::strong_count(first) <= CALLS {
            return first.clone();
        }
        more.retain(|channel| channel.strong_count() > 0);
        let free = more.iter().filter(|channel| channel.strong_count() < CALLS);
        free.filter_map(Weak::upgrade).next().unwrap_or_else(|| {
            let channel = connect();
            more.push(Arc::downgrade(&channel));
            channel
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_channel_is_made_when_all_others_are_full_and_goes_with_its_last_call() {
        let pool = Pool::new(Endpoint::from_static("http://127.0.0.1:1"));
        let mut first: Vec<_> = (0..CALLS).map(|_| pool.take()).collect();
        assert!(first.iter().all(|channel| Arc::ptr_eq(channel, &first[0])));
        let second: Vec<_> = (0..CALLS).map(|_| pool.take()).collect();
        assert!(!Arc::ptr_eq(&first[0], &second[0]));
        assert!(second.iter().all(|channel| Arc::ptr_eq(channel, &second[0])));
        let third = pool.take();
        assert!(![&first[0], &second[0]].iter().any(|full| Arc::ptr_eq(full, &third)));
        let ended = first.pop().unwrap();
        drop((ended, second));
        assert!(Arc::ptr_eq(&pool.take(), &first[0]), "there is room in it again");
        let last = pool.take();
        assert!(Arc::ptr_eq(&last, &first[0]));
        assert!(Arc::ptr_eq(&pool.take(), &third), "the second is gone");
        assert_eq!(pool.channels.lock().unwrap().more.len(), 1);
    }
}
