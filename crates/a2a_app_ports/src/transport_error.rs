//! How an exchange with a peer can fail below the protocol.

use std::{error::Error as StdError, fmt, sync::Arc};

/// An exchange that did not take place, or broke off. It is the `cause()` of the
/// [`Error`](a2a_protocol_core::Error) that a call gives then.
#[derive(Clone)]
pub struct TransportError {
    kind: Kind,
    message: String,
    cause: Option<Arc<dyn StdError + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Forbidden,
    Connect,
    ConnectTimeout,
    Tls,
    Timeout,
    Broken,
}

impl TransportError {
    /// The address may not be called, and was not.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(Kind::Forbidden, message)
    }

    /// No connection could be established, so the request was not seen by anyone.
    pub fn connect(message: impl Into<String>) -> Self {
        Self::new(Kind::Connect, message)
    }

    /// No connection was established in time.
    pub fn connect_timeout(message: impl Into<String>) -> Self {
        Self::new(Kind::ConnectTimeout, message)
    }

    /// No connection could be established because TLS failed.
    pub fn tls(message: impl Into<String>) -> Self {
        Self::new(Kind::Tls, message)
    }

    /// The peer did not answer in time, or paused for too long.
    pub fn timeout(message: impl Into<String>) -> Self {
        Self::new(Kind::Timeout, message)
    }

    /// The connection failed after the request, or a part of it, had left.
    pub fn broken(message: impl Into<String>) -> Self {
        Self::new(Kind::Broken, message)
    }

    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), cause: None }
    }

    /// With the error of the library below, which must not hold credentials.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.cause = Some(Arc::from(cause.into()));
        self
    }

    /// Whether the address may not be called.
    pub fn is_forbidden(&self) -> bool {
        self.kind == Kind::Forbidden
    }

    /// Whether no connection could be established: the peer has not seen the request.
    pub fn is_connect(&self) -> bool {
        matches!(self.kind, Kind::Connect | Kind::ConnectTimeout | Kind::Tls)
    }

    /// Whether a time limit was exceeded.
    pub fn is_timeout(&self) -> bool {
        matches!(self.kind, Kind::ConnectTimeout | Kind::Timeout)
    }

    /// Whether TLS failed, such as over a certificate.
    pub fn is_tls(&self) -> bool {
        self.kind == Kind::Tls
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        causes(self, f)
    }
}

impl StdError for TransportError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

/// What the causes of an error say that it does not say itself.
///
/// # Errors
/// Those of the formatter.
pub fn causes(error: &(dyn StdError + 'static), f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut said = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !said.contains(&text) {
            write!(f, ": {text}")?;
            said = text;
        }
        next = cause.source();
    }
    Ok(())
}

/// An error with its causes, for a log.
#[derive(Debug)]
pub struct Chain<'a>(pub &'a (dyn StdError + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        causes(self.0, f)
    }
}
