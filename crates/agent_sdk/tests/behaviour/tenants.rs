//! What is one tenant's or caller's does not exist for another, whatever is asked and however the
//! tenant is named.

use std::sync::Arc;

use agent_sdk::{
    prelude::*,
    protocol::{
        Call, CustomCall, ErrorKind, GetTaskRequest, ListTasksRequest, SendMessageRequest, SendMessageResponse,
        TaskPushNotificationConfig, extensions::IDEMPOTENT_SEND,
    },
};

use crate::{
    agent::kinds,
    auth,
    bindings::Binding,
    world::{Reach, World},
};

type Service = Arc<dyn AgentService>;

async fn world(binding: Binding) -> World {
    World::of(binding, kinds::PUSHES_OR_NOT_GUARDED).await
}

fn tenant(tenant: &str) -> Reach<'_> {
    Reach { tenant: Some(tenant), ..Reach::default() }
}

async fn send(service: &Service, message: Message) -> Arc<Task> {
    match service.send_message(CallContext::new(), SendMessageRequest::new(message)).await.unwrap() {
        SendMessageResponse::Task(task) => task,
        SendMessageResponse::Message(message) => panic!("a message, not a task: {message:?}"),
    }
}

/// A webhook of the task, under the id of the task.
fn config(task: &Task) -> TaskPushNotificationConfig {
    let mut config = TaskPushNotificationConfig::default();
    config.task_id = Some(task.id.to_string());
    config.id = Some(task.id.to_string());
    config.url = "https://hook.example".to_owned();
    config
}

/// Every call that names a task, or the webhook of it; the last one ends the task.
fn calls(world: &World, task: &Task) -> Vec<Call> {
    let mut calls = auth::calls(&task.id);
    let mut cancel = Vec::new();
    calls.retain_mut(|call| match call {
        Call::ListTasks(_) | Call::GetExtendedAgentCard(_) => false,
        Call::SendMessage(request) | Call::SendStreamingMessage(request) => {
            request.message = world.to_task(task, "again");
            true
        }
        Call::CancelTask(_) => {
            cancel.push(call.clone());
            false
        }
        _ => true,
    });
    assert_eq!((calls.len(), cancel.len()), (8, 1));
    calls.extend(cancel);
    calls
}

/// Sees that the owner's task exists for the owner, by every operation, and for no stranger by any.
async fn only_the_owner_finds_it(world: &World, owner: Reach<'_>, strangers: &[Reach<'_>]) {
    let mine = world.reach(owner);
    let task = send(&mine, world.message("ask")).await;
    mine.create_task_push_notification_config(CallContext::new(), config(&task)).await.unwrap();
    for stranger in strangers {
        let service = world.reach(*stranger);
        for call in calls(world, &task) {
            let name = call.name().into_owned();
            let error = service.handle(CallContext::new(), call).await.map(|_| ()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TaskNotFound, "{name} by {stranger:?}: {error}");
        }
        if world.binding.lists_tasks() {
            let listed = service.list_tasks(CallContext::new(), ListTasksRequest::default()).await.unwrap();
            assert_eq!((listed.total_size, listed.tasks.len()), (0, 0), "{stranger:?}");
        }
    }
    let still = mine.get_task(CallContext::new(), GetTaskRequest::new(&*task.id)).await.unwrap();
    assert_eq!((&still.status, still.history.len()), (&task.status, task.history.len()), "nothing has come of it");
    if world.binding.lists_tasks() {
        let listed = mine.list_tasks(CallContext::new(), ListTasksRequest::default()).await.unwrap();
        assert_eq!(listed.total_size, 1);
    }
    for call in calls(world, &task) {
        let name = call.name().into_owned();
        mine.handle(CallContext::new(), call).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

async fn what_is_one_tenants_does_not_exist_for_another(binding: Binding) {
    let world = world(binding).await;
    let strangers = [tenant("green"), tenant("blue / 2"), tenant("Blue / 1"), tenant("blue"), Reach::default()];
    only_the_owner_finds_it(&world, tenant("blue / 1"), &strangers).await;
    world.end().await;
}

async fn what_is_one_callers_does_not_exist_for_another(binding: Binding) {
    let world = world(binding).await;
    let alice = Reach { bearer: Some("alice-1"), ..tenant("blue") };
    let strangers = [
        Reach { bearer: Some("bob-1"), ..tenant("blue") },
        Reach { bearer: Some("alice-1"), ..tenant("green") },
        Reach::bearer("alice-1"),
        tenant("blue"),
        Reach::default(),
    ];
    only_the_owner_finds_it(&world, alice, &strangers).await;
    world.end().await;
}

async fn a_tenant_may_be_the_interfaces_or_the_requests(binding: Binding) {
    let world = world(binding).await;
    let mut request = SendMessageRequest::new(world.message("ask"));
    request.tenant = Some("blue".to_owned());
    let SendMessageResponse::Task(task) = world.send_request(request).await.unwrap() else { panic!("a message") };
    let request = || GetTaskRequest::new(&*task.id);
    let by_interface = world.of_tenant("blue").get_task(CallContext::new(), request()).await.unwrap();
    assert_eq!(by_interface.id, task.id);
    let mut by_field = request();
    by_field.tenant = Some("blue".to_owned());
    assert_eq!(world.service.get_task(CallContext::new(), by_field).await.unwrap().id, task.id);
    let error = world.service.get_task(CallContext::new(), request()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TaskNotFound);
    world.end().await;
}

async fn what_no_path_could_name_is_no_tenant(binding: Binding) {
    let world = World::of(binding, kinds::METHODS).await;
    let mut calls = vec![Call::GetTask(GetTaskRequest::new("t"))];
    if binding.has_own_methods() {
        calls.push(Call::Custom(CustomCall::new("example/ping", None)));
    }
    for tenant in ["tasks", "message:send", ".well-known", ".."] {
        for mut call in calls.clone() {
            call.set_tenant(Some(tenant.to_owned()));
            let error = world.service.handle(CallContext::new(), call).await.unwrap_err();
            let fields: Vec<_> = error.field_violations().iter().map(|violation| &*violation.field).collect();
            assert_eq!((error.kind(), &*fields), (ErrorKind::InvalidParams, &["tenant"][..]), "{tenant}: {error}");
        }
    }
    world.end().await;
}

async fn conversations_and_pages_end_where_the_tenant_ends(binding: Binding) {
    if !binding.lists_tasks() {
        return;
    }
    let world = world(binding).await;
    let (blue, green) = (world.of_tenant("blue"), world.of_tenant("green"));
    let talk = |text: &str| {
        let mut message = world.message(text);
        message.context_id = Some("shared".into());
        message
    };
    let in_blue = [send(&blue, talk("complete")).await.id.clone(), send(&blue, talk("complete")).await.id.clone()];
    let in_green = send(&green, talk("complete")).await.id.clone();
    let mut request = ListTasksRequest::default();
    request.context_id = Some("shared".into());
    request.page_size = Some(1);
    let page = blue.list_tasks(CallContext::new(), request.clone()).await.unwrap();
    assert_eq!((page.total_size, page.tasks.len()), (2, 1));
    assert!(in_blue.contains(&page.tasks[0].id));

    request.page_token = Some(page.next_page_token.clone());
    let theirs = blue.list_tasks(CallContext::new(), request.clone()).await.unwrap();
    assert!(in_blue.contains(&theirs.tasks[0].id));
    // The token of another tenant is refused, or leads to nothing but one's own.
    match green.list_tasks(CallContext::new(), request).await {
        Ok(page) => assert!(page.tasks.iter().all(|task| task.id == in_green)),
        Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidParams),
    }
    world.end().await;
}

async fn a_message_id_is_known_again_only_where_it_was_sent(binding: Binding) {
    let world = world(binding).await;
    let reach = |tenant, bearer| {
        world.reach(Reach {
            tenant: Some(tenant),
            bearer: Some(bearer),
            extension: Some(IDEMPOTENT_SEND),
            api_key: None,
        })
    };
    let first = send(&reach("blue", "alice-1"), Message::user("same", "complete")).await;
    assert_eq!(send(&reach("blue", "alice-1"), Message::user("same", "complete")).await.id, first.id);
    for (tenant, bearer) in [("green", "alice-1"), ("blue", "bob-1")] {
        let other = send(&reach(tenant, bearer), Message::user("same", "complete")).await;
        assert_ne!(other.id, first.id, "{tenant} {bearer}");
    }
    world.end().await;
}

crate::over_all_bindings!(
    if has_tenants;
    what_is_one_tenants_does_not_exist_for_another,
    what_is_one_callers_does_not_exist_for_another,
    a_tenant_may_be_the_interfaces_or_the_requests,
    what_no_path_could_name_is_no_tenant,
    conversations_and_pages_end_where_the_tenant_ends,
    a_message_id_is_known_again_only_where_it_was_sent,
);
