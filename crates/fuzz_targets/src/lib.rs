//! What the fuzzers run: decoders of what a peer sends, each with a law that has to hold.
//!
//! A target takes any bytes and panics where its law is broken. `fuzz/` in the repository's root
//! runs them under libFuzzer, the test in this crate replays `fuzz/corpus` and mutations of it.

mod calls;
mod replies;
mod streams;
mod v03;

use std::fmt::Debug;

use a2a_protocol_core::{Error, read_response};
use serde::{Serialize, de::DeserializeOwned};

/// A target by the name of its corpus.
pub struct Target {
    /// The name of the fuzzer's binary and of the folder in `fuzz/corpus`.
    pub name: &'static str,
    /// Panics where the law is broken.
    pub run: fn(&[u8]),
}

macro_rules! targets {
    ($($(#[$doc:meta])* $name:ident = $path:path;)*) => {
        /// Every target.
        pub const TARGETS: &[Target] = &[$(Target { name: stringify!($name), run: $name },)*];

        $($(#[$doc])* pub fn $name(data: &[u8]) {
            $path(data);
        })*
    };
}

targets! {
    /// A JSON-RPC request body: a call that is read is written and read the same; an error is too.
    json_rpc = calls::json_rpc;
    /// An HTTP+JSON request as verb, blank, target, line break, body: a call that is read and can be
    /// written leads back to itself.
    http_json = calls::http_json;
    /// JSON: its depth is that of the value it is read as.
    depth = calls::depth;
    /// A version header, a version parameter and an extension header, one a line: the versions do
    /// not depend on where they stand, and the extensions are read the same from what was read.
    service_parameters = calls::service_parameters;
    /// A time: its text is read as the same time.
    timestamp = streams::timestamp;
    /// A stream, the first byte being the size of its chunks: the cuts make no difference, and what
    /// is decoded is encoded and decoded the same.
    sse = streams::sse;
    /// A stream event: written and read the same; one that cannot be absorbed changes nothing.
    stream_response = streams::stream_response;
    /// An agent card: written and read the same.
    card = replies::card;
    /// An HTTP status in two bytes and the body of its error: written and read the same.
    error_body = replies::error_body;
    /// JSON of version 0.3 after a byte that says in which form, as a value, an error and a request:
    /// what cannot be said in it is mapped once, and then stays.
    v03 = v03::v03;
    /// A JSON-RPC response, with its result as any of the types it may be.
    jsonrpc_response = replies::jsonrpc_response;
}

/// What can be read is written and read the same.
fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(json: &[u8]) -> Option<T> {
    let value: T = read_response(json).ok()?;
    let written = serde_json::to_vec(&value).expect("what was read can be written");
    let back = read_response(&written);
    assert_eq!(back.ok().as_ref(), Some(&value), "{}", String::from_utf8_lossy(&written));
    Some(value)
}

/// Two errors tell a peer the same.
fn same_error(one: &Error, other: &Error) {
    assert_eq!(one.kind(), other.kind());
    assert_eq!(one.message(), other.message());
    assert_eq!(one.metadata(), other.metadata());
    assert_eq!(one.field_violations(), other.field_violations());
    assert_eq!(one.json_rpc_code(), other.json_rpc_code());
}
