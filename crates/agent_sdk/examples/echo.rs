//! The smallest agent: it says back what it hears.
//!
//! `cargo run --example echo`, then `nuncio send -a localhost:3000 "hello"`. As a component:
//! `examples/spin_agent`.

use agent_sdk::prelude::*;

struct Echo;

impl MessageHandler for Echo {
    async fn handle(&self, turn: Turn, task: TaskUpdater) -> Result<(), HandlerError> {
        task.reply(turn.text()).await
    }
}

async fn agent() -> Result<Agent, ServeError> {
    Ok(Agent::new("Echo", "Says back what it hears").skill(Skill::new("echo", "Echo").tag("demo"), Echo))
}

#[cfg(not(target_family = "wasm"))]
#[tokio::main]
async fn main() -> Result<(), ServeError> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    agent().await?.serve(address).await
}

#[cfg(target_family = "wasm")]
agent_sdk::component!(agent);
