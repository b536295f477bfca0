//! Single calls in both bindings: what is sent, and how answers are understood.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use a2a_app_ports::{AgentOperations, AgentService, CallContext, Reply};
use a2a_http_client::{Client, Sent, TransportError};
use a2a_protocol_core::{
    Call, CancelTaskRequest, CustomCall, DeleteTaskPushNotificationConfigRequest, ErrorKind,
    GetExtendedAgentCardRequest, GetTaskRequest, ListTasksRequest, Message, Part, Role, SendMessageRequest,
    SendMessageResponse, TaskState, extensions::IDEMPOTENT_SEND,
};
use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};
use support::{Answer, FIRST_BYTE, ManualClock, Server, TIMEOUTS, cut, error, ok, reply, result, rpc, rpc_error, task};

fn hello() -> SendMessageRequest {
    SendMessageRequest::new(Message::new("m1", Role::User, vec![Part::text("hello")]))
}

async fn get(client: &Client) -> Result<Arc<a2a_protocol_core::Task>, a2a_protocol_core::Error> {
    client.get_task(CallContext::new(), GetTaskRequest::new("t")).await
}

#[tokio::test]
async fn a_json_rpc_call_is_a_post_to_the_interface_exactly_as_given() {
    let server = Server::start([result(json!({"task": task("COMPLETED")}))]).await;
    let mut card = server.card("JSONRPC");
    card["supportedInterfaces"][0]["url"] = json!(format!("{}/a2a/v1/?x=1", server.url));
    let client = server.client_of(ManualClock::new().builder(), card);
    let answer = client.send_message(CallContext::new(), hello()).await.unwrap();
    assert!(matches!(answer, SendMessageResponse::Task(task) if task.status.state == TaskState::Completed));

    let request = server.request();
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/a2a/v1/?x=1"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("accept"), Some("application/json"));
    assert_eq!(request.header("a2a-version"), Some("1.0"));
    assert_eq!(request.header("a2a-extensions"), None);
    let message = json!({"messageId": "m1", "role": "ROLE_USER", "parts": [{"text": "hello"}]});
    assert_eq!(
        request.json(),
        json!({"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {"message": message}})
    );
}

#[tokio::test]
async fn an_http_json_call_goes_below_the_interface() {
    let list = json!({"tasks": [task("WORKING")], "nextPageToken": "", "pageSize": 5, "totalSize": 1});
    let server = Server::start([ok(&json!({"task": task("COMPLETED")})), ok(&list), ok(&task("CANCELED"))]).await;
    let mut card = server.card("HTTP+JSON");
    card["supportedInterfaces"][0]["url"] = json!(format!("{}/rest/", server.url));
    let client = server.client_of(ManualClock::new().builder(), card);
    client.send_message(CallContext::new(), hello()).await.unwrap();
    let mut request = ListTasksRequest::default();
    (request.context_id, request.page_size) = (Some("a b".to_owned()), Some(5));
    assert_eq!(client.list_tasks(CallContext::new(), request).await.unwrap().total_size, 1);
    client.cancel_task(CallContext::new(), CancelTaskRequest::new("x/y")).await.unwrap();

    let requests = server.requests();
    assert_eq!((requests[0].method.as_str(), requests[0].target.as_str()), ("POST", "/rest/message:send"));
    assert_eq!(requests[0].header("content-type"), Some("application/a2a+json"));
    assert_eq!(requests[0].json()["message"]["messageId"], "m1");
    assert_eq!(
        (requests[1].method.as_str(), requests[1].target.as_str()),
        ("GET", "/rest/tasks?contextId=a+b&pageSize=5")
    );
    assert_eq!(requests[1].header("content-type"), None);
    assert_eq!(requests[2].target, "/rest/tasks/x%2Fy:cancel");
    for request in requests {
        assert_eq!(request.header("accept"), Some("application/a2a+json, application/json"));
        assert_eq!(request.header("a2a-version"), Some("1.0"));
    }
}

#[tokio::test]
async fn the_tenant_is_the_interfaces_or_else_the_callers() {
    let tenant = |binding: &'static str, tenant: Option<&'static str>| async move {
        let server = Server::start([Answer::To(Box::new(|request| {
            let call = task("WORKING");
            match request.body.is_empty() {
                true => ok(&call),
                false => ok(&json!({"jsonrpc": "2.0", "id": request.json()["id"], "result": call})),
            }
        }))])
        .await;
        let mut card = server.card(binding);
        card["supportedInterfaces"][0]["tenant"] = json!(tenant);
        let client = server.client_of(ManualClock::new().builder(), card);
        let mut request = GetTaskRequest::new("t");
        request.tenant = Some("the-callers".to_owned());
        client.get_task(CallContext::new(), request).await.unwrap();
        server.request()
    };
    assert_eq!(tenant("JSONRPC", Some("acme")).await.json()["params"], json!({"tenant": "acme", "id": "t"}));
    assert_eq!(tenant("JSONRPC", None).await.json()["params"], json!({"tenant": "the-callers", "id": "t"}));
    assert_eq!(tenant("HTTP+JSON", Some("a/b")).await.target, "/a%2Fb/tasks/t");
    assert_eq!(tenant("HTTP+JSON", None).await.target, "/the-callers/tasks/t");
}

#[tokio::test]
async fn credentials_extensions_and_parameters_go_with_every_request() {
    let server = Server::start([result(task("WORKING"))]).await;
    let mut card = server.card("JSONRPC");
    card["capabilities"]["extensions"] = json!([{"uri": IDEMPOTENT_SEND}, {"uri": "urn:other"}]);
    card["securitySchemes"] = json!({
        "k": {"apiKeySecurityScheme": {"location": "query", "name": "key"}},
        "t": {"httpAuthSecurityScheme": {"scheme": "Bearer"}},
    });
    let builder = ManualClock::new().builder();
    let builder = builder.bearer("tok").api_key("sec&ret").service_param("X-Trace", "1").extension("urn:mine");
    let client = server.client_of(builder, card);
    let mut context = CallContext::new();
    context.extensions = vec!["urn:call".to_owned(), "urn:mine".to_owned()];
    for (name, value) in [("x-forwarded", "f"), ("authorization", "Basic theirs"), ("connection", "close")] {
        context.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    client.get_task(context, GetTaskRequest::new("t")).await.unwrap();

    let request = server.request();
    assert_eq!(request.target, "/?key=sec%26ret");
    assert_eq!(request.header("authorization"), Some("Bearer tok"));
    assert_eq!(request.header("x-trace"), Some("1"));
    assert_eq!(request.header("x-forwarded"), Some("f"));
    assert_eq!(request.header("connection"), None);
    assert_eq!(request.header("a2a-extensions"), Some(&*format!("urn:mine, {IDEMPOTENT_SEND}, urn:call")));
    assert!(!format!("{client:?}").contains("ret"));
}

#[tokio::test]
async fn the_agents_own_methods_are_called_over_json_rpc_only() {
    let call = || {
        let params = Some(serde_json::value::to_raw_value(&json!({"a": 1})).unwrap());
        Call::Custom(CustomCall::new("vendor/method", params))
    };
    let server = Server::start([result(json!([1.50]))]).await;
    let answer = server.client("JSONRPC").handle(CallContext::new(), call()).await.unwrap();
    assert!(matches!(answer, Reply::Custom(raw) if raw.get() == "[1.5]"));
    assert_eq!(server.request().json()["params"], json!({"a": 1}));

    let server = Server::start([result(json!([1.50])), result(json!("x"))]).await;
    let client = server.client("JSONRPC");
    let typed: Vec<f64> = client.call("vendor/method", &json!({"a": 1})).await.unwrap();
    assert_eq!(typed, [1.5]);
    let request = server.request();
    assert_eq!(request.json()["method"], "vendor/method");
    assert_eq!(request.header("accept"), Some("application/json, text/event-stream"));
    let error = client.call::<_, Vec<f64>>("vendor/method", &()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidAgentResponse);

    let server = Server::start([]).await;
    let error = server.client("HTTP+JSON").handle(CallContext::new(), call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MethodNotFound);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_deletion_needs_no_body() {
    let mut request = DeleteTaskPushNotificationConfigRequest::default();
    (request.task_id, request.id) = ("t".to_owned(), "c".to_owned());
    for (binding, answer) in [
        ("HTTP+JSON", reply(204, &[], "")),
        ("HTTP+JSON", reply(200, &[], "{}")),
        ("JSONRPC", result(Value::Null)),
        ("JSONRPC", result(json!({}))),
    ] {
        let server = Server::start([answer]).await;
        let client = server.client(binding);
        client.delete_task_push_notification_config(CallContext::new(), request.clone()).await.unwrap();
    }
}

#[tokio::test]
async fn what_would_be_refused_is_not_sent() {
    let server = Server::start([]).await;
    let client = server.client("JSONRPC");
    let error = client.get_task(CallContext::new(), GetTaskRequest::new("")).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::InvalidParams, "id: must not be empty"));
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn errors_of_the_agent_keep_their_kind() {
    let status = |status, body: &'static str| reply(status, &[("content-type", "application/json")], body);
    let google = r#"{"error":{"code":404,"status":"NOT_FOUND","message":"gone","details":[
        {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"TASK_NOT_FOUND","domain":"a2a-protocol.org"}]}}"#;
    let rpc_401 = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"no token"}}"#;
    let rpc_400 = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no id"}}"#;
    for (binding, answer, kind, message) in [
        ("JSONRPC", error(-32001, "TASK_NOT_FOUND"), ErrorKind::TaskNotFound, "as scripted"),
        ("JSONRPC", rpc(|_| rpc_error(&Value::Null, -32700, "")), ErrorKind::ParseError, "as scripted"),
        ("JSONRPC", status(401, rpc_401), ErrorKind::Unauthenticated, "no token"),
        ("JSONRPC", status(400, rpc_400), ErrorKind::InvalidParams, "no id"),
        ("JSONRPC", status(413, "<html>"), ErrorKind::PayloadTooLarge, "HTTP status 413"),
        ("HTTP+JSON", status(404, google), ErrorKind::TaskNotFound, "gone"),
        ("HTTP+JSON", status(403, ""), ErrorKind::PermissionDenied, "HTTP status 403"),
        ("HTTP+JSON", status(500, "oops"), ErrorKind::Internal, "HTTP status 500"),
    ] {
        let server = Server::start([answer]).await;
        let error = get(&server.client(binding)).await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (kind, message), "{binding}");
    }
}

#[tokio::test]
async fn the_challenge_of_a_401_is_kept() {
    for binding in ["JSONRPC", "HTTP+JSON"] {
        let server = Server::start([reply(401, &[("www-authenticate", "Bearer realm=\"a\"")], "")]).await;
        let error = get(&server.client(binding)).await.unwrap_err();
        assert_eq!(error.metadata()["wwwAuthenticate"], "Bearer realm=\"a\"");
    }
}

#[tokio::test]
async fn malformed_replies_say_what_was_found() {
    for (binding, answer, says) in [
        ("JSONRPC", ok(&json!({"jsonrpc": "2.0", "id": 1})), "neither result nor error is present"),
        ("JSONRPC", ok(&json!({"jsonrpc": "2.0", "id": 9, "result": {}})), "a reply to request 1 has the id 9"),
        ("JSONRPC", reply(200, &[], "<html>"), "found \"<html>\""),
        ("JSONRPC", rpc(|id| json!({"id": id, "result": {}})), "found the members id, result"),
        ("JSONRPC", result(json!({"kind": "task", "id": "t"})), "found the members id, kind"),
        ("JSONRPC", result(json!({"task": task("WORKING"), "message": {}})), "both set"),
        ("HTTP+JSON", ok(&json!({})), "found an empty object"),
        ("HTTP+JSON", ok(&json!({"task": {"id": 5}})), "task.id"),
        ("HTTP+JSON", reply(200, &[], b"\xff"), "not UTF-8"),
        ("HTTP+JSON", reply(307, &[("location", "https://h/x")], ""), "HTTP status 307 to https://h/x"),
    ] {
        let server = Server::start([answer]).await;
        let error = server.client(binding).send_message(CallContext::new(), hello()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidAgentResponse, "{says}");
        assert!(error.message().contains(says), "{says:?} in {error}");
    }
}

#[tokio::test]
async fn replies_are_bounded() {
    let server = Server::start([reply(200, &[], vec![b' '; (64 << 20) + 1])]).await;
    let error = get(&server.client("HTTP+JSON")).await.unwrap_err();
    assert_eq!(error.message(), "the reply is larger than 67108864 bytes");
}

#[tokio::test]
async fn an_extended_card_is_read_like_any_card() {
    let served = include_str!("../../../tests/golden/v1/response.agent_card.js.json");
    let server = Server::start([reply(200, &[], served)]).await;
    let client = server.client("HTTP+JSON");
    let card = client.get_extended_agent_card(CallContext::new(), GetExtendedAgentCardRequest::default()).await;
    assert_eq!(card.unwrap().security_schemes.len(), 9);
    assert_eq!(server.request().target, "/extendedAgentCard");
}

#[tokio::test]
async fn a_call_without_an_answer_is_unavailable_by_a_transport_error() {
    let server = Server::start([cut()]).await;
    let error = server.client("JSONRPC").send_message(CallContext::new(), hello()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let cause = error.cause().unwrap().downcast_ref::<TransportError>().unwrap();
    assert!(!cause.is_connect() && !cause.is_timeout() && !cause.is_tls(), "{cause:?}");
}

#[tokio::test]
async fn the_wait_for_an_answer_is_limited() {
    let server = Server::start([Answer::Hold(Vec::new())]).await;
    let clock = ManualClock::new();
    let client = server.client_of(clock.builder(), server.card("JSONRPC"));
    let (answer, ()) = tokio::join!(client.send_message(CallContext::new(), hello()), clock.fire(FIRST_BYTE));
    let error = answer.unwrap_err();
    assert!(error.cause().unwrap().downcast_ref::<TransportError>().unwrap().is_timeout());
    assert_eq!(error.message(), "the agent did not begin to answer within 2000 s");
}

#[tokio::test]
async fn a_pause_within_an_answer_is_limited() {
    let server = Server::start([Answer::Hold(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{".to_vec())]).await;
    let clock = ManualClock::new();
    let client = server.client_of(clock.builder(), server.card("JSONRPC"));
    let (answer, ()) = tokio::join!(get(&client), clock.fire(TIMEOUTS.idle));
    assert_eq!(answer.unwrap_err().message(), "the agent sent nothing for 4000 s");
}

#[tokio::test]
async fn dropping_a_call_aborts_its_request() {
    let server = Server::start([Answer::Hold(Vec::new())]).await;
    let client = server.client("JSONRPC");
    let call = tokio::spawn(async move { get(&client).await });
    server.wait_for_requests(1).await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    server.wait_for_abort().await;
}

#[tokio::test]
async fn send_and_start_differ_in_what_they_wait_for() {
    let message = json!({"message": {"messageId": "r", "role": "ROLE_AGENT", "parts": [{"text": "hi"}]}});
    let server = Server::start([result(message), result(json!({"task": task("SUBMITTED")}))]).await;
    let client = server.client("JSONRPC");
    let Sent::Message(message) = client.send("hello").await.unwrap() else { panic!("no message") };
    assert_eq!(message.parts[0].as_text(), Some("hi"));
    let Sent::Task(task) = client.start("hello").await.unwrap() else { panic!("no task") };
    assert_eq!((&**task.id(), task.context_id().map(|id| &**id)), ("t", Some("c")));
    assert_eq!(task.task().unwrap().status.state, TaskState::Submitted);

    let [sent, started] = [0, 1].map(|index| server.requests()[index].json()["params"].clone());
    assert_eq!(sent["configuration"], Value::Null);
    assert_eq!(started["configuration"], json!({"returnImmediately": true}));
    assert_ne!(sent["message"]["messageId"], started["message"]["messageId"]);
    assert_eq!(sent["message"]["role"], "ROLE_USER");
}
