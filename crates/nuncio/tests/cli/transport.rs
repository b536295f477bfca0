use std::{
    io::{BufRead as _, BufReader},
    process::Child,
};

use serde_json::json;

use crate::support::{Agent, Answer, Nuncio, TASK_NOT_FOUND, completes, stream};

#[test]
fn the_first_interface_that_is_spoken_is_taken() {
    let agent = Agent::start(completes);
    Nuncio::to(&agent).run(&["task", "get", "t"]).exits(0);
    let reversed = Agent::with_card(|card| card["supportedInterfaces"].as_array_mut().unwrap().reverse(), completes);
    Nuncio::to(&reversed).run(&["task", "get", "t"]).exits(0);
    let foreign = Agent::with_card(
        |card| {
            let other = json!({"url": "h:1", "protocolBinding": "urn:other", "protocolVersion": "1.0"});
            card["supportedInterfaces"].as_array_mut().unwrap().insert(0, other);
        },
        completes,
    );
    Nuncio::to(&foreign).run(&["task", "get", "t"]).exits(0);
    let bindings = [&agent, &reversed, &foreign].map(|agent| agent.calls()[0].binding);
    assert_eq!(bindings, ["JSONRPC", "HTTP+JSON", "JSONRPC"]);
}

#[test]
fn the_callers_preference_is_ordered_and_what_is_not_offered_is_skipped() {
    for (preference, binding) in [
        (&["HTTP+JSON"][..], "HTTP+JSON"),
        (&["rest", "jsonrpc"], "HTTP+JSON"),
        (&["GRPC", "JSONRPC", "HTTP+JSON"], "JSONRPC"),
        (&["GRPC"], "JSONRPC"),
    ] {
        let agent = Agent::start(completes);
        let mut arguments = vec!["send", "x"];
        preference.iter().for_each(|binding| arguments.extend(["--transport", binding]));
        Nuncio::to(&agent).run(&arguments).exits(0).says("State: TASK_STATE_COMPLETED");
        assert!(agent.calls().iter().all(|call| call.binding == binding), "{preference:?}");
    }
}

#[test]
fn the_tenant_of_the_interface_is_sent_as_declared() {
    let agent = Agent::with_card(|card| card["supportedInterfaces"][0]["tenant"] = json!("acme"), completes);
    let nuncio = Nuncio::to(&agent);
    nuncio.run(&["send", "x"]).exits(0);
    nuncio.run(&["task", "cancel", "t"]).exits(0);
    assert_eq!(agent.calls().len(), 3);
    assert!(agent.calls().iter().all(|call| call.params["tenant"] == "acme"));
    let plain = Agent::start(completes);
    Nuncio::to(&plain).run(&["send", "x"]).exits(0);
    assert!(plain.calls().iter().all(|call| call.params.get("tenant").is_none()));
}

#[test]
fn the_version_is_signalled_on_every_request() {
    let agent = Agent::start(completes);
    let nuncio = Nuncio::to(&agent);
    nuncio.run(&["send", "x"]).exits(0);
    nuncio.run(&["send", "x", "--transport", "HTTP+JSON", "--a2a-version", "1.0"]).exits(0);
    assert!(agent.all_calls().iter().all(|call| call.header("a2a-version") == Some("1.0")));
}

#[test]
fn another_version_is_refused_and_never_downgraded_to() {
    let agent = Agent::start(completes);
    let run = Nuncio::to(&agent).run(&["send", "x", "--a2a-version", "9.9", "-o", "json"]).exits(1);
    assert_eq!(run.error_code(), "VersionNotSupportedError");
    assert!(run.json()["error"]["a2aCode"].is_null(), "nobody sent one");
    assert_eq!(agent.all_calls().len(), 0);
    let legacy = Agent::with_card(
        |card| {
            for interface in card["supportedInterfaces"].as_array_mut().unwrap() {
                interface["protocolVersion"] = json!("0.3");
            }
        },
        completes,
    );
    let run = Nuncio::to(&legacy).run(&["send", "x", "-o", "json"]).exits(1);
    assert_eq!(run.error_code(), "VersionNotSupportedError");
    assert_eq!(legacy.methods(), [""; 0]);
    Nuncio::to(&legacy).run(&["card", "get"]).exits(0).says("Selected Interface: none");
}

#[test]
fn version_0_3_is_spoken_where_it_is_asked_for() {
    let legacy = Agent::with_card(
        |card| {
            let url = card["supportedInterfaces"][0]["url"].take();
            card.as_object_mut().unwrap().remove("supportedInterfaces");
            (card["url"], card["protocolVersion"]) = (url, json!("0.3.0"));
        },
        |call| {
            let status = |state: &str| json!({"state": state});
            let ids = |kind: &str, state: &str| json!({"kind": kind, "taskId": "t", "contextId": "c", "status": status(state)});
            let task = json!({"kind": "task", "id": "t", "contextId": "c", "status": status("completed")});
            match call.method.as_str() {
                "message/stream" => stream([ids("status-update", "working"), ids("status-update", "completed")]),
                "message/send" | "tasks/get" => Answer::Result(task),
                _ => TASK_NOT_FOUND,
            }
        },
    );
    let nuncio = Nuncio::to(&legacy);
    let run = nuncio.run(&["send", "x", "-o", "json"]).exits(1);
    assert_eq!(run.error_code(), "VersionNotSupportedError");
    let message = run.json()["error"]["message"].to_string();
    assert!(message.contains("--a2a-version 0.3"), "{message}");
    nuncio.run(&["send", "x", "--a2a-version", "0.3"]).exits(0).says("State: TASK_STATE_COMPLETED");
    nuncio.run(&["send", "x", "--stream", "--a2a-version", "0.3"]).exits(0);
    nuncio.run(&["task", "get", "t", "--a2a-version", "0.3"]).exits(0).says("State: TASK_STATE_COMPLETED");
    nuncio
        .run(&["card", "get", "--a2a-version", "0.3"])
        .exits(0)
        .says(&format!("Selected Interface: JSONRPC 0.3.0 {}/rpc", legacy.url));
    let calls = legacy.calls();
    assert!(!calls.is_empty() && calls.iter().all(|call| call.header("a2a-version") == Some("0.3")), "{calls:?}");
    assert_eq!(legacy.calls()[0].params["message"]["kind"], "message");
}

#[test]
fn this_machine_is_never_asked_for_by_a_proxy() {
    let agent = Agent::start(completes);
    let port = agent.url.rsplit(':').next().unwrap();
    // Nobody listens there, and no test is given that port.
    let nuncio = Nuncio::new().env("http_proxy", "http://127.0.0.1:1").env("ALL_PROXY", "http://127.0.0.1:1");
    for host in ["127.0.0.1", "localhost"] {
        let place = format!("http://{host}:{port}");
        nuncio.run(&["send", "x", "-a", &place]).exits(0).says("State: TASK_STATE_COMPLETED");
    }
    let run = nuncio.run(&["card", "get", "-a", "http://agent.test", "-o", "json"]).exits(3);
    assert_eq!(run.error_code(), "A2ACLI_ERR_UNREACHABLE");
}

#[test]
fn grpc_is_a_transport_like_the_others() {
    let nuncio = Nuncio::new();
    let mut server = Killed(nuncio.spawn(&["demo-server", "--listen", "127.0.0.1:0"]));
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim_end().rsplit(' ').next().unwrap();
    let grpc = |arguments: &[&str]| {
        let run = nuncio.run(&[arguments, &["-a", url, "--transport", "grpc", "--debug", "-o", "json"]].concat());
        let address = url.strip_prefix("http://").unwrap();
        assert!(run.stderr.contains(&format!("POST {address}/")), "{run:?}");
        run
    };
    let sent = grpc(&["send", "task hello"]).exits(0).json();
    assert_eq!(sent["task"]["status"]["state"], "TASK_STATE_COMPLETED");
    let id = sent["task"]["id"].as_str().unwrap();
    grpc(&["task", "get", id]).exits(0);
    let error = grpc(&["task", "cancel", id]).exits(1).json();
    assert_eq!(error["error"]["a2aCode"], -32002, "{error}");
}

/// A process that ends with its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
