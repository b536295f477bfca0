//! An agent that is reached by `lf.a2a.v1.A2AService`.

use std::sync::Arc;

use a2a_app_ports::{AgentService, BoxFuture, CallContext, EventStream, Reply};
use a2a_protocol_core::{Call, Error, ErrorKind, ProtocolVersion, StreamEvent, VERSION_HEADER};
use futures::StreamExt;
use http::{HeaderName, HeaderValue};
use protocol_transport_core::headers::forwardable;
use tonic::{Request, Response, Status, Streaming, metadata::MetadataMap};

use super::pool::Pool;
use crate::{
    convert::{Fault, Read, Write},
    extension_names,
    proto::v1::{self, a2a_service_client::A2aServiceClient},
    status,
};

/// The largest message that is read, in bytes.
pub(super) const MAX_MESSAGE: usize = 64 << 20;

/// An agent behind a gRPC interface.
pub(super) struct Remote(pub(super) Pool);

impl Remote {
    async fn answer(&self, context: CallContext, call: Call) -> Result<Reply, Error> {
        let mut agent = A2aServiceClient::new(self.0.channel()).max_decoding_message_size(MAX_MESSAGE);
        let metadata = metadata(&context, ProtocolVersion::V1_0)?;
        Ok(match call {
            Call::SendMessage(asked) => Reply::Sent(one(agent.send_message(request(&asked, metadata)).await)?),
            Call::SendStreamingMessage(asked) => {
                Reply::Stream(stream(agent.send_streaming_message(request(&asked, metadata)).await)?)
            }
            Call::GetTask(asked) => Reply::Task(one(agent.get_task(request(&asked, metadata)).await)?),
            Call::ListTasks(asked) => Reply::Tasks(one(agent.list_tasks(request(&asked, metadata)).await)?),
            Call::CancelTask(asked) => Reply::Task(one(agent.cancel_task(request(&asked, metadata)).await)?),
            Call::SubscribeToTask(asked) => {
                Reply::Stream(stream(agent.subscribe_to_task(request(&asked, metadata)).await)?)
            }
            Call::CreateTaskPushNotificationConfig(asked) => {
                Reply::PushConfig(one(agent.create_task_push_notification_config(request(&asked, metadata)).await)?)
            }
            Call::GetTaskPushNotificationConfig(asked) => {
                Reply::PushConfig(one(agent.get_task_push_notification_config(request(&asked, metadata)).await)?)
            }
            Call::ListTaskPushNotificationConfigs(asked) => {
                Reply::PushConfigs(one(agent.list_task_push_notification_configs(request(&asked, metadata)).await)?)
            }
            Call::DeleteTaskPushNotificationConfig(asked) => {
                one::<(), ()>(agent.delete_task_push_notification_config(request(&asked, metadata)).await)?;
                Reply::Deleted
            }
            Call::GetExtendedAgentCard(asked) => {
                Reply::Card(one(agent.get_extended_agent_card(request(&asked, metadata)).await)?)
            }
            other => return Err(no_method(&other)),
        })
    }
}

impl AgentService for Remote {
    fn handle(&self, context: CallContext, call: Call) -> BoxFuture<'_, Result<Reply, Error>> {
        Box::pin(self.answer(context, call))
    }
}

fn request<D: Write<P>, P>(asked: &D, metadata: MetadataMap) -> Request<P> {
    let mut request = Request::new(asked.write());
    *request.metadata_mut() = metadata;
    request
}

pub(super) fn no_method(call: &Call) -> Error {
    Error::new(ErrorKind::MethodNotFound, format!("{:?} is no method of this version over gRPC", call.name()))
}

/// The context's headers, and the service parameters, which win.
pub(super) fn metadata(context: &CallContext, version: ProtocolVersion) -> Result<MetadataMap, Error> {
    let mut headers = forwardable(&context.headers);
    headers.insert(HeaderName::from_static(VERSION_HEADER), HeaderValue::from_static(version.as_str()));
    for name in extension_names(version) {
        headers.remove(*name);
        if !context.extensions.is_empty() {
            let extensions = HeaderValue::try_from(context.extensions.join(", "))
                .map_err(|_| Error::invalid(*name, "holds characters that metadata cannot carry"))?;
            headers.insert(HeaderName::from_static(name), extensions);
        }
    }
    Ok(MetadataMap::from_headers(headers))
}

fn one<P: Read<D>, D>(answered: Result<Response<P>, Status>) -> Result<D, Error> {
    let response = answered.map_err(|status| status::to_error(&status))?;
    response.into_inner().read().map_err(invalid)
}

fn stream(answered: Result<Response<Streaming<v1::StreamResponse>>, Status>) -> Result<EventStream, Error> {
    let messages = answered.map_err(|status| status::to_error(&status))?.into_inner();
    Ok(Box::pin(messages.map(|message| {
        let message = message.map_err(|status| status::to_stream_error(&status))?;
        Ok(Arc::new(StreamEvent::new(None, message.read().map_err(invalid)?)))
    })))
}

pub(crate) fn invalid(fault: Fault) -> Error {
    let colon = if fault.field.is_empty() { "" } else { ": " };
    Error::new(
        ErrorKind::InvalidAgentResponse,
        format!("the reply is invalid: {}{colon}{}", fault.field, fault.description),
    )
}
