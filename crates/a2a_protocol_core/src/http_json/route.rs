//! A verb and a path to an operation.

use std::{borrow::Cow, sync::LazyLock};

use percent_encoding::percent_decode_str;

use super::{Segment, segments};
use crate::{JsonDialect, Method};

/// As many as a path of the table has.
const MAX_CAPTURES: usize = 2;
/// As many as a path of the table has, and the tenant.
const MAX_SEGMENTS: usize = 5;

/// Where a request line leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// The operation.
    pub method: Method,
    /// The JSON of the request and its reply.
    pub dialect: JsonDialect,
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
    if let Some((tenant, rest)) = path.split_first() {
        let tenant = decode(tenant)?;
        if check_tenant(&tenant).is_ok()
            && let Some(route) = matching(verb, rest, &mut verbs)?
        {
            return Ok(Route { tenant: Some(tenant), ..route });
        }
    }
    Err(if verbs.is_empty() { NoRoute::Path } else { NoRoute::Verb(verbs) })
}

/// What follows the segment that the paths of version 0.3 begin with, and the tenant before it. In
/// 1.0 that segment is a tenant like any other, so which it is depends on the version of the request.
fn below_v1(path: &str) -> Option<(Option<&str>, &str)> {
    let below = |path: &str| path.strip_prefix("/v1").filter(|rest| rest.starts_with('/')).map(str::len);
    let from_end = |length: usize| &path[path.len() - length..];
    if let Some(length) = below(path) {
        return Some((None, from_end(length)));
    }
    let (tenant, rest) = path.strip_prefix('/')?.split_once('/')?;
    let length = below(&path[path.len() - rest.len() - 1..])?;
    (!tenant.is_empty()).then(|| (Some(tenant), from_end(length)))
}

/// Whether a path, below the interface's address, is one of version 0.3 unless the request says that
/// it is of another version.
pub fn is_v03_path(path: &str) -> bool {
    below_v1(path).is_some_and(|(tenant, _)| tenant.is_none_or(|tenant| check_tenant(tenant).is_ok()))
}

/// Finds the operation of a verb and a path of version 0.3: those of 1.0 below `/v1`, and `/v1/card`.
///
/// # Errors
/// See [`NoRoute`].
pub fn route_v03<'a>(verb: &str, path: &'a str) -> Result<Route<'a>, NoRoute> {
    let (tenant, rest) = below_v1(path).ok_or(NoRoute::Path)?;
    let tenant = tenant.map(decode).transpose()?;
    let dialect = JsonDialect::V0_3Proto;
    if rest == CARD_V03 {
        if verb != "GET" {
            return Err(NoRoute::Verb(vec!["GET"]));
        }
        let (method, captures) = (Method::GetExtendedAgentCard, [None, None]);
        return Ok(Route { method, dialect, tenant, has_body: false, captures });
    }
    let route = route(verb, rest)?;
    // The one tenant is before `/v1`.
    if route.tenant.is_some() { Err(NoRoute::Path) } else { Ok(Route { dialect, tenant, ..route }) }
}

/// The path of the extended card in version 0.3, below `/v1`.
pub(super) const CARD_V03: &str = "/card";

/// Why a text cannot be a tenant, however it is named: it could not stand before the paths of the
/// protocol. Anything else can, percent-encoded, a slash too.
///
/// # Errors
/// The reason, to stand after the name of a field.
pub fn check_tenant(tenant: &str) -> Result<(), String> {
    let begins = |rule: &Rule| matches!(rule.path.first(), Some(Segment::Literal(first)) if *first == tenant);
    check_segment(tenant)?;
    match tenant == ".well-known" || RULES.iter().any(begins) {
        true => Err(format!("{tenant:?} begins a path of the protocol")),
        false => Ok(()),
    }
}

/// Why a text cannot be a segment of a path.
pub(super) fn check_segment(segment: &str) -> Result<(), String> {
    match segment {
        "" => Err("must not be empty".to_owned()),
        // URL parsers resolve these, percent-encoded or not.
        "." | ".." => Err(format!("{segment:?} cannot stand in a path")),
        _ => Ok(()),
    }
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
            return Ok(Some(Route {
                method: rule.method,
                dialect: JsonDialect::V1_0,
                tenant: None,
                has_body: verb == "POST",
                captures,
            }));
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
