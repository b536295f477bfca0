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

/// Writes the member `metadata`, if there is anything in it.
pub(super) fn write<M: SerializeMap>(
    map: &mut M,
    metadata: Option<&Struct>,
    carried: &[(&'static str, Value)],
) -> Result<(), M::Error> {
    match metadata {
        None if carried.is_empty() => Ok(()),
        Some(metadata) if carried.is_empty() => map.serialize_entry("metadata", &Doubles(metadata)),
        metadata => {
            let mut all = metadata.cloned().unwrap_or_default();
            all.extend(carried.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
            map.serialize_entry("metadata", &Doubles(&all))
        }
    }
}
