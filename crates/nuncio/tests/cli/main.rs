//! The command against a scripted agent. docs/cli-compliance.md says which requirement each test is for.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod auth;
mod card;
mod config;
mod demo_server;
mod errors;
mod interact;
mod output;
mod poll;
mod proxy;
mod push_config;
mod send;
mod signing;
mod store;
mod support;
mod surface;
mod task;
mod transport;
mod webhook;
