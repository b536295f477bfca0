//! Where an agent answers gRPC.
#![cfg(feature = "grpc")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use agent_sdk::{
    ConnectionOptions, GrpcPort, Serving,
    client::Backoff,
    client_builder,
    prelude::*,
    protocol::{AgentCard, AgentInterface, ErrorKind, SendMessageRequest},
};
use futures::StreamExt;
use tokio::sync::oneshot;

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
    Agent::new("Echo", "Says back what it hears").skill(Skill::new("echo", "Echo"), Echo)
}

fn addresses(serving: &Serving) -> Vec<(String, String)> {
    let card = serving.card().get();
    card.supported_interfaces.iter().map(|of| (of.protocol_binding.clone(), of.url.clone())).collect()
}

#[tokio::test]
async fn a_port_of_its_own_is_named_and_answers_nothing_else() {
    let serving = echo().grpc(GrpcPort::Own("127.0.0.1:0".to_owned())).bind("127.0.0.1:0").await.unwrap();
    let own = serving.grpc_addr().unwrap();
    assert_ne!(own, serving.local_addr());
    assert!(addresses(&serving).contains(&("GRPC".to_owned(), own.to_string())));
    let url = serving.url();
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(serving.serve_until(async { stopped.await.unwrap_or_default() }));
    let client = client_builder().prefer(["GRPC"]).connect(&url).await.unwrap();
    assert_eq!(client.interface().url, own.to_string());
    let Sent::Task(task) = client.send("hello").await.unwrap() else { panic!("a message") };
    assert_eq!(task.task().unwrap().status.state, TaskState::Completed);
    client_builder().connect(&format!("http://{own}")).await.unwrap_err();
    stop.send(()).unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn an_agent_without_grpc_neither_names_nor_answers_it() {
    let serving = echo().grpc(GrpcPort::Off).bind("127.0.0.1:0").await.unwrap();
    assert!(serving.grpc_addr().is_none());
    let bindings: Vec<_> = addresses(&serving).into_iter().map(|(binding, _)| binding).collect();
    assert_eq!(bindings, ["JSONRPC", "HTTP+JSON"]);
    let mut card = AgentCard::clone(&serving.card().get());
    card.supported_interfaces = vec![AgentInterface::new(serving.local_addr().to_string(), "GRPC", "1.0")];
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(serving.serve_until(async { stopped.await.unwrap_or_default() }));
    let client = client_builder().with_card(card, None).unwrap();
    client.send("hello").await.unwrap_err();
    stop.send(()).unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn both_ports_go_down_together() {
    let mut limits = ConnectionOptions::default();
    limits.drain_time = std::time::Duration::ZERO;
    let agent = echo().limits(limits).grpc(GrpcPort::Own("127.0.0.1:0".to_owned()));
    let serving = agent.bind("127.0.0.1:0").await.unwrap();
    let url = serving.url();
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(serving.serve_until(async { stopped.await.unwrap_or_default() }));
    let none = Backoff { attempts: 0, ..Backoff::default() };
    let client = client_builder().prefer(["GRPC"]).backoff(none).connect(&url).await.unwrap();
    let request = SendMessageRequest::new(Message::user("m", "wait"));
    let mut stream = client.send_streaming_message(CallContext::new(), request).await.unwrap();
    stream.next().await.unwrap().unwrap();
    stream.next().await.unwrap().unwrap();
    stop.send(()).unwrap();
    server.await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap_err().kind(), ErrorKind::Unavailable);
}
