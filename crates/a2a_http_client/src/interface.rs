//! Which of an agent's interfaces is called.

use std::sync::Arc;

use a2a_app_ports::Connector;
use a2a_protocol_core::{AgentCard, AgentInterface, ProtocolVersion};
use url::Url;

use crate::{ClientError, binding::Binding};

/// The first interface that speaks 1.0 in a binding this client has: in the caller's order of
/// bindings, then in the card's.
pub(crate) fn choose<'a>(
    card: &'a AgentCard,
    prefer: &[String],
    connectors: &[Arc<dyn Connector>],
) -> Result<(&'a AgentInterface, Opener), ClientError> {
    let usable = || {
        let interfaces = card.supported_interfaces.iter();
        interfaces.filter_map(|interface| Some((interface, opener_of(interface, connectors)?)))
    };
    let preferred = prefer.iter().find_map(|name| usable().find(|(interface, _)| interface.protocol_binding == *name));
    preferred.or_else(|| usable().next()).ok_or_else(|| ClientError::card_invalid(nothing_usable(card, connectors)))
}

/// What opens an interface.
#[derive(Clone)]
pub(crate) enum Opener {
    /// A binding of the client's own.
    Own(Binding),
    Connector(Arc<dyn Connector>),
}

fn opener_of(interface: &AgentInterface, connectors: &[Arc<dyn Connector>]) -> Option<Opener> {
    (ProtocolVersion::parse(&interface.protocol_version)? == ProtocolVersion::V1_0).then_some(())?;
    let connector = connectors.iter().find(|connector| connector.binding() == interface.protocol_binding);
    let own = || Binding::from_name(&interface.protocol_binding).map(Opener::Own);
    connector.map(|connector| Opener::Connector(connector.clone())).or_else(own)
}

fn nothing_usable(card: &AgentCard, connectors: &[Arc<dyn Connector>]) -> String {
    let offers: Vec<String> = card
        .supported_interfaces
        .iter()
        .map(|interface| match interface.protocol_version.as_str() {
            "" => format!("{} without a version", interface.protocol_binding),
            version => format!("{} {version}", interface.protocol_binding),
        })
        .collect();
    let is_legacy = |interface: &AgentInterface| interface.protocol_version.starts_with("0.");
    if offers.is_empty() {
        format!("the agent {:?} offers no interface", card.name)
    } else if card.supported_interfaces.iter().all(is_legacy) {
        only_legacy(&card.name, &offers.join(", "))
    } else {
        let offers = offers.join(", ");
        let mut spoken = "JSONRPC 1.0 and HTTP+JSON 1.0".to_owned();
        for connector in connectors {
            spoken = format!("{} 1.0, {spoken}", connector.binding());
        }
        format!("the agent {:?} offers {offers}; this client speaks {spoken}", card.name)
    }
}

/// What is said of an agent of before 1.0.
pub(crate) fn only_legacy(name: &str, offers: &str) -> String {
    format!(
        "the agent {name:?} offers only version 0.3 of the protocol ({offers}); that has to be opted into \
         (--a2a-version 0.3), and is not available yet"
    )
}

/// The error for an interface whose address is no good.
pub(crate) fn unusable(interface: &AgentInterface, fault: &str) -> ClientError {
    // Whatever is wrong with it, it must not show a password.
    let shown = interface.url.rsplit('@').next().unwrap_or_default();
    let binding = &interface.protocol_binding;
    ClientError::card_invalid(format!("the address {shown:?} of the interface {binding} is unusable: {fault}"))
}

/// The address of an interface. A relative one is only understood where there is a base.
pub(crate) fn address(interface: &AgentInterface, base: Option<&Url>) -> Result<Url, ClientError> {
    let given = &interface.url;
    let fault = |fault: &str| unusable(interface, fault);
    if given.is_empty() {
        return Err(fault("it is empty"));
    }
    let url = match (Url::parse(given), base) {
        (Err(url::ParseError::RelativeUrlWithoutBase), Some(base)) => {
            base.join(given).map_err(|error| fault(&error.to_string()))?
        }
        (Err(url::ParseError::RelativeUrlWithoutBase), None) => {
            return Err(fault("it is relative, and has to begin with https:// or http://"));
        }
        (Err(error), _) => return Err(fault(&error.to_string())),
        (Ok(url), _) => url,
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Err(fault("it has to begin with https:// or http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(fault("it holds a user name or password"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(offers: &[(&str, &str)]) -> AgentCard {
        let mut card = AgentCard::default();
        card.name = "A".to_owned();
        card.supported_interfaces = offers
            .iter()
            .enumerate()
            .map(|(index, (binding, version))| AgentInterface::new(format!("https://h/{index}"), *binding, *version))
            .collect();
        card
    }

    #[test]
    fn the_callers_order_comes_before_the_cards() {
        let both = [("JSONRPC", "1.0"), ("HTTP+JSON", "1.0")];
        for (offers, prefer, chosen) in [
            (&both[..], &[][..], 0),
            (&both, &["HTTP+JSON"], 1),
            (&both, &["HTTP+JSON", "JSONRPC"], 1),
            (&both, &["GRPC", "JSONRPC"], 0),
            (&both, &["GRPC"], 0),
            (&both[..1], &["HTTP+JSON"], 0),
            (&[("GRPC", "1.0"), ("HTTP+JSON", "1.0"), ("JSONRPC", "1.0")], &[], 1),
            (&[("JSONRPC", "0.3"), ("JSONRPC", "1.0.4"), ("JSONRPC", "1.0")], &["JSONRPC"], 1),
            (&[("JSONRPC", "1.1"), ("HTTP+JSON", "1.0")], &["JSONRPC"], 1),
            (&[("https://bindings.example/x", "1.0"), ("JSONRPC", "1.0")], &["https://bindings.example/x"], 1),
        ] {
            let prefer: Vec<String> = prefer.iter().map(|name| (*name).to_owned()).collect();
            let card = card(offers);
            assert_eq!(
                choose(&card, &prefer, &[]).unwrap().0.url,
                format!("https://h/{chosen}"),
                "{offers:?} {prefer:?}"
            );
        }
    }

    #[test]
    fn a_card_without_a_usable_interface_says_what_it_offers() {
        for (offers, says) in [
            (&[][..], "offers no interface"),
            (&[("GRPC", "1.0"), ("JSONRPC", "")], "offers GRPC 1.0, JSONRPC without a version; this client speaks"),
            (&[("JSONRPC", "2.0")], "offers JSONRPC 2.0;"),
            (&[("JSONRPC", "0.3.0")], "offers only version 0.3 of the protocol (JSONRPC 0.3.0); that has to be opted"),
        ] {
            let error = choose(&card(offers), &[], &[]).err().unwrap();
            assert!(error.is_card_invalid());
            assert!(error.to_string().contains(says), "{error}");
        }
    }

    #[test]
    fn addresses_are_absolute_or_refused() {
        let base = Url::parse("https://h/cards/a.json").unwrap();
        for (url, base, address_or_fault) in [
            ("https://h/a2a", None, "https://h/a2a"),
            ("http://h:1", None, "http://h:1/"),
            ("/a2a", Some(&base), "https://h/a2a"),
            ("/a2a", None, "relative"),
            ("", Some(&base), "it is empty"),
            ("example.com:443", None, "has to begin with"),
            ("grpc://h", None, "has to begin with"),
            ("https://u:p@h/", None, "holds a user name"),
            ("https://", None, "empty host"),
        ] {
            match address(&AgentInterface::new(url, "JSONRPC", "1.0"), base) {
                Ok(address) => assert_eq!(address.as_str(), address_or_fault),
                Err(error) => {
                    let error = error.to_string();
                    assert!(error.contains(address_or_fault) && !error.contains("u:p"), "{error}");
                }
            }
        }
    }
}
