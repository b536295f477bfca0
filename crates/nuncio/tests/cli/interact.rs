use crate::support::{Agent, Answer, Nuncio, TASK_NOT_FOUND, completes, stream, task};
use serde_json::{Value, json};

#[test]
fn a_context_and_a_task_are_continued_as_given() {
    for (arguments, context, task) in [
        (&["--context-id", "c1"][..], json!("c1"), Value::Null),
        (&["--task-id", "t1"], Value::Null, json!("t1")),
        (&["--task-id", "t1", "--context-id", "c1"], json!("c1"), json!("t1")),
        (&[], Value::Null, Value::Null),
    ] {
        let agent = Agent::start(completes);
        Nuncio::to(&agent).run(&[&["send", "x"], arguments].concat()).exits(0);
        let message = agent.calls()[0].params["message"].clone();
        assert_eq!((&message["contextId"], &message["taskId"]), (&context, &task));
    }
}

#[test]
fn a_rejected_identifier_fails_and_creates_nothing() {
    for (answer, code) in [
        (|| TASK_NOT_FOUND, "TaskNotFoundError"),
        (|| Answer::Error(-32004, 400, "UNSUPPORTED_OPERATION", "it has ended"), "UnsupportedOperationError"),
        (|| Answer::Error(-32602, 400, "INVALID_PARAMS", "contextId does not match"), "InvalidParamsError"),
    ] as [(fn() -> Answer, &str); 3]
    {
        let agent = Agent::start(move |_| answer());
        let run = Nuncio::to(&agent).run(&["send", "x", "--task-id", "t1", "-o", "json"]).exits(1);
        assert_eq!(run.error_code(), code);
        assert!(run.json()["error"]["hint"].as_str().unwrap().contains("--debug"), "{run:?}");
        for call in agent.calls() {
            assert_eq!(call.params["message"]["taskId"], "t1", "never without the task");
        }
    }
}

#[test]
fn the_outcome_says_how_to_go_on() {
    for (state, resume) in [
        ("INPUT_REQUIRED", "Resume: nuncio send -a URL --task-id t \"<reply>\""),
        ("AUTH_REQUIRED", "Resume: nuncio send -a URL --task-id t \"<reply>\""),
        ("COMPLETED", "Resume: nuncio send -a URL --context-id c \"<message>\""),
    ] {
        let answer = task(state);
        let agent = Agent::start(move |call| match call.method.as_str() {
            "SendStreamingMessage" => stream([json!({"task": answer.clone()})]),
            _ => Answer::Result(answer.clone()),
        });
        let run = Nuncio::new().run(&["send", "x", "-a", &agent.url]).exits(0);
        run.says("Task ID: t")
            .says("Context ID: c")
            .says(&format!("State: TASK_STATE_{state}"))
            .says(&resume.replace("URL", &agent.url));
    }
}

#[test]
fn nothing_is_remembered_between_invocations() {
    let agent = Agent::start(completes);
    let nuncio = Nuncio::to(&agent);
    for _ in 0..2 {
        nuncio.run(&["send", "x"]).exits(0);
    }
    for call in agent.calls().iter().filter(|call| call.method == "SendStreamingMessage") {
        assert_eq!(call.params["message"]["contextId"], Value::Null);
    }
    let mut files = Vec::new();
    let mut directories = vec![nuncio.home.clone()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { directories.push(path) } else { files.push(path) }
        }
    }
    assert!(files.iter().all(|file| file.starts_with(nuncio.home.join("cache/nuncio/cards"))), "{files:?}");
    assert!(nuncio.run(&["send", "--continue", "x"]).exits(2).stdout.is_empty());
}

#[test]
fn every_message_has_an_id_of_its_own() {
    let agent = Agent::without_streaming(completes);
    let nuncio = Nuncio::to(&agent);
    nuncio.run(&["send", "x"]).exits(0);
    nuncio.run(&["send", "x"]).exits(0);
    let ids: Vec<_> = agent.calls().iter().map(|call| call.params["message"]["messageId"].clone()).collect();
    assert!(ids[0].is_string() && ids[0] != ids[1]);
}
