//! How webhooks are called.

use std::{fmt, sync::Arc, time::Duration};

use a2a_protocol_core::{Error, url_origin};
use bytes::Bytes;
use http::HeaderMap;

use crate::BoxFuture;

/// A notification to be posted to a webhook (section 4.3.3).
#[derive(Clone)]
pub struct PushRequest {
    /// The webhook.
    pub url: String,
    /// Content type, credentials and all else that goes along.
    pub headers: HeaderMap,
    /// What is told.
    pub body: Bytes,
}

impl fmt::Debug for PushRequest {
    /// Without what may be secret: paths, queries and user information of URLs, values of headers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushRequest")
            .field("to", &url_origin(&self.url))
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushOutcome {
    /// The webhook has taken it: it answered 2xx.
    Delivered,
    /// It has not, but a later try may succeed.
    Retry {
        /// How long the webhook asks to wait (`Retry-After`).
        after: Option<Duration>,
        /// What happened, without secrets.
        reason: String,
    },
    /// It has not and never will.
    Refused {
        /// What happened, without secrets.
        reason: String,
    },
}

/// Posts notifications to webhooks. It follows no redirects, limits how long a try may take, and
/// calls nobody whom [`check`](Self::check) would refuse.
pub trait PushTransport: Send + Sync {
    /// Whether a webhook may be called, for the time when it is configured.
    ///
    /// # Errors
    /// InvalidParams that says what is wrong with the URL, or that it leads where no webhook may be;
    /// the field it names is `url`.
    fn check<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<(), Error>>;

    /// Posts a notification once.
    fn deliver(&self, request: PushRequest) -> BoxFuture<'_, PushOutcome>;

    /// The keys by which receivers verify who has signed a notification, to be published: a JSON Web
    /// Key Set (RFC 7517). None where nothing is signed.
    fn published_keys(&self) -> Option<String> {
        None
    }
}

impl<T: PushTransport + ?Sized> PushTransport for Arc<T> {
    fn check<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        (**self).check(url)
    }

    fn deliver(&self, request: PushRequest) -> BoxFuture<'_, PushOutcome> {
        (**self).deliver(request)
    }

    fn published_keys(&self) -> Option<String> {
        (**self).published_keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_secret_is_not_shown() {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", http::HeaderValue::from_static("Bearer SECRET"));
        for (url, shown) in [
            ("https://SECRET:SECRET@hook.example:8443/SECRET?SECRET#SECRET", "https://hook.example:8443"),
            ("https://hook.example?SECRET", "https://hook.example"),
            ("http:/SECRET", "://http:"),
        ] {
            let request =
                PushRequest { url: url.to_owned(), headers: headers.clone(), body: Bytes::from_static(b"SECRET") };
            let debug = format!("{request:?}");
            assert!(!debug.contains("SECRET") && debug.contains(shown) && debug.contains("authorization"), "{debug}");
        }
    }
}
