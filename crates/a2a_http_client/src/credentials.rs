//! Credentials, and where a card wants them.

use a2a_protocol_core::{AgentCard, ApiKeySecurityScheme, SecurityScheme};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use url::Url;

use crate::{ClientError, Secret};

/// What a security scheme asks a caller of this client for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A token, sent as `Authorization: Bearer`.
    Bearer,
    /// An API key.
    ApiKey,
}

impl Credential {
    /// What meets this scheme: HTTP Bearer, OAuth 2.0 and OpenID Connect take a token. `None` for
    /// one that the client cannot meet.
    pub fn of(scheme: &SecurityScheme) -> Option<Self> {
        match scheme {
            SecurityScheme::ApiKey(_) => Some(Self::ApiKey),
            SecurityScheme::HttpAuth(http) if http.scheme.eq_ignore_ascii_case("bearer") => Some(Self::Bearer),
            SecurityScheme::OAuth2(_) | SecurityScheme::OpenIdConnect(_) => Some(Self::Bearer),
            _ => None,
        }
    }
}

/// What the caller has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credentials {
    pub(crate) bearer: Option<Secret>,
    pub(crate) api_key: Option<Secret>,
}

/// Where the key goes if the card declares no scheme.
const DEFAULT_KEY_HEADER: HeaderName = HeaderName::from_static("x-api-key");

impl Credentials {
    pub(crate) fn is_empty(&self) -> bool {
        self.bearer.is_none() && self.api_key.is_none()
    }

    /// Puts the credentials where the card declares them; without a card, or one that declares no
    /// scheme at all, into headers. One that no scheme asks for is kept back: it is for another
    /// agent. Gives the name of the query parameter, if the key went there; `url` is `None` for an
    /// interface whose requests have no query.
    pub(crate) fn place(
        &self,
        card: Option<&AgentCard>,
        url: Option<&mut Url>,
        headers: &mut HeaderMap,
    ) -> Result<Option<String>, ClientError> {
        let card = card.filter(|card| !card.security_schemes.is_empty());
        let takes_tokens = |card: &AgentCard| {
            card.security_schemes.values().any(|scheme| Credential::of(scheme) == Some(Credential::Bearer))
        };
        if let Some(token) = &self.bearer
            && card.is_none_or(takes_tokens)
        {
            headers.insert(header::AUTHORIZATION, value_of(token, "Bearer ", "bearer token")?);
        }
        let Some(key) = &self.api_key else {
            return Ok(None);
        };
        let Some(card) = card else {
            headers.insert(DEFAULT_KEY_HEADER, value_of(key, "", "API key")?);
            return Ok(None);
        };
        let Some((declared, scheme)) = key_scheme(card) else {
            return Ok(None);
        };
        let unusable =
            |what: &str| ClientError::card_invalid(format!("the security scheme {declared:?} is unusable: {what}"));
        if scheme.name.is_empty() {
            return Err(unusable("name is empty"));
        }
        match scheme.location.to_ascii_lowercase().as_str() {
            "header" => {
                let name = HeaderName::try_from(&scheme.name).map_err(|_| unusable("name is no header's"))?;
                headers.insert(name, value_of(key, "", "API key")?);
                Ok(None)
            }
            "query" => {
                let url = url.ok_or_else(|| unusable("the key goes into a query, which this binding does not have"))?;
                url.query_pairs_mut().append_pair(&scheme.name, key.reveal());
                Ok(Some(scheme.name.clone()))
            }
            "cookie" => {
                headers.insert(header::COOKIE, value_of(key, &format!("{}=", scheme.name), "API key")?);
                Ok(None)
            }
            other => Err(unusable(&format!("location is {other:?}, not header, query or cookie"))),
        }
    }
}

fn value_of(secret: &Secret, prefix: &str, what: &str) -> Result<HeaderValue, ClientError> {
    secret
        .header(prefix)
        .ok_or_else(|| ClientError::setup(format!("the {what} holds characters that a header cannot carry")))
}

/// The scheme an API key is for: one that the card requires, else the first one it declares.
fn key_scheme(card: &AgentCard) -> Option<(&str, &ApiKeySecurityScheme)> {
    let key = |name: &'_ str| match card.security_schemes.get_key_value(name) {
        Some((name, SecurityScheme::ApiKey(scheme))) => Some((name.as_str(), scheme)),
        _ => None,
    };
    let required = card.security_requirements.iter().flat_map(|requirement| requirement.schemes.keys());
    required.chain(card.security_schemes.keys()).find_map(|name| key(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(schemes: &str, requirements: &str) -> AgentCard {
        let json = format!(r#"{{"securitySchemes":{schemes},"securityRequirements":{requirements}}}"#);
        serde_json::from_str(&json).unwrap()
    }

    fn key(location: &str, name: &str) -> String {
        format!(r#"{{"apiKeySecurityScheme":{{"location":"{location}","name":"{name}"}}}}"#)
    }

    fn placed(card: Option<&AgentCard>) -> Result<String, ClientError> {
        let credentials = Credentials { bearer: None, api_key: Some("s3 cret".into()) };
        let (mut url, mut headers) = (Url::parse("https://h/a?b=c").unwrap(), HeaderMap::new());
        let parameter = credentials.place(card, Some(&mut url), &mut headers)?;
        assert_eq!(parameter.is_some(), url.as_str() != "https://h/a?b=c");
        assert!(headers.values().all(HeaderValue::is_sensitive));
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        Ok(format!("{url} {}", headers.join(", ")).trim().to_owned())
    }

    #[test]
    fn an_api_key_goes_where_the_card_says() {
        let plain = "https://h/a?b=c ";
        for (schemes, requirements, result) in [
            ("{}".to_owned(), "[]", format!("{plain}x-api-key: s3 cret")),
            (format!(r#"{{"k":{}}}"#, key("header", "X-Mine")), "[]", format!("{plain}x-mine: s3 cret")),
            (format!(r#"{{"k":{}}}"#, key("Cookie", "sid")), "[]", format!("{plain}cookie: sid=s3 cret")),
            (format!(r#"{{"k":{}}}"#, key("query", "my key")), "[]", "https://h/a?b=c&my+key=s3+cret".to_owned()),
            (
                format!(r#"{{"a":{},"b":{}}}"#, key("header", "X-A"), key("header", "X-B")),
                r#"[{"schemes":{"b":{}}}]"#,
                format!("{plain}x-b: s3 cret"),
            ),
        ] {
            assert_eq!(placed(Some(&card(&schemes, requirements))).unwrap(), result);
        }
        assert_eq!(placed(None).unwrap(), format!("{plain}x-api-key: s3 cret"));
    }

    #[test]
    fn a_credential_that_no_scheme_asks_for_is_kept_back() {
        for (schemes, sent) in [
            ("{}".to_owned(), &["authorization", "x-api-key"][..]),
            (format!(r#"{{"k":{}}}"#, key("header", "X-Mine")), &["x-mine"]),
            (r#"{"t":{"httpAuthSecurityScheme":{"scheme":"bearer"}}}"#.to_owned(), &["authorization"]),
            (r#"{"t":{"httpAuthSecurityScheme":{"scheme":"Basic"}}}"#.to_owned(), &[]),
            (r#"{"o":{"oauth2SecurityScheme":{}}}"#.to_owned(), &["authorization"]),
            (
                r#"{"o":{"openIdConnectSecurityScheme":{"openIdConnectUrl":"https://h"}}}"#.to_owned(),
                &["authorization"],
            ),
            (r#"{"m":{"mtlsSecurityScheme":{}}}"#.to_owned(), &[]),
        ] {
            let credentials = Credentials { bearer: Some("t".into()), api_key: Some("k".into()) };
            let (mut url, mut headers) = (Url::parse("https://h/").unwrap(), HeaderMap::new());
            credentials.place(Some(&card(&schemes, "[]")), Some(&mut url), &mut headers).unwrap();
            let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
            names.sort_unstable();
            assert_eq!(names, sent, "{schemes}");
        }
    }

    #[test]
    fn schemes_that_cannot_be_met_are_the_cards_fault() {
        for (location, name, fault) in [
            ("body", "k", "location is \"body\""),
            ("header", "no header", "name is no header's"),
            ("query", "", "name is empty"),
        ] {
            let error = placed(Some(&card(&format!(r#"{{"k":{}}}"#, key(location, name)), "[]"))).unwrap_err();
            assert!(error.is_card_invalid() && error.to_string().contains(fault), "{error}");
        }
    }

    #[test]
    fn a_secret_that_no_header_can_carry_is_not_shown() {
        let credentials = Credentials { bearer: Some("se\ncret".into()), api_key: None };
        let mut url = Url::parse("https://h/").unwrap();
        let error = credentials.place(None, Some(&mut url), &mut HeaderMap::new()).unwrap_err();
        assert!(!format!("{error} {error:?} {credentials:?}").contains("cret"), "{error:?}");
    }
}
