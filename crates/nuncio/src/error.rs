//! What a command fails with: a code, a message, a hint, and the exit status that goes with it.

use a2a_protocol_core::ErrorKind;
use serde::Serialize;

/// What went wrong, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// Arguments, flags or configuration.
    Usage,
    /// No card where it should be.
    CardNotFound,
    /// A card that cannot be used.
    CardInvalid,
    /// A card whose signatures nothing can be said about, or that has none and should.
    CardUnverifiable,
    /// No connection to the agent.
    Unreachable,
    /// The agent wants credentials and none were given.
    CredentialsMissing,
    /// The agent refuses the credentials.
    AuthFailed,
    /// An address that cannot be listened at.
    Listen,
    /// A storage that cannot be used, or what is to be stored in it.
    Store,
    /// A storage that is damaged.
    StoreDamaged,
    /// `--timeout` is over.
    Timeout,
    /// Anything else on our side.
    Internal,
    /// Ctrl-C, or a signal to end; nuncio's own code.
    Interrupted,
    /// Nobody reads stdout any more, which is no failure and is not reported.
    OutputClosed,
    /// An error of the agent's own, by a number that the protocol does not know.
    Agent,
    /// An error of the protocol.
    Protocol(ErrorKind),
}

impl Code {
    /// The `code` of the error envelope.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Usage => "A2ACLI_ERR_USAGE",
            Self::CardNotFound => "A2ACLI_ERR_CARD_NOT_FOUND",
            Self::CardInvalid => "A2ACLI_ERR_CARD_INVALID",
            Self::CardUnverifiable => "NUNCIO_ERR_CARD_UNVERIFIABLE",
            Self::Unreachable => "A2ACLI_ERR_UNREACHABLE",
            Self::CredentialsMissing => "A2ACLI_ERR_CREDENTIALS_MISSING",
            Self::AuthFailed => "A2ACLI_ERR_AUTH_FAILED",
            Self::Listen => "NUNCIO_ERR_LISTEN",
            Self::Store => "NUNCIO_ERR_STORE",
            Self::StoreDamaged => "NUNCIO_ERR_STORE_DAMAGED",
            Self::Timeout => "A2ACLI_ERR_TIMEOUT",
            Self::Internal => "A2ACLI_ERR_INTERNAL",
            Self::Interrupted => "NUNCIO_ERR_INTERRUPTED",
            Self::OutputClosed => "NUNCIO_ERR_OUTPUT_CLOSED",
            Self::Agent => "NUNCIO_ERR_AGENT",
            Self::Protocol(kind) => match kind {
                // Neither A2A (section 3.3.2) nor JSON-RPC has names for these.
                ErrorKind::Unauthenticated => "NUNCIO_ERR_UNAUTHENTICATED",
                ErrorKind::PermissionDenied => "NUNCIO_ERR_PERMISSION_DENIED",
                ErrorKind::ResourceExhausted => "NUNCIO_ERR_RESOURCE_EXHAUSTED",
                ErrorKind::PayloadTooLarge => "NUNCIO_ERR_PAYLOAD_TOO_LARGE",
                ErrorKind::Unavailable => "NUNCIO_ERR_UNAVAILABLE",
                kind => kind.name(),
            },
        }
    }

    /// The exit status.
    pub(crate) fn exit(self) -> u8 {
        match self {
            Self::OutputClosed => 0,
            Self::CardInvalid
            | Self::CardUnverifiable
            | Self::Listen
            | Self::Store
            | Self::StoreDamaged
            | Self::Internal
            | Self::Agent
            | Self::Protocol(_) => 1,
            Self::Usage => 2,
            Self::CardNotFound | Self::Unreachable => 3,
            Self::CredentialsMissing | Self::AuthFailed => 4,
            Self::Timeout => 5,
            // What shells report of a process that was ended by SIGINT.
            Self::Interrupted => 130,
        }
    }
}

/// Why a command did not do its job.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    /// The protocol's numeric code of the error, where the agent sent one. It is the JSON-RPC one
    /// whatever the binding, so that the same error looks the same over all of them.
    pub(crate) a2a_code: Option<i64>,
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, a2a_code: None }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message).hint("run `nuncio help` or `nuncio <command> --help` for the usage")
    }

    /// With a next step for the reader, unless there is one already.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint.get_or_insert_with(|| hint.into());
        self
    }
}

/// The error envelope of the specification's Appendix B.
#[derive(Serialize)]
pub(crate) struct Envelope<'a> {
    error: Body<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    code: &'a str,
    message: &'a str,
    hint: Option<&'a str>,
    a2a_code: Option<i64>,
}

impl<'a> From<&'a Failure> for Envelope<'a> {
    fn from(failure: &'a Failure) -> Self {
        let Failure { code, message, hint, a2a_code } = failure;
        Self { error: Body { code: code.name(), message, hint: hint.as_deref(), a2a_code: *a2a_code } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_always_has_its_four_members() {
        let failure = Failure::new(Code::Protocol(ErrorKind::TaskNotFound), "no task");
        let json = serde_json::to_value(Envelope::from(&failure)).unwrap();
        let expected = serde_json::json!({"error": {
            "code": "TaskNotFoundError", "message": "no task", "hint": null, "a2aCode": null}});
        assert_eq!(json, expected);
    }

    #[test]
    fn exit_statuses_are_those_of_the_registry() {
        for (code, name, exit) in [
            (Code::Usage, "A2ACLI_ERR_USAGE", 2),
            (Code::CardNotFound, "A2ACLI_ERR_CARD_NOT_FOUND", 3),
            (Code::CardInvalid, "A2ACLI_ERR_CARD_INVALID", 1),
            (Code::CardUnverifiable, "NUNCIO_ERR_CARD_UNVERIFIABLE", 1),
            (Code::Unreachable, "A2ACLI_ERR_UNREACHABLE", 3),
            (Code::CredentialsMissing, "A2ACLI_ERR_CREDENTIALS_MISSING", 4),
            (Code::AuthFailed, "A2ACLI_ERR_AUTH_FAILED", 4),
            (Code::Listen, "NUNCIO_ERR_LISTEN", 1),
            (Code::Store, "NUNCIO_ERR_STORE", 1),
            (Code::StoreDamaged, "NUNCIO_ERR_STORE_DAMAGED", 1),
            (Code::Timeout, "A2ACLI_ERR_TIMEOUT", 5),
            (Code::Internal, "A2ACLI_ERR_INTERNAL", 1),
            (Code::Protocol(ErrorKind::TaskNotCancelable), "TaskNotCancelableError", 1),
            (Code::Protocol(ErrorKind::PayloadTooLarge), "NUNCIO_ERR_PAYLOAD_TOO_LARGE", 1),
            (Code::Agent, "NUNCIO_ERR_AGENT", 1),
        ] {
            assert_eq!((code.name(), code.exit()), (name, exit));
        }
    }

    #[test]
    fn only_names_of_the_protocol_have_no_prefix() {
        for kind in ErrorKind::ALL {
            let is_protocols = kind.json_rpc_code() != ErrorKind::Unavailable.json_rpc_code();
            assert_eq!(Code::Protocol(*kind).name().starts_with("NUNCIO_ERR_"), !is_protocols, "{kind:?}");
        }
    }

    #[test]
    fn a_hint_is_not_replaced() {
        assert_eq!(Failure::new(Code::Internal, "x").hint("a").hint("b").hint.as_deref(), Some("a"));
    }
}
