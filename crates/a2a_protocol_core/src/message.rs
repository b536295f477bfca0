//! Messages, artifacts and the parts they are made of (sections 4.1.4 to 4.1.7).

use std::{fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
    ser::SerializeMap,
};
use serde_json::Value;

use crate::{
    Role, Struct,
    json::{self, Doubles},
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
            Content::Raw(raw) => map.serialize_entry("raw", &json::bytes::encode(raw))?,
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

#[derive(Deserialize)]
#[serde(field_identifier)]
enum PartField<'a> {
    #[serde(rename = "text")]
    Text,
    #[serde(rename = "raw")]
    Raw,
    #[serde(rename = "url")]
    Url,
    #[serde(rename = "data")]
    Data,
    #[serde(rename = "metadata")]
    Metadata,
    #[serde(rename = "filename")]
    Filename,
    #[serde(rename = "mediaType", alias = "media_type")]
    MediaType,
    #[serde(borrow)]
    Other(std::borrow::Cow<'a, str>),
}

struct PartVisitor;

impl<'de> Visitor<'de> for PartVisitor {
    type Value = Part;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a part")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Part, A::Error> {
        let mut content: Option<(&'static str, Content)> = None;
        let mut part = Part::new(Content::Unknown(Struct::new()));
        let mut others = Struct::new();
        while let Some(field) = map.next_key::<PartField<'de>>()? {
            let member = match field {
                PartField::Text => json::member(&mut map)?.map(|text| ("text", Content::Text(text))),
                PartField::Raw => match json::member::<_, std::borrow::Cow<'_, str>>(&mut map)? {
                    Some(text) => {
                        let raw = json::bytes::decode(&text)
                            .map_err(|error| serde::de::Error::custom(format_args!("`raw` is not base64: {error}")))?;
                        Some(("raw", Content::Raw(raw)))
                    }
                    None => None,
                },
                PartField::Url => json::member(&mut map)?.map(|url| ("url", Content::Url(url))),
                // The one field of which `null` is a value.
                PartField::Data => Some(("data", Content::Data(map.next_value::<Doubles<Value>>()?.0))),
                PartField::Metadata => {
                    part.metadata = json::member::<_, json::Object>(&mut map)?.map(|object| object.0);
                    None
                }
                PartField::Filename => {
                    part.filename = json::member(&mut map)?;
                    None
                }
                PartField::MediaType => {
                    part.media_type = json::member(&mut map)?;
                    None
                }
                PartField::Other(name) => {
                    others.insert(name.into_owned(), map.next_value()?);
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
        part.content = content.map_or(Content::Unknown(others), |(_, content)| content);
        Ok(part)
    }
}

/// A message of the caller or the agent (section 4.1.4).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Message {
    /// Chosen by the sender, unique for it.
    #[serde(alias = "message_id", deserialize_with = "json::nullable")]
    pub message_id: String,
    /// The conversation it belongs to.
    #[serde(alias = "context_id", deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
    pub context_id: Option<Arc<str>>,
    /// The task it belongs to.
    #[serde(alias = "task_id", deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
    pub task_id: Option<Arc<str>>,
    /// Who wrote it.
    #[serde(deserialize_with = "json::nullable")]
    pub role: Role,
    /// What it says, at least one part.
    #[serde(deserialize_with = "json::list")]
    pub parts: Vec<Part>,
    /// Free members for extensions.
    #[serde(with = "json::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Box<Struct>>,
    /// URIs of the extensions that had a part in it.
    #[serde(deserialize_with = "json::list", skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<String>,
    /// Other tasks it refers to.
    #[serde(alias = "reference_task_ids", deserialize_with = "json::list", skip_serializing_if = "Vec::is_empty")]
    pub reference_task_ids: Vec<String>,
}

impl Message {
    /// A message with the fields that are required.
    pub fn new(message_id: impl Into<String>, role: Role, parts: Vec<Part>) -> Self {
        Self { message_id: message_id.into(), role, parts, ..Self::default() }
    }

    /// A caller's message of one text part.
    pub fn user(message_id: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(message_id, Role::User, vec![Part::text(text)])
    }

    /// All text parts, joined by line breaks.
    pub fn text(&self) -> String {
        joined_text(&self.parts)
    }
}

/// What a task produces (section 4.1.7).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Artifact {
    /// Unique within the task.
    #[serde(alias = "artifact_id", deserialize_with = "json::nullable")]
    pub artifact_id: String,
    /// A name for people.
    #[serde(deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
    pub name: Option<Box<str>>,
    /// A description for people.
    #[serde(deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
    pub description: Option<Box<str>>,
    /// The content, at least one part.
    #[serde(deserialize_with = "json::list")]
    pub parts: Vec<Part>,
    /// Free members for extensions.
    #[serde(with = "json::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Box<Struct>>,
    /// URIs of the extensions that had a part in it.
    #[serde(deserialize_with = "json::list", skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<String>,
}

impl Artifact {
    /// An artifact with the fields that are required.
    pub fn new(artifact_id: impl Into<String>, parts: Vec<Part>) -> Self {
        Self { artifact_id: artifact_id.into(), parts, ..Self::default() }
    }

    /// All text parts, joined without anything between them: chunks of one text.
    pub fn text(&self) -> String {
        self.parts.iter().filter_map(Part::as_text).collect()
    }
}

fn joined_text(parts: &[Part]) -> String {
    let mut texts = parts.iter().filter_map(Part::as_text);
    let mut joined = texts.next().unwrap_or_default().to_owned();
    for text in texts {
        joined.push('\n');
        joined.push_str(text);
    }
    joined
}
