//! Agent cards.

use a2a_protocol_core::{
    AgentCapabilities, AgentCard, AgentCardSignature, AgentExtension, AgentInterface, AgentProvider, AgentSkill,
};

use super::{messages, required};
use crate::proto::v1;

messages! {
    AgentInterface = v1::AgentInterface { url, protocol_binding, tenant, protocol_version }
    AgentProvider = v1::AgentProvider { url, organization }
    AgentExtension = v1::AgentExtension { uri, description, required, params }
    AgentCapabilities = v1::AgentCapabilities { streaming, push_notifications, extensions, extended_agent_card }
    AgentSkill = v1::AgentSkill {
        id, name, description, tags, examples, input_modes, output_modes, security_requirements
    }
    AgentCardSignature = v1::AgentCardSignature { protected, signature, header }
    AgentCard = v1::AgentCard {
        name, description, supported_interfaces, provider, version, documentation_url, capabilities, security_schemes,
        security_requirements, default_input_modes, default_output_modes, skills, signatures, icon_url
    }
}

required!(AgentCapabilities = v1::AgentCapabilities);
