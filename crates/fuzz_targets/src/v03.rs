//! Version 0.3, in either of its forms.

use a2a_protocol_core::{
    AgentCard, InDialect, JsonDialect, ListTaskPushNotificationConfigsResponse, ListTasksResponse, Method,
    SendMessageResponse, Spoken, StreamResponse, Task, TaskPushNotificationConfig, v03,
};
use serde_json::value::RawValue;

use crate::{named, same_error};

pub(crate) fn v03(data: &[u8]) {
    let Some((form, json)) = data.split_first() else { return };
    let dialect = if form & 1 == 0 { JsonDialect::V0_3 } else { JsonDialect::V0_3Proto };
    settles::<Task>(dialect, json);
    settles::<SendMessageResponse>(dialect, json);
    settles::<StreamResponse>(dialect, json);
    settles::<ListTasksResponse>(dialect, json);
    settles::<TaskPushNotificationConfig>(dialect, json);
    settles::<ListTaskPushNotificationConfigsResponse>(dialect, json);
    settles::<AgentCard>(dialect, json);
    let error = v03::from_http(400, json);
    let again = v03::from_http(error.kind().http_status(), &v03::http_body(&error));
    same_error(&again, &error);
    if let Ok(params) = serde_json::from_slice::<Box<RawValue>>(json) {
        requests(&params);
    }
}

/// What 0.3 does not have is mapped once, and then stays.
fn settles<T: Spoken + PartialEq + std::fmt::Debug>(dialect: JsonDialect, json: &[u8]) {
    let there_and_back = |value: &T| -> Option<T> {
        let json = serde_json::to_vec(&InDialect(dialect, value)).ok()?;
        Some(T::read_in(dialect, &json).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&json))))
    };
    let Some(settled) = T::read_in(dialect, json).ok().and_then(|value| there_and_back(&value)) else { return };
    assert_eq!(there_and_back(&settled).as_ref(), Some(&settled));
}

/// What is accepted can be asked on, and a fault names its field.
fn requests(params: &RawValue) {
    for method in Method::ALL {
        match JsonDialect::V0_3.read_json_rpc(method.v03_names()[0], Some(params)) {
            Ok(call) => drop(JsonDialect::V0_3.params(&call).map(|params| serde_json::to_vec(&params))),
            Err(error) => named(&error),
        }
    }
}
