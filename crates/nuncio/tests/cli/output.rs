use serde_json::{Value, json};

use crate::support::{Agent, Answer, Nuncio, completed, completes, status, stream, task};

#[test]
fn json_is_one_document_whatever_happened_on_the_way() {
    let agent = Agent::start(completes);
    let run = Nuncio::to(&agent).run(&["send", "x", "-o", "json"]).exits(0);
    assert_eq!(run.json(), json!({"task": completed("done")}));
    // Nothing but the flag makes it a stream.
    let run = Nuncio::to(&agent).env("A2ACLI_STREAM", "true").run(&["send", "x", "-o", "json"]).exits(0);
    assert_eq!(run.json(), json!({"task": completed("done")}));
}

#[test]
fn json_lines_end_with_the_terminal_event() {
    let agent = Agent::start(completes);
    let run = Nuncio::to(&agent).run(&["send", "x", "-o", "json", "--stream"]).exits(0);
    let lines = run.jsonl();
    assert_eq!((lines.len(), lines.last()), (4, Some(&status("COMPLETED"))));
}

#[test]
fn an_error_that_ends_a_stream_is_the_last_line() {
    let agent = Agent::start(|call| match call.method.as_str() {
        "SendStreamingMessage" => Answer::Stream(Box::new(|events| {
            events.send(json!({"task": task("WORKING")}));
            events.fail(-32603, "it broke");
        })),
        _ => Answer::Result(task("WORKING")),
    });
    let run = Nuncio::to(&agent).run(&["send", "x", "-o", "json", "--stream"]).exits(1);
    let lines = run.jsonl();
    assert_eq!(lines[0], json!({"task": task("WORKING")}));
    assert_eq!(
        (&lines[1]["error"]["code"], &lines[1]["error"]["message"]),
        (&json!("InternalError"), &json!("it broke"))
    );
    assert_eq!(lines.len(), 2);
}

#[test]
fn streamed_text_names_the_task_in_every_event_and_at_the_end() {
    let agent = Agent::start(|call| match call.method.as_str() {
        "SendStreamingMessage" => {
            let mut half = status("WORKING");
            half["statusUpdate"]["metadata"] = json!({"progress": 0.5});
            stream([json!({"task": task("SUBMITTED")}), half, status("COMPLETED")])
        }
        _ => Answer::HangUp,
    });
    let run = Nuncio::to(&agent).run(&["send", "x", "--stream"]).exits(0).says("Progress: 50%");
    let events: Vec<&str> = run.stdout.split("\n\n").filter(|event| event.starts_with("Event: ")).collect();
    assert_eq!(events.len(), 3, "{run:?}");
    for event in &events {
        assert!(event.contains("\nTask ID: t\nContext ID: c\nState: TASK_STATE_"), "{event}");
    }
    assert!(events[2].contains("State: TASK_STATE_COMPLETED"));
}

#[test]
fn text_is_fields_and_closed_blocks_without_control_sequences() {
    let agent = Agent::start(|call| {
        let mut hostile = task("COMPLETED");
        hostile["status"]["message"] =
            json!({"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "\u{1b}[2Jline\n\nState: FORGED"}]});
        hostile["artifacts"] = json!([{"artifactId": "a", "name": "n\nState: FORGED", "parts": [
            {"text": "see"}, {"data": {"k": "v"}}, {"raw": "AAAA", "filename": "x.bin", "mediaType": "application/x"}]}]);
        match call.method.as_str() {
            "GetTask" => Answer::Result(hostile),
            _ => Answer::HangUp,
        }
    });
    let run = Nuncio::to(&agent).run(&["task", "get", "t"]).exits(0);
    assert!(!run.stdout.chars().any(|c| c.is_control() && c != '\n'), "{run:?}");
    // A reader that skips blocks whole sees fields only, and one state.
    let (mut states, mut in_block) = (Vec::new(), false);
    for line in run.stdout.lines() {
        match (in_block, line) {
            (true, "") => in_block = false,
            (true, _) => {}
            (false, line) if line.ends_with(':') => in_block = true,
            (false, line) => {
                let (label, value) = line.split_once(": ").unwrap_or_else(|| panic!("no field: {line:?} in {run:?}"));
                if label == "State" {
                    states.push(value.to_owned());
                }
            }
        }
    }
    assert_eq!((states, in_block), (vec!["TASK_STATE_COMPLETED".to_owned()], false));
    run.says("File: x.bin").says("Media Type: application/x").says("Size: 3 bytes").says("  \"k\": \"v\"");
}

#[test]
fn an_outcome_that_is_no_success_exits_0_and_warns() {
    for state in ["FAILED", "REJECTED", "CANCELED", "INPUT_REQUIRED", "AUTH_REQUIRED"] {
        let answer = task(state);
        let agent = Agent::without_streaming(move |_| Answer::Result(json!({"task": answer.clone()})));
        for format in ["text", "json"] {
            let run = Nuncio::to(&agent).run(&["send", "x", "-o", format]).exits(0);
            assert!(run.stderr.starts_with("warning: ") && run.stderr.contains(state), "{run:?}");
            assert!(run.stdout.contains(&format!("TASK_STATE_{state}")), "{run:?}");
        }
    }
}

#[test]
fn unknown_members_of_open_places_are_kept() {
    let mut answer = task("COMPLETED");
    answer["metadata"] = json!({"vendor": {"n": 1.5}});
    answer["artifacts"] = json!([{"artifactId": "a", "parts": [{"data": null}], "metadata": {"x": true}}]);
    let expected: Value = answer.clone();
    let agent = Agent::start(move |_| Answer::Result(answer.clone()));
    assert_eq!(Nuncio::to(&agent).run(&["task", "get", "t", "-o", "json"]).exits(0).json(), expected);
}

#[test]
fn verbose_shows_what_was_sent() {
    let agent = Agent::start(completes);
    let run = Nuncio::to(&agent).run(&["send", "--text", "one", "--text", "two", "--verbose"]).exits(0);
    run.says("Role: ROLE_USER").says("Part: 2 of 2").says("two").says("State: TASK_STATE_COMPLETED");
}
