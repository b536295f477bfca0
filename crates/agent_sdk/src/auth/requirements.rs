//! Whether what a request presents is enough: any one of the requirements, all schemes of it.

use std::{collections::BTreeMap, fmt};

use a2a_app_ports::Principal;
use a2a_protocol_core::{SecurityRequirement, SecurityScheme};

/// What is presented for a scheme, once it is verified.
#[derive(Clone, Debug)]
pub(super) enum Found {
    /// Something that is nobody's.
    Invalid,
    /// The credential of somebody.
    Valid(Principal),
}

/// Why no requirement is met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Credentials are missing, or invalid.
    Unauthenticated,
    /// They are somebody's, but lack these scopes.
    MissingScopes(Vec<String>),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthenticated => f.write_str("no valid credentials"),
            Self::MissingScopes(scopes) => write!(f, "the scopes {} are missing", scopes.join(", ")),
        }
    }
}

/// The caller, by the first requirement that is met with credentials. Where none are asked for, by
/// whatever is presented; nobody in particular if that is nothing.
pub(super) fn meet(
    requirements: &[SecurityRequirement],
    schemes: &BTreeMap<String, SecurityScheme>,
    found: &BTreeMap<&str, Found>,
) -> Result<Option<Principal>, Refusal> {
    let mut refusal = Refusal::Unauthenticated;
    for requirement in requirements.iter().filter(|requirement| !requirement.schemes.is_empty()) {
        match meet_all(requirement, schemes, found) {
            Ok(principal) => return Ok(Some(principal)),
            // Of several, the first that comes that far.
            Err(missing) if refusal == Refusal::Unauthenticated => refusal = missing,
            Err(_) => {}
        }
    }
    let asks_nothing = requirements.is_empty() || requirements.iter().any(|one| one.schemes.is_empty());
    // Whoever presents a credential means to be somebody: with a wrong one it does not become nobody.
    let presents_wrong = found.values().any(|found| matches!(found, Found::Invalid));
    if !asks_nothing || presents_wrong {
        return Err(refusal);
    }
    Ok(owner(found.iter().filter_map(|(name, found)| match found {
        Found::Valid(principal) => Some((rank(schemes.get(*name)), principal)),
        Found::Invalid => None,
    })))
}

fn meet_all(
    requirement: &SecurityRequirement,
    schemes: &BTreeMap<String, SecurityScheme>,
    found: &BTreeMap<&str, Found>,
) -> Result<Principal, Refusal> {
    let mut principals = Vec::with_capacity(requirement.schemes.len());
    let mut missing = Vec::new();
    for (name, scopes) in &requirement.schemes {
        let Some(Found::Valid(principal)) = found.get(name.as_str()) else { return Err(Refusal::Unauthenticated) };
        missing.extend(scopes.list.iter().filter(|scope| !principal.scopes.contains(*scope)).cloned());
        principals.push((rank(schemes.get(name)), principal));
    }
    if !missing.is_empty() {
        return Err(Refusal::MissingScopes(missing));
    }
    owner(principals.into_iter()).ok_or(Refusal::Unauthenticated)
}

/// The first of the least rank, with the scopes of all.
fn owner<'a>(principals: impl Iterator<Item = (u8, &'a Principal)> + Clone) -> Option<Principal> {
    let mut owner = principals.clone().min_by_key(|(rank, _)| *rank)?.1.clone();
    owner.scopes.extend(principals.flat_map(|(_, principal)| principal.scopes.iter().cloned()));
    Some(owner)
}

/// How surely a scheme names a person: the less, the surer.
fn rank(scheme: Option<&SecurityScheme>) -> u8 {
    match scheme {
        Some(SecurityScheme::OpenIdConnect(_)) => 0,
        Some(SecurityScheme::OAuth2(_)) => 1,
        Some(SecurityScheme::HttpAuth(_)) => 2,
        Some(SecurityScheme::ApiKey(_)) => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn outcome(requirements: Value, found: &[(&'static str, Option<Principal>)]) -> Result<Option<String>, Refusal> {
        let requirements: Vec<SecurityRequirement> = serde_json::from_value(requirements).unwrap();
        let schemes: BTreeMap<String, SecurityScheme> = serde_json::from_value(json!({
            "app": {"apiKeySecurityScheme": {"location": "header", "name": "X-App"}},
            "key": {"apiKeySecurityScheme": {"location": "header", "name": "X-Key"}},
            "token": {"httpAuthSecurityScheme": {"scheme": "Bearer"}},
            "user": {"openIdConnectSecurityScheme": {"openIdConnectUrl": "https://sso.example"}},
        }))
        .unwrap();
        let found = found.iter().cloned().map(|(name, found)| (name, found.map_or(Found::Invalid, Found::Valid)));
        let granted = meet(&requirements, &schemes, &found.collect())?;
        Ok(granted.map(|owner| {
            let scopes: Vec<String> = owner.scopes.into_iter().collect();
            format!("{} {}", owner.id, scopes.join(",")).trim().to_owned()
        }))
    }

    #[test]
    fn one_requirement_is_enough_and_all_its_schemes_are_needed() {
        let (token, user) = (json!({"schemes": {"token": {}}}), json!({"schemes": {"user": {"list": ["a", "b"]}}}));
        let both = json!({"schemes": {"app": {}, "token": {"list": ["a"]}, "user": {}}});
        let app = || ("app", Some(Principal::new("app").scope("x")));
        let key = || ("key", Some(Principal::new("key")));
        let bob = || ("token", Some(Principal::new("bob").scope("a")));
        let eve = || ("user", Some(Principal::new("eve").scope("b")));
        let wrong = || ("token", None);
        let owner = |owner: &str| Ok(Some(owner.to_owned()));
        let lacks = |scopes: &[&str]| Err(Refusal::MissingScopes(scopes.iter().map(|s| (*s).to_owned()).collect()));
        for (requirements, found, expected) in [
            (json!([token]), &[bob()][..], owner("bob a")),
            (json!([token]), &[], Err(Refusal::Unauthenticated)),
            (json!([token]), &[wrong()], Err(Refusal::Unauthenticated)),
            (json!([token]), &[eve()], Err(Refusal::Unauthenticated)),
            // Any of.
            (json!([user, token]), &[bob()], owner("bob a")),
            (json!([user, token]), &[bob(), eve()], owner("bob a")),
            (json!([user]), &[eve()], lacks(&["a"])),
            (json!([token, user]), &[wrong(), eve()], lacks(&["a"])),
            (json!([{"schemes": {"key": {}}}, token]), &[key(), wrong()], owner("key")),
            // All of.
            (json!([both]), &[app(), bob(), eve()], owner("eve a,b,x")),
            (json!([both]), &[app(), bob()], Err(Refusal::Unauthenticated)),
            (json!([{"schemes": {"app": {}, "key": {}}}]), &[app(), key()], owner("app x")),
            (json!([{"schemes": {"app": {}, "token": {}}}]), &[app(), bob()], owner("bob a,x")),
            // Nothing is asked for.
            (json!([]), &[], Ok(None)),
            (json!([{}]), &[], Ok(None)),
            (json!([]), &[bob()], owner("bob a")),
            (json!([{}]), &[key(), bob()], owner("bob a")),
            (json!([{}, user]), &[eve()], owner("eve b")),
            (json!([{}, token]), &[], Ok(None)),
            (json!([{}, token]), &[bob()], owner("bob a")),
            (json!([{}, token]), &[wrong()], Err(Refusal::Unauthenticated)),
            (json!([{"schemes": {"nowhere": {}}}]), &[bob()], Err(Refusal::Unauthenticated)),
        ] {
            assert_eq!(outcome(requirements.clone(), found), expected, "{requirements} {found:?}");
        }
    }
}
