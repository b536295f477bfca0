//! What a request must carry beyond its types. Every error names the field.

use crate::{
    Call, Content, Error, FieldViolation, Message, Part, Role, SendMessageRequest, TaskPushNotificationConfig,
    TaskState, http_json,
};

/// The page size of ListTasks when the request names none.
pub const DEFAULT_PAGE_SIZE: i32 = 50;
/// The largest page size of ListTasks.
pub const MAX_PAGE_SIZE: i32 = 100;
// What a push notification configuration may hold at most, in bytes: it is stored, and all but its
// id and URL goes into headers, of which usual servers take some 8 KiB.
/// The longest id.
const MAX_PUSH_CONFIG_ID_BYTES: usize = 256;
/// The longest URL.
const MAX_PUSH_URL_BYTES: usize = 2048;
/// The longest token.
const MAX_PUSH_TOKEN_BYTES: usize = 4096;
/// The longest name of an authentication scheme.
const MAX_PUSH_SCHEME_BYTES: usize = 64;
/// The longest credentials.
const MAX_PUSH_CREDENTIALS_BYTES: usize = 8192;

impl Call {
    /// Checks a request before it is acted on. Replies are not checked: what a peer answers is read
    /// leniently.
    ///
    /// # Errors
    /// InvalidParams with a violation for every field at fault.
    pub fn validate(&self) -> Result<(), Error> {
        let mut check = Check::default();
        // Empty is unset.
        if let Some(tenant) = self.tenant().filter(|tenant| !tenant.is_empty())
            && let Err(why) = http_json::check_tenant(tenant)
        {
            check.add("tenant", why);
        }
        match self {
            Self::SendMessage(request) | Self::SendStreamingMessage(request) => check.send(request),
            Self::GetTask(request) => {
                check.filled("id", &request.id);
                check.at_least_zero("historyLength", request.history_length);
            }
            Self::ListTasks(request) => {
                check.state("status", &request.status);
                check.at_least_zero("historyLength", request.history_length);
                if let Some(size) = request.page_size
                    && !(1..=MAX_PAGE_SIZE).contains(&size)
                {
                    check.add("pageSize", format!("must be from 1 to {MAX_PAGE_SIZE}, not {size}"));
                }
            }
            Self::CancelTask(request) => check.filled("id", &request.id),
            Self::SubscribeToTask(request) => check.filled("id", &request.id),
            Self::CreateTaskPushNotificationConfig(config) => {
                check.filled("taskId", config.task_id.as_deref().unwrap_or_default());
                check.push("", config);
            }
            Self::GetTaskPushNotificationConfig(request) => {
                check.filled("taskId", &request.task_id);
                check.filled("id", &request.id);
            }
            Self::DeleteTaskPushNotificationConfig(request) => {
                check.filled("taskId", &request.task_id);
                check.filled("id", &request.id);
            }
            Self::ListTaskPushNotificationConfigs(request) => {
                check.filled("taskId", &request.task_id);
                check.at_least_zero("pageSize", Some(request.page_size));
            }
            Self::Custom(call) if !call.is_structured() => {
                check.add("params", "must be an object or an array, or left out");
            }
            Self::GetExtendedAgentCard(_) | Self::Custom(_) => {}
        }
        check.result()
    }
}

/// Collects violations; allocates nothing while there are none.
#[derive(Default)]
struct Check(Vec<FieldViolation>);

impl Check {
    fn result(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::violations(self.0)) }
    }

    fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.0.push(FieldViolation { field: field.into(), description: description.into() });
    }

    fn filled(&mut self, field: &str, value: &str) {
        if value.is_empty() {
            self.add(field, "must not be empty");
        }
    }

    fn at_least_zero(&mut self, field: &str, value: Option<i32>) {
        if let Some(value) = value.filter(|value| *value < 0) {
            self.add(field, format!("must not be negative, is {value}"));
        }
    }

    fn state(&mut self, field: &str, state: &TaskState) {
        if let TaskState::Name(name) = state {
            self.add(field, format!("unknown task state {name:?}"));
        }
    }

    fn send(&mut self, request: &SendMessageRequest) {
        self.message(&request.message);
        if let Some(configuration) = &request.configuration {
            self.at_least_zero("configuration.historyLength", configuration.history_length);
            if let Some(push) = &configuration.task_push_notification_config {
                self.push("configuration.taskPushNotificationConfig.", push);
            }
        }
    }

    fn message(&mut self, message: &Message) {
        if *message == Message::default() {
            return self.add("message", "must be set");
        }
        self.filled("message.messageId", &message.message_id);
        match &message.role {
            Role::User | Role::Agent => {}
            Role::Unspecified => self.add("message.role", "must be ROLE_USER or ROLE_AGENT"),
            other => self.add("message.role", format!("unknown role {other}")),
        }
        if message.parts.is_empty() {
            self.add("message.parts", "must not be empty");
        }
        for (index, part) in message.parts.iter().enumerate() {
            self.part(index, part);
        }
    }

    fn part(&mut self, index: usize, part: &Part) {
        match &part.content {
            Content::Unknown(_) => {
                self.add(format!("message.parts[{index}]"), "must have one of text, raw, url and data");
            }
            Content::Url(url) if url.is_empty() => self.add(format!("message.parts[{index}].url"), "must not be empty"),
            Content::Text(_) | Content::Raw(_) | Content::Url(_) | Content::Data(_) => {}
        }
    }

    fn push(&mut self, prefix: &str, config: &TaskPushNotificationConfig) {
        let authentication = config.authentication.as_ref();
        let scheme = authentication.map(|authentication| &*authentication.scheme);
        let credentials = authentication.and_then(|authentication| authentication.credentials.as_deref());
        let token = config.token.as_deref();
        if config.url.is_empty() {
            self.add(format!("{prefix}url"), "must not be empty");
        }
        for (field, text, most) in [
            ("id", config.id.as_deref(), MAX_PUSH_CONFIG_ID_BYTES),
            ("url", Some(&*config.url), MAX_PUSH_URL_BYTES),
            ("authentication.scheme", scheme, MAX_PUSH_SCHEME_BYTES),
            ("authentication.credentials", credentials, MAX_PUSH_CREDENTIALS_BYTES),
            ("token", token, MAX_PUSH_TOKEN_BYTES),
        ] {
            if text.is_some_and(|text| text.len() > most) {
                self.add(format!("{prefix}{field}"), format!("must not be longer than {most} bytes"));
            }
        }
        if let Some(scheme) = scheme {
            if scheme.is_empty() {
                self.add(format!("{prefix}authentication.scheme"), "must not be empty");
            } else if !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)) {
                self.add(format!("{prefix}authentication.scheme"), "must be the name of a scheme, such as Bearer");
            }
        }
        // Both are sent in headers, and neither is quoted: they are secrets.
        for (field, text) in [("authentication.credentials", credentials), ("token", token)] {
            if text.is_some_and(|text| !text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())) {
                self.add(format!("{prefix}{field}"), "must be printable ASCII");
            }
        }
    }
}
