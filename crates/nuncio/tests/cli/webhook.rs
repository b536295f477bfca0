use std::{
    io::{BufRead as _, BufReader},
    process::{Child, ChildStdout},
};

use a2a_app_ports::{PushOutcome, PushRequest, PushTransport as _};
use a2a_http_client::{Guard, Webhooks};
use a2a_protocol_core::{
    PUSH_TOKEN_HEADER, SendMessageConfiguration, SendMessageRequest, TaskPushNotificationConfig, signing::SigningKey,
};
use agent_sdk::prelude::*;
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use crate::support::{self, Nuncio, Run, status};

/// A running `nuncio webhook`.
struct Webhook {
    process: Child,
    stdout: BufReader<ChildStdout>,
    url: String,
}

impl Webhook {
    fn start(nuncio: &Nuncio, arguments: &[&str]) -> Self {
        let mut process = nuncio.spawn(&[&["webhook", "--listen", "127.0.0.1:0"][..], arguments].concat());
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut first = String::new();
        stdout.read_line(&mut first).unwrap();
        let url = match serde_json::from_str::<Value>(&first) {
            Ok(line) => line["url"].as_str().unwrap().to_owned(),
            Err(_) => first.trim().strip_prefix("URL: ").unwrap().to_owned(),
        };
        Self { process, stdout, url }
    }

    /// What it printed after the first line, once it has ended.
    fn end(mut self) -> Run {
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.stdout, &mut rest).unwrap();
        let run = Run::of(self.process);
        Run { stdout: rest, ..run }
    }
}

fn sender() -> Webhooks {
    Webhooks::new(Guard::default().allow_local_networks(true)).unwrap()
}

async fn send(webhooks: &Webhooks, url: &str, token: Option<&'static str>, body: &Value) -> PushOutcome {
    let mut headers = HeaderMap::new();
    if let Some(token) = token {
        headers.insert(PUSH_TOKEN_HEADER, HeaderValue::from_static(token));
    }
    webhooks.deliver(PushRequest { url: url.to_owned(), headers, body: body.to_string().into() }).await
}

fn answered(status: u16) -> PushOutcome {
    PushOutcome::Retry { after: None, reason: format!("the webhook answered {status}") }
}

#[tokio::test]
async fn notifications_are_printed_until_as_many_have_come_as_were_asked_for() {
    let webhook = Webhook::start(&Nuncio::new(), &["--count", "2"]);
    for state in ["WORKING", "COMPLETED"] {
        assert_eq!(send(&sender(), &webhook.url, None, &status(state)).await, PushOutcome::Delivered);
    }
    let run = webhook.end().exits(0);
    run.says("Event: status").says("Task ID: t").says("State: TASK_STATE_WORKING").says("State: TASK_STATE_COMPLETED");
}

#[tokio::test]
async fn in_json_every_notification_is_a_line_accepted_or_not() {
    let webhook = Webhook::start(&Nuncio::new(), &["--count", "1", "--token", "right", "-o", "json"]);
    assert_eq!(send(&sender(), &webhook.url, None, &status("WORKING")).await, answered(401));
    assert_eq!(send(&sender(), &webhook.url, Some("wrong"), &status("WORKING")).await, answered(401));
    assert_eq!(send(&sender(), &webhook.url, Some("right"), &json!([])).await, answered(400));
    assert_eq!(send(&sender(), &webhook.url, Some("right"), &status("WORKING")).await, PushOutcome::Delivered);
    let run = webhook.end().exits(0);
    let lines = run.jsonl();
    assert_eq!(lines[0], json!({"accepted": false, "status": 401, "reason": "the token is missing or wrong"}));
    assert_eq!(lines[2]["status"], 400);
    assert_eq!(lines[3]["accepted"], true);
    assert_eq!(lines[3]["event"]["statusUpdate"]["status"]["state"], "TASK_STATE_WORKING");
    assert_eq!((lines.len(), &lines[3]["version"], &lines[3]["claims"]), (4, &json!("1.0"), &Value::Null));
}

#[tokio::test]
async fn signatures_are_verified_by_keys_from_a_file_or_an_address() {
    let key = SigningKey::es256(&[7; 32]).unwrap();
    let signed = sender().signed_by(key, Some("https://agent.example".to_owned()));
    let keys = serde_json::to_string(&signed.keys()).unwrap();
    let jwks = support::Agent::without_card(200, keys.clone().leak());
    let nuncio = Nuncio::new().file("work/jwks.json", &keys);
    for place in ["jwks.json", &jwks.url] {
        let webhook = Webhook::start(&nuncio, &["--count", "1", "--keys", place, "-o", "json"]);
        assert_eq!(send(&sender(), &webhook.url, None, &status("WORKING")).await, answered(401));
        assert_eq!(send(&signed, &webhook.url, None, &status("WORKING")).await, PushOutcome::Delivered);
        let url = webhook.url.clone();
        let lines = webhook.end().exits(0).jsonl();
        assert_eq!(lines[0]["reason"], "there is no signature");
        assert_eq!(lines[1]["claims"]["iss"], "https://agent.example");
        assert_eq!(lines[1]["claims"]["aud"], json!(url));
    }
    // Without a word it is for the address that is listened at, and no other.
    let mut webhook = Webhook::start(&nuncio, &["--count", "1", "--keys", "jwks.json"]);
    let other = format!("{}other", webhook.url);
    assert_eq!(send(&signed, &other, None, &status("WORKING")).await, answered(401));
    assert_eq!(send(&signed, &webhook.url, None, &status("WORKING")).await, PushOutcome::Delivered);
    let url = std::mem::take(&mut webhook.url);
    let run = webhook.end().exits(0);
    assert!(run.stderr.contains(&format!("signatures have to name {url}; --audience")), "{run:?}");
    assert!(run.stderr.contains("rejected with 401: the signature is for another receiver"), "{run:?}");
    // Where that is not known, it has to be said.
    let run = nuncio.run(&["webhook", "--listen", "0.0.0.0:0", "--keys", "jwks.json"]).exits(2);
    assert!(run.stderr.contains("--audience"), "{run:?}");
    // Somebody else's notification.
    let webhook = Webhook::start(
        &nuncio,
        &["--count", "1", "--keys", "jwks.json", "--audience", "https://me/", "--timeout", "1s"],
    );
    assert_eq!(send(&signed, &webhook.url, None, &status("WORKING")).await, answered(401));
    let run = webhook.end().exits(5);
    assert!(run.stderr.contains("rejected with 401: the signature is for another receiver"), "{run:?}");
}

#[tokio::test]
async fn the_token_need_not_be_on_the_command_line() {
    let nuncio = Nuncio::new().env("A2ACLI_PUSH_TOKEN", "right");
    let webhook = Webhook::start(&nuncio, &["--count", "1"]);
    assert_eq!(send(&sender(), &webhook.url, None, &status("WORKING")).await, answered(401));
    assert_eq!(send(&sender(), &webhook.url, Some("right"), &status("WORKING")).await, PushOutcome::Delivered);
    webhook.end().exits(0);
    let help = nuncio.run(&["webhook", "--help"]).exits(0).stdout;
    assert!(help.contains("[env: A2ACLI_PUSH_TOKEN]") && !help.contains("right"), "{help}");
}

#[tokio::test]
async fn a_notification_that_nobody_prints_is_not_accepted() {
    let webhook = Webhook::start(&Nuncio::new(), &["--count", "1"]);
    let sender = sender();
    let body = status("WORKING");
    let sends: Vec<_> = (0..8).map(|_| send(&sender, &webhook.url, None, &body)).collect();
    let outcomes = futures::future::join_all(sends).await;
    let delivered = outcomes.iter().filter(|outcome| **outcome == PushOutcome::Delivered).count();
    let run = webhook.end().exits(0);
    assert_eq!((delivered, run.stdout.matches("Event: status").count()), (1, 1), "{outcomes:?}");
}

#[tokio::test]
async fn an_agents_notifications_are_received_in_order_and_verified() {
    struct Steps;
    impl MessageHandler for Steps {
        async fn handle(&self, _: Turn, task: TaskUpdater) -> Result<(), HandlerError> {
            task.working("on it").await?;
            task.reply("done").await
        }
    }
    let webhooks = sender().signed_by(SigningKey::es256(&[3; 32]).unwrap(), None);
    let agent = Agent::new("Steps", "Takes two").skill(Skill::new("s", "Steps"), Steps).push(webhooks);
    let serving = agent.bind("127.0.0.1:0").await.unwrap();
    let url = serving.url();
    tokio::spawn(serving.serve());
    let client = Client::builder().connect(&url).await.unwrap();

    let published = format!("{url}/.well-known/jwks.json");
    let arguments = ["--count", "3", "--token", "secret", "--keys", &published, "-o", "json"];
    let webhook = Webhook::start(&Nuncio::new(), &arguments);
    let mut config = TaskPushNotificationConfig::default();
    (config.url, config.token) = (webhook.url.clone(), Some("secret".to_owned()));
    let mut request = SendMessageRequest::new(Message::user("m", "go"));
    request.configuration = Some(SendMessageConfiguration::default());
    request.configuration.as_mut().unwrap().task_push_notification_config = Some(config);
    client.send_message(CallContext::new(), request).await.unwrap();

    let lines = tokio::task::spawn_blocking(|| webhook.end()).await.unwrap().exits(0).jsonl();
    let states: Vec<_> = lines
        .iter()
        .map(|line| {
            assert_eq!(line["accepted"], true, "{line}");
            assert!(line["claims"]["jti"].is_string());
            let event = &line["event"];
            let state = event.pointer("/task/status/state").or(event.pointer("/statusUpdate/status/state"));
            state.unwrap().as_str().unwrap()
        })
        .collect();
    assert_eq!(states, ["TASK_STATE_SUBMITTED", "TASK_STATE_WORKING", "TASK_STATE_COMPLETED"]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_well() {
    let webhook = Webhook::start(&Nuncio::new(), &[]);
    let id = webhook.process.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    webhook.end().exits(0);
}
