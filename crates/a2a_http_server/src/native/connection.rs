//! One connection, from accept to close.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body as HttpBody;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time::{Instant, Sleep},
};
use tower_service::Service;

use super::{
    serve::{ConnectionOptions, Phase},
    watch::{Reply, Socket, Watch},
};

/// What HTTP/2 callers may have open at once on one connection.
const MAX_HTTP2_STREAMS: u32 = 250;
/// How often, and for how long, HTTP/2 callers are asked whether they are still there.
const HTTP2_PING: Duration = Duration::from_secs(30);

/// The most headers that hyper takes unless it is told otherwise.
const HYPER_MAX_HEADERS: usize = 100;

/// How hyper is to treat connections.
pub(super) fn builder(options: &ConnectionOptions) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // The watch has its own limits.
        .header_read_timeout(None)
        .max_buf_size(options.max_header_bytes.max(8 << 10));
    // Told the number, hyper makes room for it anew with every request; its own default needs none.
    if options.max_headers != HYPER_MAX_HEADERS {
        builder.http1().max_headers(options.max_headers);
    }
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_HTTP2_STREAMS)
        .max_header_list_size(u32::try_from(options.max_header_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(HTTP2_PING)
        .keep_alive_timeout(HTTP2_PING);
    builder
}

/// Serves a connection until it ends, by itself or by a limit.
pub(super) async fn drive<S, B>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    app: S,
    builder: &auto::Builder<TokioExecutor>,
    options: &ConnectionOptions,
    mut phase: watch::Receiver<Phase>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: HttpBody<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let watch = Watch::new(options.header_timeout, options.idle_timeout);
    let io = TokioIo::new(Socket::new(stream, watch.clone()));
    let requests = watch.clone();
    let service = service_fn(move |request| {
        let watch = requests.clone();
        let in_flight = watch.begin();
        let reply = app.clone().call(request);
        async move {
            let reply = reply.await?;
            if reply.status() == StatusCode::PAYLOAD_TOO_LARGE {
                watch.linger();
            }
            Ok::<_, Infallible>(reply.map(|body| Reply { body, _in_flight: in_flight }))
        }
    });
    let mut connection = pin!(builder.serve_connection(io, service));
    let mut limit = Limit { watch, sleep: Box::pin(tokio::time::sleep(options.header_timeout)) };
    loop {
        let over = poll_fn(|cx| {
            // What ends a connection is its caller's doing, or a limit's; nobody need be told.
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            limit.poll(cx)
        });
        tokio::select! {
            biased;
            () = over => return,
            changed = phase.changed() => {
                if changed.is_err() || *phase.borrow_and_update() == Phase::Over {
                    return;
                }
                // What is in flight is answered, and then the connection is closed.
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Resolves when a connection has waited for too long.
struct Limit {
    watch: Watch,
    /// Fires at the deadline or before it. Set only when a deadline comes to be earlier than that,
    /// so that requests that come one after the other set no timer at all.
    sleep: Pin<Box<Sleep>>,
}

impl Limit {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.watch.deadline() else { return Poll::Pending };
        if deadline < self.sleep.deadline() {
            self.sleep.as_mut().reset(deadline);
        }
        while self.sleep.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            self.sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}
