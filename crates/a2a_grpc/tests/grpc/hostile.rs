//! What our client makes of agents that break the rules of gRPC.

use std::convert::Infallible;

use a2a_app_ports::{AgentOperations, AgentService, CallContext, ConnectOptions, Connector, Lifecycle};
use a2a_grpc::{Body, Grpc};
use a2a_http_server::native::{self, ConnectionOptions};
use a2a_protocol_core::{AgentInterface, ErrorKind, GetTaskRequest, Message, SendMessageRequest};
use bytes::Bytes;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::net::TcpListener;
use tower_service::Service;

/// Answers every request so.
#[derive(Clone)]
struct Fixed {
    headers: HeaderMap,
    trailers: Option<HeaderMap>,
}

impl<B> Service<Request<B>> for Fixed {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        let frames = self.trailers.clone().map(|trailers| Ok::<_, Infallible>(Frame::<Bytes>::trailers(trailers)));
        let mut response = Response::new(Body::new(StreamBody::new(stream::iter(frames))));
        *response.headers_mut() = self.headers.clone();
        std::future::ready(Ok(response)).boxed()
    }
}

async fn serve(answer: Fixed) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (lifecycle, options) = (Lifecycle::new(), ConnectionOptions::default());
        native::serve_app(listener, answer, &lifecycle, &options, std::future::pending()).await;
    });
    address
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pair = |&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
    Iterator::map(pairs.iter(), pair).collect()
}

#[tokio::test]
async fn details_that_are_not_base64_are_passed_over() {
    let grpc = ("content-type", "application/grpc");
    let not_base64 = ("grpc-status-details-bin", "!not base64!");
    let failed = [("grpc-status", "5"), ("grpc-message", "no such task"), not_base64];
    let in_headers = Fixed { headers: headers(&[grpc, failed[0], failed[1], failed[2]]), trailers: None };
    let in_trailers = Fixed { headers: headers(&[grpc]), trailers: Some(headers(&failed)) };
    for answer in [in_headers, in_trailers] {
        let address = serve(answer).await;
        for version in ["1.0", "0.3"] {
            let interface = AgentInterface::new(&address, "GRPC", version);
            let client: std::sync::Arc<dyn AgentService> =
                Grpc.connect(&interface, &ConnectOptions::default()).unwrap();
            let error = client.get_task(CallContext::new(), GetTaskRequest::new("t")).await.unwrap_err();
            assert_eq!((error.kind(), error.message()), (ErrorKind::TaskNotFound, "no such task"), "{version}");
            let asked = SendMessageRequest::new(Message::user("m", "hello"));
            let error = match client.send_streaming_message(CallContext::new(), asked).await {
                Ok(mut events) => events.next().await.unwrap().unwrap_err(),
                Err(error) => error,
            };
            assert_eq!((error.kind(), error.message()), (ErrorKind::TaskNotFound, "no such task"), "{version}");
        }
    }
}
