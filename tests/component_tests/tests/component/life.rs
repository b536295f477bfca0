//! What is different in a component: it lives and dies with instances, and calls by its host.

use std::time::Duration;

use agent_sdk::{
    client_builder,
    prelude::*,
    protocol::{
        ErrorKind, SendMessageRequest, SendMessageResponse, StreamEvent, StreamResponse, TaskPushNotificationConfig,
    },
};
use component_host::{Host, Serving};
use futures::StreamExt;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    agent::kinds,
    bindings::{component, host},
    gates::Gates,
    line::Line,
    world::{brief, briefs, next, refusal},
};

/// What no test waits longer for.
const LIMIT: Duration = Duration::from_secs(60);

async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(LIMIT, future).await.expect("it happens")
}

/// Serves the agent of this name, with its tasks in the memory of its instance.
async fn serve(name: &str, change: impl FnOnce(Host) -> Host) -> (Serving, Line) {
    let line = Line::open().await;
    let host = host(name, &line).env("BEHAVIOUR_STORAGE", "memory");
    let serving = change(host).serve(&component().await).await.unwrap();
    (serving, line)
}

/// Serves it with its tasks in a database.
async fn serve_stored(name: &str, change: impl FnOnce(Host) -> Host) -> (Serving, Line, TempDir) {
    let (line, directory) = (Line::open().await, tempfile::tempdir().unwrap());
    let host = host(name, &line).sqlite("default", directory.path().join("tasks.db"));
    let serving = change(host).serve(&component().await).await.unwrap();
    (serving, line, directory)
}

/// Waits until no instance is left.
async fn ended(serving: &Serving) {
    soon(serving.instances().wait_for(|instances| instances.running() == 0)).await.unwrap();
}

async fn client(url: &str) -> Client {
    client_builder().idempotent_sends(false).connect(url).await.unwrap()
}

/// Serves an agent that a component calls, and says where.
async fn native(agent: Agent) -> String {
    let serving = agent.bind("127.0.0.1:0").await.unwrap();
    let url = serving.url();
    tokio::spawn(serving.serve_until(std::future::pending()));
    url
}

fn request(client: &Client, text: &str) -> SendMessageRequest {
    SendMessageRequest::new(client.message(text))
}

/// Asks for a path at a host of this name.
async fn ask(serving: &Serving, host: &str, path: &str) -> TcpStream {
    let mut socket = TcpStream::connect(serving.address()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    socket
}

/// The whole answer, as it is.
async fn answer(mut socket: TcpStream) -> String {
    let mut answer = String::new();
    soon(socket.read_to_string(&mut answer)).await.unwrap();
    answer
}

async fn get(serving: &Serving, host: &str, path: &str) -> String {
    answer(ask(serving, host, path).await).await
}

/// Has the instance that is at this gate panic. Another one that gets the message does too.
async fn panic_at(gate: &str, client: &Client, gates: &Gates) {
    let panicked = async {
        let pause = Duration::from_millis(100);
        while tokio::time::timeout(pause, gates.wait(gate, |gate| gate.dropped)).await.is_err() {
            let panicked = client.send_message(CallContext::new(), request(client, "panic")).await;
            let (kind, told) = refusal(panicked);
            assert_eq!(kind, ErrorKind::Internal);
            assert!(!told.contains("secret"), "{told}");
        }
    };
    soon(panicked).await;
}

#[tokio::test]
async fn a_panic_ends_all_calls_of_its_instance_and_the_next_gets_a_new_one() {
    // A host may start another instance at any time: again, until there is one.
    let (serving, line, client, mut stream, waiting) = loop {
        let (serving, line) = serve("PLAIN", |host| host).await;
        let client = client(&serving.url()).await;
        let stream = client.send_streaming_message(CallContext::new(), request(&client, "gate a")).await.unwrap();
        let waiting = tokio::spawn({
            let (client, request) = (client.clone(), request(&client, "silent b"));
            async move { client.send_message(CallContext::new(), request).await }
        });
        soon(line.gates.wait("a", |gate| gate.entered)).await;
        soon(line.gates.wait("b", |gate| gate.entered)).await;
        if serving.instances().borrow().started == 1 {
            break (serving, line, client, stream, waiting);
        }
    };
    let StreamResponse::Task(task) = next(&mut stream).await.response.clone() else { panic!("not a task") };
    assert_eq!(brief(&*next(&mut stream).await), "status working");

    panic_at("a", &client, &line.gates).await;

    soon(line.gates.wait("b", |gate| gate.dropped)).await;
    assert_eq!(refusal(soon(waiting).await.unwrap()).0, ErrorKind::Internal);
    // Its clean end is not taken for the task's.
    let end = soon(stream.next()).await.unwrap();
    assert_eq!(refusal(end).0, ErrorKind::TaskNotFound);
    assert_eq!(refusal(client.task(task.id.clone()).get().await).0, ErrorKind::TaskNotFound);
    let Sent::Task(done) = client.send("complete").await.unwrap() else { panic!("a message") };
    assert_eq!(done.task().unwrap().status.state, TaskState::Completed);
    assert!(serving.stderr().borrow().contains("secret detail"), "the log says why");
}

#[tokio::test]
async fn an_instance_without_work_ends_and_only_stored_tasks_outlive_it() {
    let idle = |host: Host| host.idle(Duration::from_millis(50));
    let (in_memory, _line) = serve("PLAIN", idle).await;
    let (stored, _line, _directory) = serve_stored("PLAIN", idle).await;
    let mut found = Vec::new();
    for serving in [&in_memory, &stored] {
        let client = client(&serving.url()).await;
        let Sent::Task(asked) = client.send("ask").await.unwrap() else { panic!("a message") };
        ended(serving).await;
        found.push(asked.get().await.map(|task| task.status.state.clone()).map_err(|error| error.kind()));
        ended(serving).await;
    }
    assert_eq!(found, [Err(ErrorKind::TaskNotFound), Ok(TaskState::InputRequired)]);
}

#[tokio::test]
async fn an_instance_goes_on_for_what_it_has_begun() {
    let (serving, line, _directory) = serve_stored("PLAIN", |host| host.idle(Duration::ZERO)).await;
    let client = client(&serving.url()).await;
    let Sent::Task(task) = client.start("gate a").await.unwrap() else { panic!("a message") };
    soon(line.gates.wait("a", |gate| gate.entered)).await;
    assert!(serving.instances().borrow().running() > 0, "nobody calls, and the handler waits");
    line.gates.open("a");
    ended(&serving).await;
    assert_eq!(task.get().await.unwrap().status.state, TaskState::Completed);
}

#[tokio::test]
async fn a_task_of_an_instance_that_died_is_failed_by_another() {
    let (serving, line, _directory) = serve_stored("IMPATIENT", |host| host).await;
    let client = client(&serving.url()).await;
    let Sent::Task(task) = client.start("gate a").await.unwrap() else { panic!("a message") };
    soon(line.gates.wait("a", |gate| gate.entered)).await;

    panic_at("a", &client, &line.gates).await;

    let failed = soon(task.wait_for_completion(None)).await.unwrap();

    assert_eq!(failed.status.state, TaskState::Failed);
    let told = failed.status.message.as_ref().unwrap().text();
    assert!(told.contains("the process that ran the agent was lost"), "{told}");
}

/// Writes in parts, and waits after each.
async fn tell(gates: Gates, task: TaskUpdater) -> Result<(), HandlerError> {
    let mut story = task.artifact("story");
    for part in ["one", "two", "three"] {
        story.append(part).await?;
        gates.pass(part).await;
    }
    task.complete().await
}

#[tokio::test]
async fn what_another_agent_writes_is_passed_on_as_it_comes() {
    let gates = Gates::default();
    let teller = Agent::new("Teller", "Tells").skill(Skill::new("tell", "Tell").tag("test"), {
        let gates = gates.clone();
        move |_: Turn, task: TaskUpdater| tell(gates.clone(), task)
    });
    let teller = native(teller).await;
    let (serving, _line) = serve("PASSES_ON", |host| host.allow(&teller)).await;
    let client = client(&serving.url()).await;

    let request = request(&client, &format!("{teller} tell"));
    let mut stream = client.send_streaming_message(CallContext::new(), request).await.unwrap();
    assert_eq!(brief(&*soon(next(&mut stream)).await), "task submitted");
    assert_eq!(brief(&*soon(next(&mut stream)).await), "status working");
    for part in ["one", "two", "three"] {
        let event = soon(next(&mut stream)).await;
        let StreamResponse::ArtifactUpdate(update) = &event.response else { panic!("{event:?}") };
        assert_eq!(update.artifact.text(), part);
        gates.open(part);
    }
    assert_eq!(brief(&*soon(next(&mut stream)).await), "status completed");
}

#[tokio::test]
async fn a_cancellation_reaches_the_agent_that_is_called() {
    let gates = Gates::default();
    let called = native(kinds::PLAIN.agent(&gates)).await;
    let (serving, _line) = serve("PASSES_ON", |host| host.allow(&called)).await;
    let client = client(&serving.url()).await;
    let Sent::Task(task) = client.start(format!("{called} gate g")).await.unwrap() else { panic!("a message") };
    soon(gates.wait("g", |gate| gate.entered)).await;

    let canceled = soon(task.cancel()).await.unwrap();

    assert_eq!(canceled.status.state, TaskState::Canceled);
    soon(gates.wait("g", |gate| gate.dropped)).await;
}

#[tokio::test]
async fn a_host_that_may_not_be_called_is_named_in_the_log() {
    let called = native(kinds::PLAIN.agent(&Gates::default())).await;
    let (serving, _line) = serve("PASSES_ON", |host| host).await;
    let client = client(&serving.url()).await;

    let Sent::Task(task) = client.send(format!("{called} complete")).await.unwrap() else { panic!("a message") };

    assert_eq!(task.task().unwrap().status.state, TaskState::Failed);
    let address = called.trim_start_matches("http://");
    let says = format!("does not let it call {address}: allowed_outbound_hosts has to name it");
    assert!(serving.stderr().borrow().contains(&says), "{}", *serving.stderr().borrow());
}

#[tokio::test]
async fn an_agent_without_an_address_of_its_own_has_that_of_this_machine_only() {
    let (serving, _line) = serve("PLAIN", |host| host).await;

    let answer = get(&serving, "agent.example", "/.well-known/agent-card.json").await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(serving.stderr().borrow().contains("the agent cannot be served: "), "{}", *serving.stderr().borrow());

    let answer = get(&serving, "localhost:3000", "/.well-known/agent-card.json").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains(r#""url":"http://localhost:3000/""#), "{answer}");
}

#[tokio::test]
async fn where_no_host_says_what_is_called_the_agent_has_to_be_told() {
    let (serving, _line) = serve("PLAIN", Host::paths_only).await;
    let answer = get(&serving, "localhost:3000", "/.well-known/agent-card.json").await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(serving.stderr().borrow().contains("set NUNCIO_PUBLIC_URL in the environment"));

    let public = "http://localhost:3000";
    let (serving, _line) = serve("PLAIN", |host| host.paths_only().env("NUNCIO_PUBLIC_URL", public)).await;
    let answer = get(&serving, "localhost:3000", "/.well-known/agent-card.json").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains(r#""url":"http://localhost:3000/""#), "{answer}");
}

#[tokio::test]
async fn an_agent_below_a_path_is_reached_there() {
    let public = "https://agents.example/one/";
    let (serving, _line) = serve("PLAIN", |host| host.env("NUNCIO_PUBLIC_URL", public)).await;
    for path in ["/one/.well-known/agent-card.json", "/one/.well-known/agent-card.json?a=b"] {
        let answer = get(&serving, "agents.example", path).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains(r#""url":"https://agents.example/one/""#), "{answer}");
    }
    let task = "/tasks/0190b7a0-0000-4000-8000-000000000001";
    let answer = get(&serving, "agents.example", &format!("/one{task}")).await;
    assert!(answer.contains("TASK_NOT_FOUND"), "{answer}");
    let answer = get(&serving, "agents.example", "/onetasks").await;
    assert!(answer.starts_with("HTTP/1.1 404 ") && !answer.contains("TASK_NOT_FOUND"), "{answer}");
}

#[tokio::test]
async fn callers_that_come_while_the_agent_is_made_wait_for_it() {
    let (serving, line) = serve("SLOW", |host| host).await;
    let first = ask(&serving, "localhost", "/ready").await;
    soon(line.gates.wait("made", |gate| gate.entered)).await;
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(ask(&serving, "localhost", "/ready").await);
    }
    // The one for which it is made goes away.
    drop(first);
    line.gates.open("made");
    for other in others {
        let answer = answer(other).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
}

#[tokio::test]
async fn webhooks_are_called_by_the_component() {
    let (serving, line) = serve("CALLS_WEBHOOKS", |host| host).await;
    let client = client(&serving.url()).await;
    let mut request = request(&client, "task");
    let mut config = TaskPushNotificationConfig::default();
    config.url = format!("{}/told", line.url);
    request.configuration.get_or_insert_default().task_push_notification_config = Some(config);

    let SendMessageResponse::Task(task) = client.send_message(CallContext::new(), request).await.unwrap() else {
        panic!("a message")
    };

    let mut told = line.gates.told();
    let told = soon(told.wait_for(|told| told.len() >= 4)).await.unwrap().clone();
    let events = told.iter().map(|told| StreamEvent::new(None, serde_json::from_str(told).unwrap()).into());
    let expected = ["task submitted", "status working", "artifact answer last", "status completed"];
    assert_eq!(briefs(&events.collect::<Vec<_>>()), expected);
    assert_eq!(task.status.state, TaskState::Completed);
}
