//! The tour: every step is a command that anyone can type, run as it is printed.

use std::{
    io::{Write as _, stdout},
    process::Stdio,
};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};

use super::agent;
use crate::{
    app::written,
    error::{Code, Failure},
};

/// Starts the demo agent on a free port and shows what can be done with it.
pub(crate) async fn tour() -> Result<(), Failure> {
    let serving = agent::agent().bind("127.0.0.1:0").await.map_err(|error| failed(error.to_string()))?;
    let url = serving.url();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(serving.serve_until(async move {
        // The tour has ended, or has been broken off.
        let _ = stopped.await;
    }));
    let toured = steps(&url).await;
    drop(stop);
    server.await.map_err(|error| failed(error.to_string()))?;
    toured?;
    say("All of it works with any A2A agent: nuncio help\nTo go on trying: nuncio demo-server")
}

async fn steps(url: &str) -> Result<(), Failure> {
    say(&format!("The demo agent listens on {url}\n\n# Find it: its card says what it can do and how it is reached"))?;
    run(url, "card get", &[]).await?;

    say("# Send it a message")?;
    run(url, "send", &["echo hello"]).await?;

    say("# Have it do something longer, and watch: the answer comes piece by piece, with progress")?;
    run(url, "send", &["--stream", "report the tides"]).await?;

    say("# It may ask back: then the task waits")?;
    let asked = run(url, "send", &["ask"]).await?;
    say("# The answer continues the task")?;
    run(url, "send", &["--task-id", &task_id(&asked)?, "blue"]).await?;

    say("# Do not wait for it")?;
    let held = run(url, "send", &["--async", "hold"]).await?;
    say("# Cancel it")?;
    run(url, "task cancel", &[&task_id(&held)?]).await?;

    say("# See what has come of all of it")?;
    run(url, "task list", &["--history", "0"]).await?;
    Ok(())
}

/// Prints a command to the agent as it would be typed, and runs it. Returns what it wrote, which is
/// shown as it comes.
async fn run(url: &str, command: &str, arguments: &[&str]) -> Result<Vec<String>, Failure> {
    let arguments: Vec<&str> = command.split(' ').chain(["-a", url]).chain(arguments.iter().copied()).collect();
    let typed: Vec<String> = arguments.iter().map(|argument| quoted(argument)).collect();
    say(&format!("$ nuncio {}", typed.join(" ")))?;
    let program = std::env::current_exe().map_err(|error| failed(format!("cannot find this program: {error}")))?;
    let mut child = Command::new(program);
    // What the user has configured for other agents is nothing to this one.
    let configured = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("A2ACLI_"));
    configured.for_each(|(name, _)| {
        child.env_remove(name);
    });
    let mut child = child
        .args(&arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(format!("cannot run this program: {error}")))?;
    let mut lines = Vec::new();
    if let Some(output) = child.stdout.take() {
        let mut output = BufReader::new(output).lines();
        while let Some(line) = output.next_line().await.map_err(|error| failed(error.to_string()))? {
            say(&line)?;
            lines.push(line);
        }
    }
    let status = child.wait().await.map_err(|error| failed(error.to_string()))?;
    if !status.success() {
        return Err(failed(format!("nuncio {} ended with {status}", typed.join(" "))));
    }
    say("")?;
    Ok(lines)
}

fn task_id(lines: &[String]) -> Result<String, Failure> {
    let id = lines.iter().find_map(|line| line.strip_prefix("Task ID: "));
    id.map(str::to_owned).ok_or_else(|| failed("the command named no task".to_owned()))
}

fn quoted(argument: &str) -> String {
    if argument.contains(' ') { format!("\"{argument}\"") } else { argument.to_owned() }
}

fn say(text: &str) -> Result<(), Failure> {
    written(writeln!(stdout(), "{text}"))
}

fn failed(message: String) -> Failure {
    Failure::new(Code::Internal, message)
}
