//! What a request says besides its call: version, extensions, content type.

use std::borrow::Cow;

use a2a_app_ports::{CallContext, request_headers};
use a2a_protocol_core::{AgentCard, Error, ErrorKind, LAST_EVENT_ID_HEADER, ProtocolVersion};
use http::{HeaderMap, HeaderValue, header, request::Parts};

use crate::ServerOptions;

/// The media type of the HTTP+JSON binding.
pub(crate) const A2A_JSON: HeaderValue = HeaderValue::from_static("application/a2a+json");
/// The media type of the JSON-RPC binding.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Reads the context of a call, but for its version, which depends on the style of the call.
pub(crate) fn read(parts: &Parts, card: &AgentCard, options: &ServerOptions) -> Result<CallContext, Error> {
    let headers = &parts.headers;
    let mut context = CallContext::new();
    context.extensions = request_headers::extensions(headers, card)?;
    context.headers = options.forward.apply(headers);
    context.last_event_id =
        headers.get(LAST_EVENT_ID_HEADER).and_then(|id| id.to_str().ok()).and_then(|id| id.trim().parse().ok());
    context.presented = request_headers::presented(headers, parts.uri.query(), card);
    Ok(context)
}

/// The active extensions as the reply names them.
pub(crate) fn active_extensions(context: &Result<CallContext, Error>) -> Option<HeaderValue> {
    let active = &context.as_ref().ok()?.extensions;
    if active.is_empty() { None } else { HeaderValue::try_from(active.join(", ")).ok() }
}

/// The type in which to answer a JSON body; `None` if the request names no type.
///
/// # Errors
/// ContentTypeNotSupported.
pub(crate) fn json_type(headers: &HeaderMap) -> Result<Option<HeaderValue>, Error> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(None) };
    // The common case without a look at parameters.
    if *value == JSON {
        return Ok(Some(JSON));
    }
    let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if essence.eq_ignore_ascii_case(b"application/json") {
        Ok(Some(JSON))
    } else if essence.len() > 5 && essence[essence.len() - 5..].eq_ignore_ascii_case(b"+json") {
        Ok(Some(A2A_JSON))
    } else {
        let name = String::from_utf8_lossy(essence);
        Err(Error::new(
            ErrorKind::ContentTypeNotSupported,
            format!("Content-Type {name:?} is not supported, application/json and application/a2a+json are"),
        ))
    }
}

/// The error for a body without a type.
pub(crate) fn type_missing() -> Error {
    Error::new(
        ErrorKind::ContentTypeNotSupported,
        "the request has a body and no Content-Type; it must be application/json or application/a2a+json",
    )
}

/// The versions that a request names.
#[derive(Default)]
pub(crate) struct Named<'a> {
    header: Option<Cow<'a, str>>,
    query: Option<Cow<'a, str>>,
}

impl<'a> Named<'a> {
    /// What all header lines, and all query parameters, agree on.
    pub(crate) fn read(parts: &'a Parts) -> Result<Self, Error> {
        let header = request_headers::version(&parts.headers)?;
        let query = match parts.uri.query() {
            Some(query) => {
                let named = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "A2A-Version");
                request_headers::agreed(named.map(|(_, value)| Ok(value)))?
            }
            None => None,
        };
        Ok(Self { header, query })
    }

    /// Whether the request says that it is of version 1.0.
    pub(crate) fn is_v1_0(&self) -> bool {
        let named = self.header.as_deref().or(self.query.as_deref());
        named.and_then(ProtocolVersion::parse) == Some(ProtocolVersion::V1_0)
    }

    /// The version of a call in a style, which is `None` for what is the same in all versions.
    pub(crate) fn version(
        &self,
        style: Option<ProtocolVersion>,
        options: &ServerOptions,
    ) -> Result<ProtocolVersion, Error> {
        ProtocolVersion::of_request(style, self.header.as_deref(), self.query.as_deref(), options.v03.spoken())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_json_type_is_taken_and_others_are_named() {
        let read = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(value));
            json_type(&headers)
        };
        for (value, reply) in [
            ("application/json", JSON),
            ("Application/JSON; charset=utf-8", JSON),
            ("application/a2a+json", A2A_JSON),
            ("application/vnd.example+json;v=1", A2A_JSON),
        ] {
            assert_eq!(read(value).unwrap(), Some(reply), "{value}");
        }
        for value in ["text/plain", "application/jsonx", "+json", "", "application/x-www-form-urlencoded"] {
            let error = read(value).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ContentTypeNotSupported, "{value}");
        }
        assert_eq!(json_type(&HeaderMap::new()).unwrap(), None);
    }
}
