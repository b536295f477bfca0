//! The native transport: Reqwest with rustls.

mod resolver;

use std::{
    error::Error as StdError,
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use a2a_app_ports::BoxFuture;
use bytes::Bytes;
use futures::stream;
use http::{header, uri::Scheme};
use protocol_transport_core::is_loopback_host;
use rustls::crypto::CryptoProvider;

use self::resolver::Resolver;
pub(crate) use self::resolver::system;
use crate::{
    Body, HttpTransport, TransportError,
    guard::{Forbidden, Guard},
    webhooks::Lookup,
};

/// How long a connection is kept for the next request. The usual servers of Python and JavaScript
/// close theirs after 5 seconds; a request that meets the closing may not be repeated.
const IDLE: Duration = Duration::from_secs(4);

/// HTTP/1.1 and HTTP/2 by Reqwest. It keeps connections open for further requests, so clients
/// should share one. Certificates are checked against the system's trust store. The usual proxy
/// variables of the environment are heeded, except for the loopback host: what is asked of a proxy
/// there is the proxy's own host.
///
/// What may be answered by a stream of events is asked in HTTP/1.1. In HTTP/2 all that is asked of a
/// host goes over one connection, on which servers allow so many requests at once: streams that stay
/// open would keep every other call waiting.
#[derive(Clone)]
pub struct Reqwest {
    make: Arc<dyn Fn() -> reqwest::ClientBuilder + Send + Sync>,
    calls: Clients,
    /// Made when it is needed: reading the trust store takes its time.
    streams: Arc<OnceLock<Clients>>,
    guard: Option<Guard>,
}

impl Reqwest {
    /// A transport that gives up connecting after this time.
    ///
    /// # Errors
    /// When the system's trust store cannot be read.
    pub fn new(connect: Duration, danger_accept_invalid_certs: bool) -> Result<Self, TransportError> {
        Self::made(move || builder(connect).tls_danger_accept_invalid_certs(danger_accept_invalid_certs), None)
    }

    /// A transport for addresses that somebody else has chosen. It calls only those that the guard
    /// allows: a name is looked up once for a connection, and the connection goes to an address that
    /// was checked. It uses no proxy, which would look names up by itself.
    ///
    /// # Errors
    /// When the system's trust store cannot be read.
    pub fn guarded(connect: Duration, guard: Guard) -> Result<Self, TransportError> {
        Self::guarded_with(connect, guard, system())
    }

    pub(crate) fn guarded_with(connect: Duration, guard: Guard, lookup: Lookup) -> Result<Self, TransportError> {
        let resolver = move || Resolver { guard, lookup: lookup.clone() };
        Self::made(move || builder(connect).no_proxy().dns_resolver(resolver()), Some(guard))
    }

    fn made(
        make: impl Fn() -> reqwest::ClientBuilder + Send + Sync + 'static,
        guard: Option<Guard>,
    ) -> Result<Self, TransportError> {
        Ok(Self { calls: Clients::made(&make)?, make: Arc::new(make), streams: Arc::default(), guard })
    }

    fn clients(&self, request: &http::Request<Bytes>) -> Result<&Clients, TransportError> {
        // Without TLS nothing but HTTP/1.1 is spoken.
        let is_secure = request.uri().scheme() == Some(&Scheme::HTTPS);
        let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
        if !is_secure || !accept.is_some_and(|accept| accept.contains("text/event-stream")) {
            return Ok(&self.calls);
        }
        if let Some(clients) = self.streams.get() {
            return Ok(clients);
        }
        let made = Clients::made(&|| (self.make)().http1_only())?;
        Ok(self.streams.get_or_init(|| made))
    }
}

#[derive(Clone)]
struct Clients {
    any: reqwest::Client,
    /// For the loopback host.
    direct: reqwest::Client,
}

impl Clients {
    fn made(make: &dyn Fn() -> reqwest::ClientBuilder) -> Result<Self, TransportError> {
        let any = built(make())?;
        // Reading the trust store takes its time, and without a proxy one client does for both.
        let direct = if has_proxy() { built(make().no_proxy())? } else { any.clone() };
        Ok(Self { any, direct })
    }
}

fn builder(connect: Duration) -> reqwest::ClientBuilder {
    if CryptoProvider::get_default().is_none() {
        // Somebody else may install theirs at the same moment, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    reqwest::Client::builder()
        .connect_timeout(connect)
        .redirect(reqwest::redirect::Policy::none())
        .pool_idle_timeout(IDLE)
}

fn built(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, TransportError> {
    builder.build().map_err(|error| translate(error, "TLS cannot be set up"))
}

impl HttpTransport for Reqwest {
    fn send(&self, request: http::Request<Bytes>) -> BoxFuture<'static, Result<http::Response<Body>, TransportError>> {
        let is_loopback = request.uri().host().is_some_and(is_loopback_host);
        let client =
            self.clients(&request).map(|Clients { any, direct }| if is_loopback { direct } else { any }.clone());
        // A host that is an address is not looked up, so it is checked here.
        let allowed = self.guard.map_or(Ok(()), |guard| guard.url(&request.uri().to_string()).map(drop));
        Box::pin(async move {
            allowed.map_err(|forbidden| TransportError::forbidden(forbidden.to_string()))?;
            let to = request.uri().authority().map(ToString::to_string).unwrap_or_default();
            let request = reqwest::Request::try_from(request)
                .map_err(|error| translate(error, &format!("the request to {to} cannot be sent")))?;
            let reply = client?
                .execute(request)
                .await
                .map_err(|error| translate(error, &format!("the connection to {to} failed")))?;
            let mut head = http::Response::new(());
            *head.status_mut() = reply.status();
            *head.version_mut() = reply.version();
            *head.headers_mut() = reply.headers().clone();
            Ok(head.map(|()| body_of(reply)))
        })
    }
}

impl fmt::Debug for Reqwest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reqwest")
    }
}

/// Whether the environment names a proxy.
fn has_proxy() -> bool {
    std::env::vars_os().any(|(name, _)| name.to_string_lossy().to_ascii_lowercase().ends_with("_proxy"))
}

fn body_of(reply: reqwest::Response) -> Body {
    Box::pin(stream::unfold(Some(reply), |reply| async {
        let mut reply = reply?;
        match reply.chunk().await {
            Ok(Some(chunk)) => Some((Ok(chunk), Some(reply))),
            Ok(None) => None,
            Err(error) => Some((Err(translate(error, "the connection broke off")), None)),
        }
    }))
}

/// Says what happened in words that hold no address, because addresses may hold keys.
fn translate(error: reqwest::Error, what: &str) -> TransportError {
    let error = error.without_url();
    // The innermost cause is the one that says something.
    let mut innermost: &(dyn StdError + 'static) = &error;
    let mut tls = false;
    loop {
        if let Some(forbidden) = innermost.downcast_ref::<Forbidden>() {
            return TransportError::forbidden(forbidden.to_string()).caused_by(forbidden.clone());
        }
        tls |= innermost.is::<rustls::Error>();
        let within = innermost.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        match within.map(|within| within as &(dyn StdError + 'static)).or_else(|| innermost.source()) {
            Some(cause) => innermost = cause,
            None => break,
        }
    }
    let message = format!("{what}: {innermost}");
    let translated = match (error.is_connect(), error.is_timeout()) {
        (true, true) => TransportError::connect_timeout(format!("{what}: no connection in time")),
        (true, false) if tls => TransportError::tls(message),
        (true, false) => TransportError::connect(message),
        (false, true) => TransportError::timeout(message),
        (false, false) => TransportError::broken(message),
    };
    translated.caused_by(error)
}
