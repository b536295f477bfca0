use std::borrow::Cow;
use std::fmt;

use serde_json::Value;
use serde_json::value::RawValue;

/// The id of a request: a string, a number or null, exactly as it was sent.
///
/// The JSON text is kept rather than a value, because a reply must carry the id that its sender
/// will recognise: `1.0`, `1e3`, a number of forty digits or an escaped string would not survive a
/// detour through a Rust type. Two ids are equal when their texts are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Id<'a>(Cow<'a, str>);

impl Id<'static> {
    /// The id of a reply to a request whose id could not be read.
    pub const NULL: Self = Id(Cow::Borrowed("null"));

    /// A string id.
    #[must_use]
    pub fn string(value: &str) -> Self {
        Id(Cow::Owned(json_string(value)))
    }
}

impl<'a> Id<'a> {
    /// The id as JSON text, without surrounding whitespace or line breaks.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.0
    }

    /// The same id, free of the body it was read from.
    #[must_use]
    pub fn into_owned(self) -> Id<'static> {
        Id(Cow::Owned(self.0.into_owned()))
    }

    /// None for an object, an array or a boolean, which cannot be ids.
    pub(super) fn from_raw(raw: &'a RawValue) -> Option<Self> {
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'"' | b'-' | b'0'..=b'9' | b'n') => Some(Id(Cow::Borrowed(text))),
            _ => None,
        }
    }
}

impl From<u64> for Id<'static> {
    fn from(value: u64) -> Self {
        Id(Cow::Owned(value.to_string()))
    }
}

/// The id as JSON text.
impl fmt::Display for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A JSON string literal. By way of `Value`, whose conversion to text has no error to handle.
pub(super) fn json_string(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_ids_are_json() {
        assert_eq!(Id::NULL.as_json(), "null");
        assert_eq!(Id::from(u64::MAX).as_json(), "18446744073709551615");
        assert_eq!(Id::string("a\"b\n").as_json(), r#""a\"b\n""#);
        assert_eq!(Id::string("null").to_string(), r#""null""#);
        assert_ne!(Id::string("null"), Id::NULL);
    }
}
