use std::fmt;
use std::str::FromStr;

use http::Uri;
use http_body_util::BodyExt;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks, default_send_request};

/// The hosts that a component may call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AllowedHosts(Vec<AllowedHost>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct AllowedHost {
    /// None for any.
    scheme: Option<String>,
    host: HostPattern,
    /// None for any.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    Any,
    /// Ends with this, which starts with a dot.
    Below(String),
    Named(String),
}

/// An entry of the allowed hosts that means nothing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InvalidHost(String);

impl fmt::Display for InvalidHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "allowed host {:?} is not of the form scheme://host[:port]", self.0)
    }
}

impl std::error::Error for InvalidHost {}

impl AllowedHosts {
    /// Reads a list of entries.
    pub(crate) fn parse<S: AsRef<str>>(hosts: impl IntoIterator<Item = S>) -> Result<Self, InvalidHost> {
        hosts.into_iter().map(|host| host.as_ref().parse()).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a component may send a request to `uri`.
    pub(crate) fn allows(&self, uri: &Uri) -> bool {
        self.0.iter().any(|host| host.allows(uri))
    }
}

impl FromStr for AllowedHost {
    type Err = InvalidHost;

    fn from_str(entry: &str) -> Result<Self, InvalidHost> {
        let invalid = || InvalidHost(entry.to_owned());
        let (scheme, rest) = entry.trim().split_once("://").ok_or_else(invalid)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (rest, None),
        };
        let scheme = (scheme != "*").then(|| scheme.to_ascii_lowercase());
        let port = match port {
            Some("*") => None,
            Some(port) => Some(port.parse().map_err(|_| invalid())?),
            None => Some(scheme.as_deref().and_then(default_port).ok_or_else(invalid)?),
        };
        let host = host.to_ascii_lowercase();
        let host = match host.strip_prefix('*') {
            Some("") => HostPattern::Any,
            Some(suffix) if suffix.len() > 1 && suffix.starts_with('.') => HostPattern::Below(suffix.to_owned()),
            Some(_) => return Err(invalid()),
            None => HostPattern::Named(host),
        };
        let wild = |name: &str| name.is_empty() || name.contains(['*', '/', '@', '?', '#']);
        match &host {
            HostPattern::Below(name) | HostPattern::Named(name) if wild(name) => Err(invalid()),
            _ => Ok(Self { scheme, host, port }),
        }
    }
}

impl AllowedHost {
    fn allows(&self, uri: &Uri) -> bool {
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return false;
        };
        let host = host.to_ascii_lowercase();
        self.scheme.as_deref().is_none_or(|allowed| allowed == scheme)
            && match &self.host {
                HostPattern::Any => true,
                HostPattern::Below(suffix) => host.ends_with(suffix),
                HostPattern::Named(name) => host == *name,
            }
            && self.port.is_none_or(|port| uri.port_u16().or(default_port(scheme)) == Some(port))
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// Sends the requests of a component, over a connection each: HTTP/1.1, with TLS for `https`.
pub(crate) struct Outbound(pub(crate) AllowedHosts);

type Sent<T> = Box<dyn Future<Output = Result<T, Error>> + Send>;

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Sent<()>,
    ) -> Sent<(http::Response<WasiBody>, Sent<()>)> {
        let allowed = self.0.allows(request.uri());
        Box::new(async move {
            if !allowed {
                return Err(Error::HttpRequestDenied);
            }
            let (response, connection) = default_send_request(request, options).await?;
            Ok((response.map(BodyExt::boxed_unsync), Box::new(connection) as Sent<()>))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_match_scheme_host_and_port() {
        let table: &[(&str, &[&str], &[&str])] = &[
            (
                "http://127.0.0.1:*",
                &["http://127.0.0.1:8080/a", "http://127.0.0.1"],
                &["https://127.0.0.1:8080", "http://127.0.0.2"],
            ),
            (
                "https://*.example.com:443",
                &["https://a.example.com", "https://a.b.EXAMPLE.com:443/x"],
                &["https://example.com", "https://a.example.com:444", "http://a.example.com:443"],
            ),
            (
                "https://example.com",
                &["https://example.com:443", "https://example.com"],
                &["https://example.com:80", "https://a.example.com"],
            ),
            ("*://*:*", &["http://a:1", "https://b"], &["/path"]),
            ("http://[::1]:80", &["http://[::1]/"], &["http://[::2]/"]),
            ("http://[::1]", &["http://[::1]:80/"], &["http://[::1]:81/"]),
        ];
        for (entry, allowed, denied) in table {
            let hosts = AllowedHosts::parse([entry]).unwrap();
            for uri in *allowed {
                assert!(hosts.allows(&uri.parse().unwrap()), "{entry} allows {uri}");
            }
            for uri in *denied {
                assert!(!hosts.allows(&uri.parse().unwrap()), "{entry} denies {uri}");
            }
        }
    }

    #[test]
    fn an_entry_that_means_nothing_is_named() {
        for entry in [
            "",
            "*",
            "example.com",
            "*://example.com",
            "http://",
            "http://a.*.com",
            "http://*a.com",
            "http://a/b",
            "http://a:b",
        ] {
            let error = AllowedHosts::parse([entry]).unwrap_err();
            assert_eq!(error, InvalidHost(entry.to_owned()));
        }
    }
}
