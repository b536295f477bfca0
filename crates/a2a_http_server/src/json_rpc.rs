//! The JSON-RPC binding (section 9).

use a2a_app_ports::{CallContext, Reply};
use a2a_protocol_core::{Call, Error, ErrorKind, Method};
use bytes::Bytes;
use http::{Response, StatusCode, request::Parts};
use http_body::Body as HttpBody;
use protocol_transport_core::jsonrpc::{self, BatchWriter, Id, Incoming};

use crate::{
    Body,
    context::{self, JSON},
    reply::{self, Payload},
    request_body,
    server::Inner,
    stream_body::{Framing, Source},
};

/// What most replies fit into, in bytes.
const REPLY_CAPACITY: usize = 512;

/// A request, free of the body it came in: a call may wait for long, and the body need not.
struct Entry {
    /// `None` for a notification.
    id: Option<Id<'static>>,
    call: Result<Call, Error>,
}

#[expect(clippy::large_enum_variant, reason = "the large one is the common one")]
enum Requests {
    Single(Entry),
    Batch(Vec<Entry>),
}

/// Answers a POST.
pub(crate) async fn respond<B: HttpBody>(server: &Inner, parts: &Parts, body: B) -> Response<Body> {
    let read = match context::json_type(&parts.headers) {
        Ok(Some(_)) => request_body::read(&parts.headers, body, &server.options, &*server.clock).await,
        Ok(None) => Err(context::type_missing()),
        Err(error) => Err(error),
    };
    let requests = read.and_then(|body| parse(&body, server.options.max_batch));
    let requests = match requests {
        Ok(requests) => requests,
        Err(error) => return error_response(&Id::NULL, &error),
    };
    let context = context::read(parts, &server.card.get(), &server.options);
    let extensions = context::active_extensions(&context);
    let mut response = match requests {
        Requests::Single(entry) => single(server, context, entry).await,
        Requests::Batch(entries) => batch(server, context, entries).await,
    };
    reply::set_extensions(&mut response, extensions);
    response
}

fn parse(body: &Bytes, max_batch: usize) -> Result<Requests, Error> {
    Ok(match jsonrpc::parse(body, max_batch)? {
        Incoming::Single(entry) => Requests::Single(prepare(entry)),
        Incoming::Batch(entries) => Requests::Batch(entries.into_iter().map(prepare).collect()),
    })
}

fn prepare(entry: jsonrpc::Entry<'_>) -> Entry {
    match entry {
        Ok(request) => {
            let call = match v03_name(&request.method) {
                None => Call::from_json_rpc(&request.method, request.params),
                Some(method) => Err(v03_method(&request.method, method)),
            };
            Entry { id: request.id.map(Id::into_owned), call }
        }
        Err(rejected) => Entry { id: Some(rejected.id.into_owned()), call: Err(rejected.error.into()) },
    }
}

/// No name of v1.0 is looked up: they have no slash.
fn v03_name(name: &str) -> Option<Method> {
    if name.contains('/') { Method::from_v03_name(name) } else { None }
}

fn v03_method(name: &str, method: Method) -> Error {
    let message = format!("{name:?} is a method of version 0.3; this agent speaks 1.0, where it is {}", method.name());
    Error::new(ErrorKind::VersionNotSupported, message).with_metadata("supportedVersions", "1.0")
}

async fn single(server: &Inner, context: Result<CallContext, Error>, entry: Entry) -> Response<Body> {
    let outcome = answer(server, context, entry.call).await;
    let Some(id) = entry.id else { return not_answered() };
    match outcome {
        Ok(Reply::Stream(events)) => reply::event_stream(server.stream(Source::Events(events), Framing::JsonRpc(id))),
        Ok(Reply::CustomStream(results)) => {
            reply::event_stream(server.stream(Source::Results(results), Framing::JsonRpc(id)))
        }
        Ok(answered) => match write(&id, &answered) {
            Ok(out) => reply::typed(StatusCode::OK, JSON, out),
            Err(error) => error_response(&id, &error),
        },
        Err(error) => error_response(&id, &error),
    }
}

/// Entries are answered one after the other: each sees what those before it did.
async fn batch(server: &Inner, context: Result<CallContext, Error>, entries: Vec<Entry>) -> Response<Body> {
    let mut replies = BatchWriter::new();
    for Entry { id, call } in entries {
        let outcome = match call {
            Ok(call) if call.method().is_some_and(Method::is_streaming) => Err(no_stream_in_batch(&call.name())),
            Ok(call) => {
                let name = call.name();
                // Whether a method of the agent's own streams, only its reply tells.
                match answer(server, context.clone(), Ok(call)).await {
                    Ok(Reply::CustomStream(_)) => Err(no_stream_in_batch(&name)),
                    outcome => outcome,
                }
            }
            call => answer(server, context.clone(), call).await,
        };
        let Some(id) = id else { continue };
        let written = outcome.and_then(|answered| write(&id, &answered));
        replies.push(&written.unwrap_or_else(|error| write_error(&id, &error)));
    }
    match replies.finish() {
        Some(out) => reply::typed(StatusCode::OK, JSON, out),
        None => not_answered(),
    }
}

async fn answer(
    server: &Inner,
    context: Result<CallContext, Error>,
    call: Result<Call, Error>,
) -> Result<Reply, Error> {
    server.answer(context?, call?).await
}

fn no_stream_in_batch(method: &str) -> Error {
    Error::new(ErrorKind::InvalidRequest, format!("{method} streams its reply, which a batch cannot hold"))
}

fn not_answered() -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn write(id: &Id<'_>, answered: &Reply) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(REPLY_CAPACITY);
    jsonrpc::write_result(&mut out, id, &Payload(answered)).map_err(Error::internal)?;
    Ok(out)
}

fn write_error(id: &Id<'_>, error: &Error) -> Vec<u8> {
    reply::log_cause(error);
    let mut out = Vec::with_capacity(REPLY_CAPACITY);
    jsonrpc::write_error(&mut out, id, &error.to_json_rpc());
    out
}

/// An error is a reply like any other, since official clients do not read the body of another
/// status; except where the status itself asks for something of clients and proxies.
fn error_response(id: &Id<'_>, error: &Error) -> Response<Body> {
    let status = match error.kind() {
        ErrorKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorKind::PermissionDenied => StatusCode::FORBIDDEN,
        ErrorKind::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::OK,
    };
    let mut response = reply::typed(status, JSON, write_error(id, error));
    reply::set_challenge(&mut response, error);
    response
}
