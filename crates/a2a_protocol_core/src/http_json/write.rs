//! A call to an HTTP request.

use form_urlencoded::Serializer as QueryWriter;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use super::{
    Segment, check_tenant,
    route::{CARD_V03, check_segment},
    segments,
};
use crate::{Call, Error, ErrorKind, HttpRule, JsonDialect, Method, ProtocolVersion, v03};

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
    write_in(JsonDialect::V1_0, call)
}

/// Writes a call as an HTTP request of the version that the dialect belongs to.
///
/// # Errors
/// As [`write()`]; InvalidParams too for what the version has no word for.
pub fn write_in(dialect: JsonDialect, call: &Call) -> Result<HttpCall, Error> {
    let Some(HttpRule { verb, path }) = call.method().map(|method| rule(dialect, method)) else {
        let message = format!("{} has no path in the HTTP+JSON binding", call.name());
        return Err(Error::new(ErrorKind::MethodNotFound, message));
    };
    let mut target = String::new();
    if let Some(tenant) = call.tenant().filter(|tenant| !tenant.is_empty()) {
        check_tenant(tenant).map_err(|why| Error::invalid("tenant", why))?;
        if dialect.form().is_some() && tenant == "v1" {
            return Err(Error::invalid("tenant", "\"v1\" begins the paths of version 0.3"));
        }
        push_segment(&mut target, "tenant", tenant)?;
    }
    if dialect.form().is_some() {
        target.push_str("/v1");
    }
    let params = dialect.params(call)?;
    if verb == "POST" && !path.contains('{') {
        target.push_str(path);
        return Ok(HttpCall { verb, target, body: Some(serde_json::to_vec(&params).map_err(Error::internal)?) });
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
        let body = match dialect.form() {
            None => serde_json::to_vec(&members),
            Some(_) => serde_json::to_vec(&params),
        };
        return Ok(HttpCall { verb, target, body: Some(body.map_err(Error::internal)?) });
    }
    if let (Call::ListTasks(request), Some(form), true) = (call, dialect.form(), members.contains_key("status")) {
        members.insert("status".to_owned(), v03::state_name(&request.status, form).into());
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

/// The verb and path of a method: those of 0.3 are below `/v1`, subscribing is a GET there, and the
/// extended card has a path of its own.
fn rule(dialect: JsonDialect, method: Method) -> HttpRule {
    let rules = method.http_rules();
    match (dialect.version(), method) {
        (ProtocolVersion::V0_3, Method::GetExtendedAgentCard) => HttpRule { verb: "GET", path: CARD_V03 },
        (ProtocolVersion::V0_3, Method::SubscribeToTask) => {
            rules.iter().copied().find(|rule| rule.verb == "GET").unwrap_or(rules[0])
        }
        _ => rules[0],
    }
}

fn push_segment(target: &mut String, field: &str, value: &str) -> Result<(), Error> {
    check_segment(value).map_err(|why| Error::invalid(field, why))?;
    target.push('/');
    target.extend(utf8_percent_encode(value, SEGMENT));
    Ok(())
}
