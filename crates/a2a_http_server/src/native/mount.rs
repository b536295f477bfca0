//! The server as a tower service, and in Axum.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use a2a_app_ports::BoxFuture;
use axum::Router;
use http::{Request, Response};
use http_body::Body as HttpBody;
use tower_service::Service;

use crate::{Body, HttpServer};

/// The server as a router, to be merged with an Axum application's own. Below a path of it, mount the
/// server itself: `nest_service("/agent", server)`.
pub fn router(server: HttpServer) -> Router {
    Router::new().fallback_service(server)
}

impl<B> Service<Request<B>> for HttpServer
where
    B: HttpBody + Send + 'static,
    B::Data: Send,
    B::Error: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    // Boxed, so that an idle connection does not keep room for the largest state of a call.
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let server = self.clone();
        Box::pin(async move { Ok(server.respond(request).await) })
    }
}
