//! The wish that a task be cancelled.

use std::sync::atomic::{AtomicBool, Ordering};

use event_listener::Event as Signal;
use futures::task::AtomicWaker;

/// The wish that a task be cancelled, on its way to the handler.
#[derive(Default)]
pub(crate) struct Cancel {
    requested: AtomicBool,
    awaited: AtomicBool,
    signal: Signal,
    runner: AtomicWaker,
}

impl Cancel {
    /// Has the handler told, or dropped.
    pub(crate) fn request(&self) {
        self.requested.store(true, Ordering::SeqCst);
        self.signal.notify(usize::MAX);
        self.runner.wake();
    }

    pub(crate) fn is_requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }

    /// Has whoever polls the handler look whether it may go on.
    pub(crate) fn wake(&self) {
        self.runner.wake();
    }

    /// Whether the handler wants to tidy up.
    pub(crate) fn is_awaited(&self) -> bool {
        self.awaited.load(Ordering::SeqCst)
    }

    /// A new handler has yet to ask for the grace period.
    pub(crate) fn reset_awaited(&self) {
        self.awaited.store(false, Ordering::SeqCst);
    }

    /// Has whoever polls the handler woken by a request.
    pub(crate) fn register(&self, waker: &std::task::Waker) {
        self.runner.register(waker);
    }

    /// The handler wants to tidy up.
    pub(crate) fn expect(&self) {
        self.awaited.store(true, Ordering::SeqCst);
    }

    /// Resolves once the cancellation is requested.
    pub(crate) async fn requested(&self) {
        loop {
            let listener = self.signal.listen();
            if self.is_requested() {
                return;
            }
            listener.await;
        }
    }
}
