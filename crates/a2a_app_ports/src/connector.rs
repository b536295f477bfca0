//! How a client comes by bindings that it does not have itself.

use std::{fmt, sync::Arc, time::Duration};

use a2a_protocol_core::{AgentInterface, Error};

use crate::AgentService;

/// What a connector is told of connections.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// How long a connection may take to be established. Default 10 s.
    pub connect_timeout: Duration,
    /// Whether to trust any certificate. Default no.
    pub danger_accept_invalid_certs: bool,
    /// Whether addresses that do not say are called with TLS: where the card that names them was
    /// fetched, whether that was with TLS. `None` for a card of unknown origin, such as a file: with
    /// TLS, except on the loopback host. Default `None`.
    pub tls: Option<bool>,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self { connect_timeout: Duration::from_secs(10), danger_accept_invalid_certs: false, tls: None }
    }
}

/// Opens interfaces of one binding.
///
/// The service that it gives makes each call once, and sends the context's version, extensions and
/// headers along, credentials among them. A call that got no answer, or whose stream was cut, is an
/// error of kind `Unavailable` whose `cause()` is a [`TransportError`](crate::TransportError); an
/// error that the agent has named has an [`AnsweredCode`] as its cause.
pub trait Connector: Send + Sync {
    /// The binding as agent cards name it, such as `GRPC`.
    fn binding(&self) -> &str;

    /// The agent behind an interface. Connections are made when they are needed.
    ///
    /// # Errors
    /// When the address, or the version, is not one that can be called.
    fn connect(&self, interface: &AgentInterface, options: &ConnectOptions) -> Result<Arc<dyn AgentService>, Error>;
}

/// The cause of an error that the agent itself has named: its JSON-RPC code, in whichever binding.
/// Errors without it are the client's own, or follow from no more than a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnsweredCode(pub i64);

impl fmt::Display for AnsweredCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the agent answered with the code {}", self.0)
    }
}

impl std::error::Error for AnsweredCode {}
