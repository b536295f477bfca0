//! Deviations from the specification that are understood coming in.

use a2a_protocol_core::ErrorKind;
use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn json_rpc_is_answered_at_the_home_grown_endpoint() {
    let agent = Agent::fitting();
    let on = server_with(agent.clone(), |options| options.json_rpc_paths = vec!["/rpc".to_owned()]);
    for path in ["/a2a", "/a2a/", "/rpc"] {
        for method in ["GetTask", "tasks/get"] {
            let answered = ask(&on, "POST", path, &[JSON], rpc(method, r#"{"id":"t"}"#)).await;
            assert_eq!(answered.json()["result"]["id"], "t1", "{path} {method}");
        }
    }
    // Below it, it is a tenant like any other.
    agent.asked();
    ask(&on, "GET", "/a2a/tasks/t", &[], "").await;
    assert_eq!(agent.asked()[0].1.tenant(), Some("a2a"));
    let off = server_with(agent, |options| options.json_rpc_paths = Vec::new());
    assert_eq!(ask(&off, "POST", "/a2a", &[JSON], rpc("GetTask", r#"{"id":"t"}"#)).await.status, 404);
}

#[tokio::test]
async fn names_that_no_specification_has_are_understood() {
    let agent = Agent::fitting();
    let server = server(agent.clone());
    post(&server, rpc("tasks/list", r#"{"status":"cancelled","pageSize":5}"#)).await;
    post(&server, rpc("agent/authenticatedExtendedCard", "{}")).await;
    assert_eq!(agent.methods(), ["ListTasks", "GetExtendedAgentCard"]);
}

#[tokio::test]
async fn home_grown_parts_reach_the_agent() {
    let agent = Agent::fitting();
    let parts =
        r#"[{"type":"text","content":"hi"},{"type":"file","name":"a.txt","content_type":"text/plain","data":"aGk="}]"#;
    let send = format!(r#"{{"message":{{"messageId":"m","role":"user","parts":{parts}}}}}"#);
    let server = server(agent.clone());
    post(&server, rpc("message/send", &send)).await;
    ask(&server, "POST", "/v1/message:send", &[JSON], send).await;
    for (_, call) in agent.asked() {
        let a2a_protocol_core::Call::SendMessage(request) = call else { panic!("{call:?}") };
        assert_eq!(request.message.text(), "hi");
        assert_eq!(request.message.parts[1].filename.as_deref(), Some("a.txt"));
    }
}

#[tokio::test]
async fn a_caller_of_0_3_is_told_of_a_wrong_request_that_has_no_id() {
    let server = server(Agent::failing(ErrorKind::MethodNotFound));
    let notify = |method: &str, params: &str| format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#);
    for (method, params, code) in [("message/ssend", "{}", -32601), ("message/send", "{}", -32602)] {
        let answered = post(&server, notify(method, params)).await;
        assert_eq!((answered.status.as_u16(), answered.code()), (200, code), "{method}");
        assert_eq!(answered.json()["id"], json!(null));
        let in_batch = post(&server, format!("[{}]", notify(method, params))).await;
        assert_eq!((in_batch.status.as_u16(), in_batch.body.len()), (204, 0), "{method}");
    }
    for (method, params) in
        [("SendMessage", "{}"), ("Unknown", "{}"), ("vendor/method", "{}"), ("vendor/method", r#"{"tenant":".."}"#)]
    {
        let answered = post(&server, notify(method, params)).await;
        assert_eq!((answered.status.as_u16(), answered.body.len()), (204, 0), "{method} {params}");
    }
    // What has never been read as a request is answered in any version.
    let broken = post(&server, r#"{"jsonrpc":"2.0","params":{}}"#).await;
    assert_eq!((broken.status.as_u16(), broken.code()), (200, -32600));
}
