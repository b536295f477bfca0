//! The one thing the client needs of an HTTP library.

use a2a_app_ports::{BoxFuture, BoxStream, TransportError};
use bytes::Bytes;

/// The bytes of a reply as they arrive.
pub type Body = BoxStream<'static, Result<Bytes, TransportError>>;

/// Sends HTTP requests.
///
/// The implementation limits how long a connection may take to be established; all other time
/// limits, retries and redirects are the client's. Dropping the future or the body aborts the
/// exchange.
pub trait HttpTransport: Send + Sync {
    /// Sends a request and gives the reply once its head has arrived, whatever its status.
    /// Redirects are not followed.
    fn send(&self, request: http::Request<Bytes>) -> BoxFuture<'static, Result<http::Response<Body>, TransportError>>;
}
