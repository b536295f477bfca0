//! Agent cards of 0.3: the address on top, further interfaces beside it.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize, Serializer, ser::Error as _};
use serde_json::{Value, json};

use super::{
    Form, Hear, Say, quirks,
    security::{RequirementIn, RequirementsOut, SchemeIn, by_type},
};
use crate::{
    AgentCapabilities, AgentCard, AgentCardSignature, AgentExtension, AgentInterface, AgentProvider, AgentSkill,
    ProtocolVersion, SecurityScheme, Struct,
    json::{self as proto_json},
};

/// What the patch version of 0.3 is called in a card.
const FULL_VERSION: &str = "0.3.0";

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct CardIn {
    #[serde(deserialize_with = "proto_json::nullable")]
    name: String,
    #[serde(deserialize_with = "proto_json::nullable")]
    description: String,
    #[serde(deserialize_with = "proto_json::nullable")]
    version: String,
    #[serde(alias = "endpoint", deserialize_with = "proto_json::nullable")]
    url: String,
    #[serde(alias = "preferred_transport", deserialize_with = "proto_json::text")]
    preferred_transport: Option<String>,
    #[serde(alias = "protocol_version", deserialize_with = "proto_json::text")]
    protocol_version: Option<String>,
    #[serde(alias = "additional_interfaces", deserialize_with = "proto_json::list")]
    additional_interfaces: Vec<InterfaceIn>,
    #[serde(deserialize_with = "proto_json::optional")]
    provider: Option<AgentProvider>,
    #[serde(alias = "documentation_url", deserialize_with = "proto_json::text")]
    documentation_url: Option<String>,
    #[serde(alias = "icon_url", deserialize_with = "proto_json::text")]
    icon_url: Option<String>,
    #[serde(deserialize_with = "proto_json::nullable")]
    capabilities: CapabilitiesIn,
    #[serde(alias = "security_schemes", deserialize_with = "proto_json::map")]
    security_schemes: BTreeMap<String, SchemeIn>,
    #[serde(deserialize_with = "quirks::security")]
    security: quirks::Security,
    #[serde(alias = "default_input_modes", deserialize_with = "proto_json::list")]
    default_input_modes: Vec<String>,
    #[serde(alias = "default_output_modes", deserialize_with = "proto_json::list")]
    default_output_modes: Vec<String>,
    #[serde(deserialize_with = "proto_json::list")]
    skills: Vec<SkillIn>,
    #[serde(alias = "supports_authenticated_extended_card")]
    supports_authenticated_extended_card: Option<bool>,
    #[serde(deserialize_with = "proto_json::list")]
    signatures: Vec<AgentCardSignature>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct InterfaceIn {
    #[serde(deserialize_with = "proto_json::nullable")]
    url: String,
    #[serde(deserialize_with = "proto_json::nullable")]
    transport: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CapabilitiesIn {
    streaming: Option<bool>,
    #[serde(alias = "push_notifications")]
    push_notifications: Option<bool>,
    #[serde(deserialize_with = "proto_json::list")]
    extensions: Vec<AgentExtension>,
    /// A home-grown place for them.
    #[serde(deserialize_with = "quirks::skills")]
    skills: Vec<SkillIn>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct SkillIn {
    #[serde(deserialize_with = "proto_json::nullable")]
    id: String,
    #[serde(deserialize_with = "proto_json::nullable")]
    name: String,
    #[serde(deserialize_with = "proto_json::nullable")]
    description: String,
    #[serde(deserialize_with = "proto_json::list")]
    tags: Vec<String>,
    #[serde(deserialize_with = "proto_json::list")]
    examples: Vec<String>,
    #[serde(alias = "input_modes", deserialize_with = "proto_json::list")]
    input_modes: Vec<String>,
    #[serde(alias = "output_modes", deserialize_with = "proto_json::list")]
    output_modes: Vec<String>,
    #[serde(deserialize_with = "proto_json::list")]
    security: Vec<RequirementIn>,
}

impl SkillIn {
    /// A skill of which only the name is known.
    pub(super) fn named(name: String) -> Self {
        Self { id: name.clone(), name, ..Self::default() }
    }

    fn skill(self) -> AgentSkill {
        AgentSkill {
            id: self.id,
            name: self.name,
            description: self.description,
            tags: self.tags,
            examples: self.examples,
            input_modes: self.input_modes,
            output_modes: self.output_modes,
            security_requirements: self.security.into_iter().map(|requirement| requirement.0).collect(),
        }
    }
}

impl Hear for AgentCard {
    type Json = CardIn;

    fn hear(json: CardIn, _: Form) -> Self {
        let version = json.protocol_version.unwrap_or_else(|| ProtocolVersion::V0_3.to_string());
        let transport = json.preferred_transport.unwrap_or_else(|| "JSONRPC".to_owned());
        let mut interfaces = Vec::new();
        if !json.url.is_empty() {
            interfaces.push(AgentInterface::new(json.url, transport, version));
        }
        interfaces.extend(
            json.additional_interfaces.into_iter().map(|interface| {
                AgentInterface::new(interface.url, interface.transport, ProtocolVersion::V0_3.as_str())
            }),
        );
        let mut schemes: BTreeMap<String, SecurityScheme> =
            json.security_schemes.into_iter().map(|(name, scheme)| (name, scheme.0)).collect();
        schemes.extend(json.security.schemes);
        let skills = json.skills.into_iter().chain(json.capabilities.skills);
        Self {
            name: json.name,
            description: json.description,
            supported_interfaces: interfaces,
            provider: json.provider,
            version: json.version,
            documentation_url: json.documentation_url,
            capabilities: AgentCapabilities {
                streaming: json.capabilities.streaming,
                push_notifications: json.capabilities.push_notifications,
                extensions: json.capabilities.extensions,
                extended_agent_card: json.supports_authenticated_extended_card,
            },
            security_schemes: schemes,
            security_requirements: json.security.requirements,
            default_input_modes: json.default_input_modes,
            default_output_modes: json.default_output_modes,
            skills: skills.map(SkillIn::skill).collect(),
            signatures: json.signatures,
            icon_url: json.icon_url,
        }
    }
}

/// The interfaces that 0.3 can name: those of its version, without a tenant, which it does not know.
fn legacy(card: &AgentCard) -> impl Iterator<Item = &AgentInterface> {
    card.supported_interfaces.iter().filter(|interface| {
        let version = ProtocolVersion::parse(&interface.protocol_version);
        version == Some(ProtocolVersion::V0_3) && interface.tenant.is_none()
    })
}

/// The card with interfaces of 0.3: its own or, if it has none, those of 1.0 in the bindings that 0.3
/// has too, for a server that answers both versions at the same address.
pub fn with_interfaces(card: &AgentCard) -> Cow<'_, AgentCard> {
    if legacy(card).next().is_some() {
        return Cow::Borrowed(card);
    }
    let has_twin = |interface: &&AgentInterface| {
        interface.tenant.is_none() && ["JSONRPC", "HTTP+JSON", "GRPC"].contains(&interface.protocol_binding.as_str())
    };
    let twin = |interface: &AgentInterface| {
        AgentInterface::new(&*interface.url, &*interface.protocol_binding, ProtocolVersion::V0_3.as_str())
    };
    let twins: Vec<_> = card.supported_interfaces.iter().filter(has_twin).map(twin).collect();
    let mut card = card.clone();
    card.supported_interfaces.extend(twins);
    Cow::Owned(card)
}

/// What 0.3 says on top of a card that 1.0 does not; `None` if no interface speaks 0.3.
fn on_top(card: &AgentCard) -> Option<Struct> {
    let mut interfaces = legacy(card);
    let first = interfaces.next()?;
    let mut members = Struct::new();
    let version = match first.protocol_version.as_str() {
        "0.3" => FULL_VERSION,
        other => other,
    };
    members.insert("protocolVersion".to_owned(), version.into());
    members.insert("url".to_owned(), first.url.clone().into());
    members.insert("preferredTransport".to_owned(), first.protocol_binding.clone().into());
    let others: Vec<Value> =
        interfaces.map(|interface| json!({"url": interface.url, "transport": interface.protocol_binding})).collect();
    if !others.is_empty() {
        members.insert("additionalInterfaces".to_owned(), others.into());
    }
    if let Some(extended) = card.capabilities.extended_agent_card {
        members.insert("supportsAuthenticatedExtendedCard".to_owned(), extended.into());
    }
    Some(members)
}

/// A card of 1.0 with what 0.3 reads beside it: the two differ in no member that both have, but for
/// the security schemes, which then say what they are in both ways. Without an interface of 0.3 it
/// is the card of 1.0.
///
/// # Errors
/// When the card cannot be written as JSON.
pub fn beside(card: &AgentCard) -> Result<Value, serde_json::Error> {
    let mut written = serde_json::to_value(card)?;
    if let (Some(members), Some(top)) = (written.as_object_mut(), on_top(card)) {
        members.extend(top);
        add_security(card, members)?;
    }
    Ok(written)
}

/// Adds schemes and requirements as 0.3 has them.
fn add_security(card: &AgentCard, members: &mut Struct) -> Result<(), serde_json::Error> {
    let mut schemes = serde_json::to_value(&card.security_schemes)?;
    for (name, scheme) in &card.security_schemes {
        let by_type = by_type(scheme).map(serde_json::to_value).transpose()?;
        if let (Some(Value::Object(members)), Some(Value::Object(by_type))) = (schemes.get_mut(name), by_type) {
            members.extend(by_type);
        }
    }
    if !card.security_schemes.is_empty() {
        members.insert("securitySchemes".to_owned(), schemes);
    }
    if !card.security_requirements.is_empty() {
        members.insert("security".to_owned(), serde_json::to_value(RequirementsOut(&card.security_requirements))?);
    }
    let skills = members.get_mut("skills").and_then(Value::as_array_mut);
    for (skill, written) in card.skills.iter().zip(skills.into_iter().flatten()) {
        if let (false, Some(written)) = (skill.security_requirements.is_empty(), written.as_object_mut()) {
            let security = serde_json::to_value(RequirementsOut(&skill.security_requirements))?;
            written.insert("security".to_owned(), security);
        }
    }
    Ok(())
}

/// A card of 0.3 and nothing else. In HTTP+JSON the schemes say what they are in both ways.
impl Say for AgentCard {
    fn say<S: Serializer>(&self, form: Form, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(top) = on_top(self) else {
            return Err(S::Error::custom("no interface of the card speaks version 0.3"));
        };
        let mut card = beside(self).map_err(S::Error::custom)?;
        let Some(members) = card.as_object_mut() else { return card.serialize(serializer) };
        members.extend(top);
        for name in ["supportedInterfaces", "securityRequirements"] {
            members.remove(name);
        }
        if let Some(capabilities) = members.get_mut("capabilities").and_then(Value::as_object_mut) {
            capabilities.remove("extendedAgentCard");
        }
        for skill in members.get_mut("skills").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(skill) = skill.as_object_mut() {
                skill.remove("securityRequirements");
            }
        }
        if form == Form::JsonRpc {
            for scheme in members.get_mut("securitySchemes").and_then(Value::as_object_mut).into_iter().flatten() {
                if let Some(scheme) = scheme.1.as_object_mut() {
                    scheme.retain(|name, _| !name.ends_with("SecurityScheme"));
                }
            }
        }
        card.serialize(serializer)
    }
}
