//! A verb and a path to an operation.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::{Segment, segments};
use crate::{HttpRule, Method};

/// Where a request line leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// The operation.
    pub method: Method,
    /// The tenant that the path names.
    pub tenant: Option<Cow<'a, str>>,
    /// Whether the request is the body, rather than the query.
    pub(super) has_body: bool,
    pub(super) captures: Vec<(&'static str, Cow<'a, str>)>,
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
    let path = path.strip_prefix('/').unwrap_or(path);
    let mut verbs = Vec::new();
    if let Some(route) = matching(verb, path, None, &mut verbs)? {
        return Ok(route);
    }
    if let Some((tenant, rest)) = path.split_once('/')
        && !tenant.is_empty()
    {
        let tenant = decode(tenant)?;
        if !is_reserved(&tenant)
            && let Some(route) = matching(verb, rest, Some(tenant), &mut verbs)?
        {
            return Ok(route);
        }
    }
    Err(if verbs.is_empty() { NoRoute::Path } else { NoRoute::Verb(verbs) })
}

/// Whether a path segment can not be a tenant because a path of the protocol begins with it.
pub fn is_reserved(segment: &str) -> bool {
    segment == ".well-known"
        || rules()
            .any(|(_, rule)| matches!(segments(rule.path).next(), Some(Segment::Literal(first)) if first == segment))
}

fn rules() -> impl Iterator<Item = (Method, &'static HttpRule)> {
    Method::ALL.iter().flat_map(|method| method.http_rules().iter().map(|rule| (*method, rule)))
}

/// Adds to `verbs` those of the rules that have the path, but not the verb.
fn matching<'a>(
    verb: &str,
    path: &'a str,
    tenant: Option<Cow<'a, str>>,
    verbs: &mut Vec<&'static str>,
) -> Result<Option<Route<'a>>, NoRoute> {
    // `/tasks/{id}` would match what is meant for `/tasks/{id}:cancel`.
    for with_suffix in [true, false] {
        for (method, rule) in rules().filter(|(_, rule)| rule.path.contains("}:") == with_suffix) {
            let Some(captured) = captures(rule.path, path) else { continue };
            if rule.verb == verb {
                let captures = captured.into_iter().map(|(name, text)| Ok((name, decode(text)?)));
                let captures = captures.collect::<Result<_, _>>()?;
                return Ok(Some(Route { method, tenant, has_body: verb == "POST", captures }));
            }
            verbs.push(rule.verb);
        }
        if !verbs.is_empty() {
            break;
        }
    }
    Ok(None)
}

/// What a path has in the places of the captures, if it matches the template.
fn captures<'a>(template: &'static str, path: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
    let mut captured = Vec::new();
    let mut path = path.split('/');
    for pattern in segments(template) {
        let segment = path.next()?;
        match pattern {
            Segment::Literal(literal) if literal == segment => {}
            Segment::Literal(_) => return None,
            Segment::Capture { name, suffix } => {
                captured.push((name, segment.strip_suffix(suffix).filter(|value| !value.is_empty())?));
            }
        }
    }
    path.next().is_none().then_some(captured)
}

fn decode(segment: &str) -> Result<Cow<'_, str>, NoRoute> {
    percent_decode_str(segment).decode_utf8().map_err(|_| NoRoute::Encoding)
}
