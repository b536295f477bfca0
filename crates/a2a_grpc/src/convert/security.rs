//! Security schemes and requirements.

use a2a_protocol_core::{
    ApiKeySecurityScheme, AuthorizationCodeOAuthFlow, ClientCredentialsOAuthFlow, DeviceCodeOAuthFlow,
    HttpAuthSecurityScheme, ImplicitOAuthFlow, MutualTlsSecurityScheme, OAuth2SecurityScheme, OAuthFlows,
    OpenIdConnectSecurityScheme, PasswordOAuthFlow, SecurityRequirement, SecurityScheme, StringList, Struct,
};

use super::{Fault, Read, Write, messages};
use crate::proto::v1::{self, o_auth_flows::Flow, security_scheme::Scheme};

messages! {
    StringList = v1::StringList { list }
    SecurityRequirement = v1::SecurityRequirement { schemes }
    ApiKeySecurityScheme = v1::ApiKeySecurityScheme { description, location, name }
    HttpAuthSecurityScheme = v1::HttpAuthSecurityScheme { description, scheme, bearer_format }
    OAuth2SecurityScheme = v1::OAuth2SecurityScheme { description, flows, oauth2_metadata_url }
    OpenIdConnectSecurityScheme = v1::OpenIdConnectSecurityScheme { description, open_id_connect_url }
    MutualTlsSecurityScheme = v1::MutualTlsSecurityScheme { description }
    AuthorizationCodeOAuthFlow = v1::AuthorizationCodeOAuthFlow {
        authorization_url, token_url, refresh_url, scopes, pkce_required
    }
    ClientCredentialsOAuthFlow = v1::ClientCredentialsOAuthFlow { token_url, refresh_url, scopes }
    ImplicitOAuthFlow = v1::ImplicitOAuthFlow { authorization_url, refresh_url, scopes }
    PasswordOAuthFlow = v1::PasswordOAuthFlow { token_url, refresh_url, scopes }
    DeviceCodeOAuthFlow = v1::DeviceCodeOAuthFlow { device_authorization_url, token_url, refresh_url, scopes }
}

/// A message that is nothing but a oneof, of which an unknown member does no harm.
macro_rules! choices {
    ($($domain:ident = $proto:ident { $field:ident: $oneof:ident { $($variant:ident = $member:ident),* $(,)? } })*) => {$(
        impl Write<v1::$proto> for $domain {
            fn write(&self) -> v1::$proto {
                let $field = match self {
                    $($domain::$variant(value) => Some($oneof::$member(value.write())),)*
                    _ => None,
                };
                v1::$proto { $field }
            }
        }
        impl Read<$domain> for v1::$proto {
            fn read(self) -> Result<$domain, Fault> {
                Ok(match self.$field {
                    $(Some($oneof::$member(value)) => $domain::$variant(value.read()?),)*
                    None => $domain::Unknown(Struct::new()),
                })
            }
        }
    )*};
}

choices! {
    SecurityScheme = SecurityScheme {
        scheme: Scheme {
            ApiKey = ApiKeySecurityScheme,
            HttpAuth = HttpAuthSecurityScheme,
            OAuth2 = Oauth2SecurityScheme,
            OpenIdConnect = OpenIdConnectSecurityScheme,
            MutualTls = MtlsSecurityScheme,
        }
    }
    OAuthFlows = OAuthFlows {
        flow: Flow {
            AuthorizationCode = AuthorizationCode,
            ClientCredentials = ClientCredentials,
            Implicit = Implicit,
            Password = Password,
            DeviceCode = DeviceCode,
        }
    }
}
