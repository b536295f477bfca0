//! The server: which request goes where.

mod answer;
mod body;
mod events;
mod health;
mod operations;
mod refusals;
mod v03_operations;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use a2a_app_ports::{AgentService, BoxFuture, CardHandle, Clock, Host, Lifecycle};
use a2a_protocol_core::ProtocolVersion;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use protocol_transport_core::headers::ForwardPolicy;
use tonic::{Status, body::Body, codec::CompressionEncoding};
use tonic_health::pb::health_server::HealthServer;
use tower_service::Service;

use self::{answer::Answers, body::Timed, health::Health, v03_operations::Service03};
use crate::{
    proto::v1::a2a_service_server::{A2aServiceServer, SERVICE_NAME},
    status, v03,
};

/// What a server can be told. [`Default`] gives the values named with each field.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GrpcOptions {
    /// The largest request message in bytes, once it is decompressed too. Default 4 MiB.
    pub max_message_bytes: usize,
    /// How long a request may take to arrive. Default 60 s.
    pub body_timeout: Duration,
    /// Which metadata the handler sees. Default none.
    pub forward: ForwardPolicy,
    /// Whether the reflection service is on, by which callers read the protobuf definitions. Default
    /// on: they are public.
    pub reflection: bool,
    /// Whether version 0.3, `a2a.v1.A2AService`, is answered beside 1.0. Default on.
    pub v0_3: bool,
}

impl Default for GrpcOptions {
    fn default() -> Self {
        Self {
            max_message_bytes: 4 << 20,
            body_timeout: Duration::from_secs(60),
            forward: ForwardPolicy::default(),
            reflection: true,
            v0_3: true,
        }
    }
}

/// Whether a request is for a gRPC server: by its content type, `application/grpc` or one of its
/// kind, so that one listener can serve HTTP too. gRPC-Web is another protocol. Of its kinds, the
/// server takes `+proto`, and refuses the rest with 415.
pub fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes()).unwrap_or_default();
    match content_type.strip_prefix(b"application/grpc") {
        Some(rest) => matches!(rest.first(), None | Some(b'+' | b';')),
        None => false,
    }
}

/// Answers gRPC requests for one agent: the services of the protocol, health and reflection. Clones
/// are cheap and share everything.
///
/// Requests may be compressed by gzip, and replies are where the caller accepts it.
#[derive(Clone)]
pub struct GrpcServer {
    services: Arc<BTreeMap<&'static str, Handler>>,
    clock: Arc<dyn Clock>,
    body_timeout: Duration,
}

type Handler = Box<dyn Fn(Request<Body>) -> BoxFuture<'static, Response<Body>> + Send + Sync>;

impl GrpcServer {
    /// A server for this agent. When the lifecycle drains, the health service says so; when it
    /// closes, streams end and calls that have to wait are Unavailable.
    pub fn new(
        service: Arc<dyn AgentService>,
        card: impl Into<CardHandle>,
        host: &Host,
        lifecycle: Lifecycle,
        options: GrpcOptions,
    ) -> Self {
        let mut services: BTreeMap<&'static str, Handler> = BTreeMap::new();
        let mut names = vec![SERVICE_NAME];
        names.extend(options.v0_3.then_some(v03::SERVICE_NAME));
        let health = Health::new(names, lifecycle.clone());
        services.insert(tonic_health::pb::health_server::SERVICE_NAME, handler(HealthServer::new(health)));
        if options.reflection {
            insert_reflection(&mut services);
        }
        let clock = host.clock.clone();
        let body_timeout = options.body_timeout;
        let max_message_bytes = options.max_message_bytes;
        let answers = Answers {
            version: ProtocolVersion::V1_0,
            spoken: if options.v0_3 { ProtocolVersion::ALL } else { &[ProtocolVersion::V1_0] },
            status: status::of_error,
            service,
            card: card.into(),
            lifecycle,
            clock: clock.clone(),
            forward: options.forward,
        };
        if options.v0_3 {
            let protocol = handler(Service03::new(answers.clone(), max_message_bytes));
            services.insert(v03::SERVICE_NAME, refusals::told(protocol, v03::status::of_error));
        }
        let protocol = A2aServiceServer::new(answers)
            .max_decoding_message_size(max_message_bytes)
            .accept_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Gzip);
        services.insert(SERVICE_NAME, refusals::told(handler(protocol), status::of_error));
        Self { services: Arc::new(services), clock, body_timeout }
    }
}

fn insert_reflection(services: &mut BTreeMap<&'static str, Handler>) {
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(crate::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    // The definitions were compiled at build time, so that they can be read is tested, not handled.
    if let (Ok(v1), Ok(v1alpha)) = (builder().build_v1(), builder().build_v1alpha()) {
        services.insert("grpc.reflection.v1.ServerReflection", handler(v1));
        services.insert("grpc.reflection.v1alpha.ServerReflection", handler(v1alpha));
    }
}

fn handler<S>(service: S) -> Handler
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    Box::new(move |request| {
        let future = service.clone().call(request);
        Box::pin(async move { future.await.unwrap_or_else(|never| match never {}) })
    })
}

impl<B> Service<Request<B>> for GrpcServer
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if !refusals::is_protobuf(request.headers()) {
            return Box::pin(async { Ok(refusals::unsupported_media_type()) });
        }
        // `/package.Service/Method`
        let name = request.uri().path().split('/').nth(1).unwrap_or_default();
        let Some(handler) = self.services.get(name) else {
            let status = Status::unimplemented(format!("no service {name:?}"));
            return Box::pin(async move { Ok(status.into_http()) });
        };
        let (clock, timeout) = (self.clock.clone(), self.body_timeout);
        let answered = handler(request.map(|body| Body::new(Timed::new(body, clock, timeout))));
        Box::pin(async move { Ok(answered.await) })
    }
}

impl fmt::Debug for GrpcServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcServer").field("services", &self.services.keys()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_is_told_by_its_content_type() {
        let named = |name: &'static str| {
            is_grpc(&HeaderMap::from_iter([(header::CONTENT_TYPE, http::HeaderValue::from_static(name))]))
        };
        for name in ["application/grpc", "application/grpc+proto", "application/grpc;x=y"] {
            assert!(named(name), "{name}");
        }
        for name in ["application/json", "application/grpc-web", "application/grpc-web+proto", ""] {
            assert!(!named(name), "{name}");
        }
        assert!(!is_grpc(&HeaderMap::new()));
    }

    #[test]
    fn reflection_can_be_built() {
        let mut services = BTreeMap::new();
        insert_reflection(&mut services);
        assert_eq!(services.len(), 2);
    }
}
