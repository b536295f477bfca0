//! What every server reads of a request's headers, which over gRPC are its metadata: the service
//! parameters of section 3.2.6.

use std::{borrow::Cow, sync::Arc};

use a2a_protocol_core::{AgentCard, EXTENSIONS_HEADER, Error, VERSION_HEADER, extensions as negotiation, v03};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::Presented;

static VERSION: HeaderName = HeaderName::from_static(VERSION_HEADER);
static EXTENSIONS: HeaderName = HeaderName::from_static(EXTENSIONS_HEADER);
static EXTENSIONS_V03: HeaderName = HeaderName::from_static(v03::EXTENSIONS_HEADER);

/// The version that all header lines agree on; `None` if none names one.
///
/// # Errors
/// InvalidParams where they differ, or are not ASCII.
pub fn version(headers: &HeaderMap) -> Result<Option<Cow<'_, str>>, Error> {
    let lines = headers.get_all(&VERSION).iter().map(|value| text(VERSION_HEADER, value));
    agreed(lines.map(|line| line.map(Cow::Borrowed)))
}

/// The one version that is named, however often; what is empty names none.
///
/// # Errors
/// InvalidParams where two differ.
pub fn agreed<'a>(named: impl Iterator<Item = Result<Cow<'a, str>, Error>>) -> Result<Option<Cow<'a, str>>, Error> {
    let mut agreed: Option<Cow<'a, str>> = None;
    for next in named {
        let next = next?;
        match &agreed {
            _ if next.trim().is_empty() => {}
            Some(first) if first.trim() == next.trim() => {}
            Some(first) => {
                let both = format!("the request names {:?} and {:?}", first.trim(), next.trim());
                return Err(Error::invalid("A2A-Version", both));
            }
            None => agreed = Some(next),
        }
    }
    Ok(agreed)
}

/// The extensions that are active for the request: those it asks for, under the header's name of 1.0
/// or of 0.3, and the card declares.
///
/// # Errors
/// ExtensionSupportRequired where the request leaves one out that the card requires; InvalidParams
/// where the header is not ASCII.
pub fn extensions(headers: &HeaderMap, card: &AgentCard) -> Result<Vec<String>, Error> {
    if card.capabilities.extensions.is_empty() {
        return Ok(Vec::new());
    }
    let mut requested = Vec::new();
    for name in [&EXTENSIONS, &EXTENSIONS_V03] {
        for value in headers.get_all(name) {
            for uri in negotiation::parse(text(name.as_str(), value)?) {
                if !requested.contains(&uri) {
                    requested.push(uri);
                }
            }
        }
    }
    negotiation::negotiate(card, &requested)
}

/// Where the request may have its credentials, if the card asks for any: by its security schemes, or
/// for the extended card.
pub fn presented(headers: &HeaderMap, query: Option<&str>, card: &AgentCard) -> Option<Arc<Presented>> {
    if card.security_schemes.is_empty() && card.capabilities.extended_agent_card != Some(true) {
        return None;
    }
    Some(Arc::new(Presented { headers: headers.clone(), query: query.unwrap_or_default().to_owned() }))
}

fn text<'a>(name: &str, value: &'a HeaderValue) -> Result<&'a str, Error> {
    value.to_str().map_err(|_| Error::invalid(name, "the header must be printable ASCII"))
}
