//! Calls by way of a connector: the service behind it makes each of them once, the client does all
//! else.

use std::sync::{Arc, atomic::Ordering};

use a2a_app_ports::{AgentService, CallContext, EventStream, Reply, TransportError};
use a2a_protocol_core::{Call, Error, StreamEvent, VERSION_HEADER};
use futures::StreamExt;
use http::{Method, StatusCode};
use protocol_transport_core::headers::forwardable;

use crate::{
    Client, Observation,
    observer::redact_headers,
    retry::{Failure, FailureKind, Repeat},
    stream::{Connection, End},
    timing::within,
};

impl Client {
    /// Makes a call that is answered by one value, as often as may be needed.
    pub(crate) async fn ask_service(
        &self,
        service: &Arc<dyn AgentService>,
        context: &CallContext,
        call: &Call,
    ) -> Result<Reply, Error> {
        let mut tries = self.link().tries(Repeat::of(call, self.is_idempotent()));
        loop {
            match self.try_service(service, context, call).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => tries.again(failure).await?,
            }
        }
    }

    /// Makes a call that is answered by a stream, once.
    pub(crate) async fn watch_service(
        &self,
        service: &Arc<dyn AgentService>,
        context: &CallContext,
        call: &Call,
    ) -> Result<EventStream, Failure> {
        match self.try_service(service, context, call).await? {
            Reply::Stream(events) => Ok(events),
            other => Err(other.unfit(&call.name()).into()),
        }
    }

    async fn try_service(
        &self,
        service: &Arc<dyn AgentService>,
        context: &CallContext,
        call: &Call,
    ) -> Result<Reply, Failure> {
        let context = self.context(context);
        let link = self.link();
        let exchange = link.exchanges.fetch_add(1, Ordering::Relaxed);
        let sent = link.host.clock.now();
        if let Some(observer) = &link.observer {
            let url = format!("{}/{}", self.interface().url, call.name());
            let headers = redact_headers(&context.headers);
            observer.observe(&Observation::Request { exchange, method: &Method::POST, url: &url, headers: &headers });
        }
        // The connector limits the connecting, which comes first, by itself.
        let limit = link.timeouts.connect.saturating_add(link.timeouts.first_byte);
        let answered = within(&*link.host.clock, limit, service.handle(context, call.clone())).await;
        let answered = match answered {
            Some(answered) => answered.map_err(Failure::from),
            None => {
                let seconds = link.timeouts.first_byte.as_secs_f64();
                Err(TransportError::timeout(format!("the agent did not answer within {seconds} s")).into())
            }
        };
        if let Some(observer) = &link.observer {
            let elapsed = link.host.clock.now().since(sent);
            match &answered {
                Err(Failure { kind: FailureKind::Transport(error), .. }) => {
                    observer.observe(&Observation::Failed { exchange, error, elapsed });
                }
                _ => {
                    let (status, headers) = (StatusCode::OK, Default::default());
                    observer.observe(&Observation::Response { exchange, status, headers: &headers, elapsed });
                }
            }
        }
        answered
    }

    /// The caller's context with what the client itself sends, which wins.
    fn context(&self, callers: &CallContext) -> CallContext {
        let mut context = CallContext::new();
        context.version = self.version();
        context.extensions = self.extensions(callers);
        context.headers = forwardable(&callers.headers);
        for (name, value) in self.headers().iter().filter(|(name, _)| *name != VERSION_HEADER) {
            context.headers.insert(name, value.clone());
        }
        context
    }
}

/// Where the events of a stream come from.
pub(crate) enum Source {
    /// A reply over HTTP.
    Http(Box<Connection>),
    /// A connector's service.
    Service(EventStream),
}

impl Source {
    pub(crate) async fn next(&mut self) -> Result<Arc<StreamEvent>, End> {
        match self {
            Self::Http(connection) => connection.next().await.map(Arc::new),
            Self::Service(events) => match events.next().await {
                Some(Ok(event)) => Ok(event),
                None => Err(End::Clean),
                Some(Err(error)) => Err(match Failure::from(error).kind {
                    FailureKind::Transport(error) => End::Cut(error),
                    FailureKind::Answered(error) => End::Error(error),
                }),
            },
        }
    }

    /// The id in force after the last event, as the agent wrote it.
    pub(crate) fn last_event_id(&self) -> Option<&String> {
        match self {
            Self::Http(connection) => connection.last_event_id(),
            Self::Service(_) => None,
        }
    }

    /// Reads on to the end, where it comes at once.
    pub(crate) async fn finish(self, client: &Client) {
        match self {
            Self::Http(connection) => connection.finish().await,
            Self::Service(mut events) => {
                let rest = async { while let Some(Ok(_)) = events.next().await {} };
                within(&*client.link().host.clock, crate::stream::LINGER, rest).await;
            }
        }
    }
}
