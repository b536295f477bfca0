//! What a webhook is sent.

use std::sync::Arc;

use a2a_app_ports::{PushConfigRow, PushRequest};
use a2a_protocol_core::{
    AuthenticationInfo, Error, InDialect, JsonDialect, PUSH_TOKEN_HEADER, StreamResponse, Task, VERSION_HEADER,
};
use http::{
    HeaderMap, HeaderValue,
    header::{AUTHORIZATION, CONTENT_TYPE},
};

/// What a webhook is told.
#[derive(Clone, Debug)]
pub(super) enum Notice {
    /// What has happened: in version 1.0.
    Event(StreamResponse),
    /// The task as it is after that: in version 0.3, which knows nothing else.
    Task(Arc<Task>),
}

/// A notice in the dialect of its version, with its content type.
fn body(notice: &Notice) -> serde_json::Result<(&'static str, Vec<u8>)> {
    Ok(match notice {
        Notice::Event(event) => ("application/a2a+json", serde_json::to_vec(event)?),
        Notice::Task(task) => ("application/json", serde_json::to_vec(&InDialect(JsonDialect::V0_3, task))?),
    })
}

/// The request by which a webhook is told (section 4.3.3).
///
/// # Errors
/// When the configuration holds what no header can carry, which is refused where it is created.
pub(super) fn request(row: &PushConfigRow, notice: &Notice) -> Result<PushRequest, Error> {
    let (content_type, body) = body(notice).map_err(Error::internal)?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(VERSION_HEADER, HeaderValue::from_static(row.version.as_str()));
    if let Some(AuthenticationInfo { scheme, credentials: Some(credentials), .. }) = &row.config.authentication
        && !credentials.is_empty()
    {
        headers.insert(AUTHORIZATION, secret(&format!("{scheme} {credentials}"))?);
    }
    if let Some(token) = row.config.token.as_ref().filter(|token| !token.is_empty()) {
        headers.insert(PUSH_TOKEN_HEADER, secret(token)?);
    }
    Ok(PushRequest { url: row.config.url.clone(), headers, body: body.into() })
}

fn secret(text: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text).map_err(Error::internal)?;
    value.set_sensitive(true);
    Ok(value)
}
