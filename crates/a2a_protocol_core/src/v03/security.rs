//! Security schemes: told apart by `type` in JSON, by the member in the proto. Both are read; what
//! is written has both, since the official SDKs read either in HTTP+JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    ApiKeySecurityScheme, AuthorizationCodeOAuthFlow, ClientCredentialsOAuthFlow, HttpAuthSecurityScheme,
    ImplicitOAuthFlow, MutualTlsSecurityScheme, OAuth2SecurityScheme, OAuthFlows, OpenIdConnectSecurityScheme,
    PasswordOAuthFlow, SecurityRequirement, SecurityScheme, StringList, Struct, json,
};

/// A scheme as it comes in.
pub(super) struct SchemeIn(pub(super) SecurityScheme);

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Members {
    r#type: String,
    description: Option<String>,
    r#in: Option<String>,
    #[serde(deserialize_with = "json::nullable")]
    name: String,
    #[serde(deserialize_with = "json::nullable")]
    scheme: String,
    #[serde(alias = "bearer_format", deserialize_with = "json::text")]
    bearer_format: Option<String>,
    #[serde(deserialize_with = "json::optional")]
    flows: Option<FlowsIn>,
    #[serde(alias = "oauth2_metadata_url", deserialize_with = "json::text")]
    oauth2_metadata_url: Option<String>,
    #[serde(alias = "open_id_connect_url", deserialize_with = "json::nullable")]
    open_id_connect_url: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct FlowsIn {
    #[serde(alias = "authorization_code", deserialize_with = "json::optional")]
    authorization_code: Option<AuthorizationCodeOAuthFlow>,
    #[serde(alias = "client_credentials", deserialize_with = "json::optional")]
    client_credentials: Option<ClientCredentialsOAuthFlow>,
    #[serde(deserialize_with = "json::optional")]
    implicit: Option<ImplicitOAuthFlow>,
    #[serde(deserialize_with = "json::optional")]
    password: Option<PasswordOAuthFlow>,
}

impl FlowsIn {
    /// 1.0 has one flow, so this is the first of them, the deprecated ones last.
    fn flow(self) -> Option<OAuthFlows> {
        let Self { authorization_code, client_credentials, implicit, password } = self;
        authorization_code
            .map(OAuthFlows::AuthorizationCode)
            .or_else(|| client_credentials.map(OAuthFlows::ClientCredentials))
            .or_else(|| implicit.map(OAuthFlows::Implicit))
            .or_else(|| password.map(OAuthFlows::Password))
    }
}

impl<'de> Deserialize<'de> for SchemeIn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Struct::deserialize(deserializer)?;
        let value = || serde_json::Value::Object(members.clone());
        if !members.contains_key("type") {
            // The member of the proto is that of 1.0.
            return SecurityScheme::deserialize(value()).map(Self).map_err(serde::de::Error::custom);
        }
        let read: Members = serde_path_to_error::deserialize(value()).map_err(serde::de::Error::custom)?;
        let description = read.description.filter(|text| !text.is_empty());
        Ok(Self(match read.r#type.as_str() {
            "apiKey" => {
                let location = read.r#in.unwrap_or_default();
                SecurityScheme::ApiKey(ApiKeySecurityScheme { description, location, name: read.name })
            }
            "http" => {
                let (scheme, bearer_format) = (read.scheme, read.bearer_format);
                SecurityScheme::HttpAuth(HttpAuthSecurityScheme { description, scheme, bearer_format })
            }
            "oauth2" => {
                let (flows, oauth2_metadata_url) = (read.flows.and_then(FlowsIn::flow), read.oauth2_metadata_url);
                SecurityScheme::OAuth2(OAuth2SecurityScheme { description, flows, oauth2_metadata_url })
            }
            "openIdConnect" => {
                let open_id_connect_url = read.open_id_connect_url;
                SecurityScheme::OpenIdConnect(OpenIdConnectSecurityScheme { description, open_id_connect_url })
            }
            "mutualTLS" => SecurityScheme::MutualTls(MutualTlsSecurityScheme { description }),
            _ => SecurityScheme::Unknown(members),
        }))
    }
}

/// The members of a scheme in JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SchemeOut<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#in: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheme: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bearer_format: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flows: Option<FlowsOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oauth2_metadata_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_id_connect_url: Option<&'a str>,
}

/// 0.3 has no flow for devices, so a scheme that has only that is one without flows; and it does not
/// know PKCE.
pub(super) struct FlowsOut<'a>(Option<&'a OAuthFlows>);

impl Serialize for FlowsOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(OAuthFlows::AuthorizationCode(flow)) if flow.pkce_required => {
                let flow = AuthorizationCodeOAuthFlow { pkce_required: false, ..flow.clone() };
                OAuthFlows::AuthorizationCode(flow).serialize(serializer)
            }
            Some(
                flows @ (OAuthFlows::AuthorizationCode(_)
                | OAuthFlows::ClientCredentials(_)
                | OAuthFlows::Implicit(_)
                | OAuthFlows::Password(_)),
            ) => flows.serialize(serializer),
            _ => serializer.collect_map(std::iter::empty::<(&str, &str)>()),
        }
    }
}

/// The members that `type` goes with; `None` for a scheme that is not known.
pub(super) fn by_type(scheme: &SecurityScheme) -> Option<SchemeOut<'_>> {
    let mut out = SchemeOut {
        r#type: "",
        description: None,
        r#in: None,
        name: None,
        scheme: None,
        bearer_format: None,
        flows: None,
        oauth2_metadata_url: None,
        open_id_connect_url: None,
    };
    match scheme {
        SecurityScheme::ApiKey(key) => {
            (out.r#type, out.description) = ("apiKey", key.description.as_deref());
            (out.r#in, out.name) = (Some(key.location.as_str()), Some(key.name.as_str()));
        }
        SecurityScheme::HttpAuth(auth) => {
            (out.r#type, out.description) = ("http", auth.description.as_deref());
            (out.scheme, out.bearer_format) = (Some(auth.scheme.as_str()), auth.bearer_format.as_deref());
        }
        SecurityScheme::OAuth2(oauth2) => {
            (out.r#type, out.description) = ("oauth2", oauth2.description.as_deref());
            out.flows = Some(FlowsOut(oauth2.flows.as_ref()));
            out.oauth2_metadata_url = oauth2.oauth2_metadata_url.as_deref();
        }
        SecurityScheme::OpenIdConnect(connect) => {
            (out.r#type, out.description) = ("openIdConnect", connect.description.as_deref());
            out.open_id_connect_url = Some(&connect.open_id_connect_url);
        }
        SecurityScheme::MutualTls(tls) => (out.r#type, out.description) = ("mutualTLS", tls.description.as_deref()),
        SecurityScheme::Unknown(_) => return None,
    }
    Some(out)
}

/// A requirement: the scopes by scheme, which the proto wraps in `schemes`.
pub(super) struct RequirementIn(pub(super) SecurityRequirement);

impl<'de> Deserialize<'de> for RequirementIn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = BTreeMap::<String, serde_json::Value>::deserialize(deserializer)?;
        let mut schemes = BTreeMap::new();
        for (name, value) in members {
            let is_wrapped = name == "schemes" && value.is_object();
            let read = |error: serde_json::Error| serde::de::Error::custom(format_args!("{name}: {error}"));
            if is_wrapped {
                schemes.extend(serde_json::from_value::<BTreeMap<String, StringList>>(value).map_err(read)?);
            } else {
                let list: Vec<String> = serde_json::from_value(value).map_err(read)?;
                schemes.insert(name, StringList::from(list));
            }
        }
        Ok(Self(SecurityRequirement { schemes }))
    }
}

/// Requirements as JSON has them.
pub(super) struct RequirementsOut<'a>(pub(super) &'a [SecurityRequirement]);

impl Serialize for RequirementsOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let by_name = |requirement: &SecurityRequirement| -> BTreeMap<String, Vec<String>> {
            requirement.schemes.iter().map(|(name, scopes)| (name.clone(), scopes.list.clone())).collect()
        };
        serializer.collect_seq(self.0.iter().map(by_name))
    }
}
