//! How a server goes down: first it is no longer ready, then what still waits is let go.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use event_listener::Event;

use crate::BoxFuture;

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
        self.0.changed.notify(usize::MAX);
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
    pub fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }

    /// Resolves once [`drain`](Self::drain) was called.
    pub fn draining(&self) -> BoxFuture<'static, ()> {
        self.once(Self::is_draining)
    }

    /// Resolves once [`close`](Self::close) was called.
    pub fn closed(&self) -> BoxFuture<'static, ()> {
        self.once(Self::is_closed)
    }

    fn once(&self, is_so: fn(&Self) -> bool) -> BoxFuture<'static, ()> {
        let this = self.clone();
        Box::pin(async move {
            while !is_so(&this) {
                let changed = this.0.changed.listen();
                // Between the look and the listening?
                if is_so(&this) {
                    break;
                }
                changed.await;
            }
        })
    }
}
