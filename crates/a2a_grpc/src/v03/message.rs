//! Messages of 0.3 and what they say.

use a2a_app_ports::Reply;
use a2a_protocol_core::{Call, Error, ErrorKind, InDialect, JsonDialect, Method, Spoken, StreamResponse, v03};
use prost_reflect::{DynamicMessage, MessageDescriptor};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Operation, codec::Reading};

pub(super) const DIALECT: JsonDialect = JsonDialect::V0_3Proto;

impl Operation {
    /// The codec of a server.
    pub(crate) fn requests(&self) -> Reading {
        Reading(self.descriptor.input())
    }

    /// The codec of a client.
    pub(crate) fn replies(&self) -> Reading {
        Reading(self.descriptor.output())
    }

    /// # Errors
    /// InvalidParams that names the field.
    pub(crate) fn read_request(&self, message: &DynamicMessage) -> Result<Call, Error> {
        let json = to_json(message).map_err(|fault| Error::invalid("request", fault))?;
        DIALECT.read_request(self.method, &json).map_err(|error| self.by_resource(error))
    }

    /// The error with ids at fault by the field that names the resource.
    fn by_resource(&self, error: Error) -> Error {
        let resource = match self.method {
            _ if error.field_violations().is_empty() => return error,
            Method::SendMessage | Method::SendStreamingMessage => return error,
            Method::CreateTaskPushNotificationConfig | Method::ListTaskPushNotificationConfigs => "parent",
            _ => "name",
        };
        let violations = error.field_violations().iter().cloned().map(|mut violation| {
            if ["id", "taskId", "pushNotificationConfigId"].contains(&&*violation.field) {
                resource.clone_into(&mut violation.field);
            }
            violation
        });
        Error::violations(violations.collect())
    }

    /// # Errors
    /// InvalidParams for what 0.3 has no word for.
    pub(crate) fn write_request(&self, call: &Call) -> Result<DynamicMessage, Error> {
        if call.tenant().is_some_and(|tenant| !tenant.is_empty()) {
            return Err(Error::invalid("tenant", "version 0.3 knows no tenants over gRPC"));
        }
        let params = DIALECT.params(call)?;
        message(self.descriptor.input(), &params).map_err(|fault| Error::invalid(self.descriptor.input().name(), fault))
    }

    /// # Errors
    /// InvalidAgentResponse for a reply of another kind, and for what 0.3 has no word for.
    pub(crate) fn write_reply(&self, reply: Reply) -> Result<DynamicMessage, Error> {
        match (self.method, &reply) {
            (Method::SendMessage, Reply::Sent(sent)) => self.write(sent),
            (Method::GetTask | Method::CancelTask, Reply::Task(task)) => self.write(task),
            (
                Method::CreateTaskPushNotificationConfig | Method::GetTaskPushNotificationConfig,
                Reply::PushConfig(config),
            ) => self.write(config),
            (Method::ListTaskPushNotificationConfigs, Reply::PushConfigs(configs)) => self.write(configs),
            (Method::DeleteTaskPushNotificationConfig, Reply::Deleted) => {
                Ok(DynamicMessage::new(self.descriptor.output()))
            }
            (Method::GetExtendedAgentCard, Reply::Card(card)) => {
                let mut card =
                    serde_json::to_value(InDialect(DIALECT, &*v03::with_interfaces(card))).map_err(v03::unsayable)?;
                wrap_security(&mut card);
                message(self.descriptor.output(), &card).map_err(v03::unsayable)
            }
            (method, other) => Err(other.unfit(method.name())),
        }
    }

    /// # Errors
    /// InvalidAgentResponse for what 0.3 has no word for.
    pub(crate) fn write_event(&self, event: &StreamResponse) -> Result<DynamicMessage, Error> {
        self.write(event)
    }

    fn write<T: Spoken>(&self, said: &T) -> Result<DynamicMessage, Error> {
        message(self.descriptor.output(), &InDialect(DIALECT, said)).map_err(v03::unsayable)
    }

    /// # Errors
    /// InvalidAgentResponse that names the field.
    pub(crate) fn read_reply(&self, message: &DynamicMessage) -> Result<Reply, Error> {
        Ok(match self.method {
            Method::SendMessage => Reply::Sent(read(message)?),
            Method::GetTask | Method::CancelTask => Reply::Task(read(message)?),
            Method::CreateTaskPushNotificationConfig | Method::GetTaskPushNotificationConfig => {
                Reply::PushConfig(read(message)?)
            }
            Method::ListTaskPushNotificationConfigs => Reply::PushConfigs(read(message)?),
            Method::DeleteTaskPushNotificationConfig => Reply::Deleted,
            Method::GetExtendedAgentCard => Reply::Card(read(message)?),
            other => return Err(Error::internal(format!("{} has no such reply", other.name()))),
        })
    }
}

/// In a card, security requirements are the one thing that HTTP+JSON does not have in ProtoJSON.
fn wrap_security(card: &mut Value) {
    let of_skills = card.get_mut("skills").and_then(Value::as_array_mut).into_iter().flatten();
    let all = of_skills.filter_map(|skill| skill.get_mut("security")).filter_map(Value::as_array_mut).flatten();
    all.for_each(wrap);
    card.get_mut("security").and_then(Value::as_array_mut).into_iter().flatten().for_each(wrap);
}

/// `{name: scopes}` as `{schemes: {name: {list: scopes}}}`.
fn wrap(requirement: &mut Value) {
    if let Value::Object(schemes) = requirement.take() {
        let schemes = schemes.into_iter().map(|(name, scopes)| (name, json!({ "list": scopes })));
        *requirement = json!({ "schemes": schemes.collect::<Map<_, _>>() });
    }
}

/// # Errors
/// InvalidAgentResponse that names the field.
pub(crate) fn read<T: Spoken>(message: &DynamicMessage) -> Result<T, Error> {
    let json = to_json(message)
        .map_err(|fault| Error::new(ErrorKind::InvalidAgentResponse, format!("the reply is invalid: {fault}")))?;
    T::read_in(DIALECT, json.as_bytes())
}

fn to_json(message: &DynamicMessage) -> Result<String, String> {
    serde_json::to_string(message).map_err(|fault| fault.to_string())
}

fn message(descriptor: MessageDescriptor, said: &impl Serialize) -> Result<DynamicMessage, String> {
    let json = serde_json::to_vec(said).map_err(|fault| fault.to_string())?;
    // Agent cards say some things in both of 0.3's ways.
    let options = prost_reflect::DeserializeOptions::new().deny_unknown_fields(false);
    let mut source = serde_json::Deserializer::from_slice(&json);
    DynamicMessage::deserialize_with_options(descriptor, &mut source, &options).map_err(|fault| fault.to_string())
}
