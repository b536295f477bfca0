//! What a request presents for a security scheme (section 4.5): found, but not verified.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, header};

use crate::SecurityScheme;

/// A credential as it was sent, for somebody to verify. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credential {
    /// A key, from where an API key scheme has it.
    ApiKey(String),
    /// A bearer token (RFC 6750): of HTTP Bearer, OAuth 2.0 and OpenID Connect.
    Bearer(String),
    /// A user and a password (RFC 7617).
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// Any other HTTP authentication: what follows the scheme's name.
    Http(String),
}

/// A credential was sent, but cannot be read: it is there twice, or not of its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedCredential;

impl Credential {
    /// What a request presents for this scheme; `None` if that is nothing. Credentials in headers
    /// also come as gRPC metadata; then the query is empty.
    ///
    /// # Errors
    /// When what is presented is malformed, such as two tokens.
    pub fn presented(
        scheme: &SecurityScheme,
        headers: &HeaderMap,
        query: &str,
    ) -> Result<Option<Self>, MalformedCredential> {
        match scheme {
            SecurityScheme::ApiKey(key) => {
                let name = key.name.as_str();
                let found = match key.location.to_ascii_lowercase().as_str() {
                    "header" => text_of(headers, name)?.map(ToOwned::to_owned),
                    "query" => {
                        let parameters = form_urlencoded::parse(query.as_bytes());
                        one(parameters.filter(|(parameter, _)| parameter == name))?.map(|(_, key)| key.into_owned())
                    }
                    "cookie" => cookie(headers, name)?.map(ToOwned::to_owned),
                    _ => None,
                };
                Ok(found.filter(|key| !key.is_empty()).map(Self::ApiKey))
            }
            SecurityScheme::HttpAuth(http) if http.scheme.eq_ignore_ascii_case("bearer") => bearer(headers),
            SecurityScheme::HttpAuth(http) if http.scheme.eq_ignore_ascii_case("basic") => {
                authorization(headers, "Basic")?.map(basic).transpose()
            }
            SecurityScheme::HttpAuth(http) => {
                Ok(authorization(headers, &http.scheme)?.map(|rest| Self::Http(rest.to_owned())))
            }
            SecurityScheme::OAuth2(_) | SecurityScheme::OpenIdConnect(_) => bearer(headers),
            SecurityScheme::MutualTls(_) | SecurityScheme::Unknown(_) => Ok(None),
        }
    }

    /// Whether a request can present anything for this scheme. Mutual TLS is not implemented yet:
    /// it shows in the connection, not in the request.
    pub fn is_presentable(scheme: &SecurityScheme) -> bool {
        !matches!(scheme, SecurityScheme::MutualTls(_) | SecurityScheme::Unknown(_))
    }
}

fn bearer(headers: &HeaderMap) -> Result<Option<Credential>, MalformedCredential> {
    match authorization(headers, "Bearer")? {
        Some("") => Err(MalformedCredential),
        token => Ok(token.map(|token| Credential::Bearer(token.to_owned()))),
    }
}

fn basic(encoded: &str) -> Result<Credential, MalformedCredential> {
    let decoded = STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let (user, password) = decoded.as_deref().and_then(|text| text.split_once(':')).ok_or(MalformedCredential)?;
    Ok(Credential::Basic { user: user.to_owned(), password: password.to_owned() })
}

/// What follows the name of this HTTP authentication scheme in `Authorization`; `None` also where
/// that has another scheme's.
fn authorization<'a>(headers: &'a HeaderMap, scheme: &str) -> Result<Option<&'a str>, MalformedCredential> {
    let Some(value) = text_of(headers, header::AUTHORIZATION.as_str())? else { return Ok(None) };
    let (named, rest) = value.split_once(' ').unwrap_or((value, ""));
    Ok(named.eq_ignore_ascii_case(scheme).then(|| rest.trim()))
}

fn text_of<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, MalformedCredential> {
    let value = one(headers.get_all(name).iter())?;
    value.map(|value| text(value).map(str::trim)).transpose()
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, MalformedCredential> {
    let mut found = Vec::new();
    for line in headers.get_all(header::COOKIE) {
        let pairs = text(line)?.split(';').filter_map(|pair| pair.trim().split_once('='));
        found.extend(pairs.filter(|(cookie, _)| *cookie == name).map(|(_, value)| value));
    }
    one(found.into_iter())
}

fn text(value: &HeaderValue) -> Result<&str, MalformedCredential> {
    value.to_str().map_err(|_| MalformedCredential)
}

/// The only one: with two it would be anybody's choice which of them counts.
fn one<T>(mut values: impl Iterator<Item = T>) -> Result<Option<T>, MalformedCredential> {
    let first = values.next();
    if values.next().is_some() { Err(MalformedCredential) } else { Ok(first) }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ApiKey(_) => "ApiKey",
            Self::Bearer(_) => "Bearer",
            Self::Basic { .. } => "Basic",
            Self::Http(_) => "Http",
        })
    }
}

impl fmt::Display for MalformedCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the credential is malformed")
    }
}

impl std::error::Error for MalformedCredential {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scheme(json: serde_json::Value) -> SecurityScheme {
        serde_json::from_value(json).unwrap()
    }

    fn key(location: &str) -> SecurityScheme {
        scheme(json!({"apiKeySecurityScheme": {"location": location, "name": "X-Key"}}))
    }

    fn http(name: &str) -> SecurityScheme {
        scheme(json!({"httpAuthSecurityScheme": {"scheme": name}}))
    }

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    #[test]
    fn credentials_are_found_where_their_scheme_has_them() {
        let found = |credential| Ok(Some(credential));
        let bearer = || Credential::Bearer("t0".to_owned());
        let api_key = || Credential::ApiKey("k 0".to_owned());
        let oauth = scheme(json!({"oauth2SecurityScheme": {}}));
        let oidc = scheme(json!({"openIdConnectSecurityScheme": {"openIdConnectUrl": "https://h"}}));
        let user = Credential::Basic { user: "u".to_owned(), password: "p:w".to_owned() };
        for (scheme, lines, query, expected) in [
            (http("Bearer"), &[("authorization", "bearer  t0 ")][..], "", found(bearer())),
            (oauth.clone(), &[("authorization", "Bearer t0")], "", found(bearer())),
            (oidc, &[("authorization", "BEARER t0")], "", found(bearer())),
            (http("basic"), &[("authorization", "Basic dTpwOnc=")], "", found(user)),
            (http("Digest"), &[("authorization", "digest a=\"b\"")], "", found(Credential::Http("a=\"b\"".to_owned()))),
            (key("header"), &[("x-key", " k 0 ")], "", found(api_key())),
            (key("query"), &[], "a=b&X-Key=k%200", found(api_key())),
            (key("cookie"), &[("cookie", "a=b; X-Key=k 0"), ("cookie", "c=d")], "", found(api_key())),
            // Nothing, or something for another scheme.
            (http("bearer"), &[], "", Ok(None)),
            (http("bearer"), &[("authorization", "Basic dTpw")], "", Ok(None)),
            (key("header"), &[("x-key", "")], "X-Key=k", Ok(None)),
            (key("query"), &[("x-key", "k")], "x-key=k", Ok(None)),
            (key("cookie"), &[("cookie", "x-key=k; X-Key2=k")], "", Ok(None)),
            (key("body"), &[("x-key", "k")], "X-Key=k", Ok(None)),
            (scheme(json!({"mtlsSecurityScheme": {}})), &[("authorization", "Bearer t0")], "", Ok(None)),
            // Not to be read.
            (http("bearer"), &[("authorization", "Bearer")], "", Err(MalformedCredential)),
            (oauth, &[("authorization", "Bearer a"), ("authorization", "Bearer b")], "", Err(MalformedCredential)),
            (http("basic"), &[("authorization", "Basic dTpw!")], "", Err(MalformedCredential)),
            (http("basic"), &[("authorization", "Basic dXA=")], "", Err(MalformedCredential)),
            (key("header"), &[("x-key", "a"), ("x-key", "a")], "", Err(MalformedCredential)),
            (key("header"), &[("x-key", "\u{fc}")], "", Err(MalformedCredential)),
            (key("query"), &[], "X-Key=a&X-Key=b", Err(MalformedCredential)),
            (key("cookie"), &[("cookie", "X-Key=a"), ("cookie", "X-Key=b")], "", Err(MalformedCredential)),
        ] {
            assert_eq!(
                Credential::presented(&scheme, &headers(lines), query),
                expected,
                "{scheme:?} {lines:?} {query}"
            );
        }
    }

    #[test]
    fn credentials_are_not_shown() {
        let all = [
            Credential::ApiKey("s3cret".to_owned()),
            Credential::Bearer("s3cret".to_owned()),
            Credential::Basic { user: "s3cret".to_owned(), password: "s3cret".to_owned() },
            Credential::Http("s3cret".to_owned()),
        ];
        assert_eq!(format!("{all:?}"), "[ApiKey, Bearer, Basic, Http]");
    }
}
