//! Which headers of one exchange may be passed on to another.

use std::collections::HashSet;
use std::fmt;

use http::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue};

/// Headers that belong to one connection or to one body, never to the next exchange.
const NEVER_FORWARDED: [&str; 18] = [
    // RFC 9110 section 7.6.1: meant for the next hop only.
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    // RFC 9110 section 11.7: between a proxy and its client.
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    // About the peer and the body of this exchange; the next one has its own.
    "host",
    "content-length",
    "content-type",
    "content-encoding",
    "accept",
    "accept-encoding",
    "expect",
];

/// The headers that are not bound to one connection or one body: all but a fixed list (RFC 9110
/// section 7.6.1, and those that describe the body) and those that `Connection` names.
///
/// Credentials are among them. To pass headers on to another party, use a [`ForwardPolicy`].
#[must_use]
pub fn forwardable(headers: &HeaderMap) -> HeaderMap {
    select(headers, is_forwardable)
}

/// Whether a header of this name may ever be passed on.
#[must_use]
pub fn is_forwardable(name: &HeaderName) -> bool {
    !NEVER_FORWARDED.contains(&name.as_str())
}

/// Which headers an application passes on: those it names, and no others. The default is none.
///
/// There is no setting for "all", because nobody knows which header of an unknown name holds a
/// secret; `Authorization` and `Cookie` too are passed on only if named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForwardPolicy {
    names: HashSet<HeaderName>,
}

impl ForwardPolicy {
    /// A policy that lets these names through.
    ///
    /// # Errors
    ///
    /// If one of them may never be passed on: better said at start than dropped in silence.
    pub fn allowing(names: impl IntoIterator<Item = HeaderName>) -> Result<Self, NotForwardable> {
        let mut policy = Self::default();
        for name in names {
            if !is_forwardable(&name) {
                return Err(NotForwardable { name });
            }
            policy.names.insert(name);
        }
        Ok(policy)
    }

    /// Whether the policy names this header.
    #[must_use]
    pub fn allows(&self, name: &HeaderName) -> bool {
        self.names.contains(name)
    }

    /// The headers to pass on: those named, unless `Connection` claims them for this connection.
    #[must_use]
    pub fn apply(&self, headers: &HeaderMap) -> HeaderMap {
        if self.names.is_empty() {
            return HeaderMap::new();
        }
        select(headers, |name| self.allows(name))
    }
}

/// A header that may never be passed on was to be let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotForwardable {
    /// The name of the header.
    pub name: HeaderName,
}

impl fmt::Display for NotForwardable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        write!(f, "header {name} belongs to one connection or body and cannot be forwarded")
    }
}

impl std::error::Error for NotForwardable {}

fn select(headers: &HeaderMap, keep: impl Fn(&HeaderName) -> bool) -> HeaderMap {
    let claimed: HashSet<HeaderName> = headers.get_all(CONNECTION).iter().flat_map(connection_options).collect();
    let mut selected = HeaderMap::new();
    for (name, value) in headers {
        if keep(name) && !claimed.contains(name) {
            // `try_append` rather than `append`, which panics when the map is full.
            if selected.try_append(name.clone(), value.clone()).is_err() {
                break;
            }
        }
    }
    selected
}

fn connection_options(value: &HeaderValue) -> impl Iterator<Item = HeaderName> {
    let options = value.as_bytes().split(|byte| *byte == b',');
    // What cannot be a header name claims no header.
    options.filter_map(|option| HeaderName::from_bytes(option.trim_ascii()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let parsed = lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let mut map = HeaderMap::new();
        for (name, value) in parsed {
            map.append(name, value);
        }
        map
    }

    #[test]
    fn headers_of_the_connection_and_the_body_stay_behind() {
        for name in NEVER_FORWARDED {
            assert!(forwardable(&headers(&[(name, "x")])).is_empty(), "{name}");
        }
    }

    #[test]
    fn end_to_end_headers_pass_with_all_their_values() {
        let sent = headers(&[("traceparent", "t"), ("x-a", "1"), ("x-a", "2"), ("cookie", "c")]);
        assert_eq!(forwardable(&sent), sent);
    }

    #[test]
    fn what_any_connection_header_names_stays_behind() {
        let sent = headers(&[
            ("connection", "close, X-One ,,"),
            ("connection", "x-two, not a name"),
            ("x-one", "1"),
            ("x-two", "2"),
            ("x-three", "3"),
        ]);
        assert_eq!(forwardable(&sent), headers(&[("x-three", "3")]));
        let names = ["x-one", "x-three"].map(HeaderName::from_static);
        let policy = ForwardPolicy::allowing(names).unwrap();
        assert_eq!(policy.apply(&sent), headers(&[("x-three", "3")]));
    }

    #[test]
    fn a_policy_lets_only_named_headers_through() {
        let sent = headers(&[("authorization", "a"), ("cookie", "c"), ("x-a", "1"), ("x-b", "2")]);
        assert!(ForwardPolicy::default().apply(&sent).is_empty());
        let names = ["x-a", "authorization", "x-absent"].map(HeaderName::from_static);
        let policy = ForwardPolicy::allowing(names).unwrap();
        assert_eq!(policy.apply(&sent), headers(&[("authorization", "a"), ("x-a", "1")]));
    }

    #[test]
    fn a_policy_cannot_name_what_is_never_forwarded() {
        let error = ForwardPolicy::allowing([HeaderName::from_static("host")]).unwrap_err();
        assert_eq!(error.name, "host");
    }
}
