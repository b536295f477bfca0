//! gRPC beside HTTP: where it is answered, and what the card says of it.

use std::{
    convert::Infallible,
    net::SocketAddr,
    task::{Context, Poll},
};

use a2a_app_ports::{AgentService, BoxFuture, CardHandle, Host, Lifecycle};
use a2a_grpc::{GrpcOptions, GrpcServer, is_grpc};
use a2a_http_server::{HttpServer, ServerOptions, V03Support, native};
use a2a_protocol_core::AgentInterface;
use bytes::Bytes;
use futures::future::{Either, MapOk, TryFutureExt as _};
use http::{Request, Response, Uri};
use http_body::Body;
use tokio::net::TcpListener;
use tower_service::Service;

use crate::{ServeError, native::listen};

/// Where an agent answers gRPC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum GrpcPort {
    /// Where it answers HTTP: requests are told apart by their content type.
    #[default]
    Shared,
    /// At an address of its own, such as `127.0.0.1:50051`; with TLS if HTTP is.
    Own(String),
    /// Nowhere.
    Off,
}

/// A place for gRPC that is about to be served.
#[derive(Debug)]
pub(crate) enum Place {
    Shared,
    Own(TcpListener, SocketAddr),
    Off,
}

impl Place {
    pub(crate) async fn of(port: &GrpcPort) -> Result<Self, ServeError> {
        Ok(match port {
            GrpcPort::Shared => Self::Shared,
            GrpcPort::Off => Self::Off,
            GrpcPort::Own(address) => {
                let (listener, local) = listen(address.as_str()).await?;
                Self::Own(listener, local)
            }
        })
    }

    /// What the card says of it, for an agent that is reached at this URL, in the versions that it
    /// announces.
    pub(crate) fn interfaces(&self, url: &str, v03: V03Support) -> impl Iterator<Item = AgentInterface> {
        let address = self.url(url);
        let versions: &[_] = if v03 == V03Support::Announced { &["1.0", "0.3"] } else { &["1.0"] };
        let interface =
            move |address: String| versions.iter().map(move |version| AgentInterface::new(&*address, "GRPC", *version));
        address.into_iter().flat_map(interface)
    }

    /// gRPC addresses are `host:port`; whether with TLS, our callers take from how they came by the
    /// card.
    fn url(&self, url: &str) -> Option<String> {
        let uri: Uri = url.parse().ok()?;
        let host = uri.host()?;
        let port = match self {
            Self::Shared => uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 }),
            Self::Own(_, address) => address.port(),
            Self::Off => return None,
        };
        Some(format!("{host}:{port}"))
    }

    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Own(_, address) => Some(*address),
            Self::Shared | Self::Off => None,
        }
    }
}

/// Makes gRPC servers for an agent.
pub(crate) struct Grpc {
    pub(crate) place: Place,
    pub(crate) service: std::sync::Arc<dyn AgentService>,
    pub(crate) card: CardHandle,
    pub(crate) host: Host,
    pub(crate) options: GrpcOptions,
}

/// What holds for HTTP holds for gRPC too.
pub(crate) fn options(of: &ServerOptions) -> GrpcOptions {
    let mut options = GrpcOptions::default();
    options.max_message_bytes = of.max_body_bytes;
    options.body_timeout = of.body_timeout;
    options.forward = of.forward.clone();
    options.v0_3 = of.v03 != V03Support::Refused;
    options
}

impl Grpc {
    fn server(self, lifecycle: Lifecycle) -> GrpcServer {
        GrpcServer::new(self.service, self.card, &self.host, lifecycle, self.options)
    }

    /// Serves both until the shutdown.
    pub(crate) async fn serve(
        mut self,
        listener: TcpListener,
        http: HttpServer,
        limits: &native::ConnectionOptions,
        shutdown: impl Future<Output = ()>,
    ) {
        let lifecycle = http.lifecycle().clone();
        match std::mem::replace(&mut self.place, Place::Off) {
            Place::Off => native::serve_app(listener, http, &lifecycle, limits, shutdown).await,
            Place::Shared => {
                let both = Both { http, grpc: self.server(lifecycle.clone()) };
                native::serve_app(listener, both, &lifecycle, limits, shutdown).await;
            }
            Place::Own(own, _) => {
                // One of its own: HTTP may be done with closing before this is.
                let going_down = Lifecycle::new();
                let grpc = self.server(going_down.clone());
                let drained = lifecycle.draining();
                futures::future::join(
                    native::serve_app(listener, http, &lifecycle, limits, shutdown),
                    native::serve_app(own, grpc, &going_down, limits, drained),
                )
                .await;
            }
        }
    }
}

impl std::fmt::Debug for Grpc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grpc").field("place", &self.place).finish_non_exhaustive()
    }
}

type EitherBody = http_body_util::Either<a2a_http_server::Body, a2a_grpc::Body>;
type Answer<B> = MapOk<BoxFuture<'static, Result<Response<B>, Infallible>>, fn(Response<B>) -> Response<EitherBody>>;

/// HTTP and gRPC at one address.
#[derive(Clone)]
struct Both {
    http: HttpServer,
    grpc: GrpcServer,
}

impl<B> Service<Request<B>> for Both
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    type Response = Response<EitherBody>;
    type Error = Infallible;
    // Boxed already, as they are.
    type Future = Either<Answer<a2a_http_server::Body>, Answer<a2a_grpc::Body>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if is_grpc(request.headers()) {
            Either::Right(self.grpc.call(request).map_ok(|response| response.map(EitherBody::Right)))
        } else {
            Either::Left(self.http.call(request).map_ok(|response| response.map(EitherBody::Left)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_0_3_is_answered_and_named_as_it_is_over_http() {
        for (v03, answered, named) in [
            (V03Support::Refused, false, &["1.0"][..]),
            (V03Support::Answered, true, &["1.0"]),
            (V03Support::Announced, true, &["1.0", "0.3"]),
        ] {
            let mut of = ServerOptions::default();
            of.v03 = v03;
            assert_eq!(options(&of).v0_3, answered, "{v03:?}");
            let interfaces: Vec<_> = Place::Shared.interfaces("http://127.0.0.1:3000", v03).collect();
            assert!(interfaces.iter().all(|of| of.protocol_binding == "GRPC" && of.url == "127.0.0.1:3000"));
            assert_eq!(interfaces.iter().map(|of| &*of.protocol_version).collect::<Vec<_>>(), named, "{v03:?}");
        }
    }

    #[test]
    fn the_card_names_host_and_port() {
        for (url, address) in [
            ("https://agent.example/a2a", "agent.example:443"),
            ("http://agent.example", "agent.example:80"),
            ("http://127.0.0.1:3000", "127.0.0.1:3000"),
            ("https://localhost:3000", "localhost:3000"),
            ("http://[::1]:3000", "[::1]:3000"),
        ] {
            assert_eq!(Place::Shared.url(url).as_deref(), Some(address));
        }
        assert!(Place::Off.url("http://127.0.0.1:3000").is_none());
    }
}
