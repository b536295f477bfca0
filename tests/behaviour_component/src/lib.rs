//! The agents of the behaviour tests as a component: which of them it is, its environment says.

#![cfg(target_family = "wasm")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::env;

use agent_sdk::{MemoryStorage, prelude::*};

#[path = "../../../crates/agent_sdk/tests/behaviour/agent/mod.rs"]
mod agent;
mod callers;
mod gates;

use self::{
    agent::{Kind, kinds},
    gates::Gates,
};

/// The agent that `BEHAVIOUR_KIND` names, which meets its test at `BEHAVIOUR_TEST`. With `BEHAVIOUR_STORAGE=memory` it
/// keeps its tasks in the instance; otherwise in the host's SQLite, as components do.
async fn agent() -> Result<Agent, env::VarError> {
    let gates = Gates::at(env::var("BEHAVIOUR_TEST")?);
    let name = env::var("BEHAVIOUR_KIND")?;
    let agent = match (name.as_str(), Kind::named(&name)) {
        ("PASSES_ON", _) => callers::passes_on(),
        ("CALLS_WEBHOOKS", _) => callers::calls_webhooks(kinds::PLAIN.agent(&gates)),
        ("SLOW", _) => {
            gates.pass("made").await;
            kinds::PLAIN.agent(&gates)
        }
        (_, Some(kind)) => kind.agent(&gates),
        (_, None) => panic!("there is no agent {name}"),
    };
    Ok(match env::var("BEHAVIOUR_STORAGE").as_deref() {
        Ok("memory") => agent.storage(MemoryStorage::default()),
        _ => agent,
    })
}

agent_sdk::component!(agent);
