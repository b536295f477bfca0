//! A stream of events as server-sent events (sections 9.4.2 and 11.7).

use std::task::{Context, Poll};
use std::{sync::Arc, time::Duration};

use a2a_app_ports::{BoxFuture, BoxStream, Clock, EventStream, log_cause};
use a2a_protocol_core::{Error, JsonDialect, ProtocolVersion, StreamEvent, StreamResponse, v03};
use bytes::Bytes;
use futures::StreamExt;
use protocol_transport_core::{
    jsonrpc::{self, Id},
    sse,
};
use serde_json::value::RawValue;

use crate::{Lifecycle, reply};

/// Events that are there go out together, up to so many, or so many bytes.
const MAX_EVENTS: usize = 256;
const MAX_BYTES: usize = 64 << 10;
/// So often what is there may wait for what a busy handler adds when it gets its turn. A write costs
/// as much as several events; without this, a handler that gives way after each event has each
/// written alone.
const MAX_TURNS: u32 = 16;

/// The last words to a stream that is ended before its task.
const GOING_DOWN: &str = "the server is going down";

/// How an event is written.
pub(crate) enum Framing {
    /// As a JSON-RPC response to the request of this id.
    JsonRpc(Id<'static>),
    /// As it is; an error is an event of type `error`.
    HttpJson,
}

/// What a stream brings.
pub(crate) enum Source {
    /// What happens to a task.
    Events(EventStream),
    /// The results of an agent's own method.
    Results(BoxStream<'static, Result<Box<RawValue>, Error>>),
}

enum Item {
    Event(Arc<StreamEvent>),
    Result(Box<RawValue>),
}

impl Source {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Item, Error>>> {
        match self {
            Self::Events(events) => events.poll_next_unpin(cx).map(|next| next.map(|event| event.map(Item::Event))),
            Self::Results(results) => {
                results.poll_next_unpin(cx).map(|next| next.map(|result| result.map(Item::Result)))
            }
        }
    }
}

/// The events of a stream as bytes.
pub(crate) struct StreamBody {
    /// `None` once it has ended.
    events: Option<Source>,
    framing: Framing,
    dialect: JsonDialect,
    lifecycle: Lifecycle,
    clock: Arc<dyn Clock>,
    keep_alive: Duration,
    /// What is there and not sent yet, and for how many turns it has waited.
    out: Vec<u8>,
    turns: u32,
    /// What to wait for besides events, set up when there is first something to wait for.
    closed: Option<BoxFuture<'static, ()>>,
    silence: Option<BoxFuture<'static, ()>>,
}

impl StreamBody {
    pub(crate) fn new(
        events: Source,
        framing: Framing,
        dialect: JsonDialect,
        lifecycle: Lifecycle,
        clock: Arc<dyn Clock>,
        keep_alive: Duration,
    ) -> Self {
        Self {
            events: Some(events),
            framing,
            dialect,
            lifecycle,
            clock,
            keep_alive,
            out: Vec::new(),
            turns: 0,
            closed: None,
            silence: None,
        }
    }

    /// All that is there to send.
    pub(crate) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let before = self.out.len();
        if self.gather(cx) && self.out.len() > before && self.turns < MAX_TURNS {
            self.turns += 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.turns = 0;
        if !self.out.is_empty() {
            // A stream that always has something never comes to wait for the end.
            if self.events.is_some() && self.lifecycle.is_closed() {
                self.end();
                sse::encode_comment(&mut self.out, GOING_DOWN);
            }
            return Poll::Ready(Some(std::mem::take(&mut self.out).into()));
        }
        if self.events.is_none() {
            return Poll::Ready(None);
        }
        self.poll_silence(cx).map(Some)
    }

    /// Writes the events that are there; whether there may be more before long.
    fn gather(&mut self, cx: &mut Context<'_>) -> bool {
        let mut scratch = Vec::new();
        for _ in 0..MAX_EVENTS {
            let Some(events) = &mut self.events else { return false };
            match events.poll_next(cx) {
                Poll::Ready(Some(Ok(item))) => {
                    if let Err(error) = self.framing.write(&mut self.out, &mut scratch, &item, self.dialect) {
                        self.framing.write_error(&mut self.out, &error, self.dialect);
                        self.end();
                    } else if self.is_last(&item) {
                        self.end();
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    self.framing.write_error(&mut self.out, &error, self.dialect);
                    self.end();
                }
                Poll::Ready(None) => self.end(),
                Poll::Pending => return true,
            }
            if self.out.len() >= MAX_BYTES {
                return false;
            }
        }
        false
    }

    /// Whether the caller was told that no event follows: version 0.3 marks the last one.
    fn is_last(&self, item: &Item) -> bool {
        let Item::Event(event) = item else { return false };
        self.dialect.version() == ProtocolVersion::V0_3
            && matches!(&event.response, StreamResponse::StatusUpdate(update) if v03::is_final(&update.status.state))
    }

    /// Nothing is there: a comment, once it is time for one.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        let closed = self.closed.get_or_insert_with(|| self.lifecycle.closed());
        if closed.as_mut().poll(cx).is_ready() {
            self.end();
            return Poll::Ready(comment(GOING_DOWN));
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
    fn write(&self, out: &mut Vec<u8>, scratch: &mut Vec<u8>, item: &Item, dialect: JsonDialect) -> Result<(), Error> {
        match item {
            Item::Event(event) => {
                let json = event.json_in(dialect).map_err(|error| reply::unwritable(dialect, error))?;
                self.write_json(out, scratch, event.sequence, &json);
            }
            Item::Result(result) => self.write_json(out, scratch, None, result.get().as_bytes()),
        }
        Ok(())
    }

    fn write_json(&self, out: &mut Vec<u8>, scratch: &mut Vec<u8>, sequence: Option<u64>, json: &[u8]) {
        match self {
            Self::HttpJson => sse::encode(out, sequence, json),
            Self::JsonRpc(id) => {
                scratch.clear();
                jsonrpc::write_raw_result(scratch, id, json);
                sse::encode(out, sequence, scratch);
            }
        }
    }

    /// The error with which a stream ends.
    fn write_error(&self, out: &mut Vec<u8>, error: &Error, dialect: JsonDialect) {
        log_cause(error);
        match self {
            Self::HttpJson => {
                let body = match dialect.version() {
                    ProtocolVersion::V0_3 => v03::http_body(error),
                    _ => error.to_http_body(),
                };
                sse::encode_named(out, Some("error"), None, &body);
            }
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
