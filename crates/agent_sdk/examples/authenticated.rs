//! An agent that asks its callers for a bearer token, and tells them who they are.
//!
//! `NUNCIO_TOKEN=... cargo run -p nuncio-agent-sdk --example authenticated`, then
//! `nuncio send -a localhost:3000 --bearer "$NUNCIO_TOKEN" hello`

use agent_sdk::{Tokens, prelude::*};

struct Greeter;

impl MessageHandler for Greeter {
    async fn handle(&self, turn: Turn, task: TaskUpdater) -> Result<(), HandlerError> {
        let caller = turn.context.principal.as_deref().unwrap_or("nobody");
        task.reply(format!("hello, {caller}")).await
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let token = std::env::var("NUNCIO_TOKEN").map_err(|_| "set NUNCIO_TOKEN to the token that callers need")?;
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    Agent::new("Greeter", "Greets whom it knows")
        .skill(Skill::new("greet", "Greet").tag("demo"), Greeter)
        .authenticate(Tokens::new().bearer(token, "alice"))
        .serve(address)
        .await?;
    Ok(())
}
