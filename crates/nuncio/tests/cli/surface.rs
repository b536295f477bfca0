use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
};

use serde_json::json;

use crate::support::{Agent, Answer, Nuncio, Run, status, task};

#[test]
fn help_and_version_print_and_exit() {
    let nuncio = Nuncio::new();
    for arguments in
        [&["help"][..], &["--help"], &["-h"], &["help", "task", "get"], &["send", "--help"], &["task", "list", "-h"]]
    {
        let run = nuncio.run(arguments).exits(0);
        assert!(run.stdout.contains("Usage: nuncio") && run.stderr.is_empty(), "{run:?}");
        assert!(!run.stdout.contains('\u{1b}'));
    }
    let version = format!("nuncio {}\n", env!("CARGO_PKG_VERSION"));
    for arguments in [&["--version"][..], &["-v"]] {
        assert_eq!(nuncio.run(arguments).exits(0).stdout, version);
    }
}

#[test]
fn help_shows_the_defaults() {
    let help = Nuncio::new().run(&["send", "--help"]).exits(0).stdout;
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for default in [
        "[default: text]",
        "[default: 2s]",
        "[default: on for send, off for task get]",
        "[default: off: certificates are verified]",
        "[default: off: concise]",
        "[default: 1.0, never an earlier one unasked]",
        "Preferred binding (JSONRPC, HTTP+JSON, GRPC)",
        "[default: the order of the card's supportedInterfaces]",
    ] {
        assert!(help.contains(default), "{default} in {help}");
    }
}

#[test]
fn help_says_that_a_proxy_does_not_follow_the_card() {
    let help = Nuncio::new().run(&["help", "proxy"]).exits(0).stdout;
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("Its card is read once, at the start"), "{help}");
}

#[test]
fn every_shell_has_its_completion_script() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = Nuncio::new().run(&["completion", shell]).exits(0);
        assert!(run.stdout.contains("nuncio") && run.stdout.contains("agent-card"), "{shell}");
    }
    Nuncio::new().run(&["completion", "tcsh"]).exits(2);
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let agent = Agent::start(|_| {
        Answer::Stream(Box::new(|events| {
            events.send(json!({"task": task("SUBMITTED")}));
            // More than any pipe holds, so that the command meets its end.
            for _ in 0..20_000 {
                events.send(status("WORKING"));
            }
            events.send(status("COMPLETED"));
        }))
    });
    for arguments in [&["completion", "bash"][..], &["send", "x", "--stream"], &["send", "x", "--stream", "-o", "json"]]
    {
        let mut child = Nuncio::to(&agent).spawn(arguments);
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut String::new()).unwrap();
        drop(stdout);
        let run = Run::of(child).exits(0);
        assert_eq!(run.stderr, "", "{arguments:?}");
    }
}

#[test]
fn a_place_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = taken.local_addr().unwrap().to_string();
    let run = Nuncio::new().run(&["demo-server", "--listen", &place]).exits(1);
    assert!(run.stderr.contains(&format!("cannot serve at {place}: ")) && run.stderr.contains("in use"), "{run:?}");
}
