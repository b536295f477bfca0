//! What both bindings share in answering: whether a reply fits its call, and how it is written.

use std::sync::Arc;

use a2a_app_ports::Reply;
use a2a_protocol_core::{
    CHALLENGE_METADATA, EXTENSIONS_HEADER, Error, JsonDialect, Method, ProtocolVersion, Spoken, v03,
};
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, value::RawValue};

use crate::Body;

/// Whether a reply is of the kind that a method has; an agent's own methods may have any.
pub(crate) fn check(method: Option<Method>, reply: &Reply) -> Result<(), Error> {
    let Some(method) = method else { return Ok(()) };
    let fits = match reply {
        Reply::Sent(_) => method == Method::SendMessage,
        Reply::Stream(_) => method.is_streaming(),
        Reply::Task(_) => matches!(method, Method::GetTask | Method::CancelTask),
        Reply::Tasks(_) => method == Method::ListTasks,
        Reply::PushConfig(_) => {
            matches!(method, Method::CreateTaskPushNotificationConfig | Method::GetTaskPushNotificationConfig)
        }
        Reply::PushConfigs(_) => method == Method::ListTaskPushNotificationConfigs,
        Reply::Deleted => method == Method::DeleteTaskPushNotificationConfig,
        Reply::Card(_) => method == Method::GetExtendedAgentCard,
        _ => false,
    };
    if fits { Ok(()) } else { Err(reply.unfit(method.name())) }
}

/// A reply as JSON in a dialect: the `result` of JSON-RPC, the body of HTTP+JSON.
pub(crate) struct Payload<'a>(pub(crate) JsonDialect, pub(crate) &'a Reply);

impl serde::Serialize for Payload<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(dialect, reply) = *self;
        match reply {
            Reply::Sent(response) => response.write_in(dialect, serializer),
            Reply::Task(task) => Arc::as_ref(task).write_in(dialect, serializer),
            Reply::Tasks(tasks) => tasks.write_in(dialect, serializer),
            Reply::PushConfig(config) => config.write_in(dialect, serializer),
            Reply::PushConfigs(configs) => configs.write_in(dialect, serializer),
            // The result of a deletion in JSON-RPC of 0.3.
            Reply::Deleted if dialect == JsonDialect::V0_3 => serializer.serialize_unit(),
            Reply::Deleted => Map::<String, Value>::new().serialize(serializer),
            Reply::Card(card) if dialect.version() == ProtocolVersion::V0_3 => {
                v03::with_interfaces(card).write_in(dialect, serializer)
            }
            Reply::Card(card) => Arc::as_ref(card).serialize(serializer),
            Reply::Custom(result) => RawValue::serialize(result, serializer),
            other => Err(serde::ser::Error::custom(format!("a reply of kind {other:?} is not one value"))),
        }
    }
}

/// Why a reply cannot be written: version 0.3 has no word for all that 1.0 has.
pub(crate) fn unwritable(dialect: JsonDialect, error: serde_json::Error) -> Error {
    match dialect.version() {
        ProtocolVersion::V0_3 => v03::unsayable(error),
        _ => Error::internal(error),
    }
}

/// A reply with a body of this type.
pub(crate) fn typed(status: StatusCode, content_type: HeaderValue, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// A reply that streams events.
pub(crate) fn event_stream(body: Body) -> Response<Body> {
    let mut response = typed(StatusCode::OK, HeaderValue::from_static("text/event-stream"), body);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Asks proxies of nginx's kind to pass every event on at once.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// Names the extensions that are active for the call, for a caller of 0.3 under its name too.
pub(crate) fn set_extensions(response: &mut Response<Body>, active: Option<HeaderValue>, version: ProtocolVersion) {
    if let Some(active) = active {
        if version == ProtocolVersion::V0_3 {
            response.headers_mut().insert(v03::EXTENSIONS_HEADER, active.clone());
        }
        response.headers_mut().insert(EXTENSIONS_HEADER, active);
    }
}

/// Says how to authenticate, where an error does (RFC 9110 section 11.6.1).
pub(crate) fn set_challenge(response: &mut Response<Body>, error: &Error) {
    let challenge = error.metadata().get(CHALLENGE_METADATA).and_then(|text| HeaderValue::from_str(text).ok());
    if let Some(challenge) = challenge {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
}
