//! Messages, artifacts, tasks and events.

use a2a_protocol_core::{
    Artifact, Content, Message, Part, SendMessageResponse, StreamResponse, Struct, Task, TaskArtifactUpdateEvent,
    TaskStatus, TaskStatusUpdateEvent,
};

use super::{Fault, Read, Write, messages, required};
use crate::proto::v1;

impl Write<v1::Part> for Part {
    fn write(&self) -> v1::Part {
        let content = match &self.content {
            Content::Text(text) => Some(v1::part::Content::Text(text.clone())),
            Content::Raw(raw) => Some(v1::part::Content::Raw(raw.clone())),
            Content::Url(url) => Some(v1::part::Content::Url(url.clone())),
            Content::Data(data) => Some(v1::part::Content::Data(data.write())),
            _ => None,
        };
        v1::Part {
            content,
            metadata: self.metadata.write(),
            filename: self.filename.write(),
            media_type: self.media_type.write(),
        }
    }
}

impl Read<Part> for v1::Part {
    fn read(self) -> Result<Part, Fault> {
        let mut part = Part::new(match self.content {
            Some(v1::part::Content::Text(text)) => Content::Text(text),
            Some(v1::part::Content::Raw(raw)) => Content::Raw(raw),
            Some(v1::part::Content::Url(url)) => Content::Url(url),
            Some(v1::part::Content::Data(data)) => Content::Data(data.read().map_err(|fault| fault.within("data"))?),
            None => Content::Unknown(Struct::new()),
        });
        part.metadata = self.metadata.read().map_err(|fault: Fault| fault.within("metadata"))?;
        part.filename = self.filename.read()?;
        part.media_type = self.media_type.read()?;
        Ok(part)
    }
}

messages! {
    Message = v1::Message {
        message_id, context_id, task_id, role, parts, metadata, extensions, reference_task_ids
    }
    Artifact = v1::Artifact { artifact_id, name, description, parts, metadata, extensions }
    TaskStatus = v1::TaskStatus { state, message, timestamp }
    Task = v1::Task { id, context_id, status, artifacts, history, metadata }
    TaskStatusUpdateEvent = v1::TaskStatusUpdateEvent { task_id, context_id, status, metadata }
    TaskArtifactUpdateEvent = v1::TaskArtifactUpdateEvent {
        task_id, context_id, artifact, append, last_chunk, metadata
    }
}

required!(Message = v1::Message, TaskStatus = v1::TaskStatus, Artifact = v1::Artifact);

/// A message that is nothing but a oneof.
macro_rules! payloads {
    ($($domain:ident = $proto:ident in $module:ident { $($variant:ident),* })*) => {$(
        impl Write<v1::$proto> for $domain {
            fn write(&self) -> v1::$proto {
                let payload = match self {
                    $($domain::$variant(payload) => v1::$module::Payload::$variant(payload.write()),)*
                };
                v1::$proto { payload: Some(payload) }
            }
        }
        impl Read<$domain> for v1::$proto {
            fn read(self) -> Result<$domain, Fault> {
                Ok(match self.payload {
                    $(Some(v1::$module::Payload::$variant(payload)) => $domain::$variant(
                        payload.read().map_err(|fault| fault.within(snake_case(stringify!($variant))))?
                    ),)*
                    None => return Err(Fault::new(concat!("no known member of ", stringify!($domain), " is set"))),
                })
            }
        }
    )*};
}

payloads! {
    SendMessageResponse = SendMessageResponse in send_message_response { Task, Message }
    StreamResponse = StreamResponse in stream_response { Task, Message, StatusUpdate, ArtifactUpdate }
}

fn snake_case(variant: &str) -> &str {
    match variant {
        "Task" => "task",
        "Message" => "message",
        "StatusUpdate" => "status_update",
        _ => "artifact_update",
    }
}
