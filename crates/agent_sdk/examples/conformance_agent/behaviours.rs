//! What the tests of the TCK and of ACTS have the agent do, by its name: the TCK gives it as the
//! beginning of the message's id, ACTS as the beginning of its text or of an earlier one's.

use std::time::Duration;

use agent_sdk::{prelude::*, protocol::ProtocolVersion, sleep};
use serde_json::json;

use crate::{client_parse, instruction};

const NAMES: [&str; 25] = [
    "tck-artifact-data",
    "tck-artifact-file",
    "tck-artifact-file-url",
    "tck-artifact-text",
    "tck-auth-required",
    "tck-cancel",
    "tck-client-parse",
    "tck-complete-task",
    "tck-delayed-complete",
    "tck-input-required",
    "tck-long-running",
    "tck-message-response",
    "tck-multi-turn",
    "tck-reject-task",
    "tck-stream-001",
    "tck-stream-002",
    "tck-stream-003",
    "tck-stream-artifact-chunked",
    "tck-stream-artifact-file",
    "tck-stream-artifact-text",
    "tck-stream-basic",
    "tck-stream-chunked",
    "tck-stream-ordering-001",
    "tck-task-failure",
    "test-resubscribe-message-id",
];

/// How long work takes that takes long: within what ACTS and the TCK wait.
const LONG: Duration = Duration::from_millis(1500);
/// How long a message that asks for nothing is worked on for a caller of version 0.3, whose TCK
/// cancels such tasks and sends them more.
const V03_WORK: Duration = Duration::from_secs(3);

/// Answers all suites.
pub(crate) struct Suites {
    /// How long a task is to be watched.
    hold: Duration,
}

impl Suites {
    /// Tasks to be watched last twice the TCK's own time-out, which it has from the same variable.
    pub(crate) fn from_environment() -> Self {
        let timeout = std::env::var("TCK_STREAMING_TIMEOUT").ok().and_then(|seconds| seconds.parse().ok());
        Self { hold: 2 * Duration::try_from_secs_f64(timeout.unwrap_or(2.0)).unwrap_or(Duration::from_secs(2)) }
    }
}

impl MessageHandler for Suites {
    async fn handle(&self, turn: Turn, task: TaskUpdater) -> Result<(), HandlerError> {
        if let Some(instruction) = instruction::of(&turn.message) {
            return instruction::execute(instruction?, &task).await;
        }
        match name(&turn) {
            Some("tck-message-response") => task.reply("Direct message response").await,
            Some("tck-complete-task") => {
                task.working(()).await?;
                task.reply("Hello from TCK").await
            }
            Some("tck-artifact-text") => task.artifact("text").write("Generated text content").await,
            Some("tck-artifact-file") => task.artifact("file").write(file(Part::raw("tck"))).await,
            Some("tck-artifact-file-url") => {
                task.artifact("file").write(file(Part::url("https://example.com/output.txt"))).await
            }
            Some("tck-artifact-data") => task.artifact("data").write(json!({"key": "value", "count": 42})).await,
            Some("tck-input-required") => task.input_required(()).await,
            Some("tck-auth-required") => task.auth_required("a credential, please").await,
            Some("tck-reject-task") => task.reject("rejected").await,
            Some("tck-task-failure") => {
                task.working(()).await?;
                task.fail("failed as asked").await
            }
            Some("tck-multi-turn") => {
                task.working(()).await?;
                match turn.text().trim().to_lowercase().starts_with("done") {
                    true => task.reply("the conversation is over").await,
                    // Without a message, which would become a part of the history that ACTS counts.
                    false => task.input_required(()).await,
                }
            }
            Some("tck-cancel") => {
                task.working(()).await?;
                std::future::pending().await
            }
            Some("tck-long-running" | "tck-delayed-complete") => {
                task.working(()).await?;
                sleep(LONG).await;
                task.artifact("result").write("the result of long work").await
            }
            Some("test-resubscribe-message-id") => {
                task.working(()).await?;
                sleep(self.hold).await;
                task.complete().await
            }
            Some("tck-stream-001") => work(&task, "Stream hello from TCK").await,
            Some("tck-stream-002") => task.complete().await,
            Some("tck-stream-003") => work(&task, "Stream task lifecycle").await,
            Some("tck-stream-ordering-001") => work(&task, "Ordered output").await,
            Some("tck-stream-artifact-text") => work(&task, "Streamed text content").await,
            Some("tck-stream-artifact-file") => work(&task, file(Part::raw("tck"))).await,
            Some("tck-stream-artifact-chunked") => in_chunks(&task, &["chunk-1 ", "chunk-2"]).await,
            Some("tck-stream-basic") => work(&task, "streamed").await,
            Some("tck-stream-chunked") => in_chunks(&task, &["one ", "two ", "three"]).await,
            Some("tck-client-parse") => client_parse::answer(&turn, &task).await,
            _ if turn.context.version == ProtocolVersion::V0_3 => {
                task.working("working on it").await?;
                sleep(V03_WORK).await;
                task.input_required("more, please").await
            }
            _ => {
                task.working(()).await?;
                task.reply("nothing in particular was asked for").await
            }
        }
    }
}

/// What is asked for: the longest name with which the message's id, its text or that of an earlier
/// message begins.
fn name(turn: &Turn) -> Option<&'static str> {
    let said = turn.history.iter().map(|message| message.text());
    let mut asked = [turn.message.message_id.to_string(), turn.text()].into_iter().chain(said);
    asked.find_map(|asked| NAMES.into_iter().filter(|name| asked.starts_with(name)).max_by_key(|name| name.len()))
}

fn file(part: Part) -> Part {
    part.filename("output.txt").media_type("text/plain")
}

async fn work(task: &TaskUpdater, result: impl Into<Parts>) -> Result<(), HandlerError> {
    task.working(()).await?;
    task.artifact("result").write(result).await?;
    task.complete().await
}

async fn in_chunks(task: &TaskUpdater, chunks: &[&'static str]) -> Result<(), HandlerError> {
    task.working(()).await?;
    let mut artifact = task.artifact("result");
    if let Some((last, before)) = chunks.split_last() {
        for chunk in before {
            artifact.append(*chunk).await?;
        }
        artifact.append_last(*last).await?;
    }
    task.complete().await
}
