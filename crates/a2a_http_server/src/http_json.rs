//! The HTTP+JSON binding (section 11).

use a2a_app_ports::{Reply, log_cause};
use a2a_protocol_core::{
    Error, ErrorKind, JsonDialect, ProtocolVersion,
    http_json::{self, NoRoute, Route},
    v03,
};
use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header, request::Parts};
use http_body::Body as HttpBody;

use crate::{
    Body, V03Support,
    context::{self, A2A_JSON, JSON, Named},
    reply::{self, Payload},
    request_body,
    server::Inner,
    stream_body::{Framing, Source},
};

/// Answers a request; the path is the one below the binding's prefix.
///
/// A path that begins with `/v1` is one of version 0.3, unless the request says that it is of 1.0,
/// where that is a tenant.
pub(crate) async fn respond<B: HttpBody>(server: &Inner, parts: &Parts, path: &str, body: B) -> Response<Body> {
    let json_type = context::json_type(&parts.headers);
    let named = Named::read(parts);
    let is_v03 = server.options.v03 != V03Support::Refused
        && http_json::is_v03_path(path)
        && !named.as_ref().is_ok_and(Named::is_v1_0);
    // A reply is in the type of the request, an error too; 0.3 has only one.
    let out = match json_type.as_ref().ok().cloned().flatten() {
        _ if is_v03 => Out { media_type: JSON, dialect: JsonDialect::V0_3Proto },
        named => Out { media_type: named.unwrap_or(A2A_JSON), dialect: JsonDialect::V1_0 },
    };
    let verb = parts.method.as_str();
    let route = match if is_v03 { http_json::route_v03(verb, path) } else { http_json::route(verb, path) } {
        Ok(route) => route,
        Err(no_route) => return not_routed(parts, path, no_route, &out),
    };
    let context = context::read(parts, &server.card.get(), &server.options);
    let extensions = context::active_extensions(&context);
    let version = out.dialect.version();
    let answered = async {
        let version = named?.version(Some(version), &server.options)?;
        let mut context = context?;
        context.version = version;
        let body = read_body(server, parts, json_type, body).await?;
        let call = read_call(&route, parts, &body)?;
        // A call may wait for long, and the body need not.
        drop(body);
        server.answer(context, call).await
    };
    let mut response = match answered.await {
        Ok(Reply::Stream(events)) => {
            reply::event_stream(server.stream(Source::Events(events), Framing::HttpJson, out.dialect))
        }
        Ok(answered) => match write(out.dialect, &answered) {
            Ok(written) => reply::typed(StatusCode::OK, out.media_type, written),
            Err(error) => error_response(&error, &out),
        },
        Err(error) => error_response(&error, &out),
    };
    reply::set_extensions(&mut response, extensions, version);
    response
}

/// How a reply is written.
pub(crate) struct Out {
    pub(crate) media_type: HeaderValue,
    pub(crate) dialect: JsonDialect,
}

impl Out {
    /// Version 1.0 in this type.
    pub(crate) const fn v1_0(media_type: HeaderValue) -> Self {
        Self { media_type, dialect: JsonDialect::V1_0 }
    }
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

fn not_routed(parts: &Parts, path: &str, no_route: NoRoute, out: &Out) -> Response<Body> {
    let verb = &parts.method;
    let verbs = match no_route {
        NoRoute::Path => return not_found(path, out),
        NoRoute::Encoding => {
            return error_response(&Error::invalid("path", "is not UTF-8 once percent-decoded"), out);
        }
        NoRoute::Verb(mut verbs) => {
            verbs.sort_unstable();
            verbs.dedup();
            verbs.join(", ")
        }
    };
    let error = Error::new(ErrorKind::MethodNotFound, format!("{verb} {path} is no operation, {verbs} is"));
    method_not_allowed(&error, &verbs, out)
}

/// 404.
pub(crate) fn not_found(path: &str, out: &Out) -> Response<Body> {
    error_response(&Error::new(ErrorKind::MethodNotFound, format!("no operation has the path {path}")), out)
}

/// 405 with the verbs that are.
pub(crate) fn method_not_allowed(error: &Error, verbs: &str, out: &Out) -> Response<Body> {
    let mut response = with_status(error, StatusCode::METHOD_NOT_ALLOWED, out);
    if let Ok(verbs) = HeaderValue::from_str(verbs) {
        response.headers_mut().insert(header::ALLOW, verbs);
    }
    response
}

fn write(dialect: JsonDialect, answered: &Reply) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(512);
    serde_json::to_writer(&mut out, &Payload(dialect, answered)).map_err(|error| reply::unwritable(dialect, error))?;
    Ok(out)
}

fn error_response(error: &Error, out: &Out) -> Response<Body> {
    log_cause(error);
    let status = StatusCode::from_u16(error.kind().http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = with_status(error, status, out);
    reply::set_challenge(&mut response, error);
    response
}

fn with_status(error: &Error, status: StatusCode, out: &Out) -> Response<Body> {
    let body = match out.dialect.version() {
        ProtocolVersion::V0_3 => v03::http_body(error),
        _ => error.to_http_body_as(status.as_u16()),
    };
    reply::typed(status, out.media_type.clone(), body)
}
