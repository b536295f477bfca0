//! A request body that has to arrive in time.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use a2a_app_ports::{BoxFuture, Clock};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tonic::Status;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Fails when its end has not come in time. The time runs once it has first to wait.
pub(super) struct Timed<B> {
    body: Pin<Box<B>>,
    clock: Arc<dyn Clock>,
    timeout: Duration,
    timer: Option<BoxFuture<'static, ()>>,
}

impl<B> Timed<B> {
    pub(super) fn new(body: B, clock: Arc<dyn Clock>, timeout: Duration) -> Self {
        Self { body: Box::pin(body), clock, timeout, timer: None }
    }
}

impl<B> Body for Timed<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = self.body.as_mut().poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let this = &mut *self;
        let timer = this.timer.get_or_insert_with(|| this.clock.sleep(this.timeout));
        timer.as_mut().poll(cx).map(|()| {
            let late = format!("the request did not arrive within {:?}", this.timeout);
            Some(Err(Status::deadline_exceeded(late).into()))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
