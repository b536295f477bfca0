//! Push notification configurations. 0.3 has several schemes where 1.0 has one: the first.

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap};

use super::{Form, Hear, In, Say, names};
use crate::{AuthenticationInfo, ListTaskPushNotificationConfigsResponse, TaskPushNotificationConfig, json};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TaskConfigIn {
    #[serde(alias = "task_id", deserialize_with = "json::text")]
    task_id: Option<String>,
    #[serde(deserialize_with = "json::text")]
    name: Option<String>,
    #[serde(alias = "push_notification_config", deserialize_with = "json::nullable")]
    push_notification_config: ConfigIn,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ConfigIn {
    #[serde(deserialize_with = "json::text")]
    id: Option<String>,
    #[serde(deserialize_with = "json::nullable")]
    url: String,
    #[serde(deserialize_with = "json::text")]
    token: Option<String>,
    #[serde(deserialize_with = "json::optional")]
    authentication: Option<AuthenticationIn>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AuthenticationIn {
    #[serde(deserialize_with = "json::list")]
    schemes: Vec<String>,
    #[serde(deserialize_with = "json::text")]
    credentials: Option<String>,
}

impl ConfigIn {
    pub(super) fn config(self) -> TaskPushNotificationConfig {
        let authentication = self.authentication.map(|authentication| AuthenticationInfo {
            scheme: authentication.schemes.into_iter().next().unwrap_or_default(),
            credentials: authentication.credentials,
        });
        TaskPushNotificationConfig {
            tenant: None,
            id: self.id,
            task_id: None,
            url: self.url,
            token: self.token,
            // No scheme and no credentials are no authentication.
            authentication: authentication.filter(|authentication| *authentication != AuthenticationInfo::default()),
        }
    }
}

impl Hear for TaskPushNotificationConfig {
    type Json = TaskConfigIn;

    fn hear(json: TaskConfigIn, _: Form) -> Self {
        let mut config = json.push_notification_config.config();
        let named = json.name.as_deref().and_then(names::of_resource);
        config.task_id = json.task_id.or_else(|| named.map(|(task, _)| task.to_owned()));
        config.id = config.id.or_else(|| named?.1.filter(|id| !id.is_empty()).map(str::to_owned));
        config
    }
}

impl Say for TaskPushNotificationConfig {
    fn say<S: Serializer>(&self, form: Form, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        let task_id = self.task_id.as_deref().unwrap_or_default();
        match form {
            Form::JsonRpc => map.serialize_entry("taskId", task_id)?,
            Form::Proto => {
                let id = self.id.as_deref().unwrap_or_default();
                map.serialize_entry("name", &names::resource(task_id, id))?;
            }
        }
        map.serialize_entry("pushNotificationConfig", &In(&Config(self), form))?;
        map.end()
    }
}

/// A configuration without its task.
pub(super) struct Config<'a>(pub(super) &'a TaskPushNotificationConfig);

impl Say for Config<'_> {
    fn say<S: Serializer>(&self, _: Form, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Authentication<'a> {
            schemes: [&'a str; 1],
            #[serde(skip_serializing_if = "Option::is_none")]
            credentials: Option<&'a str>,
        }
        let Self(config) = self;
        let mut map = serializer.serialize_map(None)?;
        if let Some(id) = &config.id {
            map.serialize_entry("id", id)?;
        }
        map.serialize_entry("url", &config.url)?;
        if let Some(token) = &config.token {
            map.serialize_entry("token", token)?;
        }
        if let Some(AuthenticationInfo { scheme, credentials }) = &config.authentication {
            let authentication = Authentication { schemes: [scheme], credentials: credentials.as_deref() };
            map.serialize_entry("authentication", &authentication)?;
        }
        map.end()
    }
}

/// A list in JSON-RPC, a page in HTTP+JSON.
pub(crate) struct ConfigsIn {
    configs: Vec<TaskConfigIn>,
    next_page_token: String,
}

impl<'de> Deserialize<'de> for ConfigsIn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        struct Page {
            #[serde(deserialize_with = "json::list")]
            configs: Vec<TaskConfigIn>,
            #[serde(alias = "next_page_token", deserialize_with = "json::nullable")]
            next_page_token: String,
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            List(Vec<TaskConfigIn>),
            Page(Page),
            Nothing,
        }
        Ok(match Either::deserialize(deserializer)? {
            Either::List(configs) => Self { configs, next_page_token: String::new() },
            Either::Page(page) => Self { configs: page.configs, next_page_token: page.next_page_token },
            Either::Nothing => Self { configs: Vec::new(), next_page_token: String::new() },
        })
    }
}

impl Hear for ListTaskPushNotificationConfigsResponse {
    type Json = ConfigsIn;

    fn hear(json: ConfigsIn, form: Form) -> Self {
        Self {
            configs: json.configs.into_iter().map(|config| TaskPushNotificationConfig::hear(config, form)).collect(),
            next_page_token: json.next_page_token,
        }
    }
}

impl Say for ListTaskPushNotificationConfigsResponse {
    fn say<S: Serializer>(&self, form: Form, serializer: S) -> Result<S::Ok, S::Error> {
        let configs = In(self.configs.as_slice(), form);
        if form == Form::JsonRpc {
            return configs.serialize(serializer);
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("configs", &configs)?;
        if !self.next_page_token.is_empty() {
            map.serialize_entry("nextPageToken", &self.next_page_token)?;
        }
        map.end()
    }
}
