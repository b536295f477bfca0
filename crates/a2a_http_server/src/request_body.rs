//! Reads the body of a request within its limits.

use std::pin::Pin;
use std::{future::poll_fn, pin::pin};

use a2a_app_ports::{Clock, unless};
use a2a_protocol_core::{Error, ErrorKind};
use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderValue, header};
use http_body::{Body, Frame};

use crate::ServerOptions;

/// What is set aside at once for a body that says how long it is; more only as it arrives.
const MAX_PRESIZE: usize = 1 << 20;

/// Reads a body. One that arrives in one piece is not copied.
///
/// # Errors
/// ContentTypeNotSupported when it is compressed; PayloadTooLarge, without having read on; InvalidRequest when it breaks off or takes too long.
pub(crate) async fn read<B: Body>(
    headers: &HeaderMap,
    body: B,
    options: &ServerOptions,
    clock: &dyn Clock,
) -> Result<Bytes, Error> {
    if let Some(coding) = headers.get_all(header::CONTENT_ENCODING).iter().find(|coding| !is_identity(coding)) {
        let coding = String::from_utf8_lossy(coding.as_bytes()).into_owned();
        let message = format!("Content-Encoding {coding:?} is not supported, bodies are taken uncompressed");
        return Err(Error::new(ErrorKind::ContentTypeNotSupported, message));
    }
    let timeout = options.body_timeout;
    unless(|| clock.sleep(timeout), collect(headers, body, options.max_body_bytes)).await.unwrap_or_else(|| {
        Err(Error::new(ErrorKind::InvalidRequest, format!("the body did not arrive within {timeout:?}")))
    })
}

fn is_identity(coding: &HeaderValue) -> bool {
    coding.is_empty() || coding.as_bytes().eq_ignore_ascii_case(b"identity")
}

async fn collect<B: Body>(headers: &HeaderMap, body: B, limit: usize) -> Result<Bytes, Error> {
    let declared = declared_length(headers, &body);
    if declared.is_some_and(|length| length > limit as u64) {
        return Err(too_large(limit));
    }
    let mut body = pin!(body);
    let Some(first) = next_data(&mut body).await? else { return Ok(Bytes::new()) };
    if first.remaining() > limit {
        return Err(too_large(limit));
    }
    if body.is_end_stream() || declared == Some(first.remaining() as u64) {
        return Ok(copy_to_bytes(first));
    }
    let declared = declared.map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX));
    let mut whole = Vec::with_capacity(declared.min(MAX_PRESIZE).max(first.remaining()));
    append(&mut whole, first);
    while let Some(data) = next_data(&mut body).await? {
        if data.remaining() > limit - whole.len() {
            return Err(too_large(limit));
        }
        append(&mut whole, data);
    }
    Ok(whole.into())
}

fn declared_length(headers: &HeaderMap, body: &impl Body) -> Option<u64> {
    let said = || headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
    body.size_hint().exact().or_else(said)
}

/// The next data frame; trailers are skipped.
async fn next_data<B: Body>(body: &mut Pin<&mut B>) -> Result<Option<B::Data>, Error> {
    loop {
        match poll_fn(|cx| body.as_mut().poll_frame(cx)).await.map(|frame| frame.map(Frame::into_data)) {
            None => return Ok(None),
            Some(Ok(Ok(data))) => return Ok(Some(data)),
            Some(Ok(Err(_trailers))) => {}
            Some(Err(_)) => return Err(Error::new(ErrorKind::InvalidRequest, "the body broke off")),
        }
    }
}

fn copy_to_bytes(mut data: impl Buf) -> Bytes {
    // For `Bytes`, which is what servers give, this is no copy.
    data.copy_to_bytes(data.remaining())
}

fn append(whole: &mut Vec<u8>, mut data: impl Buf) {
    while data.has_remaining() {
        let chunk = data.chunk();
        whole.extend_from_slice(chunk);
        let length = chunk.len();
        data.advance(length);
    }
}

fn too_large(limit: usize) -> Error {
    Error::new(ErrorKind::PayloadTooLarge, format!("the body is larger than the limit of {limit} bytes"))
        .with_metadata("maxBytes", limit.to_string())
}
