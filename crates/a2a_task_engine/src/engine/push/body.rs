//! What a webhook is sent.

use a2a_app_ports::{PushConfigRow, PushRequest};
use a2a_protocol_core::{AuthenticationInfo, Error, ErrorKind, ProtocolVersion, StreamResponse, VERSION_HEADER};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{AUTHORIZATION, CONTENT_TYPE},
};

/// The header that carries the token of a configuration.
const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-a2a-notification-token");

/// Whether webhooks can be told in the dialect of a version.
pub(super) fn is_written(version: ProtocolVersion) -> Result<(), Error> {
    match version {
        ProtocolVersion::V1_0 => Ok(()),
        other => Err(Error::new(
            ErrorKind::UnsupportedOperation,
            format!("push notifications are not supported in version {other}"),
        )),
    }
}

/// An event in the dialect of a version, with its content type.
fn body(version: ProtocolVersion, event: &StreamResponse) -> Result<(&'static str, Bytes), Error> {
    is_written(version)?;
    let json = serde_json::to_vec(event).map_err(Error::internal)?;
    Ok(("application/a2a+json", json.into()))
}

/// The request that tells a webhook of an event (section 4.3.3).
///
/// # Errors
/// When the configuration holds what no header can carry, which is refused where it is created.
pub(super) fn request(row: &PushConfigRow, event: &StreamResponse) -> Result<PushRequest, Error> {
    let (content_type, body) = body(row.version, event)?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(VERSION_HEADER, HeaderValue::from_static(row.version.as_str()));
    if let Some(AuthenticationInfo { scheme, credentials: Some(credentials), .. }) = &row.config.authentication
        && !credentials.is_empty()
    {
        headers.insert(AUTHORIZATION, secret(&format!("{scheme} {credentials}"))?);
    }
    if let Some(token) = row.config.token.as_ref().filter(|token| !token.is_empty()) {
        headers.insert(TOKEN_HEADER, secret(token)?);
    }
    Ok(PushRequest { url: row.config.url.clone(), headers, body })
}

fn secret(text: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text).map_err(Error::internal)?;
    value.set_sensitive(true);
    Ok(value)
}
