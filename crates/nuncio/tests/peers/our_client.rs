//! Our client calls agents on their SDKs.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use agent_sdk::{
    client_builder,
    ports::EventStream,
    prelude::*,
    protocol::{
        CancelTaskRequest, DeleteTaskPushNotificationConfigRequest, ErrorKind, GetExtendedAgentCardRequest,
        GetTaskPushNotificationConfigRequest, GetTaskRequest, ListTaskPushNotificationConfigsRequest, ListTasksRequest,
        SendMessageRequest, SendMessageResponse, StreamResponse, SubscribeToTaskRequest, TaskPushNotificationConfig,
        TaskStatus, log,
    },
};
use futures::StreamExt;

use crate::{Agent, Sdk};

pub(crate) struct Peer {
    pub(crate) client: Client,
    sdk: Sdk,
    _agent: Agent,
}

impl Peer {
    pub(crate) async fn start(sdk: Sdk, binding: &str) -> Self {
        let mut command = sdk.script("agent");
        command.args(["--port", "0"]);
        if sdk.version() == "1.0" {
            command.arg("--full");
        }
        let agent = tokio::task::spawn_blocking(|| Agent::start(command)).await.unwrap();
        let builder = client_builder().protocol_version(sdk.version()).prefer([binding]);
        let client = builder.connect(&agent.url).await.unwrap();
        assert_eq!(client.interface().protocol_binding, binding);
        Self { client, sdk, _agent: agent }
    }

    pub(crate) async fn task(&self, text: &str) -> Arc<Task> {
        match self.client.send(text).await.unwrap() {
            Sent::Task(task) => task.task().unwrap().clone(),
            Sent::Message(message) => panic!("a message: {message:?}"),
        }
    }

    pub(crate) async fn stream(&self, text: &str) -> EventStream {
        let request = SendMessageRequest::new(Message::user("stream-1", text));
        self.client.send_streaming_message(CallContext::new(), request).await.unwrap()
    }
}

/// What a stream makes of a task.
async fn folded(mut stream: EventStream) -> Task {
    let mut task = Task::new("", "", TaskStatus::default());
    while let Some(event) = stream.next().await {
        log::absorb(&mut task, &event.unwrap().response).unwrap();
    }
    task
}

async fn every_operation_works(sdk: Sdk, binding: &str) {
    let peer = Peer::start(sdk, binding).await;
    let task = sending(&peer).await;
    listing(&peer, &task).await;
    for (text, state) in [("fail", TaskState::Failed), ("reject", TaskState::Rejected)] {
        assert_eq!(peer.task(text).await.status.state, state);
    }
    cancelling(&peer).await;
    push_configurations(&peer).await;
    extended_card(&peer).await;
    refusals(&peer, &task).await;
}

/// Makes three tasks that complete, and gives the first.
pub(crate) async fn sending(peer: &Peer) -> Arc<Task> {
    let client = &peer.client;
    let Sent::Message(message) = client.send("echo hello").await.unwrap() else { panic!("a task") };
    assert_eq!(message.text(), "echo: hello");

    let task = peer.task("task hello").await;
    assert_eq!(task.status.state, TaskState::Completed);
    assert_eq!(task.artifacts[0].text(), "echo: hello");
    let mut request = GetTaskRequest::new(&*task.id);
    request.history_length = Some(0);
    let got = client.get_task(CallContext::new(), request).await.unwrap();
    assert_eq!((&got.id, got.history.len()), (&task.id, 0));

    let streamed = folded(peer.stream("chunks 40").await).await;
    assert_eq!(streamed.status.state, TaskState::Completed);
    let whole = client.get_task(CallContext::new(), GetTaskRequest::new(&*streamed.id)).await.unwrap();
    assert_eq!(streamed.artifacts[0].text(), whole.artifacts[0].text(), "the chunks are the artifact");

    let Sent::Task(asked) = client.send("ask").await.unwrap() else { panic!("a message") };
    assert_eq!(asked.task().unwrap().status.state, TaskState::InputRequired);
    let Sent::Task(answered) = asked.reply("blue").await.unwrap() else { panic!("a message") };
    let answered = answered.wait_for_completion(Duration::from_secs(30)).await.unwrap();
    assert_eq!((answered.id.clone(), answered.artifacts[0].text()), (asked.id().clone(), "blue".to_owned()));
    task
}

async fn listing(peer: &Peer, task: &Task) {
    let client = &peer.client;
    let mut request = ListTasksRequest::default();
    request.page_size = Some(1);
    let (mut listed, mut total) = (Vec::new(), 0);
    loop {
        let page = client.list_tasks(CallContext::new(), request.clone()).await.unwrap();
        listed.extend(page.tasks.iter().map(|task| task.id.clone()));
        total = total.max(page.total_size);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = Some(page.next_page_token);
    }
    assert_eq!(listed.len(), 3);
    assert_eq!(total, 3);
    assert!(listed.contains(&task.id));
}

pub(crate) async fn cancelling(peer: &Peer) {
    let client = &peer.client;
    let Sent::Task(held) = client.start("hold").await.unwrap() else { panic!("a message") };
    let request = SubscribeToTaskRequest::new(&**held.id());
    let mut watched = client.subscribe_to_task(CallContext::new(), request).await.unwrap();
    let first = watched.next().await.unwrap().unwrap();
    assert!(matches!(first.response, StreamResponse::Task(_)), "{first:?}");
    let canceled = held.cancel().await.unwrap();
    assert_eq!(canceled.status.state, TaskState::Canceled);
    let mut last = first;
    while let Some(event) = watched.next().await {
        last = event.unwrap();
    }
    assert_eq!(last.response.status().unwrap().state, TaskState::Canceled);
    // The JS SDK answers a second cancellation with the task instead of the error of section 3.1.5.
    if peer.sdk != Sdk::Js {
        assert_eq!(held.cancel().await.unwrap_err().kind(), ErrorKind::TaskNotCancelable);
    }
}

/// Configures webhooks, of which ours is told that the task is canceled.
async fn push_configurations(peer: &Peer) {
    let (client, context) = (&peer.client, CallContext::new);
    let mut command = Command::new(env!("CARGO_BIN_EXE_nuncio"));
    command.args(["webhook", "--listen", "127.0.0.1:0", "--token", "secret", "--count", "1", "--timeout", "30s"]);
    let mut webhook = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut printed = BufReader::new(webhook.stdout.take().unwrap());
    let mut first = String::new();
    printed.read_line(&mut first).unwrap();

    let Sent::Task(held) = client.start("hold").await.unwrap() else { panic!("a message") };
    let mut config = TaskPushNotificationConfig::default();
    (config.task_id, config.id) = (Some(held.id().to_string()), Some("p".to_owned()));
    config.url = first.trim().strip_prefix("URL: ").unwrap().to_owned();
    config.token = Some("secret".to_owned());
    assert_eq!(client.create_task_push_notification_config(context(), config.clone()).await.unwrap(), config);
    let mut get = GetTaskPushNotificationConfigRequest::default();
    (get.task_id, get.id) = (held.id().to_string(), "p".to_owned());
    assert_eq!(client.get_task_push_notification_config(context(), get).await.unwrap(), config);
    let mut other = config.clone();
    (other.id, other.token) = (Some("other".to_owned()), None);
    client.create_task_push_notification_config(context(), other).await.unwrap();
    let mut list = ListTaskPushNotificationConfigsRequest::default();
    list.task_id = held.id().to_string();
    let listed = client.list_task_push_notification_configs(context(), list.clone()).await.unwrap();
    assert_eq!(listed.configs.len(), 2, "{listed:?}");
    let mut delete = DeleteTaskPushNotificationConfigRequest::default();
    (delete.task_id, delete.id) = (held.id().to_string(), "other".to_owned());
    client.delete_task_push_notification_config(context(), delete).await.unwrap();
    let listed = client.list_task_push_notification_configs(context(), list).await.unwrap();
    assert_eq!(listed.configs, [config]);

    held.cancel().await.unwrap();
    let ended = tokio::task::spawn_blocking(move || {
        let mut told = String::new();
        printed.read_to_string(&mut told).unwrap();
        (webhook.wait().unwrap(), told)
    });
    let (status, told) = ended.await.unwrap();
    assert!(status.success() && told.contains("State: TASK_STATE_CANCELED"), "{status} {told}");
}

async fn extended_card(peer: &Peer) {
    let request = GetExtendedAgentCardRequest::default();
    let card = peer.client.get_extended_agent_card(CallContext::new(), request).await.unwrap();
    assert_eq!(card.description, "Extended");
    assert_eq!(card.supported_interfaces, peer.client.card().supported_interfaces);
}

async fn refusals(peer: &Peer, ended: &Task) {
    let client = &peer.client;
    let context = CallContext::new;
    let nobody = "0190b7a0-0000-4000-8000-000000000001";
    let error = client.get_task(context(), GetTaskRequest::new(nobody)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TaskNotFound);
    let error = client.cancel_task(context(), CancelTaskRequest::new(&*ended.id)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TaskNotCancelable);
    let mut message = Message::user("late-1", "more");
    message.task_id = Some(ended.id.clone());
    let sent: Result<SendMessageResponse, _> = client.send_message(context(), SendMessageRequest::new(message)).await;
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::UnsupportedOperation);
    let subscribed = client.subscribe_to_task(context(), SubscribeToTaskRequest::new(&*ended.id)).await;
    let error = match subscribed {
        Err(error) => error,
        Ok(mut stream) => stream.next().await.expect("an error").expect_err("the task has ended"),
    };
    assert_eq!(error.kind(), ErrorKind::UnsupportedOperation);
}

#[tokio::test]
async fn python_over_json_rpc() {
    every_operation_works(Sdk::Python, "JSONRPC").await;
}

#[tokio::test]
async fn python_over_http_json() {
    every_operation_works(Sdk::Python, "HTTP+JSON").await;
}

#[tokio::test]
async fn js_over_json_rpc() {
    every_operation_works(Sdk::Js, "JSONRPC").await;
}

#[tokio::test]
async fn js_over_http_json() {
    every_operation_works(Sdk::Js, "HTTP+JSON").await;
}

#[tokio::test]
async fn python_over_grpc() {
    every_operation_works(Sdk::Python, "GRPC").await;
}

#[tokio::test]
async fn js_over_grpc() {
    every_operation_works(Sdk::Js, "GRPC").await;
}
