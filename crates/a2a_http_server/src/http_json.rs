//! The HTTP+JSON binding (section 11).

use a2a_app_ports::Reply;
use a2a_protocol_core::{
    Error, ErrorKind,
    http_json::{NoRoute, Route, route},
};
use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header, request::Parts};
use http_body::Body as HttpBody;

use crate::{
    Body,
    context::{self, A2A_JSON},
    reply::{self, Payload},
    request_body,
    server::Inner,
    stream_body::{Framing, Source},
};

/// Answers a request; the path is the one below the binding's prefix.
pub(crate) async fn respond<B: HttpBody>(server: &Inner, parts: &Parts, path: &str, body: B) -> Response<Body> {
    let json_type = context::json_type(&parts.headers);
    // A reply is in the type of the request, an error too.
    let reply_type = json_type.as_ref().ok().cloned().flatten().unwrap_or(A2A_JSON);
    let route = match route(parts.method.as_str(), path) {
        Ok(route) => route,
        Err(no_route) => return not_routed(parts, path, no_route, reply_type),
    };
    let context = context::read(parts, &server.card.get(), &server.options);
    let extensions = context::active_extensions(&context);
    let answered = async {
        let context = context?;
        let body = read_body(server, parts, json_type, body).await?;
        let call = read_call(&route, parts, &body)?;
        // A call may wait for long, and the body need not.
        drop(body);
        server.answer(context, call).await
    };
    let mut response = match answered.await {
        Ok(Reply::Stream(events)) => reply::event_stream(server.stream(Source::Events(events), Framing::HttpJson)),
        Ok(answered) => match write(&answered) {
            Ok(out) => reply::typed(StatusCode::OK, reply_type, out),
            Err(error) => error_response(&error, reply_type),
        },
        Err(error) => error_response(&error, reply_type),
    };
    reply::set_extensions(&mut response, extensions);
    response
}

/// Reads the body of a POST. What it asks for may all be in the path, so it may be empty, and then
/// its type does not matter.
async fn read_body<B: HttpBody>(
    server: &Inner,
    parts: &Parts,
    json_type: Result<Option<HeaderValue>, Error>,
    body: B,
) -> Result<Bytes, Error> {
    if parts.method != Method::POST || body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let named = json_type?.is_some();
    let body = request_body::read(&parts.headers, body, &server.options, &*server.clock).await?;
    if !named && !body.is_empty() {
        return Err(context::type_missing());
    }
    Ok(body)
}

fn read_call(route: &Route<'_>, parts: &Parts, body: &[u8]) -> Result<a2a_protocol_core::Call, Error> {
    let body = std::str::from_utf8(body).map_err(|error| {
        let offset = error.valid_up_to();
        Error::new(ErrorKind::ParseError, format!("body is not valid UTF-8 at byte offset {offset}"))
    })?;
    route.call(parts.uri.query().unwrap_or_default(), body)
}

fn not_routed(parts: &Parts, path: &str, no_route: NoRoute, reply_type: HeaderValue) -> Response<Body> {
    let verb = &parts.method;
    let verbs = match no_route {
        NoRoute::Path => return not_found(path, reply_type),
        NoRoute::Encoding => {
            return error_response(&Error::invalid("path", "is not UTF-8 once percent-decoded"), reply_type);
        }
        NoRoute::Verb(mut verbs) => {
            verbs.sort_unstable();
            verbs.dedup();
            verbs.join(", ")
        }
    };
    let error = Error::new(ErrorKind::MethodNotFound, format!("{verb} {path} is no operation, {verbs} is"));
    method_not_allowed(&error, &verbs, reply_type)
}

/// 404.
pub(crate) fn not_found(path: &str, reply_type: HeaderValue) -> Response<Body> {
    error_response(&Error::new(ErrorKind::MethodNotFound, format!("no operation has the path {path}")), reply_type)
}

/// 405 with the verbs that are.
pub(crate) fn method_not_allowed(error: &Error, verbs: &str, reply_type: HeaderValue) -> Response<Body> {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let mut response = reply::typed(status, reply_type, error.to_http_body_as(status.as_u16()));
    if let Ok(verbs) = HeaderValue::from_str(verbs) {
        response.headers_mut().insert(header::ALLOW, verbs);
    }
    response
}

fn write(answered: &Reply) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(512);
    serde_json::to_writer(&mut out, &Payload(answered)).map_err(Error::internal)?;
    Ok(out)
}

fn error_response(error: &Error, reply_type: HeaderValue) -> Response<Body> {
    reply::log_cause(error);
    let status = StatusCode::from_u16(error.kind().http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = reply::typed(status, reply_type, error.to_http_body());
    reply::set_challenge(&mut response, error);
    response
}
