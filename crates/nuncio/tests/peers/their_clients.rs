//! Their clients call our agent.

use std::process::Command;

use agent_sdk::prelude::{Agent as OurAgent, Skill, TaskUpdater, Turn};

use crate::{Agent, Sdk};

fn every_check_passes(sdk: Sdk, binding: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nuncio"));
    command.args(["demo-server", "--listen", "127.0.0.1:0"]);
    let agent = Agent::start(command);
    let passed = match sdk.version() {
        "1.0" => "21 passed, 0 failed",
        _ => "16 passed, 0 failed",
    };
    // The demo agent has none; the next test's does.
    sdk.checks(&agent.url, &["--binding", binding, "--skip", "extended_card"], passed);
}

#[tokio::test(flavor = "multi_thread")]
async fn extended_cards_are_given() {
    let agent = OurAgent::new("Extended", "Says more to who asks").extended_card(|_, mut card| {
        card.description = "Extended".to_owned();
        Ok(card)
    });
    let silent = async |_: Turn, task: TaskUpdater| task.complete().await;
    let serving = agent.skill(Skill::new("be", "Be"), silent).bind("127.0.0.1:0").await.unwrap();
    let url = serving.url();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(serving.serve_until(async move { stopped.await.unwrap_or_default() }));
    let checked = tokio::task::spawn_blocking(move || {
        for sdk in [Sdk::Python, Sdk::Js] {
            for binding in ["jsonrpc", "rest", "grpc"] {
                sdk.checks(&url, &["--binding", binding, "--only", "extended_card"], "1 passed, 0 failed");
            }
        }
    });
    checked.await.unwrap();
    drop(stop);
    server.await.unwrap();
}

/// Agents of 0.3 begin the stream of a follow-up with whatever they do first; callers of 1.0 read the
/// task there.
#[test]
fn a_follow_up_to_v03_is_streamed_through_the_proxy_as_1_0_has_it() {
    for theirs in [Sdk::PythonV03, Sdk::JsV03] {
        let mut command = theirs.script("agent");
        command.args(["--port", "0"]);
        let agent = Agent::start(command);
        for to in ["JSONRPC", "HTTP+JSON", "GRPC"] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_nuncio"));
            command.args(["proxy", "--to", &agent.url, "--serve", "127.0.0.1:0"]);
            command.args(["--a2a-version", "0.3", "--transport", to]);
            let proxy = Agent::start(command);
            for binding in ["jsonrpc", "rest", "grpc"] {
                let options = ["--binding", binding, "--only", "input_required_stream"];
                Sdk::Python.checks(&proxy.url, &options, "1 passed, 0 failed");
            }
        }
    }
}

#[test]
fn python_over_json_rpc() {
    every_check_passes(Sdk::Python, "jsonrpc");
}

#[test]
fn python_over_http_json() {
    every_check_passes(Sdk::Python, "rest");
}

#[test]
fn js_over_json_rpc() {
    every_check_passes(Sdk::Js, "jsonrpc");
}

#[test]
fn js_over_http_json() {
    every_check_passes(Sdk::Js, "rest");
}

#[test]
fn python_over_grpc() {
    every_check_passes(Sdk::Python, "grpc");
}

#[test]
fn js_over_grpc() {
    every_check_passes(Sdk::Js, "grpc");
}

#[test]
fn python_v03_over_json_rpc() {
    every_check_passes(Sdk::PythonV03, "jsonrpc");
}

#[test]
fn python_v03_over_http_json() {
    every_check_passes(Sdk::PythonV03, "rest");
}

#[test]
fn js_v03_over_json_rpc() {
    every_check_passes(Sdk::JsV03, "jsonrpc");
}

#[test]
fn js_v03_over_http_json() {
    every_check_passes(Sdk::JsV03, "rest");
}

#[test]
fn python_v03_over_grpc() {
    every_check_passes(Sdk::PythonV03, "grpc");
}

#[test]
fn js_v03_over_grpc() {
    every_check_passes(Sdk::JsV03, "grpc");
}
