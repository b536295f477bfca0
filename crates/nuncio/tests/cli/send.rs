use std::sync::mpsc;

use serde_json::{Value, json};

use crate::support::{Agent, Answer, Nuncio, artifact, completed, completes, message, status, stream, task};

#[test]
fn a_send_waits_and_shows_the_artifacts() {
    for agent in [Agent::start(completes), Agent::without_streaming(completes)] {
        let run = Nuncio::to(&agent).run(&["send", "hello"]).exits(0);
        let expected = "Task ID: t\nContext ID: c\nState: TASK_STATE_COMPLETED\nArtifact: answer\nArtifact ID: a\nText:\ndone\n\nResume: nuncio send --context-id c \"<message>\"\n";
        assert_eq!(run.stdout, expected);
        assert_eq!(run.stderr, "");
        assert_eq!(agent.calls()[0].text(), "hello");
        assert_eq!(agent.calls()[0].params["message"]["role"], "ROLE_USER");
    }
}

#[test]
fn a_blocking_answer_that_is_not_final_is_polled() {
    let agent = Agent::without_streaming(|call| match call.method.as_str() {
        "SendMessage" => Answer::Result(json!({"task": task("WORKING")})),
        _ => Answer::Result(completed("later")),
    });
    let run = Nuncio::to(&agent).run(&["send", "hello", "--poll-interval", "20ms", "-o", "json"]).exits(0);
    assert_eq!(run.json(), json!({"task": completed("later")}));
    assert_eq!(agent.methods(), ["SendMessage", "GetTask"]);
    assert_eq!(agent.calls()[0].params["configuration"]["returnImmediately"], Value::Null);
}

#[test]
fn async_returns_the_identifiers_at_once() {
    for flag in ["--async", "--return-immediately", "--no-wait"] {
        let agent = Agent::start(|call| match call.method.as_str() {
            "SendMessage" => Answer::Result(json!({"task": task("SUBMITTED")})),
            _ => Answer::HangUp,
        });
        let run = Nuncio::to(&agent).run(&["send", "hello", flag]).exits(0);
        run.says("Task ID: t")
            .says("Context ID: c")
            .says("State: TASK_STATE_SUBMITTED")
            .says("Resume: nuncio task get --wait t");
        assert_eq!(agent.methods(), ["SendMessage"]);
        assert_eq!(agent.calls()[0].params["configuration"]["returnImmediately"], true);
        let run = Nuncio::to(&agent).run(&["send", "hello", flag, "-o", "json"]).exits(0);
        assert_eq!(run.json(), json!({"task": task("SUBMITTED")}));
    }
}

#[test]
fn a_direct_message_is_a_clean_end() {
    let answer = |call: &crate::support::Call| match call.method.as_str() {
        "SendStreamingMessage" => stream([message("hi")]),
        _ => Answer::Result(message("hi")),
    };
    for agent in [Agent::start(answer), Agent::without_streaming(answer)] {
        let nuncio = Nuncio::to(&agent);
        nuncio.run(&["send", "x"]).exits(0).says("Message ID: m").says("Context ID: c").says("hi");
        assert_eq!(nuncio.run(&["send", "x", "-o", "json"]).exits(0).json(), message("hi"));
        assert_eq!(nuncio.run(&["send", "x", "-o", "json", "--stream"]).exits(0).jsonl(), [message("hi")]);
    }
}

#[test]
fn streamed_events_are_written_as_they_arrive() {
    let (release, released) = mpsc::channel::<()>();
    let released = std::sync::Mutex::new(Some(released));
    let agent = Agent::start(move |call| match call.method.as_str() {
        "SendStreamingMessage" => {
            let released = released.lock().unwrap().take().unwrap();
            Answer::Stream(Box::new(move |events| {
                events.send(json!({"task": task("WORKING")}));
                let _ = released.recv();
                events.send(artifact("done"));
                events.send(status("COMPLETED"));
            }))
        }
        _ => Answer::HangUp,
    });
    let nuncio = Nuncio::to(&agent);
    let mut child = nuncio.spawn(&["send", "x", "--stream", "-o", "json"]);
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next(), json!({"task": task("WORKING")}));
    release.send(()).unwrap();
    assert_eq!(next(), artifact("done"));
    assert_eq!(next(), status("COMPLETED"));
    assert!(child.wait().unwrap().success());
}

#[test]
fn stream_without_the_capability_still_gives_json_lines() {
    let polls = std::sync::atomic::AtomicU32::new(0);
    let agent = Agent::without_streaming(move |call| match call.method.as_str() {
        "SendMessage" => Answer::Result(json!({"task": task("SUBMITTED")})),
        _ => match polls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => Answer::Result(task("SUBMITTED")),
            1 => Answer::Result(task("WORKING")),
            _ => Answer::Result(completed("done")),
        },
    });
    let run = Nuncio::to(&agent).run(&["send", "x", "--stream", "-o", "json", "--poll-interval", "20ms"]).exits(0);
    let expected =
        [json!({"task": task("SUBMITTED")}), json!({"task": task("WORKING")}), json!({"task": completed("done")})];
    assert_eq!(run.jsonl(), expected);
}

#[test]
fn an_agent_that_declares_streaming_and_refuses_it_is_called_without() {
    let agent = Agent::start(|call| match call.method.as_str() {
        "SendStreamingMessage" => Answer::Error(-32004, 400, "UNSUPPORTED_OPERATION", "no streams"),
        _ => completes(call),
    });
    Nuncio::to(&agent).run(&["send", "x"]).exits(0).says("State: TASK_STATE_COMPLETED");
    assert_eq!(agent.methods(), ["SendStreamingMessage", "SendMessage"]);
}

#[test]
fn parts_are_sent_in_order_with_their_media_types() {
    let agent = Agent::start(completes);
    let nuncio = Nuncio::to(&agent).file("work/report.bin", "%PDF").file("work/notes.md", "# n").input(r#"{"n": 1}"#);
    let arguments = [
        "send",
        "--text",
        "first",
        "--file",
        "report.bin",
        "--media-type",
        "application/pdf",
        "--file",
        "notes.md",
        "--file",
        "https://h.example/pic.png",
        "--data",
        "-",
        "--text",
        "last",
    ];
    nuncio.run(&arguments).exits(0);
    let expected = json!([
        {"text": "first"},
        {"raw": "JVBERg==", "filename": "report.bin", "mediaType": "application/pdf"},
        {"raw": "IyBu", "filename": "notes.md", "mediaType": "text/markdown"},
        {"url": "https://h.example/pic.png", "filename": "pic.png", "mediaType": "image/png"},
        {"data": {"n": 1}, "mediaType": "application/json"},
        {"text": "last"},
    ]);
    assert_eq!(agent.calls()[0].params["message"]["parts"], expected);
}

#[test]
fn metadata_travels_in_the_payload() {
    let agent = Agent::start(completes);
    Nuncio::to(&agent).run(&["send", "x", "--metadata", r#"{"k": {"deep": [1]}}"#]).exits(0);
    assert_eq!(agent.calls()[0].params["metadata"], json!({"k": {"deep": [1]}}));
}
