//! A stream of events as messages.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use a2a_app_ports::{BoxFuture, EventStream, Lifecycle};
use a2a_protocol_core::{Error, ErrorKind};
use futures::Stream;
use tonic::Status;

use super::answer::{GOING_DOWN, TOO_LATE};
use crate::{convert::Write, proto::v1, status};

/// The events of a stream, until it ends, the caller's deadline passes, or the server goes down.
pub(crate) struct Events {
    /// `None` once it has ended.
    events: Option<EventStream>,
    lifecycle: Lifecycle,
    closed: Option<BoxFuture<'static, ()>>,
    deadline: Option<BoxFuture<'static, ()>>,
}

impl Events {
    pub(super) fn new(events: EventStream, lifecycle: Lifecycle, deadline: Option<BoxFuture<'static, ()>>) -> Self {
        Self { events: Some(events), lifecycle, closed: None, deadline }
    }

    fn end(&mut self, status: Status) -> Poll<Option<Result<v1::StreamResponse, Status>>> {
        self.events = None;
        Poll::Ready(Some(Err(status)))
    }
}

impl Stream for Events {
    type Item = Result<v1::StreamResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(events) = &mut this.events else { return Poll::Ready(None) };
        if let Some(deadline) = &mut this.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            return this.end(Status::deadline_exceeded(TOO_LATE));
        }
        match events.as_mut().poll_next(cx) {
            Poll::Ready(Some(Ok(event))) => return Poll::Ready(Some(Ok(event.response.write()))),
            Poll::Ready(Some(Err(error))) => return this.end(status::of_error(&error)),
            Poll::Ready(None) => {
                this.events = None;
                return Poll::Ready(None);
            }
            Poll::Pending => {}
        }
        let closed = this.closed.get_or_insert_with(|| this.lifecycle.closed());
        match closed.as_mut().poll(cx) {
            Poll::Ready(()) => this.end(status::of_error(&Error::new(ErrorKind::Unavailable, GOING_DOWN))),
            Poll::Pending => Poll::Pending,
        }
    }
}
