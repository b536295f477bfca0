//! What 0.3 says as protobuf goes through the types of 1.0 and comes back; what 1.0 says in it is
//! nothing but what the messages of 0.3 have fields for.

use a2a_app_ports::Reply;
use a2a_protocol_core::{AgentCard, Call, InDialect, Method, SendMessageResponse, StreamResponse, v03};
use proptest::{collection::vec, option, prelude::*, sample::select};
use prost::Message;
use prost_reflect::{Cardinality, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage};
use serde_json::{Map, Value, json};

use super::{Operation, message::DIALECT};
use crate::convert::any;

/// Fields of messages that need not be there; the others always are once they went through 1.0.
const OPTIONAL: [&str; 8] =
    ["metadata", "provider", "update", "timestamp", "authentication", "push_notification", "header", "params"];

/// An arbitrary message, as ProtoJSON, of those that 0.3 and 1.0 have in common.
fn message(descriptor: &MessageDescriptor) -> BoxedStrategy<Value> {
    match descriptor.full_name() {
        "google.protobuf.Struct" => any::object().prop_map(|object| Value::Object(*object.unwrap_or_default())).boxed(),
        "google.protobuf.Timestamp" => any::time().prop_map(|time| serde_json::to_value(time).unwrap()).boxed(),
        _ => {
            let plain = descriptor.fields().filter(|field| field.containing_oneof().is_none());
            let plain: Vec<_> = plain.map(|field| (field.json_name().to_owned(), member(&field))).collect();
            let (names, members): (Vec<_>, Vec<_>) = plain.into_iter().unzip();
            let oneof = descriptor.oneofs().next().map(|oneof| oneof.fields().collect::<Vec<_>>());
            let chosen = match oneof {
                None => Just(None).boxed(),
                Some(fields) => select(fields)
                    .prop_flat_map(|field| (Just(field.json_name().to_owned()), value(&field)).prop_map(Some))
                    .boxed(),
            };
            let name = descriptor.name().to_owned();
            (members, chosen)
                .prop_map(move |(members, chosen)| {
                    let set = names.clone().into_iter().zip(members).filter_map(|(name, value)| Some((name, value?)));
                    in_common(&name, set.chain(chosen).collect())
                })
                .boxed()
        }
    }
}

/// What 1.0 does not keep apart.
fn in_common(message: &str, mut members: Map<String, Value>) -> Value {
    match message {
        // Told from the state.
        "TaskStatusUpdateEvent" => {
            let state = members["status"]["state"].as_str().unwrap_or_default();
            let ends = ["COMPLETED", "FAILED", "CANCELLED", "REJECTED", "INPUT_REQUIRED"];
            members.insert("final".to_owned(), ends.iter().any(|end| state.ends_with(end)).into());
        }
        "TaskPushNotificationConfig" => {
            let id = members["pushNotificationConfig"]["id"].clone();
            members
                .insert("name".to_owned(), format!("tasks/t/pushNotificationConfigs/{}", id.as_str().unwrap()).into());
        }
        "CreateTaskPushNotificationConfigRequest" => {
            let id = members["config"]["pushNotificationConfig"]["id"].clone();
            members.insert("configId".to_owned(), id);
        }
        _ => {}
    }
    Value::Object(members)
}

fn member(field: &FieldDescriptor) -> BoxedStrategy<Option<Value>> {
    if field.is_map() {
        let Kind::Message(entry) = field.kind() else { panic!("{field:?}") };
        let values = value(&entry.map_entry_value_field());
        return vec((any::filled(), values), 0..3)
            .prop_map(|all| Some(Value::Object(all.into_iter().collect())))
            .boxed();
    }
    if field.cardinality() == Cardinality::Repeated {
        let size = if field.name() == "schemes" { 1..2 } else { 0..3 };
        return vec(value(field), size).prop_map(|items| Some(items.into())).boxed();
    }
    match field.kind() {
        Kind::Message(_) if OPTIONAL.contains(&field.name()) => option::of(value(field)).boxed(),
        _ => value(field).prop_map(Some).boxed(),
    }
}

fn value(field: &FieldDescriptor) -> BoxedStrategy<Value> {
    match (field.full_name(), field.kind()) {
        ("a2a.v1.Message.role", _) => select(vec!["ROLE_USER", "ROLE_AGENT"]).prop_map(Value::from).boxed(),
        // The file in base64, as the field holds it, and that in base64, as JSON does.
        ("a2a.v1.FilePart.file_with_bytes", _) => {
            select(vec!["", "YUdWc2JHOD0=", "QUFBQQ=="]).prop_map(Value::from).boxed()
        }
        ("a2a.v1.AgentCard.protocol_version", _) => Just("0.3.0".into()).boxed(),
        (name, _) if name.ends_with("Request.name") || name.ends_with("Request.parent") => {
            let resource =
                if name.contains("ConfigRequest.name") { "tasks/t/pushNotificationConfigs/c" } else { "tasks/t" };
            Just(resource.into()).boxed()
        }
        (_, Kind::Message(descriptor)) => message(&descriptor),
        (_, Kind::Enum(descriptor)) => {
            let names: Vec<_> = descriptor.values().map(|value| value.name().to_owned()).collect();
            select(names).prop_map(Value::from).boxed()
        }
        (_, Kind::Bool) => any::<bool>().prop_map(Value::from).boxed(),
        (_, Kind::Int32) => (0..1000).prop_map(Value::from).boxed(),
        (_, Kind::String) => any::filled().prop_map(Value::from).boxed(),
        other => panic!("{other:?}"),
    }
}

fn dynamic(descriptor: &MessageDescriptor, json: &Value) -> DynamicMessage {
    let message = DynamicMessage::deserialize(descriptor.clone(), json).unwrap();
    DynamicMessage::decode(message.descriptor(), &*message.encode_to_vec()).unwrap()
}

/// What the other side reads.
fn arrived(message: &DynamicMessage) -> Value {
    let message = DynamicMessage::decode(message.descriptor(), &*message.encode_to_vec()).unwrap();
    serde_json::to_value(message).unwrap()
}

/// A method, and a message that its operation takes or gives.
fn with(of: fn(&Operation) -> MessageDescriptor) -> impl Strategy<Value = (Method, Value)> {
    let methods: Vec<_> = Method::ALL.iter().copied().filter(|method| Operation::of(*method).is_some()).collect();
    select(methods).prop_flat_map(move |method| (Just(method), message(&of(&Operation::of(method).unwrap()))))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn requests_go_through_1_0((method, json) in with(|operation| operation.descriptor.input())) {
        let operation = Operation::of(method).unwrap();
        let message = dynamic(&operation.descriptor.input(), &json);
        match operation.read_request(&message) {
            Ok(call) => {
                prop_assert_eq!(call.method(), Some(method));
                prop_assert_eq!(arrived(&operation.write_request(&call).unwrap()), arrived(&message));
            }
            // 1.0 would refuse it too.
            Err(error) => prop_assert!(!error.field_violations().is_empty(), "{}", error),
        }
    }

    #[test]
    fn replies_go_through_1_0((method, json) in with(|operation| operation.descriptor.output())) {
        let operation = Operation::of(method).unwrap();
        let message = dynamic(&operation.descriptor.output(), &json);
        let back = if method.is_streaming() {
            operation.write_event(&super::read::<StreamResponse>(&message).unwrap())
        } else {
            operation.write_reply(operation.read_reply(&message).unwrap())
        };
        prop_assert_eq!(arrived(&back.unwrap()), arrived(&message));
    }

    #[test]
    fn nothing_is_said_that_0_3_has_no_field_for(call in any::call(), event in any::stream_response()) {
        let strictly = |descriptor: MessageDescriptor, json: Vec<u8>| {
            let json: Value = serde_json::from_slice(&json).unwrap();
            DynamicMessage::deserialize(descriptor, &json).unwrap();
        };
        if let Some(operation) = call.method().and_then(Operation::of)
            && let Ok(params) = DIALECT.params(&call)
            // A part that cannot be said.
            && let Ok(json) = serde_json::to_vec(&params)
        {
            strictly(operation.descriptor.input(), json);
        }
        let streamed = Operation::of(Method::SubscribeToTask).unwrap();
        if let Ok(json) = serde_json::to_vec(&InDialect(DIALECT, &event)) {
            strictly(streamed.descriptor.output(), json);
        }
    }

    #[test]
    fn what_1_0_says_is_read_the_same(call in any::call(), event in any::stream_response()) {
        if let Some(operation) = call.method().and_then(Operation::of)
            && let Ok(message) = operation.write_request(&call)
            && let Ok(back) = operation.read_request(&message)
        {
            // A configuration may have got an id.
            let message = operation.write_request(&back).unwrap();
            let back = operation.read_request(&message).unwrap();
            prop_assert_eq!(arrived(&operation.write_request(&back).unwrap()), arrived(&message));
        }
        let operation = Operation::of(Method::SubscribeToTask).unwrap();
        if let Ok(message) = operation.write_event(&event) {
            let back: StreamResponse = super::read(&message).unwrap();
            prop_assert_eq!(arrived(&operation.write_event(&back).unwrap()), arrived(&message));
        }
    }

    #[test]
    fn cards_are_told(card in any::card()) {
        let operation = Operation::of(Method::GetExtendedAgentCard).unwrap();
        let mut card = card;
        for interface in &mut card.supported_interfaces {
            interface.protocol_version = "0.3".to_owned();
            interface.tenant = None;
        }
        let has_one = !card.supported_interfaces.is_empty();
        match operation.write_reply(Reply::Card(card.clone().into())) {
            Ok(message) => {
                let back: AgentCard = super::read(&message).unwrap();
                prop_assert_eq!((back.name, back.skills.len()), (card.name, card.skills.len()));
            }
            Err(error) => prop_assert!(!has_one, "{}", error),
        }
    }
}

#[test]
fn numbers_that_json_has_not_are_refused() {
    let operation = Operation::of(Method::SendMessage).unwrap();
    let json = json!({"message": {"messageId": "m", "role": "ROLE_USER", "content": [{"data": {"data": {"n": 1.5}}}]}});
    let good = dynamic(&operation.descriptor.input(), &json);
    assert!(matches!(operation.read_request(&good).unwrap(), Call::SendMessage(_)));
    let number = 1.5_f64.to_le_bytes();
    let mut bytes = good.encode_to_vec();
    let at = bytes.windows(8).position(|window| window == number).unwrap();
    bytes[at..at + 8].copy_from_slice(&f64::NAN.to_le_bytes());
    let bad = DynamicMessage::decode(operation.descriptor.input(), &*bytes).unwrap();
    let error = operation.read_request(&bad).unwrap_err();
    assert!(!error.field_violations().is_empty(), "{error}");
}

#[test]
fn a_last_event_is_known_by_its_state() {
    let operation = Operation::of(Method::SendStreamingMessage).unwrap();
    let json = json!({"statusUpdate": {"taskId": "t", "contextId": "c", "status": {"state": "TASK_STATE_COMPLETED"}}});
    let event: StreamResponse = super::read(&dynamic(&operation.descriptor.output(), &json)).unwrap();
    assert!(v03::is_final(&event.status().unwrap().state));
    let written = serde_json::to_value(operation.write_event(&event).unwrap()).unwrap();
    assert_eq!(written["statusUpdate"]["final"], true);
}

#[test]
fn a_message_is_answered_by_a_message() {
    let operation = Operation::of(Method::SendMessage).unwrap();
    let json = json!({"message": {"messageId": "m", "role": "ROLE_AGENT", "content": [{"text": "hello"}]}});
    let reply = operation.read_reply(&dynamic(&operation.descriptor.output(), &json)).unwrap();
    assert!(matches!(&reply, Reply::Sent(SendMessageResponse::Message(said)) if said.text() == "hello"));
}
