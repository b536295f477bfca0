//! The operations of `lf.a2a.v1.A2AService`.

use std::convert::identity;

use a2a_app_ports::Reply;
use a2a_protocol_core::{Call, Error, StreamResponse};
use tonic::{Request, Response, Status};

use super::{answer::Answers, events::Events};
use crate::{
    convert::{Read, Write},
    proto::v1::{self, a2a_service_server::A2aService},
    status,
};

/// Reads the request of a call, which has to be valid.
fn read<Q: Read<D>, D>(call: impl FnOnce(D) -> Call) -> impl FnOnce(Q) -> Result<Call, Error> {
    |message| {
        let call = call(message.read().map_err(status::of_fault)?);
        call.validate().map(|()| call)
    }
}

fn event(event: &StreamResponse) -> Result<v1::StreamResponse, Error> {
    Ok(event.write())
}

/// Writes the operations that are answered by one message.
macro_rules! service {
    ($($name:ident: $call:ident($request:ident) -> $reply:ident($answer:ty);)*) => {
        #[tonic::async_trait]
        impl A2aService for Answers {
            $(
                async fn $name(&self, request: Request<v1::$request>) -> Result<Response<$answer>, Status> {
                    let write = |reply| match reply {
                        Reply::$reply(answer) => Ok(answer.write()),
                        other => Err(other.unfit(stringify!($call))),
                    };
                    self.one(request, read(Call::$call), write).await
                }
            )*

            type SendStreamingMessageStream = Events<v1::StreamResponse>;

            async fn send_streaming_message(
                &self,
                request: Request<v1::SendMessageRequest>,
            ) -> Result<Response<Events<v1::StreamResponse>>, Status> {
                self.stream(request, read(Call::SendStreamingMessage), identity, event).await
            }

            type SubscribeToTaskStream = Events<v1::StreamResponse>;

            async fn subscribe_to_task(
                &self,
                request: Request<v1::SubscribeToTaskRequest>,
            ) -> Result<Response<Events<v1::StreamResponse>>, Status> {
                self.stream(request, read(Call::SubscribeToTask), identity, event).await
            }

            async fn delete_task_push_notification_config(
                &self,
                request: Request<v1::DeleteTaskPushNotificationConfigRequest>,
            ) -> Result<Response<()>, Status> {
                let write = |reply| match reply {
                    Reply::Deleted => Ok(()),
                    other => Err(other.unfit("DeleteTaskPushNotificationConfig")),
                };
                self.one(request, read(Call::DeleteTaskPushNotificationConfig), write).await
            }
        }
    };
}

service! {
    send_message: SendMessage(SendMessageRequest) -> Sent(v1::SendMessageResponse);
    get_task: GetTask(GetTaskRequest) -> Task(v1::Task);
    list_tasks: ListTasks(ListTasksRequest) -> Tasks(v1::ListTasksResponse);
    cancel_task: CancelTask(CancelTaskRequest) -> Task(v1::Task);
    create_task_push_notification_config:
        CreateTaskPushNotificationConfig(TaskPushNotificationConfig) -> PushConfig(v1::TaskPushNotificationConfig);
    get_task_push_notification_config:
        GetTaskPushNotificationConfig(GetTaskPushNotificationConfigRequest) -> PushConfig(v1::TaskPushNotificationConfig);
    list_task_push_notification_configs:
        ListTaskPushNotificationConfigs(ListTaskPushNotificationConfigsRequest)
            -> PushConfigs(v1::ListTaskPushNotificationConfigsResponse);
    get_extended_agent_card: GetExtendedAgentCard(GetExtendedAgentCardRequest) -> Card(v1::AgentCard);
}
