//! Our client calls agents on their SDKs of version 0.3.

use agent_sdk::{
    prelude::*,
    protocol::{
        CancelTaskRequest, DeleteTaskPushNotificationConfigRequest, ErrorKind, GetExtendedAgentCardRequest,
        GetTaskPushNotificationConfigRequest, GetTaskRequest, ListTaskPushNotificationConfigsRequest,
        SendMessageRequest, SubscribeToTaskRequest, TaskPushNotificationConfig,
    },
};

use crate::{
    Sdk,
    our_client::{Peer, cancelling, sending},
};

async fn every_operation_works(sdk: Sdk, binding: &str) {
    let peer = Peer::start(sdk, binding).await;
    assert_eq!(peer.client.card().skills[0].id, "peer");
    let task = sending(&peer).await;
    for (text, state) in [("fail", TaskState::Failed), ("reject", TaskState::Rejected)] {
        assert_eq!(peer.task(text).await.status.state, state);
    }
    cancelling(&peer).await;
    push_configurations(&peer, &task, sdk, binding).await;
    extended_card(&peer, sdk).await;
    refusals(&peer, &task, sdk, binding).await;
}

async fn push_configurations(peer: &Peer, task: &Task, sdk: Sdk, binding: &str) {
    let client = &peer.client;
    let mut config = TaskPushNotificationConfig::default();
    (config.task_id, config.id) = (Some(task.id.to_string()), Some("p".to_owned()));
    config.url = "http://127.0.0.1:9/hook".to_owned();
    config.token = Some("secret".to_owned());
    let created = client.create_task_push_notification_config(CallContext::new(), config.clone()).await.unwrap();
    assert_eq!(created, config);
    let mut get = GetTaskPushNotificationConfigRequest::default();
    (get.task_id, get.id) = (task.id.to_string(), "p".to_owned());
    let got = client.get_task_push_notification_config(CallContext::new(), get).await.unwrap();
    assert_eq!(got, config);
    // The Python SDK has the other two over JSON-RPC only.
    if sdk == Sdk::PythonV03 && binding != "JSONRPC" {
        return;
    }
    let mut list = ListTaskPushNotificationConfigsRequest::default();
    list.task_id = task.id.to_string();
    let listed = client.list_task_push_notification_configs(CallContext::new(), list.clone()).await.unwrap();
    assert_eq!(listed.configs, [config]);
    let mut delete = DeleteTaskPushNotificationConfigRequest::default();
    (delete.task_id, delete.id) = (task.id.to_string(), "p".to_owned());
    client.delete_task_push_notification_config(CallContext::new(), delete).await.unwrap();
    let listed = client.list_task_push_notification_configs(CallContext::new(), list).await.unwrap();
    assert_eq!(listed.configs, []);
}

async fn extended_card(peer: &Peer, sdk: Sdk) {
    let request = GetExtendedAgentCardRequest::default();
    let card = peer.client.get_extended_agent_card(CallContext::new(), request).await;
    match sdk {
        Sdk::PythonV03 => assert_eq!(card.unwrap().supported_interfaces, peer.client.card().supported_interfaces),
        // Its agent has none.
        _ => assert!(card.is_err(), "{card:?}"),
    }
}

async fn refusals(peer: &Peer, ended: &Task, sdk: Sdk, binding: &str) {
    let client = &peer.client;
    let context = CallContext::new;
    let nobody = "0190b7a0-0000-4000-8000-000000000001";
    let error = client.get_task(context(), GetTaskRequest::new(nobody)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TaskNotFound);
    let error = client.subscribe_to_task(context(), SubscribeToTaskRequest::new(nobody)).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::TaskNotFound);
    let error = client.cancel_task(context(), CancelTaskRequest::new(&*ended.id)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TaskNotCancelable);
    let error = client.subscribe_to_task(context(), SubscribeToTaskRequest::new(&*ended.id)).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::UnsupportedOperation);
    let mut message = Message::user("late-1", "more");
    message.task_id = Some(ended.id.clone());
    let error = client.send_message(context(), SendMessageRequest::new(message)).await.unwrap_err();
    // 0.3 has no error of its own for it.
    let is_invalid_params = sdk == Sdk::PythonV03 || binding == "GRPC";
    let kind = if is_invalid_params { ErrorKind::InvalidParams } else { ErrorKind::InvalidRequest };
    assert_eq!(error.kind(), kind, "{binding}");
}

#[tokio::test]
async fn python_over_json_rpc() {
    every_operation_works(Sdk::PythonV03, "JSONRPC").await;
}

#[tokio::test]
async fn python_over_http_json() {
    every_operation_works(Sdk::PythonV03, "HTTP+JSON").await;
}

#[tokio::test]
async fn js_over_json_rpc() {
    every_operation_works(Sdk::JsV03, "JSONRPC").await;
}

#[tokio::test]
async fn js_over_http_json() {
    every_operation_works(Sdk::JsV03, "HTTP+JSON").await;
}

#[tokio::test]
async fn python_over_grpc() {
    every_operation_works(Sdk::PythonV03, "GRPC").await;
}

#[tokio::test]
async fn js_over_grpc() {
    every_operation_works(Sdk::JsV03, "GRPC").await;
}
