//! Messages and artifacts.

use serde::{Deserialize, Deserializer, Serializer, de, ser::SerializeMap};
use std::sync::Arc;

use super::{
    Form, Hear, In, Say, carried,
    names::{self, Name},
    part::PartIn,
};
use crate::{Artifact, Message, Struct, json};

/// The proto has no field for the tasks that a message refers to.
const REFERENCES: &str = "reference_task_ids_compat";

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct MessageIn {
    #[serde(deserialize_with = "kind")]
    kind: (),
    #[serde(alias = "message_id", deserialize_with = "json::nullable")]
    message_id: String,
    #[serde(alias = "context_id", deserialize_with = "json::text")]
    context_id: Option<Arc<str>>,
    #[serde(alias = "task_id", deserialize_with = "json::text")]
    task_id: Option<Arc<str>>,
    #[serde(deserialize_with = "json::nullable")]
    role: Name,
    #[serde(alias = "content", deserialize_with = "json::list")]
    parts: Vec<PartIn>,
    #[serde(deserialize_with = "json::object::deserialize")]
    metadata: Option<Box<Struct>>,
    #[serde(deserialize_with = "json::list")]
    extensions: Vec<String>,
    #[serde(alias = "reference_task_ids", deserialize_with = "json::list")]
    reference_task_ids: Vec<String>,
}

/// What is sent as something else is no message.
fn kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    match Option::<String>::deserialize(deserializer)?.as_deref() {
        None | Some("message") => Ok(()),
        Some(other) => Err(de::Error::custom(format_args!("has to be \"message\", is {other:?}"))),
    }
}

impl Hear for Message {
    type Json = MessageIn;

    fn hear(mut json: MessageIn, form: Form) -> Self {
        if form == Form::Proto {
            if json.reference_task_ids.is_empty() {
                json.reference_task_ids = carried::take_texts(&mut json.metadata, REFERENCES).unwrap_or_default();
            }
            carried::unmark(&mut json.metadata, &[REFERENCES]);
        }
        Self {
            message_id: json.message_id,
            context_id: json.context_id,
            task_id: json.task_id,
            role: json.role.role(),
            parts: json.parts.into_iter().map(|part| part.part(form)).collect(),
            metadata: json.metadata,
            extensions: json.extensions,
            reference_task_ids: json.reference_task_ids,
        }
    }
}

impl Say for Message {
    fn say<S: Serializer>(&self, form: Form, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if form == Form::JsonRpc {
            map.serialize_entry("kind", "message")?;
        }
        map.serialize_entry("messageId", &self.message_id)?;
        if let Some(context_id) = &self.context_id {
            map.serialize_entry("contextId", context_id)?;
        }
        if let Some(task_id) = &self.task_id {
            map.serialize_entry("taskId", task_id)?;
        }
        map.serialize_entry("role", names::role(&self.role, form))?;
        let parts = if form == Form::JsonRpc { "parts" } else { "content" };
        map.serialize_entry(parts, &In(self.parts.as_slice(), form))?;
        if !self.extensions.is_empty() {
            map.serialize_entry("extensions", &self.extensions)?;
        }
        let references = Some(&self.reference_task_ids).filter(|ids| !ids.is_empty());
        match form {
            Form::JsonRpc => {
                if let Some(ids) = references {
                    map.serialize_entry("referenceTaskIds", ids)?;
                }
                carried::write(&mut map, self.metadata.as_deref())?;
            }
            Form::Proto => {
                let carried = references.map(|ids| (REFERENCES, ids.clone().into())).into_iter().collect();
                carried::write_with(&mut map, self.metadata.as_deref(), &[REFERENCES], carried)?;
            }
        }
        map.end()
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ArtifactIn {
    #[serde(alias = "artifact_id", deserialize_with = "json::nullable")]
    artifact_id: String,
    #[serde(deserialize_with = "json::text")]
    name: Option<Box<str>>,
    #[serde(deserialize_with = "json::text")]
    description: Option<Box<str>>,
    #[serde(deserialize_with = "json::list")]
    parts: Vec<PartIn>,
    #[serde(deserialize_with = "json::object::deserialize")]
    metadata: Option<Box<Struct>>,
    #[serde(deserialize_with = "json::list")]
    extensions: Vec<String>,
}

impl Hear for Artifact {
    type Json = ArtifactIn;

    fn hear(json: ArtifactIn, form: Form) -> Self {
        Self {
            artifact_id: json.artifact_id,
            name: json.name,
            description: json.description,
            parts: json.parts.into_iter().map(|part| part.part(form)).collect(),
            metadata: json.metadata,
            extensions: json.extensions,
        }
    }
}

impl Say for Artifact {
    fn say<S: Serializer>(&self, form: Form, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("artifactId", &self.artifact_id)?;
        if let Some(name) = &self.name {
            map.serialize_entry("name", name)?;
        }
        if let Some(description) = &self.description {
            map.serialize_entry("description", description)?;
        }
        map.serialize_entry("parts", &In(self.parts.as_slice(), form))?;
        if !self.extensions.is_empty() {
            map.serialize_entry("extensions", &self.extensions)?;
        }
        carried::write(&mut map, self.metadata.as_deref())?;
        map.end()
    }
}
