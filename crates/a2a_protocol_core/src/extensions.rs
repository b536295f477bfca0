//! Extension negotiation (section 4.6): what the caller names, what the card declares.

use std::collections::BTreeSet;

use crate::{AgentCard, Error, ErrorKind};

/// Idempotent send: a message id that the caller repeats yields the task, or the reply, of the
/// first send, instead of another one.
pub const IDEMPOTENT_SEND: &str = "urn:nuncio:a2a:idempotent-send:v1";

/// The extensions that a header value names, in order, without repeats.
pub fn parse(header: &str) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    header.split(',').map(str::trim).filter(|uri| !uri.is_empty() && seen.insert(*uri)).collect()
}

/// Which of the extensions asked for are active: those that the card declares.
///
/// # Errors
/// ExtensionSupportRequired that names each extension the card requires and the caller left out.
pub fn negotiate(card: &AgentCard, requested: &[&str]) -> Result<Vec<String>, Error> {
    let declared = &card.capabilities.extensions;
    let missing: Vec<&str> = declared
        .iter()
        .filter(|extension| extension.required && !requested.contains(&extension.uri.as_str()))
        .map(|extension| extension.uri.as_str())
        .collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        return Err(Error::new(ErrorKind::ExtensionSupportRequired, format!("A2A-Extensions has to name {missing}"))
            .with_metadata("extensions", missing));
    }
    let declares = |uri: &&&str| declared.iter().any(|extension| extension.uri == **uri);
    Ok(requested.iter().filter(declares).map(|uri| (*uri).to_owned()).collect())
}
