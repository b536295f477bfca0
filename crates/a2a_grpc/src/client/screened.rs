//! What agents answer, without what tonic panics at.

use std::{
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use tonic::{
    Status,
    body::Body,
    metadata::MetadataMap,
    transport::{Channel, Error, channel::ResponseFuture},
};
use tower_service::Service;

/// Where a status has its details, in base64; tonic takes that for granted.
const DETAILS: &str = "grpc-status-details-bin";

/// A channel that drops details which are not base64: the status is then told by its code and message.
/// It is for one call, which holds on to the shared channel until the reply has ended.
pub(super) struct Screened {
    /// To be driven.
    channel: Channel,
    /// Handed on, since its references are counted as calls.
    shared: Option<Arc<Channel>>,
}

impl Screened {
    pub(super) fn new(shared: Arc<Channel>) -> Self {
        Self { channel: Channel::clone(&shared), shared: Some(shared) }
    }
}

impl Service<Request<Body>> for Screened {
    type Response = Response<ScreenedBody>;
    type Error = Error;
    type Future = ScreenedResponse;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.channel.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        ScreenedResponse { response: self.channel.call(request), shared: self.shared.take() }
    }
}

/// A reply that is to come.
pub(super) struct ScreenedResponse {
    response: ResponseFuture,
    shared: Option<Arc<Channel>>,
}

impl Future for ScreenedResponse {
    type Output = Result<Response<ScreenedBody>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = ready!(Pin::new(&mut self.response).poll(cx))?;
        screen(response.headers_mut());
        let shared = self.shared.take();
        Poll::Ready(Ok(response.map(|body| ScreenedBody { body, shared })))
    }
}

/// A reply that is coming.
pub(super) struct ScreenedBody {
    body: Body,
    shared: Option<Arc<Channel>>,
}

impl http_body::Body for ScreenedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let mut frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &mut frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_mut() {
                    screen(trailers);
                }
            }
            None | Some(Err(_)) => self.shared = None,
        }
        Poll::Ready(frame)
    }
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
