//! Every example is run, as its first lines say.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use agent_sdk::{
    prelude::*,
    protocol::{ErrorKind, SendMessageRequest, SendMessageResponse, StreamResponse},
};
use futures::StreamExt as _;
use serde_json::json;

fn example(name: &str) -> Command {
    // Examples are built beside the tests: target/debug/deps/this, target/debug/examples/that.
    let this = std::env::current_exe().unwrap();
    let path: PathBuf = this.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is built by `cargo test` without further choice of targets", path.display());
    Command::new(path)
}

/// An example that serves an agent.
struct Served {
    process: Child,
    url: String,
}

impl Served {
    fn start(name: &str, more: &[&str]) -> Self {
        Self::start_with(name, &[&["127.0.0.1:0"], more].concat())
    }

    fn editor_of(writer: &Self) -> Self {
        Self::of(example("calling_agent").arg("127.0.0.1:0").env("STORYTELLER", &writer.url))
    }

    fn start_with(name: &str, arguments: &[&str]) -> Self {
        Self::of(example(name).args(arguments).env("NUNCIO_TOKEN", "t0ken"))
    }

    fn of(command: &mut Command) -> Self {
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let line = lines.next().expect("a line that says where it listens").unwrap();
        let url = line.rsplit(' ').next().unwrap().to_owned();
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, url }
    }

    async fn client(&self) -> Client {
        Client::builder().connect(&self.url).await.unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn task(client: &Client, text: &str) -> RemoteTask {
    match client.send(text).await.unwrap() {
        Sent::Task(task) => task,
        Sent::Message(message) => panic!("a message: {}", message.text()),
    }
}

#[tokio::test]
async fn echo_says_back_what_it_hears() {
    let agent = Served::start("echo", &[]);
    let task = task(&agent.client().await, "hello").await;
    let status = &task.task().unwrap().status;
    assert_eq!((&status.state, status.message.as_ref().unwrap().text()), (&TaskState::Completed, "hello".to_owned()));
}

#[tokio::test]
async fn the_client_watches_the_story_being_told() {
    let agent = Served::start("streaming", &[]);
    let output = example("client").args([&agent.url, "tides"]).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}");
    assert!(printed.starts_with("Storyteller: Tells a story piece by piece\n"), "{printed}");
    assert!(printed.contains("wrote \"The sea rose. \""), "{printed}");
    assert!(
        printed.ends_with("story: It began with the moon. The sea rose. The sea fell. And so it goes on.\n"),
        "{printed}"
    );
}

#[tokio::test]
async fn the_waiter_asks_until_it_knows_enough() {
    let agent = Served::start("multi_turn", &[]);
    let first = task(&agent.client().await, "a table").await;
    assert_eq!(first.task().unwrap().status.message.as_ref().unwrap().text(), "For how many people?");
    let Sent::Task(second) = first.reply("four").await.unwrap() else { panic!("a message") };
    assert_eq!(second.task().unwrap().status.state, TaskState::Rejected);

    let first = task(&agent.client().await, "a table").await;
    let Sent::Task(second) = first.reply("4").await.unwrap() else { panic!("a message") };
    assert_eq!(second.task().unwrap().status.message.as_ref().unwrap().text(), "At what time?");
    let Sent::Task(third) = first.reply("8 pm").await.unwrap() else { panic!("a message") };
    assert_eq!(third.task().unwrap().artifact("booking").unwrap().text(), "A table for 4 at 8 pm");
}

#[tokio::test]
async fn the_editor_streams_on_what_the_storyteller_writes() {
    let writer = Served::start("streaming", &[]);
    let editor = Served::editor_of(&writer);
    let edited = task(&editor.client().await, "tides").await;
    let text = edited.task().unwrap().artifact("edited").unwrap().text();
    assert_eq!(text, "IT BEGAN WITH THE MOON. THE SEA ROSE. THE SEA FELL. AND SO IT GOES ON.");
}

#[tokio::test]
async fn cancelling_the_editor_cancels_the_storyteller() {
    let writer = Served::start("streaming", &[]);
    let editor = Served::editor_of(&writer);
    let (editor, writer) = (editor.client().await, writer.client().await);
    let Sent::Task(edited) = editor.start("tides").await.unwrap() else { panic!("a message") };
    // Once the first words have come through, the editor has the storyteller's task in hand.
    let mut events = edited.watch().await.unwrap();
    while !matches!(events.next().await.unwrap().unwrap().response, StreamResponse::ArtifactUpdate(_)) {}
    assert_eq!(edited.cancel().await.unwrap().status.state, TaskState::Canceled);
    let listed = writer.list_tasks(CallContext::new(), Default::default()).await.unwrap();
    let theirs = writer.task(listed.tasks[0].id.clone());
    let ended = theirs.wait_for_completion(std::time::Duration::from_secs(20)).await.unwrap();
    assert_eq!(ended.status.state, TaskState::Canceled);
}

#[tokio::test]
async fn authenticated_knows_whose_the_token_is() {
    let agent = Served::start("authenticated", &[]);
    let refused = agent.client().await.send("hello").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unauthenticated);
    let client = Client::builder().bearer("t0ken").connect(&agent.url).await.unwrap();
    let greeted = task(&client, "hello").await;
    assert_eq!(greeted.task().unwrap().status.message.as_ref().unwrap().text(), "hello, alice");
}

#[tokio::test]
async fn the_dictionary_has_methods_of_its_own() {
    let agent = Served::start("own_methods", &[]);
    for before in ["unknown", "the sea's rise and fall"] {
        let output = example("own_methods").args(["call", &agent.url]).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(printed.starts_with(&format!("tide, which was {before}\ntidy, ")), "{printed}");
        assert!(printed.ends_with("\ntide: the sea's rise and fall\ntidy: in order\n"), "{printed}");
    }
    let looked_up = task(&agent.client().await, "moon").await;
    assert_eq!(looked_up.task().unwrap().status.message.as_ref().unwrap().text(), "why there are tides");
    let docs = String::from_utf8(example("own_methods").arg("docs").output().unwrap().stdout).unwrap();
    assert!(docs.contains("### `dictionary.example/list`\n\nLists all words"), "{docs}");
}

/// What the conformance suites ask, each in its own way: by the message's id, by its text, by an
/// instruction. The suites themselves are run by `tests/conformance/run.sh`.
#[tokio::test]
async fn the_conformance_agent_does_what_a_message_names() {
    let agent = Served::start_with("conformance_agent", &["--httpPort", "0", "--grpcPort", "0"]);
    let client = agent.client().await;

    let mut message = client.message("anything");
    message.message_id = "tck-artifact-file-url-1".into();
    let sent = client.send_message(CallContext::new(), SendMessageRequest::new(message)).await.unwrap();
    let SendMessageResponse::Task(named_by_id) = sent else { panic!("a message") };
    let url = Content::Url("https://example.com/output.txt".to_owned());
    assert_eq!(named_by_id.artifacts[0].parts[0].content, url);

    let first = task(&client, "tck-multi-turn begin").await;
    assert_eq!(first.task().unwrap().status.state, TaskState::InputRequired);
    let Sent::Task(second) = first.reply("done").await.unwrap() else { panic!("a message") };
    assert_eq!(second.task().unwrap().status.state, TaskState::Completed);

    let payload = json!({"jsonrpc": "2.0", "id": "1", "error": {"code": -32001, "message": "Task not found"}});
    let parts =
        vec![Part::text("tck-client-parse"), Part::data(json!({"operation": "get_task", "wire_payload": payload}))];
    let Sent::Task(parsed) = client.send(parts).await.unwrap() else { panic!("a message") };
    let error = Content::Data(json!({"error": {"code": -32001, "message": "Task not found"}}));
    assert_eq!(parsed.task().unwrap().artifacts[0].parts[0].content, error);

    // Field 2 (return_response) with field 1 (response): "back".
    let instruction = Part::raw(*b"\x12\x06\x0a\x04back").media_type("application/x-protobuf");
    let Sent::Task(told) = client.send(instruction).await.unwrap() else { panic!("a message") };
    assert_eq!(told.task().unwrap().status.message.as_ref().unwrap().text(), "back");
}
