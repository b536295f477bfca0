use serde_json::{Value, json};

use crate::support::{Agent, Answer, Nuncio, TASK_NOT_FOUND};

fn config(id: &str) -> Value {
    json!({
        "id": id, "taskId": "t", "url": "https://hook.example/a", "token": "token-of-the-hook",
        "authentication": {"scheme": "Bearer", "credentials": "credential-of-the-hook"},
    })
}

fn agent(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Agent {
    let declares = |card: &mut Value| card["capabilities"]["pushNotifications"] = json!(true);
    Agent::with_card(declares, move |call| answer(&call.method))
}

#[test]
fn a_webhook_is_configured_and_its_secrets_are_not_shown() {
    let agent = agent(|_| Answer::Result(config("c1")));
    let nuncio = Nuncio::to(&agent);
    let create = ["task", "push-config", "create", "t", "--url", "https://hook.example/a", "--id", "c1"];
    let secrets = ["--token", "token-of-the-hook", "--authorization", "Bearer credential-of-the-hook"];
    let run = nuncio.run(&[&create[..], &secrets, &["--debug"]].concat()).exits(0);
    let run = run.says("Config ID: c1").says("URL: https://hook.example/a").says("Authorization: Bearer");
    assert!(!format!("{run:?}").contains("of-the-hook"), "{run:?}");
    assert_eq!(agent.calls()[0].params, config("c1"));
    // A program gets the agent's reply as it is.
    let run = nuncio.run(&["task", "push-config", "get", "t", "--id", "c1", "-o", "json"]).exits(0);
    assert_eq!(run.json(), config("c1"));
    assert_eq!(agent.calls()[1].params, json!({"taskId": "t", "id": "c1"}));
}

#[test]
fn webhooks_are_listed_by_the_page_and_deleted() {
    let agent = agent(|method| match method {
        "ListTaskPushNotificationConfigs" => {
            Answer::Result(json!({"configs": [config("c1"), config("c2")], "nextPageToken": "p2"}))
        }
        _ => Answer::Result(json!({})),
    });
    let nuncio = Nuncio::to(&agent);
    let list = ["task", "push-config", "list", "t", "--page-size", "2", "--page-token", "p1"];
    let run = nuncio.run(&list).exits(0).says("Config ID: c1").says("Config ID: c2");
    assert!(run.stderr.contains("--page-token p2"), "{run:?}");
    assert_eq!(agent.calls()[0].params, json!({"taskId": "t", "pageSize": 2, "pageToken": "p1"}));
    nuncio.run(&["task", "push-config", "delete", "t", "--id", "c2"]).exits(0).says("Deleted: c2");
    assert_eq!(agent.calls()[1].params, json!({"taskId": "t", "id": "c2"}));
}

#[test]
fn an_agent_without_push_notifications_is_not_asked() {
    let agent = Agent::start(|_| TASK_NOT_FOUND);
    let run = Nuncio::to(&agent).run(&["task", "push-config", "list", "t", "-o", "json"]).exits(1);
    assert_eq!(run.error_code(), "PushNotificationNotSupportedError");
    assert_eq!(agent.calls().len(), 0);
}

#[test]
fn a_webhook_that_is_not_there_is_the_protocols_error() {
    let agent = agent(|_| TASK_NOT_FOUND);
    for command in [&["get", "t", "--id", "c"][..], &["delete", "t", "--id", "c"], &["list", "t"]] {
        let run = Nuncio::to(&agent).run(&[&["task", "push-config"], command, &["-o", "json"]].concat()).exits(1);
        assert_eq!(run.error_code(), "TaskNotFoundError", "{command:?}");
    }
}
