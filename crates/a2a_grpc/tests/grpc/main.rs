//! The server and the client over real connections.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod calls;
mod client;
mod hostile;
mod refusals;
mod services;
mod support;
mod v03;
