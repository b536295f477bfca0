//! From the errors of the client library to the failures of the command.

use a2a_http_client::{AnsweredCode, ClientError, Credential, TransportError};
use a2a_protocol_core::{AgentCard, Error, ErrorKind, SecurityScheme};

use crate::{
    error::{Code, Failure},
    output::card,
};

/// A call did not succeed.
pub(crate) fn of_call(error: &Error, has_credentials: bool) -> Failure {
    let transport = error.cause().and_then(|cause| cause.downcast_ref::<TransportError>());
    let answered = error.cause().and_then(|cause| cause.downcast_ref::<AnsweredCode>()).map(|code| code.0);
    let code = match error.kind() {
        _ if transport.is_some() => Code::Unreachable,
        // 503 and its like come from a proxy or an agent that is going down: nobody answered.
        ErrorKind::Unavailable => Code::Unreachable,
        // The protocol leaves these two to the transport and has no names for them.
        ErrorKind::Unauthenticated | ErrorKind::PermissionDenied if has_credentials => Code::AuthFailed,
        ErrorKind::Unauthenticated => Code::CredentialsMissing,
        ErrorKind::PermissionDenied => Code::AuthFailed,
        ErrorKind::Internal if answered.is_some_and(|code| code != ErrorKind::Internal.json_rpc_code()) => Code::Agent,
        kind => Code::Protocol(kind),
    };
    let mut failure = Failure::new(code, error.message());
    failure.a2a_code = answered;
    if transport.is_some_and(|error| !error.is_connect()) {
        return failure.hint("the agent may have taken the request; nuncio task list shows its tasks");
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
        Code::Agent => "the code is the agent's own: see its documentation; --debug shows the exchange",
        Code::AuthFailed => "check the credential of --bearer (A2ACLI_BEARER) or --api-key (A2ACLI_API_KEY)",
        Code::Protocol(kind) => match kind {
            ErrorKind::TaskNotFound => "check the task id, nothing was created; --debug shows the protocol error",
            ErrorKind::UnsupportedOperation | ErrorKind::InvalidParams => {
                "nothing was changed; run again with --debug for the protocol error"
            }
            ErrorKind::TaskNotCancelable => "nuncio task get <TASK_ID> shows the state the task has ended in",
            ErrorKind::ContentTypeNotSupported => "nuncio card get lists the media types the agent takes",
            ErrorKind::VersionNotSupported => {
                "nuncio card get lists the versions the agent speaks; --a2a-version is 1.0 or 0.3"
            }
            ErrorKind::ExtendedAgentCardNotConfigured => "nuncio card get reads the public card",
            _ => "run again with --debug for the protocol error",
        },
        _ => return None,
    })
}

/// Whether the credentials that are supplied are what the card requires: all of one alternative;
/// without requirements those of any scheme, and without schemes any at all.
pub(crate) fn suffices(card: Option<&AgentCard>, supplied: impl Fn(Credential) -> bool) -> bool {
    let Some(card) = card.filter(|card| !card.security_schemes.is_empty()) else {
        return supplied(Credential::Bearer) || supplied(Credential::ApiKey);
    };
    let met = |scheme: &SecurityScheme| Credential::of(scheme).is_some_and(&supplied);
    let required = || card.security_requirements.iter().filter(|requirement| !requirement.schemes.is_empty());
    if required().next().is_none() {
        return card.security_schemes.values().any(met);
    }
    required()
        .any(|requirement| requirement.schemes.keys().all(|name| card.security_schemes.get(name).is_some_and(met)))
}

/// What to supply, as the card says.
pub(crate) fn credentials_hint(agent: Option<&AgentCard>) -> String {
    let schemes = agent.iter().flat_map(|card| &card.security_schemes);
    let options: Vec<String> = schemes
        .map(|(name, scheme)| {
            let flag = match (Credential::of(scheme), scheme) {
                (Some(Credential::ApiKey), _) => "--api-key or A2ACLI_API_KEY",
                (Some(Credential::Bearer), _) => "--bearer or A2ACLI_BEARER",
                (None, SecurityScheme::MutualTls(_)) => "a client certificate, which nuncio cannot present",
                (None, _) => "a credential that nuncio cannot present",
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
            let failure = of_call(&Error::new(kind, "why").caused_by(AnsweredCode(kind.json_rpc_code())), false);
            assert_eq!((failure.code.name(), failure.code.exit()), (name, exit));
            assert_eq!(failure.a2a_code, Some(kind.json_rpc_code()));
            assert_eq!(failure.message, "why");
            assert_eq!(of_call(&Error::new(kind, "our own"), false).a2a_code, None);
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
    fn all_of_one_requirement_has_to_be_supplied() {
        let both = r#""securitySchemes":{
            "k":{"apiKeySecurityScheme":{"location":"header","name":"X-K"}},
            "t":{"httpAuthSecurityScheme":{"scheme":"Bearer"}}}"#;
        for (requirements, bearer, key) in [
            (r"[]", true, true),
            (r#"[{"schemes":{"k":{}}}]"#, false, true),
            (r#"[{"schemes":{"k":{}}},{"schemes":{"t":{}}}]"#, true, true),
            (r#"[{"schemes":{"k":{},"t":{}}}]"#, false, false),
            (r#"[{"schemes":{}}]"#, true, true),
        ] {
            let card: AgentCard =
                serde_json::from_str(&format!(r#"{{{both},"securityRequirements":{requirements}}}"#)).unwrap();
            let with = |mine| suffices(Some(&card), |credential| credential == mine);
            assert_eq!((with(Credential::Bearer), with(Credential::ApiKey)), (bearer, key), "{requirements}");
            assert!(suffices(Some(&card), |_| true) && !suffices(Some(&card), |_| false));
        }
        assert!(suffices(None, |_| true) && !suffices(None, |_| false));
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
