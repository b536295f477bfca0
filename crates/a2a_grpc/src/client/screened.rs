//! What agents answer, without what tonic panics at.

use std::{
    mem,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{TryFutureExt, future::MapOk};
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, combinators::MapFrame};
use tonic::{
    body::Body,
    metadata::MetadataMap,
    transport::{Channel, Error, channel::ResponseFuture},
};
use tower_service::Service;

/// Where a status has its details, in base64; tonic takes that for granted.
const DETAILS: &str = "grpc-status-details-bin";

/// A channel that drops details which are not base64: the status is then told by its code and message.
#[derive(Clone, Debug)]
pub(super) struct Screened(pub(super) Channel);

type ScreenedBody = MapFrame<Body, fn(Frame<Bytes>) -> Frame<Bytes>>;

impl Service<Request<Body>> for Screened {
    type Response = Response<ScreenedBody>;
    type Error = Error;
    type Future = MapOk<ResponseFuture, fn(Response<Body>) -> Self::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.0.call(request).map_ok(screen_response)
    }
}

fn screen_response(mut response: Response<Body>) -> Response<ScreenedBody> {
    screen(response.headers_mut());
    response.map(|body| body.map_frame(screen_trailers as _))
}

fn screen_trailers(mut frame: Frame<Bytes>) -> Frame<Bytes> {
    if let Some(trailers) = frame.trailers_mut() {
        screen(trailers);
    }
    frame
}

fn screen(headers: &mut HeaderMap) {
    // Read as tonic reads it, so that both agree on what base64 is.
    let metadata = MetadataMap::from_headers(mem::take(headers));
    let unsound = metadata.get_bin(DETAILS).is_some_and(|details| details.to_bytes().is_err());
    *headers = metadata.into_headers();
    if unsound {
        headers.remove(DETAILS);
    }
}
