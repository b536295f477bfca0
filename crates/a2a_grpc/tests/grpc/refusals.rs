//! What the server tells callers whose requests are none, in both services.

use bytes::Bytes;
use futures::stream;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use tonic::{Code, Status, body::Body};
use tonic_types::StatusExt;
use tower_service::Service;

use crate::support::{Agent, Server};

const SERVICES: [&str; 2] = ["lf.a2a.v1.A2AService", "a2a.v1.A2AService"];

/// Sends these bytes as they are.
async fn post(server: &Server, path: &str, content_type: &str, body: &[u8]) -> Response<Body> {
    let mut channel = server.channel();
    std::future::poll_fn(|cx| channel.poll_ready(cx)).await.unwrap();
    let frame = Ok::<_, std::convert::Infallible>(Frame::data(Bytes::copy_from_slice(body)));
    let request = Request::post(format!("http://{}{path}", server.address))
        .header("content-type", content_type)
        .header("te", "trailers")
        .body(Body::new(StreamBody::new(stream::iter([frame]))))
        .unwrap();
    channel.call(request).await.unwrap()
}

/// A message of gRPC: not compressed, its length, its bytes.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap();
    [&[0][..], &length.to_be_bytes(), message].concat()
}

fn refusal(response: &Response<Body>) -> (Code, String, Status) {
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers().get_all("content-type").iter().count(), 1);
    let status = Status::from_header_map(response.headers()).expect("a status");
    let info = status.get_details_error_info().expect("an ErrorInfo");
    assert_eq!(info.domain, "a2a-protocol.org");
    (status.code(), info.reason, status)
}

#[tokio::test]
async fn what_is_no_message_is_the_callers_fault() {
    let agent = Agent::fitting();
    let server = Server::of(agent.clone()).await;
    // The first field: a length that is longer than what follows; text that is not UTF-8; nothing at all.
    for body in [framed(&[0x0a, 0x7f, b'x']), framed(&[0x0a, 0x02, 0xff, 0xfe]), Vec::new(), vec![0, 0, 0, 0, 9]] {
        for service in SERVICES {
            let response = post(&server, &format!("/{service}/GetTask"), "application/grpc", &body).await;
            let (code, reason, status) = refusal(&response);
            assert_eq!((code, reason.as_str()), (Code::InvalidArgument, "PARSE_ERROR"), "{service} {body:?}");
            assert!(!status.message().is_empty(), "{service} {body:?}");
        }
    }
    assert!(agent.asked().is_empty());
}

#[tokio::test]
async fn broken_framing_stays_internal() {
    let server = Server::of(Agent::fitting()).await;
    for service in SERVICES {
        // Compressed, it says, and not how.
        let response = post(&server, &format!("/{service}/GetTask"), "application/grpc", &[1, 0, 0, 0, 0]).await;
        let (code, reason, _) = refusal(&response);
        assert_eq!((code, reason.as_str()), (Code::Internal, "INTERNAL_ERROR"), "{service}");
    }
}

#[tokio::test]
async fn methods_that_are_not_there_are_named() {
    let server = Server::of(Agent::fitting()).await;
    for service in SERVICES {
        let response = post(&server, &format!("/{service}/Nothing"), "application/grpc", &framed(&[])).await;
        let (code, reason, status) = refusal(&response);
        assert_eq!((code, reason.as_str()), (Code::Unimplemented, "METHOD_NOT_FOUND"), "{service}");
        assert!(status.message().contains("\"Nothing\""), "{status:?}");
    }
}

#[tokio::test]
async fn only_protobuf_is_spoken() {
    let agent = Agent::fitting();
    let server = Server::of(agent.clone()).await;
    for content_type in ["application/grpc+json", "application/grpc+thrift;x=y", "application/grpc+", "text/plain"] {
        for service in SERVICES.into_iter().chain(["grpc.health.v1.Health"]) {
            let response = post(&server, &format!("/{service}/GetTask"), content_type, b"{}").await;
            assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{service} {content_type}");
        }
    }
    assert!(agent.asked().is_empty());
    for content_type in ["application/grpc+proto", "application/grpc; x=y"] {
        let task = framed(&[0x12, 0x01, b't']);
        let response = post(&server, "/lf.a2a.v1.A2AService/GetTask", content_type, &task).await;
        assert_eq!(response.status(), StatusCode::OK, "{content_type}");
        assert_eq!(agent.asked().len(), 1, "{content_type}");
    }
}
