//! Why an agent could not be connected to.

use std::{error::Error as StdError, fmt};

use a2a_app_ports::{TransportError, causes};
use a2a_protocol_core::{Error, ErrorKind};

/// An agent could not be connected to. `Display` says so in one sentence, and the methods answer
/// what a caller may want to know to act on it.
pub struct ClientError {
    kind: Kind,
    message: String,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    NotFound,
    Invalid,
    Transport,
    Protocol,
    Setup,
}

impl ClientError {
    pub(crate) fn card_not_found(message: impl Into<String>) -> Self {
        Self { kind: Kind::NotFound, message: message.into(), cause: None }
    }

    pub(crate) fn card_invalid(message: impl Into<String>) -> Self {
        Self { kind: Kind::Invalid, message: message.into(), cause: None }
    }

    /// What the caller asked for cannot be done.
    pub(crate) fn setup(message: impl Into<String>) -> Self {
        Self { kind: Kind::Setup, message: message.into(), cause: None }
    }

    pub(crate) fn transport(context: &str, error: TransportError) -> Self {
        Self { kind: Kind::Transport, message: format!("{context}: {error}"), cause: Some(error.into()) }
    }

    pub(crate) fn protocol(context: &str, error: Error) -> Self {
        let message = if context.is_empty() { error.to_string() } else { format!("{context}: {error}") };
        Self { kind: Kind::Protocol, message, cause: Some(error.into()) }
    }

    pub(crate) fn caused_by(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Whether there is no card where the reference points.
    pub fn is_card_not_found(&self) -> bool {
        self.kind == Kind::NotFound
    }

    /// Whether there is a card that cannot be used.
    pub fn is_card_invalid(&self) -> bool {
        self.kind == Kind::Invalid
    }

    /// Whether no connection could be established.
    pub fn is_unreachable(&self) -> bool {
        self.transport_error().is_some_and(TransportError::is_connect)
    }

    /// Whether a time limit was exceeded.
    pub fn is_timeout(&self) -> bool {
        self.transport_error().is_some_and(TransportError::is_timeout)
    }

    /// Whether a credential is missing or does not suffice.
    pub fn is_auth(&self) -> bool {
        let kind = self.protocol_error().map(Error::kind);
        matches!(kind, Some(ErrorKind::Unauthenticated | ErrorKind::PermissionDenied))
    }

    /// The error in the terms of the protocol, where the agent answered with one or the version is
    /// not supported.
    pub fn protocol_error(&self) -> Option<&Error> {
        self.cause.as_deref()?.downcast_ref()
    }

    /// The failure of the connection, where that is the cause.
    pub fn transport_error(&self) -> Option<&TransportError> {
        self.cause.as_deref()?.downcast_ref()
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// What `main` shows of it: the sentence, and what its causes have to add.
impl fmt::Debug for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        causes(self, f)
    }
}

impl StdError for ClientError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_is_a_sentence_and_what_its_causes_add() {
        let io = std::io::Error::other("connection refused");
        let error =
            ClientError::transport("no card at http://h", TransportError::connect("nobody listens").caused_by(io));
        assert_eq!(error.to_string(), "no card at http://h: nobody listens");
        assert_eq!(format!("{error:?}"), "no card at http://h: nobody listens: connection refused");
        let error = ClientError::protocol("", Error::new(ErrorKind::VersionNotSupported, "only 1.0"));
        assert_eq!(format!("{error:?}"), "VersionNotSupportedError: only 1.0");
    }
}
