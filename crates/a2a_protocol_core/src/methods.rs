//! The method table: every operation of the protocol, once (section 5.3).

use std::borrow::Cow;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::{
    CancelTaskRequest, CustomCall, DeleteTaskPushNotificationConfigRequest, Error, GetExtendedAgentCardRequest,
    GetTaskPushNotificationConfigRequest, GetTaskRequest, ListTaskPushNotificationConfigsRequest, ListTasksRequest,
    SendMessageRequest, SubscribeToTaskRequest, TaskPushNotificationConfig, fault, json::MapOnly,
};

/// What a method needs the agent card to declare (section 3.3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// `capabilities.streaming`
    Streaming,
    /// `capabilities.pushNotifications`
    PushNotifications,
    /// `capabilities.extendedAgentCard`
    ExtendedAgentCard,
}

/// A verb and a path of the HTTP+JSON binding. `{name}` captures a segment into the field `name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpRule {
    /// The HTTP method.
    pub verb: &'static str,
    /// The path below the interface's address, without the tenant.
    pub path: &'static str,
}

macro_rules! methods {
    ($($(#[$doc:meta])* $method:ident($request:ident), $stream:literal, [$($verb:literal $path:literal),+], [$($v03:literal),*], $capability:expr;)*) => {
        /// An operation of the protocol; one row of the method table each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Method {
            $($(#[$doc])* $method,)*
        }

        impl Method {
            /// Every row of the table.
            pub const ALL: &'static [Method] = &[$(Method::$method,)*];

            /// The name in the JSON-RPC and gRPC bindings.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$method => stringify!($method),)* }
            }

            /// The names in the JSON-RPC binding of v0.3, the official one first.
            pub const fn v03_names(self) -> &'static [&'static str] {
                match self { $(Self::$method => &[$($v03),*],)* }
            }

            /// The rules of the HTTP+JSON binding, the one to send first.
            pub const fn http_rules(self) -> &'static [HttpRule] {
                match self { $(Self::$method => &[$(HttpRule { verb: $verb, path: $path }),+],)* }
            }

            /// Whether the reply is a stream.
            pub const fn is_streaming(self) -> bool {
                match self { $(Self::$method => $stream,)* }
            }

            /// What the card has to declare.
            pub const fn capability(self) -> Option<Capability> {
                match self { $(Self::$method => $capability,)* }
            }

            /// The method of a JSON-RPC or gRPC name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($method) => Some(Self::$method),)*
                    _ => None,
                }
            }

            /// The method of a v0.3 JSON-RPC name.
            pub fn from_v03_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|method| method.v03_names().contains(&name))
            }
        }

        /// What is asked of an agent: an operation with its request.
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        pub enum Call {
            $($(#[$doc])* $method($request),)*
            /// A method that is not the protocol's but the agent's own.
            Custom(CustomCall),
        }

        impl Call {
            /// The operation; `None` for an agent's own method.
            pub fn method(&self) -> Option<Method> {
                match self {
                    $(Self::$method(_) => Some(Method::$method),)*
                    Self::Custom(_) => None,
                }
            }

            /// The tenant that the request names.
            pub fn tenant(&self) -> Option<&str> {
                match self {
                    $(Self::$method(request) => request.tenant.as_deref(),)*
                    Self::Custom(call) => call.tenant.as_deref(),
                }
            }

            /// Names the tenant.
            pub fn set_tenant(&mut self, tenant: Option<String>) {
                match self {
                    $(Self::$method(request) => request.tenant = tenant,)*
                    Self::Custom(call) => call.tenant = tenant,
                }
            }

            /// Reads the request of a method; the binding has found the method by name or by path.
            pub(crate) fn read<'de, D: serde::Deserializer<'de>>(method: Method, deserializer: D) -> Result<Self, D::Error> {
                match method {
                    $(Method::$method => $request::deserialize(MapOnly(deserializer)).map(Self::$method),)*
                }
            }
        }

        /// Writes the request alone: the `params` of JSON-RPC, the body of HTTP+JSON.
        impl Serialize for Call {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$method(request) => request.serialize(serializer),)*
                    Self::Custom(call) => call.serialize(serializer),
                }
            }
        }
    };
}

methods! {
    /// Send a message and wait for the outcome (section 3.1.1).
    SendMessage(SendMessageRequest), false,
        ["POST" "/message:send"], ["message/send"], None;
    /// Send a message and watch what happens (section 3.1.2).
    SendStreamingMessage(SendMessageRequest), true,
        ["POST" "/message:stream"], ["message/stream"], Some(Capability::Streaming);
    /// Read a task (section 3.1.3).
    GetTask(GetTaskRequest), false,
        ["GET" "/tasks/{id}"], ["tasks/get"], None;
    /// Read many tasks (section 3.1.4).
    ListTasks(ListTasksRequest), false,
        ["GET" "/tasks"], ["tasks/list"], None;
    /// Stop a task (section 3.1.5).
    CancelTask(CancelTaskRequest), false,
        ["POST" "/tasks/{id}:cancel"], ["tasks/cancel"], None;
    /// Watch a task (section 3.1.6). The prose says POST, the protobuf annotation GET.
    SubscribeToTask(SubscribeToTaskRequest), true,
        ["POST" "/tasks/{id}:subscribe", "GET" "/tasks/{id}:subscribe"], ["tasks/resubscribe"], Some(Capability::Streaming);
    /// Have a webhook told (section 3.1.7).
    CreateTaskPushNotificationConfig(TaskPushNotificationConfig), false,
        ["POST" "/tasks/{taskId}/pushNotificationConfigs"], ["tasks/pushNotificationConfig/set"], Some(Capability::PushNotifications);
    /// Read a webhook's configuration (section 3.1.8).
    GetTaskPushNotificationConfig(GetTaskPushNotificationConfigRequest), false,
        ["GET" "/tasks/{taskId}/pushNotificationConfigs/{id}"], ["tasks/pushNotificationConfig/get"], Some(Capability::PushNotifications);
    /// Read all webhooks' configurations (section 3.1.9).
    ListTaskPushNotificationConfigs(ListTaskPushNotificationConfigsRequest), false,
        ["GET" "/tasks/{taskId}/pushNotificationConfigs"], ["tasks/pushNotificationConfig/list"], Some(Capability::PushNotifications);
    /// Have a webhook told no more (section 3.1.10).
    DeleteTaskPushNotificationConfig(DeleteTaskPushNotificationConfigRequest), false,
        ["DELETE" "/tasks/{taskId}/pushNotificationConfigs/{id}"], ["tasks/pushNotificationConfig/delete"], Some(Capability::PushNotifications);
    /// Read the card for authenticated callers (section 3.1.11).
    GetExtendedAgentCard(GetExtendedAgentCardRequest), false,
        ["GET" "/extendedAgentCard"], ["agent/getAuthenticatedExtendedCard", "agent/authenticatedExtendedCard"], Some(Capability::ExtendedAgentCard);
}

impl Call {
    /// Reads the call of a JSON-RPC request. A name that the table does not have is a custom call.
    ///
    /// # Errors
    /// InvalidParams that names the field.
    pub fn from_json_rpc(method: &str, params: Option<&RawValue>) -> Result<Self, Error> {
        match Method::from_name(method) {
            Some(method) => Self::read_json(method, params.map_or("{}", RawValue::get), "params"),
            None => Ok(Self::Custom(CustomCall::new(method, params.map(ToOwned::to_owned)))),
        }
    }

    /// Reads the request of a method from JSON.
    ///
    /// # Errors
    /// InvalidParams that names the field, or `body` where it is the whole; ParseError where it is
    /// not JSON.
    pub fn from_json(method: Method, json: &str) -> Result<Self, Error> {
        Self::read_json(method, json, "body")
    }

    fn read_json(method: Method, json: &str, whole: &str) -> Result<Self, Error> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let call = Self::read(method, &mut deserializer).and_then(|call| deserializer.end().map(|()| call));
        call.map_err(|_| match fault::not_json(json) {
            Some(error) => error,
            None => Self::fault(method, &mut serde_json::Deserializer::from_str(json), whole),
        })
    }

    /// Why a request cannot be read, as InvalidParams that names the field; `whole` is the name for
    /// all of it.
    pub(crate) fn fault<'de, D: serde::Deserializer<'de>>(method: Method, source: D, whole: &str) -> Error {
        let mut violation = fault::locate(source, |source| Self::read(method, source));
        if violation.field.is_empty() {
            whole.clone_into(&mut violation.field);
        }
        Error::violations(vec![violation])
    }

    /// The name under which the call is known: the method's, or the agent's own.
    pub fn name(&self) -> Cow<'static, str> {
        match self {
            Self::Custom(call) => Cow::Owned(call.method.clone()),
            other => Cow::Borrowed(other.method().map_or("", Method::name)),
        }
    }
}
