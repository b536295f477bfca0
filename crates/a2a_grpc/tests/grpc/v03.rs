//! Version 0.3 beside 1.0: the service `a2a.v1.A2AService`, seen by a client that is not ours, and
//! our client of it.

use std::sync::Arc;

use a2a_app_ports::{AgentOperations, AgentService, AnsweredCode, CallContext, ConnectOptions, Connector, Reply};
use a2a_grpc::Grpc;
use a2a_protocol_core::{
    AgentExtension, AgentInterface, Call, CancelTaskRequest, DeleteTaskPushNotificationConfigRequest, ErrorKind,
    GetExtendedAgentCardRequest, GetTaskPushNotificationConfigRequest, GetTaskRequest,
    ListTaskPushNotificationConfigsRequest, ListTasksRequest, Message, ProtocolVersion, Role, SecurityRequirement,
    SendMessageRequest, SendMessageResponse, StreamEvent, StreamResponse, SubscribeToTaskRequest,
    TaskPushNotificationConfig, TaskState, TaskStatus, TaskStatusUpdateEvent,
};
use futures::{StreamExt, stream};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, prost::Message as _};
use serde_json::{Value, json};
use tonic::{
    Code, Request, Status,
    client::Grpc as Client,
    codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::MetadataMap,
};
use tonic_types::StatusExt;

use crate::support::{Agent, Server, card, fitting_reply, task};

/// Messages by their descriptor.
#[derive(Clone)]
struct Json(MessageDescriptor);

impl Codec for Json {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Self;
    type Decoder = Self;
    fn encoder(&mut self) -> Self {
        self.clone()
    }
    fn decoder(&mut self) -> Self {
        self.clone()
    }
}

impl Encoder for Json {
    type Item = DynamicMessage;
    type Error = Status;
    fn encode(&mut self, item: DynamicMessage, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(buffer).unwrap();
        Ok(())
    }
}

impl Decoder for Json {
    type Item = DynamicMessage;
    type Error = Status;
    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        Ok(Some(DynamicMessage::decode(self.0.clone(), buffer).unwrap()))
    }
}

type Answered = Result<(MetadataMap, Vec<Value>), Status>;

/// Calls a method by its name, with and for ProtoJSON; one message or a stream of them.
async fn call(server: &Server, name: &str, json: Value, metadata: &[(&'static str, &'static str)]) -> Answered {
    let pool = DescriptorPool::decode(a2a_grpc::FILE_DESCRIPTOR_SET).unwrap();
    let service = pool.get_service_by_name("a2a.v1.A2AService").unwrap();
    let method = service.methods().find(|method| method.name() == name).unwrap();
    let mut request = Request::new(DynamicMessage::deserialize(method.input(), json).unwrap());
    for (name, value) in metadata {
        request.metadata_mut().append(*name, value.parse().unwrap());
    }
    let path = format!("/a2a.v1.A2AService/{name}").try_into().unwrap();
    let mut client = Client::new(server.channel());
    client.ready().await.unwrap();
    let codec = Json(method.output());
    if !method.is_server_streaming() {
        let (metadata, message, _) = client.unary(request, path, codec).await?.into_parts();
        return Ok((metadata, vec![serde_json::to_value(message).unwrap()]));
    }
    let (metadata, mut messages, _) = client.server_streaming(request, path, codec).await?.into_parts();
    let mut all = Vec::new();
    while let Some(message) = messages.message().await? {
        all.push(serde_json::to_value(message).unwrap());
    }
    Ok((metadata, all))
}

async fn ask(server: &Server, name: &str, json: Value) -> Value {
    let (_, mut messages) = call(server, name, json, &[]).await.unwrap();
    assert_eq!(messages.len(), 1);
    messages.remove(0)
}

fn send(text: &str) -> Value {
    json!({
        "message": {"messageId": "m", "role": "ROLE_USER", "content": [{"text": text}]},
        "configuration": {"blocking": true},
    })
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().expect("an ErrorInfo").reason
}

/// A card that 0.3 can tell.
fn card_of_03() -> a2a_protocol_core::AgentCard {
    let mut card = card();
    card.supported_interfaces = vec![AgentInterface::new("127.0.0.1:1", "GRPC", "0.3")];
    card
}

fn agent() -> Arc<Agent> {
    Agent::answering(|_, call| match call {
        Call::GetExtendedAgentCard(_) => Ok(Reply::Card(Arc::new(card_of_03()))),
        call => Ok(fitting_reply(&call)),
    })
}

#[tokio::test]
async fn every_operation_is_answered_in_its_own_words() {
    let agent = agent();
    let server = Server::of(agent.clone()).await;
    let said = ask(&server, "SendMessage", send("hello")).await;
    assert_eq!(said, json!({"message": {"messageId": "m1", "role": "ROLE_AGENT", "content": [{"text": "hello"}]}}));
    let expected = json!({"id": "t1", "contextId": "c1", "status": {"state": "TASK_STATE_COMPLETED"}});
    assert_eq!(ask(&server, "GetTask", json!({"name": "tasks/t1"})).await, expected);
    assert_eq!(ask(&server, "CancelTask", json!({"name": "tasks/t1"})).await, expected);
    for (name, request) in [("SendStreamingMessage", send("x")), ("TaskSubscription", json!({"name": "tasks/t1"}))] {
        let (_, events) = call(&server, name, request, &[]).await.unwrap();
        let texts: Vec<_> = events.iter().map(|event| &event["message"]["content"][0]["text"]).collect();
        assert_eq!(texts, ["one", "two"], "{name}");
    }
    let config = json!({"url": "https://hook.example", "authentication": {"schemes": ["Bearer"]}});
    let create = json!({"parent": "tasks/t1", "configId": "c", "config": {"pushNotificationConfig": config}});
    let created = ask(&server, "CreateTaskPushNotificationConfig", create).await;
    assert_eq!(created["pushNotificationConfig"]["url"], "https://hook.example");
    let name = json!({"name": "tasks/t1/pushNotificationConfigs/c"});
    ask(&server, "GetTaskPushNotificationConfig", name.clone()).await;
    ask(&server, "ListTaskPushNotificationConfig", json!({"parent": "tasks/t1", "pageSize": 3})).await;
    assert_eq!(ask(&server, "DeleteTaskPushNotificationConfig", name).await, json!({}));
    let card = ask(&server, "GetAgentCard", json!({})).await;
    assert_eq!(
        (&card["name"], &card["preferredTransport"], &card["protocolVersion"]),
        (&json!("Fake"), &json!("GRPC"), &json!("0.3.0"))
    );

    let asked = agent.asked();
    assert!(asked.iter().all(|(context, _)| context.version == ProtocolVersion::V0_3));
    let [
        (_, Call::SendMessage(sent)),
        (_, Call::GetTask(get)),
        _,
        _,
        (_, Call::SubscribeToTask(subscribe)),
        (_, Call::CreateTaskPushNotificationConfig(create)),
        (_, Call::GetTaskPushNotificationConfig(get_config)),
        (_, Call::ListTaskPushNotificationConfigs(list)),
        (_, Call::DeleteTaskPushNotificationConfig(delete)),
        (_, Call::GetExtendedAgentCard(_)),
    ] = &asked[..]
    else {
        panic!("{asked:?}")
    };
    assert!(!sent.configuration.as_ref().unwrap().return_immediately);
    assert_eq!((get.id.as_str(), get.history_length, subscribe.id.as_str()), ("t1", None, "t1"));
    assert_eq!((create.task_id.as_deref(), create.id.as_deref()), (Some("t1"), Some("c")));
    assert_eq!(create.authentication.as_ref().unwrap().scheme, "Bearer");
    assert_eq!((get_config.task_id.as_str(), get_config.id.as_str()), ("t1", "c"));
    assert_eq!((list.task_id.as_str(), list.page_size), ("t1", 3));
    assert_eq!((delete.task_id.as_str(), delete.id.as_str()), ("t1", "c"));
}

#[tokio::test]
async fn a_send_without_blocking_is_not_waited_for() {
    let agent = agent();
    let server = Server::of(agent.clone()).await;
    for configuration in [json!({}), json!({"acceptedOutputModes": ["text/plain"]})] {
        let mut request = send("x");
        request["configuration"] = configuration;
        ask(&server, "SendMessage", request).await;
        let (_, asked) = agent.asked().remove(0);
        let Call::SendMessage(sent) = asked else { panic!("{asked:?}") };
        assert!(sent.configuration.unwrap().return_immediately);
    }
}

#[tokio::test]
async fn the_version_is_0_3_or_left_out() {
    let server = Server::of(agent()).await;
    let get = || json!({"name": "tasks/t"});
    for metadata in [&[][..], &[("a2a-version", "0.3")], &[("a2a-version", "0.3.0")], &[("a2a-version", "")]] {
        call(&server, "GetTask", get(), metadata).await.unwrap();
    }
    for version in ["1.0", "99.0", "x"] {
        let status = call(&server, "GetTask", get(), &[("a2a-version", version)]).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "VERSION_NOT_SUPPORTED"));
        assert!(status.message().starts_with("VersionNotSupportedError: "), "{status:?}");
    }
    let only_1_0 = Server::with(agent(), card(), |options| options.v0_3 = false).await;
    let status = call(&only_1_0, "GetTask", get(), &[]).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test]
async fn methods_of_1_0_are_not_there() {
    let server = Server::of(agent()).await;
    let mut client = Client::new(server.channel());
    for name in ["ListTasks", "SubscribeToTask", "GetExtendedAgentCard", ""] {
        client.ready().await.unwrap();
        let path = format!("/a2a.v1.A2AService/{name}").try_into().unwrap();
        let codec = tonic_prost::ProstCodec::<(), ()>::default();
        let status = client.unary(Request::new(()), path, codec).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unimplemented, "METHOD_NOT_FOUND"));
    }
}

#[tokio::test]
async fn errors_are_told_by_name_code_and_details() {
    let (not_found, not_cancelable) = (ErrorKind::TaskNotFound, ErrorKind::TaskNotCancelable);
    for kind in [not_found, not_cancelable, ErrorKind::UnsupportedOperation, ErrorKind::Internal] {
        let server = Server::of(Agent::failing(kind)).await;
        let subscribe = ("TaskSubscription", json!({"name": "tasks/t"}));
        for (name, request) in [("GetTask", json!({"name": "tasks/t"})), subscribe] {
            let status = call(&server, name, request, &[]).await.unwrap_err();
            let code = match kind {
                ErrorKind::UnsupportedOperation => Code::Unimplemented,
                kind => Code::from_i32(i32::from(kind.grpc_code())),
            };
            assert_eq!((status.code(), status.message()), (code, &*format!("{}: no", kind.name())));
            assert_eq!(status.get_details_error_info().unwrap().metadata["taskId"], "t");
        }
    }
}

#[tokio::test]
async fn fields_at_fault_are_named_as_in_0_3() {
    let agent = agent();
    let server = Server::of(agent.clone()).await;
    let mut empty_part = send("x");
    empty_part["message"]["content"][0] = json!({"file": {"fileWithUri": ""}});
    let mut no_id = send("x");
    no_id["message"]["messageId"] = json!("");
    for (name, request, field) in [
        ("SendMessage", empty_part, "message.content[0].file.fileWithUri"),
        ("SendMessage", no_id.clone(), "message.messageId"),
        ("SendStreamingMessage", no_id, "message.messageId"),
        ("GetTask", json!({"name": "jobs/t"}), "name"),
        ("GetTaskPushNotificationConfig", json!({"name": "tasks/t"}), "name"),
        ("ListTaskPushNotificationConfig", json!({}), "parent"),
    ] {
        let status = call(&server, name, request, &[]).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_PARAMS"), "{name}");
        assert_eq!(status.get_details_bad_request().unwrap().field_violations[0].field, field, "{name}");
    }
    assert!(agent.asked().is_empty());
}

#[tokio::test]
async fn extensions_go_by_both_names() {
    let mut card = card();
    card.capabilities.extensions = vec![AgentExtension::new("urn:a"), AgentExtension::new("urn:b")];
    let agent = agent();
    let server = Server::with(agent.clone(), card, |_| {}).await;
    let asked = &[("x-a2a-extensions", "urn:a"), ("a2a-extensions", "urn:b")];
    let (metadata, _) = call(&server, "GetTask", json!({"name": "tasks/t"}), asked).await.unwrap();
    let (context, _) = agent.asked().remove(0);
    assert_eq!(context.extensions, ["urn:b", "urn:a"]);
    for name in ["x-a2a-extensions", "a2a-extensions"] {
        assert_eq!(metadata.get(name).unwrap(), "urn:b, urn:a");
    }
}

#[tokio::test]
async fn the_last_event_is_called_final_and_ends_the_stream() {
    for (last, name) in [(TaskState::Canceled, "CANCELLED"), (TaskState::InputRequired, "INPUT_REQUIRED")] {
        let update = |state| {
            let mut event = TaskStatusUpdateEvent::default();
            (event.task_id, event.context_id, event.status) = ("t".into(), "c".into(), TaskStatus::new(state));
            Ok(Arc::new(StreamEvent::new(None, StreamResponse::StatusUpdate(event))))
        };
        let agent = Agent::streaming(move || {
            stream::iter([TaskState::Working, last.clone()].map(update)).chain(stream::pending()).boxed()
        });
        let server = Server::of(agent).await;
        let (_, events) = call(&server, "TaskSubscription", json!({"name": "tasks/t"}), &[]).await.unwrap();
        let status = json!({"state": format!("TASK_STATE_{name}")});
        let last = json!({"statusUpdate": {"taskId": "t", "contextId": "c", "status": status, "final": true}});
        assert_eq!((events.len(), events[0]["statusUpdate"].get("final"), &events[1]), (2, None, &last));
    }
}

#[tokio::test]
async fn a_card_that_tells_nothing_of_0_3_is_told_by_its_interfaces_of_1_0() {
    let agent = Agent::answering(|_, _| {
        let mut card = card();
        card.supported_interfaces = vec![
            AgentInterface::new("https://agent.example", "JSONRPC", "1.0"),
            AgentInterface::new("agent.example:443", "GRPC", "1.0"),
        ];
        card.security_requirements = vec![SecurityRequirement::scheme("key")];
        Ok(Reply::Card(Arc::new(card)))
    });
    let server = Server::of(agent).await;
    let card = ask(&server, "GetAgentCard", json!({})).await;
    assert_eq!((&card["url"], &card["preferredTransport"]), (&json!("https://agent.example"), &json!("JSONRPC")));
    assert_eq!(card["additionalInterfaces"], json!([{"url": "agent.example:443", "transport": "GRPC"}]));
    assert_eq!(card["security"], json!([{"schemes": {"key": {}}}]));

    let server = Server::of(Agent::fitting()).await;
    let status = call(&server, "GetAgentCard", json!({}), &[]).await.unwrap_err();
    assert_eq!(reason(&status), "INVALID_AGENT_RESPONSE", "it has no interface at all");
}

#[tokio::test]
async fn the_public_card_is_told_where_there_is_none_for_known_callers() {
    for declared in [None, Some(false)] {
        let agent = Agent::failing(ErrorKind::Unauthenticated);
        let mut public = card_of_03();
        public.capabilities.extended_agent_card = declared;
        let server = Server::with(agent.clone(), public, |_| {}).await;
        let card = ask(&server, "GetAgentCard", json!({})).await;
        assert_eq!((&card["name"], &card["url"]), (&json!("Fake"), &json!("127.0.0.1:1")));
        assert!(agent.asked().is_empty());
    }
    let server = Server::of(Agent::failing(ErrorKind::Unauthenticated)).await;
    let status = call(&server, "GetAgentCard", json!({}), &[]).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated, "there is one");
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused() {
    let server = Server::with(agent(), card(), |options| options.max_message_bytes = 1000).await;
    let status = call(&server, "SendMessage", send(&"x".repeat(1000)), &[]).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "PAYLOAD_TOO_LARGE"));
}

#[tokio::test]
async fn gzip_is_understood_and_answered_where_it_is_accepted() {
    let server = Server::of(agent()).await;
    let mut client = Client::new(server.channel())
        .send_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Gzip);
    client.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/a2a.v1.A2AService/GetAgentCard");
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let reply = client.unary(Request::new(()), path, codec).await;
    let encoding = reply.as_ref().ok().and_then(|reply| reply.metadata().get("grpc-encoding"));
    assert_eq!(encoding.map(|encoding| encoding.as_bytes()), Some(&b"gzip"[..]), "{reply:?}");
}

/// Our client of 0.3.
fn ours(server: &Server) -> Arc<dyn AgentService> {
    let interface = AgentInterface::new(&*server.address, "GRPC", "0.3.0");
    Grpc.connect(&interface, &ConnectOptions::default()).unwrap()
}

fn message(text: &str) -> SendMessageRequest {
    SendMessageRequest::new(Message::user("m", text))
}

#[tokio::test]
async fn our_client_asks_and_understands_every_operation() {
    let agent = agent();
    let server = Server::of(agent.clone()).await;
    let (client, context) = (ours(&server), CallContext::new);
    let SendMessageResponse::Message(said) = client.send_message(context(), message("hello")).await.unwrap() else {
        panic!("a task")
    };
    assert_eq!((said.text(), said.role.clone()), ("hello".to_owned(), Role::Agent));
    assert_eq!(client.get_task(context(), GetTaskRequest::new("t")).await.unwrap(), task());
    assert_eq!(client.cancel_task(context(), CancelTaskRequest::new("t")).await.unwrap(), task());
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
    assert_eq!(card.supported_interfaces[0].protocol_binding, "GRPC");
    for stream in [
        client.send_streaming_message(context(), message("x")).await.unwrap(),
        client.subscribe_to_task(context(), SubscribeToTaskRequest::new("t")).await.unwrap(),
    ] {
        let events: Vec<_> = stream.map(|event| event.unwrap().response.clone()).collect().await;
        assert!(
            matches!(&events[..], [StreamResponse::Message(one), StreamResponse::Message(_)] if one.text() == "one")
        );
    }
    let asked = agent.asked();
    assert_eq!(asked.len(), 10);
    let (context, Call::SendMessage(sent)) = &asked[0] else { panic!("{asked:?}") };
    assert_eq!(context.version, ProtocolVersion::V0_3);
    assert!(!sent.configuration.as_ref().unwrap().return_immediately, "the default of 1.0 is to wait");
}

#[tokio::test]
async fn what_0_3_does_not_have_is_refused_before_it_is_asked() {
    let agent = agent();
    let server = Server::of(agent.clone()).await;
    let client = ours(&server);
    let error = client.list_tasks(CallContext::new(), ListTasksRequest::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MethodNotFound);
    let mut get = GetTaskRequest::new("t");
    get.tenant = Some("blue".to_owned());
    let error = client.get_task(CallContext::new(), get).await.unwrap_err();
    assert_eq!(error.field_violations()[0].field, "tenant");
    assert!(agent.asked().is_empty());
}

#[tokio::test]
async fn our_client_is_told_what_the_agent_said() {
    for kind in [ErrorKind::TaskNotFound, ErrorKind::TaskNotCancelable, ErrorKind::PermissionDenied] {
        let server = Server::of(Agent::failing(kind)).await;
        let error = ours(&server).get_task(CallContext::new(), GetTaskRequest::new("t")).await.unwrap_err();
        assert_eq!((error.kind(), error.message(), error.metadata()["taskId"].as_str()), (kind, "no", "t"));
        let code = error.cause().and_then(|cause| cause.downcast_ref::<AnsweredCode>());
        assert_eq!(code, Some(&AnsweredCode(kind.json_rpc_code())));
        let streamed = ours(&server).send_streaming_message(CallContext::new(), message("x")).await;
        assert_eq!(streamed.err().unwrap().kind(), kind);
    }
}

#[tokio::test]
async fn a_subscription_does_not_wait_for_its_first_event() {
    let release = Arc::new(tokio::sync::Notify::new());
    let released = release.clone();
    // Until it answers, our server sends no head, as others do not before the first event.
    let agent = Agent::waiting(move |_, call| {
        let released = released.clone();
        Box::pin(async move {
            released.notified().await;
            Ok(fitting_reply(&call))
        })
    });
    let server = Server::of(agent).await;
    let mut context = CallContext::new();
    context.version = ProtocolVersion::V0_3;
    let client =
        Grpc.connect(&AgentInterface::new(&server.address, "GRPC", "0.3"), &ConnectOptions::default()).unwrap();
    let events = client.subscribe_to_task(context, SubscribeToTaskRequest::new("t")).await.unwrap();
    release.notify_one();
    assert_eq!(events.map(|event| event.unwrap()).collect::<Vec<_>>().await.len(), 2);
}
