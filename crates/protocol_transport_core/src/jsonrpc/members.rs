//! The members of an envelope as raw text, found in one pass and without allocating.
//!
//! Written by hand rather than derived: a derived struct stops at the first member of the wrong
//! type, and then the id that the error reply needs may not have been read yet. It also cannot tell
//! `"id": null` from no id.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The names of the members that an envelope may have; requests and replies both have four.
pub(super) type Names = [&'static str; 4];

/// The values of the members, in the order of their [`Names`]. A member `null` is `Some`.
#[derive(Default)]
pub(super) struct Members<'a> {
    pub(super) values: [Option<&'a RawValue>; 4],
    /// A name that appeared more than once.
    pub(super) repeated: Option<&'static str>,
}

/// Reads `json`, which must be one object. Members with other names are skipped.
pub(super) fn read<'a>(json: &'a str, names: &'static Names) -> serde_json::Result<Members<'a>> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let members = deserializer.deserialize_map(MembersVisitor(names))?;
    deserializer.end()?;
    Ok(members)
}

/// The text of a string value, borrowed unless it contains escapes. None if it is not a string, or
/// has an escape that is no character (half a surrogate pair).
pub(super) fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str(raw.get()).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}

/// A member whose value may be left out by sending null.
pub(super) fn unless_null(raw: Option<&RawValue>) -> Option<&RawValue> {
    raw.filter(|raw| raw.get() != "null")
}

/// Refuses any version but 2.0.
pub(super) fn check_version(raw: Option<&RawValue>) -> Result<(), &'static str> {
    match raw.map(string) {
        Some(Some(version)) if version == "2.0" => Ok(()),
        Some(_) => Err("jsonrpc must be \"2.0\""),
        None => Err("jsonrpc is missing, it must be \"2.0\""),
    }
}

struct MembersVisitor(&'static Names);

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::default();
        while let Some(known) = map.next_key_seed(KeySeed(self.0))? {
            match known.and_then(|index| members.values.get_mut(index)) {
                Some(slot @ None) => *slot = Some(map.next_value()?),
                repeated_or_unknown => {
                    if repeated_or_unknown.is_some() {
                        members.repeated = known.and_then(|index| self.0.get(index)).copied();
                    }
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(members)
    }
}

/// Where in the names a key stands. Compared in place, so that no key is ever copied.
struct KeySeed(&'static Names);

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|name| *name == key))
    }
}
