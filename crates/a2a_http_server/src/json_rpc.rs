//! The JSON-RPC binding (section 9).

use a2a_app_ports::{CallContext, Reply, log_cause};
use a2a_protocol_core::{
    Call, Error, ErrorKind, JsonDialect, ListTaskPushNotificationConfigsRequest,
    ListTaskPushNotificationConfigsResponse, Method, ProtocolVersion, v03,
};
use bytes::Bytes;
use futures::{future::ready, stream};
use http::{Response, StatusCode, request::Parts};
use http_body::Body as HttpBody;
use protocol_transport_core::jsonrpc::{self, BatchWriter, Id, Incoming};

use crate::{
    Body,
    context::{self, JSON, Named},
    quirks,
    reply::{self, Payload},
    request_body,
    server::Inner,
    stream_body::{Framing, Source},
};

/// An agent with more pages than this for one task does not come to an end.
const MAX_CONFIG_PAGES: usize = 100;
/// What most replies fit into, in bytes.
const REPLY_CAPACITY: usize = 512;

/// A request, free of the body it came in: a call may wait for long, and the body need not.
struct Entry {
    /// `None` for a notification.
    id: Option<Id<'static>>,
    /// The version that names methods so; `None` for an agent's own.
    style: Option<ProtocolVersion>,
    /// The method that was named.
    method: Option<Method>,
    call: Result<Call, Error>,
}

/// What is known of all entries of a request, besides the versions that it names.
type Shared<'a> = (Result<Named<'a>, Error>, Result<CallContext, Error>);

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
    let shared = (Named::read(parts), context);
    let version = requests.version();
    let mut response = match requests {
        Requests::Single(entry) => single(server, shared, entry).await,
        Requests::Batch(entries) => batch(server, shared, entries).await,
    };
    reply::set_extensions(&mut response, extensions, version);
    response
}

impl Requests {
    /// The oldest version whose style is used.
    fn version(&self) -> ProtocolVersion {
        let entries = match self {
            Self::Single(entry) => std::slice::from_ref(entry),
            Self::Batch(entries) => entries,
        };
        entries.iter().filter_map(|entry| entry.style).min().unwrap_or_default()
    }
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
            let (style, method) = named(&request.method);
            let dialect = JsonDialect::of_json_rpc(style.unwrap_or_default());
            let call = dialect.read_json_rpc(&request.method, request.params);
            Entry { id: request.id.map(Id::into_owned), style, method, call }
        }
        Err(rejected) => {
            let (id, call) = (Some(rejected.id.into_owned()), Err(rejected.error.into()));
            Entry { id, style: None, method: None, call }
        }
    }
}

/// The version that names methods so, and the method.
fn named(name: &str) -> (Option<ProtocolVersion>, Option<Method>) {
    if v03::is_method_name(name) {
        return (Some(ProtocolVersion::V0_3), Method::from_v03_name(name));
    }
    let method = Method::from_name(name);
    (method.map(|_| ProtocolVersion::V1_0), method)
}

async fn single(server: &Inner, (named, context): Shared<'_>, entry: Entry) -> Response<Body> {
    let dialect = entry.dialect();
    let method = entry.method;
    let outcome = answer(server, named.as_ref(), context, entry.style, entry.call).await;
    let Some(id) = entry.id else {
        return match outcome {
            Err(error) if quirks::is_told_without_id(entry.style, error.kind()) => error_response(&Id::NULL, &error),
            _ => not_answered(),
        };
    };
    match outcome {
        // The official clients of 0.3 read nothing else where they expect a stream.
        Err(error)
            if dialect == JsonDialect::V0_3
                && method.is_some_and(Method::is_streaming)
                && status_of(&error) == StatusCode::OK =>
        {
            let failed = Source::Events(Box::pin(stream::once(ready(Err(error)))));
            reply::event_stream(server.stream(failed, Framing::JsonRpc(id), dialect))
        }
        Ok(Reply::Stream(events)) => {
            reply::event_stream(server.stream(Source::Events(events), Framing::JsonRpc(id), dialect))
        }
        Ok(Reply::CustomStream(results)) => {
            reply::event_stream(server.stream(Source::Results(results), Framing::JsonRpc(id), dialect))
        }
        Ok(answered) => match write(&id, dialect, &answered) {
            Ok(out) => reply::typed(StatusCode::OK, JSON, out),
            Err(error) => error_response(&id, &error),
        },
        Err(error) => error_response(&id, &error),
    }
}

/// Entries are answered one after the other: each sees what those before it did.
async fn batch(server: &Inner, (named, mut context): Shared<'_>, entries: Vec<Entry>) -> Response<Body> {
    if let Ok(context) = &mut context {
        context.no_stream = true;
    }
    let mut replies = BatchWriter::new();
    for entry in entries {
        let dialect = entry.dialect();
        let outcome = answer(server, named.as_ref(), context.clone(), entry.style, entry.call).await;
        let Some(id) = entry.id else { continue };
        let written = outcome.and_then(|answered| write(&id, dialect, &answered));
        replies.push(&written.unwrap_or_else(|error| write_error(&id, &error)));
    }
    match replies.finish() {
        Some(out) => reply::typed(StatusCode::OK, JSON, out),
        None => not_answered(),
    }
}

impl Entry {
    fn dialect(&self) -> JsonDialect {
        JsonDialect::of_json_rpc(self.style.unwrap_or_default())
    }
}

async fn answer(
    server: &Inner,
    named: Result<&Named<'_>, &Error>,
    context: Result<CallContext, Error>,
    style: Option<ProtocolVersion>,
    call: Result<Call, Error>,
) -> Result<Reply, Error> {
    let version = named.map_err(Error::clone)?.version(style, &server.options)?;
    let mut context = context?;
    context.version = version;
    let call = call?;
    if call.method().is_some_and(Method::is_streaming) {
        context.room_for_stream(&call.name())?;
    }
    match (version, &call) {
        (ProtocolVersion::V0_3, Call::ListTaskPushNotificationConfigs(request)) => {
            let request = request.clone();
            push_configs(server, context, request, false).await
        }
        (ProtocolVersion::V0_3, Call::GetTaskPushNotificationConfig(request)) if request.id == v03::ANY_CONFIG => {
            let mut any = ListTaskPushNotificationConfigsRequest::default();
            any.task_id.clone_from(&request.task_id);
            any.page_size = 1;
            match server.answer(context.clone(), call).await {
                Err(error) if error.kind() == ErrorKind::TaskNotFound => push_configs(server, context, any, true).await,
                answered => answered,
            }
        }
        (_, Call::Custom(_)) => {
            // Not every agent knows before that its reply is a stream: a relay does not.
            let room = context.room_for_stream(&call.name());
            match server.answer(context, call).await? {
                Reply::CustomStream(results) => room.map(|()| Reply::CustomStream(results)),
                answered => Ok(answered),
            }
        }
        _ => server.answer(context, call).await,
    }
}

/// The push notification configurations of a task as 0.3 has them, which knows no pages: all of
/// them, or where it has asked for one without saying which, the first.
async fn push_configs(
    server: &Inner,
    context: CallContext,
    mut request: ListTaskPushNotificationConfigsRequest,
    only_first: bool,
) -> Result<Reply, Error> {
    let mut all = ListTaskPushNotificationConfigsResponse::default();
    for _ in 0..MAX_CONFIG_PAGES {
        let call = Call::ListTaskPushNotificationConfigs(request.clone());
        let Reply::PushConfigs(page) = server.answer(context.clone(), call).await? else {
            return Err(Error::internal("a reply of another kind passed the check"));
        };
        if only_first {
            let first = page.configs.into_iter().next();
            return first.map(Reply::PushConfig).ok_or_else(|| Error::task_not_found(&request.task_id));
        }
        all.configs.extend(page.configs);
        if page.next_page_token.is_empty() {
            return Ok(Reply::PushConfigs(all));
        }
        request.page_token = Some(page.next_page_token);
    }
    Err(Error::new(ErrorKind::InvalidAgentResponse, "the list of push notification configurations has no end"))
}

fn not_answered() -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn write(id: &Id<'_>, dialect: JsonDialect, answered: &Reply) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(REPLY_CAPACITY);
    jsonrpc::write_result(&mut out, id, &Payload(dialect, answered))
        .map_err(|error| reply::unwritable(dialect, error))?;
    Ok(out)
}

fn write_error(id: &Id<'_>, error: &Error) -> Vec<u8> {
    log_cause(error);
    let mut out = Vec::with_capacity(REPLY_CAPACITY);
    jsonrpc::write_error(&mut out, id, &error.to_json_rpc());
    out
}

/// An error is a reply like any other, since official clients do not read the body of another
/// status; except where the status itself asks for something of clients and proxies.
fn error_response(id: &Id<'_>, error: &Error) -> Response<Body> {
    let mut response = reply::typed(status_of(error), JSON, write_error(id, error));
    reply::set_challenge(&mut response, error);
    response
}

fn status_of(error: &Error) -> StatusCode {
    match error.kind() {
        ErrorKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorKind::PermissionDenied => StatusCode::FORBIDDEN,
        ErrorKind::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::OK,
    }
}
