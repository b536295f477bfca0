use std::{
    io::{BufRead as _, BufReader},
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::json;

use crate::support::{Agent, Answer, Nuncio, Run, completed, stream, task};

/// Answers GetTask with these states in turn, the last one for ever.
fn in_turn(states: &'static [&'static str]) -> impl Fn(&crate::support::Call) -> Answer {
    let asked = AtomicU32::new(0);
    move |call| match call.method.as_str() {
        "GetTask" => {
            let index = asked.fetch_add(1, Ordering::Relaxed) as usize;
            Answer::Result(task(states[index.min(states.len() - 1)]))
        }
        "SendStreamingMessage" => stream([json!({"task": task("WORKING")})]),
        "SubscribeToTask" => Answer::Error(-32004, 400, "UNSUPPORTED_OPERATION", "not now"),
        _ => Answer::Result(json!({"task": task("WORKING")})),
    }
}

#[test]
fn get_reads_once_and_wait_polls_until_settled() {
    let agent = Agent::start(in_turn(&["WORKING", "SUBMITTED", "UNSPECIFIED", "WORKING", "COMPLETED"]));
    let nuncio = Nuncio::to(&agent);
    nuncio.run(&["task", "get", "t"]).exits(0).says("State: TASK_STATE_WORKING");
    assert_eq!(agent.methods(), ["GetTask"]);
    for flag in ["--wait", "--watch"] {
        nuncio.run(&["task", "get", flag, "t", "--poll-interval", "10ms"]).exits(0).says("State: TASK_STATE_COMPLETED");
    }
    assert_eq!(agent.methods().len(), 6);
}

#[test]
fn an_interrupted_state_ends_the_wait_at_once() {
    for state in ["INPUT_REQUIRED", "AUTH_REQUIRED"] {
        let states: &'static [&'static str] =
            if state == "INPUT_REQUIRED" { &["INPUT_REQUIRED"] } else { &["AUTH_REQUIRED"] };
        let agent = Agent::start(in_turn(states));
        let run = Nuncio::to(&agent).run(&["task", "get", "t", "--wait"]).exits(0);
        assert!(run.stderr.contains(&format!("TASK_STATE_{state}")), "{run:?}");
        run.says("Resume: nuncio send --task-id t \"<reply>\"");
        assert_eq!(agent.methods().len(), 1);
    }
}

#[test]
fn an_unspecified_state_is_polled_until_the_timeout() {
    let agent = Agent::start(in_turn(&["UNSPECIFIED"]));
    let arguments = ["task", "get", "t", "--wait", "--poll-interval", "100ms", "--timeout", "3s", "-o", "json"];
    let run = Nuncio::to(&agent).run(&arguments).exits(5);
    assert_eq!(run.error_code(), "A2ACLI_ERR_TIMEOUT");
    assert_eq!(run.json()["error"]["hint"], "nuncio task get --wait t");
    let polls = agent.methods().len();
    assert!((2..=31).contains(&polls), "at most every 100 ms: {polls}");
}

#[test]
fn a_timeout_keeps_the_identifiers() {
    let agent = Agent::start(in_turn(&["WORKING"]));
    let run = Nuncio::to(&agent).run(&["send", "x", "--timeout", "3s"]).exits(5);
    assert_eq!(run.stdout, "Task ID: t\nContext ID: c\nState: TASK_STATE_WORKING\n");
    assert!(
        run.stderr.contains("A2ACLI_ERR_TIMEOUT") && run.stderr.contains("hint: nuncio task get --wait t"),
        "{run:?}"
    );
}

#[test]
fn a_timeout_ends_with_the_state_whatever_came_before() {
    let agent = Agent::start(in_turn(&["WORKING"]));
    let wait = ["task", "get", "t", "--wait", "--poll-interval", "100ms", "--timeout", "2s"];
    let run = Nuncio::to(&agent).run(&wait).exits(5);
    assert_eq!(run.stdout, "Task ID: t\nContext ID: c\nState: TASK_STATE_WORKING\n");
    let agent = Agent::start(|_| {
        Answer::Stream(Box::new(|events| {
            events.send(json!({"task": task("WORKING")}));
            // The stream stays open for as long as the test runs.
            loop {
                std::thread::park();
            }
        }))
    });
    let run = Nuncio::to(&agent).run(&["send", "x", "--stream", "--timeout", "2s"]).exits(5);
    assert!(run.stdout.contains("Task ID: t\nContext ID: c\n"), "{run:?}");
    assert!(run.stdout.ends_with("State: TASK_STATE_WORKING\n"), "{run:?}");
}

#[test]
fn an_agent_that_vanishes_leaves_the_task_in_the_hint() {
    let agent = Agent::start(|call| match call.method.as_str() {
        "SendStreamingMessage" => stream([json!({"task": task("WORKING")})]),
        _ => Answer::HangUp,
    });
    let nuncio = Nuncio::to(&agent);
    let sends = ["json", "text"].map(|format| nuncio.spawn(&["send", "x", "-o", format, "--poll-interval", "10ms"]));
    let [json, text] = sends.map(|child| Run::of(child).exits(3));
    assert_eq!(json.error_code(), "A2ACLI_ERR_UNREACHABLE");
    assert_eq!(json.json()["error"]["hint"], "nuncio task get --wait t");
    assert!(text.stderr.contains("hint: nuncio task get --wait t\n"), "{text:?}");
}

#[test]
fn a_wait_whose_stream_fails_goes_on_by_polling() {
    let agent = Agent::start(|call| match call.method.as_str() {
        "SendStreamingMessage" => Answer::Stream(Box::new(|events| {
            events.send(json!({"task": task("WORKING")}));
            events.fail(-32603, "the stream broke");
        })),
        _ => Answer::Result(completed("all the same")),
    });
    let run = Nuncio::to(&agent).run(&["send", "x"]).exits(0).says("all the same");
    assert!(run.stderr.contains("going on by polling"), "{run:?}");
}

#[test]
fn a_busy_loop_is_refused() {
    let agent = Agent::start(in_turn(&["COMPLETED"]));
    let run = Nuncio::to(&agent).run(&["task", "get", "t", "--wait", "--poll-interval", "0s", "-o", "json"]).exits(2);
    assert_eq!(run.error_code(), "A2ACLI_ERR_USAGE");
}

/// Starts the command, waits until it has told the task, and interrupts it.
#[cfg(unix)]
fn interrupted(agent: &Agent, signal: &str) -> Run {
    let nuncio = Nuncio::to(agent);
    let mut child = nuncio.spawn(&["send", "x"]);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut told = String::new();
    for _ in 0..2 {
        stdout.read_line(&mut told).unwrap();
    }
    let status = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
    let run = Run::of(child);
    Run { stdout: told, ..run }
}

#[cfg(unix)]
#[test]
fn an_interruption_says_how_to_go_on() {
    for signal in ["-INT", "-TERM"] {
        // The wait goes on by polling, so the signal handler is in place when the task is told.
        let agent = Agent::start(in_turn(&["WORKING"]));
        let run = interrupted(&agent, signal).exits(130);
        assert_eq!(run.stdout, "Task ID: t\nContext ID: c\n");
        assert!(run.stderr.contains("hint: nuncio task get --wait t"), "{run:?}");
    }
}
