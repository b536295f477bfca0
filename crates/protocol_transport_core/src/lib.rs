//! What travels between two processes, as pure functions over bytes.
//!
//! In scope: JSON-RPC 2.0 envelopes ([`jsonrpc`]), how deeply JSON may be nested ([`depth`]), the
//! server-sent events format ([`sse`]), which HTTP headers may be passed on ([`headers`]), which
//! host is this machine ([`is_loopback_host`]), and the values of time limits and retries ([`policy`]).
//!
//! Out of scope: sockets, runtimes, clocks, random numbers, and the meaning of any method. Whoever
//! needs time or chance passes it in as an argument. No function here panics, whatever bytes it is
//! given.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod depth;
pub mod headers;
mod hosts;
pub mod jsonrpc;
pub mod policy;
pub mod sse;

pub use hosts::is_loopback_host;
