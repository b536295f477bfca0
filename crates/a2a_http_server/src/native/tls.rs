//! TLS on the connections of a server.

use std::{fmt, sync::Arc, time::Duration};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::InvalidOptions;

/// The certificate of a server and its key, for TLS 1.2 and 1.3. Callers are offered HTTP/2, which
/// gRPC needs, and HTTP/1.1.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl Tls {
    /// From PEM: the server's certificate with those that lead to the root behind it, and its key
    /// (PKCS #8, PKCS #1 or SEC1).
    ///
    /// # Errors
    /// When either cannot be read, or the two do not belong together. The key is not in the message.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, InvalidOptions> {
        let unreadable = |what: &str, error: &dyn fmt::Display| InvalidOptions(format!("tls: {what}: {error}"));
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<_, _>>()
            .map_err(|error| unreadable("the certificates are no PEM", &error))?;
        if chain.is_empty() {
            return Err(InvalidOptions("tls: there is no certificate in the PEM".to_owned()));
        }
        // The cause could quote what it could not read.
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|_| InvalidOptions("tls: there is no private key in the PEM".to_owned()))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| unreadable("the certificate and its key cannot be used", &error))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// Shakes hands within the time; `None` where the caller does not.
    pub(super) async fn accept(&self, stream: TcpStream, limit: Duration) -> Option<TlsStream<TcpStream>> {
        match tokio::time::timeout(limit, self.0.accept(stream)).await {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a TLS handshake failed");
                None
            }
            Err(_) => None,
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}
