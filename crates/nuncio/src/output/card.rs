//! An agent card as text.

use a2a_protocol_core::{
    AgentCard, AgentInterface, OAuthFlows, SecurityRequirement, SecurityScheme,
    signing::{Form, KeySource, Verdict, Verified},
};

use super::Fields;

/// The card; `selected` is the interface that calls would go to.
pub(crate) fn card(
    fields: &mut Fields,
    card: &AgentCard,
    selected: Option<&AgentInterface>,
    verdict: &Verdict,
    verbose: bool,
) {
    fields.field("Name", &card.name);
    fields.field("Description", &card.description);
    fields.field("Version", &card.version);
    if let Some(provider) = &card.provider {
        fields.field("Provider", &format!("{} ({})", provider.organization, provider.url));
    }
    fields.optional("Documentation", card.documentation_url.as_deref());
    fields.optional("Icon", card.icon_url.as_deref());
    fields.yes_no("Streaming", card.capabilities.streaming.unwrap_or_default());
    fields.yes_no("Push Notifications", card.capabilities.push_notifications.unwrap_or_default());
    fields.yes_no("Extended Card", card.capabilities.extended_agent_card.unwrap_or_default());
    for extension in &card.capabilities.extensions {
        let required = if extension.required { " (required)" } else { "" };
        fields.field("Extension", &format!("{}{required}", extension.uri));
    }
    for interface in &card.supported_interfaces {
        fields.field("Interface", &self::interface(interface));
    }
    fields.field("Selected Interface", &selected.map_or_else(|| "none".to_owned(), self::interface));
    for (name, scheme) in &card.security_schemes {
        fields.field("Security Scheme", &format!("{name}: {}", self::scheme(scheme)));
    }
    for requirement in &card.security_requirements {
        fields.field("Security Requirement", &self::requirement(requirement));
    }
    fields.field("Input Modes", &card.default_input_modes.join(", "));
    fields.field("Output Modes", &card.default_output_modes.join(", "));
    for skill in &card.skills {
        fields.field("Skill", &format!("{}: {}", skill.id, skill.name));
        fields.optional("Skill Description", Some(&skill.description));
        if verbose {
            fields.optional("Skill Tags", Some(&skill.tags.join(", ")));
            for example in &skill.examples {
                fields.field("Skill Example", example);
            }
            fields.optional("Skill Input Modes", Some(&skill.input_modes.join(", ")));
            fields.optional("Skill Output Modes", Some(&skill.output_modes.join(", ")));
            for requirement in &skill.security_requirements {
                fields.field("Skill Security Requirement", &self::requirement(requirement));
            }
        }
    }
    fields.field("Signatures", &self::verdict(verdict));
}

/// What the signatures of a card prove, in a sentence.
pub(crate) fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Absent => "absent".to_owned(),
        Verdict::Verified(by) => format!("verified by {} ({}, {})", by.kid, by.algorithm, source(by)),
        Verdict::Invalid(why) => format!("invalid: {why}"),
        Verdict::Unverifiable(why) => format!("unverifiable: {why}"),
        _ => "unverifiable".to_owned(),
    }
}

/// Where the key came from.
pub(crate) fn source(by: &Verified) -> String {
    match &by.source {
        KeySource::Fetched(url) => format!("key from {url}"),
        _ => "trusted key".to_owned(),
    }
}

/// What a signature leaves open although it holds, for a warning.
pub(crate) fn not_covered(verdict: &Verdict) -> Option<&'static str> {
    let Verdict::Verified(by) = verdict else { return None };
    (!by.form.covers_all_requirements())
        .then_some("the signature does not show whether security requirements without scopes were taken from the card")
}

/// What a signature covers, in a word.
pub(crate) fn form(form: Form) -> &'static str {
    match form {
        Form::Served => "served",
        Form::Pruned => "pruned",
        _ => "specified",
    }
}

fn interface(interface: &AgentInterface) -> String {
    let tenant = interface.tenant.as_ref().map(|tenant| format!(" (tenant {tenant})")).unwrap_or_default();
    format!("{} {} {}{tenant}", interface.protocol_binding, interface.protocol_version, interface.url)
}

fn requirement(requirement: &SecurityRequirement) -> String {
    let schemes = requirement.schemes.iter().map(|(name, scopes)| {
        if scopes.list.is_empty() { name.clone() } else { format!("{name} ({})", scopes.list.join(" ")) }
    });
    let schemes: Vec<String> = schemes.collect();
    if schemes.is_empty() { "none".to_owned() } else { schemes.join(" and ") }
}

/// A security scheme in a few words.
pub(crate) fn scheme(scheme: &SecurityScheme) -> String {
    match scheme {
        SecurityScheme::ApiKey(key) => format!("API key in {} {}", key.location, key.name),
        SecurityScheme::HttpAuth(http) => format!("HTTP {}", http.scheme),
        SecurityScheme::OAuth2(oauth) => {
            let flow = match &oauth.flows {
                Some(OAuthFlows::AuthorizationCode(_)) => "authorization code",
                Some(OAuthFlows::ClientCredentials(_)) => "client credentials",
                Some(OAuthFlows::DeviceCode(_)) => "device code",
                Some(OAuthFlows::Implicit(_)) => "implicit",
                Some(OAuthFlows::Password(_)) => "password",
                Some(_) => "a flow of a newer version",
                None => "no flow",
            };
            format!("OAuth 2.0, {flow}")
        }
        SecurityScheme::OpenIdConnect(oidc) => format!("OpenID Connect, {}", oidc.open_id_connect_url),
        SecurityScheme::MutualTls(_) => "mutual TLS".to_owned(),
        _ => "a scheme of a newer version".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn identity_capabilities_interfaces_security_and_skills_are_shown() {
        let card: AgentCard = serde_json::from_value(json!({
            "name": "Echo", "description": "Says it back", "version": "2",
            "supportedInterfaces": [
                {"url": "https://h/", "protocolBinding": "JSONRPC", "protocolVersion": "1.0", "tenant": "acme"}],
            "capabilities": {"streaming": true, "extensions": [{"uri": "urn:x", "required": true}]},
            "securitySchemes": {"key": {"apiKeySecurityScheme": {"location": "header", "name": "X-Key"}}},
            "securityRequirements": [{"schemes": {"key": {}, "sso": {"list": ["read", "write"]}}}],
            "defaultInputModes": ["text/plain"], "defaultOutputModes": ["text/plain", "image/png"],
            "skills": [{"id": "echo", "name": "Echo", "description": "Echoes", "tags": ["demo"]}],
            "signatures": [{"protected": "x", "signature": "y"}],
        }))
        .unwrap();
        let mut fields = Fields::new();
        let verdict = Verdict::Unverifiable("no key".to_owned());
        super::card(&mut fields, &card, card.supported_interfaces.first(), &verdict, false);
        let expected = "\
Name: Echo
Description: Says it back
Version: 2
Streaming: yes
Push Notifications: no
Extended Card: no
Extension: urn:x (required)
Interface: JSONRPC 1.0 https://h/ (tenant acme)
Selected Interface: JSONRPC 1.0 https://h/ (tenant acme)
Security Scheme: key: API key in header X-Key
Security Requirement: key and sso (read write)
Input Modes: text/plain
Output Modes: text/plain, image/png
Skill: echo: Echo
Skill Description: Echoes
Signatures: unverifiable: no key
";
        assert_eq!(fields.as_str(), expected);
    }
}
