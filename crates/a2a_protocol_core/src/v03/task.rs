//! Tasks, and what a send answers and streams carry. In JSON-RPC `kind` says which it is, in
//! HTTP+JSON the member it stands under.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serializer, de, ser::SerializeMap};
use serde_json::Value;

use super::{
    Form, Hear, In, Say, carried,
    message::{ArtifactIn, MessageIn},
    names::{self, Name},
    quirks,
};
use crate::{
    Artifact, ListTasksResponse, Message, SendMessageResponse, StreamResponse, Struct, Task, TaskArtifactUpdateEvent,
    TaskState, TaskStatus, TaskStatusUpdateEvent, Timestamp, json,
};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TaskIn {
    #[serde(deserialize_with = "json::nullable")]
    id: Arc<str>,
    #[serde(alias = "context_id", deserialize_with = "json::nullable")]
    context_id: Arc<str>,
    #[serde(deserialize_with = "json::nullable")]
    status: StatusIn,
    #[serde(deserialize_with = "json::list")]
    artifacts: Vec<ArtifactIn>,
    #[serde(deserialize_with = "json::list")]
    history: Vec<MessageIn>,
    #[serde(deserialize_with = "json::object::deserialize")]
    metadata: Option<Box<Struct>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StatusIn {
    #[serde(deserialize_with = "json::nullable")]
    state: Name,
    #[serde(alias = "update", deserialize_with = "json::optional")]
    message: Option<MessageIn>,
    #[serde(deserialize_with = "quirks::timestamp")]
    timestamp: Option<Timestamp>,
}

impl StatusIn {
    fn status(self, form: Form) -> TaskStatus {
        TaskStatus {
            state: self.state.state(),
            message: self.message.map(|message| Arc::hear(message, form)),
            timestamp: self.timestamp,
        }
    }
}

impl Hear for Task {
    type Json = TaskIn;

    fn hear(json: TaskIn, form: Form) -> Self {
        Self {
            id: json.id,
            context_id: json.context_id,
            status: json.status.status(form),
            artifacts: json.artifacts.into_iter().map(|artifact| Arc::hear(artifact, form)).collect(),
            history: json.history.into_iter().map(|message| Arc::hear(message, form)).collect(),
            metadata: json.metadata,
        }
    }
}

impl Say for Task {
    fn say<S: Serializer>(&self, form: Form, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if form == Form::JsonRpc {
            map.serialize_entry("kind", "task")?;
        }
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("contextId", &self.context_id)?;
        map.serialize_entry("status", &In(&self.status, form))?;
        if !self.artifacts.is_empty() {
            map.serialize_entry("artifacts", &In(self.artifacts.as_slice(), form))?;
        }
        if !self.history.is_empty() {
            map.serialize_entry("history", &In(self.history.as_slice(), form))?;
        }
        carried::write(&mut map, self.metadata.as_deref())?;
        map.end()
    }
}

impl Say for TaskStatus {
    fn say<S: Serializer>(&self, form: Form, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("state", names::state(&self.state, form))?;
        if let Some(message) = &self.message {
            map.serialize_entry("message", &In(&**message, form))?;
        }
        if let Some(timestamp) = &self.timestamp {
            map.serialize_entry("timestamp", timestamp)?;
        }
        map.end()
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct StatusUpdateIn {
    #[serde(alias = "task_id", deserialize_with = "json::nullable")]
    task_id: Arc<str>,
    #[serde(alias = "context_id", deserialize_with = "json::nullable")]
    context_id: Arc<str>,
    #[serde(deserialize_with = "json::nullable")]
    status: StatusIn,
    #[serde(deserialize_with = "json::object::deserialize")]
    metadata: Option<Box<Struct>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ArtifactUpdateIn {
    #[serde(alias = "task_id", deserialize_with = "json::nullable")]
    task_id: Arc<str>,
    #[serde(alias = "context_id", deserialize_with = "json::nullable")]
    context_id: Arc<str>,
    #[serde(deserialize_with = "json::nullable")]
    artifact: ArtifactIn,
    #[serde(deserialize_with = "json::nullable")]
    append: bool,
    #[serde(alias = "last_chunk", deserialize_with = "json::nullable")]
    last_chunk: bool,
    #[serde(deserialize_with = "json::object::deserialize")]
    metadata: Option<Box<Struct>>,
}

/// Whether 0.3 calls an update with this state the last one of its stream, which ends after it: the
/// task has ended, or waits for its caller. (At auth-required the stream may go on.)
pub fn is_final(state: &TaskState) -> bool {
    state.is_terminal() || *state == TaskState::InputRequired
}

impl Say for TaskStatusUpdateEvent {
    fn say<S: Serializer>(&self, form: Form, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if form == Form::JsonRpc {
            map.serialize_entry("kind", "status-update")?;
        }
        map.serialize_entry("taskId", &self.task_id)?;
        map.serialize_entry("contextId", &self.context_id)?;
        map.serialize_entry("status", &In(&self.status, form))?;
        match (form, is_final(&self.status.state)) {
            // What is not set, in the proto.
            (Form::Proto, false) => {}
            (_, is_final) => map.serialize_entry("final", &is_final)?,
        }
        carried::write(&mut map, self.metadata.as_deref())?;
        map.end()
    }
}

impl Say for TaskArtifactUpdateEvent {
    fn say<S: Serializer>(&self, form: Form, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if form == Form::JsonRpc {
            map.serialize_entry("kind", "artifact-update")?;
        }
        map.serialize_entry("taskId", &self.task_id)?;
        map.serialize_entry("contextId", &self.context_id)?;
        map.serialize_entry("artifact", &In(&*self.artifact, form))?;
        if self.append {
            map.serialize_entry("append", &true)?;
        }
        if self.last_chunk {
            map.serialize_entry("lastChunk", &true)?;
        }
        carried::write(&mut map, self.metadata.as_deref())?;
        map.end()
    }
}

/// Any event.
pub(crate) enum EventIn {
    Task(TaskIn),
    Message(MessageIn),
    StatusUpdate(StatusUpdateIn),
    ArtifactUpdate(ArtifactUpdateIn),
}

impl Hear for StreamResponse {
    type Json = EventIn;

    fn hear(json: EventIn, form: Form) -> Self {
        match json {
            EventIn::Task(task) => Self::Task(Arc::hear(task, form)),
            EventIn::Message(message) => Self::Message(Arc::hear(message, form)),
            EventIn::StatusUpdate(update) => Self::StatusUpdate(TaskStatusUpdateEvent {
                task_id: update.task_id,
                context_id: update.context_id,
                status: update.status.status(form),
                metadata: update.metadata,
            }),
            EventIn::ArtifactUpdate(update) => Self::ArtifactUpdate(TaskArtifactUpdateEvent {
                task_id: update.task_id,
                context_id: update.context_id,
                artifact: Arc::<Artifact>::hear(update.artifact, form),
                append: update.append,
                last_chunk: update.last_chunk,
                metadata: update.metadata,
            }),
        }
    }
}

fn under<S: Serializer, T: Say>(name: &str, value: &T, form: Form, serializer: S) -> Result<S::Ok, S::Error> {
    match form {
        Form::JsonRpc => value.say(form, serializer),
        Form::Proto => serializer.collect_map([(name, In(value, form))]),
    }
}

impl Say for StreamResponse {
    fn say<S: Serializer>(&self, form: Form, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Task(task) => under("task", task, form, serializer),
            Self::Message(message) => under("message", message, form, serializer),
            Self::StatusUpdate(update) => under("statusUpdate", update, form, serializer),
            Self::ArtifactUpdate(update) => under("artifactUpdate", update, form, serializer),
        }
    }
}

/// A task or a message.
pub(crate) enum ReplyIn {
    Task(TaskIn),
    Message(MessageIn),
}

impl Hear for SendMessageResponse {
    type Json = ReplyIn;

    fn hear(json: ReplyIn, form: Form) -> Self {
        match json {
            ReplyIn::Task(task) => Self::Task(Arc::<Task>::hear(task, form)),
            ReplyIn::Message(message) => Self::Message(Arc::<Message>::hear(message, form)),
        }
    }
}

impl Say for SendMessageResponse {
    fn say<S: Serializer>(&self, form: Form, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Task(task) => under("task", task, form, serializer),
            Self::Message(message) => under("message", message, form, serializer),
        }
    }
}

/// What an object is: by its `kind`, by the one member it stands under, or else by what only it has.
enum Kind {
    Itself(&'static str),
    Under(&'static str, String),
}

fn kind_of(members: &Struct) -> Option<Kind> {
    let kind = members.get("kind").and_then(Value::as_str);
    if let Some(kind) =
        ["task", "message", "status-update", "artifact-update"].into_iter().find(|known| kind == Some(known))
    {
        return Some(Kind::Itself(kind));
    }
    let under = [
        ("task", ["task", "task"]),
        ("message", ["message", "msg"]),
        ("status-update", ["statusUpdate", "status_update"]),
        ("artifact-update", ["artifactUpdate", "artifact_update"]),
    ];
    for (kind, names) in under {
        if let Some(name) = names.into_iter().find(|name| members.get(*name).is_some_and(Value::is_object)) {
            return Some(Kind::Under(kind, name.to_owned()));
        }
    }
    quirks::kind_by_members(members).map(Kind::Itself)
}

impl<'de> Deserialize<'de> for EventIn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut members = Struct::deserialize(deserializer)?;
        let (kind, value) = match kind_of(&members) {
            Some(Kind::Itself(kind)) => (kind, Value::Object(members)),
            Some(Kind::Under(kind, name)) => (kind, members.remove(&name).unwrap_or_default()),
            None => return Err(de::Error::custom("kind is none of task, message, status-update and artifact-update")),
        };
        fn read<T: de::DeserializeOwned, E: de::Error>(value: Value) -> Result<T, E> {
            serde_path_to_error::deserialize(value).map_err(E::custom)
        }
        Ok(match kind {
            "task" => Self::Task(read(value)?),
            "message" => Self::Message(read(value)?),
            "status-update" => Self::StatusUpdate(read(value)?),
            _ => Self::ArtifactUpdate(read(value)?),
        })
    }
}

impl<'de> Deserialize<'de> for ReplyIn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match EventIn::deserialize(deserializer)? {
            EventIn::Task(task) => Ok(Self::Task(task)),
            EventIn::Message(message) => Ok(Self::Message(message)),
            EventIn::StatusUpdate(_) | EventIn::ArtifactUpdate(_) => {
                Err(de::Error::custom("an update, where a task or a message has to be"))
            }
        }
    }
}

/// A page of tasks: not in the 0.3 specification, but in use, as 1.0 has it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TasksIn {
    #[serde(deserialize_with = "json::list")]
    tasks: Vec<TaskIn>,
    #[serde(alias = "next_page_token", deserialize_with = "json::nullable")]
    next_page_token: String,
    #[serde(alias = "page_size", deserialize_with = "json::plain_int32")]
    page_size: i32,
    #[serde(alias = "total_size", deserialize_with = "json::plain_int32")]
    total_size: i32,
}

impl Hear for ListTasksResponse {
    type Json = TasksIn;

    fn hear(json: TasksIn, form: Form) -> Self {
        Self {
            tasks: json.tasks.into_iter().map(|task| Arc::hear(task, form)).collect(),
            next_page_token: json.next_page_token,
            page_size: json.page_size,
            total_size: json.total_size,
        }
    }
}

impl Say for ListTasksResponse {
    fn say<S: Serializer>(&self, form: Form, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("tasks", &In(self.tasks.as_slice(), form))?;
        map.serialize_entry("nextPageToken", &self.next_page_token)?;
        map.serialize_entry("pageSize", &self.page_size)?;
        map.serialize_entry("totalSize", &self.total_size)?;
        map.end()
    }
}
