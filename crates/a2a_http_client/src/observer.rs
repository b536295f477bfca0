//! What a client does on the wire, told to whoever wants to watch. Credentials are never told.

use std::{fmt, time::Duration};

use a2a_protocol_core::Error;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use url::Url;

use crate::TransportError;

/// Watches what a client does. It is called in between, so it must not block.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn observe(&self, observation: &Observation<'_>);
}

/// Something that happened on the wire. Credentials are replaced by `[redacted]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Observation<'a> {
    /// A request is sent.
    Request {
        /// Tells requests of one client apart; its reply has the same.
        exchange: u64,
        /// The HTTP method.
        method: &'a Method,
        /// The address.
        url: &'a str,
        /// The headers.
        headers: &'a HeaderMap,
    },
    /// The head of a reply has arrived.
    Response {
        /// The exchange.
        exchange: u64,
        /// The HTTP status.
        status: StatusCode,
        /// The headers.
        headers: &'a HeaderMap,
        /// Since the request.
        elapsed: Duration,
    },
    /// There is no reply.
    Failed {
        /// The exchange.
        exchange: u64,
        /// Why.
        error: &'a TransportError,
        /// Since the request.
        elapsed: Duration,
    },
    /// A call is tried again.
    Retry {
        /// How many tries have failed.
        attempt: u32,
        /// How long from now.
        delay: Duration,
        /// Why the last one failed.
        reason: &'a str,
    },
    /// A stream was cut and is resumed.
    Resume {
        /// How many times in a row.
        attempt: u32,
        /// How long from now.
        delay: Duration,
        /// Why the stream has to be resumed.
        reason: &'a Error,
    },
}

/// One line, for people.
impl fmt::Display for Observation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request { exchange, method, url, .. } => write!(f, "#{exchange} {method} {url}"),
            Self::Response { exchange, status, elapsed, .. } => {
                write!(f, "#{exchange} {status} after {} ms", elapsed.as_millis())
            }
            Self::Failed { exchange, error, elapsed } => {
                write!(f, "#{exchange} failed after {} ms: {error}", elapsed.as_millis())
            }
            Self::Retry { attempt, delay, reason } => {
                write!(f, "retry {attempt} in {} ms: {reason}", delay.as_millis())
            }
            Self::Resume { attempt, delay, reason } => {
                write!(f, "resume {attempt} in {} ms: {reason}", delay.as_millis())
            }
        }
    }
}

const REDACTED: &str = "[redacted]";

/// Parts of names whose values are taken for credentials.
const TELLING: [&str; 8] = ["auth", "cookie", "token", "key", "secret", "password", "credential", "signature"];

fn is_telling(name: &str) -> bool {
    // The challenge is what one needs to see to understand a 401.
    let name = name.to_ascii_lowercase();
    name != "www-authenticate" && TELLING.iter().any(|part| name.contains(part))
}

/// The headers without credentials.
pub(crate) fn redact_headers(headers: &HeaderMap) -> HeaderMap {
    let mut shown = headers.clone();
    for (name, value) in &mut shown {
        if value.is_sensitive() || is_telling(name.as_str()) {
            *value = HeaderValue::from_static(REDACTED);
        }
    }
    shown
}

/// The address without credentials; `key` is the query parameter that holds the API key.
pub(crate) fn redact_url(url: &str, key: Option<&str>) -> String {
    let Ok(mut url) = Url::parse(url) else {
        return REDACTED.to_owned();
    };
    // These fail only for addresses without a host, which have nothing to hide.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    if let Some(query) = url.query() {
        let shown: Vec<String> = query
            .split('&')
            .map(|pair| {
                let name = pair.split('=').next().unwrap_or_default();
                let hide = is_telling(name) || key.is_some_and(|key| decoded_is(name, key));
                if hide { format!("{name}={REDACTED}") } else { pair.to_owned() }
            })
            .collect();
        url.set_query(None);
        return format!("{url}?{}", shown.join("&"));
    }
    url.to_string()
}

fn decoded_is(name: &str, key: &str) -> bool {
    url::form_urlencoded::parse(name.as_bytes()).next().is_some_and(|(name, _)| name == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_hide_credentials_and_nothing_else() {
        for (url, key, shown) in [
            ("https://h/a?b=1&c=2", None, "https://h/a?b=1&c=2"),
            ("https://u:p@h/", None, "https://h/"),
            ("https://h/?x%20y=s&b=1", Some("x y"), "https://h/?x%20y=[redacted]&b=1"),
            ("https://h/?pageToken=s&access_token=s", None, "https://h/?pageToken=[redacted]&access_token=[redacted]"),
            ("no url", None, "[redacted]"),
        ] {
            assert_eq!(redact_url(url, key), shown);
        }
    }

    #[test]
    fn headers_hide_credentials_by_mark_and_by_name() {
        let mut marked = HeaderValue::from_static("s");
        marked.set_sensitive(true);
        let headers = HeaderMap::from_iter([
            ("x-plain".parse().unwrap(), HeaderValue::from_static("v")),
            ("x-marked".parse().unwrap(), marked),
            ("x-api-key".parse().unwrap(), HeaderValue::from_static("s")),
            ("set-cookie".parse().unwrap(), HeaderValue::from_static("s")),
            ("www-authenticate".parse().unwrap(), HeaderValue::from_static("Bearer")),
        ]);
        let shown = redact_headers(&headers);
        let values: Vec<_> = shown.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        for line in [
            "x-plain: v",
            "x-marked: [redacted]",
            "x-api-key: [redacted]",
            "set-cookie: [redacted]",
            "www-authenticate: Bearer",
        ] {
            assert!(values.contains(&line.to_owned()), "{line} in {values:?}");
        }
    }
}
