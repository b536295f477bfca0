//! Deviations from the specification that are understood coming in, each with its name.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

/// A JSON-RPC reply with neither result nor error: agents on the official Python SDK of version 0.3
/// answer so where the result is `null`, such as that of a deletion.
pub(crate) fn has_no_result(reply: &[u8], id: u64) -> bool {
    #[derive(Deserialize)]
    struct Reply {
        id: Option<u64>,
        result: Option<IgnoredAny>,
        error: Option<IgnoredAny>,
    }
    serde_json::from_slice::<Reply>(reply)
        .is_ok_and(|reply| reply.id == Some(id) && reply.result.is_none() && reply.error.is_none())
}

/// JavaScript case objects: agents on the official JavaScript SDK serve a security scheme as
/// `{"scheme": {"$case": "apiKeySecurityScheme", "value": {…}}}` where the specification has
/// `{"apiKeySecurityScheme": {…}}`, and the flows of OAuth 2.0 likewise under `flow`. Gives the card
/// without them, or `None` if it has none.
pub(crate) fn without_case_objects(card: &str) -> Option<String> {
    if !card.contains("\"$case\"") {
        return None;
    }
    let mut card: Value = serde_json::from_str(card).ok()?;
    for scheme in card.get_mut("securitySchemes")?.as_object_mut()?.values_mut() {
        unwrap(scheme, "scheme");
        if let Some(flows) = scheme.pointer_mut("/oauth2SecurityScheme/flows") {
            unwrap(flows, "flow");
        }
    }
    Some(card.to_string())
}

/// Puts what is wrapped as `{"$case": name, "value": …}` under its name.
fn unwrap(object: &mut Value, wrapper: &str) {
    let Some(members) = object.as_object_mut() else { return };
    let Some(Value::Object(mut wrapped)) = members.remove(wrapper) else { return };
    match (wrapped.remove("$case"), wrapped.remove("value")) {
        (Some(Value::String(case)), Some(value)) => members.insert(case, value),
        _ => None,
    };
}

#[cfg(test)]
mod tests {
    use a2a_protocol_core::{AgentCard, OAuthFlows, SecurityScheme};

    use crate::card;

    #[test]
    fn case_objects_are_read_like_the_plain_form() {
        let served = include_str!("../../../tests/golden/v1/response.agent_card.js.json");
        let plain = include_str!("../../../tests/golden/v1/agent_card.full.js.json");
        let served = card::read(served).unwrap();
        let plain: AgentCard = serde_json::from_str(plain).unwrap();
        assert_eq!(served.security_schemes.len(), 9);
        assert!(matches!(served.security_schemes["key"], SecurityScheme::ApiKey(_)));
        let SecurityScheme::OAuth2(device) = &served.security_schemes["device"] else {
            panic!("{:?}", served.security_schemes["device"])
        };
        assert!(matches!(device.flows, Some(OAuthFlows::DeviceCode(_))));
        assert_eq!(served, plain);
    }
}
