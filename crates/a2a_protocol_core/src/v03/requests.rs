//! What the operations of 0.3 take: the `params` of JSON-RPC, the body and query of HTTP+JSON.

use serde::{Deserialize, Deserializer, Serializer, ser::SerializeMap};

use super::{
    Form, Hear, In, Say, carried,
    message::MessageIn,
    names::{self, Name},
    push::{Config, ConfigIn, TaskConfigIn},
    quirks,
};
use crate::{
    Call, CancelTaskRequest, DeleteTaskPushNotificationConfigRequest, Error, GetExtendedAgentCardRequest,
    GetTaskPushNotificationConfigRequest, GetTaskRequest, ListTaskPushNotificationConfigsRequest, ListTasksRequest,
    Message, Method, SendMessageConfiguration, SendMessageRequest, Struct, SubscribeToTaskRequest,
    TaskPushNotificationConfig, Timestamp, fault,
    json::{self, MapOnly},
};

#[derive(Default, Deserialize)]
#[serde(default)]
struct SendIn {
    #[serde(alias = "request", deserialize_with = "json::nullable")]
    message: MessageIn,
    #[serde(deserialize_with = "json::optional")]
    configuration: Option<ConfigurationIn>,
    #[serde(deserialize_with = "json::object::deserialize")]
    metadata: Option<Box<Struct>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ConfigurationIn {
    #[serde(alias = "accepted_output_modes", deserialize_with = "json::list")]
    accepted_output_modes: Vec<String>,
    #[serde(
        alias = "push_notification_config",
        alias = "pushNotification",
        alias = "push_notification",
        deserialize_with = "json::optional"
    )]
    push_notification_config: Option<ConfigIn>,
    #[serde(alias = "history_length", deserialize_with = "json::int32")]
    history_length: Option<i32>,
    blocking: Option<bool>,
}

impl SendIn {
    fn request(self, form: Form) -> SendMessageRequest {
        let configuration = match (self.configuration, form) {
            (Some(configuration), _) => Some(configuration),
            // Its default is not to block.
            (None, Form::Proto) => Some(ConfigurationIn::default()),
            (None, Form::JsonRpc) => None,
        };
        SendMessageRequest {
            tenant: None,
            message: Message::hear(self.message, form),
            configuration: configuration.map(|configuration| SendMessageConfiguration {
                accepted_output_modes: configuration.accepted_output_modes,
                task_push_notification_config: configuration.push_notification_config.map(ConfigIn::config),
                // In the proto, 0 is what is not set.
                history_length: configuration.history_length.filter(|length| form == Form::JsonRpc || *length != 0),
                return_immediately: !configuration.blocking.unwrap_or(form == Form::JsonRpc),
            }),
            metadata: self.metadata,
        }
    }
}

/// What the operations on one task take.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TaskIn {
    #[serde(deserialize_with = "json::nullable")]
    id: String,
    /// The task by its resource name in the proto.
    #[serde(deserialize_with = "names::task")]
    name: String,
    #[serde(alias = "history_length", deserialize_with = "json::int32")]
    history_length: Option<i32>,
    #[serde(deserialize_with = "json::object::deserialize")]
    metadata: Option<Box<Struct>>,
}

/// What the operations on one configuration take.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct OneConfigIn {
    /// Of the task.
    #[serde(deserialize_with = "json::nullable")]
    id: String,
    /// Both by the resource name in the proto.
    #[serde(deserialize_with = "names::config")]
    name: (String, String),
    #[serde(alias = "push_notification_config_id", deserialize_with = "json::text")]
    push_notification_config_id: Option<String>,
}

impl OneConfigIn {
    /// The task and the configuration.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(String, String), D::Error> {
        let Self { id, name, push_notification_config_id } = Self::deserialize(MapOnly(deserializer))?;
        Ok((either(id, name.0), push_notification_config_id.unwrap_or(name.1)))
    }
}

/// What listing the configurations of a task takes.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ConfigsOfIn {
    #[serde(deserialize_with = "json::nullable")]
    id: String,
    /// The task by its resource name in the proto.
    #[serde(alias = "name", deserialize_with = "names::parent")]
    parent: String,
    #[serde(alias = "page_size", deserialize_with = "json::plain_int32")]
    page_size: i32,
    #[serde(alias = "page_token", deserialize_with = "json::text")]
    page_token: Option<String>,
}

/// The id of a task: as JSON-RPC has it, or by the resource name.
fn either(id: String, named: String) -> String {
    if id.is_empty() { named } else { id }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CreateIn {
    #[serde(deserialize_with = "names::parent")]
    parent: String,
    #[serde(alias = "config_id", deserialize_with = "json::text")]
    config_id: Option<String>,
    #[serde(deserialize_with = "json::optional")]
    config: Option<TaskConfigIn>,
    /// What stands in `config`, as JSON-RPC has it and clients of HTTP+JSON may.
    #[serde(flatten)]
    plain: TaskConfigIn,
}

impl CreateIn {
    fn request(self, form: Form) -> TaskPushNotificationConfig {
        let mut config = TaskPushNotificationConfig::hear(self.config.unwrap_or(self.plain), form);
        if !self.parent.is_empty() {
            config.task_id = Some(self.parent);
        }
        config.id = config.id.or(self.config_id);
        config
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ListIn {
    #[serde(alias = "context_id", deserialize_with = "json::text")]
    context_id: Option<String>,
    status: Option<Name>,
    #[serde(alias = "page_size", deserialize_with = "json::int32")]
    page_size: Option<i32>,
    #[serde(alias = "page_token", deserialize_with = "json::text")]
    page_token: Option<String>,
    #[serde(alias = "history_length", deserialize_with = "json::int32")]
    history_length: Option<i32>,
    #[serde(alias = "status_timestamp_after", deserialize_with = "quirks::timestamp")]
    status_timestamp_after: Option<Timestamp>,
    #[serde(alias = "include_artifacts")]
    include_artifacts: Option<bool>,
}

/// Reads the request of a method.
pub(crate) fn read<'de, D: Deserializer<'de>>(method: Method, form: Form, deserializer: D) -> Result<Call, D::Error> {
    Ok(match method {
        Method::SendMessage => Call::SendMessage(SendIn::deserialize(MapOnly(deserializer))?.request(form)),
        Method::SendStreamingMessage => {
            Call::SendStreamingMessage(SendIn::deserialize(MapOnly(deserializer))?.request(form))
        }
        Method::GetTask => {
            let TaskIn { id, name, history_length, .. } = TaskIn::deserialize(MapOnly(deserializer))?;
            Call::GetTask(GetTaskRequest { tenant: None, id: either(id, name), history_length })
        }
        Method::ListTasks => {
            let request = ListIn::deserialize(MapOnly(deserializer))?;
            Call::ListTasks(ListTasksRequest {
                tenant: None,
                context_id: request.context_id,
                status: request.status.unwrap_or_default().state(),
                page_size: request.page_size,
                page_token: request.page_token,
                history_length: request.history_length,
                status_timestamp_after: request.status_timestamp_after,
                include_artifacts: request.include_artifacts,
            })
        }
        Method::CancelTask => {
            let TaskIn { id, name, metadata, .. } = TaskIn::deserialize(MapOnly(deserializer))?;
            Call::CancelTask(CancelTaskRequest { tenant: None, id: either(id, name), metadata })
        }
        Method::SubscribeToTask => {
            let TaskIn { id, name, .. } = TaskIn::deserialize(MapOnly(deserializer))?;
            Call::SubscribeToTask(SubscribeToTaskRequest { tenant: None, id: either(id, name) })
        }
        Method::CreateTaskPushNotificationConfig => {
            Call::CreateTaskPushNotificationConfig(CreateIn::deserialize(MapOnly(deserializer))?.request(form))
        }
        Method::GetTaskPushNotificationConfig => {
            let (task_id, id) = OneConfigIn::read(deserializer)?;
            let id = if id.is_empty() && form == Form::JsonRpc { quirks::ANY_CONFIG.to_owned() } else { id };
            Call::GetTaskPushNotificationConfig(GetTaskPushNotificationConfigRequest { tenant: None, task_id, id })
        }
        Method::DeleteTaskPushNotificationConfig => {
            let (task_id, id) = OneConfigIn::read(deserializer)?;
            Call::DeleteTaskPushNotificationConfig(DeleteTaskPushNotificationConfigRequest {
                tenant: None,
                task_id,
                id,
            })
        }
        Method::ListTaskPushNotificationConfigs => {
            let request = ConfigsOfIn::deserialize(MapOnly(deserializer))?;
            Call::ListTaskPushNotificationConfigs(ListTaskPushNotificationConfigsRequest {
                tenant: None,
                task_id: either(request.id, request.parent),
                page_size: request.page_size,
                page_token: request.page_token,
            })
        }
        Method::GetExtendedAgentCard => {
            MapOnly(deserializer).deserialize_ignored_any(serde::de::IgnoredAny)?;
            Call::GetExtendedAgentCard(GetExtendedAgentCardRequest::default())
        }
    })
}

/// Fills in what 0.3 takes as said: a configuration without an id has that of its task, so that the
/// next one without takes its place.
pub(super) fn complete(call: &mut Call) {
    let (config, task_id) = match call {
        Call::CreateTaskPushNotificationConfig(config) => {
            let task_id = config.task_id.clone();
            (Some(config), task_id)
        }
        Call::SendMessage(request) | Call::SendStreamingMessage(request) => {
            let config = request.configuration.as_mut();
            let config = config.and_then(|configuration| configuration.task_push_notification_config.as_mut());
            (config, request.message.task_id.as_deref().map(str::to_owned))
        }
        _ => (None, None),
    };
    if let Some(config) = config.filter(|config| config.id.is_none()) {
        config.id = task_id;
    }
}

/// What of a call 0.3 cannot say, as InvalidParams that names the field.
pub(crate) fn sayable(call: &Call, form: Form) -> Result<(), Error> {
    if call.tenant().is_some_and(|tenant| !tenant.is_empty()) && form == Form::JsonRpc {
        return Err(Error::invalid("tenant", "version 0.3 knows no tenants"));
    }
    match call {
        Call::ListTaskPushNotificationConfigs(request)
            if form == Form::JsonRpc && (request.page_size != 0 || request.page_token.is_some()) =>
        {
            Err(Error::invalid("pageSize", "version 0.3 lists configurations as a whole"))
        }
        // It would ask for all of them.
        Call::ListTasks(request) if !request.status.is_known() => {
            Err(Error::invalid("status", format!("version 0.3 has no state {}", request.status)))
        }
        Call::CancelTask(request) if form == Form::Proto && request.metadata.is_some() => {
            Err(Error::invalid("metadata", "version 0.3 cancels without metadata over HTTP+JSON and gRPC"))
        }
        _ => Ok(()),
    }
}

/// The `params` of JSON-RPC; for HTTP+JSON the body, where there is one.
impl Say for Call {
    fn say<S: Serializer>(&self, form: Form, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = match self {
            Self::Custom(call) => return serde::Serialize::serialize(&call.params, serializer),
            Self::SendMessage(request) | Self::SendStreamingMessage(request) => return request.say(form, serializer),
            Self::CreateTaskPushNotificationConfig(config) => return create(config, form, serializer),
            _ => serializer.serialize_map(None)?,
        };
        let mut id = |name: &str, task_id: &str| match form {
            Form::JsonRpc => map.serialize_entry("id", task_id),
            Form::Proto => map.serialize_entry(name, &format!("tasks/{task_id}")),
        };
        match self {
            Self::GetTask(request) => {
                id("name", &request.id)?;
                if let Some(length) = request.history_length {
                    map.serialize_entry("historyLength", &length)?;
                }
            }
            Self::CancelTask(request) => {
                id("name", &request.id)?;
                carried::write(&mut map, request.metadata.as_deref())?;
            }
            Self::SubscribeToTask(request) => id("name", &request.id)?,
            Self::GetTaskPushNotificationConfig(GetTaskPushNotificationConfigRequest {
                task_id, id: config, ..
            })
            | Self::DeleteTaskPushNotificationConfig(DeleteTaskPushNotificationConfigRequest {
                task_id,
                id: config,
                ..
            }) => {
                if form == Form::JsonRpc {
                    map.serialize_entry("id", task_id)?;
                    map.serialize_entry("pushNotificationConfigId", config)?;
                } else {
                    map.serialize_entry("name", &names::resource(task_id, config))?;
                }
            }
            Self::ListTaskPushNotificationConfigs(request) => {
                id("parent", &request.task_id)?;
                if form == Form::Proto {
                    map.serialize_entry("pageSize", &request.page_size)?;
                    map.serialize_entry("pageToken", request.page_token.as_deref().unwrap_or_default())?;
                }
            }
            Self::ListTasks(request) => {
                let texts = [("contextId", &request.context_id), ("pageToken", &request.page_token)];
                for (name, text) in texts {
                    if let Some(text) = text {
                        map.serialize_entry(name, text)?;
                    }
                }
                if request.status != crate::TaskState::Unspecified {
                    map.serialize_entry("status", names::state(&request.status, form))?;
                }
                for (name, number) in [("pageSize", request.page_size), ("historyLength", request.history_length)] {
                    if let Some(number) = number {
                        map.serialize_entry(name, &number)?;
                    }
                }
                if let Some(after) = &request.status_timestamp_after {
                    map.serialize_entry("statusTimestampAfter", after)?;
                }
                if let Some(include) = request.include_artifacts {
                    map.serialize_entry("includeArtifacts", &include)?;
                }
            }
            _ => {}
        }
        map.end()
    }
}

impl Say for SendMessageRequest {
    fn say<S: Serializer>(&self, form: Form, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("message", &In(&self.message, form))?;
        match (&self.configuration, form) {
            (Some(configuration), _) => map.serialize_entry("configuration", &In(configuration, form))?,
            // Its default is not to block.
            (None, Form::Proto) => {
                map.serialize_entry("configuration", &In(&SendMessageConfiguration::default(), form))?;
            }
            (None, Form::JsonRpc) => {}
        }
        carried::write(&mut map, self.metadata.as_deref())?;
        map.end()
    }
}

impl Say for SendMessageConfiguration {
    fn say<S: Serializer>(&self, form: Form, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.accepted_output_modes.is_empty() {
            map.serialize_entry("acceptedOutputModes", &self.accepted_output_modes)?;
        }
        map.serialize_entry("blocking", &!self.return_immediately)?;
        if let Some(length) = self.history_length {
            map.serialize_entry("historyLength", &length)?;
        }
        if let Some(config) = &self.task_push_notification_config {
            let name = if form == Form::JsonRpc { "pushNotificationConfig" } else { "pushNotification" };
            map.serialize_entry(name, &In(&Config(config), form))?;
        }
        map.end()
    }
}

fn create<S: Serializer>(config: &TaskPushNotificationConfig, form: Form, serializer: S) -> Result<S::Ok, S::Error> {
    if form == Form::JsonRpc {
        return config.say(form, serializer);
    }
    let mut map = serializer.serialize_map(Some(3))?;
    map.serialize_entry("parent", &format!("tasks/{}", config.task_id.as_deref().unwrap_or_default()))?;
    map.serialize_entry("configId", config.id.as_deref().unwrap_or_default())?;
    map.serialize_entry("config", &In(config, form))?;
    map.end()
}

/// Reads the request of a method from JSON; `whole` is the name for all of it.
///
/// # Errors
/// InvalidParams that names the field; ParseError where it is not JSON.
pub(crate) fn read_json(method: Method, form: Form, json: &str, whole: &str) -> Result<Call, Error> {
    // Clients in Go send `null` where there is nothing to say.
    let json = if json.trim_ascii() == "null" { "{}" } else { json };
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let call = read(method, form, &mut deserializer).and_then(|call| deserializer.end().map(|()| call));
    call.map_err(|_| match fault::not_json(json) {
        Some(error) => error,
        None => fault_in(method, form, &mut serde_json::Deserializer::from_str(json), whole),
    })
}

/// Why a request cannot be read, as InvalidParams that names the field.
pub(crate) fn fault_in<'de, D: Deserializer<'de>>(method: Method, form: Form, source: D, whole: &str) -> Error {
    let mut violation = fault::locate(source, |source| read(method, form, source));
    if violation.field.is_empty() {
        whole.clone_into(&mut violation.field);
    }
    Error::violations(vec![violation])
}
