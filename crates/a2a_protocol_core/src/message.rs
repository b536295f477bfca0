//! Messages and artifacts (sections 4.1.4 and 4.1.7).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Part, Role, Struct, json};

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
