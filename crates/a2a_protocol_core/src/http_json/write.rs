//! A call to an HTTP request.

use form_urlencoded::Serializer as QueryWriter;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use super::{Segment, is_reserved, segments};
use crate::{Call, Error, ErrorKind, HttpRule};

/// What may stand in a path segment as it is: RFC 3986 unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A call as an HTTP request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCall {
    /// The HTTP method.
    pub verb: &'static str,
    /// Path and query below the interface's address, beginning with `/`.
    pub target: String,
    /// The JSON body, for POST.
    pub body: Option<Vec<u8>>,
}

/// Writes a call as an HTTP request. The tenant goes before the path.
///
/// # Errors
/// MethodNotFound for an agent's own methods, which have no path; InvalidParams where a field that
/// the path needs is empty or cannot stand in a path: `.` and `..` anywhere, and the first segments
/// of the protocol's paths as a tenant.
pub fn write(call: &Call) -> Result<HttpCall, Error> {
    let Some(HttpRule { verb, path }) = call.method().and_then(|method| method.http_rules().first().copied()) else {
        let message = format!("{} has no path in the HTTP+JSON binding", call.name());
        return Err(Error::new(ErrorKind::MethodNotFound, message));
    };
    let mut target = String::new();
    if let Some(tenant) = call.tenant().filter(|tenant| !tenant.is_empty()) {
        if is_reserved(tenant) {
            return Err(Error::invalid("tenant", format!("{tenant:?} begins a path of the protocol")));
        }
        push_segment(&mut target, "tenant", tenant)?;
    }
    if verb == "POST" && !path.contains('{') {
        target.push_str(path);
        return Ok(HttpCall { verb, target, body: Some(serde_json::to_vec(call).map_err(Error::internal)?) });
    }
    let mut members = match serde_json::to_value(call).map_err(Error::internal)? {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    for segment in segments(path) {
        match segment {
            Segment::Literal(literal) => {
                target.push('/');
                target.push_str(literal);
            }
            Segment::Capture { name, suffix } => {
                let value = members.remove(name);
                push_segment(&mut target, name, value.as_ref().and_then(Value::as_str).unwrap_or_default())?;
                target.push_str(suffix);
            }
        }
    }
    if verb == "POST" {
        return Ok(HttpCall { verb, target, body: Some(serde_json::to_vec(&members).map_err(Error::internal)?) });
    }
    members.remove("tenant");
    if !members.is_empty() {
        let mut query = QueryWriter::new(String::new());
        for (name, value) in &members {
            match value {
                Value::String(text) => query.append_pair(name, text),
                other => query.append_pair(name, &other.to_string()),
            };
        }
        target.push('?');
        target.push_str(&query.finish());
    }
    Ok(HttpCall { verb, target, body: None })
}

fn push_segment(target: &mut String, field: &str, value: &str) -> Result<(), Error> {
    match value {
        "" => return Err(Error::invalid(field, "must not be empty")),
        // URL parsers resolve these, percent-encoded or not.
        "." | ".." => return Err(Error::invalid(field, format!("{value:?} cannot stand in a path"))),
        _ => {}
    }
    target.push('/');
    target.extend(utf8_percent_encode(value, SEGMENT));
    Ok(())
}
