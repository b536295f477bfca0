//! Agent cards as they are found in the wild.

use a2a_protocol_core::{AgentCard, JsonDialect, Spoken};
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

/// Reads a card, of 1.0 or of 0.3. One that has the members of both is read by those of 1.0, which
/// name the interfaces of either version.
///
/// # Errors
/// What is wrong with it, with the name of the field.
pub(crate) fn read(json: &str) -> Result<AgentCard, String> {
    let plain = quirks::without_case_objects(json);
    let json = plain.as_deref().unwrap_or(json);
    let dialect = if is_v03(json) { JsonDialect::V0_3 } else { JsonDialect::V1_0 };
    let card = AgentCard::read_in(dialect, json.as_bytes()).map_err(|error| error.message().to_owned())?;
    // Any JSON object can be read as a card, such as the answer of a server that is no agent.
    if card.supported_interfaces.is_empty() && card.name.is_empty() {
        return Err("no agent card: name and supportedInterfaces are missing".to_owned());
    }
    Ok(card)
}

/// Whether a card has its address on top, and no list of interfaces.
fn is_v03(json: &str) -> bool {
    let Ok(Value::Object(card)) = serde_json::from_str(json) else { return false };
    let lists_interfaces = ["supportedInterfaces", "supported_interfaces"]
        .into_iter()
        .any(|name| card.get(name).and_then(Value::as_array).is_some_and(|interfaces| !interfaces.is_empty()));
    !lists_interfaces && ["url", "endpoint"].into_iter().any(|name| card.get(name).is_some_and(Value::is_string))
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
    fn a_card_is_of_the_version_that_its_members_belong_to() {
        let interfaces = |json: &str| {
            let card = read(json).unwrap();
            let interfaces = card.supported_interfaces.iter();
            interfaces.map(|i| format!("{} {} {}", i.protocol_binding, i.protocol_version, i.url)).collect::<Vec<_>>()
        };
        for (json, expected) in [
            (r#"{"url":"https://h","protocolVersion":"0.3.0"}"#, &["JSONRPC 0.3.0 https://h"][..]),
            (
                r#"{"url":"https://h","preferredTransport":"GRPC","additionalInterfaces":[{"url":"https://r","transport":"HTTP+JSON"}]}"#,
                &["GRPC 0.3 https://h", "HTTP+JSON 0.3 https://r"],
            ),
            (r#"{"name":"home-grown","endpoint":"https://h"}"#, &["JSONRPC 0.3 https://h"]),
            (
                r#"{"url":"https://h","supportedInterfaces":[{"url":"https://n","protocolBinding":"JSONRPC","protocolVersion":"1.0"}]}"#,
                &["JSONRPC 1.0 https://n"],
            ),
        ] {
            assert_eq!(interfaces(json), expected, "{json}");
        }
    }
}
