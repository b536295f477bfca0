//! A client of one agent.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use a2a_app_ports::{AgentOperations, AgentService, BoxFuture, BoxStream, CallContext, Parts, Reply};
use a2a_protocol_core::{
    AgentCard, AgentInterface, Call, Capability, EXTENSIONS_HEADER, Error, ErrorKind, LAST_EVENT_ID_HEADER, Message,
    ProtocolVersion, Role, SendMessageConfiguration, SendMessageRequest, SendMessageResponse, v03,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use protocol_transport_core::headers::forwardable;
use serde::{Serialize, de::DeserializeOwned};
use url::Url;

use crate::{
    Body, ClientBuilder, RemoteTask, Sent,
    binding::{Binding, Reading, invalid},
    connected::Source,
    exchange::{Link, ReadError},
    retry::{Failure, FailureKind, Repeat, retry_after},
    stream::{self, Connection},
    v03::cut_history,
};

/// The largest reply that is read, in bytes.
const MAX_REPLY: usize = 64 << 20;
/// The largest error body that is read, in bytes. What is longer is no error of the protocol.
const MAX_ERROR: usize = 1 << 20;

/// A client of one agent: answers every call by asking the agent. Clones are cheap and share
/// connections.
///
/// All operations are methods of [`AgentOperations`]. A call that got no answer is an error of kind
/// `Unavailable`, whose `cause()` is a [`TransportError`](crate::TransportError).
///
/// Each request carries the tenant of the interface, and only where it has none that of the call. The headers of the
/// call's context are sent too; those that the client itself sets win.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) card: Arc<AgentCard>,
    pub(crate) interface: AgentInterface,
    pub(crate) version: ProtocolVersion,
    pub(crate) way: Way,
    pub(crate) link: Link,
    /// Sent with every request: version, credentials, service parameters.
    pub(crate) headers: HeaderMap,
    /// Asked for with every request.
    pub(crate) extensions: Vec<String>,
    /// Whether the agent recognises a message that is sent again.
    pub(crate) idempotent: bool,
    /// The id of the next JSON-RPC request.
    pub(crate) next_id: AtomicU64,
}

/// How the interface is reached.
pub(crate) enum Way {
    /// Over HTTP, in a binding of the client's own.
    Http {
        binding: Binding,
        /// The interface's address, with the API key if that goes there.
        endpoint: Url,
    },
    /// By a connector.
    Service(Arc<dyn AgentService>),
}

impl Client {
    /// Sets up a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    pub(crate) fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    /// The agent's card.
    pub fn card(&self) -> &Arc<AgentCard> {
        &self.0.card
    }

    /// The interface that is called.
    pub fn interface(&self) -> &AgentInterface {
        &self.0.interface
    }

    /// Sends a message of these parts and waits for what comes of it: a direct reply, or a task
    /// that has ended or waits for its caller.
    ///
    /// # Errors
    /// What the agent answers; `Unavailable` when it does not.
    pub async fn send(&self, parts: impl Into<Parts>) -> Result<Sent, Error> {
        self.dispatch(SendMessageRequest::new(self.message(parts))).await
    }

    /// Like [`send`](Self::send), but returns as soon as there is a task.
    ///
    /// # Errors
    /// What the agent answers; `Unavailable` when it does not.
    pub async fn start(&self, parts: impl Into<Parts>) -> Result<Sent, Error> {
        let mut request = SendMessageRequest::new(self.message(parts));
        let mut configuration = SendMessageConfiguration::default();
        configuration.return_immediately = true;
        request.configuration = Some(configuration);
        self.dispatch(request).await
    }

    /// Calls a method of the agent's own, such as `vendor/method`. Only JSON-RPC has a place for
    /// them. Where the interface has a tenant, the parameters carry it as their member `tenant`.
    ///
    /// # Errors
    /// What the agent answers; MethodNotFound over another binding; InvalidAgentResponse when the
    /// result is not an `R`.
    pub async fn call<P, R>(&self, method: &str, params: &P) -> Result<R, Error>
    where
        P: Serialize + ?Sized,
        R: DeserializeOwned,
    {
        self.call_method(CallContext::new(), method, params).await
    }

    /// Like [`call`](Self::call), for a method that streams its results. A stream that is cut ends
    /// with an error and is not resumed.
    ///
    /// # Errors
    /// As [`call`](Self::call); InvalidAgentResponse also when the method does not stream.
    pub async fn call_streaming<P, R>(
        &self,
        method: &str,
        params: &P,
    ) -> Result<BoxStream<'static, Result<R, Error>>, Error>
    where
        P: Serialize + ?Sized,
        R: DeserializeOwned,
    {
        self.stream_method(CallContext::new(), method, params).await
    }

    /// A handle on a task of this agent, of which nothing but the id is known. Asks nobody.
    pub fn task(&self, id: impl Into<Arc<str>>) -> RemoteTask {
        RemoteTask::new(self.clone(), id.into(), None)
    }

    /// A message of the user with a new id, for requests that say more than
    /// [`send`](Self::send) does.
    pub fn message(&self, parts: impl Into<Parts>) -> Message {
        let random = self.link().host.random.random();
        let id = uuid::Builder::from_random_bytes(random.to_be_bytes()).into_uuid();
        Message::new(id.to_string(), Role::User, parts.into().0)
    }

    pub(crate) async fn dispatch(&self, request: SendMessageRequest) -> Result<Sent, Error> {
        Ok(match self.send_message(CallContext::new(), request).await? {
            SendMessageResponse::Task(task) => Sent::Task(RemoteTask::known(self.clone(), task)),
            SendMessageResponse::Message(message) => Sent::Message(message),
        })
    }

    pub(crate) fn link(&self) -> &Link {
        &self.0.link
    }

    /// The version that the agent is called in.
    pub(crate) fn version(&self) -> ProtocolVersion {
        self.0.version
    }

    pub(crate) fn streams(&self) -> bool {
        self.0.card.capabilities.streaming == Some(true)
    }

    pub(crate) fn is_idempotent(&self) -> bool {
        self.0.idempotent
    }

    async fn answer(&self, context: CallContext, mut call: Call) -> Result<Reply, Error> {
        call.validate()?;
        // As declared, even where this library would not take it.
        if let Some(tenant) = &self.0.interface.tenant {
            call.set_tenant(Some(tenant.clone()));
        }
        if let (Call::Custom(_), Way::Http { .. }) = (&call, &self.0.way) {
            return self.ask_custom(&context, &call).await;
        }
        let streaming = call.method().is_some_and(|method| method.capability() == Some(Capability::Streaming));
        if !streaming {
            return self.ask(&context, &call).await;
        }
        if !self.streams() {
            let name = &self.0.card.name;
            let message = format!("the card of the agent {name:?} does not declare capabilities.streaming");
            return Err(Error::new(ErrorKind::UnsupportedOperation, message));
        }
        stream::open(self.clone(), context, call).await.map(Reply::Stream)
    }

    /// Makes a call that is answered by one value.
    pub(crate) async fn ask(&self, context: &CallContext, call: &Call) -> Result<Reply, Error> {
        let mut reply = self.ask_as_is(context, call).await?;
        if self.version() == ProtocolVersion::V0_3 {
            cut_history(call, &mut reply);
        }
        Ok(reply)
    }

    async fn ask_as_is(&self, context: &CallContext, call: &Call) -> Result<Reply, Error> {
        if let Way::Service(service) = &self.0.way {
            return self.ask_service(service, context, call).await;
        }
        let (request, reading) = self.request(context, call, None)?;
        let mut tries = self.link().tries(Repeat::of(call, self.is_idempotent()));
        let body = loop {
            match self.try_ask(&request, reading).await {
                Ok(body) => break body,
                Err(failure) => tries.again(failure).await?,
            }
        };
        reading.reply(call, reading.payload(&body)?)
    }

    async fn try_ask(&self, request: &http::Request<Bytes>, reading: Reading) -> Result<Bytes, Failure> {
        let reply = self.exchange(request, reading).await?;
        let body = self.link().read(&mut reply.into_body(), MAX_REPLY).await?;
        // An error that may pass is found here, where the call can be tried again.
        match reading.payload(&body) {
            Err(error) if error.kind() != ErrorKind::InvalidAgentResponse => Err(error.into()),
            _ => Ok(body),
        }
    }

    /// Calls a method of the agent's own, which may answer with a value or a stream.
    async fn ask_custom(&self, context: &CallContext, call: &Call) -> Result<Reply, Error> {
        let (request, reading) = self.request(context, call, None)?;
        let mut tries = self.link().tries(Repeat::of(call, self.is_idempotent()));
        let (head, mut body) = loop {
            match self.exchange(&request, reading).await {
                Ok(reply) => break reply.into_parts(),
                Err(failure) => tries.again(failure).await?,
            }
        };
        if media_type(&head.headers).eq_ignore_ascii_case("text/event-stream") {
            return Ok(Reply::CustomStream(Connection::stream(body, reading, self.link().clone()).results()));
        }
        let body = self.link().read(&mut body, MAX_REPLY).await.map_err(Failure::from)?;
        reading.reply(call, reading.payload(&body)?)
    }

    /// Makes a call that is answered by a stream, once.
    pub(crate) async fn watch(
        &self,
        context: &CallContext,
        call: &Call,
        last_event_id: Option<&str>,
    ) -> Result<Source, Failure> {
        match &self.0.way {
            Way::Service(service) => self.watch_service(service, context, call).await.map(Source::Service),
            Way::Http { .. } => {
                let connection = self.try_stream(context, call, last_event_id).await?;
                Ok(Source::Http(Box::new(connection)))
            }
        }
    }

    async fn try_stream(
        &self,
        context: &CallContext,
        call: &Call,
        last_event_id: Option<&str>,
    ) -> Result<Connection, Failure> {
        let (request, reading) = self.request(context, call, last_event_id)?;
        let (head, mut body) = self.exchange(&request, reading).await?.into_parts();
        let media_type = media_type(&head.headers);
        if media_type.is_empty() || media_type.eq_ignore_ascii_case("text/event-stream") {
            return Ok(Connection::stream(body, reading, self.link().clone()));
        }
        if !media_type.to_ascii_lowercase().ends_with("json") {
            return Err(invalid(format!("the reply is {media_type:?}, not an event stream")).into());
        }
        // An error before the stream began; or an agent that has nothing more to say than this.
        let body = self.link().read(&mut body, MAX_REPLY).await?;
        let response = reading.stream_response(reading.payload(&body)?)?;
        Ok(Connection::single(response, reading, self.link().clone()))
    }

    /// One request, and its reply if that is a success.
    async fn exchange(
        &self,
        request: &http::Request<Bytes>,
        reading: Reading,
    ) -> Result<http::Response<Body>, Failure> {
        let reply = self.link().send(request.clone()).await?;
        if reply.status().is_success() {
            return Ok(reply);
        }
        let (head, mut body) = reply.into_parts();
        let body = match self.link().read(&mut body, MAX_ERROR).await {
            Ok(body) => body,
            // The status alone says enough.
            Err(ReadError::Transport(_) | ReadError::TooLarge(_)) => Bytes::new(),
        };
        let retry_after = retry_after(&head.headers, self.link().host.clock.now());
        let error = reading.failure(head.status, &head.headers, &body);
        Err(Failure { kind: FailureKind::Answered(error), retry_after })
    }

    /// The extensions to ask for: the client's own, and the caller's.
    pub(crate) fn extensions(&self, context: &CallContext) -> Vec<String> {
        let mut extensions = self.0.extensions.clone();
        extensions.extend(context.extensions.iter().filter(|uri| !self.0.extensions.contains(uri)).cloned());
        extensions
    }

    /// Sent with every request.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    fn request(
        &self,
        context: &CallContext,
        call: &Call,
        last_event_id: Option<&str>,
    ) -> Result<(http::Request<Bytes>, Reading), Error> {
        let Way::Http { binding, endpoint } = &self.0.way else {
            let binding = &self.0.interface.protocol_binding;
            let message = format!("{binding} has only the protocol's methods, {:?} is none", call.name());
            return Err(Error::new(ErrorKind::MethodNotFound, message));
        };
        let (binding, id) = (*binding, self.0.next_id.fetch_add(1, Ordering::Relaxed));
        let mut request = binding.request(endpoint, call, id)?;
        let headers = request.headers_mut();
        headers.extend(forwardable(&context.headers));
        for (name, value) in &self.0.headers {
            headers.insert(name, value.clone());
        }
        headers.insert(header::ACCEPT, HeaderValue::from_static(binding.accept(call)));
        let extensions = self.extensions(context);
        for name in [EXTENSIONS_HEADER, v03::EXTENSIONS_HEADER] {
            headers.remove(name);
            // Agents of 0.3 may know either name.
            if !extensions.is_empty() && (name == EXTENSIONS_HEADER || self.version() == ProtocolVersion::V0_3) {
                headers.insert(name, header_value(name, &extensions.join(", "))?);
            }
        }
        if let Some(id) = last_event_id {
            headers.insert(LAST_EVENT_ID_HEADER, header_value(LAST_EVENT_ID_HEADER, id)?);
        }
        Ok((request, Reading { binding, id }))
    }
}

fn media_type(headers: &HeaderMap) -> &str {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    media_type.unwrap_or_default().split(';').next().unwrap_or_default().trim()
}

fn header_value(name: &str, value: &str) -> Result<HeaderValue, Error> {
    HeaderValue::try_from(value).map_err(|_| Error::invalid(name, "holds characters that a header cannot carry"))
}

impl AgentService for Client {
    fn handle(&self, context: CallContext, call: Call) -> BoxFuture<'_, Result<Reply, Error>> {
        Box::pin(self.answer(context, call))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("interface", &self.0.interface).finish_non_exhaustive()
    }
}
