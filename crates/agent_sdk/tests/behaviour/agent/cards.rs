//! Agents with extended cards.

use agent_sdk::{
    prelude::*,
    protocol::{AgentCard, Error, ErrorKind},
};

use super::guarded::tokens;

/// Asks for no credentials, but takes those that come.
pub(super) fn optional(agent: Agent) -> Agent {
    agent.authenticate(tokens()).card(|card| card.security_requirements = vec![Default::default()])
}

/// Shows the caller's name, and a skill to administrators.
pub(super) fn extended(context: &CallContext, mut card: AgentCard) -> Result<AgentCard, Error> {
    card.description = format!("for {}", context.principal.as_deref().unwrap_or("nobody"));
    if context.scopes.contains("admin") {
        card.skills[0].tags.push("vault".to_owned());
    }
    Ok(card)
}

/// Refuses whoever presents no token, or another one.
pub(super) fn extended_by_presented(context: &CallContext, card: AgentCard) -> Result<AgentCard, Error> {
    let presented = context.presented.as_ref().and_then(|presented| presented.headers.get("authorization"));
    match presented.map(|value| value.as_bytes()) {
        Some(b"Bearer known") => extended(context, card),
        Some(_) => Err(Error::new(ErrorKind::PermissionDenied, "no")),
        None => Err(Error::new(ErrorKind::Unauthenticated, "who?")),
    }
}

pub(super) fn without_version(_: &CallContext, mut card: AgentCard) -> Result<AgentCard, Error> {
    card.version.clear();
    Ok(card)
}

pub(super) fn with_unanswered_skill(_: &CallContext, mut card: AgentCard) -> Result<AgentCard, Error> {
    let mut skill = card.skills[0].clone();
    skill.id = "vault".to_owned();
    card.skills.push(skill);
    Ok(card)
}
