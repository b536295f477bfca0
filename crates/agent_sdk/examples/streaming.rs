//! An agent that works for a while: it tells how far it is and writes its artifact in chunks, which
//! callers see as they are written. When a caller cancels, the handler is dropped where it waits.
//!
//! `cargo run --example streaming`, then `nuncio send -a localhost:3001 --stream "tides"`. As a
//! component: `examples/spin_agent`.

use std::time::Duration;

use agent_sdk::{prelude::*, sleep};

const CHAPTERS: [&str; 4] = ["It began with the moon. ", "The sea rose. ", "The sea fell. ", "And so it goes on."];

async fn tell(turn: Turn, task: TaskUpdater) -> Result<(), HandlerError> {
    task.working(format!("writing about {}", turn.text())).await?;
    let mut story = task.artifact("story").description("A story in chapters");
    for (told, chapter) in CHAPTERS.iter().enumerate() {
        sleep(Duration::from_millis(200)).await;
        story.append(*chapter).await?;
        task.progress((told + 1) as f64 / CHAPTERS.len() as f64).await?;
    }
    story.finish().await?;
    task.complete().await
}

async fn agent() -> Result<Agent, ServeError> {
    Ok(Agent::new("Storyteller", "Tells a story piece by piece")
        .skill(Skill::new("tell", "Tell a story").tag("stories").example("tides"), tell))
}

#[cfg(not(target_family = "wasm"))]
#[tokio::main]
async fn main() -> Result<(), ServeError> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3001".to_owned());
    agent().await?.serve(address).await
}

#[cfg(target_family = "wasm")]
agent_sdk::component!(agent);
