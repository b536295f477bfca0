//! Where the NATS servers are: their URLs, who this is, TLS, and the subjects.

use std::{fmt, sync::Arc, time::Duration};

use a2a_app_ports::StorageError;
use async_nats::{ConnectError, ConnectErrorKind, ConnectOptions, ServerAddr};
use percent_encoding::percent_decode_str;
use rustls::{ClientConfig, crypto::ring};
use url::Url;

use crate::{SqlFailure, SqlFailureKind};

/// How long a connection or an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// So often a connection in which nothing is heard is tried; after three times it counts as lost.
const PING: Duration = Duration::from_secs(5);

/// How a [`NatsBus`](super::NatsBus) is opened. `Debug` shows nothing of the URL.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NatsOptions {
    /// The server: `nats://user:password@host:port`, or `nats://token@host:port`; with `tls://` the
    /// connection has to be encrypted, and is verified against the roots of the platform. Several,
    /// with commas between them, are the servers of one cluster; the first that names a user says
    /// who this is to all of them.
    pub url: String,
    /// The subject under which those tell each other who use the same storage, `nuncio` by default.
    /// Subjects that begin with it and a dot are used; a user of the server has to be allowed to
    /// publish and to subscribe to these.
    pub subject: String,
}

impl NatsOptions {
    /// A server, with the defaults.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), subject: "nuncio".to_owned() }
    }
}

impl fmt::Debug for NatsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsOptions").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// Servers that can be connected to, without user and password, and the subjects on them.
pub(super) struct Target {
    pub(super) servers: Vec<ServerAddr>,
    /// Here wake-ups are sent.
    pub(super) wakes: String,
    /// To this nobody listens.
    pub(super) nobody: String,
    place: String,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

impl Target {
    /// The target, and how it is connected to.
    pub(super) fn new(options: &NatsOptions) -> Result<(Self, ConnectOptions), StorageError> {
        // The error shows nothing of what was given: it may be a secret.
        let wrong = |what: &str| StorageError::from(SqlFailure::new(SqlFailureKind::Other, what));
        let subject = &options.subject;
        if subject.split('.').any(|token| token.is_empty() || token.contains(|c: char| !is_plain(c))) {
            let rule = "it is made of words with dots between them, without spaces, * and >";
            return Err(wrong(&format!("the subject of the NATS bus is {subject:?}: {rule}")));
        }
        let mut connect = ConnectOptions::new()
            .name("nuncio")
            .no_echo()
            .connection_timeout(PATIENCE)
            .request_timeout(Some(PATIENCE))
            .ping_interval(PING)
            .custom_inbox_prefix(format!("{subject}.inbox"));
        let (mut servers, mut hosts, mut user, mut encrypted) = (Vec::new(), Vec::new(), None, false);
        for url in options.url.split(',') {
            let mut url: Url =
                url.trim().parse().map_err(|error| wrong(&format!("the URL of NATS cannot be read: {error}")))?;
            let Some(host) = url.host_str().filter(|_| matches!(url.scheme(), "nats" | "tls")) else {
                return Err(wrong("the URL of NATS is none: it is nats://host:port or tls://host:port"));
            };
            hosts.push(format!("{host}:{}", url.port().unwrap_or(4222)));
            encrypted |= url.scheme() == "tls";
            let text = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
            if user.is_none() && !url.username().is_empty() {
                user = Some((text(url.username()), url.password().map(text)));
            }
            // The library writes URLs to its log. These cannot fail where there is a host.
            let _ = (url.set_username(""), url.set_password(None));
            servers.push(ServerAddr::from_url(url).map_err(|error| wrong(&error.to_string()))?);
        }
        connect = match user {
            Some((user, Some(password))) => connect.user_and_password(user, password),
            Some((token, None)) => connect.token(token),
            None => connect,
        };
        connect = match tls() {
            Ok(config) => connect.tls_client_config(config),
            // Without roots to trust there may still be connections in the clear.
            Err(_) if !encrypted => connect,
            Err(error) => return Err(wrong(&format!("the certificates to trust cannot be read: {error}"))),
        };
        let place = format!("the NATS server {} (subject {subject})", hosts.join(", "));
        let (wakes, nobody) = (format!("{subject}.wakes"), format!("{subject}.nobody"));
        Ok((Self { servers, wakes, nobody, place }, connect))
    }

    /// Why there is no connection at the start.
    pub(super) fn unconnected(&self, error: ConnectError) -> StorageError {
        // The library counts whoever is not let in among those that cannot be reached.
        let text = error.to_string();
        match error.kind() {
            ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
                self.failure(SqlFailureKind::Other, format!("{text}; check user and password"))
            }
            ConnectErrorKind::Tls => self.failure(SqlFailureKind::Other, text),
            _ => self
                .failure(SqlFailureKind::Unreachable, format!("{text}; see that it runs and can be reached from here")),
        }
    }

    pub(super) fn failure(&self, kind: SqlFailureKind, what: String) -> StorageError {
        SqlFailure::new(kind, format!("{}: {what}", self.place)).into()
    }
}

fn is_plain(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && c != '*' && c != '>'
}

/// How TLS is spoken where it is: with the one provider, whatever others the process has.
fn tls() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let platform = Arc::new(rustls_platform_verifier::Verifier::new(provider.clone())?);
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.dangerous().with_custom_certificate_verifier(platform).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_shown_has_the_password() {
        let options = NatsOptions::new("nats://user:hunter2@one.example,tls://two.example:5222");
        let (target, _) = Target::new(&options).unwrap();
        assert_eq!(target.place, "the NATS server one.example:4222, two.example:5222 (subject nuncio)");
        assert!(!format!("{options:?} {target:?} {:?}", target.servers).contains("hunter2"));
        for wrong in ["nats://u:hunter2@h:port", "hunter2", "hunter2:4222", "ws://u:hunter2@h", "nats://u:a,hunter2@h"]
        {
            let error = Target::new(&NatsOptions::new(wrong)).unwrap_err();
            let StorageError::Failed(cause) = &error else { panic!("{error:?}") };
            assert!(!format!("{error} {error:?} {cause}").contains("hunter2"), "{cause}");
            assert!(cause.to_string().starts_with("the URL of NATS "), "{cause}");
        }
    }

    #[test]
    fn a_subject_has_no_wildcards() {
        for subject in ["", "a..b", ".a", "a b", "a.*", ">"] {
            let mut options = NatsOptions::new("nats://host");
            options.subject = subject.to_owned();
            let StorageError::Failed(cause) = Target::new(&options).unwrap_err() else { panic!("{subject}") };
            assert!(cause.to_string().contains("the subject of the NATS bus"), "{cause}");
        }
    }
}
