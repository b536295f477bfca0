//! Security schemes and requirements (section 4.5).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{json, oneof::oneof};

/// The scopes that a requirement asks of a scheme.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct StringList {
    /// The strings.
    #[serde(deserialize_with = "json::list", skip_serializing_if = "Vec::is_empty")]
    pub list: Vec<String>,
}

impl From<Vec<String>> for StringList {
    fn from(list: Vec<String>) -> Self {
        Self { list }
    }
}

/// Schemes that all have to be met together (section 4.5.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SecurityRequirement {
    /// The scopes by the name of the scheme.
    #[serde(deserialize_with = "json::map", skip_serializing_if = "BTreeMap::is_empty")]
    pub schemes: BTreeMap<String, StringList>,
}

impl SecurityRequirement {
    /// One scheme without scopes.
    pub fn scheme(name: impl Into<String>) -> Self {
        Self { schemes: BTreeMap::from([(name.into(), StringList::default())]) }
    }
}

oneof! {
    /// A way to authenticate (section 4.5.1).
    #[non_exhaustive]
    SecurityScheme {
        /// A key in a header, query parameter or cookie.
        ApiKey(ApiKeySecurityScheme) = "apiKeySecurityScheme" | "api_key_security_scheme",
        /// An `Authorization` header.
        HttpAuth(HttpAuthSecurityScheme) = "httpAuthSecurityScheme" | "http_auth_security_scheme",
        /// OAuth 2.0.
        OAuth2(OAuth2SecurityScheme) = "oauth2SecurityScheme" | "oauth2_security_scheme",
        /// OpenID Connect.
        OpenIdConnect(OpenIdConnectSecurityScheme) = "openIdConnectSecurityScheme" | "open_id_connect_security_scheme",
        /// A client certificate.
        MutualTls(MutualTlsSecurityScheme) = "mtlsSecurityScheme" | "mtls_security_scheme",
    }
    or
    /// No scheme that this version knows: all members as received. It can not be met, but it does
    /// not make the card unreadable.
    Unknown
}

macro_rules! scheme {
    ($(#[$doc:meta])* $name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$attribute])* pub $field: $type,)*
        }
    };
}

scheme! {
    /// An API key (section 4.5.2).
    ApiKeySecurityScheme {
        /// A description for people.
        #[serde(deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        /// `header`, `query` or `cookie`.
        #[serde(deserialize_with = "json::nullable")]
        location: String,
        /// The name of the header, parameter or cookie.
        #[serde(deserialize_with = "json::nullable")]
        name: String,
    }
}

scheme! {
    /// HTTP authentication (section 4.5.3).
    HttpAuthSecurityScheme {
        /// A description for people.
        #[serde(deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        /// A scheme of the IANA registry, such as `Bearer`.
        #[serde(deserialize_with = "json::nullable")]
        scheme: String,
        /// How the bearer token is formed, such as `JWT`.
        #[serde(alias = "bearer_format", deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
        bearer_format: Option<String>,
    }
}

impl ApiKeySecurityScheme {
    /// A key in a `header`, `query` parameter or `cookie` of this name.
    pub fn new(location: impl Into<String>, name: impl Into<String>) -> Self {
        Self { description: None, location: location.into(), name: name.into() }
    }
}

impl HttpAuthSecurityScheme {
    /// A scheme of the IANA registry, such as `Bearer`.
    pub fn new(scheme: impl Into<String>) -> Self {
        Self { description: None, scheme: scheme.into(), bearer_format: None }
    }
}

scheme! {
    /// OAuth 2.0 (section 4.5.4).
    OAuth2SecurityScheme {
        /// A description for people.
        #[serde(deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        /// The flow.
        #[serde(skip_serializing_if = "Option::is_none")]
        flows: Option<OAuthFlows>,
        /// Authorization server metadata (RFC 8414).
        #[serde(alias = "oauth2_metadata_url", deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
        oauth2_metadata_url: Option<String>,
    }
}

scheme! {
    /// OpenID Connect (section 4.5.5).
    OpenIdConnectSecurityScheme {
        /// A description for people.
        #[serde(deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        /// The discovery document.
        #[serde(alias = "open_id_connect_url", deserialize_with = "json::nullable")]
        open_id_connect_url: String,
    }
}

scheme! {
    /// Mutual TLS (section 4.5.6).
    MutualTlsSecurityScheme {
        /// A description for people.
        #[serde(deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
        description: Option<String>,
    }
}

oneof! {
    /// An OAuth 2.0 flow (section 4.5.7).
    #[non_exhaustive]
    OAuthFlows {
        /// Authorization code, with PKCE.
        AuthorizationCode(AuthorizationCodeOAuthFlow) = "authorizationCode" | "authorization_code",
        /// Client credentials.
        ClientCredentials(ClientCredentialsOAuthFlow) = "clientCredentials" | "client_credentials",
        /// Implicit; deprecated by the protocol.
        Implicit(ImplicitOAuthFlow) = "implicit",
        /// Password; deprecated by the protocol.
        Password(PasswordOAuthFlow) = "password",
        /// Device code (RFC 8628).
        DeviceCode(DeviceCodeOAuthFlow) = "deviceCode" | "device_code",
    }
    or
    /// No flow that this version knows: all members as received.
    Unknown
}

scheme! {
    /// The authorization code flow (section 4.5.8).
    AuthorizationCodeOAuthFlow {
        /// Where the user consents.
        #[serde(alias = "authorization_url", deserialize_with = "json::nullable")]
        authorization_url: String,
        /// Where tokens are had.
        #[serde(alias = "token_url", deserialize_with = "json::nullable")]
        token_url: String,
        /// Where tokens are refreshed.
        #[serde(alias = "refresh_url", deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
        refresh_url: Option<String>,
        /// The scopes and what they are for.
        #[serde(deserialize_with = "json::map")]
        scopes: BTreeMap<String, String>,
        /// Whether PKCE (RFC 7636) is required.
        #[serde(alias = "pkce_required", deserialize_with = "json::nullable", skip_serializing_if = "std::ops::Not::not")]
        pkce_required: bool,
    }
}

scheme! {
    /// The client credentials flow (section 4.5.9).
    ClientCredentialsOAuthFlow {
        /// Where tokens are had.
        #[serde(alias = "token_url", deserialize_with = "json::nullable")]
        token_url: String,
        /// Where tokens are refreshed.
        #[serde(alias = "refresh_url", deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
        refresh_url: Option<String>,
        /// The scopes and what they are for.
        #[serde(deserialize_with = "json::map")]
        scopes: BTreeMap<String, String>,
    }
}

scheme! {
    /// The implicit flow; deprecated by the protocol.
    ImplicitOAuthFlow {
        /// Where the user consents.
        #[serde(alias = "authorization_url", deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
        authorization_url: Option<String>,
        /// Where tokens are refreshed.
        #[serde(alias = "refresh_url", deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
        refresh_url: Option<String>,
        /// The scopes and what they are for.
        #[serde(deserialize_with = "json::map", skip_serializing_if = "BTreeMap::is_empty")]
        scopes: BTreeMap<String, String>,
    }
}

scheme! {
    /// The password flow; deprecated by the protocol.
    PasswordOAuthFlow {
        /// Where tokens are had.
        #[serde(alias = "token_url", deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
        token_url: Option<String>,
        /// Where tokens are refreshed.
        #[serde(alias = "refresh_url", deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
        refresh_url: Option<String>,
        /// The scopes and what they are for.
        #[serde(deserialize_with = "json::map", skip_serializing_if = "BTreeMap::is_empty")]
        scopes: BTreeMap<String, String>,
    }
}

scheme! {
    /// The device code flow (section 4.5.10).
    DeviceCodeOAuthFlow {
        /// Where the device asks for a code.
        #[serde(alias = "device_authorization_url", deserialize_with = "json::nullable")]
        device_authorization_url: String,
        /// Where tokens are had.
        #[serde(alias = "token_url", deserialize_with = "json::nullable")]
        token_url: String,
        /// Where tokens are refreshed.
        #[serde(alias = "refresh_url", deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
        refresh_url: Option<String>,
        /// The scopes and what they are for.
        #[serde(deserialize_with = "json::map")]
        scopes: BTreeMap<String, String>,
    }
}
