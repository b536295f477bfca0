//! What the operations take and answer (section 3.2).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Message, Struct, Task, TaskPushNotificationConfig, TaskState, Timestamp, json};

/// How a send is to be answered (section 3.2.2).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct SendMessageConfiguration {
    /// The media types the caller can take.
    #[serde(alias = "accepted_output_modes", deserialize_with = "json::list", skip_serializing_if = "Vec::is_empty")]
    pub accepted_output_modes: Vec<String>,
    /// A webhook for the task that the message creates.
    #[serde(
        alias = "task_push_notification_config",
        deserialize_with = "json::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub task_push_notification_config: Option<TaskPushNotificationConfig>,
    /// At most this many messages of the history in the reply.
    #[serde(alias = "history_length", deserialize_with = "json::int32", skip_serializing_if = "Option::is_none")]
    pub history_length: Option<i32>,
    /// Answer as soon as the task exists.
    #[serde(alias = "return_immediately", deserialize_with = "json::nullable", skip_serializing_if = "is_default")]
    pub return_immediately: bool,
}

/// SendMessage and SendStreamingMessage (sections 3.1.1, 3.1.2).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct SendMessageRequest {
    /// The tenant, where an agent has several.
    #[serde(deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The message.
    #[serde(deserialize_with = "json::nullable")]
    pub message: Message,
    /// How it is to be answered.
    #[serde(deserialize_with = "json::optional", skip_serializing_if = "Option::is_none")]
    pub configuration: Option<SendMessageConfiguration>,
    /// Free members for extensions.
    #[serde(with = "json::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Box<Struct>>,
}

impl SendMessageRequest {
    /// A request to send this message and wait for the outcome.
    pub fn new(message: Message) -> Self {
        Self { message, ..Self::default() }
    }
}

/// GetTask (section 3.1.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct GetTaskRequest {
    /// The tenant, where an agent has several.
    #[serde(deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The task.
    #[serde(deserialize_with = "json::nullable")]
    pub id: String,
    /// At most this many messages of the history.
    #[serde(alias = "history_length", deserialize_with = "json::int32", skip_serializing_if = "Option::is_none")]
    pub history_length: Option<i32>,
}

impl GetTaskRequest {
    /// A request for this task.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }
}

/// ListTasks (section 3.1.4).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct ListTasksRequest {
    /// The tenant, where an agent has several.
    #[serde(deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Only tasks of this conversation.
    #[serde(alias = "context_id", deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
    pub context_id: Option<String>,
    /// Only tasks in this state.
    #[serde(deserialize_with = "json::nullable", skip_serializing_if = "is_default")]
    pub status: TaskState,
    /// Tasks a page, 1 to 100; 50 when unset.
    #[serde(alias = "page_size", deserialize_with = "json::int32", skip_serializing_if = "Option::is_none")]
    pub page_size: Option<i32>,
    /// The page that an earlier answer named.
    #[serde(alias = "page_token", deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
    pub page_token: Option<String>,
    /// At most this many messages of each history.
    #[serde(alias = "history_length", deserialize_with = "json::int32", skip_serializing_if = "Option::is_none")]
    pub history_length: Option<i32>,
    /// Only tasks whose status is of this time or later.
    #[serde(alias = "status_timestamp_after", skip_serializing_if = "Option::is_none")]
    pub status_timestamp_after: Option<Timestamp>,
    /// Whether the tasks come with their artifacts.
    #[serde(alias = "include_artifacts", skip_serializing_if = "Option::is_none")]
    pub include_artifacts: Option<bool>,
}

/// A page of tasks, newest status first (section 3.1.4). All four members are always sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct ListTasksResponse {
    /// The tasks.
    #[serde(deserialize_with = "json::list")]
    pub tasks: Vec<Arc<Task>>,
    /// The token of the next page, empty at the end.
    #[serde(alias = "next_page_token", deserialize_with = "json::nullable")]
    pub next_page_token: String,
    /// The page size that was applied.
    #[serde(alias = "page_size", deserialize_with = "json::plain_int32")]
    pub page_size: i32,
    /// How many tasks match in all.
    #[serde(alias = "total_size", deserialize_with = "json::plain_int32")]
    pub total_size: i32,
}

/// CancelTask (section 3.1.5).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct CancelTaskRequest {
    /// The tenant, where an agent has several.
    #[serde(deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The task.
    #[serde(deserialize_with = "json::nullable")]
    pub id: String,
    /// Free members for extensions.
    #[serde(with = "json::object", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Box<Struct>>,
}

impl CancelTaskRequest {
    /// A request to cancel this task.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }
}

/// SubscribeToTask (section 3.1.6).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct SubscribeToTaskRequest {
    /// The tenant, where an agent has several.
    #[serde(deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The task.
    #[serde(deserialize_with = "json::nullable")]
    pub id: String,
}

impl SubscribeToTaskRequest {
    /// A request to watch this task.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }
}

/// GetTaskPushNotificationConfig (section 3.1.8).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct GetTaskPushNotificationConfigRequest {
    /// The tenant, where an agent has several.
    #[serde(deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The task.
    #[serde(alias = "task_id", deserialize_with = "json::nullable")]
    pub task_id: String,
    /// The configuration.
    #[serde(deserialize_with = "json::nullable")]
    pub id: String,
}

/// DeleteTaskPushNotificationConfig (section 3.1.10).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct DeleteTaskPushNotificationConfigRequest {
    /// The tenant, where an agent has several.
    #[serde(deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The task.
    #[serde(alias = "task_id", deserialize_with = "json::nullable")]
    pub task_id: String,
    /// The configuration.
    #[serde(deserialize_with = "json::nullable")]
    pub id: String,
}

/// ListTaskPushNotificationConfigs (section 3.1.9).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct ListTaskPushNotificationConfigsRequest {
    /// The tenant, where an agent has several.
    #[serde(deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The task.
    #[serde(alias = "task_id", deserialize_with = "json::nullable")]
    pub task_id: String,
    /// Configurations a page.
    #[serde(alias = "page_size", deserialize_with = "json::plain_int32", skip_serializing_if = "is_default")]
    pub page_size: i32,
    /// The page that an earlier answer named.
    #[serde(alias = "page_token", deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
    pub page_token: Option<String>,
}

/// A page of push notification configurations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct ListTaskPushNotificationConfigsResponse {
    /// The configurations.
    #[serde(deserialize_with = "json::list")]
    pub configs: Vec<TaskPushNotificationConfig>,
    /// The token of the next page, empty at the end.
    #[serde(alias = "next_page_token", deserialize_with = "json::nullable", skip_serializing_if = "String::is_empty")]
    pub next_page_token: String,
}

/// GetExtendedAgentCard (section 3.1.11).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct GetExtendedAgentCardRequest {
    /// The tenant, where an agent has several.
    #[serde(deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
