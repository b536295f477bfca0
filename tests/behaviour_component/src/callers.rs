//! Agents that call others, by the network of their host.

use agent_sdk::{
    client::{Guard, Webhooks},
    prelude::*,
    protocol::StreamResponse,
};
use futures::StreamExt;

/// Asks the agent at the address that is the first word of a message to do what the others say, and writes on what
/// that one writes.
async fn pass_on(turn: Turn, task: TaskUpdater) -> Result<(), HandlerError> {
    let text = turn.text();
    let (address, text) = text.split_once(' ').unwrap_or((&text, ""));
    task.working("calling").await?;
    let theirs = match Client::builder().connect(address).await?.start(text).await? {
        Sent::Message(message) => return task.reply(message.text()).await,
        Sent::Task(theirs) => theirs.cancel_on_drop(),
    };
    let mut passed = task.artifact("passed");
    let mut events = theirs.watch().await?;
    while let Some(event) = events.next().await {
        match &event?.response {
            // What it has written already.
            StreamResponse::Task(theirs) => {
                for artifact in &theirs.artifacts {
                    passed.append(artifact.text()).await?;
                }
            }
            StreamResponse::ArtifactUpdate(update) => passed.append(update.artifact.text()).await?,
            _ => {}
        }
    }
    task.complete().await
}

pub(crate) fn passes_on() -> Agent {
    Agent::new("Caller", "Has others do it").skill(Skill::new("pass-on", "Pass on").tag("test"), pass_on)
}

/// Calls webhooks itself.
pub(crate) fn calls_webhooks(agent: Agent) -> Agent {
    agent.push(Webhooks::new(Guard::default().allow_local_networks(true)).unwrap())
}
