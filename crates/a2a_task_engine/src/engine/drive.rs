//! Who does the work of a run.

use std::{
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use a2a_app_ports::{BoxFuture, MaybeSend};
use futures::future::poll_fn;

use super::{
    Shared,
    live::{Live, lock},
};

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

impl Drive {
    /// Goes on with work that does not wait for anything, for the reader of a stream to do while it
    /// reads; other work is given away, and so is this once the reader has had its time.
    pub(crate) async fn beside(mut self, live: &Live) -> Option<Beside> {
        let before = live.revision();
        poll_fn(|cx| {
            self.poll(cx);
            Poll::Ready(())
        })
        .await;
        let work = self.work.take_if(|_| live.revision() > before)?;
        Some(Beside::new(&self.engine, work))
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        self.hand_over();
    }
}

/// A future that goes on to its end even if whoever waits for it goes away: for steps that belong
/// together, such as storing a message and seeing that somebody answers it.
pub(crate) struct Whole<T: MaybeSend + 'static> {
    steps: Option<BoxFuture<'static, T>>,
    engine: Arc<Shared>,
}

impl<T: MaybeSend + 'static> Whole<T> {
    pub(crate) fn new(engine: Arc<Shared>, steps: BoxFuture<'static, T>) -> Self {
        engine.live.begin();
        Self { steps: Some(steps), engine }
    }
}

impl<T: MaybeSend + 'static> Future for Whole<T> {
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

impl<T: MaybeSend + 'static> Drop for Whole<T> {
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

/// After so many pieces without an event the handler waits for something.
const VAIN_POLLS: u32 = 3;
/// For so long a reader may do the work beside reading. Longer, and a slow one would slow the handler.
const READERS_TIME: Duration = Duration::from_millis(10);

/// Work that the reader of a stream does: handler and reader take turns without anybody being woken,
/// and what the handler says in the meantime is read, and written, together.
pub(crate) struct Beside {
    shared: Arc<Mutex<Shift>>,
    engine: Arc<Shared>,
    vain_polls: u32,
}

#[derive(Default)]
struct Shift {
    /// The work, unless it is being done.
    work: Option<BoxFuture<'static, ()>>,
    /// Whether the reader has had its time.
    over: bool,
}

impl Beside {
    fn new(engine: &Arc<Shared>, work: BoxFuture<'static, ()>) -> Self {
        let shared = Arc::new(Mutex::new(Shift { work: Some(work), over: false }));
        let (shift, time) = (shared.clone(), engine.host.clock.sleep(READERS_TIME));
        // Whether the reader is slow, or has stopped reading: then this goes on.
        engine.host.spawner.spawn(Box::pin(async move {
            time.await;
            let rest = {
                let mut shift = lock(&shift);
                shift.over = true;
                shift.work.take()
            };
            if let Some(rest) = rest {
                rest.await;
            }
        }));
        Self { shared, engine: engine.clone(), vain_polls: 0 }
    }

    /// Does a piece of the work; whether there is more to be done here.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, live: &Live) -> bool {
        let before = live.revision();
        // Handlers are not called under a lock.
        let Some(mut work) = lock(&self.shared).work.take() else { return false };
        if work.as_mut().poll(cx).is_pending() {
            let mut shift = lock(&self.shared);
            if shift.over {
                drop(shift);
                self.engine.host.spawner.spawn(work);
            } else {
                shift.work = Some(work);
            }
        }
        self.vain_polls = if live.revision() > before { 0 } else { self.vain_polls + 1 };
        self.vain_polls < VAIN_POLLS
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let rest = lock(&self.shared).work.take();
        if let Some(rest) = rest {
            self.engine.host.spawner.spawn(rest);
        }
    }
}
