//! The server as its callers see it: in process, and on real sockets.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod cards_and_health;
mod connections;
mod http_json;
mod json_rpc;
mod quirks;
mod shutdown;
mod streams;
mod support;
mod v03;
mod versions;
mod web;
