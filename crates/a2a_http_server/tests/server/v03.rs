//! Version 0.3 of the protocol, at the addresses of 1.0.

use std::sync::Arc;

use a2a_app_ports::Reply;
use a2a_http_server::V03Support;
use a2a_protocol_core::{
    AgentCard, AgentExtension, AgentInterface, Call, Content, Error, ErrorKind,
    ListTaskPushNotificationConfigsResponse, Message, Part, ProtocolVersion, Role, SendMessageResponse, StreamEvent,
    StreamResponse, TaskPushNotificationConfig, TaskState, TaskStatus, TaskStatusUpdateEvent,
};
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use crate::support::*;

const SEND: &str =
    r#"{"message":{"kind":"message","messageId":"m","role":"user","parts":[{"kind":"text","text":"hi"}]}}"#;
const SEND_PROTO: &str = r#"{"message":{"messageId":"m","role":"ROLE_USER","content":[{"text":"hi"}]}}"#;

#[tokio::test]
async fn every_method_is_answered_over_json_rpc() {
    let agent = Agent::answering(|_, call| {
        Ok(match call {
            Call::GetExtendedAgentCard(_) => Reply::Card(Arc::new(located())),
            other => fitting_reply(&other),
        })
    });
    let server = server(agent.clone());
    let push = r#"{"id":"t","pushNotificationConfigId":"p"}"#;
    let task = json!({"kind": "task", "id": "t1", "contextId": "c1", "status": {"state": "completed"}});
    let config = json!({"taskId": "", "pushNotificationConfig": {"url": "https://hook.example"}});
    for (name, params, method, result) in [
        (
            "message/send",
            SEND,
            "SendMessage",
            json!({"kind": "message", "messageId": "m1", "role": "agent", "parts": [{"kind": "text", "text": "hi"}]}),
        ),
        ("tasks/get", r#"{"id":"t","historyLength":2}"#, "GetTask", task.clone()),
        ("tasks/cancel", r#"{"id":"t"}"#, "CancelTask", task),
        ("tasks/list", "{}", "ListTasks", json!({"tasks": [], "nextPageToken": "", "pageSize": 0, "totalSize": 0})),
        (
            "tasks/pushNotificationConfig/set",
            r#"{"taskId":"t","pushNotificationConfig":{"url":"https://h"}}"#,
            "CreateTaskPushNotificationConfig",
            config.clone(),
        ),
        ("tasks/pushNotificationConfig/get", push, "GetTaskPushNotificationConfig", config),
        ("tasks/pushNotificationConfig/list", r#"{"id":"t"}"#, "ListTaskPushNotificationConfigs", json!([])),
        ("tasks/pushNotificationConfig/delete", push, "DeleteTaskPushNotificationConfig", Value::Null),
    ] {
        let answered = post(&server, rpc(name, params)).await;
        assert_eq!(answered.json(), json!({"jsonrpc": "2.0", "id": 1, "result": result}), "{name}");
        assert_eq!(agent.methods(), [method]);
    }
    for name in ["agent/getAuthenticatedExtendedCard", "agent/authenticatedExtendedCard"] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{name}"}}"#);
        let card = post(&server, body).await.json()["result"].clone();
        assert_eq!((&card["url"], &card["protocolVersion"]), (&json!("https://a.example/"), &json!("0.3.0")), "{card}");
        assert!(card.get("supportedInterfaces").is_none(), "{card}");
    }
}

#[tokio::test]
async fn every_path_is_answered_in_the_json_of_the_proto() {
    let agent = Agent::answering(|_, call| {
        Ok(match call {
            Call::GetExtendedAgentCard(_) => Reply::Card(Arc::new(located())),
            other => fitting_reply(&other),
        })
    });
    let server = server(agent.clone());
    let task = json!({"id": "t1", "contextId": "c1", "status": {"state": "TASK_STATE_COMPLETED"}});
    let config =
        json!({"name": "tasks//pushNotificationConfigs/", "pushNotificationConfig": {"url": "https://hook.example"}});
    let message = json!({"message": {"messageId": "m1", "role": "ROLE_AGENT", "content": [{"text": "hi"}]}});
    let configs = "/v1/tasks/t/pushNotificationConfigs";
    for (verb, path, body, method, result) in [
        ("POST", "/v1/message:send", SEND_PROTO, "SendMessage", message.clone()),
        // The JSON of JSON-RPC is understood too.
        ("POST", "/v1/message:send", SEND, "SendMessage", message),
        ("GET", "/v1/tasks/t?historyLength=2", "", "GetTask", task.clone()),
        ("POST", "/v1/tasks/t:cancel", r#"{"name":"tasks/t"}"#, "CancelTask", task.clone()),
        ("POST", "/v1/tasks/t:cancel", "", "CancelTask", task),
        ("GET", "/v1/tasks", "", "ListTasks", json!({"tasks": [], "nextPageToken": "", "pageSize": 0, "totalSize": 0})),
        (
            "POST",
            configs,
            r#"{"parent":"tasks/t","configId":"p","config":{"pushNotificationConfig":{"url":"https://h"}}}"#,
            "CreateTaskPushNotificationConfig",
            config.clone(),
        ),
        (
            "POST",
            configs,
            r#"{"name":"tasks/t/pushNotificationConfigs/p","pushNotificationConfig":{"url":"https://h"}}"#,
            "CreateTaskPushNotificationConfig",
            config.clone(),
        ),
        ("GET", "/v1/tasks/t/pushNotificationConfigs/p", "", "GetTaskPushNotificationConfig", config),
        ("GET", configs, "", "ListTaskPushNotificationConfigs", json!({"configs": []})),
        ("DELETE", "/v1/tasks/t/pushNotificationConfigs/p", "", "DeleteTaskPushNotificationConfig", json!({})),
    ] {
        let answered = ask(&server, verb, path, &[JSON], body).await;
        assert_eq!((answered.status.as_u16(), answered.json()), (200, result), "{verb} {path}");
        assert_eq!(answered.header("content-type"), Some("application/json"));
        assert_eq!(agent.methods(), [method]);
    }
    let card = ask(&server, "GET", "/v1/card", &[], "").await.json();
    assert_eq!(card["url"], "https://a.example/");
}

/// A card that has an address.
fn located() -> AgentCard {
    let mut card = card();
    card.supported_interfaces = vec![
        AgentInterface::new("https://a.example/", "JSONRPC", "1.0"),
        AgentInterface::new("https://a.example", "HTTP+JSON", "1.0"),
    ];
    card
}

#[tokio::test]
async fn configurations_are_listed_as_a_whole_and_any_one_may_be_asked_for() {
    let agent = Agent::answering(|_, call| {
        let Call::ListTaskPushNotificationConfigs(request) = call else {
            return Err(Error::task_not_found("t"));
        };
        let mut page = ListTaskPushNotificationConfigsResponse::default();
        let (id, next) = match request.page_token.as_deref() {
            _ if request.task_id == "none" => return Ok(Reply::PushConfigs(page)),
            None => ("a", "2"),
            Some("2") => ("b", ""),
            Some(other) => panic!("{other}"),
        };
        let mut config = TaskPushNotificationConfig::default();
        (config.id, config.task_id, config.url) = (Some(id.to_owned()), Some("t".to_owned()), "https://h".to_owned());
        page.configs.push(config);
        next.clone_into(&mut page.next_page_token);
        Ok(Reply::PushConfigs(page))
    });
    let server = server(agent);
    let listed = post(&server, rpc("tasks/pushNotificationConfig/list", r#"{"id":"t"}"#)).await.json();
    let ids: Vec<_> = listed["result"].as_array().unwrap().iter().map(|c| &c["pushNotificationConfig"]["id"]).collect();
    assert_eq!(ids, ["a", "b"]);
    for any in [r#"{"id":"t"}"#, r#"{"id":"t","pushNotificationConfigId":"default"}"#] {
        let any = post(&server, rpc("tasks/pushNotificationConfig/get", any)).await.json();
        assert_eq!(any["result"]["pushNotificationConfig"]["id"], "a");
    }
    let other = rpc("tasks/pushNotificationConfig/get", r#"{"id":"t","pushNotificationConfigId":"other"}"#);
    assert_eq!(post(&server, other).await.code(), -32001);
    let none = post(&server, rpc("tasks/pushNotificationConfig/get", r#"{"id":"none"}"#)).await;
    assert_eq!(none.code(), -32001);
}

#[tokio::test]
async fn an_error_is_an_event_where_clients_of_0_3_expect_a_stream() {
    let refusing = server(Agent::failing(ErrorKind::TaskNotFound));
    for (method, params) in [("tasks/resubscribe", r#"{"id":"t"}"#), ("message/stream", SEND)] {
        let answered = post(&refusing, rpc(method, params)).await;
        assert_eq!(answered.header("content-type"), Some("text/event-stream"), "{method}");
        let error: Value = serde_json::from_str(answered.text().trim().strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(error["error"]["code"], -32001, "{method}");
    }
    // Proxies and clients have to see this one.
    let guarded = server(Agent::failing(ErrorKind::Unauthenticated));
    let answered = post(&guarded, rpc("tasks/resubscribe", r#"{"id":"t"}"#)).await;
    assert_eq!((answered.status.as_u16(), answered.header("content-type")), (401, Some("application/json")));
}

#[tokio::test]
async fn errors_are_as_clients_of_0_3_read_them() {
    let server = server(Agent::failing(ErrorKind::TaskNotFound));
    let answered = post(&server, rpc("tasks/get", r#"{"id":"t"}"#)).await;
    assert_eq!((answered.status.as_u16(), answered.code()), (200, -32001));
    let answered = ask(&server, "GET", "/v1/tasks/t", &[], "").await;
    let json = answered.json();
    assert_eq!((answered.status.as_u16(), &json["code"], &json["message"]), (404, &json!(-32001), &json!("no")));
    assert_eq!(json["data"][0]["reason"], "TASK_NOT_FOUND");
    let answered = ask(&server, "POST", "/v1/message:send", &[JSON], r#"{"message":{"messageId":5}}"#).await;
    assert_eq!(answered.status, 400);
    let json = answered.json();
    assert_eq!(json["code"], -32602);
    assert_eq!(json["data"][1]["fieldViolations"][0]["field"], "message.messageId", "{json}");
    for (verb, path, status) in [("GET", "/v1/nothing", 404), ("DELETE", "/v1/tasks/t", 405)] {
        let answered = ask(&server, verb, path, &[], "").await;
        assert_eq!(
            (answered.status.as_u16(), answered.json()["code"].clone()),
            (status, json!(-32601)),
            "{verb} {path}"
        );
    }
}

#[tokio::test]
async fn versions_may_be_mixed_in_a_batch() {
    let agent = Agent::fitting();
    let body = format!(
        "[{},{},{}]",
        rpc("tasks/get", r#"{"id":"t"}"#),
        rpc("GetTask", r#"{"id":"t"}"#),
        rpc("message/stream", SEND)
    );
    let replies = post(&server(agent.clone()), body).await.json();
    assert_eq!(replies[0]["result"]["status"]["state"], "completed");
    assert_eq!(replies[1]["result"]["status"]["state"], "TASK_STATE_COMPLETED");
    assert_eq!(replies[2]["error"]["code"], -32600);
    let versions: Vec<_> = agent.asked().into_iter().map(|(context, _)| context.version).collect();
    assert_eq!(versions, [ProtocolVersion::V0_3, ProtocolVersion::V1_0]);
}

/// The events of a task that asks something and would go on.
fn asking() -> a2a_app_ports::EventStream {
    let update = |state| {
        let update = TaskStatusUpdateEvent::new("t", "c", TaskStatus::new(state));
        Ok(Arc::new(StreamEvent::new(None, StreamResponse::StatusUpdate(update))))
    };
    stream::iter([TaskState::Working, TaskState::InputRequired, TaskState::Working].map(update)).boxed()
}

#[tokio::test]
async fn a_stream_ends_with_the_event_that_is_final() {
    let server = server(Agent::streaming(asking));
    for (uri, body, is_json_rpc) in [
        ("/", rpc("tasks/resubscribe", r#"{"id":"t"}"#), true),
        ("/", rpc("message/stream", SEND), true),
        ("/v1/tasks/t:subscribe", String::new(), false),
        ("/v1/message:stream", SEND_PROTO.to_owned(), false),
    ] {
        let answered = ask(&server, "POST", uri, &[JSON], body).await;
        assert_eq!(answered.header("content-type"), Some("text/event-stream"));
        let events: Vec<Value> = answered
            .text()
            .split("\n\n")
            .filter_map(|event| event.strip_prefix("data: "))
            .map(|data| serde_json::from_str(data).unwrap())
            .collect();
        let updates: Vec<&Value> =
            events.iter().map(|event| if is_json_rpc { &event["result"] } else { &event["statusUpdate"] }).collect();
        let states: Vec<_> = updates.iter().map(|update| (&update["status"]["state"], &update["final"])).collect();
        if is_json_rpc {
            assert_eq!(states, [(&json!("working"), &json!(false)), (&json!("input-required"), &json!(true))]);
            assert_eq!(updates[0]["kind"], "status-update");
        } else {
            let required = json!("TASK_STATE_INPUT_REQUIRED");
            assert_eq!(states, [(&json!("TASK_STATE_WORKING"), &Value::Null), (&required, &json!(true))]);
        }
    }
    // In 1.0 nothing is.
    let answered = post(&server, rpc("SubscribeToTask", r#"{"id":"t"}"#)).await;
    assert_eq!(answered.text().matches("data: ").count(), 3);
}

#[tokio::test]
async fn a_stream_that_breaks_ends_with_an_error_of_0_3() {
    let server = server(Agent::streaming(|| {
        stream::iter([Ok(event(1, "one")), Err(Error::new(ErrorKind::Unavailable, "gone"))]).boxed()
    }));
    let answered = ask(&server, "POST", "/v1/message:stream", &[JSON], SEND_PROTO).await;
    let last = answered.text().trim_end().rsplit("\n\n").next().unwrap().to_owned();
    let data = last.strip_prefix("event: error\ndata: ").unwrap_or_else(|| panic!("{last}"));
    assert_eq!(serde_json::from_str::<Value>(data).unwrap()["message"], "gone");
}

#[tokio::test]
async fn what_0_3_cannot_say_is_an_error_that_says_so() {
    let unknown = || Content::Unknown(json!({"hologram": 1}).as_object().unwrap().clone().into_iter().collect());
    let agent = Agent::answering(move |_, _| {
        let message = Message::new("m1", Role::Agent, vec![Part::new(unknown())]);
        Ok(Reply::Sent(SendMessageResponse::Message(Arc::new(message))))
    });
    let server = server(agent);
    let says = "version 0.3 cannot say it";
    let error = post(&server, rpc("message/send", SEND)).await.json()["error"].clone();
    assert_eq!(error["code"], -32006);
    assert!(error["message"].as_str().unwrap().starts_with(says), "{error}");
    let answered = ask(&server, "POST", "/v1/message:send", &[("content-type", "application/json")], SEND_PROTO).await;
    assert!(answered.json()["message"].as_str().unwrap().starts_with(says), "{:?}", answered.json());
}

#[tokio::test]
async fn extensions_have_either_name() {
    let mut card = card();
    card.capabilities.extensions = vec![AgentExtension::new("urn:a"), AgentExtension::new("urn:b")];
    let agent = Agent::fitting();
    let server = server_of(agent.clone(), card, |_| {});
    let headers = [JSON, ("x-a2a-extensions", "urn:a"), ("a2a-extensions", "urn:b,urn:c")];
    let answered = ask(&server, "POST", "/", &headers, rpc("tasks/get", r#"{"id":"t"}"#)).await;
    assert_eq!(agent.asked()[0].0.extensions, ["urn:b", "urn:a"]);
    for name in ["a2a-extensions", "x-a2a-extensions"] {
        assert_eq!(answered.header(name), Some("urn:b, urn:a"));
    }
    let answered = ask(&server, "POST", "/", &headers, rpc("GetTask", r#"{"id":"t"}"#)).await;
    assert_eq!(answered.header("x-a2a-extensions"), None);
}

#[tokio::test]
async fn the_card_tells_of_0_3_where_it_is_to() {
    let current = "/.well-known/agent-card.json";
    let older = "/.well-known/agent.json";
    for (support, in_current, in_older) in
        [(V03Support::Refused, false, false), (V03Support::Answered, false, true), (V03Support::Announced, true, true)]
    {
        let server = server_with(Agent::fitting(), |options| {
            options.v03 = support;
            options.public_url = Some("https://a.example".to_owned());
        });
        for (path, is_in) in [(current, in_current), (older, in_older)] {
            let answered = ask(&server, "GET", path, &[], "").await;
            let card = answered.json();
            let url = is_in.then(|| json!("https://a.example/"));
            assert_eq!(card.get("url"), url.as_ref(), "{support:?} {path}");
            let versions: Vec<_> =
                card["supportedInterfaces"].as_array().unwrap().iter().map(|i| &i["protocolVersion"]).collect();
            assert_eq!(versions.contains(&&json!("0.3")), is_in, "{support:?} {path}");
            let tag = answered.header("etag").unwrap().to_owned();
            let again = ask(&server, "GET", path, &[("if-none-match", &tag)], "").await;
            assert_eq!(again.status, 304);
        }
    }
}
