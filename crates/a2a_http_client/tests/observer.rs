//! What an observer is told, and that no secret is among it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::{Arc, Mutex};

use a2a_app_ports::{AgentOperations, CallContext};
use a2a_http_client::{Observation, Observer};
use a2a_protocol_core::{GetTaskRequest, SubscribeToTaskRequest};
use serde_json::json;
use support::{Ending, ManualClock, Server, cut, drain, events, reply, result, status, task};

#[derive(Default)]
struct Recorder {
    lines: Mutex<Vec<String>>,
    everything: Mutex<String>,
}

impl Observer for Recorder {
    fn observe(&self, observation: &Observation<'_>) {
        self.lines.lock().unwrap().push(observation.to_string());
        self.everything.lock().unwrap().push_str(&format!("{observation:?}\n"));
    }
}

#[tokio::test]
async fn requests_replies_and_retries_are_told_without_secrets() {
    let server = Server::start([reply(503, &[("set-cookie", "sid=hush")], ""), cut(), result(task("WORKING"))]).await;
    let recorder = Arc::new(Recorder::default());
    let mut card = server.card("JSONRPC");
    card["securitySchemes"] = json!({"k": {"apiKeySecurityScheme": {"location": "query", "name": "appid"}}});
    let builder = ManualClock::new().builder().observer(recorder.clone());
    let builder = builder.bearer("hush").api_key("hush").service_param("X-Session-Token", "hush");
    let client = server.client_of(builder.clone(), card.clone());
    client.get_task(CallContext::new(), GetTaskRequest::new("t")).await.unwrap();

    let url = &server.url;
    let lines = recorder.lines.lock().unwrap().clone();
    assert_eq!(
        lines.iter().map(String::as_str).filter(|line| !line.contains("failed after")).collect::<Vec<_>>(),
        [
            &*format!("#0 POST {url}/?appid=[redacted]"),
            "#0 503 Service Unavailable after 0 ms",
            "retry 1 in 1000 ms: UnavailableError: HTTP status 503",
            &*format!("#1 POST {url}/?appid=[redacted]"),
            lines.iter().find(|line| line.starts_with("retry 2 in 2000 ms: the connection to")).unwrap(),
            &*format!("#2 POST {url}/?appid=[redacted]"),
            "#2 200 OK after 0 ms",
        ]
    );
    assert!(lines.iter().any(|line| line.starts_with("#1 failed after 0 ms: ")), "{lines:?}");
    let everything = recorder.everything.lock().unwrap().clone();
    assert!(!everything.contains("hush"), "{everything}");
    assert!(!format!("{builder:?} {client:?}").contains("hush"));

    // Nor does an error that names the address.
    card["supportedInterfaces"][0]["url"] = json!("http://127.0.0.1:1/");
    let error = server.client_of(builder, card).get_task(CallContext::new(), GetTaskRequest::new("t")).await;
    let error = error.unwrap_err();
    assert!(error.message().contains("127.0.0.1:1"), "{error}");
    assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
}

#[tokio::test]
async fn resumptions_are_told() {
    let server = Server::start([
        events(Ending::Clean, vec![(Some(1), json!({"task": task("WORKING")}))]),
        events(Ending::Clean, vec![(Some(2), status("COMPLETED"))]),
    ])
    .await;
    let recorder = Arc::new(Recorder::default());
    let client = server.client_of(ManualClock::new().builder().observer(recorder.clone()), server.card("JSONRPC"));
    let stream = client.subscribe_to_task(CallContext::new(), SubscribeToTaskRequest::new("t")).await.unwrap();
    assert_eq!(drain(stream).await.0, ["1:task working", "2:completed"]);
    let lines = recorder.lines.lock().unwrap().clone();
    assert!(lines.iter().any(|line| line.starts_with("resume 1 in 1000 ms: ")), "{lines:?}");
}
