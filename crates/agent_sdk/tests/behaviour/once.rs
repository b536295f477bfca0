//! What is sent twice, what is sent at once, and what is left alone.

use std::{sync::Arc, time::Duration};

use agent_sdk::{
    prelude::*,
    protocol::{ErrorKind, ListTasksRequest, SendMessageRequest, SendMessageResponse, extensions::IDEMPOTENT_SEND},
};
use futures::future::join_all;

use crate::{agent::kinds, bindings::Binding, world::World};

fn once() -> CallContext {
    let mut context = CallContext::new();
    context.extensions.push(IDEMPOTENT_SEND.to_owned());
    context
}

async fn a_repeated_message_joins_what_the_first_began(binding: Binding) {
    let world = World::new(binding).await;
    let request = SendMessageRequest::new(world.message("task once"));
    let first = world.service.send_message(once(), request.clone()).await.unwrap();
    let again = world.service.send_message(once(), request.clone()).await.unwrap();
    assert_eq!(first, again);
    let SendMessageResponse::Task(task) = &first else { panic!("a message") };
    if binding.lists_tasks() {
        let tasks = world.service.list_tasks(CallContext::new(), ListTasksRequest::default()).await.unwrap();
        assert_eq!(tasks.total_size, 1);
    }

    let mut other = request.clone();
    other.message.parts.push(Part::text("and more"));
    let error = world.service.send_message(once(), other).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidParams);
    assert_eq!(error.field_violations()[0].field, "message.messageId");

    let said = SendMessageRequest::new(world.to_skill("say", "hello"));
    let answer = world.service.send_message(once(), said.clone()).await.unwrap();
    let again = world.service.send_message(once(), said).await.unwrap();
    assert_eq!(answer, again, "the same direct message, by its id");

    let SendMessageResponse::Task(new) = world.send_request(request).await.unwrap() else { panic!("a message") };
    assert_ne!(new.id, task.id, "without the extension it is another task");
    world.end().await;
}

async fn messages_to_one_task_are_answered_one_after_the_other(binding: Binding) {
    let world = World::new(binding).await;
    let task = world.task(world.message("ask")).await;
    let answers = join_all((0..8).map(|_| world.task(world.to_task(&task, "again")))).await;
    for answered in &answers {
        assert_eq!(answered.status.state, TaskState::InputRequired);
    }
    let said = world.get(&task).await.history.iter().filter(|message| message.text() == "again").count();
    assert_eq!(said, 8);
    world.end().await;
}

async fn a_vanished_caller_leaves_the_work_to_be_done(binding: Binding) {
    if !binding.lists_tasks() {
        // Nobody would know the task.
        return;
    }
    let world = Arc::new(World::new(binding).await);
    let caller = tokio::spawn({
        let world = world.clone();
        async move { world.task(world.message("gate a")).await }
    });
    world.gates.wait("a", |gate| gate.entered).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    let tasks = world.service.list_tasks(CallContext::new(), ListTasksRequest::default()).await.unwrap();
    let watched = world.subscribe(&tasks.tasks[0], None).await.unwrap();
    world.gates.open("a");
    crate::world::all(watched).await;
    assert_eq!(world.get(&tasks.tasks[0]).await.status.state, TaskState::Completed);
    Arc::into_inner(world).unwrap().end().await;
}

async fn a_turn_over_its_time_limit_fails_the_task(binding: Binding) {
    let world = World::new(binding).await;
    let task = world.task(world.to_skill("hasty", "wait")).await;
    assert_eq!(task.status.state, TaskState::Failed);
    assert_eq!(task.status.message.as_ref().unwrap().text(), "the agent did not finish within 20ms");
    world.end().await;
}

async fn a_pause_over_its_limit_fails_the_task(binding: Binding) {
    let world = World::of(binding, kinds::IMPATIENT).await;
    let asked = world.task(world.message("ask")).await;
    let ended = async {
        loop {
            let task = world.get(&asked).await;
            if task.status.state != TaskState::InputRequired {
                return task;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(60), ended).await.unwrap();
    assert_eq!(ended.status.state, TaskState::Failed);
    assert_eq!(ended.status.message.as_ref().unwrap().text(), "the caller did not answer within 1ms");
    world.end().await;
}

crate::over_all_bindings!(
    a_repeated_message_joins_what_the_first_began,
    messages_to_one_task_are_answered_one_after_the_other,
    a_vanished_caller_leaves_the_work_to_be_done,
    a_turn_over_its_time_limit_fails_the_task,
    a_pause_over_its_limit_fails_the_task,
);
