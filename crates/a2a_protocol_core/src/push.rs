//! Push notification configurations (section 4.3).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::json;

/// The header in which a notification carries the token of its configuration (section 4.3.3).
pub const PUSH_TOKEN_HEADER: &str = "x-a2a-notification-token";

/// How the agent authenticates itself at a webhook (section 4.3.2).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct AuthenticationInfo {
    /// The scheme of the `Authorization` header, such as `Bearer`.
    #[serde(deserialize_with = "json::nullable")]
    pub scheme: String,
    /// What follows the scheme. Never logged.
    #[serde(deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
    pub credentials: Option<String>,
}

impl fmt::Debug for AuthenticationInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticationInfo").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

/// Where the events of a task are sent (section 4.3.1).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct TaskPushNotificationConfig {
    /// The tenant, where an agent has several.
    #[serde(deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Chosen by the client or given by the server.
    #[serde(deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The task.
    #[serde(alias = "task_id", deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
    pub task_id: Option<String>,
    /// The webhook.
    #[serde(deserialize_with = "json::nullable")]
    pub url: String,
    /// Sent along for the receiver to check. Never logged.
    #[serde(deserialize_with = "json::text", skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// How the agent authenticates itself there.
    #[serde(deserialize_with = "json::optional", skip_serializing_if = "Option::is_none")]
    pub authentication: Option<AuthenticationInfo>,
}

impl fmt::Debug for TaskPushNotificationConfig {
    /// Without what may be secret: of the URL only the [origin](url_origin), of the rest no credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskPushNotificationConfig")
            .field("tenant", &self.tenant)
            .field("id", &self.id)
            .field("task_id", &self.task_id)
            .field("url", &url_origin(&self.url))
            .field("token", &self.token.as_ref().map(|_| "redacted"))
            .field("authentication", &self.authentication)
            .finish()
    }
}

/// Scheme and host of a URL, for the log: its user information, path and query may be secret.
pub fn url_origin(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}")
}
