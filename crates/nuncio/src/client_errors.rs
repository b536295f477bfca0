//! From the errors of the client library to the failures of the command.

use a2a_http_client::{ClientError, TransportError};
use a2a_protocol_core::{AgentCard, Error, ErrorKind, SecurityScheme};

use crate::{
    error::{Code, Failure},
    output::card,
};

/// A call did not succeed.
pub(crate) fn of_call(error: &Error, has_credentials: bool) -> Failure {
    let transport = error.cause().and_then(|cause| cause.downcast_ref::<TransportError>());
    let code = match error.kind() {
        _ if transport.is_some() => Code::Unreachable,
        // 503 and its like come from a proxy or an agent that is going down: nobody answered.
        ErrorKind::Unavailable => Code::Unreachable,
        // The protocol leaves these two to the transport and has no names for them.
        ErrorKind::Unauthenticated | ErrorKind::PermissionDenied if has_credentials => Code::AuthFailed,
        ErrorKind::Unauthenticated => Code::CredentialsMissing,
        ErrorKind::PermissionDenied => Code::AuthFailed,
        kind => Code::Protocol(kind),
    };
    let mut failure = Failure::new(code, error.message());
    match transport {
        None => failure.a2a_code = Some(error.json_rpc_code()),
        Some(error) if error.is_connect() => {}
        Some(_) => {
            return failure.hint("the agent may have taken the request; nuncio task list shows its tasks");
        }
    }
    match hint(code) {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// The agent could not be connected to.
pub(crate) fn of_connecting(error: &ClientError, has_credentials: bool) -> Failure {
    let code = if error.is_card_not_found() {
        Code::CardNotFound
    } else if error.is_card_invalid() {
        Code::CardInvalid
    } else if let Some(error) = error.protocol_error() {
        return of_call(error, has_credentials);
    } else if error.transport_error().is_some() {
        Code::Unreachable
    } else {
        // What is left is what the caller asked for: a reference or credential that cannot be.
        return Failure::usage(error.to_string());
    };
    let failure = Failure::new(code, error.to_string());
    match hint(code) {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn hint(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::CardNotFound => "check --agent-card: a host or origin, the URL of a card, or a file",
        Code::CardInvalid => "nuncio card get --validate names what is wrong with a card",
        Code::Unreachable => "check the address, the network and TLS; --debug shows the exchange",
        Code::AuthFailed => "check the credential of --bearer (A2ACLI_BEARER) or --api-key (A2ACLI_API_KEY)",
        Code::Protocol(kind) => match kind {
            ErrorKind::TaskNotFound => "check the task id, nothing was created; --debug shows the protocol error",
            ErrorKind::UnsupportedOperation | ErrorKind::InvalidParams => {
                "nothing was changed; run again with --debug for the protocol error"
            }
            ErrorKind::TaskNotCancelable => "nuncio task get <TASK_ID> shows the state the task has ended in",
            ErrorKind::ContentTypeNotSupported => "nuncio card get lists the media types the agent takes",
            ErrorKind::VersionNotSupported => "nuncio card get lists the versions the agent speaks; nuncio speaks 1.0",
            ErrorKind::ExtendedAgentCardNotConfigured => "nuncio card get reads the public card",
            _ => "run again with --debug for the protocol error",
        },
        _ => return None,
    })
}

/// What to supply, as the card says.
pub(crate) fn credentials_hint(agent: Option<&AgentCard>) -> String {
    let schemes = agent.iter().flat_map(|card| &card.security_schemes);
    let options: Vec<String> = schemes
        .map(|(name, scheme)| {
            let flag = match scheme {
                SecurityScheme::ApiKey(_) => "--api-key or A2ACLI_API_KEY",
                SecurityScheme::MutualTls(_) => "a client certificate, which nuncio cannot present",
                _ => "--bearer or A2ACLI_BEARER",
            };
            format!("{name} ({}): {flag}", card::scheme(scheme))
        })
        .collect();
    if options.is_empty() {
        "set A2ACLI_BEARER or A2ACLI_API_KEY (or --bearer, --api-key)".to_owned()
    } else {
        format!("supply one of: {}", options.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocol_errors_keep_their_name_and_code() {
        for (kind, name, exit) in [
            (ErrorKind::TaskNotFound, "TaskNotFoundError", 1),
            (ErrorKind::UnsupportedOperation, "UnsupportedOperationError", 1),
            (ErrorKind::ContentTypeNotSupported, "ContentTypeNotSupportedError", 1),
            (ErrorKind::VersionNotSupported, "VersionNotSupportedError", 1),
        ] {
            let failure = of_call(&Error::new(kind, "why"), false);
            assert_eq!((failure.code.name(), failure.code.exit()), (name, exit));
            assert_eq!(failure.a2a_code, Some(kind.json_rpc_code()));
            assert_eq!(failure.message, "why");
        }
    }

    #[test]
    fn authentication_depends_on_what_was_supplied() {
        let error = |kind| Error::new(kind, "no");
        for (kind, supplied, name) in [
            (ErrorKind::Unauthenticated, false, "A2ACLI_ERR_CREDENTIALS_MISSING"),
            (ErrorKind::Unauthenticated, true, "A2ACLI_ERR_AUTH_FAILED"),
            (ErrorKind::PermissionDenied, true, "A2ACLI_ERR_AUTH_FAILED"),
        ] {
            let failure = of_call(&error(kind), supplied);
            assert_eq!((failure.code.name(), failure.code.exit()), (name, 4));
        }
    }

    #[test]
    fn a_failed_connection_is_ours_and_has_no_protocol_code() {
        let error = Error::new(ErrorKind::Unavailable, "refused").caused_by(TransportError::connect("refused"));
        let failure = of_call(&error, false);
        assert_eq!((failure.code, failure.a2a_code), (Code::Unreachable, None));
    }

    #[test]
    fn the_credentials_hint_is_made_from_the_card() {
        let card: AgentCard = serde_json::from_str(
            r#"{"securitySchemes":{"k":{"apiKeySecurityScheme":{"location":"header","name":"X-K"}}}}"#,
        )
        .unwrap();
        assert_eq!(
            credentials_hint(Some(&card)),
            "supply one of: k (API key in header X-K): --api-key or A2ACLI_API_KEY"
        );
    }
}
