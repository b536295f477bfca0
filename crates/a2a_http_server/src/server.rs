//! The server: which request goes where.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use a2a_app_ports::{AgentService, CallContext, CardHandle, Clock, Host, Reply, unless};
use a2a_protocol_core::{AgentCard, Call, Error, ErrorKind, JsonDialect, Timestamp};
use http::{Method, Request, Response, StatusCode, request::Parts};
use http_body::Body as HttpBody;

use crate::{
    Body, InvalidOptions, Lifecycle, ServerOptions,
    card::CardDocuments,
    compression,
    context::{A2A_JSON, JSON},
    http_json::{self, Out},
    json_rpc, quirks, reply,
    stream_body::{Framing, Source, StreamBody},
};

/// Where public keys are found (RFC 7517 names no place; this is the customary one).
const KEYS_PATH: &str = "/.well-known/jwks.json";

/// Answers HTTP requests for one agent. Clones are cheap and share everything.
#[derive(Clone)]
pub struct HttpServer(Arc<Inner>);

#[derive(Clone)]
pub(crate) struct Inner {
    pub(crate) service: Arc<dyn AgentService>,
    pub(crate) card: CardHandle,
    pub(crate) options: ServerOptions,
    pub(crate) clock: Arc<dyn Clock>,
    /// The card as it was last sent, and what was sent.
    documents: Arc<Mutex<(Arc<AgentCard>, CardDocuments)>>,
    lifecycle: Lifecycle,
}

impl HttpServer {
    /// A server for this agent. The card is the public one; if it has no interfaces and the options
    /// have a public URL, they are filled in. Its Last-Modified is now; that of a card which replaces
    /// it in the handle is when the server first meets it.
    ///
    /// # Errors
    /// When an option is impossible.
    pub fn new(
        service: Arc<dyn AgentService>,
        card: impl Into<CardHandle>,
        host: &Host,
        options: ServerOptions,
    ) -> Result<Self, InvalidOptions> {
        options.check()?;
        let card = card.into();
        if let Some(url) = &options.public_url {
            card.locate(|| options.interfaces(url));
        }
        let first = card.get();
        let documents = documents(&first, host.clock.now(), &options)?;
        Ok(Self(Arc::new(Inner {
            service,
            card,
            documents: Arc::new(Mutex::new((first, documents))),
            clock: host.clock.clone(),
            lifecycle: Lifecycle::new(),
            options,
        })))
    }

    /// The same server, going down with this lifecycle instead of one of its own: for processes
    /// with several servers.
    #[must_use]
    pub fn with_lifecycle(self, lifecycle: Lifecycle) -> Self {
        let inner = Arc::unwrap_or_clone(self.0);
        Self(Arc::new(Inner { lifecycle, ..inner }))
    }

    /// Has the card name interfaces at this URL, if it names none.
    pub fn locate(&self, url: &str) {
        self.0.card.locate(|| self.0.options.interfaces(url));
    }

    /// Where callers reach it, if its options say so.
    pub fn public_url(&self) -> Option<&str> {
        self.0.options.public_url.as_deref()
    }

    /// The card that is served.
    pub fn card(&self) -> &CardHandle {
        &self.0.card
    }

    /// By which the server is told to go down.
    pub fn lifecycle(&self) -> &Lifecycle {
        &self.0.lifecycle
    }

    /// Answers one request. Dropping the future abandons the wait for the agent, not its work.
    pub async fn respond<B: HttpBody>(&self, request: Request<B>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let options = &self.0.options;
        if let Some(preflight) = options.cors.as_ref().and_then(|cors| cors.preflight(&parts)) {
            return preflight;
        }
        let mut response = self.0.dispatch(&parts, body).await;
        if let Some(from) = options.compress_from {
            compression::apply(&parts.headers, &mut response, from);
        }
        if let Some(cors) = &options.cors {
            cors.apply(&parts.headers, response.headers_mut());
        }
        response
    }
}

impl fmt::Debug for HttpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpServer").field("agent", &self.0.card.get().name).finish_non_exhaustive()
    }
}

impl Inner {
    async fn dispatch<B: HttpBody>(&self, parts: &Parts, body: B) -> Response<Body> {
        let path = parts.uri.path();
        let is_json_rpc = self.options.json_rpc_paths.iter().any(|served| same_path(served, path));
        if is_json_rpc || quirks::is_json_rpc(path, &self.options) {
            return match parts.method {
                Method::POST => json_rpc::respond(self, parts, body).await,
                _ => only(parts, "POST"),
            };
        }
        if CardDocuments::are_at(path) {
            return for_readers(parts, || self.documents().at(path).respond(&parts.method, &parts.headers));
        }
        if let (KEYS_PATH, Some(jwks)) = (path, &self.options.jwks) {
            return for_readers(parts, || keys(jwks));
        }
        match path {
            "/health" => for_readers(parts, || status(StatusCode::OK, "ok")),
            "/ready" if self.lifecycle.is_draining() => {
                for_readers(parts, || status(StatusCode::SERVICE_UNAVAILABLE, "draining"))
            }
            "/ready" => for_readers(parts, || status(StatusCode::OK, "ok")),
            path => match self.below_prefix(path) {
                Some(path) => http_json::respond(self, parts, path, body).await,
                None => http_json::not_found(path, &Out::v1_0(A2A_JSON)),
            },
        }
    }

    /// The card as it is to be sent; written anew once it has been replaced.
    fn documents(&self) -> CardDocuments {
        let now = self.card.get();
        let mut sent = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&sent.0, &now) {
            match documents(&now, self.clock.now(), &self.options) {
                Ok(documents) => *sent = (now, documents),
                Err(error) => tracing::error!(%error, "the new card cannot be sent"),
            }
        }
        sent.1.clone()
    }

    /// The path within the HTTP+JSON binding.
    fn below_prefix<'a>(&self, path: &'a str) -> Option<&'a str> {
        let prefix = self.options.http_json_prefix.as_ref()?;
        path.strip_prefix(prefix.as_str()).filter(|rest| rest.starts_with('/'))
    }

    /// Has the agent answer; the reply is of the kind that the call has.
    pub(crate) async fn answer(&self, context: CallContext, call: Call) -> Result<Reply, Error> {
        call.validate()?;
        let method = call.method();
        let answered = unless(|| self.lifecycle.closed(), self.service.handle(context, call)).await;
        let answered = answered.unwrap_or_else(|| {
            Err(Error::new(ErrorKind::Unavailable, "the server is going down; what was begun goes on"))
        })?;
        reply::check(method, &answered)?;
        Ok(answered)
    }

    pub(crate) fn stream(&self, events: Source, framing: Framing, dialect: JsonDialect) -> Body {
        let (lifecycle, clock) = (self.lifecycle.clone(), self.clock.clone());
        Body::stream(StreamBody::new(events, framing, dialect, lifecycle, clock, self.options.keep_alive))
    }
}

fn documents(card: &AgentCard, modified: Timestamp, options: &ServerOptions) -> Result<CardDocuments, InvalidOptions> {
    let documents = CardDocuments::new(card, modified, options.card_max_age, options.v03);
    documents.map_err(|error| InvalidOptions(format!("card: {error}")))
}

fn keys(jwks: &str) -> Response<Body> {
    let mut response = reply::typed(StatusCode::OK, JSON, jwks.as_bytes().to_vec());
    let cached = http::HeaderValue::from_static("public, max-age=300");
    response.headers_mut().insert(http::header::CACHE_CONTROL, cached);
    response
}

/// Whether two paths differ by at most a slash at the end.
pub(crate) fn same_path(one: &str, other: &str) -> bool {
    one.strip_suffix('/').unwrap_or(one) == other.strip_suffix('/').unwrap_or(other)
}

fn for_readers(parts: &Parts, respond: impl FnOnce() -> Response<Body>) -> Response<Body> {
    match parts.method {
        Method::GET | Method::HEAD => respond(),
        _ => only(parts, "GET, HEAD"),
    }
}

fn only(parts: &Parts, verbs: &str) -> Response<Body> {
    let path = parts.uri.path();
    let error = Error::new(ErrorKind::MethodNotFound, format!("{path} answers {verbs}, not {}", parts.method));
    http_json::method_not_allowed(&error, verbs, &Out::v1_0(JSON))
}

fn status(status: StatusCode, word: &str) -> Response<Body> {
    let mut response = reply::typed(status, JSON, format!("{{\"status\":\"{word}\"}}").into_bytes());
    response.headers_mut().insert(http::header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    response
}
