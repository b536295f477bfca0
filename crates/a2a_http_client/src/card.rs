//! Agent cards as they are found in the wild.

use a2a_protocol_core::{AgentCard, read_response};
use serde_json::Value;

use crate::quirks;

/// The largest card that is read, in bytes.
pub(crate) const MAX_CARD: usize = 1 << 20;

/// An agent card with the text it was read from, which is what its signatures are over.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CardDocument {
    /// What the card says.
    pub card: AgentCard,
    /// The card as it was served.
    pub json: String,
    /// Where it was found: an address or a file path.
    pub location: String,
}

/// Reads a card.
///
/// # Errors
/// What is wrong with it, with the name of the field.
pub(crate) fn read(json: &str) -> Result<AgentCard, String> {
    let plain = quirks::without_case_objects(json);
    let json = plain.as_deref().unwrap_or(json);
    let card: AgentCard = read_response(json.as_bytes()).map_err(|error| error.message().to_owned())?;
    // Any JSON object can be read as a card, such as the answer of a server that is no agent.
    if card.supported_interfaces.is_empty() && card.name.is_empty() {
        return Err("no agent card: name and supportedInterfaces are missing".to_owned());
    }
    Ok(card)
}

/// The version of the protocol that a card of before 1.0 names, which has its address on top.
pub(crate) fn legacy_version(json: &str) -> Option<String> {
    let card: Value = serde_json::from_str(json).ok()?;
    card.get("url").filter(|url| url.is_string())?;
    Some(card.get("protocolVersion").and_then(Value::as_str).unwrap_or("0.3").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_name_the_field() {
        for (json, fault) in [
            ("{}", "no agent card: name and supportedInterfaces are missing"),
            (r#"{"status":"ok"}"#, "no agent card: name and supportedInterfaces are missing"),
        ] {
            assert_eq!(read(json).unwrap_err(), fault);
        }
        for (json, start) in [("<html>", "the response is not JSON"), (r#"{"skills":[{"id":5}]}"#, "skills[0].id: ")] {
            let fault = read(json).unwrap_err();
            assert!(fault.starts_with(start), "{fault}");
        }
    }

    #[test]
    fn cards_of_before_1_0_are_recognised() {
        for (json, version) in [
            (r#"{"url":"https://h","protocolVersion":"0.3.0"}"#, Some("0.3.0")),
            (r#"{"url":"https://h"}"#, Some("0.3")),
            (r#"{"supportedInterfaces":[]}"#, None),
        ] {
            assert_eq!(legacy_version(json).as_deref(), version);
        }
    }
}
