//! What a server reads.

use a2a_protocol_core::{Error, ErrorKind, JsonDialect, ProtocolVersion, extensions, http_json};
use protocol_transport_core::{
    depth,
    jsonrpc::{self, Entry, Id, Incoming},
};
use serde_json::Value;

use crate::{named, same_call, same_error};

pub(crate) fn json_rpc(dialect: JsonDialect, data: &[u8]) {
    match jsonrpc::parse(data, 8) {
        Ok(Incoming::Single(entry)) => answer(dialect, entry),
        Ok(Incoming::Batch(entries)) => entries.into_iter().for_each(|entry| answer(dialect, entry)),
        Err(error) => refuse(&Id::NULL, error),
    }
}

fn answer(dialect: JsonDialect, entry: Entry<'_>) {
    let request = match entry {
        Ok(request) => request,
        Err(rejected) => return refuse(&rejected.id, rejected.error),
    };
    match dialect.read_json_rpc(&request.method, request.params) {
        Ok(call) => {
            if let Err(error) = call.validate() {
                let is_own = call.method().is_none();
                assert!(dialect == JsonDialect::V1_0 || is_own, "0.3 is checked where it is read");
                named(&error);
            }
            let params = match dialect.params(&call) {
                Ok(params) => serde_json::value::to_raw_value(&params).expect("what was read can be written"),
                Err(error) if dialect == JsonDialect::V1_0 => panic!("{error}"),
                Err(_) => return,
            };
            let again = dialect.read_json_rpc(&dialect.method_name(&call), Some(&params)).expect("and read again");
            same_call(&again, &call);
        }
        Err(error) => {
            named(&error);
            refuse(&request.id.unwrap_or(Id::NULL), error.to_json_rpc());
        }
    }
}

/// The client understands the error that the server sends.
fn refuse(id: &Id<'_>, error: jsonrpc::Error) {
    let mut body = Vec::new();
    jsonrpc::write_error(&mut body, id, &error);
    let read = jsonrpc::parse_response(&body).expect("an error is a response").outcome.expect_err("an error is one");
    same_error(&Error::from_json_rpc(read), &Error::from_json_rpc(error));
}

pub(crate) fn http_json(dialect: JsonDialect, data: &[u8]) {
    let route = if dialect == JsonDialect::V1_0 { http_json::route } else { http_json::route_v03 };
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (head, body) = text.split_once('\n').unwrap_or((text, ""));
    let (verb, target) = head.split_once(' ').unwrap_or(("GET", head));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let Ok(found) = route(verb, path) else { return };
    let call = match found.call(query, body) {
        Ok(call) => call,
        Err(error) if error.kind() == ErrorKind::ParseError => return,
        Err(error) => return named(&error),
    };
    assert_eq!(call.method(), Some(found.method));
    if let Err(error) = call.validate() {
        assert_eq!(dialect, JsonDialect::V1_0, "0.3 is checked where it is read");
        named(&error);
    }
    let Ok(written) = http_json::write_in(dialect, &call) else { return };
    let (path, query) = written.target.split_once('?').unwrap_or((&written.target, ""));
    let found = route(written.verb, path).expect("what is written has a route");
    let body = String::from_utf8(written.body.unwrap_or_default()).expect("JSON is UTF-8");
    same_call(&found.call(query, &body).expect("what is written can be read"), &call);
}

pub(crate) fn depth(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(value) = serde_json::from_str::<Value>(text) else { return };
    let levels = levels(&value);
    assert!(!depth::exceeds(text, levels));
    assert!(levels == 0 || depth::exceeds(text, levels - 1));
}

fn levels(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(levels).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(levels).max().unwrap_or(0),
        _ => 0,
    }
}

pub(crate) fn service_parameters(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    let (header, query) = (lines.next(), lines.next());
    let read = ProtocolVersion::of_request(None, header, query, ProtocolVersion::ALL);
    let swapped = ProtocolVersion::of_request(None, query, header, ProtocolVersion::ALL);
    assert_eq!(read.as_ref().map_err(Error::kind), swapped.as_ref().map_err(Error::kind));
    for named in [header, query].into_iter().flatten().filter(|named| !named.trim().is_empty()) {
        assert!(read.is_err() || ProtocolVersion::parse(named).is_some(), "{named:?}");
    }
    let requested = extensions::parse(lines.next().unwrap_or_default());
    assert_eq!(extensions::parse(&requested.join(", ")), requested);
}
