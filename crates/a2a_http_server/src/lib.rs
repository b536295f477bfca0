//! An agent over HTTP: the JSON-RPC and the HTTP+JSON binding, server-sent events, agent cards and
//! health.
//!
//! In scope: from an [`http::Request`] to a call of an [`AgentService`](a2a_app_ports::AgentService)
//! and from its reply to an [`http::Response`], in [`HttpServer::respond`], which knows no socket
//! and no runtime; the module `native`, which mounts it on tokio, hyper and Axum; and for components
//! the module `component`, which mounts it on `wasi:http`.
//!
//! Out of scope: what a call does, storage, authentication (a wrapper around the service), TLS.

mod body;
mod card;
#[cfg(target_family = "wasm")]
pub mod component;
mod compression;
mod context;
mod cors;
mod http_json;
mod json_rpc;
#[cfg(not(target_family = "wasm"))]
pub mod native;
mod options;
mod quirks;
mod reply;
mod request_body;
mod server;
mod stream_body;

pub use a2a_app_ports::Lifecycle;
#[cfg(not(target_family = "wasm"))]
pub use a2a_host::host_on;
pub use a2a_host::{host, sleep};
pub use body::Body;
pub use cors::Cors;
pub use options::{InvalidOptions, ServerOptions, V03Support};
pub use server::HttpServer;
