//! The clients of the official SDKs call an agent that is a component, with its tasks in SQLite.
//! `tests/peers/setup.sh` installs them, once, from PyPI and npm.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use component_host::{ComponentFile, Host, build};

#[path = "../../../crates/nuncio/tests/peers/sdks.rs"]
mod sdks;

use sdks::Sdk;

async fn every_check_passes(sdk: Sdk, binding: &'static str) {
    let component = || ComponentFile::load(build("nuncio-peer-component", &["spin-sqlite"])).unwrap();
    let component = tokio::task::spawn_blocking(component).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let host = Host::new().sqlite("default", directory.path().join("tasks.db")).allow("http://127.0.0.1:*");
    let serving = host.serve(&component).await.unwrap();
    let passed = match sdk.version() {
        "1.0" => "22 passed, 0 failed",
        _ => "16 passed, 0 failed",
    };
    let url = serving.url();
    let checked = tokio::task::spawn_blocking(move || sdk.checks(&url, &["--binding", binding], passed));
    checked.await.unwrap();
    let said = serving.stderr().borrow().clone();
    assert!(!said.contains("failed"), "{said}");
    serving.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_over_json_rpc() {
    every_check_passes(Sdk::Python, "jsonrpc").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_over_http_json() {
    every_check_passes(Sdk::Python, "rest").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn js_over_json_rpc() {
    every_check_passes(Sdk::Js, "jsonrpc").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn js_over_http_json() {
    every_check_passes(Sdk::Js, "rest").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_v03_over_json_rpc() {
    every_check_passes(Sdk::PythonV03, "jsonrpc").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_v03_over_http_json() {
    every_check_passes(Sdk::PythonV03, "rest").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn js_v03_over_json_rpc() {
    every_check_passes(Sdk::JsV03, "jsonrpc").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn js_v03_over_http_json() {
    every_check_passes(Sdk::JsV03, "rest").await;
}
