//! What is refused, and how.

use agent_sdk::{
    prelude::*,
    protocol::{
        CancelTaskRequest, CustomCall, ErrorKind, GetExtendedAgentCardRequest, GetTaskRequest, SendMessageRequest,
        SubscribeToTaskRequest, TaskPushNotificationConfig,
    },
};

use crate::{
    agent::kinds,
    bindings::Binding,
    world::{World, refusal},
};

const NOBODY: &str = "0190b7a0-0000-4000-8000-000000000001";

async fn unknown_tasks_are_not_found_by_any_operation(binding: Binding) {
    let world = World::new(binding).await;
    for id in [NOBODY, "no-uuid", "../../etc/passwd", "ünïcode / ? # %"] {
        let (service, context) = (&world.service, CallContext::new);
        let kinds = [
            refusal(service.get_task(context(), GetTaskRequest::new(id)).await).0,
            refusal(service.cancel_task(context(), CancelTaskRequest::new(id)).await).0,
            refusal(service.subscribe_to_task(context(), SubscribeToTaskRequest::new(id)).await.map(|_| ())).0,
            refusal({
                let mut message = world.message("complete");
                message.task_id = Some(id.into());
                world.send(message).await
            })
            .0,
        ];
        assert_eq!(kinds, [ErrorKind::TaskNotFound; 4], "{id}");
    }
    world.end().await;
}

async fn messages_to_ended_tasks_are_refused(binding: Binding) {
    let world = World::new(binding).await;
    for text in ["complete", "fail", "reject"] {
        let task = world.task(world.message(text)).await;
        let refused = refusal(world.send(world.to_task(&task, "more")).await);
        assert_eq!(refused.0, ErrorKind::UnsupportedOperation, "{text}");
        let refused = refusal(world.stream(world.to_task(&task, "more")).await.map(|_| ()));
        assert_eq!(refused.0, ErrorKind::UnsupportedOperation, "{text}");
    }
    world.end().await;
}

async fn a_context_that_is_not_the_tasks_is_refused(binding: Binding) {
    let world = World::new(binding).await;
    let task = world.task(world.message("ask")).await;
    let mut message = world.to_task(&task, "more");
    message.context_id = Some("another".into());
    let error = world.send(message).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidParams);
    assert_eq!(error.field_violations()[0].field, "message.contextId");
    world.end().await;
}

async fn wrong_messages_are_refused_by_field(binding: Binding) {
    let world = World::new(binding).await;
    let good = || world.message("complete");
    let mut no_id = good();
    no_id.message_id.clear();
    let mut no_parts = good();
    no_parts.parts.clear();
    let mut no_role = good();
    no_role.role = Role::Unspecified;
    let mut odd_role = good();
    odd_role.role = Role::Name("ROLE_OBSERVER".into());
    let mut unknown_part = good();
    unknown_part.parts.push(Part::new(Content::Unknown(Default::default())));
    for (message, field) in [
        (no_id, "message.messageId"),
        (no_parts, "message.parts"),
        (no_role, "message.role"),
        (odd_role, "message.role"),
        (unknown_part, "message.parts[1]"),
        (world.to_skill("dance", "complete"), "message.metadata.skillId"),
    ] {
        for streaming in [false, true] {
            let error = if streaming {
                world.stream(message.clone()).await.map(|_| ()).unwrap_err()
            } else {
                world.send(message.clone()).await.map(|_| ()).unwrap_err()
            };
            assert_eq!(error.kind(), ErrorKind::InvalidParams, "{field}");
            assert_eq!(error.field_violations()[0].field, field);
        }
    }
    let (_, text) = refusal(world.send(world.to_skill("dance", "complete")).await);
    assert!(text.contains("act, say, either, hasty, pictures"), "the known skills are named: {text}");
    world.end().await;
}

async fn media_types_that_nobody_takes_are_refused(binding: Binding) {
    let world = World::new(binding).await;
    let mut picture = world.message("complete");
    picture.parts.push(Part::raw([1, 2, 3]).media_type("image/png"));
    assert_eq!(refusal(world.send(picture.clone()).await).0, ErrorKind::ContentTypeNotSupported);
    picture.metadata.get_or_insert_default().insert("skillId".to_owned(), "pictures".into());
    assert_eq!(world.task(picture).await.status.state, TaskState::Completed);
    let mut text = world.to_skill("pictures", "complete");
    text.parts[0].media_type = Some("text/plain".into());
    assert_eq!(refusal(world.send(text).await).0, ErrorKind::ContentTypeNotSupported);
    world.end().await;
}

async fn operations_that_the_card_does_not_declare_are_refused(binding: Binding) {
    let world = World::new(binding).await;
    let (service, context) = (&world.service, CallContext::new);
    let task = world.task(world.message("ask")).await;
    let mut config = TaskPushNotificationConfig::default();
    config.task_id = Some(task.id.to_string());
    config.url = "https://example.com/hook".to_owned();
    let kind = refusal(service.create_task_push_notification_config(context(), config.clone()).await).0;
    assert_eq!(kind, ErrorKind::PushNotificationNotSupported);
    let mut request = SendMessageRequest::new(world.message("complete"));
    request.configuration.get_or_insert_default().task_push_notification_config = Some(config);
    assert_eq!(refusal(world.send_request(request).await).0, ErrorKind::PushNotificationNotSupported);
    let card = service.get_extended_agent_card(context(), GetExtendedAgentCardRequest::default()).await;
    if !binding.tells_the_public_card() {
        assert_eq!(refusal(card).0, ErrorKind::UnsupportedOperation);
    }
    world.end().await;

    let world = World::of(binding, kinds::STREAMING_UNDECLARED).await;
    let task = world.task(world.message("ask")).await;
    assert_eq!(refusal(world.stream(world.message("complete")).await.map(|_| ())).0, ErrorKind::UnsupportedOperation);
    assert_eq!(refusal(world.subscribe(&task, None).await.map(|_| ())).0, ErrorKind::UnsupportedOperation);
    world.end().await;
}

async fn methods_of_nobody_are_not_found(binding: Binding) {
    let world = World::new(binding).await;
    let call = agent_sdk::protocol::Call::Custom(CustomCall::new("vendor/dance", None));
    let refused = refusal(world.service.handle(CallContext::new(), call).await);
    assert_eq!(refused.0, ErrorKind::MethodNotFound);
    world.end().await;
}

crate::over_all_bindings!(
    unknown_tasks_are_not_found_by_any_operation,
    messages_to_ended_tasks_are_refused,
    a_context_that_is_not_the_tasks_is_refused,
    wrong_messages_are_refused_by_field,
    media_types_that_nobody_takes_are_refused,
    operations_that_the_card_does_not_declare_are_refused,
    methods_of_nobody_are_not_found,
);
