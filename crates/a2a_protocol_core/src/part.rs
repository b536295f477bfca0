//! Parts, of which messages and artifacts are made (section 4.1.6).

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{IgnoredAny, MapAccess, Visitor},
    ser::SerializeMap,
};
use serde_json::Value;

use crate::{
    Struct,
    json::{self, Base64, Doubles, Key},
};

/// What a part carries; exactly one member of the protocol's oneof.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Content {
    /// Plain text.
    Text(String),
    /// Bytes, base64 on the wire.
    Raw(Vec<u8>),
    /// Where the content can be fetched.
    Url(String),
    /// Any JSON value, `null` included.
    Data(Value),
    /// No member that this version knows: all members of the part as received. A server refuses
    /// it, a client keeps it.
    Unknown(Struct),
}

/// One piece of a message or artifact (section 4.1.6).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Part {
    /// What it carries.
    pub content: Content,
    /// Free members for extensions.
    pub metadata: Option<Box<Struct>>,
    /// A file name, for content that is a file.
    pub filename: Option<Box<str>>,
    /// The media type of the content.
    pub media_type: Option<Box<str>>,
}

impl Part {
    /// A part with this content and nothing else.
    pub fn new(content: Content) -> Self {
        Self { content, metadata: None, filename: None, media_type: None }
    }

    /// A text part.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Content::Text(text.into()))
    }

    /// A part of bytes.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(Content::Raw(bytes.into()))
    }

    /// A part that is fetched from elsewhere.
    pub fn url(url: impl Into<String>) -> Self {
        Self::new(Content::Url(url.into()))
    }

    /// A part of structured data.
    pub fn data(value: impl Into<Value>) -> Self {
        Self::new(Content::Data(value.into()))
    }

    /// With a media type.
    #[must_use]
    pub fn media_type(mut self, media_type: impl Into<Box<str>>) -> Self {
        self.media_type = Some(media_type.into());
        self
    }

    /// With a file name.
    #[must_use]
    pub fn filename(mut self, filename: impl Into<Box<str>>) -> Self {
        self.filename = Some(filename.into());
        self
    }

    /// The text, if it is a text part.
    pub fn as_text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl From<&str> for Part {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Part {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.content {
            Content::Text(text) => map.serialize_entry("text", text)?,
            Content::Raw(raw) => map.serialize_entry("raw", &Base64(raw.as_slice()))?,
            Content::Url(url) => map.serialize_entry("url", url)?,
            Content::Data(data) => map.serialize_entry("data", &Doubles(data))?,
            Content::Unknown(members) => {
                for (name, value) in members {
                    map.serialize_entry(name, value)?;
                }
            }
        }
        if let Some(metadata) = &self.metadata {
            map.serialize_entry("metadata", &Doubles(&**metadata))?;
        }
        if let Some(filename) = &self.filename {
            map.serialize_entry("filename", filename)?;
        }
        if let Some(media_type) = &self.media_type {
            map.serialize_entry("mediaType", media_type)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PartVisitor)
    }
}

struct PartVisitor;

impl<'de> Visitor<'de> for PartVisitor {
    type Value = Part;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a part")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Part, A::Error> {
        let mut content: Option<(&'static str, Content)> = None;
        let (mut metadata, mut filename, mut media_type) = (None, None, None);
        let mut others = Struct::new();
        while let Some(key) = map.next_key::<Key<'de>>()? {
            let member = match key.as_str() {
                "text" => json::member(&mut map)?.map(|text| ("text", Content::Text(text))),
                "raw" => json::member::<_, Base64<_>>(&mut map)?.map(|raw| ("raw", Content::Raw(raw.0))),
                "url" => json::member(&mut map)?.map(|url| ("url", Content::Url(url))),
                // The one field of which `null` is a value.
                "data" => Some(("data", Content::Data(map.next_value::<Doubles<Value>>()?.0))),
                "metadata" => {
                    let value = json::member::<_, json::Object>(&mut map)?.map(|object| object.0);
                    set("metadata", &mut metadata, value)?;
                    None
                }
                "filename" => {
                    set("filename", &mut filename, some_text(&mut map)?)?;
                    None
                }
                "mediaType" | "media_type" => {
                    set("mediaType", &mut media_type, some_text(&mut map)?)?;
                    None
                }
                _ if content.is_some() => {
                    map.next_value::<IgnoredAny>()?;
                    None
                }
                _ => {
                    others.insert(key.into_owned(), map.next_value()?);
                    None
                }
            };
            if let Some((name, value)) = member {
                if let Some((first, _)) = &content {
                    return Err(json::two_members(first, name));
                }
                content = Some((name, value));
            }
        }
        let content = content.map_or(Content::Unknown(others), |(_, content)| content);
        Ok(Part { content, metadata, filename, media_type })
    }
}

/// A text that is unset when it is empty, as proto3 has it.
fn some_text<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<Box<str>>, A::Error> {
    Ok(json::member::<_, Box<str>>(map)?.filter(|text| !text.is_empty()))
}

fn set<T, E: serde::de::Error>(name: &'static str, slot: &mut Option<T>, value: Option<T>) -> Result<(), E> {
    if slot.is_some() && value.is_some() {
        return Err(E::duplicate_field(name));
    }
    if value.is_some() {
        *slot = value;
    }
    Ok(())
}
