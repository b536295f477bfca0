//! What tonic refuses before an operation sees it, told as every other error.

use a2a_protocol_core::{Error, ErrorKind};
use http::{HeaderMap, Request, Response, StatusCode, header};
use tonic::{Code, Status, body::Body};

use super::Handler;

/// Whether messages are protobuf: the only kind that is spoken here.
pub(super) fn is_protobuf(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes()).unwrap_or_default();
    let media_type = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii_end();
    matches!(media_type, b"application/grpc" | b"application/grpc+proto")
}

pub(super) fn unsupported_media_type() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    response
}

/// Has every refusal of a service of the protocol carry its `ErrorInfo`.
pub(super) fn told(handler: Handler, status: fn(&Error) -> Status) -> Handler {
    Box::new(move |request: Request<Body>| {
        let path = request.uri().path().to_owned();
        let answered = handler(request);
        Box::pin(async move {
            let mut response = answered.await;
            let refusal = Status::from_header_map(response.headers());
            if let Some(error) = refusal.and_then(|refusal| error_of(&refusal, &path)) {
                let told = status(&error).into_http::<Body>();
                response.headers_mut().extend(told.into_parts().0.headers);
            }
            response
        })
    })
}

/// The error that a status without details stands for; `None` where the code says it all.
fn error_of(refusal: &Status, path: &str) -> Option<Error> {
    if !refusal.details().is_empty() {
        return None;
    }
    let (kind, message) = match (refusal.code(), refusal.message()) {
        (Code::OutOfRange | Code::ResourceExhausted, message) => (ErrorKind::PayloadTooLarge, message.to_owned()),
        // An encoding that is not supported has a message.
        (Code::Unimplemented, "") => {
            let name = path.split('/').nth(2).unwrap_or_default();
            (ErrorKind::MethodNotFound, format!("there is no method {name:?}"))
        }
        // Broken framing is Internal in gRPC itself.
        (Code::Internal, message) if message.starts_with("protocol error") => (ErrorKind::Internal, message.to_owned()),
        (Code::Internal, message) => (ErrorKind::ParseError, message.to_owned()),
        _ => return None,
    };
    Some(Error::new(kind, message))
}
