//! What a server reads.

use a2a_protocol_core::{Call, Error, ProtocolVersion, extensions, http_json};
use protocol_transport_core::{
    depth,
    jsonrpc::{self, Entry, Id, Incoming},
};
use serde_json::Value;

use crate::same_error;

pub(crate) fn json_rpc(data: &[u8]) {
    match jsonrpc::parse(data, 8) {
        Ok(Incoming::Single(entry)) => answer(entry),
        Ok(Incoming::Batch(entries)) => entries.into_iter().for_each(answer),
        Err(error) => refuse(&Id::NULL, error),
    }
}

fn answer(entry: Entry<'_>) {
    let request = match entry {
        Ok(request) => request,
        Err(rejected) => return refuse(&rejected.id, rejected.error),
    };
    match Call::from_json_rpc(&request.method, request.params) {
        Ok(call) => {
            if let Err(error) = call.validate() {
                assert!(!error.field_violations().is_empty(), "a fault names its field");
            }
            let params = serde_json::value::to_raw_value(&call).expect("what was read can be written");
            let again = Call::from_json_rpc(&call.name(), Some(&params)).expect("and read again");
            same_call(&again, &call);
        }
        Err(error) => {
            assert_eq!(error.field_violations().len(), 1, "{error}: what is JSON is the fault of a field");
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

pub(crate) fn http_json(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (head, body) = text.split_once('\n').unwrap_or((text, ""));
    let (verb, target) = head.split_once(' ').unwrap_or(("GET", head));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let Ok(route) = http_json::route(verb, path) else { return };
    let Ok(call) = route.call(query, body) else { return };
    assert_eq!(call.method(), Some(route.method));
    let _ = call.validate();
    let Ok(written) = http_json::write(&call) else { return };
    let (path, query) = written.target.split_once('?').unwrap_or((&written.target, ""));
    let route = http_json::route(written.verb, path).expect("what is written has a route");
    let body = String::from_utf8(written.body.unwrap_or_default()).expect("JSON is UTF-8");
    same_call(&route.call(query, &body).expect("what is written can be read"), &call);
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

/// As text: the parameters of an agent's own method may hold numbers that no `Value` can.
fn same_call(one: &Call, other: &Call) {
    let json = |call: &Call| serde_json::to_string(call).expect("a call can be written");
    assert_eq!(json(one), json(other));
}
