//! The HTTP+JSON binding as pure functions over the method table (section 11): a request line to a
//! call, and a call to a request line.

use std::borrow::Cow;

use form_urlencoded::Serializer as QueryWriter;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{
    Deserializer,
    de::{self, IntoDeserializer, Visitor, value::MapDeserializer},
};
use serde_json::{Map, Value};

use crate::{Call, Error, ErrorKind, HttpRule, Method};

/// What may stand in a path segment as it is: RFC 3986 unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where a request line leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// The operation.
    pub method: Method,
    /// The tenant that the path names.
    pub tenant: Option<Cow<'a, str>>,
    captures: Vec<(&'static str, Cow<'a, str>)>,
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
/// Literal segments win over a tenant, so the first segments of the table cannot be tenants.
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
        && !is_reserved(tenant)
    {
        let tenant = decode(tenant)?;
        if let Some(route) = matching(verb, rest, Some(tenant), &mut verbs)? {
            return Ok(route);
        }
    }
    Err(if verbs.is_empty() { NoRoute::Path } else { NoRoute::Verb(verbs) })
}

/// Whether a path segment can not be a tenant because a path of the protocol begins with it.
pub fn is_reserved(segment: &str) -> bool {
    segment == ".well-known"
        || Method::ALL
            .iter()
            .flat_map(|method| method.http_rules())
            .any(|rule| rule.path[1..].split('/').next() == Some(segment))
}

fn matching<'a>(
    verb: &str,
    path: &'a str,
    tenant: Option<Cow<'a, str>>,
    verbs: &mut Vec<&'static str>,
) -> Result<Option<Route<'a>>, NoRoute> {
    for method in Method::ALL {
        for rule in method.http_rules() {
            if let Some(captured) = captures(&rule.path[1..], path) {
                if rule.verb == verb {
                    let captures =
                        captured.into_iter().map(|(name, text)| Ok((name, decode(text)?))).collect::<Result<_, _>>()?;
                    return Ok(Some(Route { method: *method, tenant, captures }));
                }
                verbs.push(rule.verb);
            }
        }
    }
    Ok(None)
}

/// Matches a path against a template segment by segment; a segment is `literal`, `{name}` or
/// `{name}:literal`.
fn captures<'a>(template: &'static str, path: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
    let mut captured = Vec::new();
    let (mut template, mut path) = (template.split('/'), path.split('/'));
    loop {
        match (template.next(), path.next()) {
            (None, None) => return Some(captured),
            (Some(pattern), Some(segment)) => match pattern.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
                Some((name, suffix)) => {
                    let value = segment.strip_suffix(suffix).filter(|value| !value.is_empty())?;
                    captured.push((name, value));
                }
                None if pattern == segment => {}
                None => return None,
            },
            _ => return None,
        }
    }
}

fn decode(segment: &str) -> Result<Cow<'_, str>, NoRoute> {
    percent_decode_str(segment).decode_utf8().map_err(|_| NoRoute::Encoding)
}

impl Route<'_> {
    /// Reads the call: path captures, then the query for GET and DELETE, the body otherwise.
    ///
    /// # Errors
    /// InvalidParams that names the field, also where path and body disagree; ParseError.
    pub fn call(&self, query: &str, body: &str) -> Result<Call, Error> {
        let mut call = if self.body_is_request() { self.read_body(body)? } else { self.read_query(query)? };
        if let Some(tenant) = &self.tenant {
            match call.tenant() {
                Some(other) if other != tenant => {
                    return Err(contradiction("tenant", tenant, other));
                }
                _ => call.set_tenant(Some(tenant.to_string())),
            }
        }
        Ok(call)
    }

    fn body_is_request(&self) -> bool {
        self.method.http_rules()[0].verb == "POST"
    }

    fn read_body(&self, body: &str) -> Result<Call, Error> {
        let body = if body.trim_ascii().is_empty() { "{}" } else { body };
        if self.captures.is_empty() {
            return Call::from_json(self.method, body);
        }
        let mut members: Map<String, Value> = match serde_json::from_str(body) {
            Ok(Value::Object(members)) => members,
            Ok(_) => return Err(Error::invalid("", "the body must be a JSON object")),
            Err(error) => {
                return Err(Error::new(ErrorKind::ParseError, format!("not JSON: {error}")));
            }
        };
        for (name, value) in &self.captures {
            members.remove(&snake_case(name)).into_iter().for_each(|other| {
                members.entry(*name).or_insert(other);
            });
            match members.get(*name) {
                Some(Value::String(other)) if !other.is_empty() && other != value => {
                    return Err(contradiction(name, value, other));
                }
                _ => members.insert((*name).to_owned(), Value::String(value.to_string())),
            };
        }
        serde_path_to_error_read(self.method, || Value::Object(members.clone()))
    }

    fn read_query(&self, query: &str) -> Result<Call, Error> {
        let pairs = || {
            let captures = self.captures.iter().map(|(name, value)| (Cow::Borrowed(*name), Text(value.clone())));
            let asked = form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name, Text(value)));
            MapDeserializer::<_, de::value::Error>::new(captures.chain(asked))
        };
        serde_path_to_error_read(self.method, pairs)
    }
}

/// Reads the request; on failure reads it once more to find the path of the field.
fn serde_path_to_error_read<'de, D: Deserializer<'de>>(method: Method, source: impl Fn() -> D) -> Result<Call, Error> {
    Call::read(method, source()).or_else(|_| {
        serde_path_to_error_call(method, source()).map_err(|error| {
            let path = error.path().to_string();
            let path = if path == "." { String::new() } else { path };
            Error::invalid(path, error.into_inner().to_string())
        })
    })
}

fn serde_path_to_error_call<'de, D: Deserializer<'de>>(
    method: Method,
    source: D,
) -> Result<Call, serde_path_to_error::Error<D::Error>> {
    let mut track = serde_path_to_error::Track::new();
    match Call::read(method, serde_path_to_error::Deserializer::new(source, &mut track)) {
        Ok(call) => Ok(call),
        Err(error) => Err(serde_path_to_error::Error::new(track.path(), error)),
    }
}

fn contradiction(field: &str, path: &str, body: &str) -> Error {
    Error::invalid(field, format!("the path says {path:?} and the body {body:?}"))
}

fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 2);
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

/// A call as an HTTP request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCall {
    /// The HTTP method.
    pub verb: &'static str,
    /// Path and query below the interface's address, beginning with `/`.
    pub target: String,
    /// The JSON body, for POST.
    pub body: Option<Vec<u8>>,
}

/// Writes a call as an HTTP request. The tenant goes before the path.
///
/// # Errors
/// MethodNotFound for an agent's own methods, which have no path; InvalidParams where a field that
/// the path needs is empty.
pub fn write(call: &Call) -> Result<HttpCall, Error> {
    let Some(method) = call.method() else {
        return Err(Error::new(
            ErrorKind::MethodNotFound,
            format!("{} has no path in the HTTP+JSON binding", call.name()),
        ));
    };
    let HttpRule { verb, path } = method.http_rules()[0];
    let mut target = String::new();
    if let Some(tenant) = call.tenant() {
        target.push('/');
        target.extend(utf8_percent_encode(tenant, SEGMENT));
    }
    if verb == "POST" && !path.contains('{') {
        target.push_str(path);
        return Ok(HttpCall { verb, target, body: Some(serde_json::to_vec(call).map_err(Error::internal)?) });
    }
    let Value::Object(mut members) = serde_json::to_value(call).map_err(Error::internal)? else {
        return Err(Error::internal("a request is a JSON object"));
    };
    for segment in path[1..].split('/') {
        target.push('/');
        match segment.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((name, suffix)) => {
                let value = members.remove(name);
                let value = value.as_ref().and_then(Value::as_str).filter(|value| !value.is_empty());
                let value = value.ok_or_else(|| Error::invalid(name, "must not be empty"))?;
                target.extend(utf8_percent_encode(value, SEGMENT));
                target.push_str(suffix);
            }
            None => target.push_str(segment),
        }
    }
    if verb == "POST" {
        return Ok(HttpCall { verb, target, body: Some(serde_json::to_vec(&members).map_err(Error::internal)?) });
    }
    members.remove("tenant");
    if !members.is_empty() {
        let mut query = QueryWriter::new(String::new());
        for (name, value) in &members {
            match value {
                Value::String(text) => query.append_pair(name, text),
                other => query.append_pair(name, &other.to_string()),
            };
        }
        target.push('?');
        target.push_str(&query.finish());
    }
    Ok(HttpCall { verb, target, body: None })
}

/// A value of a path or query: text, or what a field makes of it.
struct Text<'a>(Cow<'a, str>);

impl<'de> IntoDeserializer<'de, de::value::Error> for Text<'de> {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Text<'de> {
    type Error = de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.0 {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match &*self.0 {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            other => Err(de::Error::invalid_value(de::Unexpected::Str(other), &"true or false")),
        }
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
