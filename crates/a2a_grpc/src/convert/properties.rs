//! Protobuf and ProtoJSON say the same of any value: what ours writes as JSON is read as protobuf,
//! and written as JSON again, by an implementation of ProtoJSON that is not ours.

use std::{fmt::Debug, sync::LazyLock};

use a2a_protocol_core::{AgentCard, Call, read_response};
use proptest::prelude::*;
use prost::Message;
use prost_reflect::{DescriptorPool, DeserializeOptions, DynamicMessage};
use serde::{Serialize, de::DeserializeOwned};

use super::{Read, Write, any};
use crate::proto::v1;

static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(crate::FILE_DESCRIPTOR_SET).expect("it was compiled by the build"));

fn agree<P, T>(name: &str, value: &T)
where
    P: Message + PartialEq + Debug + Default + Read<T>,
    T: Write<P> + Serialize + DeserializeOwned + PartialEq + Debug,
{
    let descriptor = POOL.get_message_by_name(&format!("lf.a2a.v1.{name}")).expect(name);
    let json = serde_json::to_string(value).unwrap();
    let options = DeserializeOptions::new().deny_unknown_fields(false);
    let mut source = serde_json::Deserializer::from_str(&json);
    let theirs = DynamicMessage::deserialize_with_options(descriptor, &mut source, &options).expect(&json);
    let ours = value.write();
    assert_eq!(P::decode(&*theirs.encode_to_vec()).unwrap(), ours, "{json}");
    let back: T = P::decode(&*ours.encode_to_vec()).unwrap().read().unwrap();
    let json = serde_json::to_vec(&theirs).unwrap();
    assert_eq!(back, read_response(&json).unwrap(), "{}", String::from_utf8_lossy(&json));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn parts_messages_and_artifacts(part in any::part(), message in any::message(), artifact in any::artifact()) {
        agree::<v1::Part, _>("Part", &part);
        agree::<v1::Message, _>("Message", &message);
        agree::<v1::Artifact, _>("Artifact", &artifact);
    }

    #[test]
    fn tasks(task in any::task()) {
        agree::<v1::Task, _>("Task", &task);
    }

    #[test]
    fn events(event in any::stream_response()) {
        agree::<v1::StreamResponse, _>("StreamResponse", &event);
    }

    #[test]
    fn pages(tasks in any::page(), configs in any::config_page()) {
        agree::<v1::ListTasksResponse, _>("ListTasksResponse", &tasks);
        agree::<v1::ListTaskPushNotificationConfigsResponse, _>("ListTaskPushNotificationConfigsResponse", &configs);
    }

    #[test]
    fn cards(card in any::card()) {
        agree::<v1::AgentCard, AgentCard>("AgentCard", &card);
    }

    #[test]
    fn requests(call in any::call()) {
        match &call {
            Call::SendMessage(r) | Call::SendStreamingMessage(r) => {
                agree::<v1::SendMessageRequest, _>("SendMessageRequest", r);
            }
            Call::GetTask(r) => agree::<v1::GetTaskRequest, _>("GetTaskRequest", r),
            Call::ListTasks(r) => agree::<v1::ListTasksRequest, _>("ListTasksRequest", r),
            Call::CancelTask(r) => agree::<v1::CancelTaskRequest, _>("CancelTaskRequest", r),
            Call::SubscribeToTask(r) => agree::<v1::SubscribeToTaskRequest, _>("SubscribeToTaskRequest", r),
            Call::CreateTaskPushNotificationConfig(r) => {
                agree::<v1::TaskPushNotificationConfig, _>("TaskPushNotificationConfig", r);
            }
            Call::GetTaskPushNotificationConfig(r) => {
                agree::<v1::GetTaskPushNotificationConfigRequest, _>("GetTaskPushNotificationConfigRequest", r);
            }
            Call::ListTaskPushNotificationConfigs(r) => {
                agree::<v1::ListTaskPushNotificationConfigsRequest, _>("ListTaskPushNotificationConfigsRequest", r);
            }
            Call::DeleteTaskPushNotificationConfig(r) => {
                agree::<v1::DeleteTaskPushNotificationConfigRequest, _>("DeleteTaskPushNotificationConfigRequest", r);
            }
            Call::GetExtendedAgentCard(r) => {
                agree::<v1::GetExtendedAgentCardRequest, _>("GetExtendedAgentCardRequest", r);
            }
            other => panic!("{other:?}"),
        }
    }
}
