//! The HTTP+JSON binding, in process.

use a2a_app_ports::Reply;
use a2a_protocol_core::{Call, Error, ErrorKind, Method};
use bytes::Bytes;
use http_body_util::StreamBody;
use serde_json::{Value, json};

use crate::support::*;

const A2A: &str = "application/a2a+json";

#[tokio::test]
async fn every_operation_has_its_verb_and_path() {
    let agent = Agent::fitting();
    let plain = server(agent.clone());
    let prefixed = server_with(agent.clone(), |options| options.http_json_prefix = Some("/rest".to_owned()));
    let push = r#"{"url":"https://hook.example"}"#;
    for (verb, path, body, method) in [
        ("POST", "/message:send", SEND, "SendMessage"),
        ("POST", "/message:stream", SEND, "SendStreamingMessage"),
        ("GET", "/tasks/t1", "", "GetTask"),
        ("GET", "/tasks?pageSize=2", "", "ListTasks"),
        ("POST", "/tasks/t1:cancel", "{}", "CancelTask"),
        ("POST", "/tasks/t1:subscribe", "{}", "SubscribeToTask"),
        ("GET", "/tasks/t1:subscribe", "", "SubscribeToTask"),
        ("POST", "/tasks/t1/pushNotificationConfigs", push, "CreateTaskPushNotificationConfig"),
        ("GET", "/tasks/t1/pushNotificationConfigs/p", "", "GetTaskPushNotificationConfig"),
        ("GET", "/tasks/t1/pushNotificationConfigs", "", "ListTaskPushNotificationConfigs"),
        ("DELETE", "/tasks/t1/pushNotificationConfigs/p", "", "DeleteTaskPushNotificationConfig"),
        ("GET", "/extendedAgentCard", "", "GetExtendedAgentCard"),
    ] {
        for (prefix, tenant) in [("", None), ("", Some("acme")), ("/rest", None), ("/rest", Some("v2"))] {
            let server = if prefix.is_empty() { &plain } else { &prefixed };
            let uri = format!("{prefix}{}{path}", tenant.map(|tenant| format!("/{tenant}")).unwrap_or_default());
            let headers: &[_] = if body.is_empty() { &[] } else { &[JSON] };
            let answered = ask(server, verb, &uri, headers, body).await;
            assert_eq!(answered.status, 200, "{verb} {uri}: {}", answered.text());
            let (_, call) = agent.asked().remove(0);
            assert_eq!(call.name(), method, "{verb} {uri}");
            assert_eq!(call.tenant(), tenant, "{verb} {uri}");
        }
    }
}

#[tokio::test]
async fn other_verbs_and_paths_are_refused() {
    let agent = Agent::fitting();
    let server = server(agent.clone());
    for (verb, uri, status, allow) in [
        ("GET", "/message:send", 405, Some("POST")),
        ("PUT", "/tasks/t1:subscribe", 405, Some("GET, POST")),
        ("POST", "/tasks/t1", 405, Some("GET")),
        ("PATCH", "/tasks/t1/pushNotificationConfigs", 405, Some("GET, POST")),
        ("GET", "/task", 404, None),
        ("POST", "/message:sent", 404, None),
        ("GET", "/tasks/t1/other", 404, None),
        ("GET", "/a/b/tasks", 404, None),
    ] {
        let answered = ask(&server, verb, uri, &[JSON], SEND).await;
        assert_eq!((answered.status.as_u16(), answered.header("allow")), (status, allow), "{verb} {uri}");
        let error = &answered.json()["error"];
        assert_eq!(error["details"][0]["reason"], "METHOD_NOT_FOUND", "{verb} {uri}");
        assert_eq!(error["code"], status, "{verb} {uri}");
    }
    let answered = ask(&server, "GET", "/tasks/%FF", &[], "").await;
    assert_eq!(answered.status, 400);
    assert!(agent.methods().is_empty());
}

#[tokio::test]
async fn the_binding_can_be_off_and_keeps_to_its_prefix() {
    let off = server_with(Agent::fitting(), |options| options.http_json_prefix = None);
    assert_eq!(ask(&off, "GET", "/tasks", &[], "").await.status, 404);
    let prefixed = server_with(Agent::fitting(), |options| options.http_json_prefix = Some("/rest".to_owned()));
    for uri in ["/tasks", "/resttasks", "/rest"] {
        assert_eq!(ask(&prefixed, "GET", uri, &[], "").await.status, 404, "{uri}");
    }
}

#[tokio::test]
async fn the_reply_is_in_the_type_of_the_request() {
    let server = server(Agent::fitting());
    for (sent, answered) in [
        ("application/json", "application/json"),
        ("application/json; charset=utf-8", "application/json"),
        (A2A, A2A),
        ("application/vnd.example+json", A2A),
    ] {
        let reply = ask(&server, "POST", "/message:send", &[("content-type", sent)], SEND).await;
        assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, Some(answered)), "{sent}");
        let reply = ask(&server, "POST", "/message:send", &[("content-type", sent)], "{}").await;
        assert_eq!((reply.status.as_u16(), reply.header("content-type")), (400, Some(answered)), "{sent}");
    }
    assert_eq!(ask(&server, "GET", "/tasks/t", &[], "").await.header("content-type"), Some(A2A));
}

#[tokio::test]
async fn an_empty_body_needs_no_type_and_another_does() {
    let agent = Agent::fitting();
    let server = server(agent.clone());
    let text = ("content-type", "text/plain");
    for (verb, uri, headers, body, status) in [
        // The official Python client, and the JavaScript one.
        ("POST", "/tasks/t:cancel", &[][..], "", 200),
        ("POST", "/tasks/t:cancel", &[JSON], "", 200),
        ("POST", "/tasks/t:subscribe", &[], "", 200),
        ("POST", "/tasks/t:subscribe", &[JSON], "", 200),
        ("POST", "/tasks/t:cancel", &[JSON], "{}", 200),
        ("POST", "/tasks/t:cancel", &[JSON], r#"{"id":"t","metadata":{"a":1}}"#, 200),
        ("GET", "/tasks/t", &[text], "", 200),
        ("DELETE", "/tasks/t/pushNotificationConfigs/p", &[text], "", 200),
        ("POST", "/message:send", &[], SEND, 400),
        ("POST", "/message:send", &[text], SEND, 400),
        ("POST", "/tasks/t:cancel", &[text], "x", 400),
    ] {
        let answered = ask(&server, verb, uri, headers, body).await;
        assert_eq!(answered.status.as_u16(), status, "{verb} {uri} {headers:?}: {}", answered.text());
        if status == 400 {
            assert_eq!(answered.json()["error"]["details"][0]["reason"], "CONTENT_TYPE_NOT_SUPPORTED");
        }
    }
}

#[tokio::test]
async fn a_chunked_body_that_turns_out_empty_is_empty() {
    let server = server(Agent::fitting());
    let body = StreamBody::new(futures::stream::empty::<Result<http_body::Frame<Bytes>, std::convert::Infallible>>());
    let request = http::Request::post("/tasks/t:cancel").body(body).unwrap();
    assert_eq!(read(server.respond(request).await).await.status, 200);
}

#[tokio::test]
async fn errors_have_the_status_of_the_table() {
    for kind in ErrorKind::ALL {
        let answered = ask(&server(Agent::failing(*kind)), "GET", "/tasks/t", &[], "").await;
        assert_eq!(answered.status.as_u16(), kind.http_status(), "{kind:?}");
        let error = &answered.json()["error"];
        assert_eq!(error["code"], kind.http_status());
        assert_eq!(error["status"], kind.grpc_status());
        assert_eq!(error["details"][0]["reason"], kind.reason());
    }
}

#[tokio::test]
async fn delete_is_answered_with_an_object() {
    let answered = ask(&server(Agent::fitting()), "DELETE", "/tasks/t/pushNotificationConfigs/p", &[], "").await;
    assert_eq!((answered.status.as_u16(), answered.json()), (200, json!({})));
}

#[tokio::test]
async fn bad_requests_name_what_is_wrong() {
    let agent = Agent::fitting();
    let server = server(agent.clone());
    let deep = format!(r#"{{"message":{}{}}}"#, "[".repeat(5000), "]".repeat(5000));
    for (verb, uri, body, reason, field) in [
        ("POST", "/message:send", &b"{\"message\":"[..], "PARSE_ERROR", None),
        ("POST", "/message:send", b"\xff", "PARSE_ERROR", None),
        ("POST", "/message:send", deep.as_bytes(), "INVALID_PARAMS", None),
        ("POST", "/message:send", br#"{"message":{"messageId":1}}"#, "INVALID_PARAMS", Some("message.messageId")),
        ("POST", "/message:send", b"", "INVALID_PARAMS", Some("message")),
        ("POST", "/acme/message:send", br#"{"tenant":"other"}"#, "INVALID_PARAMS", Some("tenant")),
        ("POST", "/tasks/t:cancel", br#"{"tenant":"tasks"}"#, "INVALID_PARAMS", Some("tenant")),
        ("GET", "/tasks/t?tenant=..", b"", "INVALID_PARAMS", Some("tenant")),
        ("POST", "/tasks/t:cancel", br#"{"id":"other"}"#, "INVALID_PARAMS", Some("id")),
        ("GET", "/tasks?pageSize=many", b"", "INVALID_PARAMS", Some("pageSize")),
        ("GET", "/tasks/t?historyLength=-1", b"", "INVALID_PARAMS", Some("historyLength")),
    ] {
        let answered = ask(&server, verb, uri, &[JSON], body.to_vec()).await;
        assert_eq!(answered.status, 400, "{verb} {uri}");
        let details = answered.json()["error"]["details"].clone();
        assert_eq!(details[0]["reason"], reason, "{verb} {uri}: {}", answered.text());
        if let Some(field) = field {
            assert_eq!(details[1]["fieldViolations"][0]["field"], field, "{verb} {uri}");
        }
    }
    assert!(agent.methods().is_empty());
}

#[tokio::test]
async fn versions_are_negotiated() {
    let server = server(Agent::fitting());
    for (headers, uri, reason) in [
        (&[("a2a-version", "1.0")][..], "/tasks/t", None),
        (&[], "/tasks/t?A2A-Version=1.0", None),
        (&[("a2a-version", "99.0")], "/tasks/t", Some("VERSION_NOT_SUPPORTED")),
        (&[], "/tasks/t?A2A-Version=0.3", Some("VERSION_NOT_SUPPORTED")),
        (&[("a2a-version", "1.0")], "/tasks/t?A2A-Version=0.3", Some("INVALID_PARAMS")),
    ] {
        let answered = ask(&server, "GET", uri, headers, "").await;
        assert_eq!(answered.status, if reason.is_some() { 400 } else { 200 }, "{headers:?} {uri}");
        assert_eq!(answered.json()["error"]["details"][0]["reason"].as_str(), reason, "{headers:?} {uri}");
    }
}

#[tokio::test]
async fn captures_and_queries_reach_the_call() {
    let agent = Agent::fitting();
    let server = server(agent.clone());
    ask(&server, "GET", "/tasks/a%2Fb%20c?historyLength=3", &[], "").await;
    let Call::GetTask(request) = agent.asked().remove(0).1 else { panic!() };
    assert_eq!((request.id.as_str(), request.history_length), ("a/b c", Some(3)));
}

#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let server = server_with(Agent::fitting(), |options| options.max_body_bytes = 64);
    let answered = ask(&server, "POST", "/message:send", &[JSON], SEND).await;
    assert_eq!((answered.status.as_u16(), answered.json()["error"]["code"].clone()), (413, Value::from(413)));
    assert!(answered.text().contains("64"), "{}", answered.text());
}

#[tokio::test]
async fn a_body_without_a_length_is_read_up_to_the_limit() {
    let polled = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = polled.clone();
    let frames = futures::stream::repeat_with(move || {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok::<_, std::convert::Infallible>(http_body::Frame::data(Bytes::from_static(&[b' '; 1024])))
    });
    let server = server_with(Agent::fitting(), |options| options.max_body_bytes = 10 * 1024);
    let request = http::Request::post("/message:send").header(JSON.0, JSON.1).body(StreamBody::new(frames)).unwrap();
    assert_eq!(read(server.respond(request).await).await.status, 413);
    assert_eq!(polled.load(std::sync::atomic::Ordering::Relaxed), 11);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_given_up() {
    let server = server(Agent::fitting());
    let frames = futures::stream::pending::<Result<http_body::Frame<Bytes>, std::convert::Infallible>>();
    let request = http::Request::post("/message:send").header(JSON.0, JSON.1).body(StreamBody::new(frames)).unwrap();
    let answered = read(server.respond(request).await).await;
    assert_eq!(answered.status, 400);
    assert!(answered.text().contains("60s"), "{}", answered.text());
}

#[tokio::test]
async fn a_reply_of_the_wrong_kind_is_the_agents_fault() {
    let server = server(Agent::answering(|_, _| Ok(Reply::Deleted)));
    let answered = ask(&server, "GET", "/tasks/t", &[], "").await;
    assert_eq!(answered.status, 500);
    assert_eq!(answered.json()["error"]["details"][0]["reason"], "INVALID_AGENT_RESPONSE");
}

#[tokio::test]
async fn the_cause_of_an_error_stays_here() {
    let server = server(Agent::answering(|_, _| Err(Error::internal("password hunter2"))));
    let answered = ask(&server, "GET", "/tasks/t", &[], "").await;
    assert_eq!(answered.status, 500);
    assert!(!answered.text().contains("hunter2"));
}

#[test]
fn the_table_of_paths_above_is_complete() {
    assert_eq!(Method::ALL.len(), 11);
}
