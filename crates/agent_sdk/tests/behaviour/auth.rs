//! Who may call, and whose is what.

use std::sync::Arc;

use agent_sdk::{
    prelude::*,
    protocol::{
        Call, CancelTaskRequest, Error, ErrorKind, GetTaskRequest, ListTasksRequest, Message, Method,
        SendMessageRequest, SendMessageResponse, SubscribeToTaskRequest,
    },
};

use crate::{
    agent::kinds,
    bindings::Binding,
    world::{Reach, World, all, refusal},
};

/// A request of each operation, for a task.
pub(crate) fn calls(task: &str) -> Vec<Call> {
    let json = format!(
        r#"{{"id":"{task}","taskId":"{task}","url":"https://h.example",
            "message":{{"messageId":"m","role":"ROLE_USER","parts":[{{"text":"complete"}}]}}}}"#
    );
    Method::ALL.iter().map(|method| Call::from_json(*method, &json).unwrap()).collect()
}

async fn start(service: &Arc<dyn AgentService>, message: Message) -> Result<Arc<Task>, Error> {
    match service.send_message(CallContext::new(), SendMessageRequest::new(message)).await? {
        SendMessageResponse::Task(task) => Ok(task),
        SendMessageResponse::Message(message) => panic!("a message, not a task: {message:?}"),
    }
}

async fn every_operation_asks_for_credentials(binding: Binding) {
    let world = World::of(binding, kinds::GUARDED).await;
    let (nobody, wrong) = (world.service.clone(), world.by("alice-2"));
    for (service, reason) in [(nobody, None), (wrong, Some("error=\"invalid_token\""))] {
        for call in calls("0190b7a0-0000-4000-8000-000000000001") {
            let is_public = matches!(call, Call::GetExtendedAgentCard(_)) && binding.tells_the_public_card();
            if is_public || (matches!(call, Call::ListTasks(_)) && !binding.lists_tasks()) {
                continue;
            }
            let name = call.name().into_owned();
            let error = service.handle(CallContext::new(), call).await.map(|_| ()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{name}: {error}");
            let challenge = &error.metadata()["wwwAuthenticate"];
            assert!(challenge.contains("Bearer realm=\"Behaviour\""), "{name}: {challenge}");
            assert_eq!(challenge.contains("error="), reason.is_some(), "{challenge}");
            assert!(challenge.contains(reason.unwrap_or("ApiKey realm=")), "{challenge}");
            assert!(!format!("{error:?} {challenge}").contains("alice-2"), "the credential is not repeated");
        }
    }
    world.end().await;
}

async fn what_belongs_to_another_caller_is_not_found(binding: Binding) {
    let world = World::of(binding, kinds::GUARDED).await;
    let (alice, bob) = (world.by("alice-1"), world.by("bob-1"));
    let task = start(&alice, world.message("ask")).await.unwrap();
    let context = CallContext::new;

    let get = || GetTaskRequest::new(&*task.id);
    assert_eq!(refusal(bob.get_task(context(), get()).await).0, ErrorKind::TaskNotFound);
    let cancel = CancelTaskRequest::new(&*task.id);
    assert_eq!(refusal(bob.cancel_task(context(), cancel).await).0, ErrorKind::TaskNotFound);
    let subscribe = || SubscribeToTaskRequest::new(&*task.id);
    assert_eq!(refusal(bob.subscribe_to_task(context(), subscribe()).await.map(|_| ())).0, ErrorKind::TaskNotFound);
    assert_eq!(refusal(start(&bob, world.to_task(&task, "more")).await).0, ErrorKind::TaskNotFound);
    let stream = SendMessageRequest::new(world.to_task(&task, "more"));
    assert_eq!(refusal(bob.send_streaming_message(context(), stream).await.map(|_| ())).0, ErrorKind::TaskNotFound);
    if binding.lists_tasks() {
        assert_eq!(bob.list_tasks(context(), ListTasksRequest::default()).await.unwrap().total_size, 0);
        assert_eq!(alice.list_tasks(context(), ListTasksRequest::default()).await.unwrap().total_size, 1);
    }
    let watching = alice.subscribe_to_task(context(), subscribe()).await.unwrap();
    let done = start(&alice, world.to_task(&task, "blue")).await.unwrap();
    assert_eq!((&done.id, &done.status.state), (&task.id, &TaskState::Completed));
    assert_eq!(all(watching).await.last().unwrap().response.status().unwrap().state, TaskState::Completed);
    world.end().await;
}

async fn a_caller_is_the_same_by_whichever_credential(binding: Binding) {
    let world = World::of(binding, kinds::GUARDED).await;
    let task = start(&world.by("alice-1"), world.message("ask")).await.unwrap();
    let by_key = world.reach(Reach { api_key: Some("alice-key"), ..Reach::default() });
    let request = GetTaskRequest::new(&*task.id);
    assert_eq!(by_key.get_task(CallContext::new(), request).await.unwrap().id, task.id);
    world.end().await;
}

async fn scopes_that_are_missing_are_named(binding: Binding) {
    let world = World::of(binding, kinds::GUARDED_BY_SCOPES).await;
    let error = start(&world.by("bob-1"), world.message("complete")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.message().contains("lack the scopes admin"), "{error}");
    let challenge = &error.metadata()["wwwAuthenticate"];
    assert!(challenge.contains("error=\"insufficient_scope\", scope=\"admin\""), "{challenge}");
    let task = start(&world.by("alice-admin"), world.message("complete")).await.unwrap();
    assert_eq!(task.status.state, TaskState::Completed);
    world.end().await;
}

async fn schemes_that_belong_together_are_all_needed(binding: Binding) {
    let world = World::of(binding, kinds::GUARDED_BY_TWO_SCHEMES).await;
    let only_key = Reach { api_key: Some("app-key"), ..Reach::default() };
    for incomplete in [Reach::bearer("alice-1"), only_key] {
        let refused = refusal(start(&world.reach(incomplete), world.message("ask")).await);
        assert_eq!(refused.0, ErrorKind::Unauthenticated);
    }
    let both = |bearer| world.reach(Reach { bearer: Some(bearer), api_key: Some("app-key"), ..Reach::default() });
    let task = start(&both("alice-1"), world.message("ask")).await.unwrap();
    let get = || GetTaskRequest::new(&*task.id);
    // The token says who it is, the key only through which program.
    assert_eq!(refusal(both("bob-1").get_task(CallContext::new(), get()).await).0, ErrorKind::TaskNotFound);
    assert_eq!(both("alice-admin").get_task(CallContext::new(), get()).await.unwrap().id, task.id);
    // Nor do the credentials of two callers make one.
    let two = Reach { bearer: Some("bob-1"), api_key: Some("alice-key"), ..Reach::default() };
    let (kind, text) = refusal(start(&world.reach(two), world.message("ask")).await);
    assert_eq!(kind, ErrorKind::Unauthenticated);
    assert!(text.contains("different callers"), "{text}");
    world.end().await;
}

async fn a_skill_may_ask_for_more_than_the_agent(binding: Binding) {
    let world = World::of(binding, kinds::GUARDED_WITH_VAULT).await;
    let (plain, admin) = (world.by("alice-1"), world.by("alice-admin"));
    let refused = refusal(start(&plain, world.to_skill("vault", "open")).await);
    assert_eq!(refused.0, ErrorKind::PermissionDenied);
    let task = start(&admin, world.to_skill("vault", "open")).await.unwrap();

    // The same caller, but with less of a credential: neither without a skill nor by naming another.
    let mut disguised = world.to_task(&task, "more");
    disguised.metadata.get_or_insert_default().insert("skillId".to_owned(), "act".into());
    for message in [world.to_task(&task, "more"), disguised] {
        assert_eq!(refusal(start(&plain, message).await).0, ErrorKind::PermissionDenied);
    }
    assert_eq!(start(&plain, world.message("complete")).await.unwrap().status.state, TaskState::Completed);
    let done = start(&admin, world.to_task(&task, "more")).await.unwrap();
    assert_eq!(done.status.state, TaskState::Completed);
    world.end().await;
}

async fn a_skill_may_ask_for_less_than_the_agent(binding: Binding) {
    let world = World::of(binding, kinds::GUARDED_WITH_OPEN_SKILL).await;
    let nobody = &world.service;
    let task = start(nobody, world.to_skill("open", "hello")).await.unwrap();
    for skill in ["act", "nowhere"] {
        let refused = refusal(start(nobody, world.to_skill(skill, "complete")).await);
        assert_eq!(refused.0, ErrorKind::Unauthenticated, "{skill}");
    }
    assert_eq!(refusal(start(nobody, world.message("complete")).await).0, ErrorKind::Unauthenticated);
    let mut more = world.to_task(&task, "more");
    more.metadata.get_or_insert_default().insert("skillId".to_owned(), "open".into());
    assert_eq!(start(nobody, more).await.unwrap().status.state, TaskState::Completed);
    world.end().await;
}

async fn credentials_may_be_optional(binding: Binding) {
    let world = World::of(binding, kinds::GUARDED_OR_NOT).await;
    let (nobody, alice) = (world.service.clone(), world.by("alice-1"));
    let of_nobody = start(&nobody, world.message("ask")).await.unwrap();
    let of_alice = start(&alice, world.message("ask")).await.unwrap();
    let get = |task: &Task| GetTaskRequest::new(&*task.id);
    assert_eq!(refusal(nobody.get_task(CallContext::new(), get(&of_alice)).await).0, ErrorKind::TaskNotFound);
    assert_eq!(refusal(alice.get_task(CallContext::new(), get(&of_nobody)).await).0, ErrorKind::TaskNotFound);
    let refused = refusal(start(&world.by("wrong"), world.message("ask")).await);
    assert_eq!(refused.0, ErrorKind::Unauthenticated, "a wrong credential does not make one nobody");
    world.end().await;
}

async fn handlers_hear_who_calls_and_see_no_credential(binding: Binding) {
    let world = World::of(binding, kinds::GUARDED_WITH_WHO).await;
    let request = SendMessageRequest::new(world.to_skill("who", "am I"));
    let mut context = CallContext::new();
    context.principal = Some("root".into());
    match world.by("alice-admin").send_message(context, request).await.unwrap() {
        SendMessageResponse::Message(reply) => assert_eq!(reply.text(), "Some(\"alice\") admin,read true"),
        SendMessageResponse::Task(task) => panic!("a task: {task:?}"),
    }
    world.end().await;
}

crate::over_all_bindings!(
    every_operation_asks_for_credentials,
    what_belongs_to_another_caller_is_not_found,
    a_caller_is_the_same_by_whichever_credential,
    scopes_that_are_missing_are_named,
    schemes_that_belong_together_are_all_needed,
    a_skill_may_ask_for_more_than_the_agent,
    a_skill_may_ask_for_less_than_the_agent,
    credentials_may_be_optional,
    handlers_hear_who_calls_and_see_no_credential,
);
