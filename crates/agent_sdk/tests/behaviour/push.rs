//! Webhooks: who may have them, and what they are told.

use std::sync::Arc;

use agent_sdk::{
    prelude::*,
    protocol::{
        AuthenticationInfo, DeleteTaskPushNotificationConfigRequest, Error, ErrorKind,
        GetTaskPushNotificationConfigRequest, JsonDialect, ListTaskPushNotificationConfigsRequest,
        ListTaskPushNotificationConfigsResponse, SendMessageRequest, SendMessageResponse, Spoken, StreamEvent,
        StreamResponse, TaskPushNotificationConfig,
    },
};
use tokio::sync::watch;

use crate::{
    agent::{
        kinds,
        pushing::{Delivered, FORBIDDEN},
    },
    bindings::Binding,
    world::{Reach, World, brief, refusal},
};

const HOOK: &str = "https://hook.example/a?b=c";
const NOBODY: &str = "0190b7a0-0000-4000-8000-000000000001";

/// What webhooks are told.
struct Webhooks(watch::Receiver<Vec<String>>);

impl Webhooks {
    fn of(world: &World) -> Self {
        Self(world.gates.told())
    }

    /// What this webhook is told, once it is so much.
    async fn told(&self, url: &str, count: usize) -> Vec<Delivered> {
        let of = |told: &[String]| {
            let told = told.iter().map(|told| serde_json::from_str::<Delivered>(told).unwrap());
            told.filter(|told| told.url == url).collect::<Vec<_>>()
        };
        let mut told = self.0.clone();
        let told = told.wait_for(|told| of(told).len() >= count).await.unwrap();
        of(&told)
    }

    /// Sees that this webhook is told these events. To one that was configured in 0.3 each is the task
    /// after it.
    async fn are_told(&self, binding: Binding, url: &str, mut state: &str, events: &[&str]) {
        let told = self.told(url, events.len()).await;
        assert_eq!(told.len(), events.len());
        for (told, event) in told.iter().zip(events) {
            state = event.strip_prefix("status ").or(event.strip_prefix("task ")).unwrap_or(state);
            let (response, expected) = if binding.is_v03() {
                let task = Task::read_in(JsonDialect::V0_3, told.body.as_bytes()).unwrap();
                (StreamResponse::Task(task.into()), format!("task {state}"))
            } else {
                (serde_json::from_str(&told.body).unwrap(), (*event).to_owned())
            };
            assert_eq!(brief(&StreamEvent::new(None, response)), expected);
        }
    }
}

async fn pushing(binding: Binding) -> (World, Webhooks) {
    let world = World::of(binding, kinds::PUSHES).await;
    let webhooks = Webhooks::of(&world);
    (world, webhooks)
}

fn config(task: &str, id: Option<&str>) -> TaskPushNotificationConfig {
    let mut config = TaskPushNotificationConfig::default();
    config.task_id = Some(task.to_owned());
    config.id = id.map(str::to_owned);
    config.url = HOOK.to_owned();
    config
}

fn pushed(message: Message, config: TaskPushNotificationConfig) -> SendMessageRequest {
    let mut request = SendMessageRequest::new(message);
    request.configuration.get_or_insert_default().task_push_notification_config = Some(config);
    request
}

fn inline(url: &str) -> TaskPushNotificationConfig {
    let mut config = TaskPushNotificationConfig::default();
    config.url = url.to_owned();
    config
}

type Service = Arc<dyn AgentService>;

async fn create(service: &Service, config: TaskPushNotificationConfig) -> Result<TaskPushNotificationConfig, Error> {
    service.create_task_push_notification_config(CallContext::new(), config).await
}

async fn get(service: &Service, task: &str, id: &str) -> Result<TaskPushNotificationConfig, Error> {
    let mut request = GetTaskPushNotificationConfigRequest::default();
    (request.task_id, request.id) = (task.to_owned(), id.to_owned());
    service.get_task_push_notification_config(CallContext::new(), request).await
}

async fn delete(service: &Service, task: &str, id: &str) -> Result<(), Error> {
    let mut request = DeleteTaskPushNotificationConfigRequest::default();
    (request.task_id, request.id) = (task.to_owned(), id.to_owned());
    service.delete_task_push_notification_config(CallContext::new(), request).await
}

async fn page(
    service: &Service,
    task: &str,
    size: i32,
    token: Option<String>,
) -> Result<ListTaskPushNotificationConfigsResponse, Error> {
    let mut request = ListTaskPushNotificationConfigsRequest::default();
    (request.task_id, request.page_size, request.page_token) = (task.to_owned(), size, token);
    service.list_task_push_notification_configs(CallContext::new(), request).await
}

fn ids(page: &ListTaskPushNotificationConfigsResponse) -> Vec<&str> {
    page.configs.iter().map(|config| config.id.as_deref().unwrap_or_default()).collect()
}

async fn a_configuration_is_created_read_replaced_listed_and_deleted(binding: Binding) {
    let (world, _) = pushing(binding).await;
    let (service, task) = (&world.service, world.task(world.message("ask")).await);
    let mut wanted = config(&task.id, Some("my hook"));
    wanted.token = Some("a token".to_owned());
    let mut authentication = AuthenticationInfo::default();
    authentication.scheme = "Bearer".to_owned();
    authentication.credentials = Some("credentials".to_owned());
    wanted.authentication = Some(authentication);
    assert_eq!(create(service, wanted.clone()).await.unwrap(), wanted);
    assert_eq!(get(service, &task.id, "my hook").await.unwrap(), wanted);

    let plain = config(&task.id, Some("my hook"));
    assert_eq!(create(service, plain.clone()).await.unwrap(), plain);
    assert_eq!(page(service, &task.id, 0, None).await.unwrap().configs, [plain]);

    for _ in 0..2 {
        delete(service, &task.id, "my hook").await.unwrap();
        assert_eq!(refusal(get(service, &task.id, "my hook").await).0, ErrorKind::TaskNotFound);
    }
    assert_eq!(page(service, &task.id, 0, None).await.unwrap(), Default::default());
    world.end().await;
}

async fn a_configuration_without_an_id_is_given_one(binding: Binding) {
    let (world, _) = pushing(binding).await;
    let (service, task) = (&world.service, world.task(world.message("complete")).await);
    let first = create(service, config(&task.id, None)).await.unwrap();
    let second = create(service, config(&task.id, None)).await.unwrap();
    let (first, second) = (first.id.unwrap(), second.id.unwrap());
    assert!(!first.is_empty());
    // In 0.3 the next one without an id takes its place.
    assert_eq!(first == second, binding.is_v03());
    assert_eq!(get(service, &task.id, &first).await.unwrap().url, HOOK);
    assert_eq!(page(service, &task.id, 0, None).await.unwrap().configs.len(), if binding.is_v03() { 1 } else { 2 });
    world.end().await;
}

async fn pages_together_are_all_configurations(binding: Binding) {
    if !binding.pages_configurations() {
        return;
    }
    let (world, _) = pushing(binding).await;
    let (service, task) = (&world.service, world.task(world.message("ask")).await);
    for number in 0..7 {
        create(service, config(&task.id, Some(&format!("hook {number}")))).await.unwrap();
    }
    let all = page(service, &task.id, 0, None).await.unwrap();
    assert_eq!((all.configs.len(), all.next_page_token.as_str()), (7, ""));
    let (mut token, mut walked) = (None, Vec::new());
    loop {
        let page = page(service, &task.id, 3, token).await.unwrap();
        assert!(page.configs.len() <= 3);
        walked.extend(ids(&page).into_iter().map(str::to_owned));
        // What goes in between disturbs nobody.
        delete(service, &task.id, &walked[0]).await.unwrap();
        if page.next_page_token.is_empty() {
            break;
        }
        token = Some(page.next_page_token);
    }
    assert_eq!(walked, ids(&all));
    world.end().await;
}

async fn wrong_pages_are_refused_by_name(binding: Binding) {
    if !binding.pages_configurations() {
        return;
    }
    let (world, _) = pushing(binding).await;
    let (service, task) = (&world.service, world.task(world.message("ask")).await);
    let other = world.task(world.message("ask")).await;
    for id in ["a", "b"] {
        create(service, config(&task.id, Some(id))).await.unwrap();
    }
    let token = page(service, &task.id, 1, None).await.unwrap().next_page_token;
    assert!(!token.is_empty());
    let refused = [
        ("pageToken", page(service, &task.id, 1, Some("broken".to_owned())).await),
        ("pageToken", page(service, &other.id, 1, Some(token)).await),
        ("pageSize", page(service, &task.id, -1, None).await),
    ];
    for (field, refused) in refused {
        let error = refused.unwrap_err();
        assert_eq!((error.kind(), &*error.field_violations()[0].field), (ErrorKind::InvalidParams, field));
    }
    world.end().await;
}

async fn what_nobody_has_is_not_found(binding: Binding) {
    let (world, _) = pushing(binding).await;
    let (service, task) = (&world.service, world.task(world.message("ask")).await);
    for id in [NOBODY, "no-uuid"] {
        let kinds = [
            refusal(create(service, config(id, None)).await).0,
            refusal(get(service, id, "hook").await).0,
            refusal(page(service, id, 0, None).await).0,
            refusal(delete(service, id, "hook").await).0,
        ];
        assert_eq!(kinds, [ErrorKind::TaskNotFound; 4], "{id}");
    }
    assert_eq!(refusal(get(service, &task.id, "hook").await).0, ErrorKind::TaskNotFound);
    delete(service, &task.id, "hook").await.unwrap();
    world.end().await;
}

async fn configurations_are_their_tenants_and_their_owners(binding: Binding) {
    if !binding.has_tenants() {
        return;
    }
    let world = World::of(binding, kinds::PUSHES_GUARDED).await;
    let webhooks = Webhooks::of(&world);
    let reach = |token, tenant| world.reach(Reach { tenant, ..Reach::bearer(token) });
    let alice = reach("alice-1", Some("blue"));
    let mut secret = inline(HOOK);
    secret.token = Some("of alice".to_owned());
    let request = pushed(world.message("ask"), secret);
    let SendMessageResponse::Task(task) = alice.send_message(CallContext::new(), request).await.unwrap() else {
        panic!("a message")
    };
    let all = page(&alice, &task.id, 0, None).await.unwrap();
    let id = ids(&all)[0];
    assert_eq!(all.configs[0].token.as_deref(), Some("of alice"), "its owner reads it as it was given");
    assert_eq!(all.configs[0].tenant.as_deref(), (!binding.is_v03()).then_some("blue"), "0.3 has no field for it");
    for stranger in [reach("bob-1", Some("blue")), reach("alice-1", Some("green")), reach("alice-1", None)] {
        let kinds = [
            refusal(create(&stranger, config(&task.id, Some(id))).await).0,
            refusal(get(&stranger, &task.id, id).await).0,
            refusal(page(&stranger, &task.id, 0, None).await).0,
            refusal(delete(&stranger, &task.id, id).await).0,
        ];
        assert_eq!(kinds, [ErrorKind::TaskNotFound; 4]);
    }
    assert_eq!(page(&alice, &task.id, 0, None).await.unwrap(), all);
    webhooks.are_told(binding, HOOK, "", &["task submitted", "status input_required"]).await;
    world.end().await;
}

async fn a_webhook_that_comes_with_the_message_is_told_everything(binding: Binding) {
    let (world, webhooks) = pushing(binding).await;
    let mut config = inline(HOOK);
    config.token = Some("a token".to_owned());
    let sent = world.send_request(pushed(world.message("chunks 2"), config)).await.unwrap();
    let SendMessageResponse::Task(task) = sent else { panic!("a message") };
    let expected = ["task submitted", "artifact chunks", "artifact chunks append last", "status completed"];
    webhooks.are_told(binding, HOOK, "", &expected).await;
    let told = webhooks.told(HOOK, 4).await;
    assert!(told.iter().all(|told| told.headers["x-a2a-notification-token"] == "a token"));
    let stored = page(&world.service, &task.id, 0, None).await.unwrap();
    assert_eq!(stored.configs[0].task_id.as_deref(), Some(&*task.id));

    let other = "https://hook.example/streamed";
    let request = pushed(world.message("chunks 2"), inline(other));
    let stream = world.service.send_streaming_message(CallContext::new(), request).await.unwrap();
    assert_eq!(crate::world::briefs(&crate::world::all(stream).await), expected);
    webhooks.are_told(binding, other, "", &expected).await;
    world.end().await;
}

async fn a_webhook_is_told_of_what_happens_from_then_on(binding: Binding) {
    let (world, webhooks) = pushing(binding).await;
    let task = world.start(world.message("gate g")).await;
    world.gates.wait("g", |gate| gate.entered).await;
    create(&world.service, config(&task.id, None)).await.unwrap();
    world.gates.open("g");
    webhooks.are_told(binding, HOOK, "working", &["artifact answer last", "status completed"]).await;
    world.end().await;
}

async fn what_webhooks_may_not_be_is_refused_by_field(binding: Binding) {
    let (world, _) = pushing(binding).await;
    let (service, task) = (&world.service, world.task(world.message("ask")).await);
    type Change = fn(&mut TaskPushNotificationConfig);
    let faults: [(&str, Change); 4] = [
        ("url", |config| config.url = format!("{FORBIDDEN}/")),
        ("url", |config| config.url = String::new()),
        ("token", |config| config.token = Some("two\r\nlines: bad".to_owned())),
        ("authentication.scheme", |config| config.authentication = Some(AuthenticationInfo::default())),
    ];
    for (field, change) in faults {
        let mut wrong = config(&task.id, None);
        change(&mut wrong);
        let error = create(service, wrong.clone()).await.unwrap_err();
        assert_eq!((error.kind(), &*error.field_violations()[0].field), (ErrorKind::InvalidParams, field));
        wrong.task_id = None;
        let error = world.send_request(pushed(world.to_task(&task, "more"), wrong)).await.unwrap_err();
        let field = format!("configuration.taskPushNotificationConfig.{field}");
        assert_eq!((error.kind(), &error.field_violations()[0].field), (ErrorKind::InvalidParams, &field));
    }
    assert_eq!(page(service, &task.id, 0, None).await.unwrap().configs, []);
    assert_eq!(world.get(&task).await.status.state, TaskState::InputRequired, "the message was not taken");
    world.end().await;
}

async fn without_the_capability_every_operation_is_refused(binding: Binding) {
    for kind in [kinds::PLAIN, kinds::PUSHES_UNSAID, kinds::PUSHING_UNDECLARED] {
        let world = World::of(binding, kind).await;
        let (service, task) = (&world.service, world.task(world.message("ask")).await);
        let kinds = [
            refusal(create(service, config(&task.id, None)).await).0,
            refusal(get(service, &task.id, "hook").await).0,
            refusal(page(service, &task.id, 0, None).await).0,
            refusal(delete(service, &task.id, "hook").await).0,
            refusal(world.send_request(pushed(world.message("complete"), inline(HOOK))).await).0,
            refusal({
                let request = pushed(world.message("complete"), inline(HOOK));
                service.send_streaming_message(CallContext::new(), request).await.map(|_| ())
            })
            .0,
        ];
        assert_eq!(kinds, [ErrorKind::PushNotificationNotSupported; 6]);
        world.end().await;
    }
}

crate::over_all_bindings!(
    a_configuration_is_created_read_replaced_listed_and_deleted,
    a_configuration_without_an_id_is_given_one,
    pages_together_are_all_configurations,
    wrong_pages_are_refused_by_name,
    what_nobody_has_is_not_found,
    configurations_are_their_tenants_and_their_owners,
    a_webhook_that_comes_with_the_message_is_told_everything,
    a_webhook_is_told_of_what_happens_from_then_on,
    what_webhooks_may_not_be_is_refused_by_field,
    without_the_capability_every_operation_is_refused,
);
