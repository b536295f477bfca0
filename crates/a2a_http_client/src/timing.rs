//! Time limits over the host's clock.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use a2a_app_ports::Clock;

/// The outcome of the future, `None` if it is not ready in time. The timer starts only if the
/// future has to wait at all.
pub(crate) async fn within<T>(clock: &dyn Clock, limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut timer = None;
    poll_fn(|context| {
        if let Poll::Ready(outcome) = future.as_mut().poll(context) {
            return Poll::Ready(Some(outcome));
        }
        let timer = timer.get_or_insert_with(|| clock.sleep(limit));
        timer.as_mut().poll(context).map(|()| None)
    })
    .await
}
