//! What is wrong with a card (section 4.4): cards are read leniently, this names what a strict
//! reader would refuse.

use std::collections::{BTreeMap, BTreeSet};

use crate::{AgentCard, AgentInterface, AgentSkill, FieldViolation, OAuthFlows, SecurityRequirement, SecurityScheme};

impl AgentCard {
    /// Everything in which the card departs from the specification, in the order of its fields;
    /// empty for a valid card. Paths are those of the JSON, such as `skills[0].id`.
    pub fn findings(&self) -> Vec<FieldViolation> {
        let mut check = Check::default();
        check.filled("name", &self.name);
        check.filled("description", &self.description);
        check.some("supportedInterfaces", &self.supported_interfaces);
        for (index, interface) in self.supported_interfaces.iter().enumerate() {
            check.interface(&format!("supportedInterfaces[{index}]"), interface);
        }
        if let Some(provider) = &self.provider {
            check.filled("provider.organization", &provider.organization);
            check.url("provider.url", &provider.url);
        }
        check.filled("version", &self.version);
        check.optional_url("documentationUrl", self.documentation_url.as_deref());
        for (index, extension) in self.capabilities.extensions.iter().enumerate() {
            check.filled(&format!("capabilities.extensions[{index}].uri"), &extension.uri);
        }
        for (name, scheme) in &self.security_schemes {
            check.scheme(&format!("securitySchemes.{name}"), scheme);
        }
        check.requirements("securityRequirements", &self.security_requirements, &self.security_schemes);
        check.some("defaultInputModes", &self.default_input_modes);
        check.media_types("defaultInputModes", &self.default_input_modes);
        check.some("defaultOutputModes", &self.default_output_modes);
        check.media_types("defaultOutputModes", &self.default_output_modes);
        check.some("skills", &self.skills);
        let mut ids = BTreeSet::new();
        for (index, skill) in self.skills.iter().enumerate() {
            let path = format!("skills[{index}]");
            check.skill(&path, skill, &self.security_schemes);
            if !skill.id.is_empty() && !ids.insert(&skill.id) {
                check.add(format!("{path}.id"), format!("is the id of an earlier skill too: {:?}", skill.id));
            }
        }
        for (index, signature) in self.signatures.iter().enumerate() {
            check.filled(&format!("signatures[{index}].protected"), &signature.protected);
            check.filled(&format!("signatures[{index}].signature"), &signature.signature);
        }
        check.optional_url("iconUrl", self.icon_url.as_deref());
        check.0
    }
}

#[derive(Default)]
struct Check(Vec<FieldViolation>);

impl Check {
    fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.0.push(FieldViolation { field: field.into(), description: description.into() });
    }

    fn filled(&mut self, field: &str, value: &str) {
        if value.is_empty() {
            self.add(field, "is required");
        }
    }

    fn some<T>(&mut self, field: &str, list: &[T]) {
        if list.is_empty() {
            self.add(field, "is required, at least one");
        }
    }

    fn url(&mut self, field: &str, value: &str) {
        if value.is_empty() {
            self.add(field, "is required");
        } else if !is_absolute(value) {
            self.add(field, format!("is not an absolute URL: {value:?}"));
        }
    }

    fn optional_url(&mut self, field: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.url(field, value);
        }
    }

    fn interface(&mut self, path: &str, interface: &AgentInterface) {
        // gRPC knows targets without a scheme: `host:port`.
        if interface.protocol_binding == "GRPC" {
            self.filled(&format!("{path}.url"), &interface.url);
        } else {
            self.url(&format!("{path}.url"), &interface.url);
        }
        self.filled(&format!("{path}.protocolBinding"), &interface.protocol_binding);
        let version = &interface.protocol_version;
        let field = format!("{path}.protocolVersion");
        if version.is_empty() {
            self.add(field, "is required");
        } else if !is_major_minor(version) {
            self.add(field, format!("is not Major.Minor: {version:?}"));
        }
    }

    fn skill(&mut self, path: &str, skill: &AgentSkill, schemes: &BTreeMap<String, SecurityScheme>) {
        self.filled(&format!("{path}.id"), &skill.id);
        self.filled(&format!("{path}.name"), &skill.name);
        self.filled(&format!("{path}.description"), &skill.description);
        self.some(&format!("{path}.tags"), &skill.tags);
        self.media_types(&format!("{path}.inputModes"), &skill.input_modes);
        self.media_types(&format!("{path}.outputModes"), &skill.output_modes);
        self.requirements(&format!("{path}.securityRequirements"), &skill.security_requirements, schemes);
    }

    fn media_types(&mut self, path: &str, modes: &[String]) {
        for (index, mode) in modes.iter().enumerate() {
            let slash = mode.split_once('/').is_some_and(|(kind, subtype)| !kind.is_empty() && !subtype.is_empty());
            if !slash {
                self.add(format!("{path}[{index}]"), format!("is not a media type: {mode:?}"));
            }
        }
    }

    fn requirements(
        &mut self,
        path: &str,
        requirements: &[SecurityRequirement],
        schemes: &BTreeMap<String, SecurityScheme>,
    ) {
        for (index, requirement) in requirements.iter().enumerate() {
            for name in requirement.schemes.keys().filter(|name| !schemes.contains_key(*name)) {
                self.add(
                    format!("{path}[{index}].schemes.{name}"),
                    "names a scheme that securitySchemes does not have",
                );
            }
        }
    }

    fn scheme(&mut self, path: &str, scheme: &SecurityScheme) {
        match scheme {
            SecurityScheme::ApiKey(key) => {
                self.filled(&format!("{path}.apiKeySecurityScheme.name"), &key.name);
                if !matches!(key.location.as_str(), "header" | "query" | "cookie") {
                    let description = format!("must be header, query or cookie, is {:?}", key.location);
                    self.add(format!("{path}.apiKeySecurityScheme.location"), description);
                }
            }
            SecurityScheme::HttpAuth(http) => {
                self.filled(&format!("{path}.httpAuthSecurityScheme.scheme"), &http.scheme);
            }
            SecurityScheme::OAuth2(oauth) => {
                let path = format!("{path}.oauth2SecurityScheme");
                match &oauth.flows {
                    None => self.add(format!("{path}.flows"), "is required"),
                    Some(flows) => self.flows(&format!("{path}.flows"), flows),
                }
                self.optional_url(&format!("{path}.oauth2MetadataUrl"), oauth.oauth2_metadata_url.as_deref());
            }
            SecurityScheme::OpenIdConnect(oidc) => {
                let field = format!("{path}.openIdConnectSecurityScheme.openIdConnectUrl");
                self.url(&field, &oidc.open_id_connect_url);
            }
            SecurityScheme::MutualTls(_) => {}
            SecurityScheme::Unknown(_) => self.add(path, "has no member that is a security scheme"),
        }
    }

    fn flows(&mut self, path: &str, flows: &OAuthFlows) {
        match flows {
            OAuthFlows::AuthorizationCode(flow) => {
                self.url(&format!("{path}.authorizationCode.authorizationUrl"), &flow.authorization_url);
                self.url(&format!("{path}.authorizationCode.tokenUrl"), &flow.token_url);
            }
            OAuthFlows::ClientCredentials(flow) => {
                self.url(&format!("{path}.clientCredentials.tokenUrl"), &flow.token_url);
            }
            OAuthFlows::DeviceCode(flow) => {
                self.url(&format!("{path}.deviceCode.deviceAuthorizationUrl"), &flow.device_authorization_url);
                self.url(&format!("{path}.deviceCode.tokenUrl"), &flow.token_url);
            }
            // Deprecated: the protocol requires nothing of them.
            OAuthFlows::Implicit(_) | OAuthFlows::Password(_) => {}
            OAuthFlows::Unknown(_) => self.add(path, "has no member that is an OAuth 2.0 flow"),
        }
    }
}

/// A scheme, `://` and a host; enough to tell an address from a path.
fn is_absolute(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else {
        return false;
    };
    let mut letters = scheme.bytes();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
        && rest.chars().next().is_some_and(|first| !matches!(first, '/' | '?' | '#'))
        && !url.contains(char::is_whitespace)
}

fn is_major_minor(version: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    version.split_once('.').is_some_and(|(major, minor)| number(major) && number(minor))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn valid() -> Value {
        json!({
            "name": "Echo", "description": "Says it back", "version": "1.0.0",
            "supportedInterfaces": [
                {"url": "https://agent.example/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"},
                {"url": "agent.example:443", "protocolBinding": "GRPC", "protocolVersion": "1.0"},
            ],
            "capabilities": {"extensions": [{"uri": "urn:x"}]},
            "securitySchemes": {
                "key": {"apiKeySecurityScheme": {"location": "header", "name": "X-Key"}},
                "sso": {"oauth2SecurityScheme": {"flows": {"deviceCode": {
                    "deviceAuthorizationUrl": "https://sso.example/device", "tokenUrl": "https://sso.example/token", "scopes": {}}}}},
            },
            "securityRequirements": [{"schemes": {"key": {}}}],
            "defaultInputModes": ["text/plain"], "defaultOutputModes": ["text/plain"],
            "skills": [{"id": "echo", "name": "Echo", "description": "Echoes", "tags": ["demo"]}],
        })
    }

    fn findings(card: Value) -> Vec<String> {
        let card: AgentCard = serde_json::from_value(card).unwrap();
        card.findings().into_iter().map(|finding| finding.field).collect()
    }

    #[test]
    fn a_valid_card_has_no_findings() {
        assert_eq!(findings(valid()), Vec::<String>::new());
    }

    #[test]
    fn an_empty_card_lacks_every_required_field() {
        let fields = findings(json!({}));
        let required = [
            "name",
            "description",
            "supportedInterfaces",
            "version",
            "defaultInputModes",
            "defaultOutputModes",
            "skills",
        ];
        assert_eq!(fields, required);
    }

    #[test]
    fn every_finding_names_its_field() {
        let cases = [
            ("/supportedInterfaces/0/url", json!("/rpc"), "supportedInterfaces[0].url"),
            ("/supportedInterfaces/0/url", json!("https://"), "supportedInterfaces[0].url"),
            ("/supportedInterfaces/1/url", json!(""), "supportedInterfaces[1].url"),
            ("/supportedInterfaces/0/protocolBinding", json!(""), "supportedInterfaces[0].protocolBinding"),
            ("/supportedInterfaces/0/protocolVersion", json!("one"), "supportedInterfaces[0].protocolVersion"),
            ("/supportedInterfaces/0/protocolVersion", json!("1.0.0"), "supportedInterfaces[0].protocolVersion"),
            ("/provider", json!({"organization": "x", "url": "x.example"}), "provider.url"),
            ("/documentationUrl", json!("docs"), "documentationUrl"),
            ("/iconUrl", json!("icon.png"), "iconUrl"),
            ("/capabilities/extensions/0/uri", json!(""), "capabilities.extensions[0].uri"),
            (
                "/securitySchemes/key/apiKeySecurityScheme/location",
                json!("body"),
                "securitySchemes.key.apiKeySecurityScheme.location",
            ),
            (
                "/securitySchemes/sso/oauth2SecurityScheme/flows/deviceCode/tokenUrl",
                json!("token"),
                "securitySchemes.sso.oauth2SecurityScheme.flows.deviceCode.tokenUrl",
            ),
            ("/securityRequirements/0/schemes/other", json!({}), "securityRequirements[0].schemes.other"),
            ("/defaultInputModes/0", json!("text"), "defaultInputModes[0]"),
            ("/skills/0/tags", json!([]), "skills[0].tags"),
            ("/skills/0/description", json!(""), "skills[0].description"),
            (
                "/skills/0/securityRequirements",
                json!([{"schemes": {"none": {}}}]),
                "skills[0].securityRequirements[0].schemes.none",
            ),
            ("/signatures", json!([{"protected": "e30"}]), "signatures[0].signature"),
        ];
        for (pointer, value, field) in cases {
            let mut card = valid();
            let (parent, member) = pointer.rsplit_once('/').unwrap();
            match card.pointer_mut(parent).unwrap() {
                Value::Object(members) => {
                    members.insert(member.to_owned(), value);
                }
                Value::Array(items) => items[member.parse::<usize>().unwrap()] = value,
                other => panic!("{other}"),
            }
            assert_eq!(findings(card), [field], "{pointer}");
        }
    }

    #[test]
    fn a_repeated_skill_id_is_found_at_the_second_skill() {
        let mut card = valid();
        let skill = card["skills"][0].clone();
        card["skills"].as_array_mut().unwrap().push(skill);
        assert_eq!(findings(card), ["skills[1].id"]);
    }
}
