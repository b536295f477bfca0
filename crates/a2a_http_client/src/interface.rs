//! Which of an agent's interfaces is called.

use std::sync::Arc;

use a2a_app_ports::Connector;
use a2a_protocol_core::{AgentCard, AgentInterface, Error, ErrorKind, ProtocolVersion};
use url::Url;

use crate::{ClientError, binding::Binding};

/// The first interface that speaks this version in a binding this client has: in the caller's order
/// of bindings, then in the card's.
pub(crate) fn choose<'a>(
    card: &'a AgentCard,
    prefer: &[String],
    version: ProtocolVersion,
    connectors: &[Arc<dyn Connector>],
) -> Result<(&'a AgentInterface, Opener), ClientError> {
    let usable = || {
        let interfaces = card.supported_interfaces.iter();
        interfaces.filter_map(|interface| Some((interface, opener_of(interface, version, connectors)?)))
    };
    let preferred = prefer.iter().find_map(|name| usable().find(|(interface, _)| interface.protocol_binding == *name));
    preferred.or_else(|| usable().next()).ok_or_else(|| nothing_usable(card, version, connectors))
}

/// What opens an interface.
#[derive(Clone)]
pub(crate) enum Opener {
    /// A binding of the client's own.
    Own(Binding),
    Connector(Arc<dyn Connector>),
}

fn opener_of(
    interface: &AgentInterface,
    version: ProtocolVersion,
    connectors: &[Arc<dyn Connector>],
) -> Option<Opener> {
    (ProtocolVersion::parse(&interface.protocol_version)? == version).then_some(())?;
    let connector = connectors.iter().find(|connector| connector.binding() == interface.protocol_binding);
    let own = || Binding::from_name(&interface.protocol_binding, version).map(Opener::Own);
    connector.map(|connector| Opener::Connector(connector.clone())).or_else(own)
}

/// VersionNotSupported where the agent speaks other versions only, however well; else the card is no
/// good.
fn nothing_usable(card: &AgentCard, version: ProtocolVersion, connectors: &[Arc<dyn Connector>]) -> ClientError {
    let offers: Vec<String> = card
        .supported_interfaces
        .iter()
        .map(|interface| match interface.protocol_version.as_str() {
            "" => format!("{} without a version", interface.protocol_binding),
            version => format!("{} {version}", interface.protocol_binding),
        })
        .collect();
    let name = &card.name;
    if offers.is_empty() {
        return ClientError::card_invalid(format!("the agent {name:?} offers no interface"));
    }
    let offers = offers.join(", ");
    let versions = || card.supported_interfaces.iter().map(|interface| interface.protocol_version.as_str());
    let is_other = |offered: &str| !offered.is_empty() && ProtocolVersion::parse(offered) != Some(version);
    if !versions().all(is_other) {
        let mut spoken = format!("JSONRPC {version} and HTTP+JSON {version}");
        for connector in connectors {
            spoken = format!("{} {version}, {spoken}", connector.binding());
        }
        return ClientError::card_invalid(format!("the agent {name:?} offers {offers}; this client speaks {spoken}"));
    }
    let mut message = format!("the agent {name:?} offers {offers}; it is to be called in version {version}");
    let other =
        ProtocolVersion::ALL.iter().find(|other| versions().any(|o| ProtocolVersion::parse(o) == Some(**other)));
    if let Some(other) = other {
        // The builder's option and the command's.
        message.push_str(&format!(
            ", {other} has to be asked for (ClientBuilder::protocol_version, --a2a-version {other})"
        ));
    }
    ClientError::protocol("", Error::new(ErrorKind::VersionNotSupported, message))
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
            let (interface, _) = choose(&card, &prefer, ProtocolVersion::V1_0, &[]).unwrap();
            assert_eq!(interface.url, format!("https://h/{chosen}"), "{offers:?} {prefer:?}");
        }
    }

    #[test]
    fn no_other_version_than_the_callers_is_taken() {
        let offers = [("JSONRPC", "1.0"), ("HTTP+JSON", "0.3.0"), ("JSONRPC", "0.3")];
        for (version, prefer, chosen) in [
            (ProtocolVersion::V1_0, "HTTP+JSON", 0),
            (ProtocolVersion::V0_3, "HTTP+JSON", 1),
            (ProtocolVersion::V0_3, "JSONRPC", 2),
        ] {
            let card = card(&offers);
            let (interface, _) = choose(&card, &[prefer.to_owned()], version, &[]).unwrap();
            assert_eq!(interface.url, format!("https://h/{chosen}"));
        }
    }

    #[test]
    fn a_card_without_a_usable_interface_says_what_it_offers() {
        let (old, new) = (ProtocolVersion::V0_3, ProtocolVersion::V1_0);
        for (offers, asked, is_invalid, says) in [
            (&[][..], new, true, "offers no interface"),
            (&[("GRPC", "1.0"), ("JSONRPC", "")], new, true, "offers GRPC 1.0, JSONRPC without a version; this client"),
            (&[("JSONRPC", "2.0")], new, false, "offers JSONRPC 2.0; it is to be called in version 1.0"),
            (&[("JSONRPC", "0.3.0")], new, false, "0.3 has to be asked for (ClientBuilder::protocol_version, --a2a-v"),
            (&[("JSONRPC", "1.0")], old, false, "called in version 0.3, 1.0 has to be asked for"),
        ] {
            let error = choose(&card(offers), &[], asked, &[]).err().unwrap();
            let kind = error.protocol_error().map(Error::kind);
            assert_eq!((error.is_card_invalid(), kind.is_none()), (is_invalid, is_invalid), "{error}");
            assert!(kind.is_none_or(|kind| kind == ErrorKind::VersionNotSupported));
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
