//! Who does the work of a run.

use std::{
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use a2a_app_ports::BoxFuture;
use futures::future::poll_fn;

use super::{Shared, live::Live};

/// The work of a run: polled by whoever waits for it, and when that one goes away or has waited for a
/// while, given to the spawner. A vanished caller never kills the work.
pub(crate) struct Drive {
    work: Option<BoxFuture<'static, ()>>,
    engine: Arc<Shared>,
    pending_polls: u32,
}

/// So often a caller polls the work itself; then the work goes on without it, so that a caller that
/// is slow to take its events does not hold up the handler.
const INLINE_POLLS: u32 = 8;

impl Drive {
    pub(crate) fn new(engine: Arc<Shared>, work: BoxFuture<'static, ()>) -> Self {
        Self { work: Some(work), engine, pending_polls: 0 }
    }

    /// Polls the work while it is here; whether it is done or given away cannot be told apart, and
    /// need not be.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) {
        let Some(work) = &mut self.work else { return };
        if work.as_mut().poll(cx).is_ready() {
            self.work = None;
            return;
        }
        self.pending_polls += 1;
        if self.pending_polls >= INLINE_POLLS {
            self.hand_over();
        }
    }

    /// Does none of it.
    pub(crate) fn forget(&mut self) {
        self.work = None;
    }

    /// Gives the work away.
    pub(crate) fn hand_over(&mut self) {
        if let Some(work) = self.work.take() {
            self.engine.host.spawner.spawn(work);
        }
    }

    /// Polls the work once, then waits until `done`, driving it on as far as it is here.
    pub(crate) async fn until(&mut self, live: &Live, mut done: impl FnMut() -> bool) {
        poll_fn(|cx| {
            self.poll(cx);
            Poll::Ready(())
        })
        .await;
        while !done() {
            let mut listener = pin!(live.listen());
            if done() {
                return;
            }
            poll_fn(|cx| {
                self.poll(cx);
                if done() { Poll::Ready(()) } else { listener.as_mut().poll(cx) }
            })
            .await;
        }
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        self.hand_over();
    }
}

/// A future that goes on to its end even if whoever waits for it goes away: for steps that belong
/// together, such as storing a message and seeing that somebody answers it.
pub(crate) struct Whole<T: Send + 'static> {
    steps: Option<BoxFuture<'static, T>>,
    engine: Arc<Shared>,
}

impl<T: Send + 'static> Whole<T> {
    pub(crate) fn new(engine: Arc<Shared>, steps: BoxFuture<'static, T>) -> Self {
        engine.live.begin();
        Self { steps: Some(steps), engine }
    }
}

impl<T: Send + 'static> Future for Whole<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Some(steps) = &mut self.steps else { return Poll::Pending };
        let done = steps.as_mut().poll(cx);
        if done.is_ready() {
            self.steps = None;
            self.engine.live.end();
        }
        done
    }
}

impl<T: Send + 'static> Drop for Whole<T> {
    fn drop(&mut self) {
        if let Some(steps) = self.steps.take() {
            let engine = self.engine.clone();
            self.engine.host.spawner.spawn(Box::pin(async move {
                steps.await;
                engine.live.end();
            }));
        }
    }
}
