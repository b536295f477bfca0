//! How a server goes down: first it is no longer ready, then what still waits is let go.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use a2a_app_ports::BoxFuture;
use event_listener::Event;

/// Where a process is between start and end. Clones share it, and several servers may.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle(Arc<State>);

#[derive(Debug, Default)]
struct State {
    draining: AtomicBool,
    closed: AtomicBool,
    changed: Event,
}

impl Lifecycle {
    /// A process that is ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on `/ready` answers 503, so that load balancers send nobody here. Calls are still
    /// answered.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Release);
    }

    /// From now on streams end once they have sent what is there, and calls that have to wait are
    /// Unavailable. Implies [`drain`](Self::drain).
    pub fn close(&self) {
        self.drain();
        self.0.closed.store(true, Ordering::Release);
        self.0.changed.notify(usize::MAX);
    }

    /// Whether [`drain`](Self::drain) was called.
    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Acquire)
    }

    /// Whether [`close`](Self::close) was called.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }

    /// Resolves once [`close`](Self::close) was called.
    pub fn closed(&self) -> BoxFuture<'static, ()> {
        let state = self.0.clone();
        Box::pin(async move {
            while !state.closed.load(Ordering::Acquire) {
                let changed = state.changed.listen();
                // Closed between the look and the listening?
                if state.closed.load(Ordering::Acquire) {
                    break;
                }
                changed.await;
            }
        })
    }
}
