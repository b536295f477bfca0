//! A future against a limit that is only set up once the future has to wait.

use std::{
    future::poll_fn,
    pin::pin,
    task::{Poll, ready},
};

use crate::BoxFuture;

/// The future's output; `None` if the limit resolves first. What never waits pays for no limit.
pub async fn unless<T>(limit: impl FnOnce() -> BoxFuture<'static, ()>, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut make = Some(limit);
    let mut limit = None;
    poll_fn(move |cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        if let Some(make) = make.take() {
            limit = Some(make());
        }
        if let Some(limit) = &mut limit {
            ready!(limit.as_mut().poll(cx));
            return Poll::Ready(None);
        }
        Poll::Pending
    })
    .await
}
