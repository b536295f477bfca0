//! Certificates are checked, unless the caller wants otherwise.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use a2a_http_client::Client;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

/// The address of an agent whose certificate nobody has signed. Certificate and key are for this
/// test alone: `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes`.
async fn self_signed() -> String {
    let certificate = CertificateDer::from_pem_slice(include_bytes!("support/certificate.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("support/key.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let interface = json!({"url": url, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"});
    let card = json!({"name": "Self-signed", "supportedInterfaces": [interface]}).to_string();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let Ok(mut connection) = acceptor.accept(connection).await else { continue };
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                connection.read_buf(&mut request).await.unwrap();
            }
            let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", card.len());
            connection.write_all(format!("{head}{card}").as_bytes()).await.unwrap();
            connection.shutdown().await.unwrap();
        }
    });
    url
}

#[tokio::test]
async fn a_certificate_that_nobody_has_signed_is_refused() {
    let backoff = a2a_http_client::Backoff { attempts: 0, ..Default::default() };
    let error = Client::builder().backoff(backoff).connect(&self_signed().await).await.unwrap_err();
    assert!(error.is_unreachable(), "{error:?}");
    assert!(error.transport_error().unwrap().is_tls(), "{error:?}");
    assert!(error.to_string().contains("certificate"), "{error}");
}

#[tokio::test]
async fn a_certificate_that_nobody_has_signed_is_trusted_on_demand() {
    let client = Client::builder().danger_accept_invalid_certs(true).connect(&self_signed().await).await.unwrap();
    assert_eq!(client.card().name, "Self-signed");
}
