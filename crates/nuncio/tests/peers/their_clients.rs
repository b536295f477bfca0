//! Their clients call our agent.

use std::process::{Command, Stdio};

use crate::{Agent, Sdk};

fn every_check_passes(sdk: Sdk, binding: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nuncio"));
    command.args(["demo-server", "--listen", "127.0.0.1:0"]);
    let agent = Agent::start(command);
    let passed = match sdk.version() {
        "1.0" => "20 passed, 0 failed",
        _ => "15 passed, 0 failed",
    };
    // The demo agent tells no webhooks.
    checks(sdk, &agent.url, &["--binding", binding, "--skip", "push_config"], passed);
}

fn checks(sdk: Sdk, url: &str, options: &[&str], passed: &str) {
    let client = sdk.script("client").arg(url).args(options).stderr(Stdio::inherit()).output().unwrap();
    let report = String::from_utf8_lossy(&client.stdout);
    assert!(client.status.success(), "{report}");
    assert_eq!(report.lines().last(), Some(passed), "{report}");
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
