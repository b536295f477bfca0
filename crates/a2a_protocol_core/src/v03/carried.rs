//! What 0.3 has no field for is carried in the metadata of what it belongs to, under keys that end
//! with `_compat` like the one of the official SDKs.

use serde::ser::SerializeMap;
use serde_json::Value;

use crate::{Struct, json::Doubles};

/// Takes a value out; metadata that are empty then were there only for it.
pub(super) fn take(metadata: &mut Option<Box<Struct>>, key: &str) -> Option<Value> {
    let members = metadata.as_mut()?;
    let value = members.remove(key)?;
    if members.is_empty() {
        *metadata = None;
    }
    Some(value)
}

/// Takes a text out; anything else under the key is the sender's own.
pub(super) fn take_text(metadata: &mut Option<Box<Struct>>, key: &str) -> Option<Box<str>> {
    metadata.as_ref()?.get(key)?.as_str().filter(|text| !text.is_empty())?;
    take(metadata, key)?.as_str().map(Into::into)
}

/// Takes a list of texts out; anything else under the key is the sender's own.
pub(super) fn take_texts(metadata: &mut Option<Box<Struct>>, key: &str) -> Option<Vec<String>> {
    let texts = metadata.as_ref()?.get(key)?.as_array()?;
    let texts: Vec<String> = texts.iter().map(|text| text.as_str().map(str::to_owned)).collect::<Option<_>>()?;
    if texts.is_empty() {
        return None;
    }
    take(metadata, key);
    Some(texts)
}

/// What one more of is added to a name of the sender's own that is among the keys, or like one with
/// marks already: so nothing in 1.0 is mistaken for what is carried.
const MARK: &str = "_compat";

fn is_marked(name: &str, keys: &[&str]) -> bool {
    keys.iter().any(|key| name.strip_prefix(key).is_some_and(|rest| rest.replace(MARK, "").is_empty()))
}

/// Gives the sender's own members their names back, once what is carried has been taken. One whose
/// name is still in use keeps its mark.
pub(super) fn unmark(metadata: &mut Option<Box<Struct>>, keys: &[&str]) {
    let Some(members) = metadata else { return };
    let own = |name: &&String| name.strip_suffix(MARK).is_some_and(|name| is_marked(name, keys));
    let mut marked: Vec<String> = members.keys().filter(own).cloned().collect();
    marked.sort_by_key(String::len);
    for name in marked {
        let plain = &name[..name.len() - MARK.len()];
        if !members.contains_key(plain)
            && let Some(value) = members.remove(&name)
        {
            members.insert(plain.to_owned(), value);
        }
    }
}

/// Writes the member `metadata`, if there is anything in it.
pub(super) fn write<M: SerializeMap>(map: &mut M, metadata: Option<&Struct>) -> Result<(), M::Error> {
    metadata.map_or(Ok(()), |metadata| map.serialize_entry("metadata", &Doubles(metadata)))
}

/// Writes the member `metadata` with what is carried in it, under some of these keys.
pub(super) fn write_with<M: SerializeMap>(
    map: &mut M,
    metadata: Option<&Struct>,
    keys: &[&str],
    carried: Vec<(&'static str, Value)>,
) -> Result<(), M::Error> {
    let own = metadata.into_iter().flatten();
    if carried.is_empty() && !own.clone().any(|(name, _)| is_marked(name, keys)) {
        return write(map, metadata);
    }
    let named = |(name, value): (&String, &Value)| {
        let mark = if is_marked(name, keys) { MARK } else { "" };
        (format!("{name}{mark}"), value.clone())
    };
    let carried = carried.into_iter().map(|(key, value)| (key.to_owned(), value));
    map.serialize_entry("metadata", &Doubles(&own.map(named).chain(carried).collect::<Struct>()))
}
