//! Who may do what: the two tokens that ACTS knows.

use agent_sdk::{
    Tokens,
    ports::Principal,
    prelude::*,
    protocol::{AgentCard, CHALLENGE_METADATA, Error, ErrorKind, SecurityRequirement},
};

const TOKEN: &str = "itk-valid-token";
const INSUFFICIENT: &str = "itk-insufficient-token";
const SCHEME: &str = "bearer";
const SCOPE: &str = "conformance";

/// The tokens; only one of them is good for what [`requirement`] asks.
pub(crate) fn tokens() -> Tokens {
    Tokens::new().bearer(TOKEN, Principal::new("itk").scope(SCOPE)).bearer(INSUFFICIENT, "somebody")
}

/// What every call has to meet in the authenticated run.
pub(crate) fn requirement() -> SecurityRequirement {
    let mut requirement = SecurityRequirement::scheme(SCHEME);
    if let Some(scopes) = requirement.schemes.get_mut(SCHEME) {
        scopes.list.push(SCOPE.to_owned());
    }
    requirement
}

/// The extended card. It is guarded in every run; where nobody else has asked who calls, this does.
pub(crate) fn extended_card(context: &CallContext, mut card: AgentCard) -> Result<AgentCard, Error> {
    let presented = context.presented.as_ref().and_then(|presented| presented.headers.get("authorization"));
    let token = presented.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    match token {
        _ if context.principal.is_some() => {}
        Some(TOKEN) => {}
        Some(INSUFFICIENT) => return Err(Error::new(ErrorKind::PermissionDenied, "the token is not good for this")),
        _ => {
            let error = Error::new(ErrorKind::Unauthenticated, "a bearer token is needed");
            return Err(error.with_metadata(CHALLENGE_METADATA, format!("Bearer realm=\"{}\"", card.name)));
        }
    }
    card.description.push_str(", and more for those who may know");
    Ok(card)
}
