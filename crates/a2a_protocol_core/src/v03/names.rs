//! The names of states and roles.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

use super::{Form, quirks};
use crate::{Role, TaskState, json::number_of};

/// Every state: its name in JSON-RPC, in the proto, and what it is. The first row is also what is
/// said of a state that 0.3 does not have.
const STATES: [(&str, &str, TaskState); 9] = [
    ("unknown", "TASK_STATE_UNSPECIFIED", TaskState::Unspecified),
    ("submitted", "TASK_STATE_SUBMITTED", TaskState::Submitted),
    ("working", "TASK_STATE_WORKING", TaskState::Working),
    ("completed", "TASK_STATE_COMPLETED", TaskState::Completed),
    ("failed", "TASK_STATE_FAILED", TaskState::Failed),
    ("canceled", "TASK_STATE_CANCELLED", TaskState::Canceled),
    ("input-required", "TASK_STATE_INPUT_REQUIRED", TaskState::InputRequired),
    ("rejected", "TASK_STATE_REJECTED", TaskState::Rejected),
    ("auth-required", "TASK_STATE_AUTH_REQUIRED", TaskState::AuthRequired),
];

pub(crate) fn state(state: &TaskState, form: Form) -> &'static str {
    let row = STATES.iter().find(|(_, _, known)| known == state).unwrap_or(&STATES[0]);
    match form {
        Form::JsonRpc => row.0,
        Form::Proto => row.1,
    }
}

/// 0.3 knows no message that is nobody's: what is not the caller's is the agent's.
pub(super) fn role(role: &Role, form: Form) -> &'static str {
    match (role, form) {
        (Role::User, Form::JsonRpc) => "user",
        (Role::User, Form::Proto) => "ROLE_USER",
        (_, Form::JsonRpc) => "agent",
        (_, Form::Proto) => "ROLE_AGENT",
    }
}

/// A name, or the number of it in the proto.
pub(super) enum Name {
    Text(Box<str>),
    Number(i32),
}

impl Default for Name {
    fn default() -> Self {
        Self::Number(0)
    }
}

impl Name {
    pub(super) fn state(self) -> TaskState {
        match self {
            // The same numbers in both versions.
            Self::Number(number) => TaskState::from_number(number),
            Self::Text(name) => {
                let row = STATES.iter().find(|(json_rpc, proto, _)| *name == **json_rpc || *name == **proto);
                row.map(|row| row.2.clone())
                    .or_else(|| quirks::home_grown_state(&name))
                    .unwrap_or_else(|| TaskState::Name((&*name).into()))
            }
        }
    }

    pub(super) fn role(self) -> Role {
        match self {
            Self::Number(number) => Role::from_number(number),
            Self::Text(name) => match &*name {
                "user" | "ROLE_USER" => Role::User,
                "agent" | "ROLE_AGENT" => Role::Agent,
                other => Role::from_name(other),
            },
        }
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Name;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<Name, E> {
                Ok(name.parse().map_or_else(|_| Name::Text(name.into()), Name::Number))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Name, E> {
                let fits = i32::try_from(number).map(Name::Number);
                fits.map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Name, E> {
                let fits = i32::try_from(number).map(Name::Number);
                fits.map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Name, E> {
                let fits = number_of(number).map(Name::Number);
                fits.ok_or_else(|| E::invalid_value(de::Unexpected::Float(number), &self))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// The resource name of a push notification configuration.
pub(super) fn resource(task_id: &str, config_id: &str) -> String {
    format!("tasks/{task_id}/pushNotificationConfigs/{config_id}")
}

/// The task and the push notification configuration that a resource name of the proto names. The
/// latter is `None` in the name of a task, and empty in that of its configurations.
pub(super) fn of_resource(name: &str) -> Option<(&str, Option<&str>)> {
    let rest = name.strip_prefix("tasks/")?;
    let Some((task, tail)) = rest.split_once("/pushNotificationConfigs") else { return Some((rest, None)) };
    match tail.strip_prefix('/') {
        Some(config) => Some((task, Some(config))),
        None if tail.is_empty() => Some((task, Some(""))),
        // An id that looks so.
        None => Some((rest, None)),
    }
}

/// Reads the name of a task in a request.
pub(super) fn task<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let task = |name: &str| match of_resource(name)? {
        (task, None) if !task.is_empty() => Some(task.to_owned()),
        _ => None,
    };
    asked(deserializer, "tasks/{id}", task)
}

/// Reads what configurations are of in a request: the name of a task, or that of its configurations.
pub(super) fn parent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let task = |name: &str| match of_resource(name)? {
        (task, None | Some("")) if !task.is_empty() => Some(task.to_owned()),
        _ => None,
    };
    asked(deserializer, "tasks/{id}", task)
}

/// Reads the name of a configuration in a request: its task and its id.
pub(super) fn config<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(String, String), D::Error> {
    let config = |name: &str| match of_resource(name)? {
        (task, Some(config)) if !task.is_empty() && !config.is_empty() => Some((task.to_owned(), config.to_owned())),
        _ => None,
    };
    asked(deserializer, "tasks/{id}/pushNotificationConfigs/{id}", config)
}

/// Reads a name of this form, empty meaning unset; that of something else is refused.
fn asked<'de, D: Deserializer<'de>, T: Default>(
    deserializer: D,
    form: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, D::Error> {
    match Option::<String>::deserialize(deserializer)?.as_deref() {
        None | Some("") => Ok(T::default()),
        Some(name) => read(name).ok_or_else(|| de::Error::custom(format_args!("has to be {form}"))),
    }
}
