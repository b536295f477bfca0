//! What a client reads of a reply.

use a2a_protocol_core::{
    AgentCard, Error, ListTaskPushNotificationConfigsResponse, ListTasksResponse, SendMessageResponse, StreamResponse,
    Task, TaskPushNotificationConfig,
};
use protocol_transport_core::jsonrpc;

use crate::{comes_back, same_error};

pub(crate) fn card(data: &[u8]) {
    if let Some(card) = comes_back::<AgentCard>(data) {
        card.findings();
    }
}

pub(crate) fn error_body(data: &[u8]) {
    let [high, low, body @ ..] = data else { return };
    let error = Error::from_http(u16::from_be_bytes([*high, *low]), body);
    same_error(&Error::from_http(error.kind().http_status(), &error.to_http_body()), &error);
    same_error(&Error::from_json_rpc(error.to_json_rpc()), &error);
}

pub(crate) fn jsonrpc_response(data: &[u8]) {
    match jsonrpc::parse_response(data).map(|response| response.outcome) {
        Ok(Ok(result)) => {
            let json = result.get().as_bytes();
            comes_back::<SendMessageResponse>(json);
            comes_back::<StreamResponse>(json);
            comes_back::<Task>(json);
            comes_back::<ListTasksResponse>(json);
            comes_back::<TaskPushNotificationConfig>(json);
            comes_back::<ListTaskPushNotificationConfigsResponse>(json);
            comes_back::<AgentCard>(json);
        }
        Ok(Err(error)) => {
            let error = Error::from_json_rpc(error);
            same_error(&Error::from_json_rpc(error.to_json_rpc()), &error);
        }
        Err(_) => {}
    }
}
