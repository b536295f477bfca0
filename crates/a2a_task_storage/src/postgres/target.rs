//! Where the database is: its URL, TLS, and what a connection is told first.

use std::{fmt, sync::Arc, time::Duration};

use a2a_app_ports::StorageError;
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use tokio::time::Instant;
use tokio_postgres::{
    config::{Host, SslMode},
    error::{DbError, Severity},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::PostgresOptions;
use crate::{SqlFailure, SqlFailureKind};

/// Longer than anybody waits, and short enough to reckon with.
const LONGEST_PATIENCE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// For so long a transaction may stand still at most.
const LONGEST_IDLE: Duration = Duration::from_secs(5);

/// A database that can be connected to.
#[derive(Clone)]
pub(super) struct Target {
    config: tokio_postgres::Config,
    tls: MakeRustlsConnect,
    pub(super) schema: String,
    pub(super) patience: Duration,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place())
    }
}

impl Target {
    pub(super) fn new(options: &PostgresOptions) -> Result<Self, StorageError> {
        let mut url = options.url.clone();
        let mode = take_parameter(&mut url, "sslmode");
        let roots = take_parameter(&mut url, "sslrootcert");
        let wrong = |what: String| StorageError::from(SqlFailure::new(SqlFailureKind::Other, what));
        // The error names the parameter that is wrong, and shows no value.
        let mut config: tokio_postgres::Config =
            url.parse().map_err(|error| wrong(format!("the URL of the database cannot be read: {}", text(&error))))?;
        let verifies = match mode.as_deref() {
            None | Some("prefer") => false,
            Some("disable") => {
                config.ssl_mode(SslMode::Disable);
                false
            }
            Some("require" | "verify-ca" | "verify-full") => {
                config.ssl_mode(SslMode::Require);
                true
            }
            Some(other) => {
                let known = "disable, prefer, require, verify-ca or verify-full";
                return Err(wrong(format!("the URL of the database says sslmode={other}: it may be {known}")));
            }
        };
        if config.get_application_name().is_none() {
            config.application_name("nuncio");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        // A server that vanished is noticed before leases expire.
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(Duration::from_secs(10));
        }
        config.keepalives_idle(Duration::from_secs(10));
        let tls = tls(verifies || roots.is_some(), roots.as_deref())
            .map_err(|error| wrong(format!("the certificates to trust cannot be read: {error}")))?;
        let patience = options.patience.min(LONGEST_PATIENCE);
        Ok(Self { config, tls: MakeRustlsConnect::new(tls), schema: options.schema.clone(), patience })
    }

    /// Opens a connection, unless the server is silent until then. Whoever has it drives it.
    pub(super) async fn connect(
        &self,
        until: Instant,
    ) -> Result<(tokio_postgres::Client, impl Messages + use<>), StorageError> {
        let place = self.place();
        let connected = async { self.config.connect(self.tls.clone()).await.map_err(|error| failure(&place, error)) };
        in_time(&place, until, connected).await
    }

    /// Until when something that begins now may take.
    pub(super) fn until(&self) -> Instant {
        Instant::now() + self.patience
    }

    /// What a connection has to be told before it is used.
    pub(super) fn setup(&self) -> String {
        // Durability is promised, whatever the server is told by default; a replica that hangs must not
        // hold rows for as long as others wait for them.
        let idle = (self.patience / 2).min(LONGEST_IDLE).as_millis().max(1);
        format!(
            "SET search_path TO {}; SET default_transaction_isolation TO 'read committed'; \
             SET idle_in_transaction_session_timeout TO {idle}; {}; \
             SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
            quoted(&self.schema),
            self.end_statements()
        )
    }

    /// By what the server is told to end statements. One that is given up here ends there a little
    /// later, and not earlier: a commit that waits for standbys would be called done.
    pub(super) fn end_statements(&self) -> String {
        format!("SET statement_timeout TO {}", self.patience.as_millis() + 1000)
    }

    /// Which database it is, without user and password.
    pub(super) fn place(&self) -> String {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            Some(Host::Unix(path)) => path.display().to_string(),
            None => self.config.get_hostaddrs().first().map_or_else(|| "localhost".to_owned(), ToString::to_string),
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        let name = self.config.get_dbname().or(self.config.get_user()).unwrap_or_default();
        format!("the PostgreSQL database {host}:{port}/{name} (schema {})", self.schema)
    }
}

/// A connection to drive: what it brings besides answers, until it ends.
pub(super) trait Messages: Send + 'static {
    fn poll_message(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<tokio_postgres::AsyncMessage, tokio_postgres::Error>>>;
}

impl<S, T> Messages for tokio_postgres::Connection<S, T>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    fn poll_message(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<tokio_postgres::AsyncMessage, tokio_postgres::Error>>> {
        Self::poll_message(self, context)
    }
}

/// A name as SQL has it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Takes a parameter that we understand better than the driver out of a URL, or out of the older form
/// of words.
fn take_parameter(url: &mut String, name: &str) -> Option<String> {
    let is_url = url.contains("://");
    let (begin, separator) = if is_url { (url.find('?')? + 1, '&') } else { (0, ' ') };
    let mut found = None;
    let rest: Vec<&str> = url[begin..]
        .split(separator)
        .filter(|parameter| match parameter.split_once('=') {
            Some((key, value)) if key == name => {
                found = Some(value.to_owned());
                false
            }
            _ => true,
        })
        .collect();
    let rest = rest.join(&separator.to_string());
    if found.is_some() {
        url.truncate(begin);
        url.push_str(&rest);
    }
    found
}

/// How TLS is spoken where it is. A connection that may as well be in the clear is not verified:
/// whoever could forge a certificate could as well say that there is no TLS.
fn tls(verifies: bool, roots: Option<&str>) -> Result<ClientConfig, Box<dyn std::error::Error + Send + Sync>> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let builder = match roots {
        Some(file) => {
            let mut store = RootCertStore::empty();
            for certificate in CertificateDer::pem_file_iter(file)? {
                store.add(certificate?)?;
            }
            builder.with_root_certificates(store)
        }
        None if verifies => {
            let platform = Arc::new(rustls_platform_verifier::Verifier::new(provider)?);
            builder.dangerous().with_custom_certificate_verifier(platform)
        }
        None => builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider))),
    };
    Ok(builder.with_no_client_auth())
}

#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// What comes until then. A server that is silent for longer may as well not be there.
pub(super) async fn in_time<T>(
    place: &str,
    until: Instant,
    answer: impl Future<Output = Result<T, StorageError>>,
) -> Result<T, StorageError> {
    let late = |_| {
        let message = format!("{place}: no answer in time; see that it runs, and what keeps it busy");
        SqlFailure::new(SqlFailureKind::Unreachable, message)
    };
    tokio::time::timeout_at(until, answer).await.map_err(late)?
}

/// What an error says, with its causes.
fn text(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// What an error of PostgreSQL comes to for whoever reads it.
pub(super) fn failure(place: &str, error: tokio_postgres::Error) -> StorageError {
    let (kind, advice) = match error.code().map(tokio_postgres::error::SqlState::code) {
        None => (SqlFailureKind::Unreachable, "see that it runs and can be reached from here"),
        // Out of disk.
        Some("53100") => (SqlFailureKind::Full, "free some space; what was acknowledged is safe"),
        // A standby, or a database that was set so.
        Some("25006") => (SqlFailureKind::ReadOnly, "name the primary server, or let this user write"),
        // Serialization failure, deadlock.
        Some("40001" | "40P01") => (SqlFailureKind::Again, "try again"),
        // Shutting down, starting up, too many connections, a session that was ended.
        Some("57P01" | "57P02" | "57P03" | "57P05" | "53300" | "25P03") => {
            (SqlFailureKind::Unreachable, "see that it runs and takes more connections")
        }
        Some("XX001" | "XX002") => (SqlFailureKind::Damaged, "restore what is damaged from a copy"),
        Some("28P01" | "28000") => (SqlFailureKind::Other, "check user and password"),
        Some(_) => (SqlFailureKind::Other, "see the log of the server"),
    };
    // The server stops, and may find at its next start that what it was told to commit is.
    let stops = error.as_db_error().and_then(DbError::parsed_severity) == Some(Severity::Panic);
    let kind = if stops { SqlFailureKind::Unknown } else { kind };
    SqlFailure::new(kind, format!("{place}: {}; {advice}", text(&error))).because(error).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_ours_are_taken_out_of_urls() {
        let cases = [
            ("postgres://u:p@h/d?sslmode=require&a=b", "postgres://u:p@h/d?a=b", Some("require")),
            ("postgres://u:p@h/d?a=b&sslmode=require", "postgres://u:p@h/d?a=b", Some("require")),
            ("postgres://u:p@h/d?sslmode=", "postgres://u:p@h/d?", Some("")),
            ("postgres://u:sslmode=x@h/d", "postgres://u:sslmode=x@h/d", None),
            ("host=h sslmode=disable user=u", "host=h user=u", Some("disable")),
        ];
        for (url, rest, found) in cases {
            let mut left = url.to_owned();
            assert_eq!(take_parameter(&mut left, "sslmode").as_deref(), found, "{url}");
            assert_eq!(left, rest);
        }
    }

    #[test]
    fn nothing_that_is_shown_has_the_password() {
        let url = "postgres://user:hunter2@db.example:5433/tasks?sslmode=disable";
        let options = PostgresOptions::new(url);
        let target = Target::new(&options).unwrap();
        assert_eq!(target.place(), "the PostgreSQL database db.example:5433/tasks (schema nuncio)");
        assert!(!format!("{options:?} {target:?}").contains("hunter2"));
        for wrong in ["postgres://user:hunter2@h:port/d", "hunter2", "postgres://user:hunter2@h/d?sslmode=full"] {
            let error = Target::new(&PostgresOptions::new(wrong)).unwrap_err();
            let shown = format!("{error} {error:?} {}", text(&error));
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}
