//! Agent cards (section 4.4).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{SecurityRequirement, SecurityScheme, Struct, json};

/// Where and how an agent is reached (section 4.4.6).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct AgentInterface {
    /// The address.
    #[serde(deserialize_with = "json::nullable")]
    pub url: String,
    /// `JSONRPC`, `HTTP+JSON`, `GRPC`, or the URI of a custom binding.
    #[serde(alias = "protocol_binding", deserialize_with = "json::nullable")]
    pub protocol_binding: String,
    /// Set in every request to this interface.
    #[serde(deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// `Major.Minor` of the protocol spoken there.
    #[serde(alias = "protocol_version", deserialize_with = "json::nullable")]
    pub protocol_version: String,
}

impl AgentInterface {
    /// An interface with the fields that are required.
    pub fn new(
        url: impl Into<String>,
        protocol_binding: impl Into<String>,
        protocol_version: impl Into<String>,
    ) -> Self {
        Self {
            url: url.into(),
            protocol_binding: protocol_binding.into(),
            tenant: None,
            protocol_version: protocol_version.into(),
        }
    }
}

/// What an agent says about itself (section 4.4.1).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct AgentCard {
    /// A name for people.
    #[serde(deserialize_with = "json::nullable")]
    pub name: String,
    /// What it is for.
    #[serde(deserialize_with = "json::nullable")]
    pub description: String,
    /// Where it is reached, the preferred interface first.
    #[serde(alias = "supported_interfaces", deserialize_with = "json::list")]
    pub supported_interfaces: Vec<AgentInterface>,
    /// Who runs it.
    #[serde(deserialize_with = "json::optional", skip_serializing_if = "Option::is_none")]
    pub provider: Option<AgentProvider>,
    /// The agent's own version.
    #[serde(deserialize_with = "json::nullable")]
    pub version: String,
    /// Where its documentation is.
    #[serde(alias = "documentation_url", skip_serializing_if = "Option::is_none")]
    pub documentation_url: Option<String>,
    /// Which optional operations it answers.
    #[serde(deserialize_with = "json::nullable")]
    pub capabilities: AgentCapabilities,
    /// The ways to authenticate, by name.
    #[serde(alias = "security_schemes", deserialize_with = "json::map", skip_serializing_if = "BTreeMap::is_empty")]
    pub security_schemes: BTreeMap<String, SecurityScheme>,
    /// Any one of these has to be met.
    #[serde(alias = "security_requirements", deserialize_with = "json::list", skip_serializing_if = "Vec::is_empty")]
    pub security_requirements: Vec<SecurityRequirement>,
    /// Media types it takes, unless a skill says otherwise.
    #[serde(alias = "default_input_modes", deserialize_with = "json::list")]
    pub default_input_modes: Vec<String>,
    /// Media types it answers in, unless a skill says otherwise.
    #[serde(alias = "default_output_modes", deserialize_with = "json::list")]
    pub default_output_modes: Vec<String>,
    /// What it can do.
    #[serde(deserialize_with = "json::list")]
    pub skills: Vec<AgentSkill>,
    /// Signatures over the card.
    #[serde(deserialize_with = "json::list", skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<AgentCardSignature>,
    /// Where its icon is.
    #[serde(alias = "icon_url", skip_serializing_if = "Option::is_none")]
    pub icon_url: Option<String>,
}

/// Who runs an agent (section 4.4.2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct AgentProvider {
    /// The provider's site.
    #[serde(deserialize_with = "json::nullable")]
    pub url: String,
    /// The provider's name.
    #[serde(deserialize_with = "json::nullable")]
    pub organization: String,
}

impl AgentProvider {
    /// A provider with the fields that are required.
    pub fn new(organization: impl Into<String>, url: impl Into<String>) -> Self {
        Self { organization: organization.into(), url: url.into() }
    }
}

/// Which optional operations an agent answers (section 4.4.3).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct AgentCapabilities {
    /// SendStreamingMessage and SubscribeToTask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub streaming: Option<bool>,
    /// The push notification operations.
    #[serde(alias = "push_notifications", skip_serializing_if = "Option::is_none")]
    pub push_notifications: Option<bool>,
    /// Protocol extensions it knows.
    #[serde(deserialize_with = "json::list", skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<AgentExtension>,
    /// GetExtendedAgentCard.
    #[serde(alias = "extended_agent_card", skip_serializing_if = "Option::is_none")]
    pub extended_agent_card: Option<bool>,
}

/// A protocol extension (section 4.4.4).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct AgentExtension {
    /// Names the extension.
    #[serde(deserialize_with = "json::nullable", skip_serializing_if = "String::is_empty")]
    pub uri: String,
    /// How the agent uses it.
    #[serde(deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether callers have to support it.
    #[serde(deserialize_with = "json::nullable", skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// Parameters of the extension.
    #[serde(with = "json::object", skip_serializing_if = "Option::is_none")]
    pub params: Option<Box<Struct>>,
}

impl AgentExtension {
    /// An extension that callers may use.
    pub fn new(uri: impl Into<String>) -> Self {
        Self { uri: uri.into(), ..Self::default() }
    }
}

/// Something an agent can do (section 4.4.5).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct AgentSkill {
    /// Unique within the card.
    #[serde(deserialize_with = "json::nullable")]
    pub id: String,
    /// A name for people.
    #[serde(deserialize_with = "json::nullable")]
    pub name: String,
    /// What it does.
    #[serde(deserialize_with = "json::nullable")]
    pub description: String,
    /// Keywords.
    #[serde(deserialize_with = "json::list")]
    pub tags: Vec<String>,
    /// What one might say to it.
    #[serde(deserialize_with = "json::list", skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
    /// Media types it takes, instead of the card's.
    #[serde(alias = "input_modes", deserialize_with = "json::list", skip_serializing_if = "Vec::is_empty")]
    pub input_modes: Vec<String>,
    /// Media types it answers in, instead of the card's.
    #[serde(alias = "output_modes", deserialize_with = "json::list", skip_serializing_if = "Vec::is_empty")]
    pub output_modes: Vec<String>,
    /// Any one of these has to be met, instead of the card's.
    #[serde(alias = "security_requirements", deserialize_with = "json::list", skip_serializing_if = "Vec::is_empty")]
    pub security_requirements: Vec<SecurityRequirement>,
}

impl AgentSkill {
    /// A skill with an id and a name.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { id: id.into(), name: name.into(), ..Self::default() }
    }
}

/// A JWS over the card (section 4.4.7).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct AgentCardSignature {
    /// The protected header, base64url.
    #[serde(deserialize_with = "json::nullable")]
    pub protected: String,
    /// The signature, base64url.
    #[serde(deserialize_with = "json::nullable")]
    pub signature: String,
    /// The unprotected header.
    #[serde(with = "json::object", skip_serializing_if = "Option::is_none")]
    pub header: Option<Box<Struct>>,
}
