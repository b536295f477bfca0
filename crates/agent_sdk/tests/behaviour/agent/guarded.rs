//! Agents that ask for credentials.

use agent_sdk::{Tokens, ports::Principal, prelude::*, protocol::SecurityRequirement};

pub(super) fn tokens() -> Tokens {
    Tokens::new()
        .bearer("alice-1", Principal::new("alice").scope("read"))
        .bearer("alice-admin", Principal::new("alice").scope("read").scope("admin"))
        .bearer("bob-1", Principal::new("bob").scope("read"))
        .api_key("alice-key", "alice")
        .api_key("app-key", Principal::program("app"))
}

/// The schemes that a call has to meet together, each with its scopes.
fn requirement(schemes: serde_json::Value) -> SecurityRequirement {
    serde_json::from_value(serde_json::json!({ "schemes": schemes })).unwrap()
}

fn requiring(agent: Agent, requirements: Vec<SecurityRequirement>) -> Agent {
    agent.authenticate(tokens()).card(|card| card.security_requirements = requirements)
}

pub(super) fn by_scopes(agent: Agent) -> Agent {
    requiring(agent, vec![requirement(serde_json::json!({"bearer": {"list": ["read", "admin"]}}))])
}

pub(super) fn by_two_schemes(agent: Agent) -> Agent {
    requiring(agent, vec![requirement(serde_json::json!({"bearer": {}, "apiKey": {}}))])
}

pub(super) fn or_not(agent: Agent) -> Agent {
    requiring(agent, vec![SecurityRequirement::default(), SecurityRequirement::scheme("bearer")])
}

/// Asks once, and completes when it is answered.
async fn ask_once(turn: Turn, task: TaskUpdater) -> Result<(), HandlerError> {
    match turn.is_follow_up() {
        true => task.complete().await,
        false => task.input_required("more?").await,
    }
}

pub(super) fn with_vault(agent: Agent) -> Agent {
    let requirement = requirement(serde_json::json!({"bearer": {"list": ["admin"]}}));
    let vault = Skill::new("vault", "Vault").tag("test").security_requirement(requirement);
    agent.authenticate(tokens()).skill(vault, ask_once)
}

pub(super) fn with_open_skill(agent: Agent) -> Agent {
    let open = Skill::new("open", "Open").tag("test").security_requirement(SecurityRequirement::default());
    agent.authenticate(tokens()).skill(open, ask_once)
}

/// Says what it knows of the caller.
async fn who(turn: Turn, task: TaskUpdater) -> Result<(), HandlerError> {
    let context = &turn.context;
    let scopes: Vec<&str> = context.scopes.iter().map(String::as_str).collect();
    let told = format!("{:?} {} {}", context.principal, scopes.join(","), context.presented.is_none());
    if format!("{context:?}").contains("alice-admin") {
        return task.reply("it sees the credential").await;
    }
    task.reply(told).await
}

pub(super) fn with_who(agent: Agent) -> Agent {
    let skill = Skill::new("who", "Who").tag("test").answers(Answers::Message);
    agent.authenticate(tokens()).skill(skill, who)
}
