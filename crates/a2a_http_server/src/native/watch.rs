//! What a connection is doing, and until when it may.
//!
//! hyper knows one time limit, from waiting for a request to having read its head; clients that keep
//! connections in a pool need a longer one for the waiting than a slow sender of heads may have.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

/// How long, and for how many bytes, a connection that is closed early takes in what the caller
/// still sends.
const LINGER: Duration = Duration::from_secs(5);
const LINGER_BYTES: usize = 16 << 20;

/// Shared by a connection's socket, its replies, and whoever drives it.
#[derive(Clone)]
pub(super) struct Watch {
    state: Arc<Mutex<State>>,
    header_timeout: Duration,
    idle_timeout: Duration,
}

struct State {
    /// Requests whose reply has not been sent to its end.
    in_flight: usize,
    /// Whether a head is being read; only HTTP/1 has heads of which that can be told.
    in_head: bool,
    is_http2: bool,
    lingers: bool,
    deadline: Option<Instant>,
}

impl Watch {
    /// Of a connection that has just been accepted.
    pub(super) fn new(header_timeout: Duration, idle_timeout: Duration) -> Self {
        let deadline = Instant::now().checked_add(header_timeout);
        let state = State { in_flight: 0, in_head: true, is_http2: false, lingers: false, deadline };
        Self { state: Arc::new(Mutex::new(state)), header_timeout, idle_timeout }
    }

    /// When the connection has waited for too long, as things are.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.lock().deadline
    }

    /// A request has arrived; it is in flight until the guard is dropped.
    pub(super) fn begin(&self) -> InFlight {
        let mut state = self.lock();
        state.in_flight += 1;
        state.in_head = false;
        state.deadline = None;
        InFlight(self.clone())
    }

    /// The reply to the request does not wait for its whole body: take in what still comes, since
    /// closing a socket with unread bytes resets it, and that can destroy the reply.
    pub(super) fn linger(&self) {
        self.lock().lingers = true;
    }

    fn received(&self, bytes: &[u8]) {
        let mut state = self.lock();
        if state.in_flight > 0 || state.is_http2 {
            return;
        }
        if bytes.starts_with(b"PRI ") {
            state.is_http2 = true;
            state.deadline = Instant::now().checked_add(self.idle_timeout);
        } else if !state.in_head && !bytes.is_empty() {
            state.in_head = true;
            state.deadline = Instant::now().checked_add(self.header_timeout);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request in flight.
pub(super) struct InFlight(Watch);

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.in_flight -= 1;
        if state.in_flight == 0 {
            state.deadline = Instant::now().checked_add(self.0.idle_timeout);
        }
    }
}

/// A reply that is in flight until its body has been sent or dropped.
pub(super) struct Reply<B> {
    pub(super) body: B,
    pub(super) _in_flight: InFlight,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Reply<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A socket that tells what it receives.
pub(super) struct Socket<S> {
    stream: S,
    watch: Watch,
    /// What may still be taken in once the socket is being closed.
    linger_bytes: Option<usize>,
}

impl<S> Socket<S> {
    pub(super) fn new(stream: S, watch: Watch) -> Self {
        Self { stream, watch, linger_bytes: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.watch.received(buf.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.linger_bytes.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            let mut state = this.watch.lock();
            this.linger_bytes = Some(if state.lingers { LINGER_BYTES } else { 0 });
            state.deadline = Instant::now().checked_add(LINGER);
        }
        let mut scratch = [0; 16 << 10];
        while let Some(left) = this.linger_bytes.filter(|left| *left > 0) {
            let mut buf = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut buf))?;
            match buf.filled().len() {
                0 => break,
                read => this.linger_bytes = Some(left.saturating_sub(read)),
            }
        }
        Poll::Ready(Ok(()))
    }
}
