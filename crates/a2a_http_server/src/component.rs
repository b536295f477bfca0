//! The server in a component (`wasi:http` 0.3): its host has the sockets.

use http::{HeaderValue, StatusCode, Uri, header, uri::PathAndQuery};
use http_body::Body as _;
use wasip3::{
    http::types,
    http_compat::{http_from_wasi_request, http_into_wasi_response},
};

use crate::HttpServer;

/// Answers a request that the host hands over. A stream of events goes on when this has returned, and
/// ends when the caller is gone, which is noticed with the next event or sign of life.
///
/// A host hands over whole paths, also where it serves several components, each below a path of its
/// own. That path is taken off: it is the one of the server's public URL.
///
/// # Errors
/// When the host's request is none.
pub async fn respond(server: &HttpServer, request: types::Request) -> Result<types::Response, types::ErrorCode> {
    let mut request = http_from_wasi_request(request)?;
    if let Some(url) = server.public_url().and_then(|url| url.parse().ok())
        && let Some(uri) = below(&url, request.uri())
    {
        *request.uri_mut() = uri;
    }
    let mut response = server.respond(request).await;
    let has_none = matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if let (false, Some(length)) = (has_none, response.body().size_hint().exact()) {
        // The host knows the length of no body by itself, and would send chunks.
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
    // The connection is the host's, and so is what is said about it.
    response.headers_mut().remove(header::CONNECTION);
    http_into_wasi_response(response)
}

/// What was called, below the path of this URL; `None` where that is the root, or something else was
/// called.
fn below(url: &Uri, called: &Uri) -> Option<Uri> {
    let base = url.path().trim_end_matches('/');
    let rest = called.path_and_query()?.as_str().strip_prefix(base).filter(|_| !base.is_empty())?;
    let rest: PathAndQuery = match rest.as_bytes().first() {
        Some(b'/') => rest.parse(),
        None | Some(b'?') => format!("/{rest}").parse(),
        Some(_) => return None,
    }
    .ok()?;
    let mut parts = called.clone().into_parts();
    parts.path_and_query = Some(rest);
    Uri::from_parts(parts).ok()
}
