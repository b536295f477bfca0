//! The public agent card and how caches may keep it (sections 8.2 and 8.6).

use std::time::{Duration, SystemTime};

use a2a_protocol_core::{AgentCard, Timestamp, v03};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use sha2::{Digest, Sha256};

use crate::{Body, V03Support, context::JSON, reply};

/// Where the card is found.
const PATH: &str = "/.well-known/agent-card.json";
/// Where it was found before.
const OLDER_PATH: &str = "/.well-known/agent.json";

/// The card as it is sent, at either path.
#[derive(Clone)]
pub(crate) struct CardDocuments {
    current: CardDocument,
    older: CardDocument,
}

impl CardDocuments {
    /// At the older path, whoever asks may be of version 0.3, and finds what that reads beside what
    /// 1.0 does.
    pub(crate) fn new(
        card: &AgentCard,
        modified: Timestamp,
        max_age: Duration,
        v03: V03Support,
    ) -> Result<Self, serde_json::Error> {
        let document = |json: Vec<u8>| CardDocument::new(json.into(), modified, max_age);
        let current = document(match v03 {
            V03Support::Announced => serde_json::to_vec(&v03::beside(card)?)?,
            V03Support::Refused | V03Support::Answered => serde_json::to_vec(card)?,
        })?;
        let older = match v03 {
            V03Support::Refused => current.clone(),
            V03Support::Answered | V03Support::Announced => {
                document(serde_json::to_vec(&v03::beside(&v03::with_interfaces(card))?)?)?
            }
        };
        Ok(Self { current, older })
    }

    /// Whether the card is at this path.
    pub(crate) fn are_at(path: &str) -> bool {
        [PATH, OLDER_PATH].contains(&path)
    }

    /// What is at this path.
    pub(crate) fn at(&self, path: &str) -> &CardDocument {
        if path == OLDER_PATH { &self.older } else { &self.current }
    }
}

/// A card as it is sent.
#[derive(Clone)]
pub(crate) struct CardDocument {
    json: Bytes,
    etag: HeaderValue,
    modified: SystemTime,
    last_modified: HeaderValue,
    cache_control: HeaderValue,
}

impl CardDocument {
    fn new(json: Bytes, modified: Timestamp, max_age: Duration) -> Result<Self, serde_json::Error> {
        let digest = Sha256::digest(&json);
        let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        // HTTP dates have whole seconds and begin in 1970.
        let seconds = u64::try_from(modified.parts().0).unwrap_or(0);
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let value = |text: String| HeaderValue::try_from(text).map_err(serde::ser::Error::custom);
        Ok(Self {
            json,
            etag: value(format!("\"{hex}\""))?,
            modified,
            last_modified: value(httpdate::fmt_http_date(modified))?,
            cache_control: value(format!("public, max-age={}", max_age.as_secs()))?,
        })
    }

    /// Answers GET and HEAD.
    pub(crate) fn respond(&self, method: &Method, headers: &HeaderMap) -> Response<Body> {
        let fresh = self.is_fresh(headers);
        let mut response = match () {
            () if fresh => Response::new(Body::default()),
            () if method == Method::HEAD => reply::typed(StatusCode::OK, JSON, Bytes::new()),
            () => reply::typed(StatusCode::OK, JSON, self.json.clone()),
        };
        if fresh {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            response.headers_mut().insert(header::CONTENT_LENGTH, self.json.len().into());
        }
        let headers = response.headers_mut();
        headers.insert(header::ETAG, self.etag.clone());
        headers.insert(header::LAST_MODIFIED, self.last_modified.clone());
        headers.insert(header::CACHE_CONTROL, self.cache_control.clone());
        response
    }

    /// Whether the caller has this card (RFC 9110 sections 13.1.2 and 13.1.3).
    fn is_fresh(&self, headers: &HeaderMap) -> bool {
        if headers.contains_key(header::IF_NONE_MATCH) {
            let values = headers.get_all(header::IF_NONE_MATCH).iter();
            let mut tags =
                values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
            return tags.any(|tag| tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == self.etag.as_bytes());
        }
        let since = headers.get(header::IF_MODIFIED_SINCE).and_then(|value| value.to_str().ok());
        // A date that cannot be read is to be ignored (RFC 9110 section 13.1.3).
        since.and_then(|text| httpdate::parse_http_date(text).ok()).is_some_and(|since| self.modified <= since)
    }
}
