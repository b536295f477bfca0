use std::net::SocketAddr;

use http::header::{CONNECTION, HOST};
use http::uri::{Authority, Scheme};
use http::{HeaderName, HeaderValue, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use wasmtime_wasi_http::WasiBody;

/// A request as Spin gives it to a component with the route `/...`.
pub(crate) fn with_address(
    mut request: http::Request<Incoming>,
    client: SocketAddr,
) -> Result<http::Request<WasiBody>, Unclear> {
    let authority = authority(&request)?;
    request.headers_mut().remove(CONNECTION);

    let mut parts = request.uri().clone().into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority);
    parts.path_and_query.get_or_insert(http::uri::PathAndQuery::from_static("/"));
    let uri = Uri::from_parts(parts).map_err(|_| Unclear("request target"))?;

    let spin = [
        ("spin-path-info", uri.path()),
        ("spin-full-url", &uri.to_string()),
        ("spin-matched-route", "/..."),
        ("spin-base-path", "/"),
        ("spin-raw-component-route", "/..."),
        ("spin-component-route", ""),
        ("spin-client-addr", &client.to_string()),
    ];
    for (name, value) in spin {
        let value = HeaderValue::from_str(value).map_err(|_| Unclear("request target"))?;
        request.headers_mut().append(HeaderName::from_static(name), value);
    }
    *request.uri_mut() = uri;
    Ok(request.map(|body| body.map_err(Into::into).boxed_unsync()))
}

/// A request as `wasmtime serve` gives it to a component.
pub(crate) fn with_path(request: http::Request<Incoming>) -> http::Request<WasiBody> {
    request.map(|body| body.map_err(Into::into).boxed_unsync())
}

/// The authority that the target and the `host` header agree on.
fn authority(request: &http::Request<Incoming>) -> Result<Authority, Unclear> {
    let header = match request.headers().get(HOST) {
        Some(host) => Some(host.as_bytes().try_into().map_err(|_| Unclear("host header"))?),
        None => None,
    };
    match (header, request.uri().authority().cloned()) {
        (Some(header), Some(target)) if header != target => Err(Unclear("host header")),
        (Some(authority), _) | (None, Some(authority)) => Ok(authority),
        (None, None) => Err(Unclear("host header")),
    }
}

/// What of a request does not say whom it is for. Spin closes the connection on it.
#[derive(Debug)]
pub(crate) struct Unclear(&'static str);

impl std::fmt::Display for Unclear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the {} does not say whom the request is for", self.0)
    }
}

impl std::error::Error for Unclear {}
