//! What the fuzzers run: decoders of what a peer sends, each with a law that has to hold.
//!
//! A target takes any bytes and panics where its law is broken. `fuzz/` in the repository's root
//! runs them under libFuzzer, the test in this crate replays `fuzz/corpus` and mutations of it.

mod calls;
mod grpc;
mod grpc_server;
mod presented;
mod replies;
mod signatures;
mod streams;
mod v03;
mod webhooks;

use std::{
    fmt::Debug,
    pin::pin,
    task::{Context, Poll, Waker},
};

use a2a_protocol_core::{Call, Error, JsonDialect, read_response};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Serialize, de::DeserializeOwned};

/// A target by the name of its corpus.
pub struct Target {
    /// The name of the fuzzer's binary and of the folder in `fuzz/corpus`.
    pub name: &'static str,
    /// Panics where the law is broken.
    pub run: fn(&[u8]),
}

macro_rules! targets {
    ($($(#[$doc:meta])* $name:ident = $run:expr;)*) => {
        /// Every target.
        pub const TARGETS: &[Target] = &[$(Target { name: stringify!($name), run: $name },)*];

        $($(#[$doc])* pub fn $name(data: &[u8]) {
            $run(data);
        })*
    };
}

targets! {
    /// A JSON-RPC request body: a call that is read is written and read the same; an error is too.
    json_rpc = |data| calls::json_rpc(JsonDialect::V1_0, data);
    /// An HTTP+JSON request as verb, blank, target, line break, body: a call that is read and can be
    /// written leads back to itself.
    http_json = |data| calls::http_json(JsonDialect::V1_0, data);
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
    /// A JSON-RPC request body of version 0.3, as that of 1.0.
    v03_json_rpc = |data| calls::json_rpc(JsonDialect::V0_3, data);
    /// An HTTP+JSON request of version 0.3, as that of 1.0.
    v03_http_json = |data| calls::http_json(JsonDialect::V0_3Proto, data);
    /// A protobuf request after a byte that says of which version and method: written and read the same.
    grpc_request = grpc::request;
    /// A protobuf reply or event after such a byte: written and read the same.
    grpc_reply = grpc::reply;
    /// A byte for version and code, the message on a line, then `grpc-status-details-bin`: the error
    /// is written and read the same.
    grpc_status = grpc::status;
    /// A path, metadata and, after an empty line, the body of a gRPC request: it is answered, and the
    /// agent hears only what is valid.
    grpc_server = grpc_server::grpc_server;
    /// A security scheme, a query and header lines: what they present is read the same where it is
    /// presented alone, and refused where it is there twice.
    credential = presented::credential;
    /// A key: a public one is written and read the same, a private one signs, and the error for what
    /// is neither says nothing of the key.
    keys = signatures::keys;
    /// A JWT and, after a line break, a body: only the one that was signed is accepted.
    delivery = signatures::delivery;
    /// A card: a signature over it holds, also once it was written and read, and not for another.
    card_signature = signatures::card;
    /// Header lines and, after an empty line, a body, as a receiver of push notifications gets them.
    receiver = webhooks::receiver;
    /// An address that others have chosen: one that is let through is let through the same, and is
    /// public.
    webhook_address = webhooks::address;
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

/// As text: the parameters of an agent's own method may hold numbers that no `Value` can.
fn same_call(one: &Call, other: &Call) {
    let json = |call: &Call| serde_json::to_string(call).expect("a call can be written");
    assert_eq!(json(one), json(other));
}

/// An error over a field: it says which, at a length that does not depend on what was received.
fn named(error: &Error) {
    let violations = error.field_violations();
    assert!(!violations.is_empty(), "{error}");
    for violation in violations {
        assert!(violation.field.len() <= MAX_QUOTED && violation.description.len() <= MAX_QUOTED, "{error}");
    }
    assert!(violations.len() <= MAX_VIOLATIONS, "{} violations", violations.len());
}

const MAX_QUOTED: usize = 503;
const MAX_VIOLATIONS: usize = 17;

/// Lines of `name: value`; what is none is left out.
fn headers<'a>(lines: impl Iterator<Item = &'a [u8]>) -> HeaderMap {
    let header = |line: &[u8]| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let value = line[colon + 1..].strip_prefix(b" ").unwrap_or(&line[colon + 1..]);
        Some((HeaderName::from_bytes(&line[..colon]).ok()?, HeaderValue::from_bytes(value).ok()?))
    };
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(header) {
        headers.append(name, value);
    }
    headers
}

/// What is before and after the first empty line.
fn head_and_body(data: &[u8]) -> (&[u8], &[u8]) {
    match data.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&data[..at], &data[at + 2..]),
        None => (data, b""),
    }
}

/// What a future comes to that has nothing to wait for.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    let mut future = pin!(future);
    for _ in 0..1000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
    panic!("it waits, for nothing")
}
