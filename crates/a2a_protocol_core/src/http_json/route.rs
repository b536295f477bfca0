//! A verb and a path to an operation.

use std::{borrow::Cow, sync::LazyLock};

use percent_encoding::percent_decode_str;

use super::{Segment, segments};
use crate::Method;

/// As many as a path of the table has.
const MAX_CAPTURES: usize = 2;
/// As many as a path of the table has, and the tenant.
const MAX_SEGMENTS: usize = 5;

/// Where a request line leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// The operation.
    pub method: Method,
    /// The tenant that the path names.
    pub tenant: Option<Cow<'a, str>>,
    /// Whether the request is the body, rather than the query.
    pub(super) has_body: bool,
    pub(super) captures: [Option<(&'static str, Cow<'a, str>)>; MAX_CAPTURES],
}

/// No operation has this verb and path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoRoute {
    /// No operation has the path.
    Path,
    /// Operations have the path, with these verbs.
    Verb(Vec<&'static str>),
    /// A segment is not UTF-8 once percent-decoded.
    Encoding,
}

/// Finds the operation of a verb and a path; the path is as sent, below the interface's address.
///
/// Literal segments win over a tenant, so the first segments of the table cannot be tenants. A
/// suffix such as `:cancel` is never part of an id, unless its colon is percent-encoded.
///
/// # Errors
/// See [`NoRoute`].
pub fn route<'a>(verb: &str, path: &'a str) -> Result<Route<'a>, NoRoute> {
    let mut places = [""; MAX_SEGMENTS];
    let mut count = 0;
    for segment in path.strip_prefix('/').unwrap_or(path).split('/') {
        *places.get_mut(count).ok_or(NoRoute::Path)? = segment;
        count += 1;
    }
    let path = &places[..count];
    let mut verbs = Vec::new();
    if let Some(route) = matching(verb, path, &mut verbs)? {
        return Ok(route);
    }
    if let Some((tenant, rest)) = path.split_first()
        && !tenant.is_empty()
    {
        let tenant = decode(tenant)?;
        if !is_reserved(&tenant)
            && let Some(route) = matching(verb, rest, &mut verbs)?
        {
            return Ok(Route { tenant: Some(tenant), ..route });
        }
    }
    Err(if verbs.is_empty() { NoRoute::Path } else { NoRoute::Verb(verbs) })
}

/// Whether a path segment can not be a tenant because a path of the protocol begins with it.
pub fn is_reserved(segment: &str) -> bool {
    segment == ".well-known"
        || RULES.iter().any(|rule| matches!(rule.path.first(), Some(Segment::Literal(first)) if *first == segment))
}

struct Rule {
    method: Method,
    verb: &'static str,
    path: Vec<Segment<'static>>,
    is_suffixed: bool,
}

/// The rules of all methods, those first that have a suffix: `/tasks/{id}` also matches what is
/// meant for `/tasks/{id}:cancel`.
static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let mut rules: Vec<Rule> = Method::ALL
        .iter()
        .flat_map(|method| method.http_rules().iter().map(|rule| (*method, rule)))
        .map(|(method, rule)| {
            let path: Vec<_> = segments(rule.path).collect();
            let is_suffixed =
                path.iter().any(|part| matches!(part, Segment::Capture { suffix, .. } if !suffix.is_empty()));
            Rule { method, verb: rule.verb, path, is_suffixed }
        })
        .collect();
    rules.sort_by_key(|rule| !rule.is_suffixed);
    rules
});

/// Adds to `verbs` those of the rules that have the path, but not the verb.
fn matching<'a>(verb: &str, path: &[&'a str], verbs: &mut Vec<&'static str>) -> Result<Option<Route<'a>>, NoRoute> {
    let mut is_suffixed = false;
    for rule in RULES.iter() {
        if is_suffixed && !rule.is_suffixed {
            break;
        }
        let Some(captured) = rule.captures(path) else { continue };
        if rule.verb == verb {
            let mut captures = [None, None];
            for (decoded, (name, raw)) in captures.iter_mut().zip(captured.into_iter().flatten()) {
                *decoded = Some((name, decode(raw)?));
            }
            return Ok(Some(Route { method: rule.method, tenant: None, has_body: verb == "POST", captures }));
        }
        verbs.push(rule.verb);
        is_suffixed = rule.is_suffixed;
    }
    Ok(None)
}

impl Rule {
    /// What a path has in the places of the captures, if it matches.
    fn captures<'a>(&self, path: &[&'a str]) -> Option<[Option<(&'static str, &'a str)>; MAX_CAPTURES]> {
        if self.path.len() != path.len() {
            return None;
        }
        let mut captured = [None; MAX_CAPTURES];
        let mut places = captured.iter_mut();
        for (pattern, segment) in self.path.iter().zip(path) {
            match *pattern {
                Segment::Literal(literal) if literal == *segment => {}
                Segment::Literal(_) => return None,
                Segment::Capture { name, suffix } => {
                    let value = segment.strip_suffix(suffix).filter(|value| !value.is_empty())?;
                    *places.next()? = Some((name, value));
                }
            }
        }
        Some(captured)
    }
}

fn decode(segment: &str) -> Result<Cow<'_, str>, NoRoute> {
    percent_decode_str(segment).decode_utf8().map_err(|_| NoRoute::Encoding)
}
