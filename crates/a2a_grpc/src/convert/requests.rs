//! Requests, pages, and push notification configurations.

use a2a_protocol_core::{
    AuthenticationInfo, CancelTaskRequest, DeleteTaskPushNotificationConfigRequest, GetExtendedAgentCardRequest,
    GetTaskPushNotificationConfigRequest, GetTaskRequest, ListTaskPushNotificationConfigsRequest,
    ListTaskPushNotificationConfigsResponse, ListTasksRequest, ListTasksResponse, SendMessageConfiguration,
    SendMessageRequest, SubscribeToTaskRequest, TaskPushNotificationConfig,
};

use super::messages;
use crate::proto::v1;

messages! {
    AuthenticationInfo = v1::AuthenticationInfo { scheme, credentials }
    TaskPushNotificationConfig = v1::TaskPushNotificationConfig { tenant, id, task_id, url, token, authentication }
    SendMessageConfiguration = v1::SendMessageConfiguration {
        accepted_output_modes, task_push_notification_config, history_length, return_immediately
    }
    SendMessageRequest = v1::SendMessageRequest { tenant, message, configuration, metadata }
    GetTaskRequest = v1::GetTaskRequest { tenant, id, history_length }
    ListTasksRequest = v1::ListTasksRequest {
        tenant, context_id, status, page_size, page_token, history_length, status_timestamp_after, include_artifacts
    }
    ListTasksResponse = v1::ListTasksResponse { tasks, next_page_token, page_size, total_size }
    CancelTaskRequest = v1::CancelTaskRequest { tenant, id, metadata }
    SubscribeToTaskRequest = v1::SubscribeToTaskRequest { tenant, id }
    GetTaskPushNotificationConfigRequest = v1::GetTaskPushNotificationConfigRequest { tenant, task_id, id }
    DeleteTaskPushNotificationConfigRequest = v1::DeleteTaskPushNotificationConfigRequest { tenant, task_id, id }
    ListTaskPushNotificationConfigsRequest = v1::ListTaskPushNotificationConfigsRequest {
        tenant, task_id, page_size, page_token
    }
    ListTaskPushNotificationConfigsResponse = v1::ListTaskPushNotificationConfigsResponse { configs, next_page_token }
    GetExtendedAgentCardRequest = v1::GetExtendedAgentCardRequest { tenant }
}
