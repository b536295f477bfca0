//! What `demo-server --data` keeps, whatever becomes of its process.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![cfg(unix)]

use std::{
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::Arc,
    time::Duration,
};

use agent_sdk::{prelude::*, protocol::ListTasksRequest};
use futures::StreamExt as _;

const LONG: Duration = Duration::from_secs(30);

struct Server {
    process: Child,
    url: String,
}

fn command(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nuncio"));
    command.args(["demo-server", "--listen", "127.0.0.1:0", "--data"]).arg(data).env("HOME", "/nonexistent");
    command
}

impl Server {
    fn start(data: &Path) -> Self {
        let mut process = command(data).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("URL: ").expect("it says where it listens").to_owned();
        Self { process, url }
    }

    /// As `kill -9` does, and another one in its place.
    fn killed_and_started_again(mut self, data: &Path) -> Self {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        Self::start(data)
    }

    async fn client(&self) -> Client {
        Client::builder().connect(&self.url).await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn task(sent: Sent) -> Arc<Task> {
    match sent {
        Sent::Task(task) => task.task().unwrap().clone(),
        Sent::Message(message) => panic!("a message, not a task: {message:?}"),
    }
}

fn said(task: &Task) -> String {
    task.status.message.as_ref().map(|message| message.text()).unwrap_or_default()
}

/// Watches a task until its status says this.
async fn until(client: &Client, id: &Arc<str>, words: &str) {
    let watched = async {
        let mut events = client.task(id.clone()).watch().await.unwrap();
        while let Some(event) = events.next().await {
            let event = event.unwrap();
            let message = event.response.status().and_then(|status| status.message.as_ref());
            if message.is_some_and(|message| message.text().contains(words)) {
                return;
            }
        }
        panic!("the stream ends before the task says {words:?}");
    };
    tokio::time::timeout(LONG, watched).await.unwrap();
}

#[tokio::test]
async fn tasks_outlive_the_process() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("new/data");
    let server = Server::start(&data);
    let client = server.client().await;
    let done = task(client.send("task hello").await.unwrap());
    let asked = task(client.send("ask").await.unwrap());
    let held = task(client.start("hold").await.unwrap()).id.clone();
    until(&client, &held, "holding").await;
    assert_eq!((&done.status.state, &asked.status.state), (&TaskState::Completed, &TaskState::InputRequired));

    let server = server.killed_and_started_again(&data);
    let client = server.client().await;
    assert_eq!(client.task(done.id.clone()).get().await.unwrap(), done, "what has ended is as it was");
    let listed = client.list_tasks(CallContext::new(), ListTasksRequest::default()).await.unwrap();
    assert_eq!(listed.total_size, 3);
    assert_eq!(client.task(asked.id.clone()).get().await.unwrap(), asked, "what waits goes on waiting");
    let answered = task(client.task(asked.id.clone()).reply("blue").await.unwrap());
    assert_eq!(answered.status.state, TaskState::Completed);
    assert_eq!(answered.artifacts[0].parts[0].as_text(), Some("blue"));
    let history: Vec<_> = answered.history.iter().map(|message| message.text()).collect();
    assert_eq!(history[..3], ["ask", "Which colour?", "blue"]);

    // What was being worked on is begun again, though not for ever.
    until(&client, &held, "attempt 2").await;
    let server = server.killed_and_started_again(&data);
    until(&server.client().await, &held, "attempt 3").await;
    let server = server.killed_and_started_again(&data);
    let failed = server.client().await.task(held).wait_for_completion(LONG).await.unwrap();
    assert_eq!(failed.status.state, TaskState::Failed);
    assert_eq!(said(&failed), "the processes that ran the agent were lost, 3 times in a row");
}

fn refused(mut command: Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!((status.code(), stdout.as_slice()), (Some(1), &b""[..]), "{stderr}");
    stderr
}

#[track_caller]
fn assert_says(text: &str, words: &[&str]) {
    assert!(words.iter().all(|word| text.contains(word)), "{text}");
}

#[test]
fn a_directory_that_cannot_be_had_is_a_clear_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("file"), "").unwrap();
    for data in [path("file"), path("file/below")] {
        assert_says(&refused(command(&data)), &[data.to_str().unwrap(), "is not a directory", "--data"]);
    }

    let server = Server::start(&path("used"));
    let process = format!("process {}", server.process.id());
    assert_says(&refused(command(&path("used"))), &["used/tasks.db is in use by another process", &process, "--data"]);
    drop(server);

    std::fs::create_dir(path("newer")).unwrap();
    let db = rusqlite::Connection::open(path("newer/tasks.db")).unwrap();
    db.pragma_update(None, "application_id", 0x6e6e_636f).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    assert_says(&refused(command(&path("newer"))), &["newer/tasks.db", "later version", "schema 99"]);

    // Root may write anywhere.
    for name in ["kept", "kept/closed"] {
        std::fs::create_dir(path(name)).unwrap();
        std::fs::set_permissions(path(name), std::fs::Permissions::from_mode(0o555)).unwrap();
    }
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    for (data, says) in [("kept/closed", "give this user write access"), ("kept/new", "cannot make the directory")] {
        let mut command = command(&path(data));
        if Command::new("id").arg("-u").output().unwrap().stdout == b"0\n" {
            let mut plain = Command::new("setpriv");
            plain.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(command.get_program());
            plain.args(command.get_args()).env("HOME", "/nonexistent");
            command = plain;
        }
        assert_says(&refused(command), &[data, says]);
    }
}

#[test]
fn tasks_are_for_their_user_only() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    drop(Server::start(&data));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&data), mode(&data.join("tasks.db"))), (0o700, 0o600));
}
