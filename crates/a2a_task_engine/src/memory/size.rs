//! Estimates of what is kept, by walking it once; nothing is serialised.

use std::mem::size_of;

use a2a_app_ports::PushConfigRow;
use a2a_protocol_core::{Artifact, Content, Event, EventKind, Message, Part, Struct, Task};
use serde_json::Value;

/// What an allocator adds to an allocation, about.
const ALLOCATION: usize = 16;

/// An allocation of this many bytes.
fn heap(bytes: usize) -> usize {
    if bytes == 0 { 0 } else { bytes + ALLOCATION }
}

/// What a task shares with none of its events.
pub(super) fn of_fold(task: &Task) -> usize {
    heap(size_of::<Task>() + 16) + heap(task.id.len() + 16) + heap(task.context_id.len() + 16)
}

/// A task whose events are gone.
pub(super) fn of_task(task: &Task) -> usize {
    of_fold(task)
        + task.history.iter().map(|message| of_message(message)).sum::<usize>()
        + task.artifacts.iter().map(|artifact| of_artifact(artifact)).sum::<usize>()
        + task.status.message.as_ref().map_or(0, |message| of_message(message))
        + of_metadata(task.metadata.as_deref())
}

/// An event and what the task keeps of it.
pub(super) fn of_event(event: &Event) -> usize {
    size_of::<Event>()
        + match &event.kind {
            EventKind::Created { message, .. } | EventKind::Message(message) => of_message(message),
            EventKind::Status { message, metadata, .. } => {
                message.as_ref().map_or(0, |message| of_message(message)) + of_metadata(metadata.as_deref())
            }
            // An artifact is shared with the task; a chunk is copied into the artifact it belongs to.
            EventKind::Artifact { artifact, append, .. } => of_artifact(artifact) * (1 + usize::from(*append)),
            EventKind::Details(details) => {
                of_metadata(details.metadata.as_deref()) + of_texts(&details.accepted_output_modes)
            }
            EventKind::Metadata(members) => 2 * of_metadata(Some(members)),
            _ => 0,
        }
}

/// A push configuration: itself, its place among the others, and that among the tasks that have any.
pub(super) fn of_push(row: &PushConfigRow) -> usize {
    let config = &row.config;
    let text = |text: &Option<String>| text.as_ref().map_or(0, |text| heap(text.len()));
    let authentication = config.authentication.as_ref();
    size_of::<PushConfigRow>()
        + 64
        + heap(row.id().len())
        + [&config.tenant, &config.id, &config.task_id, &config.token].into_iter().map(text).sum::<usize>()
        + heap(config.url.len())
        + authentication.map_or(0, |known| heap(known.scheme.len()) + text(&known.credentials))
        + row.failure.as_ref().map_or(0, |failure| heap(failure.reason.len()))
}

fn of_message(message: &Message) -> usize {
    let Message { message_id, context_id, task_id, parts, metadata, extensions, reference_task_ids, .. } = message;
    let id = |id: &Option<_>| id.as_ref().map_or(0, |id: &std::sync::Arc<str>| heap(id.len() + 16));
    heap(size_of::<Message>() + 16)
        + size_of::<usize>()
        + heap(message_id.len())
        + id(context_id)
        + id(task_id)
        + of_parts(parts)
        + of_metadata(metadata.as_deref())
        + of_texts(extensions)
        + of_texts(reference_task_ids)
}

fn of_artifact(artifact: &Artifact) -> usize {
    let Artifact { artifact_id, name, description, parts, metadata, extensions, .. } = artifact;
    heap(size_of::<Artifact>() + 16)
        + size_of::<usize>()
        + heap(artifact_id.len())
        + of_text(name)
        + of_text(description)
        + of_parts(parts)
        + of_metadata(metadata.as_deref())
        + of_texts(extensions)
}

fn of_parts(parts: &[Part]) -> usize {
    let content = |part: &Part| match &part.content {
        Content::Text(text) | Content::Url(text) => heap(text.len()),
        Content::Raw(raw) => heap(raw.len()),
        Content::Data(value) => of_value(value),
        Content::Unknown(members) => of_members(members),
        _ => 0,
    };
    heap(size_of_val(parts))
        + parts
            .iter()
            .map(|part| {
                content(part)
                    + of_metadata(part.metadata.as_deref())
                    + of_text(&part.filename)
                    + of_text(&part.media_type)
            })
            .sum::<usize>()
}

fn of_text(text: &Option<Box<str>>) -> usize {
    text.as_ref().map_or(0, |text| heap(text.len()))
}

fn of_texts(texts: &[String]) -> usize {
    heap(size_of_val(texts)) + texts.iter().map(|text| heap(text.len())).sum::<usize>()
}

fn of_metadata(members: Option<&Struct>) -> usize {
    members.map_or(0, |members| heap(size_of::<Struct>()) + of_members(members))
}

fn of_members(members: &Struct) -> usize {
    members.iter().map(|(name, value)| heap(name.len()) + size_of::<(String, Value)>() + of_value(value)).sum::<usize>()
}

fn of_value(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => heap(text.len()),
        Value::Array(items) => heap(size_of_val(items.as_slice())) + items.iter().map(of_value).sum::<usize>(),
        Value::Object(members) => of_members(members),
    }
}
