//! A verb and a path to an operation.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::{Segment, segments};
use crate::{HttpRule, Method};

/// As many as a path of the table has.
const MAX_CAPTURES: usize = 2;

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
    let (mut found, mut others, mut is_suffixed) = (None, Vec::new(), false);
    for (method, rule) in rules() {
        let Some(captured) = Captured::of(rule.path, path) else { continue };
        // `/tasks/{id}` also matches what is meant for `/tasks/{id}:cancel`.
        if captured.is_suffixed && !is_suffixed {
            is_suffixed = true;
            (found, others) = (None, Vec::new());
        }
        if captured.is_suffixed != is_suffixed {
            continue;
        }
        if rule.verb == verb {
            found = Some((method, captured));
        } else {
            others.push(rule.verb);
        }
    }
    verbs.append(&mut others);
    let Some((method, captured)) = found else { return Ok(None) };
    let mut captures = [None, None];
    for (decoded, raw) in captures.iter_mut().zip(captured.places.into_iter().flatten()) {
        *decoded = Some((raw.0, decode(raw.1)?));
    }
    Ok(Some(Route { method, tenant, has_body: verb == "POST", captures }))
}

/// What a path has in the places of a template's captures.
#[derive(Default)]
struct Captured<'a> {
    places: [Option<(&'static str, &'a str)>; MAX_CAPTURES],
    /// Whether one of them has a suffix.
    is_suffixed: bool,
}

impl<'a> Captured<'a> {
    fn of(template: &'static str, path: &'a str) -> Option<Self> {
        let mut captured = Self::default();
        let mut places = captured.places.iter_mut();
        let mut path = path.split('/');
        for pattern in segments(template) {
            let segment = path.next()?;
            match pattern {
                Segment::Literal(literal) if literal == segment => {}
                Segment::Literal(_) => return None,
                Segment::Capture { name, suffix } => {
                    let value = segment.strip_suffix(suffix).filter(|value| !value.is_empty())?;
                    *places.next()? = Some((name, value));
                    captured.is_suffixed |= !suffix.is_empty();
                }
            }
        }
        path.next().is_none().then_some(captured)
    }
}

fn decode(segment: &str) -> Result<Cow<'_, str>, NoRoute> {
    percent_decode_str(segment).decode_utf8().map_err(|_| NoRoute::Encoding)
}
