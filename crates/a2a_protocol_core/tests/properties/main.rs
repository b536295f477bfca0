//! What holds for any value and for any input.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod any;
mod v03;

use std::{fmt::Debug, sync::Arc};

use a2a_protocol_core::{
    AgentCard, Artifact, Call, CustomCall, Error, Event, EventKind, ListTaskPushNotificationConfigsResponse,
    ListTasksResponse, Message, Method, Part, SendMessageResponse, StreamResponse, Task, TaskState, Timestamp,
    extensions, http_json, log, read_response,
};
use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};

const ENDS: &[TaskState] = &[TaskState::Completed, TaskState::Failed, TaskState::Canceled, TaskState::Rejected];

/// Encodes and decodes.
fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let json = serde_json::to_vec(value).unwrap();
    let back: T = read_response(&json).unwrap();
    assert_eq!(&back, value, "{}", String::from_utf8_lossy(&json));
}

fn json(call: &Call) -> serde_json::Value {
    serde_json::to_value(call).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn parts_come_back(part in any::part()) {
        comes_back(&part);
    }

    #[test]
    fn messages_come_back(message in any::message()) {
        comes_back(&message);
    }

    #[test]
    fn artifacts_come_back(artifact in any::artifact()) {
        comes_back(&artifact);
    }

    #[test]
    fn tasks_come_back(task in any::task()) {
        comes_back(&task);
        comes_back(&SendMessageResponse::Task(Arc::new(task)));
    }

    #[test]
    fn stream_responses_come_back(response in any::stream_response()) {
        comes_back(&response);
    }

    #[test]
    fn events_of_a_log_come_back(event in any::event()) {
        comes_back(&event);
    }

    #[test]
    fn pages_come_back(tasks in any::page(), configs in any::config_page()) {
        comes_back::<ListTasksResponse>(&tasks);
        comes_back::<ListTaskPushNotificationConfigsResponse>(&configs);
    }

    #[test]
    fn cards_come_back(card in any::card()) {
        comes_back::<AgentCard>(&card);
    }

    #[test]
    fn times_come_back(time in any::time()) {
        comes_back::<Timestamp>(&time);
        let (seconds, nanos) = time.parts();
        prop_assert_eq!(Timestamp::from_parts(seconds, nanos), Some(time));
        prop_assert_eq!(time.to_string().parse::<Timestamp>(), Ok(time));
    }

    #[test]
    fn calls_come_back_over_json_rpc(call in any::call()) {
        let params = serde_json::value::to_raw_value(&call).unwrap();
        let back = Call::from_json_rpc(&call.name(), Some(&params)).unwrap();
        prop_assert_eq!(json(&back), json(&call));
        prop_assert_eq!(back.name(), call.name());
    }

    #[test]
    fn calls_come_back_over_http(call in any::call()) {
        let written = match http_json::write(&call) {
            Ok(written) => written,
            // What no path can hold is refused, and nothing else is.
            Err(error) => {
                let unwritable = |text: Option<&str>| matches!(text, Some("" | "." | ".."));
                let request = json(&call);
                let bad_id = ["id", "taskId"].iter().any(|name| {
                    request.get(name).is_some_and(|id| unwritable(id.as_str()))
                });
                let bad_tenant = call.tenant().is_some_and(|tenant| http_json::check_tenant(tenant).is_err());
                let missing = call.method() == Some(Method::CreateTaskPushNotificationConfig) && request.get("taskId").is_none();
                prop_assert!(bad_id || bad_tenant || missing, "{error} {request}");
                return Ok(());
            }
        };
        let (path, query) = written.target.split_once('?').unwrap_or((&written.target, ""));
        prop_assert!(path.is_ascii() && path.starts_with('/') && !path.contains("//"));
        let route = http_json::route(written.verb, path).unwrap();
        prop_assert_eq!(Some(route.method), call.method());
        let body = String::from_utf8(written.body.unwrap_or_default()).unwrap();
        let back = route.call(query, &body).unwrap();
        prop_assert_eq!(json(&back), json(&call));
    }

    #[test]
    fn a_fold_does_not_care_where_it_was_interrupted(kinds in prop::collection::vec(any::event_kind(), 0..30), cut in 0..30_usize) {
        let event = |(index, kind): (usize, &EventKind)| Event {
            time: Timestamp::from_millis(i64::try_from(index).unwrap()).unwrap(),
            kind: kind.clone(),
        };
        let created = EventKind::Created { context_id: "c".into(), skill: "s".into(), message: Arc::default() };
        let mut events = vec![event((0, &created))];
        // What is refused is not in a log; it leaves the task as it was.
        let mut task = log::begin("t".into(), &events[0]).unwrap();
        for event in kinds.iter().enumerate().map(event) {
            let before = task.clone();
            match log::apply(&mut task, &event) {
                Ok(()) => events.push(event),
                Err(_) => prop_assert_eq!(&task, &before),
            }
        }
        let (prefix, rest) = events.split_at(cut.clamp(1, events.len()));
        let mut resumed = log::begin("t".into(), &prefix[0]).unwrap();
        for event in &prefix[1..] {
            log::apply(&mut resumed, event).unwrap();
        }
        // Stored and read again in between.
        let mut resumed: Task = read_response(&serde_json::to_vec(&resumed).unwrap()).unwrap();
        for event in rest {
            log::apply(&mut resumed, event).unwrap();
        }
        prop_assert_eq!(resumed, task);
    }

    #[test]
    fn an_end_is_the_end(kinds in prop::collection::vec(any::event_kind(), 0..20), end in prop::sample::select(ENDS)) {
        let mut task = Task::new("t", "c", a2a_protocol_core::TaskStatus::new(end));
        let before = task.clone();
        for kind in kinds {
            let event = Event { time: Timestamp::UNIX_EPOCH, kind };
            prop_assert!(log::apply(&mut task, &event).is_err());
        }
        prop_assert_eq!(task, before);
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::byte(), 0..200), status in 0..1000_u16) {
        let _ = read_response::<StreamResponse>(&bytes);
        let _ = read_response::<AgentCard>(&bytes);
        Error::from_http(status, &bytes);
        let text = String::from_utf8_lossy(&bytes);
        for method in Method::ALL {
            let _ = Call::from_json(*method, &text);
        }
        for verb in ["GET", "POST", "DELETE", "PUT"] {
            if let Ok(route) = http_json::route(verb, &text) {
                let _ = route.call(&text, &text);
            }
        }
        let _ = text.parse::<Timestamp>();
        extensions::parse(&text);
    }

    /// Values of the right names and any types get further than bytes do.
    #[test]
    fn no_json_is_too_strange(value in any::like_the_protocol()) {
        let text = value.to_string();
        for method in Method::ALL {
            match Call::from_json(*method, &text) {
                Ok(call) => {
                    let again = Call::from_json(*method, &json(&call).to_string()).unwrap();
                    prop_assert_eq!(json(&again), json(&call));
                    if let Err(error) = call.validate() {
                        prop_assert!(!error.field_violations().is_empty());
                    }
                }
                Err(error) => prop_assert_eq!(error.field_violations().len(), 1),
            }
        }
        fn stable<T: Serialize + DeserializeOwned + PartialEq + Debug>(text: &str) {
            if let Ok(value) = read_response::<T>(text.as_bytes()) {
                comes_back(&value);
            }
        }
        stable::<Part>(&text);
        stable::<Message>(&text);
        stable::<Artifact>(&text);
        stable::<Task>(&text);
        stable::<StreamResponse>(&text);
        stable::<ListTasksResponse>(&text);
        stable::<AgentCard>(&text);
        Error::from_http(400, text.as_bytes());
    }
}

#[test]
fn a_custom_call_comes_back() {
    let params = serde_json::value::to_raw_value(&serde_json::json!({"a": [1]})).unwrap();
    let call = Call::Custom(CustomCall::new("vendor/x", Some(params)));
    let sent = serde_json::value::to_raw_value(&call).unwrap();
    let back = Call::from_json_rpc("vendor/x", Some(&sent)).unwrap();
    assert_eq!(json(&back), json(&call));
}
