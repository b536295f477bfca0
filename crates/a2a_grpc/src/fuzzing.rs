//! The decoders without a connection, for the fuzz targets.

use a2a_app_ports::Reply;
use a2a_protocol_core::{Call, Error, Method, ProtocolVersion, StreamResponse};
use http::HeaderMap;
use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use tonic::Status;

use crate::{
    convert::{Read, Write},
    proto::v1,
    status,
    v03::{self, Operation},
};

/// Every operation with the message of its request, as the macro of this name takes them.
macro_rules! requests {
    ($as_message:ident) => {
        $as_message! {
            SendMessage(SendMessageRequest),
            SendStreamingMessage(SendMessageRequest),
            GetTask(GetTaskRequest),
            ListTasks(ListTasksRequest),
            CancelTask(CancelTaskRequest),
            SubscribeToTask(SubscribeToTaskRequest),
            CreateTaskPushNotificationConfig(TaskPushNotificationConfig),
            GetTaskPushNotificationConfig(GetTaskPushNotificationConfigRequest),
            ListTaskPushNotificationConfigs(ListTaskPushNotificationConfigsRequest),
            DeleteTaskPushNotificationConfig(DeleteTaskPushNotificationConfigRequest),
            GetExtendedAgentCard(GetExtendedAgentCardRequest),
        }
    };
}

/// Reads a request message as the server does. `None` if it is no message of that type, or 0.3 has
/// no such operation.
pub fn read_request(version: ProtocolVersion, method: Method, message: &[u8]) -> Option<Result<Call, Error>> {
    macro_rules! as_message {
        ($($call:ident($message:ident)),* $(,)?) => {
            match method {
                $(Method::$call => v1::$message::decode(message).ok()?.read().map(Call::$call),)*
            }
        };
    }
    if version == ProtocolVersion::V0_3 {
        let operation = Operation::of(method)?;
        return Some(operation.read_request(&decode(operation.requests().0, message)?));
    }
    let call = requests!(as_message);
    Some(call.map_err(status::of_fault).and_then(|call| call.validate().map(|()| call)))
}

/// Writes a request as the client does; `None` for what the version has no message or word for.
pub fn write_request(version: ProtocolVersion, call: &Call) -> Option<Vec<u8>> {
    if version == ProtocolVersion::V0_3 {
        return Some(Operation::of(call.method()?)?.write_request(call).ok()?.encode_to_vec());
    }
    macro_rules! as_message {
        ($($call:ident($message:ident)),* $(,)?) => {
            match call {
                $(Call::$call(request) => Write::<v1::$message>::write(request).encode_to_vec(),)*
                _ => return None,
            }
        };
    }
    Some(requests!(as_message))
}

/// Reads a reply message as the client does. `None` as in [`read_request`], and for operations that
/// are answered by a stream.
pub fn read_reply(version: ProtocolVersion, method: Method, message: &[u8]) -> Option<Result<Reply, Error>> {
    if method.is_streaming() {
        return None;
    }
    if version == ProtocolVersion::V0_3 {
        let operation = Operation::of(method)?;
        return Some(operation.read_reply(&decode(operation.replies().0, message)?));
    }
    macro_rules! as_message {
        ($reply:ident, $message:ident) => {
            v1::$message::decode(message).ok()?.read().map(Reply::$reply)
        };
    }
    let reply = match method {
        Method::SendMessage => as_message!(Sent, SendMessageResponse),
        Method::GetTask | Method::CancelTask => as_message!(Task, Task),
        Method::ListTasks => as_message!(Tasks, ListTasksResponse),
        Method::CreateTaskPushNotificationConfig | Method::GetTaskPushNotificationConfig => {
            as_message!(PushConfig, TaskPushNotificationConfig)
        }
        Method::ListTaskPushNotificationConfigs => as_message!(PushConfigs, ListTaskPushNotificationConfigsResponse),
        Method::GetExtendedAgentCard => as_message!(Card, AgentCard),
        _ => Ok(Reply::Deleted),
    };
    Some(reply.map_err(crate::client::invalid))
}

/// Writes a reply as the server does; `None` for what the version has no word for.
pub fn write_reply(version: ProtocolVersion, method: Method, reply: Reply) -> Option<Vec<u8>> {
    if version == ProtocolVersion::V0_3 {
        return Some(Operation::of(method)?.write_reply(reply).ok()?.encode_to_vec());
    }
    Some(match reply {
        Reply::Sent(sent) => Write::<v1::SendMessageResponse>::write(&sent).encode_to_vec(),
        Reply::Task(task) => Write::<v1::Task>::write(&task).encode_to_vec(),
        Reply::Tasks(tasks) => Write::<v1::ListTasksResponse>::write(&tasks).encode_to_vec(),
        Reply::PushConfig(config) => Write::<v1::TaskPushNotificationConfig>::write(&config).encode_to_vec(),
        Reply::PushConfigs(configs) => {
            Write::<v1::ListTaskPushNotificationConfigsResponse>::write(&configs).encode_to_vec()
        }
        Reply::Card(card) => Write::<v1::AgentCard>::write(&card).encode_to_vec(),
        _ => Vec::new(),
    })
}

/// Reads a message of a stream as the client does; `None` if it is none.
pub fn read_event(version: ProtocolVersion, message: &[u8]) -> Option<Result<StreamResponse, Error>> {
    if version == ProtocolVersion::V0_3 {
        return Some(v03::read(&decode(Operation::of(Method::SubscribeToTask)?.replies().0, message)?));
    }
    Some(v1::StreamResponse::decode(message).ok()?.read().map_err(crate::client::invalid))
}

/// Writes a message of a stream as the server does; `None` for what the version has no word for.
pub fn write_event(version: ProtocolVersion, event: &StreamResponse) -> Option<Vec<u8>> {
    if version == ProtocolVersion::V0_3 {
        return Some(Operation::of(Method::SubscribeToTask)?.write_event(event).ok()?.encode_to_vec());
    }
    Some(Write::<v1::StreamResponse>::write(event).encode_to_vec())
}

/// Reads the status of trailers as the client does; `None` if there is none.
pub fn read_status(version: ProtocolVersion, trailers: &HeaderMap) -> Option<Error> {
    let status = Status::from_header_map(trailers)?;
    Some(if version == ProtocolVersion::V0_3 {
        v03::status::to_error(&status, Method::CancelTask)
    } else {
        status::to_error(&status)
    })
}

/// Writes an error as the server does; `None` for what headers cannot hold.
pub fn write_status(version: ProtocolVersion, error: &Error) -> Option<HeaderMap> {
    let of_error = if version == ProtocolVersion::V0_3 { v03::status::of_error } else { status::of_error };
    let mut trailers = HeaderMap::new();
    of_error(error).add_header(&mut trailers).ok()?;
    Some(trailers)
}

fn decode(descriptor: MessageDescriptor, message: &[u8]) -> Option<DynamicMessage> {
    DynamicMessage::decode(descriptor, message).ok()
}
