//! A caller: finds an agent, sends to it, and watches a task as it goes.
//!
//! `cargo run --example streaming`, then `cargo run --example client -- localhost:3001 "tides"`.

use std::time::Duration;

use agent_sdk::{prelude::*, protocol::StreamResponse};
use futures::StreamExt;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let agent = arguments.next().unwrap_or_else(|| "localhost:3001".to_owned());
    let text = arguments.next().unwrap_or_else(|| "tides".to_owned());

    let client = Client::builder().connect(&agent).await?;
    println!("{}: {}", client.card().name, client.card().description);

    let task = match client.start(text).await? {
        Sent::Message(message) => {
            println!("{}", message.text());
            return Ok(());
        }
        Sent::Task(task) => task,
    };
    let mut events = task.watch().await?;
    while let Some(event) = events.next().await {
        match &event?.response {
            StreamResponse::Task(task) => println!("task {} is {}", task.id, task.status.state),
            StreamResponse::StatusUpdate(update) => println!("now {}", update.status.state),
            StreamResponse::ArtifactUpdate(update) => println!("wrote {:?}", update.artifact.text()),
            StreamResponse::Message(message) => println!("{}", message.text()),
        }
    }
    let done = task.wait_for_completion(Duration::from_secs(30)).await?;
    for artifact in &done.artifacts {
        println!("{}: {}", artifact.artifact_id, artifact.text());
    }
    Ok(())
}
