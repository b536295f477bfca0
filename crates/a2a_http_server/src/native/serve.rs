//! Listening, and going down in good order.

use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use hyper::body::Incoming;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
};
use tower_service::Service;

use super::{Tls, connection};
use crate::{HttpServer, Lifecycle};

/// How long closed streams and refused calls have to reach their callers.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long to wait when the process can open no more sockets.
const OUT_OF_SOCKETS: Duration = Duration::from_millis(100);

/// The limits of connections.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectionOptions {
    /// The most connections at once; further ones wait to be accepted. Default 10,000.
    pub max_connections: usize,
    /// How long the head of a request may take, and a new connection may wait with its first.
    /// Default 10 s.
    pub header_timeout: Duration,
    /// How long a connection may wait for its next request. Default 75 s.
    pub idle_timeout: Duration,
    /// The largest head of a request in bytes, at least 8 KiB; a larger one is answered 431.
    /// Default 64 KiB.
    pub max_header_bytes: usize,
    /// The most headers of a request; more are answered 431. Default 100.
    pub max_headers: usize,
    /// How long calls and streams may go on when the server goes down. Default 10 s.
    pub drain_time: Duration,
    /// With what to speak TLS on every connection. Default `None`: no TLS.
    pub tls: Option<Tls>,
}

impl ConnectionOptions {
    /// Where callers on this machine reach a listener of this address, without a slash at the end.
    /// One that listens on all addresses (`0.0.0.0`, `::`) is reached on the loopback one: whoever
    /// listens there for others, or has a certificate for a name, sets `public_url`.
    pub fn url_of(&self, mut address: SocketAddr) -> String {
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
        }
        format!("{}://{address}", if self.tls.is_some() { "https" } else { "http" })
    }
}

impl Default for ConnectionOptions {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            max_header_bytes: 64 << 10,
            max_headers: 100,
            drain_time: Duration::from_secs(10),
            tls: None,
        }
    }
}

/// Where the process is, for its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Serving,
    Draining,
    Over,
}

/// Serves the agent until `shutdown` resolves, then goes down as [`serve_app`] does. A card without
/// interfaces gets those of the listener's address.
///
/// # Errors
/// When the listener has no address.
pub async fn serve(listener: TcpListener, server: HttpServer, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let options = ConnectionOptions::default();
    server.locate(&options.url_of(listener.local_addr()?));
    let lifecycle = server.lifecycle().clone();
    serve_app(listener, server, &lifecycle, &options, shutdown).await;
    Ok(())
}

/// Serves an application until `shutdown` resolves: an [`HttpServer`], or an `axum::Router` that one
/// or several are mounted in.
///
/// Then it stops accepting, `/ready` is 503, idle connections are closed, and calls and streams have
/// the drain time to end. After it streams end with what is stored, calls that still wait are
/// Unavailable, and a second later every connection is cut.
pub async fn serve_app<S, B>(
    listener: TcpListener,
    app: S,
    lifecycle: &Lifecycle,
    options: &ConnectionOptions,
    shutdown: impl Future<Output = ()>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: HttpBody<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let max_connections = options.max_connections.clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
    let places = Arc::new(Semaphore::new(max_connections));
    let builder = Arc::new(connection::builder(options));
    let shared_options = Arc::new(options.clone());
    let (phase, _) = watch::channel(Phase::Serving);
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = async {
            // Never closed, so it always gives a place.
            let place = places.clone().acquire_owned().await.ok();
            (accept(&listener).await, place)
        };
        let (stream, place) = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = accepted => accepted,
        };
        let (app, builder, options, phase) = (app.clone(), builder.clone(), shared_options.clone(), phase.subscribe());
        tokio::spawn(async move {
            match &options.tls {
                None => connection::drive(stream, app, &builder, &options, phase).await,
                Some(tls) => {
                    if let Some(stream) = tls.accept(stream, options.header_timeout).await {
                        connection::drive(stream, app, &builder, &options, phase).await;
                    }
                }
            }
            drop(place);
        });
    }
    drop(listener);
    lifecycle.drain();
    phase.send_replace(Phase::Draining);
    let all = u32::try_from(max_connections).unwrap_or(u32::MAX);
    let over = || places.acquire_many(all);
    if tokio::time::timeout(options.drain_time, over()).await.is_err() {
        lifecycle.close();
        if tokio::time::timeout(FAREWELL, over()).await.is_err() {
            phase.send_replace(Phase::Over);
            // Those that are cut are dropped at their next turn, without waiting for anyone.
            let _ = over().await;
        }
    }
    lifecycle.close();
}

/// The next connection. Failures to accept are the caller's, or pass.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Replies and events go out at once; without it a stream waits for the caller's ACKs.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY could not be set");
                }
                return stream;
            }
            Err(error) if is_callers(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection could be accepted");
                tokio::time::sleep(OUT_OF_SOCKETS).await;
            }
        }
    }
}

/// Whether the connection broke off before it was accepted.
fn is_callers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

/// Resolves when the process is asked to end: Ctrl-C, and SIGTERM where there is one. Where neither
/// can be heard it never resolves.
pub async fn shutdown_signal() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_nobody_can_call_is_not_named() {
        for (address, url) in [
            ("0.0.0.0:3000", "http://127.0.0.1:3000"),
            ("[::]:3000", "http://[::1]:3000"),
            ("127.0.0.1:1", "http://127.0.0.1:1"),
            ("192.0.2.7:80", "http://192.0.2.7:80"),
            ("[2001:db8::7]:80", "http://[2001:db8::7]:80"),
        ] {
            assert_eq!(ConnectionOptions::default().url_of(address.parse().unwrap()), url);
        }
    }

    #[tokio::test]
    async fn accepted_sockets_send_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _caller = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        assert!(accept(&listener).await.nodelay().unwrap());
    }
}
