//! Parts. A part of 0.3 is text, a file or a JSON object; what else 1.0 can say of it is carried in
//! its metadata.

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

use super::{Form, In, Say, bytes, carried, quirks};
use crate::{
    Content, Part, Struct,
    json::{self, Base64, Doubles},
};

/// Marks data that is no object and therefore the member `value` of one, as the official SDKs do.
const WRAPPED: &str = "data_part_compat";
const MEDIA_TYPE: &str = "media_type_compat";
const FILENAME: &str = "filename_compat";
/// All that the metadata of text and data carry.
const KEYS: &[&str] = &[WRAPPED, MEDIA_TYPE, FILENAME];

/// A part as it comes in, of either form.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PartIn {
    #[serde(alias = "type")]
    pub(super) kind: Option<String>,
    text: Option<String>,
    #[serde(deserialize_with = "json::optional")]
    file: Option<FileIn>,
    data: Option<Doubles<Value>>,
    #[serde(deserialize_with = "json::object::deserialize")]
    metadata: Option<Box<Struct>>,
    #[serde(flatten)]
    pub(super) others: Struct,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct FileIn {
    bytes: Option<Base64<Vec<u8>>>,
    #[serde(alias = "file_with_bytes")]
    file_with_bytes: Option<Base64<Vec<u8>>>,
    #[serde(alias = "fileWithUri", alias = "file_with_uri")]
    uri: Option<String>,
    #[serde(alias = "mime_type", deserialize_with = "json::text")]
    mime_type: Option<Box<str>>,
    #[serde(deserialize_with = "json::text")]
    name: Option<Box<str>>,
}

impl PartIn {
    pub(super) fn part(mut self, form: Form) -> Part {
        let mut part = Part::new(Content::Unknown(Struct::new()));
        part.metadata = self.metadata.take();
        match (self.kind.as_deref(), self.text.take(), self.file.take(), self.data.take()) {
            (None | Some("text"), Some(text), None, None) => {
                part.content = Content::Text(text);
                part.recover_description();
                carried::unmark(&mut part.metadata, KEYS);
            }
            (None | Some("file"), None, Some(file), None) => file.into_part(&mut part),
            (Some("data"), None, None, Some(Doubles(data))) => part.recover_data(data),
            (None, None, None, Some(Doubles(data))) => part.recover_data(match form {
                Form::JsonRpc => data,
                Form::Proto => unwrapped(data),
            }),
            (_, text, None, data) => {
                self.text = text;
                self.data = data;
                if !quirks::home_grown_part(&mut self, &mut part) {
                    part.content = Content::Unknown(self.members());
                }
            }
            (..) => part.content = Content::Unknown(self.members()),
        }
        part
    }

    /// The text of a home-grown file.
    pub(super) fn take_data(&mut self) -> Option<Value> {
        self.data.take().map(|data| data.0)
    }

    /// All members that were received, for a part that is not known.
    fn members(self) -> Struct {
        let mut members = self.others;
        let texts = [("kind", self.kind), ("text", self.text)];
        members.extend(texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into()))));
        members.extend(self.data.map(|data| ("data".to_owned(), data.0)));
        members
    }
}

impl FileIn {
    fn into_part(self, part: &mut Part) {
        part.content = match (self.bytes, self.file_with_bytes, self.uri) {
            (Some(bytes), None, None) => Content::Raw(bytes.0),
            (None, Some(bytes), None) => Content::Raw(bytes::unpack(bytes.0)),
            (None, None, Some(uri)) => Content::Url(uri),
            _ => Content::Unknown(Struct::new()),
        };
        part.media_type = self.mime_type;
        part.filename = self.name;
    }
}

/// The member `data` of a protobuf `DataPart`; what is no `DataPart` is taken as the data itself.
fn unwrapped(data: Value) -> Value {
    match data {
        Value::Object(mut members) if members.len() == 1 && members.get("data").is_some_and(Value::is_object) => {
            members.remove("data").unwrap_or_default()
        }
        other => other,
    }
}

impl Part {
    /// Takes media type and file name out of the metadata.
    fn recover_description(&mut self) {
        self.media_type = carried::take_text(&mut self.metadata, MEDIA_TYPE);
        self.filename = carried::take_text(&mut self.metadata, FILENAME);
    }

    /// Takes data, and what the metadata say of it.
    fn recover_data(&mut self, data: Value) {
        self.recover_description();
        let is_wrapped = self.metadata.as_ref().is_some_and(|metadata| metadata.get(WRAPPED) == Some(&true.into()));
        self.content = Content::Data(match data {
            Value::Object(mut members)
                if is_wrapped && members.len() == 1 && members.get("value").is_some_and(|value| !value.is_object()) =>
            {
                carried::take(&mut self.metadata, WRAPPED);
                members.remove("value").unwrap_or_default()
            }
            other => other,
        });
        carried::unmark(&mut self.metadata, KEYS);
    }

    /// What 0.3 says in the metadata.
    fn carried(&self) -> Vec<(&'static str, Value)> {
        let mut carried = Vec::new();
        if matches!(self.content, Content::Text(_) | Content::Data(_)) {
            let described = [(MEDIA_TYPE, &self.media_type), (FILENAME, &self.filename)];
            carried.extend(described.into_iter().filter_map(|(name, text)| Some((name, (&**text.as_ref()?).into()))));
        }
        if matches!(&self.content, Content::Data(data) if !data.is_object()) {
            carried.push((WRAPPED, true.into()));
        }
        carried
    }
}

impl Say for Part {
    fn say<S: Serializer>(&self, form: Form, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let mut begin = |kind: &str| if form == Form::JsonRpc { map.serialize_entry("kind", kind) } else { Ok(()) };
        match &self.content {
            Content::Text(text) => {
                begin("text")?;
                map.serialize_entry("text", text)?;
            }
            Content::Raw(_) | Content::Url(_) => {
                begin("file")?;
                map.serialize_entry("file", &In(&File(self), form))?;
            }
            Content::Data(data) => {
                begin("data")?;
                match form {
                    Form::JsonRpc => map.serialize_entry("data", &Object(data))?,
                    Form::Proto => map.serialize_entry("data", &DataPart { data: Object(data) })?,
                }
            }
            // Only what came in 0.3 can be said in it.
            Content::Unknown(members) if form == Form::JsonRpc && members.contains_key("kind") => {
                for (name, value) in members {
                    map.serialize_entry(name, value)?;
                }
            }
            Content::Unknown(_) => {
                return Err(serde::ser::Error::custom("a part has content that version 0.3 cannot say"));
            }
        }
        let keys = if matches!(self.content, Content::Text(_) | Content::Data(_)) { KEYS } else { &[] };
        carried::write_with(&mut map, self.metadata.as_deref(), keys, self.carried())?;
        map.end()
    }
}

/// The member `file` of a part of bytes or with an address.
struct File<'a>(&'a Part);

impl Say for File<'_> {
    fn say<S: Serializer>(&self, form: Form, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match (&self.0.content, form) {
            (Content::Raw(bytes), Form::JsonRpc) => map.serialize_entry("bytes", &Base64(bytes.as_slice()))?,
            (Content::Raw(bytes), Form::Proto) => {
                map.serialize_entry("fileWithBytes", &Base64(bytes::pack(bytes).as_slice()))?;
            }
            (Content::Url(url), Form::JsonRpc) => map.serialize_entry("uri", url)?,
            (Content::Url(url), Form::Proto) => map.serialize_entry("fileWithUri", url)?,
            _ => {}
        }
        if let Some(media_type) = &self.0.media_type {
            map.serialize_entry("mimeType", media_type)?;
        }
        if let Some(name) = &self.0.filename {
            map.serialize_entry("name", name)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct DataPart<'a> {
    data: Object<'a>,
}

/// Data as an object: what is none becomes the member `value` of one.
struct Object<'a>(&'a Value);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_object() {
            return Doubles(self.0).serialize(serializer);
        }
        serializer.collect_map([("value", Doubles(self.0))])
    }
}
