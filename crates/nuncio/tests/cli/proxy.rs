use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    process::Child,
};

use serde_json::json;

use crate::support::{Agent, Answer, Nuncio, TASK_NOT_FOUND, artifact, completed, completes, status, stream, task};

/// A proxy that runs until it is dropped.
struct Proxy {
    process: Child,
    url: String,
}

impl Proxy {
    fn to(agent: &Agent, more: &[&str]) -> Self {
        let arguments = [&["proxy", "--to", &agent.url, "--serve", "127.0.0.1:0"], more].concat();
        let mut process = Nuncio::new().spawn(&arguments);
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("URL: ").expect("the first line names the address").to_owned();
        Self { process, url }
    }

    fn run(&self, arguments: &[&str]) -> crate::support::Run {
        Nuncio::new().env("A2ACLI_AGENT_CARD", &self.url).run(arguments)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn another_agent_is_called_in_the_binding_of_choice() {
    let agent = Agent::start(|call| match call.method.as_str() {
        "SendStreamingMessage" => stream([json!({"task": task("WORKING")}), artifact("done"), status("COMPLETED")]),
        "GetTask" if call.params["id"] == "nope" => TASK_NOT_FOUND,
        _ => completes(call),
    });
    for (inner, outer) in [("JSONRPC", "HTTP+JSON"), ("HTTP+JSON", "JSONRPC")] {
        let before = agent.calls().len();
        let proxy = Proxy::to(&agent, &["--transport", inner, "--bearer", "of-the-proxy"]);
        let sent = proxy.run(&["send", "hello", "--wait", "--transport", outer, "-o", "json"]).exits(0);
        assert_eq!(sent.json()["task"]["status"], completed("done")["status"]);
        let run = proxy.run(&["send", "hello", "--stream", "--transport", outer, "-o", "json"]).exits(0);
        assert_eq!(run.jsonl(), [json!({"task": task("WORKING")}), artifact("done"), status("COMPLETED")]);
        let run = proxy.run(&["task", "get", "nope", "--transport", outer, "-o", "json"]).exits(1);
        assert_eq!(run.error_code(), "TaskNotFoundError");
        let calls = agent.calls();
        let calls: Vec<_> = calls[before..].iter().filter(|call| call.method != "card").collect();
        assert!(calls.len() >= 3 && calls.iter().all(|call| call.binding == inner), "{calls:?}");
        assert!(calls.iter().all(|call| call.header("authorization") == Some("Bearer of-the-proxy")), "{calls:?}");
    }
}

#[test]
fn the_card_of_a_proxy_leads_to_the_proxy() {
    let agent = Agent::start(|_| Answer::HangUp);
    let proxy = Proxy::to(&agent, &[]);
    let card = proxy.run(&["card", "get", "-o", "json"]).exits(0).json();
    let urls: Vec<_> = card["supportedInterfaces"].as_array().unwrap().iter().map(|one| &one["url"]).collect();
    assert!(!urls.is_empty() && urls.iter().all(|url| url.as_str().unwrap().contains(&proxy.url["http://".len()..])));
    let proxy = Proxy::to(&agent, &["--public-url", "https://proxy.example/a2a"]);
    let card = proxy.run(&["card", "get", "-o", "json"]).exits(0).json();
    assert_eq!(card["supportedInterfaces"][0]["url"], "https://proxy.example/a2a/");
}

#[test]
fn the_help_says_whose_credentials_go_where() {
    let help = Nuncio::new().run(&["proxy", "--help"]).exits(0).stdout;
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for says in ["lent to every caller", "API key in the query is not passed on"] {
        assert!(help.contains(says), "{help}");
    }
}

#[test]
fn what_a_proxy_cannot_reach_or_have_is_named() {
    let run = Nuncio::new().run(&["proxy", "--serve", "127.0.0.1:0"]).exits(2);
    assert!(run.stderr.contains("no agent is named"), "{run:?}");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    Nuncio::new().run(&["proxy", "--to", &nobody, "--serve", "127.0.0.1:0"]).exits(3);
    let agent = Agent::start(|_| Answer::HangUp);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = taken.local_addr().unwrap().to_string();
    let run = Nuncio::new().run(&["proxy", "--to", &agent.url, "--serve", &place]).exits(1);
    assert!(run.stderr.contains(&format!("cannot serve at {place}: ")), "{run:?}");
    let run = Nuncio::new().run(&["proxy", "--to", &agent.url, "--public-url", "nonsense", "--serve", "127.0.0.1:0"]);
    assert!(run.exits(1).stderr.contains("public_url"));
}
