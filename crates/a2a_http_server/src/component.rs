//! The server in a component (`wasi:http` 0.3): its host has the sockets.

use http::{HeaderValue, StatusCode, header};
use http_body::Body as _;
use spin_sdk::{
    http::{FromRequest, IntoResponse, Request},
    wasip3::http::types,
};

use crate::HttpServer;

/// Answers a request that the host hands over. A stream of events goes on when this has returned, and
/// ends when the caller is gone, which is noticed with the next event or sign of life.
///
/// # Errors
/// When the host's request is none.
pub async fn respond(server: &HttpServer, request: types::Request) -> Result<types::Response, types::ErrorCode> {
    let request = Request::from_request(request)?;
    let mut response = server.respond(request).await;
    let has_none = matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if let (false, Some(length)) = (has_none, response.body().size_hint().exact()) {
        // The host knows the length of no body by itself, and would send chunks.
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
    response.into_response()
}
