//! Agents of version 0.3, called by whoever has asked for that.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use a2a_app_ports::{AgentOperations, CallContext};
use a2a_http_client::Client;
use a2a_protocol_core::{
    CancelTaskRequest, DeleteTaskPushNotificationConfigRequest, ErrorKind, GetExtendedAgentCardRequest,
    GetTaskPushNotificationConfigRequest, GetTaskRequest, ListTaskPushNotificationConfigsRequest, ListTasksRequest,
    Message, Part, Role, SendMessageConfiguration, SendMessageRequest, SendMessageResponse, SubscribeToTaskRequest,
    TaskPushNotificationConfig, TaskState,
};
use serde_json::{Value, json};
use support::{Answer, Ending, ManualClock, Server, drain, error, events, ok, reply, result, rpc, sse};

/// The card of an agent here, as 0.3 has it.
fn card(server: &Server) -> Value {
    json!({
        "name": "Old", "description": "", "version": "1", "skills": [], "protocolVersion": "0.3.0",
        "url": format!("{}/rpc", server.url), "preferredTransport": "JSONRPC",
        "additionalInterfaces": [{"url": format!("{}/rest", server.url), "transport": "HTTP+JSON"}],
        "capabilities": {"streaming": true, "pushNotifications": true},
        "supportsAuthenticatedExtendedCard": true,
        "defaultInputModes": [], "defaultOutputModes": [],
    })
}

/// An agent that answers so, once its card was read, and a client of it.
async fn agent(binding: &str, script: impl IntoIterator<Item = Answer>) -> (Server, Client) {
    let server = Server::start([]).await;
    server.push(ok(&card(&server)));
    let builder = ManualClock::new().builder().protocol_version("0.3").prefer([binding]);
    let client = builder.connect(&format!("{}/card.json", server.url)).await.unwrap();
    script.into_iter().for_each(|answer| server.push(answer));
    (server, client)
}

fn hello() -> SendMessageRequest {
    SendMessageRequest::new(Message::new("m1", Role::User, vec![Part::text("hello")]))
}

fn task(state: &str) -> Value {
    json!({"kind": "task", "id": "t", "contextId": "c", "status": {"state": state}})
}

fn status(state: &str) -> Value {
    json!({"kind": "status-update", "taskId": "t", "contextId": "c", "status": {"state": state}, "final": false})
}

fn chunk(text: &str) -> Value {
    let artifact = json!({"artifactId": "a", "parts": [{"kind": "text", "text": text}]});
    json!({"kind": "artifact-update", "taskId": "t", "contextId": "c", "artifact": artifact, "append": true})
}

fn subscribe() -> SubscribeToTaskRequest {
    SubscribeToTaskRequest::new("t")
}

fn config() -> TaskPushNotificationConfig {
    let mut config = TaskPushNotificationConfig::default();
    config.url = "https://h/hook".to_owned();
    (config.task_id, config.id) = (Some("t".to_owned()), Some("p".to_owned()));
    config
}

#[tokio::test]
async fn an_agent_of_0_3_alone_is_not_called_unasked() {
    let server = Server::start([]).await;
    server.push(ok(&card(&server)));
    let error = ManualClock::new().builder().connect(&format!("{}/card.json", server.url)).await.unwrap_err();
    assert_eq!(error.protocol_error().unwrap().kind(), ErrorKind::VersionNotSupported);
    let says = "0.3 has to be asked for (ClientBuilder::protocol_version, --a2a-version 0.3)";
    assert!(error.to_string().contains(says), "{error}");
    assert_eq!(server.requests().len(), 1, "the card's");
}

#[tokio::test]
async fn its_card_is_found_at_the_older_place_too() {
    let server = Server::start([reply(404, &[], "")]).await;
    server.push(ok(&card(&server)));
    let client = ManualClock::new().builder().protocol_version("0.3").connect(&server.url).await.unwrap();
    assert_eq!(client.interface().url, format!("{}/rpc", server.url));
    let requests = server.requests();
    assert_eq!(requests[1].target, "/.well-known/agent.json");
    assert!(requests.iter().all(|request| request.header("a2a-version") == Some("0.3")));
}

#[tokio::test]
async fn json_rpc_calls_have_the_names_and_kinds_of_0_3() {
    let pushed = json!({"taskId": "t", "pushNotificationConfig": {"id": "p", "url": "https://h/hook"}});
    let (server, client) = agent(
        "JSONRPC",
        [
            result(task("input-required")),
            result(task("completed")),
            result(task("canceled")),
            result(pushed.clone()),
            result(pushed.clone()),
            result(json!([pushed])),
            // As the official Python SDK says `null`.
            rpc(|id| json!({"jsonrpc": "2.0", "id": id})),
            result(json!({"name": "Extended", "url": "https://h", "protocolVersion": "0.3.0"})),
            result(json!({"tasks": [task("working")]})),
        ],
    )
    .await;
    let context = CallContext::new;
    let mut request = hello();
    request.message.parts.push(Part::url("https://h/f"));
    let sent = client.send_message(context(), request).await.unwrap();
    assert!(matches!(sent, SendMessageResponse::Task(task) if task.status.state == TaskState::InputRequired));
    let mut get = GetTaskRequest::new("t");
    get.history_length = Some(2);
    client.get_task(context(), get).await.unwrap();
    client.cancel_task(context(), CancelTaskRequest::new("t")).await.unwrap();
    let created = client.create_task_push_notification_config(context(), config()).await.unwrap();
    assert_eq!(created, config());
    let mut request = GetTaskPushNotificationConfigRequest::default();
    (request.task_id, request.id) = ("t".to_owned(), "p".to_owned());
    client.get_task_push_notification_config(context(), request).await.unwrap();
    let mut request = ListTaskPushNotificationConfigsRequest::default();
    request.task_id = "t".to_owned();
    let listed = client.list_task_push_notification_configs(context(), request).await.unwrap();
    assert_eq!(listed.configs, [config()]);
    let mut request = DeleteTaskPushNotificationConfigRequest::default();
    (request.task_id, request.id) = ("t".to_owned(), "p".to_owned());
    client.delete_task_push_notification_config(context(), request).await.unwrap();
    let extended = client.get_extended_agent_card(context(), GetExtendedAgentCardRequest::default()).await.unwrap();
    assert_eq!((extended.name.as_str(), extended.supported_interfaces.len()), ("Extended", 1));
    assert_eq!(client.list_tasks(context(), ListTasksRequest::default()).await.unwrap().tasks.len(), 1);

    let requests = &server.requests()[1..];
    for request in requests {
        assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/rpc"));
        assert_eq!(request.header("a2a-version"), Some("0.3"));
    }
    let said: Vec<Value> =
        requests.iter().map(|request| request.json()).map(|json| json!([json["method"], json["params"]])).collect();
    let (of_task, of_config) = (json!({"id": "t"}), json!({"id": "t", "pushNotificationConfigId": "p"}));
    let parts = json!([{"kind": "text", "text": "hello"}, {"kind": "file", "file": {"uri": "https://h/f"}}]);
    let message = json!({"kind": "message", "messageId": "m1", "role": "user", "parts": parts});
    assert_eq!(
        said,
        [
            json!(["message/send", {"message": message}]),
            json!(["tasks/get", {"id": "t", "historyLength": 2}]),
            json!(["tasks/cancel", of_task]),
            json!(["tasks/pushNotificationConfig/set", pushed]),
            json!(["tasks/pushNotificationConfig/get", of_config]),
            json!(["tasks/pushNotificationConfig/list", of_task]),
            json!(["tasks/pushNotificationConfig/delete", of_config]),
            json!(["agent/getAuthenticatedExtendedCard", {}]),
            json!(["tasks/list", {}]),
        ]
    );
}

#[tokio::test]
async fn http_json_calls_go_below_v1_in_the_proto_json_of_0_3() {
    let cancelled = json!({"id": "t", "contextId": "c", "status": {"state": "TASK_STATE_CANCELLED"}});
    let said = json!({"message": {"messageId": "r", "role": "ROLE_AGENT", "content": [{"text": "hi"}]}});
    let (server, client) =
        agent("HTTP+JSON", [reply(201, &[], said.to_string()), ok(&cancelled), ok(&cancelled)]).await;
    let sent = client.send_message(CallContext::new(), hello()).await.unwrap();
    assert!(matches!(sent, SendMessageResponse::Message(message) if message.text() == "hi"));
    let canceled = client.cancel_task(CallContext::new(), CancelTaskRequest::new("t")).await.unwrap();
    assert_eq!(canceled.status.state, TaskState::Canceled);
    client.get_task(CallContext::new(), GetTaskRequest::new("t")).await.unwrap();

    let requests = &server.requests()[1..];
    let lines: Vec<_> = requests.iter().map(|request| format!("{} {}", request.method, request.target)).collect();
    assert_eq!(lines, ["POST /rest/v1/message:send", "POST /rest/v1/tasks/t:cancel", "GET /rest/v1/tasks/t"]);
    assert_eq!(requests[0].header("content-type"), Some("application/json"), "their servers read nothing else");
    let message = json!({"messageId": "m1", "role": "ROLE_USER", "content": [{"text": "hello"}]});
    assert_eq!(requests[0].json()["message"], message);
    assert_eq!(requests[0].json()["configuration"]["blocking"], true);
}

#[tokio::test]
async fn tasks_are_listed_over_http_json_in_either_form() {
    let task = json!({"id": "t", "contextId": "c", "status": {"state": "TASK_STATE_CANCELLED"}});
    let page = json!({"tasks": [task], "nextPageToken": "n", "pageSize": 1, "totalSize": 7});
    let (server, client) = agent("HTTP+JSON", [ok(&page), ok(&json!([task, task])), ok(&json!([]))]).await;
    let mut request = ListTasksRequest::default();
    (request.status, request.page_size) = (TaskState::Canceled, Some(1));
    let listed = client.list_tasks(CallContext::new(), request).await.unwrap();
    assert_eq!((&*listed.next_page_token, listed.total_size), ("n", 7));
    assert_eq!(listed.tasks[0].status.state, TaskState::Canceled);
    // As the specification has it: all there are.
    for count in [2, 0] {
        let listed = client.list_tasks(CallContext::new(), ListTasksRequest::default()).await.unwrap();
        assert_eq!((listed.tasks.len(), listed.page_size, listed.total_size), (count, count as i32, count as i32));
        assert_eq!(listed.next_page_token, "");
    }
    let lines: Vec<_> = server.requests()[1..].iter().map(|r| format!("{} {}", r.method, r.target)).collect();
    let all = "GET /rest/v1/tasks";
    assert_eq!(lines, [&format!("{all}?pageSize=1&status=TASK_STATE_CANCELLED"), all, all]);
}

#[tokio::test]
async fn extensions_are_asked_for_under_both_names() {
    let server = Server::start([]).await;
    server.push(ok(&card(&server)));
    server.push(result(task("working")));
    let builder = ManualClock::new().builder().protocol_version("0.3").extension("urn:a").extension("urn:b");
    let client = builder.connect(&format!("{}/card.json", server.url)).await.unwrap();
    client.get_task(CallContext::new(), GetTaskRequest::new("t")).await.unwrap();
    for name in ["a2a-extensions", "x-a2a-extensions"] {
        assert_eq!(server.requests()[1].header(name), Some("urn:a, urn:b"));
    }
}

#[tokio::test]
async fn what_0_3_cannot_say_is_not_sent() {
    let (server, client) = agent("JSONRPC", []).await;
    let mut request = GetTaskRequest::new("t");
    request.tenant = Some("acme".to_owned());
    let error = client.get_task(CallContext::new(), request).await.unwrap_err();
    assert!(error.message().contains("no tenants"), "{error}");
    assert_eq!(server.requests().len(), 1, "the card's");
}

#[tokio::test]
async fn errors_are_told_by_code_or_status() {
    for (status, body, kind) in [
        (404, r#"{"message": "Task not found"}"#, ErrorKind::TaskNotFound),
        (409, r#"{"message": "Task cannot be canceled"}"#, ErrorKind::TaskNotCancelable),
        (501, r#"{"message": "no"}"#, ErrorKind::UnsupportedOperation),
        (400, r#"{"code": -32002, "message": "Task not cancelable: t"}"#, ErrorKind::TaskNotCancelable),
        // A gateway's page names no task.
        (404, "<html>", ErrorKind::MethodNotFound),
    ] {
        let (_server, client) = agent("HTTP+JSON", [reply(status, &[], body)]).await;
        let answered = client.get_task(CallContext::new(), GetTaskRequest::new("t")).await.unwrap_err();
        assert_eq!(answered.kind(), kind, "{body}");
    }
    let (_server, client) = agent("JSONRPC", [error(-32002, "TASK_NOT_CANCELABLE")]).await;
    let answered = client.cancel_task(CallContext::new(), CancelTaskRequest::new("t")).await.unwrap_err();
    assert_eq!(answered.kind(), ErrorKind::TaskNotCancelable);
}

#[tokio::test]
async fn no_more_history_is_given_than_was_asked_for() {
    let said = |id: &str| json!({"kind": "message", "messageId": id, "role": "user", "parts": []});
    for (length, left) in [(None, 2), (Some(0), 0), (Some(1), 1), (Some(5), 2)] {
        let mut whole = task("working");
        whole["history"] = json!([said("1"), said("2")]);
        let (_server, client) = agent("JSONRPC", [result(whole)]).await;
        let mut request = GetTaskRequest::new("t");
        request.history_length = length;
        let task = client.get_task(CallContext::new(), request).await.unwrap();
        assert_eq!(task.history.len(), left);
        assert!(task.history.last().is_none_or(|message| message.message_id == "2"), "the latest are left");
    }
}

#[tokio::test]
async fn streams_are_understood_in_both_bindings() {
    let all =
        vec![(None, task("submitted")), (None, status("working")), (None, chunk("x")), (None, status("completed"))];
    let (_server, client) = agent("JSONRPC", [events(Ending::Clean, all)]).await;
    let (words, error) = drain(client.send_streaming_message(CallContext::new(), hello()).await.unwrap()).await;
    assert_eq!(
        (words, error.is_none()),
        (["task submitted", "working", "chunk x", "completed"].map(str::to_owned).to_vec(), true)
    );
    let body = concat!(
        r#"data: {"task":{"id":"t","status":{"state":"TASK_STATE_WORKING"}}}"#,
        "\n\n",
        r#"data: {"statusUpdate":{"taskId":"t","status":{"state":"TASK_STATE_CANCELLED"},"final":true}}"#,
        "\n\n"
    );
    let (server, client) = agent("HTTP+JSON", [sse(Ending::Clean, body)]).await;
    let (words, error) = drain(client.send_streaming_message(CallContext::new(), hello()).await.unwrap()).await;
    assert_eq!((words, error.is_none()), (["task working", "canceled"].map(str::to_owned).to_vec(), true));
    assert_eq!(server.requests()[1].target, "/rest/v1/message:stream");
}

#[tokio::test]
async fn an_error_in_place_of_a_stream_is_the_calls() {
    let (_server, client) = agent("JSONRPC", [error_event(-32602)]).await;
    let error = client.send_streaming_message(CallContext::new(), hello()).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidParams);
}

/// The methods of a server's requests after the card's.
fn methods(server: &Server) -> Vec<Value> {
    server.requests()[1..].iter().map(|request| request.json()["method"].clone()).collect()
}

fn follow_up() -> SendMessageRequest {
    let mut request = hello();
    request.message.task_id = Some("t".into());
    request
}

#[tokio::test]
async fn the_stream_of_a_follow_up_begins_with_the_task_as_it_waited() {
    let updates = || vec![(None, chunk("x")), (None, status("completed"))];
    let told = events(Ending::Clean, updates());
    let (server, client) = agent("JSONRPC", [result(task("input-required")), told]).await;
    let mut request = follow_up();
    let mut configuration = SendMessageConfiguration::default();
    configuration.history_length = Some(1);
    request.configuration = Some(configuration);
    let (words, error) = drain(client.send_streaming_message(CallContext::new(), request).await.unwrap()).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(words, ["task input_required", "chunk x", "completed"]);
    assert_eq!(methods(&server), ["tasks/get", "message/stream"]);
    assert_eq!(server.requests()[1].json()["params"], json!({"id": "t", "historyLength": 1}));

    // An agent that begins with the task itself is believed.
    let told = [(None, task("submitted"))].into_iter().chain(updates()).collect();
    let (_server, client) = agent("JSONRPC", [result(task("input-required")), events(Ending::Clean, told)]).await;
    let (words, _) = drain(client.send_streaming_message(CallContext::new(), follow_up()).await.unwrap()).await;
    assert_eq!(words, ["task submitted", "chunk x", "completed"]);
}

#[tokio::test]
async fn a_stream_without_the_task_has_it_at_its_beginning_and_its_end() {
    let updates =
        || events(Ending::Clean, vec![(None, status("working")), (None, chunk("x")), (None, status("completed"))]);
    // Whether the task is new, or at work already.
    for (request, before) in [(hello(), None), (follow_up(), Some(result(task("working"))))] {
        let asked = before.is_some();
        let script = before.into_iter().chain([updates(), result(task("working")), result(task("completed"))]);
        let (server, client) = agent("JSONRPC", script).await;
        let (words, error) = drain(client.send_streaming_message(CallContext::new(), request).await.unwrap()).await;
        assert!(error.is_none(), "{error:?}");
        assert_eq!(words, ["task working", "chunk x", "completed", "task completed"]);
        assert_eq!(methods(&server)[usize::from(asked)..], ["message/stream", "tasks/get", "tasks/get"]);
    }
    // It has ended by the time it is asked for.
    let (_server, client) = agent("JSONRPC", [updates(), result(task("completed"))]).await;
    let (words, error) = drain(client.send_streaming_message(CallContext::new(), hello()).await.unwrap()).await;
    assert_eq!((words, error.is_none()), (vec!["task completed".to_owned()], true));
}

#[tokio::test]
async fn a_subscription_begins_and_ends_with_the_task() {
    let (server, client) = agent(
        "JSONRPC",
        [
            result(task("working")),
            events(Ending::Clean, vec![(None, chunk("x")), (None, status("completed"))]),
            result(task("completed")),
        ],
    )
    .await;
    let (words, error) = drain(client.subscribe_to_task(CallContext::new(), subscribe()).await.unwrap()).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(words, ["task working", "chunk x", "completed", "task completed"]);
    assert_eq!(methods(&server), ["tasks/get", "tasks/resubscribe", "tasks/get"]);
}

#[tokio::test]
async fn an_agent_that_begins_with_the_task_itself_is_not_asked_again() {
    let (server, client) = agent(
        "JSONRPC",
        [result(task("working")), events(Ending::Clean, vec![(None, task("working")), (None, status("completed"))])],
    )
    .await;
    let (words, error) = drain(client.subscribe_to_task(CallContext::new(), subscribe()).await.unwrap()).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(words, ["task working", "completed"]);
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn subscribing_to_an_ended_task_is_refused_like_in_1_0() {
    let (server, client) = agent("JSONRPC", [result(task("failed"))]).await;
    let error = client.subscribe_to_task(CallContext::new(), subscribe()).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::UnsupportedOperation);
    assert_eq!(server.requests().len(), 2);
    // It ends between the two requests, and the agent has an error of its own for that.
    let refused = || error_event(-32602);
    for answer in [refused(), support::error(-32600, "INVALID_REQUEST")] {
        let (_server, client) =
            agent("JSONRPC", [result(task("working")), answer, result(task("completed")), result(task("completed"))])
                .await;
        match client.subscribe_to_task(CallContext::new(), subscribe()).await {
            Ok(stream) => assert_eq!(drain(stream).await.0, ["task working", "task completed"]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::UnsupportedOperation),
        }
    }
}

/// A stream of one JSON-RPC error.
fn error_event(code: i64) -> Answer {
    Answer::To(Box::new(move |request| {
        let error = json!({"jsonrpc": "2.0", "id": request.json()["id"], "error": {"code": code, "message": "ended"}});
        sse(Ending::Clean, &format!("data: {error}\n\n"))
    }))
}

#[tokio::test]
async fn a_cut_stream_is_resumed_with_the_task_as_it_stands() {
    let (server, client) = agent(
        "JSONRPC",
        [
            events(Ending::Broken, vec![(None, task("working")), (None, chunk("x"))]),
            result(task("working")),
            events(Ending::Clean, vec![(None, status("completed"))]),
            result(task("completed")),
        ],
    )
    .await;
    let (words, error) = drain(client.send_streaming_message(CallContext::new(), hello()).await.unwrap()).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(words, ["task working", "chunk x", "task working", "completed", "task completed"]);
    assert_eq!(methods(&server), ["message/stream", "tasks/get", "tasks/resubscribe", "tasks/get"]);
}
