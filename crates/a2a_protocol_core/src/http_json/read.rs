//! A routed request to a call.

use std::borrow::Cow;

use protocol_transport_core::depth;
use serde::{
    Deserializer,
    de::{self, IntoDeserializer, Visitor, value::MapDeserializer},
};

use super::{Route, captured};
use crate::{Call, Error, v03};

impl Route<'_> {
    /// Reads the call: the body for POST, the query otherwise, and what the path captures.
    ///
    /// # Errors
    /// InvalidParams that names the field, also where the path disagrees with body or query;
    /// ParseError where the body is not JSON.
    pub fn call(&self, query: &str, body: &str) -> Result<Call, Error> {
        let mut call = if self.has_body { self.read_body(body)? } else { self.read_query(query)? };
        for (name, value) in self.captures.iter().flatten() {
            if let Some(field) = captured(&mut call, name) {
                if field.is_empty() {
                    field.push_str(value);
                } else if field != value {
                    return Err(contradiction(name, value, field));
                }
            }
        }
        if let Some(tenant) = &self.tenant {
            match call.tenant() {
                Some(other) if other != tenant => return Err(contradiction("tenant", tenant, other)),
                Some(_) => {}
                None => call.set_tenant(Some(tenant.to_string())),
            }
        }
        self.dialect.accept(self.method, &mut call)?;
        Ok(call)
    }

    fn read_body(&self, body: &str) -> Result<Call, Error> {
        let call = self.dialect.read_body(self.method, if body.trim_ascii().is_empty() { "{}" } else { body })?;
        // What is kept is bounded where it is read; this is for what is ignored.
        if depth::exceeds(body, depth::MAX_LEVELS) {
            return Err(Error::invalid("body", depth::TOO_DEEP));
        }
        Ok(call)
    }

    fn read_query(&self, query: &str) -> Result<Call, Error> {
        let pairs = || {
            let pairs = form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name, Text(value)));
            MapDeserializer::<_, de::value::Error>::new(pairs)
        };
        match self.dialect.form() {
            None => Call::read(self.method, pairs()).map_err(|_| Call::fault(self.method, pairs(), "query")),
            Some(form) => {
                v03::read(self.method, form, pairs()).map_err(|_| v03::fault_in(self.method, form, pairs(), "query"))
            }
        }
    }
}

fn contradiction(field: &str, path: &str, other: &str) -> Error {
    Error::invalid(field, format!("the path says {path:?}, but the request {other:?}"))
}

/// A value of a query: text, or what a field makes of it.
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
