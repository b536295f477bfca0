//! What our client makes of agents.

use std::time::Duration;

use a2a_app_ports::{AgentOperations, AnsweredCode, CallContext, Reply, TransportError};
use a2a_protocol_core::{
    CancelTaskRequest, CustomCall, DeleteTaskPushNotificationConfigRequest, Error, ErrorKind,
    GetExtendedAgentCardRequest, GetTaskPushNotificationConfigRequest, GetTaskRequest,
    ListTaskPushNotificationConfigsRequest, ListTasksRequest, Message, SendMessageRequest, SendMessageResponse,
    StreamResponse, SubscribeToTaskRequest, TaskPushNotificationConfig,
};
use futures::{StreamExt, stream};
use tokio::net::TcpListener;

use crate::support::{Agent, Server, connect, event, fitting_reply, task};

fn send() -> SendMessageRequest {
    SendMessageRequest::new(Message::user("m", "hello"))
}

fn cause<T: std::error::Error + 'static>(error: &Error) -> Option<&T> {
    error.cause()?.downcast_ref()
}

#[tokio::test]
async fn every_operation_is_asked_and_answered() {
    let agent = Agent::fitting();
    let server = Server::of(agent.clone()).await;
    let (client, context) = (server.ours(), CallContext::new);
    let SendMessageResponse::Message(said) = client.send_message(context(), send()).await.unwrap() else {
        panic!("a task")
    };
    assert_eq!(said.text(), "hello");
    assert_eq!(client.get_task(context(), GetTaskRequest::new("t")).await.unwrap(), task());
    assert_eq!(client.cancel_task(context(), CancelTaskRequest::new("t")).await.unwrap(), task());
    client.list_tasks(context(), ListTasksRequest::default()).await.unwrap();
    let mut config = TaskPushNotificationConfig::default();
    (config.task_id, config.url) = (Some("t".to_owned()), "https://hook.example".to_owned());
    let created = client.create_task_push_notification_config(context(), config).await.unwrap();
    assert_eq!(created.url, "https://hook.example");
    let mut get = GetTaskPushNotificationConfigRequest::default();
    (get.task_id, get.id) = ("t".to_owned(), "c".to_owned());
    client.get_task_push_notification_config(context(), get).await.unwrap();
    let mut list = ListTaskPushNotificationConfigsRequest::default();
    list.task_id = "t".to_owned();
    client.list_task_push_notification_configs(context(), list).await.unwrap();
    let mut delete = DeleteTaskPushNotificationConfigRequest::default();
    (delete.task_id, delete.id) = ("t".to_owned(), "c".to_owned());
    client.delete_task_push_notification_config(context(), delete).await.unwrap();
    let card = client.get_extended_agent_card(context(), GetExtendedAgentCardRequest::default()).await.unwrap();
    assert_eq!(card.name, "Fake");
    for stream in [
        client.send_streaming_message(context(), send()).await.unwrap(),
        client.subscribe_to_task(context(), SubscribeToTaskRequest::new("t")).await.unwrap(),
    ] {
        let events: Vec<_> = stream.map(|event| event.unwrap().response.clone()).collect().await;
        assert!(
            matches!(&events[..], [StreamResponse::Message(one), StreamResponse::Message(_)] if one.text() == "one")
        );
    }
    let methods: Vec<_> = agent.asked().into_iter().filter_map(|(_, call)| call.method()).collect();
    assert_eq!(methods.len(), 11);
}

#[tokio::test]
async fn the_context_travels_as_metadata() {
    let agent = Agent::fitting();
    let mut card = crate::support::card();
    card.capabilities.extensions.push(a2a_protocol_core::AgentExtension::new("urn:a"));
    card.security_schemes.insert("m".to_owned(), a2a_protocol_core::SecurityScheme::MutualTls(Default::default()));
    let server = Server::with(agent.clone(), card, |_| {}).await;
    let mut context = CallContext::new();
    context.extensions = vec!["urn:a".to_owned()];
    context.headers.insert("authorization", "Bearer s".parse().unwrap());
    context.headers.insert("host", "elsewhere".parse().unwrap());
    server.ours().get_task(context, GetTaskRequest::new("t")).await.unwrap();
    let (heard, _) = agent.asked().remove(0);
    assert_eq!(heard.extensions, ["urn:a"]);
    let headers = &heard.presented.unwrap().headers;
    assert_eq!(
        (&headers["authorization"], &headers["a2a-version"]),
        (&"Bearer s".parse().unwrap(), &"1.0".parse().unwrap())
    );
    assert!(headers.get("host").is_none());
}

#[tokio::test]
async fn an_error_is_what_the_agent_said() {
    for kind in [ErrorKind::TaskNotFound, ErrorKind::ExtensionSupportRequired, ErrorKind::PermissionDenied] {
        let server = Server::of(Agent::failing(kind)).await;
        let error = server.ours().get_task(CallContext::new(), GetTaskRequest::new("t")).await.unwrap_err();
        assert_eq!((error.kind(), error.message(), error.metadata()["taskId"].as_str()), (kind, "no", "t"));
        assert_eq!(cause(&error), Some(&AnsweredCode(kind.json_rpc_code())));
        let streamed = server.ours().send_streaming_message(CallContext::new(), send()).await;
        assert_eq!(streamed.err().unwrap().kind(), kind);
    }
}

#[tokio::test]
async fn methods_of_the_agents_own_are_not_found() {
    let server = Server::of(Agent::fitting()).await;
    let call = a2a_protocol_core::Call::Custom(CustomCall::new("vendor/x", None));
    assert_eq!(server.ours().handle(CallContext::new(), call).await.unwrap_err().kind(), ErrorKind::MethodNotFound);
}

#[tokio::test]
async fn nobody_there_is_a_failure_to_connect() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let error = connect(&address).get_task(CallContext::new(), GetTaskRequest::new("t")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(cause::<TransportError>(&error).unwrap().is_connect(), "{error:?}");
}

#[tokio::test]
async fn a_connection_that_breaks_is_no_failure_to_connect() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let closing = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 1024];
        // The preface, and then something of the request.
        tokio::io::AsyncReadExt::read(&mut socket, &mut buffer).await.unwrap();
    });
    let error = connect(&address).get_task(CallContext::new(), GetTaskRequest::new("t")).await.unwrap_err();
    closing.await.unwrap();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(!cause::<TransportError>(&error).unwrap().is_connect(), "{error:?}");
}

#[tokio::test]
async fn a_stream_that_a_server_leaves_was_cut() {
    let server =
        Server::of(Agent::streaming(|| stream::iter([Ok(event("one"))]).chain(stream::pending()).boxed())).await;
    let mut stream = server.ours().send_streaming_message(CallContext::new(), send()).await.unwrap();
    assert!(stream.next().await.unwrap().is_ok());
    server.stop().await;
    let error = stream.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(cause::<TransportError>(&error).is_some(), "{error:?}");
}

#[tokio::test]
async fn streams_that_stay_open_keep_no_call_waiting() {
    let agent = Agent::answering(|_, call| {
        Ok(match call.method() {
            Some(method) if method.is_streaming() => {
                Reply::Stream(stream::iter([Ok(event("one"))]).chain(stream::pending()).boxed())
            }
            _ => fitting_reply(&call),
        })
    });
    let server = Server::of(agent).await;
    let client = server.ours();
    // More than the server takes on one connection.
    let all = async {
        let mut open = Vec::new();
        for _ in 0..260 {
            let mut stream =
                client.subscribe_to_task(CallContext::new(), SubscribeToTaskRequest::new("t")).await.unwrap();
            stream.next().await.unwrap().unwrap();
            open.push(stream);
        }
        assert_eq!(client.get_task(CallContext::new(), GetTaskRequest::new("t")).await.unwrap(), task());
    };
    tokio::time::timeout(Duration::from_secs(30), all).await.expect("a call waits for the streams");
}
