//! Tasks, messages and events as text.

use a2a_app_ports::PROGRESS;
use a2a_protocol_core::{
    Artifact, Content, ListTasksResponse, Message, Part, StreamResponse, Struct, Task, TaskStatus,
};

use super::Fields;

/// The identifiers of a task, which open everything that is said about it.
pub(crate) fn identifiers(fields: &mut Fields, task_id: &str, context_id: &str) {
    fields.field("Task ID", task_id);
    fields.field("Context ID", context_id);
}

/// A task after its identifiers.
pub(crate) fn task_body(fields: &mut Fields, task: &Task, verbose: bool) {
    status(fields, &task.status, verbose);
    if verbose {
        metadata(fields, task.metadata.as_deref());
        for message in &task.history {
            fields.field("History", &message.message_id);
            self::message_body(fields, message, true);
        }
    }
    for artifact in &task.artifacts {
        self::artifact(fields, artifact, verbose);
    }
}

/// A whole task.
pub(crate) fn task(fields: &mut Fields, task: &Task, verbose: bool) {
    identifiers(fields, &task.id, &task.context_id);
    task_body(fields, task, verbose);
}

fn status(fields: &mut Fields, status: &TaskStatus, verbose: bool) {
    fields.field("State", &status.state.to_string());
    if verbose && let Some(timestamp) = status.timestamp {
        fields.field("Updated", &timestamp.to_string());
    }
    if let Some(message) = &status.message {
        if verbose {
            fields.field("Status Message", &message.message_id);
            message_body(fields, message, true);
        } else {
            parts(fields, &message.parts, "Message", false);
        }
    }
}

/// A message that is the whole answer.
pub(crate) fn message(fields: &mut Fields, message: &Message, verbose: bool) {
    fields.optional("Task ID", message.task_id.as_deref());
    fields.optional("Context ID", message.context_id.as_deref());
    fields.field("Message ID", &message.message_id);
    message_body(fields, message, verbose);
}

/// The message that is sent, for `--verbose`.
pub(crate) fn sent(fields: &mut Fields, message: &Message, request: Option<&Struct>) {
    fields.field("Sent", &message.message_id);
    metadata(fields, request);
    message_body(fields, message, true);
}

fn message_body(fields: &mut Fields, message: &Message, verbose: bool) {
    if verbose {
        fields.field("Role", &message.role.to_string());
        metadata(fields, message.metadata.as_deref());
        for extension in &message.extensions {
            fields.field("Extension", extension);
        }
        for reference in &message.reference_task_ids {
            fields.field("Reference", reference);
        }
    }
    parts(fields, &message.parts, "Text", verbose);
}

fn artifact(fields: &mut Fields, artifact: &Artifact, verbose: bool) {
    let name = artifact.name.as_deref().filter(|name| !name.is_empty());
    fields.field("Artifact", name.unwrap_or(&artifact.artifact_id));
    fields.field("Artifact ID", &artifact.artifact_id);
    fields.optional("Description", artifact.description.as_deref());
    if verbose {
        metadata(fields, artifact.metadata.as_deref());
        for extension in &artifact.extensions {
            fields.field("Extension", extension);
        }
    }
    if verbose || artifact.parts.iter().any(|part| !is_plain_text(part)) {
        parts(fields, &artifact.parts, "Text", verbose);
    } else if !artifact.parts.is_empty() {
        // Chunks of one text belong together.
        fields.block("Text", &artifact.text());
    }
}

fn is_plain_text(part: &Part) -> bool {
    matches!(part.content, Content::Text(_)) && part.filename.is_none()
}

fn parts(fields: &mut Fields, parts: &[Part], text_label: &str, verbose: bool) {
    for (index, part) in parts.iter().enumerate() {
        if verbose {
            fields.field("Part", &format!("{} of {}", index + 1, parts.len()));
            metadata(fields, part.metadata.as_deref());
        }
        self::part(fields, part, text_label, verbose);
    }
}

fn part(fields: &mut Fields, part: &Part, text_label: &str, verbose: bool) {
    let media_type = part.media_type.as_deref();
    let name = part.filename.as_deref();
    match &part.content {
        Content::Text(text) => {
            fields.optional("File", name);
            fields.optional("Media Type", media_type.filter(|_| verbose || name.is_some()));
            fields.block(text_label, text);
        }
        Content::Data(data) => {
            fields.optional("File", name);
            fields.optional("Media Type", media_type.filter(|_| verbose || name.is_some()));
            fields.block("Data", &pretty(data));
        }
        Content::Raw(bytes) => {
            fields.field("File", name.unwrap_or("(no name)"));
            fields.field("Media Type", media_type.unwrap_or("unknown"));
            fields.field("Size", &format!("{} bytes", bytes.len()));
        }
        Content::Url(url) => {
            fields.field("File", name.unwrap_or("(no name)"));
            fields.field("Media Type", media_type.unwrap_or("unknown"));
            fields.field("Size", "unknown");
            fields.field("URL", url);
        }
        // A part of a kind that only newer versions know is shown as it is rather than dropped.
        _ => fields.block("Part of unknown kind", &pretty(part)),
    }
}

fn metadata(fields: &mut Fields, metadata: Option<&Struct>) {
    if let Some(metadata) = metadata.filter(|metadata| !metadata.is_empty()) {
        fields.block("Metadata", &pretty(metadata));
    }
}

fn pretty(value: &impl serde::Serialize) -> String {
    // Only maps with keys that are no text fail, which the protocol's types do not have.
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// A page of tasks.
pub(crate) fn tasks(fields: &mut Fields, page: &ListTasksResponse, verbose: bool) {
    for task in &page.tasks {
        self::task(fields, task, verbose);
        fields.gap();
    }
    fields.field("Tasks", &format!("{} of {}", page.tasks.len(), page.total_size.max(0)));
    fields.optional("Next Page Token", Some(&page.next_page_token));
}

/// An event of a stream; `known` is the task as it stands after the event.
pub(crate) fn event(fields: &mut Fields, event: &StreamResponse, known: Option<&Task>, verbose: bool) {
    match event {
        StreamResponse::Task(task) => {
            fields.field("Event", "task");
            self::task(fields, task, verbose);
        }
        StreamResponse::Message(message) => {
            fields.field("Event", "message");
            self::message(fields, message, verbose);
        }
        StreamResponse::StatusUpdate(update) => {
            fields.field("Event", "status");
            identifiers(fields, &update.task_id, &update.context_id);
            status(fields, &update.status, verbose);
            if let Some(progress) = progress(event) {
                fields.field("Progress", &progress);
            }
            if verbose {
                metadata(fields, update.metadata.as_deref());
            }
        }
        StreamResponse::ArtifactUpdate(update) => {
            fields.field("Event", "artifact");
            identifiers(fields, &update.task_id, &update.context_id);
            if let Some(task) = known {
                fields.field("State", &task.status.state.to_string());
            }
            fields.yes_no("Append", update.append);
            fields.yes_no("Last Chunk", update.last_chunk);
            if verbose {
                metadata(fields, update.metadata.as_deref());
            }
            artifact(fields, &update.artifact, verbose);
        }
    }
    fields.gap();
}

/// How far the work is, as a percentage, where a status update says so.
pub(crate) fn progress(event: &StreamResponse) -> Option<String> {
    let StreamResponse::StatusUpdate(update) = event else {
        return None;
    };
    let fraction = update.metadata.as_ref()?.get(PROGRESS)?.as_f64()?;
    Some(format!("{:.0}%", fraction.clamp(0.0, 1.0) * 100.0))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;

    fn rendered(task: Value, verbose: bool) -> String {
        let task: Task = serde_json::from_value(task).unwrap();
        let mut fields = Fields::new();
        super::task(&mut fields, &task, verbose);
        fields.as_str().to_owned()
    }

    #[test]
    fn every_part_of_an_artifact_is_shown() {
        let text = rendered(
            json!({"id": "t", "contextId": "c", "status": {"state": "TASK_STATE_COMPLETED"}, "artifacts": [
                {"artifactId": "a", "name": "answer", "parts": [{"text": "chunk 0 "}, {"text": "chunk 1"}]},
                {"artifactId": "b", "parts": [
                    {"text": "see"},
                    {"data": {"n": 42}},
                    {"raw": "MSwy", "filename": "a.csv", "mediaType": "text/csv"},
                    {"url": "https://h/x", "mediaType": "image/png"},
                    {"hologram": true},
                ]},
            ]}),
            false,
        );
        let expected = "\
Task ID: t
Context ID: c
State: TASK_STATE_COMPLETED
Artifact: answer
Artifact ID: a
Text:
chunk 0 chunk 1

Artifact: b
Artifact ID: b
Text:
see

Data:
{
  \"n\": 42
}

File: a.csv
Media Type: text/csv
Size: 3 bytes
File: (no name)
Media Type: image/png
Size: unknown
URL: https://h/x
Part of unknown kind:
{
  \"hologram\": true
}

";
        assert_eq!(text, expected);
    }

    #[test]
    fn verbose_adds_history_and_metadata() {
        let task = json!({"id": "t", "contextId": "c", "metadata": {"k": 1},
            "status": {"state": "TASK_STATE_INPUT_REQUIRED", "timestamp": "2026-01-01T00:00:00Z",
                "message": {"messageId": "m2", "role": "ROLE_AGENT", "parts": [{"text": "Which one?"}]}},
            "history": [{"messageId": "m1", "role": "ROLE_USER", "parts": [{"text": "book"}]}]});
        let concise = rendered(task.clone(), false);
        assert_eq!(concise, "Task ID: t\nContext ID: c\nState: TASK_STATE_INPUT_REQUIRED\nMessage:\nWhich one?\n\n");
        let verbose = rendered(task, true);
        for line in
            ["Updated: 2026-01-01T00:00:00.000Z", "Metadata:", "History: m1", "Role: ROLE_USER", "book", "Part: 1 of 1"]
        {
            assert!(verbose.lines().any(|shown| shown == line), "{line} in {verbose}");
        }
    }

    #[test]
    fn unknown_states_are_shown_as_received() {
        let text = rendered(json!({"id": "t", "status": {"state": "TASK_STATE_DREAMING"}}), false);
        assert!(text.contains("State: TASK_STATE_DREAMING\n"));
    }

    #[test]
    fn every_event_about_a_task_names_it_and_its_state() {
        let known = Task::new("t", "c", TaskStatus::new(a2a_protocol_core::TaskState::Working));
        let events = [
            json!({"task": {"id": "t", "contextId": "c", "status": {"state": "TASK_STATE_WORKING"}}}),
            json!({"statusUpdate": {"taskId": "t", "contextId": "c", "status": {"state": "TASK_STATE_WORKING"},
                "metadata": {"progress": 0.4}}}),
            json!({"artifactUpdate": {"taskId": "t", "contextId": "c", "artifact": {"artifactId": "a", "parts": [{"text": "x"}]}}}),
        ];
        for event in events {
            let event: StreamResponse = serde_json::from_value(event).unwrap();
            let mut fields = Fields::new();
            super::event(&mut fields, &event, Some(&known), false);
            for line in ["Task ID: t\n", "Context ID: c\n", "State: TASK_STATE_WORKING\n"] {
                assert!(fields.as_str().contains(line), "{line} in {}", fields.as_str());
            }
            assert_eq!(progress(&event).is_some(), fields.as_str().contains("Progress: 40%"));
        }
    }

    #[test]
    fn a_direct_message_has_no_task() {
        let mut fields = Fields::new();
        let mut reply = Message::user("m", "hello");
        reply.context_id = Some(Arc::from("c"));
        super::message(&mut fields, &reply, false);
        assert_eq!(fields.as_str(), "Context ID: c\nMessage ID: m\nText:\nhello\n\n");
    }
}
