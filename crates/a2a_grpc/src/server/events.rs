//! A stream of events as messages.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use a2a_app_ports::{BoxFuture, EventStream, Lifecycle};
use a2a_protocol_core::{Error, ErrorKind, StreamResponse};
use futures::Stream;
use tonic::Status;

use super::answer::{GOING_DOWN, TOO_LATE};

type WriteEvent<P> = dyn Fn(&StreamResponse) -> Result<P, Error> + Send;

/// The events of a stream, until it ends, the caller's deadline passes, or the server goes down.
pub(crate) struct Events<P> {
    /// `None` once it has ended.
    events: Option<EventStream>,
    write: Box<WriteEvent<P>>,
    status: fn(&Error) -> Status,
    lifecycle: Lifecycle,
    closed: Option<BoxFuture<'static, ()>>,
    deadline: Option<BoxFuture<'static, ()>>,
}

impl<P> Events<P> {
    pub(super) fn new(
        events: EventStream,
        write: impl Fn(&StreamResponse) -> Result<P, Error> + Send + 'static,
        status: fn(&Error) -> Status,
        lifecycle: Lifecycle,
        deadline: Option<BoxFuture<'static, ()>>,
    ) -> Self {
        Self { events: Some(events), write: Box::new(write), status, lifecycle, closed: None, deadline }
    }

    fn end(&mut self, status: Status) -> Poll<Option<Result<P, Status>>> {
        self.events = None;
        Poll::Ready(Some(Err(status)))
    }
}

impl<P> Stream for Events<P> {
    type Item = Result<P, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(events) = &mut this.events else { return Poll::Ready(None) };
        if let Some(deadline) = &mut this.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            return this.end(Status::deadline_exceeded(TOO_LATE));
        }
        match events.as_mut().poll_next(cx) {
            Poll::Ready(Some(event)) => {
                return match event.and_then(|event| (this.write)(&event.response)) {
                    Ok(message) => Poll::Ready(Some(Ok(message))),
                    Err(error) => this.end((this.status)(&error)),
                };
            }
            Poll::Ready(None) => {
                this.events = None;
                return Poll::Ready(None);
            }
            Poll::Pending => {}
        }
        let closed = this.closed.get_or_insert_with(|| this.lifecycle.closed());
        match closed.as_mut().poll(cx) {
            Poll::Ready(()) => this.end((this.status)(&Error::new(ErrorKind::Unavailable, GOING_DOWN))),
            Poll::Pending => Poll::Pending,
        }
    }
}
