//! The transport of a component: requests leave through its host (`wasi:http` 0.3).

use std::time::Duration;

use a2a_app_ports::BoxFuture;
use bytes::Bytes;
use futures::TryStreamExt as _;
use http::{HeaderValue, header};
use http_body_util::{BodyExt as _, Full};
use wasip3::{
    http::{
        client,
        types::{ErrorCode, RequestOptions},
    },
    http_compat::{RequestOptionsExtension, http_from_wasi_response, http_into_wasi_request},
};

use crate::{Body, HttpTransport, TransportError};

/// Why a component cannot trust any certificate.
pub(crate) const CERTIFICATES: &str = "which certificates to trust decides the host of the component, not the client";

/// HTTP by the host of the component, which also speaks TLS, keeps connections, and decides who may
/// be called: under Spin that is `allowed_outbound_hosts` of the application.
#[derive(Clone, Copy, Debug)]
pub struct Wasi {
    connect: Duration,
}

impl Wasi {
    /// A transport that gives up connecting after this time.
    pub fn new(connect: Duration) -> Self {
        Self { connect }
    }
}

impl HttpTransport for Wasi {
    fn send(
        &self,
        mut request: http::Request<Bytes>,
    ) -> BoxFuture<'static, Result<http::Response<Body>, TransportError>> {
        let options = RequestOptions::new();
        let nanos = u64::try_from(self.connect.as_nanos()).unwrap_or(u64::MAX);
        // A host that has no such limit has one of its own.
        let _ = options.set_connect_timeout(Some(nanos));
        request.extensions_mut().insert(RequestOptionsExtension(options));
        let length = request.body().len();
        if length > 0 {
            // Without it the host sends chunks, which some servers do not take.
            request.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        Box::pin(async move {
            let to = request.uri().authority().map(ToString::to_string).unwrap_or_default();
            let sent = async {
                let request = http_into_wasi_request(request.map(Full::new))?;
                http_from_wasi_response(client::send(request).await?)
            };
            let reply = sent.await.map_err(|code| translate(&code, &to))?;
            Ok(reply.map(|body| {
                let bytes = body.into_data_stream();
                Box::pin(bytes.map_err(move |code| translate(&code, &to))) as Body
            }))
        })
    }
}

/// Says what happened, without what the host says in its own words: these may hold the address, and
/// addresses may hold keys.
fn translate(code: &ErrorCode, to: &str) -> TransportError {
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => TransportError::forbidden(format!(
            "the host of this component does not let it call {to}: allowed_outbound_hosts has to name it"
        )),
        ErrorCode::DnsTimeout | ErrorCode::ConnectionTimeout => {
            TransportError::connect_timeout(format!("the connection to {to} failed: no connection in time"))
        }
        ErrorCode::TlsProtocolError | ErrorCode::TlsCertificateError | ErrorCode::TlsAlertReceived(_) => {
            TransportError::tls(format!("the connection to {to} failed: {}", name(code)))
        }
        ErrorCode::DnsError(_)
        | ErrorCode::DestinationNotFound
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionLimitReached => {
            TransportError::connect(format!("the connection to {to} failed: {}", name(code)))
        }
        ErrorCode::ConnectionReadTimeout | ErrorCode::ConnectionWriteTimeout | ErrorCode::HttpResponseTimeout => {
            TransportError::timeout(format!("{to} did not answer in time"))
        }
        ErrorCode::HttpRequestLengthRequired
        | ErrorCode::HttpRequestBodySize(_)
        | ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestUriTooLong
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_)
        | ErrorCode::ConfigurationError => TransportError::connect(format!(
            "the host of this component does not send the request to {to}: {}",
            name(code)
        )),
        _ => TransportError::broken(format!("the connection to {to} broke off: {}", name(code))),
    }
}

/// The name that WASI has for what happened.
fn name(code: &ErrorCode) -> String {
    let name = format!("{code:?}");
    let end = name.find(|at: char| !at.is_ascii_alphanumeric()).unwrap_or(name.len());
    name[..end].to_owned()
}
