//! The operations of `lf.a2a.v1.A2AService`.

use a2a_app_ports::Reply;
use a2a_protocol_core::Call;
use tonic::{Request, Response, Status};

use super::{answer::Answers, events::Events};
use crate::proto::v1::{self, a2a_service_server::A2aService};

/// Writes the operations that are answered by one message.
macro_rules! service {
    ($($name:ident: $call:ident($request:ident) -> $reply:ident($answer:ty);)*) => {
        #[tonic::async_trait]
        impl A2aService for Answers {
            $(
                async fn $name(&self, request: Request<v1::$request>) -> Result<Response<$answer>, Status> {
                    let pick = |reply| match reply {
                        Reply::$reply(answer) => Ok(answer),
                        other => Err(other.unfit(stringify!($call))),
                    };
                    self.one(request, Call::$call, pick).await
                }
            )*

            type SendStreamingMessageStream = Events;

            async fn send_streaming_message(
                &self,
                request: Request<v1::SendMessageRequest>,
            ) -> Result<Response<Events>, Status> {
                self.stream(request, Call::SendStreamingMessage).await
            }

            type SubscribeToTaskStream = Events;

            async fn subscribe_to_task(
                &self,
                request: Request<v1::SubscribeToTaskRequest>,
            ) -> Result<Response<Events>, Status> {
                self.stream(request, Call::SubscribeToTask).await
            }

            async fn delete_task_push_notification_config(
                &self,
                request: Request<v1::DeleteTaskPushNotificationConfigRequest>,
            ) -> Result<Response<()>, Status> {
                let pick = |reply| match reply {
                    Reply::Deleted => Ok(()),
                    other => Err(other.unfit("DeleteTaskPushNotificationConfig")),
                };
                self.one(request, Call::DeleteTaskPushNotificationConfig, pick).await
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
