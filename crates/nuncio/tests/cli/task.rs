use serde_json::json;

use crate::support::{Agent, Answer, Nuncio, TASK_NOT_FOUND, artifact, completed, completes, status, stream, task};

#[test]
fn a_task_is_shown_with_artifacts_and_history() {
    let agent = Agent::start(|call| {
        let mut task = completed("kept");
        task["history"] = json!([{"messageId": "m1", "role": "ROLE_USER", "parts": [{"text": "asked"}]}]);
        task["metadata"] = json!({"vendor": call.params["historyLength"]});
        Answer::Result(task)
    });
    let nuncio = Nuncio::to(&agent);
    nuncio.run(&["task", "get", "t"]).exits(0).says("Task ID: t").says("Context ID: c").says("kept");
    let verbose = nuncio.run(&["task", "get", "t", "--verbose"]).exits(0);
    verbose.says("History: m1").says("asked").says("kept");
    let run = nuncio.run(&["task", "get", "t", "--history", "3", "-o", "json"]).exits(0);
    let task = run.json();
    assert_eq!((&task["history"][0]["messageId"], &task["metadata"]["vendor"]), (&json!("m1"), &json!(3)));
    assert_eq!(nuncio.run(&["task", "get", "t", "-o", "json", "--stream"]).exits(0).jsonl().len(), 1);
}

#[test]
fn cancelling_reports_the_state_and_may_be_repeated() {
    let agent = Agent::start(|call| match (call.method.as_str(), call.params["id"].as_str()) {
        ("CancelTask", Some("t")) => Answer::Result(task("CANCELED")),
        ("CancelTask", _) => Answer::Error(-32002, 400, "TASK_NOT_CANCELABLE", "it has ended"),
        (_, Some("again")) => Answer::Result(task("CANCELED")),
        _ => Answer::Result(task("COMPLETED")),
    });
    let nuncio = Nuncio::to(&agent);
    let run = nuncio.run(&["task", "cancel", "t"]).exits(0).says("State: TASK_STATE_CANCELED").says("Context ID: c");
    assert_eq!(run.stderr, "");
    assert_eq!(nuncio.run(&["task", "cancel", "again", "-o", "json"]).exits(0).json(), task("CANCELED"));
    let run = nuncio.run(&["task", "cancel", "ended", "-o", "json"]).exits(1);
    assert_eq!(run.error_code(), "TaskNotCancelableError");
    assert_eq!(run.json()["error"]["hint"], "the task has ended as TASK_STATE_COMPLETED");
}

#[test]
fn a_list_is_paginated_and_filtered() {
    let agent = Agent::start(|_| {
        Answer::Result(
            json!({"tasks": [task("WORKING"), task("COMPLETED")], "nextPageToken": "p2", "pageSize": 2, "totalSize": 5}),
        )
    });
    let nuncio = Nuncio::to(&agent);
    let arguments = [
        "task",
        "list",
        "--status",
        "working",
        "--context-id",
        "c",
        "--page-size",
        "2",
        "--page-token",
        "p1",
        "--include-artifacts",
    ];
    nuncio.run(&arguments).exits(0).says("Task ID: t").says("State: TASK_STATE_WORKING").says("Next Page Token: p2");
    let expected = json!({"status": "TASK_STATE_WORKING", "contextId": "c", "pageSize": 2, "pageToken": "p1", "includeArtifacts": true});
    assert_eq!(agent.calls()[0].params, expected);
    let run = nuncio.run(&["task", "list", "-o", "json"]).exits(0);
    assert_eq!((run.json()["totalSize"].clone(), run.json()["tasks"][1].clone()), (json!(5), task("COMPLETED")));
    let run = nuncio.run(&["task", "list", "-o", "json", "--stream"]).exits(0);
    assert_eq!(run.jsonl(), [task("WORKING"), task("COMPLETED")]);
    assert!(run.stderr.contains("--page-token p2"), "{run:?}");
}

#[test]
fn subscribing_follows_the_events_or_gives_the_final_task() {
    let agent = Agent::start(|call| match call.method.as_str() {
        "SubscribeToTask" => stream([json!({"task": task("WORKING")}), artifact("done"), status("COMPLETED")]),
        _ => Answer::Result(completed("done")),
    });
    let nuncio = Nuncio::to(&agent);
    let run = nuncio.run(&["task", "subscribe", "t", "--stream", "-o", "json"]).exits(0);
    assert_eq!(run.jsonl(), [json!({"task": task("WORKING")}), artifact("done"), status("COMPLETED")]);
    assert_eq!(nuncio.run(&["task", "subscribe", "t", "-o", "json"]).exits(0).json(), completed("done"));
    nuncio
        .run(&["task", "subscribe", "t"])
        .exits(0)
        .says("Task ID: t")
        .says("State: TASK_STATE_COMPLETED")
        .says("done");
}

#[test]
fn a_cut_subscription_goes_on_with_the_whole_task() {
    let subscriptions = std::sync::atomic::AtomicU32::new(0);
    let agent = Agent::start(move |call| match call.method.as_str() {
        "SubscribeToTask" if subscriptions.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 => {
            stream([json!({"task": task("WORKING")})])
        }
        "SubscribeToTask" => stream([json!({"task": task("WORKING")}), status("COMPLETED")]),
        _ => Answer::Result(task("WORKING")),
    });
    let run = Nuncio::to(&agent).run(&["task", "subscribe", "t", "--stream", "-o", "json"]).exits(0);
    assert_eq!(run.jsonl().last(), Some(&status("COMPLETED")));
    assert_eq!(agent.methods().iter().filter(|method| *method == "SubscribeToTask").count(), 2);
}

#[test]
fn subscribing_without_the_capability_polls() {
    let agent = Agent::without_streaming(completes);
    let run = Nuncio::to(&agent).run(&["task", "subscribe", "t", "--stream", "-o", "json"]).exits(0);
    assert_eq!(run.jsonl(), [json!({"task": completed("done")})]);
    assert_eq!(agent.methods(), ["GetTask"]);
}

#[test]
fn an_unknown_task_is_the_protocols_error() {
    let agent = Agent::start(|_| TASK_NOT_FOUND);
    for command in ["get", "cancel", "subscribe"] {
        let run = Nuncio::to(&agent).run(&["task", command, "nope", "-o", "json"]).exits(1);
        assert_eq!(run.error_code(), "TaskNotFoundError", "{command}");
    }
}
