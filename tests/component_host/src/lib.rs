//! Runs a WebAssembly component of the Spin SDK 7 for tests, with the life cycle that it has under Spin 4.1.
//!
//! In scope: `wasi:http/handler@0.3.0` in, `wasi:http/client@0.3.0` out, `spin:sqlite@3.1.0`, `spin:key-value@3.0.0`,
//! WASI 0.2 and 0.3. Out of scope: routes (the component has `/...`), TLS, service chaining and requests to itself,
//! Spin's own paths under `/.well-known/spin`, limits of time and memory.
//!
//! As under Spin:
//! - An instance answers several requests at once and one after another: at most 16 at once and 128 in all, unless
//!   [`Host`] says otherwise. It is dropped when it has had nothing to do for a second ([`Host::idle`]).
//! - What a request has spawned goes on after the response, and after the client has gone, for as long as it takes:
//!   the instance is not idle before all of it has ended.
//! - A guest does not hear that a client has gone. Writing to the response fails from then on; a body that waits for
//!   something of its own is dropped no earlier than its next write.
//! - A trap ends the instance, with all its requests: one without a response is answered 500, one in the middle of
//!   its body ends there, and its client cannot tell that from the end. The next request gets a new instance.
//! - A request has the scheme, the authority and Spin's headers (`spin-full-url`, `spin-client-addr`, …).
//!
//! Where it differs:
//! - `host` and what else concerns a connection is not among the headers of a request. Spin 4.1 leaves out `connection`
//!   alone, being made with wasmtime 47, in which all else is the same.
//! - Every outgoing request has a connection of its own; Spin keeps them open for the next.
//! - The stores block no instance while they work, and do not limit how much they return; more in their files.
//! - A component that computes without end cannot be stopped.

mod bindings;
mod cargo;
mod component;
mod host;
mod instance;
mod key_value;
mod outbound;
mod output;
mod request;
mod rows;
mod sqlite;

pub use cargo::{build, build_example, target_directory};
pub use component::ComponentFile;
pub use host::{Host, Serving};
pub use instance::Instances;
pub use sqlite::Location;
pub use wasmtime::Error;
