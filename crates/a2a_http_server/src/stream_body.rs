//! A stream of events as server-sent events (sections 9.4.2 and 11.7).

use std::task::{Context, Poll};
use std::{sync::Arc, time::Duration};

use a2a_app_ports::{BoxFuture, Clock, EventStream};
use a2a_protocol_core::{Error, StreamEvent};
use bytes::Bytes;
use futures::StreamExt;
use protocol_transport_core::{
    jsonrpc::{self, Id},
    sse,
};

use crate::{Lifecycle, reply};

/// Events that are there go out together, up to so many, or so many bytes.
const MAX_EVENTS: usize = 256;
const MAX_BYTES: usize = 64 << 10;

/// How an event is written.
pub(crate) enum Framing {
    /// As a JSON-RPC response to the request of this id.
    JsonRpc(Id<'static>),
    /// As it is; an error is an event of type `error`.
    HttpJson,
}

/// The events of a stream as bytes.
pub(crate) struct StreamBody {
    /// `None` once it has ended.
    events: Option<EventStream>,
    framing: Framing,
    lifecycle: Lifecycle,
    clock: Arc<dyn Clock>,
    keep_alive: Duration,
    /// What to wait for besides events, set up when there is first something to wait for.
    closed: Option<BoxFuture<'static, ()>>,
    silence: Option<BoxFuture<'static, ()>>,
}

impl StreamBody {
    pub(crate) fn new(
        events: EventStream,
        framing: Framing,
        lifecycle: Lifecycle,
        clock: Arc<dyn Clock>,
        keep_alive: Duration,
    ) -> Self {
        Self { events: Some(events), framing, lifecycle, clock, keep_alive, closed: None, silence: None }
    }

    /// All that is there to send.
    pub(crate) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut out = Vec::new();
        let mut scratch = Vec::new();
        for _ in 0..MAX_EVENTS {
            let Some(events) = &mut self.events else { break };
            match events.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(event))) => {
                    if let Err(error) = self.framing.write_event(&mut out, &mut scratch, &event) {
                        self.framing.write_error(&mut out, &error);
                        self.end();
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    self.framing.write_error(&mut out, &error);
                    self.end();
                }
                Poll::Ready(None) => self.end(),
                Poll::Pending => break,
            }
            if out.len() >= MAX_BYTES {
                break;
            }
        }
        if !out.is_empty() {
            return Poll::Ready(Some(out.into()));
        }
        if self.events.is_none() {
            return Poll::Ready(None);
        }
        self.poll_silence(cx).map(Some)
    }

    /// Nothing is there: a comment, once it is time for one.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        let closed = self.closed.get_or_insert_with(|| self.lifecycle.closed());
        if closed.as_mut().poll(cx).is_ready() {
            self.end();
            return Poll::Ready(comment("the server is going down"));
        }
        // Events do not set the timer back: the odd comment between them costs less than a timer an
        // event, and a silence is still never longer than one period.
        let silence = self.silence.get_or_insert_with(|| self.clock.sleep(self.keep_alive));
        if silence.as_mut().poll(cx).is_ready() {
            self.silence = None;
            return Poll::Ready(comment("keep-alive"));
        }
        Poll::Pending
    }

    /// Frees what the stream held.
    fn end(&mut self) {
        self.events = None;
        self.closed = None;
        self.silence = None;
    }
}

impl Framing {
    fn write_event(&self, out: &mut Vec<u8>, scratch: &mut Vec<u8>, event: &StreamEvent) -> Result<(), Error> {
        let json = event.json().map_err(Error::internal)?;
        match self {
            Self::HttpJson => sse::encode(out, event.sequence, &json),
            Self::JsonRpc(id) => {
                scratch.clear();
                jsonrpc::write_raw_result(scratch, id, &json);
                sse::encode(out, event.sequence, scratch);
            }
        }
        Ok(())
    }

    /// The error with which a stream ends.
    fn write_error(&self, out: &mut Vec<u8>, error: &Error) {
        reply::log_cause(error);
        match self {
            Self::HttpJson => sse::encode_named(out, Some("error"), None, &error.to_http_body()),
            Self::JsonRpc(id) => {
                let mut response = Vec::new();
                jsonrpc::write_error(&mut response, id, &error.to_json_rpc());
                sse::encode(out, None, &response);
            }
        }
    }
}

fn comment(text: &str) -> Bytes {
    let mut out = Vec::new();
    sse::encode_comment(&mut out, text);
    out.into()
}
