//! An agent that has another agent do the work: it streams on what the other one writes. When its own
//! task is cancelled, the other one's is cancelled with it.
//!
//! `cargo run --example streaming`, `cargo run --example calling_agent`, then
//! `nuncio send -a localhost:3003 --stream "tides"`. The variable `STORYTELLER` says where the other one is.
//! As a component: `examples/spin_agent`.

use agent_sdk::{prelude::*, protocol::StreamResponse};
use futures::StreamExt;

struct Editor {
    /// Where the storyteller is.
    writer: String,
}

impl MessageHandler for Editor {
    async fn handle(&self, turn: Turn, task: TaskUpdater) -> Result<(), HandlerError> {
        task.working("asking the storyteller").await?;
        let writer = Client::builder().connect(&self.writer).await?;
        let theirs = match writer.start(turn.text()).await? {
            Sent::Message(message) => return task.reply(message.text()).await,
            Sent::Task(theirs) => theirs.cancel_on_drop(),
        };
        let mut edited = task.artifact("edited").description("The storyteller's words, in capitals");
        let mut events = theirs.watch().await?;
        while let Some(event) = events.next().await {
            match &event?.response {
                // What it had written before this began to watch.
                StreamResponse::Task(theirs) => {
                    for story in &theirs.artifacts {
                        edited.append(story.text().to_uppercase()).await?;
                    }
                }
                StreamResponse::ArtifactUpdate(update) => {
                    edited.append(update.artifact.text().to_uppercase()).await?;
                }
                _ => {}
            }
        }
        task.complete().await
    }
}

async fn agent() -> Result<Agent, ServeError> {
    let writer = std::env::var("STORYTELLER").unwrap_or_else(|_| "localhost:3001".to_owned());
    let editor = Editor { writer };
    Ok(Agent::new("Editor", "Has a story told, and edits it")
        .skill(Skill::new("edit", "Edit a story").tag("stories").example("tides"), editor))
}

#[cfg(not(target_family = "wasm"))]
#[tokio::main]
async fn main() -> Result<(), ServeError> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3003".to_owned());
    agent().await?.serve(address).await
}

#[cfg(target_family = "wasm")]
agent_sdk::component!(agent);
