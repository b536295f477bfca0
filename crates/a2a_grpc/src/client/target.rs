//! From an interface's address to where connections go.

use std::time::Duration;

use a2a_app_ports::ConnectOptions;
use a2a_protocol_core::{Error, ErrorKind};
use http::{Uri, uri::Authority};
use protocol_transport_core::is_loopback_host;
use tonic::transport::{ClientTlsConfig, Endpoint};

use super::tls;

/// How long a connection may be silent before the system asks whether the peer is still there.
/// HTTP/2 pings would do too, but official servers take them for an attack.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);

/// # Errors
/// When the address is none, or the system's trust store cannot be read.
pub(super) fn endpoint(url: &str, options: &ConnectOptions) -> Result<Endpoint, Error> {
    let uri = uri(url, options.tls)?;
    let secure = uri.scheme_str() == Some("https");
    let endpoint = Endpoint::from(uri)
        .connect_timeout(options.connect_timeout)
        .tcp_keepalive(Some(TCP_KEEPALIVE))
        // Of a large reply, more than 64 KiB may be under way.
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20);
    if !secure {
        return Ok(endpoint);
    }
    let verifier = tls::verifier(options.danger_accept_invalid_certs).map_err(Error::internal)?;
    endpoint.tls_config_with_verifier(ClientTlsConfig::new(), verifier).map_err(Error::internal)
}

/// The address with its scheme, which `tls` decides where it has none. A path is passed over: gRPC
/// has its own.
fn uri(url: &str, tls: Option<bool>) -> Result<Uri, Error> {
    let fault = |fault: &'static str| Error::new(ErrorKind::InvalidParams, fault);
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme @ ("http" | "https"), rest)) => (Some(scheme), rest),
        Some(_) => return Err(fault("it has to be host:port, or begin with https:// or http://")),
        None => (None, url),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(fault("it holds a user name or password"));
    }
    let authority: Authority = authority.parse().map_err(|_| fault("it is not host:port"))?;
    if authority.host().is_empty() || (scheme.is_none() && authority.port_u16().is_none()) {
        return Err(fault("it is not host:port"));
    }
    let tls = || tls.unwrap_or_else(|| !is_loopback_host(authority.host()));
    let scheme = scheme.unwrap_or_else(|| if tls() { "https" } else { "http" });
    format!("{scheme}://{authority}").parse().map_err(|_| fault("it is not host:port"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_unknown_origin_addresses_are_with_tls_unless_they_say_otherwise_or_are_local() {
        for (url, expected) in [
            ("agent.example:443", "https://agent.example:443/"),
            ("192.0.2.1:50051", "https://192.0.2.1:50051/"),
            ("localhost:50051", "http://localhost:50051/"),
            ("127.0.0.1:1", "http://127.0.0.1:1/"),
            ("[::1]:50051", "http://[::1]:50051/"),
            ("http://agent.example:80", "http://agent.example:80/"),
            ("https://127.0.0.1:1", "https://127.0.0.1:1/"),
            ("https://agent.example/a2a", "https://agent.example/"),
        ] {
            assert_eq!(uri(url, None).unwrap().to_string(), expected, "{url}");
        }
    }

    #[test]
    fn addresses_that_do_not_say_are_with_tls_as_their_card_was() {
        for (url, tls, expected) in [
            ("agent.example:50051", false, "http://agent.example:50051/"),
            ("agent.example:443", true, "https://agent.example:443/"),
            ("localhost:50051", false, "http://localhost:50051/"),
            ("localhost:50051", true, "https://localhost:50051/"),
            ("[::1]:50051", true, "https://[::1]:50051/"),
            ("https://agent.example", false, "https://agent.example/"),
            ("http://localhost:1", true, "http://localhost:1/"),
        ] {
            assert_eq!(uri(url, Some(tls)).unwrap().to_string(), expected, "{url}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_showing_it() {
        for url in ["", "agent.example", "grpc://agent.example:1", "u:p@agent.example:1", "https://", ":1", "a b:1"] {
            let error = uri(url, None).unwrap_err();
            assert!(!error.message().contains("u:p"), "{error}");
        }
    }
}
