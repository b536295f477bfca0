//! What a caller is told whose credentials are not enough: which would be (RFC 9110 section 11.6.1,
//! RFC 6750 section 3).

use std::collections::{BTreeMap, BTreeSet};

use a2a_protocol_core::{
    AgentCard, CHALLENGE_METADATA, Credential, Error, ErrorKind, SecurityRequirement, SecurityScheme,
};

use super::requirements::{Found, Refusal};

/// Unauthenticated or PermissionDenied, with the challenge in the metadata.
pub(super) fn refuse(
    card: &AgentCard,
    required: &[SecurityRequirement],
    found: &BTreeMap<&str, Found>,
    refusal: Refusal,
) -> Error {
    let names: BTreeSet<&str> = required.iter().flat_map(|one| one.schemes.keys().map(String::as_str)).collect();
    let schemes = || names.iter().filter_map(|name| Some((*name, card.security_schemes.get(*name)?)));
    let invalid: Vec<&str> =
        found.iter().filter(|(_, found)| matches!(found, Found::Invalid)).map(|(name, _)| *name).collect();
    let (error, reason) = match refusal {
        Refusal::MissingScopes(scopes) => {
            let text = format!("the credentials lack the scopes {}", scopes.join(", "));
            let reason = format!(", error=\"insufficient_scope\", scope=\"{}\"", quotable(&scopes.join(" ")));
            (Error::new(ErrorKind::PermissionDenied, text).with_metadata("scopes", scopes.join(" ")), reason)
        }
        Refusal::OneKeyForTwo(..) | Refusal::SeveralCallers => {
            (Error::new(ErrorKind::Unauthenticated, refusal.to_string()), ", error=\"invalid_token\"".to_owned())
        }
        Refusal::Unauthenticated if invalid.is_empty() => {
            let taken: Vec<String> = schemes().map(|(name, scheme)| format!("{name} ({})", describe(scheme))).collect();
            let text = format!("credentials are needed; the agent takes {}", taken.join(", "));
            (Error::new(ErrorKind::Unauthenticated, text), String::new())
        }
        Refusal::Unauthenticated => {
            let text = format!("the credential for {} is not valid", invalid.join(", "));
            (Error::new(ErrorKind::Unauthenticated, text), ", error=\"invalid_token\"".to_owned())
        }
    };
    let realm = quotable(&card.name);
    let mut challenges = Vec::new();
    for challenge in schemes().filter_map(|(_, scheme)| challenge(scheme, &realm, &reason)) {
        if !challenges.contains(&challenge) {
            challenges.push(challenge);
        }
    }
    if challenges.is_empty() { error } else { error.with_metadata(CHALLENGE_METADATA, challenges.join(", ")) }
}

/// A scheme for people.
fn describe(scheme: &SecurityScheme) -> String {
    match scheme {
        SecurityScheme::ApiKey(key) => format!("an API key, {} {}", key.location, key.name),
        SecurityScheme::HttpAuth(http) => format!("HTTP {}", http.scheme),
        SecurityScheme::OAuth2(_) => "an OAuth 2.0 bearer token".to_owned(),
        SecurityScheme::OpenIdConnect(_) => "an OpenID Connect bearer token".to_owned(),
        SecurityScheme::MutualTls(_) => "mutual TLS, which cannot be verified yet".to_owned(),
        _ => "an unknown scheme".to_owned(),
    }
}

/// A scheme for programs. API keys have no registered name for it.
fn challenge(scheme: &SecurityScheme, realm: &str, reason: &str) -> Option<String> {
    if !Credential::is_presentable(scheme) {
        return None;
    }
    Some(match scheme {
        SecurityScheme::ApiKey(key) => {
            let (location, name) = (quotable(&key.location), quotable(&key.name));
            format!("ApiKey realm=\"{realm}\", in=\"{location}\", name=\"{name}\"")
        }
        SecurityScheme::HttpAuth(http) if !http.scheme.eq_ignore_ascii_case("bearer") => {
            let scheme: String = http.scheme.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
            format!("{scheme} realm=\"{realm}\"")
        }
        _ => format!("Bearer realm=\"{realm}\"{reason}"),
    })
}

/// What may stand in quotes in a header.
fn quotable(text: &str) -> String {
    text.chars().filter(|c| (c.is_ascii_graphic() || *c == ' ') && !matches!(c, '"' | '\\')).collect()
}
