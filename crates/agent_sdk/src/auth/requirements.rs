//! Whether what a request presents is enough: any one of the requirements, all schemes of it.

use std::{collections::BTreeMap, fmt};

use a2a_app_ports::Principal;
use a2a_protocol_core::{Credential, SecurityRequirement, SecurityScheme};

/// What is presented for a scheme, once it is verified.
#[derive(Clone, Debug)]
pub(super) enum Found {
    /// Something that is nobody's.
    Invalid,
    /// The credential of somebody.
    Valid(Principal, Credential),
}

/// Why no requirement is met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Credentials are missing, or invalid.
    Unauthenticated,
    /// One key is presented for these two schemes.
    OneKeyForTwo(String, String),
    /// Together they say that several call at once.
    SeveralCallers,
    /// They are somebody's, but lack these scopes.
    MissingScopes(Vec<String>),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthenticated => f.write_str("no valid credentials"),
            Self::OneKeyForTwo(one, other) => write!(f, "{one} and {other} are presented the same API key"),
            Self::SeveralCallers => f.write_str("the credentials belong to different callers"),
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
            Ok(principal) => return Ok(principal),
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
    let principals: Vec<_> = found.values().filter_map(Found::principal).collect();
    caller(&principals)
}

impl Found {
    fn principal(&self) -> Option<&Principal> {
        match self {
            Self::Valid(principal, _) => Some(principal),
            Self::Invalid => None,
        }
    }
}

fn meet_all(
    requirement: &SecurityRequirement,
    schemes: &BTreeMap<String, SecurityScheme>,
    found: &BTreeMap<&str, Found>,
) -> Result<Option<Principal>, Refusal> {
    let mut principals = Vec::with_capacity(requirement.schemes.len());
    let mut keys: Vec<(&str, &Credential)> = Vec::new();
    let mut missing = Vec::new();
    for (name, scopes) in &requirement.schemes {
        let Some(Found::Valid(principal, credential)) = found.get(name.as_str()) else {
            return Err(Refusal::Unauthenticated);
        };
        missing.extend(scopes.list.iter().filter(|scope| !principal.scopes.contains(*scope)).cloned());
        principals.push(principal);
        // Not so tokens: there is one `Authorization`, whichever schemes read it.
        if matches!(schemes.get(name), Some(SecurityScheme::ApiKey(_))) {
            if let Some((other, _)) = keys.iter().find(|(_, key)| *key == credential) {
                return Err(Refusal::OneKeyForTwo((*other).to_owned(), name.clone()));
            }
            keys.push((name, credential));
        }
    }
    let caller = caller(&principals)?;
    if missing.is_empty() { Ok(caller) } else { Err(Refusal::MissingScopes(missing)) }
}

/// Whom all of them say that calls, with the scopes of all. Programs say so only among themselves.
fn caller(principals: &[&Principal]) -> Result<Option<Principal>, Refusal> {
    let only_programs = principals.iter().all(|principal| principal.is_program);
    let mut named = principals.iter().filter(|principal| only_programs || !principal.is_program);
    let Some(first) = named.next() else { return Ok(None) };
    if named.any(|other| other.id != first.id) {
        return Err(Refusal::SeveralCallers);
    }
    let mut caller = Principal::clone(first);
    caller.scopes.extend(principals.iter().flat_map(|principal| principal.scopes.iter().cloned()));
    Ok(Some(caller))
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
        let found = found.iter().cloned().map(|(name, found)| match found {
            Some(principal) => (name, Found::Valid(principal, Credential::ApiKey(name.to_owned()))),
            None => (name, Found::Invalid),
        });
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
        let app = || ("app", Some(Principal::program("app").scope("x")));
        let other = || ("key", Some(Principal::program("other")));
        let key = || ("key", Some(Principal::new("key")));
        let bob = || ("token", Some(Principal::new("bob").scope("a")));
        let eve = || ("user", Some(Principal::new("eve").scope("b")));
        let bobs = || ("user", Some(Principal::new("bob").scope("b")));
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
            (json!([both]), &[app(), bob(), bobs()], owner("bob a,b,x")),
            (json!([both]), &[app(), bob(), eve()], Err(Refusal::SeveralCallers)),
            (json!([both]), &[app(), bob()], Err(Refusal::Unauthenticated)),
            (json!([{"schemes": {"app": {}, "key": {}}}]), &[app(), key()], owner("key x")),
            (json!([{"schemes": {"app": {}, "key": {}}}]), &[app(), other()], Err(Refusal::SeveralCallers)),
            (json!([{"schemes": {"key": {}, "token": {}}}]), &[key(), bob()], Err(Refusal::SeveralCallers)),
            (json!([{"schemes": {"app": {}}}]), &[app()], owner("app x")),
            (json!([{"schemes": {"app": {}, "token": {}}}]), &[app(), bob()], owner("bob a,x")),
            // Nothing is asked for.
            (json!([]), &[], Ok(None)),
            (json!([{}]), &[], Ok(None)),
            (json!([]), &[bob()], owner("bob a")),
            (json!([{}]), &[app(), bob()], owner("bob a,x")),
            (json!([{}]), &[key(), bob()], Err(Refusal::SeveralCallers)),
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
