//! Why an agent cannot be served.

use std::{fmt, net::SocketAddr};

use a2a_app_ports::StorageError;
use a2a_http_server::InvalidOptions;
use a2a_protocol_core::Error;

/// Why an agent cannot be served. Its `Debug` is the same sentence as its `Display`, since that is
/// what Rust prints of an error that `main` returns.
#[non_exhaustive]
pub enum ServeError {
    /// The agent has no skill, so nobody would answer.
    NoSkill,
    /// Two skills have this id.
    DuplicateSkill(String),
    /// A method of the agent's own cannot have this name, or two have it; the text says which and why.
    Method(String),
    /// The card cannot be served; the error has the fields.
    Card(Error),
    /// A router or a component cannot know where it is reached: the card needs interfaces or the options a
    /// public URL.
    NoAddress,
    /// No tokio runtime is current.
    NoRuntime,
    /// An address cannot be listened on.
    Listen {
        /// The address, or the last of several; `None` if what was named is none.
        address: Option<SocketAddr>,
        /// Why not.
        error: std::io::Error,
    },
    /// An option is impossible.
    Options(InvalidOptions),
    /// The storage cannot be opened.
    Storage(StorageError),
}

#[cfg(not(target_family = "wasm"))]
const NO_ADDRESS: &str = "the card names no interface: set public_url of ServerOptions, or the card's";
#[cfg(target_family = "wasm")]
const NO_ADDRESS: &str = "the card names no interface: set NUNCIO_PUBLIC_URL in the environment of the component";

impl From<StorageError> for ServeError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSkill => f.write_str("the agent has no skill: add one with Agent::skill"),
            Self::DuplicateSkill(id) => write!(f, "two skills have the id {id:?}"),
            Self::Method(why) => write!(f, "a method of the agent's own: {why}"),
            Self::Card(error) => write!(f, "the card cannot be served: {}", error.message()),
            Self::NoAddress => f.write_str(NO_ADDRESS),
            Self::NoRuntime => f.write_str("an agent is served from within a tokio runtime"),
            Self::Listen { address: Some(address), error } => write!(f, "cannot listen on {address}: {error}"),
            Self::Listen { address: None, error } => write!(f, "no address to listen on: {error}"),
            Self::Options(error) => write!(f, "impossible option: {error}"),
            Self::Storage(StorageError::Failed(cause)) => write!(f, "cannot keep tasks: {cause}"),
            Self::Storage(error) => write!(f, "cannot keep tasks: {error}"),
        }
    }
}

impl fmt::Debug for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ServeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen { error, .. } => Some(error),
            Self::Options(error) => Some(error),
            Self::Card(error) => Some(error),
            Self::Storage(error) => Some(error),
            Self::NoSkill | Self::DuplicateSkill(_) | Self::Method(_) | Self::NoAddress | Self::NoRuntime => None,
        }
    }
}
