//! An agent over TLS.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::time::Duration;

use agent_sdk::{
    ConnectionOptions, client_builder,
    prelude::*,
    protocol::{AgentInterface, GetTaskRequest, SubscribeToTaskRequest},
};
use futures::StreamExt;
use tokio::{io::AsyncReadExt, net::TcpStream, sync::oneshot};

const CERTIFICATE: &[u8] = include_bytes!("../../a2a_http_client/tests/support/certificate.pem");
const KEY: &[u8] = include_bytes!("../../a2a_http_client/tests/support/key.pem");

struct Echo;

impl MessageHandler for Echo {
    async fn handle(&self, turn: Turn, task: TaskUpdater) -> Result<(), HandlerError> {
        if turn.text() == "wait" {
            task.working("waiting").await?;
            std::future::pending::<()>().await;
        }
        task.reply(turn.text()).await
    }
}

fn echo() -> Agent {
    Agent::new("Echo", "Says back what it hears").skill(Skill::new("echo", "Echo").tag("demo"), Echo)
}

#[tokio::test]
async fn an_agent_with_a_certificate_is_called_over_tls_by_every_binding() {
    let serving = echo().tls(CERTIFICATE, KEY).unwrap().bind("127.0.0.1:0").await.unwrap();
    let url = serving.url();
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(serving.serve_until(async { stopped.await.unwrap_or_default() }));
    for binding in ["JSONRPC", "HTTP+JSON", "GRPC"] {
        let builder = client_builder().danger_accept_invalid_certs(true).prefer([binding]);
        let client = builder.connect(&url).await.unwrap();
        let Sent::Task(task) = client.send("hello").await.unwrap() else { panic!("a message") };
        let task = task.wait_for_completion(None).await.unwrap();
        assert_eq!(task.status.state, TaskState::Completed, "{binding}");
    }
    stop.send(()).unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn grpc_at_a_name_of_the_machine_itself_is_called_over_tls_where_the_card_is() {
    let serving = echo().tls(CERTIFICATE, KEY).unwrap().bind("127.0.0.1:0").await.unwrap();
    let (url, port) = (serving.url(), serving.local_addr().port());
    let mut card = (*serving.card().get()).clone();
    card.supported_interfaces = vec![AgentInterface::new(format!("localhost:{port}"), "GRPC", "1.0")];
    serving.card().replace(card).unwrap();
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(serving.serve_until(async { stopped.await.unwrap_or_default() }));
    let builder = client_builder().danger_accept_invalid_certs(true).prefer(["GRPC"]);
    let client = builder.connect(&url).await.unwrap();
    client.send("hello").await.unwrap();
    stop.send(()).unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn streams_that_stay_open_over_tls_keep_no_call_waiting() {
    let mut limits = ConnectionOptions::default();
    limits.drain_time = Duration::ZERO;
    let serving = echo().limits(limits).tls(CERTIFICATE, KEY).unwrap().bind("127.0.0.1:0").await.unwrap();
    let url = serving.url();
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(serving.serve_until(async { stopped.await.unwrap_or_default() }));
    for binding in ["JSONRPC", "HTTP+JSON"] {
        let builder = client_builder().danger_accept_invalid_certs(true).prefer([binding]);
        let client = builder.connect(&url).await.unwrap();
        let Sent::Task(task) = client.start("wait").await.unwrap() else { panic!("a message") };
        // More than the server takes on one connection of HTTP/2.
        let all = async {
            let mut open = Vec::new();
            for _ in 0..260 {
                let subscribe = SubscribeToTaskRequest::new(&**task.id());
                let mut stream = client.subscribe_to_task(CallContext::new(), subscribe).await.unwrap();
                stream.next().await.unwrap().unwrap();
                open.push(stream);
            }
            client.get_task(CallContext::new(), GetTaskRequest::new(&**task.id())).await.unwrap();
        };
        tokio::time::timeout(Duration::from_secs(60), all).await.expect("a call waits for the streams");
    }
    stop.send(()).unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn a_caller_that_does_not_shake_hands_is_let_go() {
    let mut limits = ConnectionOptions::default();
    limits.header_timeout = Duration::from_millis(50);
    let serving = echo().limits(limits).tls(CERTIFICATE, KEY).unwrap().bind("127.0.0.1:0").await.unwrap();
    let address = serving.local_addr();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(serving.serve_until(async { stopped.await.unwrap_or_default() }));
    // One says nothing, one speaks plain HTTP: both come to an end without an answer to read.
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut received = Vec::new();
    let _ = silent.read_to_end(&mut received).await;
    assert!(received.is_empty());
    let error = Client::builder().connect(&format!("http://{address}")).await.unwrap_err();
    assert!(error.to_string().contains("cannot get the agent card"), "{error}");
    stop.send(()).unwrap();
    server.await.unwrap();
}

#[test]
fn certificates_and_keys_that_cannot_be_used_are_refused_without_showing_them() {
    let other_key = b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
    for (certificates, key, says) in [
        (&b"nonsense"[..], KEY, "no certificate"),
        (CERTIFICATE, b"nonsense", "no private key"),
        (CERTIFICATE, CERTIFICATE, "no private key"),
        (CERTIFICATE, other_key, "cannot be used"),
    ] {
        let error = echo().tls(certificates, key).unwrap_err().to_string();
        assert!(error.contains(says) && !error.contains("c2VjcmV0"), "{error}");
    }
}
