//! Cancel means stop.

use agent_sdk::{prelude::*, protocol::ErrorKind};
use futures::future::join_all;

use crate::{
    bindings::Binding,
    world::{World, all, briefs, next, refusal},
};

async fn cancelling_drops_the_handler_and_ends_the_task(binding: Binding) {
    let world = World::new(binding).await;
    let task = world.start(world.message("gate a")).await;
    world.gates.wait("a", |gate| gate.entered).await;
    let canceled = world.cancel(&task).await.unwrap();
    assert_eq!(canceled.status.state, TaskState::Canceled);
    world.gates.wait("a", |gate| gate.dropped).await;
    assert_eq!(*world.get(&task).await, *canceled);
    world.end().await;
}

async fn a_handler_that_has_asked_may_tidy_up(binding: Binding) {
    let world = World::new(binding).await;
    let task = world.start(world.message("tidy b")).await;
    world.gates.wait("b", |gate| gate.entered).await;
    let canceled = world.cancel(&task).await.unwrap();
    assert_eq!(canceled.status.state, TaskState::Canceled);
    assert_eq!(canceled.artifact("tidied").unwrap().text(), "left in order");
    world.end().await;
}

async fn watchers_see_the_cancellation_as_the_end(binding: Binding) {
    let world = World::new(binding).await;
    let task = world.start(world.message("gate c")).await;
    world.gates.wait("c", |gate| gate.entered).await;
    let mut stream = world.subscribe(&task, None).await.unwrap();
    next(&mut stream).await;
    world.cancel(&task).await.unwrap();
    assert_eq!(briefs(&all(stream).await), ["status canceled"]);
    world.end().await;
}

async fn a_waiting_caller_gets_the_canceled_task(binding: Binding) {
    let world = World::new(binding).await;
    let task = world.start(world.message("listen")).await;
    let stream = world.subscribe(&task, None).await.unwrap();
    world.cancel(&task).await.unwrap();
    all(stream).await;
    assert_eq!(world.get(&task).await.status.state, TaskState::Canceled);
    world.end().await;
}

async fn a_paused_task_is_canceled(binding: Binding) {
    let world = World::new(binding).await;
    let task = world.task(world.message("ask")).await;
    let canceled = world.cancel(&task).await.unwrap();
    assert_eq!(canceled.status.state, TaskState::Canceled);
    let (kind, _) = refusal(world.send(world.to_task(&task, "too late")).await);
    assert_eq!(kind, ErrorKind::UnsupportedOperation);
    world.end().await;
}

async fn cancelling_an_ended_task_is_refused(binding: Binding) {
    let world = World::new(binding).await;
    for text in ["complete", "fail", "reject"] {
        let task = world.task(world.message(text)).await;
        assert_eq!(refusal(world.cancel(&task).await).0, ErrorKind::TaskNotCancelable, "{text}");
    }
    let task = world.task(world.message("ask")).await;
    world.cancel(&task).await.unwrap();
    assert_eq!(refusal(world.cancel(&task).await).0, ErrorKind::TaskNotCancelable, "canceled already");
    world.end().await;
}

async fn cancellations_at_the_same_time_join(binding: Binding) {
    let world = World::new(binding).await;
    let task = world.start(world.message("tidy d")).await;
    world.gates.wait("d", |gate| gate.entered).await;
    let mut stream = world.subscribe(&task, None).await.unwrap();
    next(&mut stream).await;
    for outcome in join_all((0..8).map(|_| world.cancel(&task))).await {
        match outcome {
            Ok(task) => assert_eq!(task.status.state, TaskState::Canceled),
            Err(error) => assert_eq!(error.kind(), ErrorKind::TaskNotCancelable, "came after the end"),
        }
    }
    let ends = all(stream).await;
    let ends = ends.iter().filter(|event| event.response.status().is_some_and(|status| status.state.is_terminal()));
    assert_eq!(ends.count(), 1, "exactly one end is stored");
    world.end().await;
}

crate::over_all_bindings!(
    cancelling_drops_the_handler_and_ends_the_task,
    a_handler_that_has_asked_may_tidy_up,
    watchers_see_the_cancellation_as_the_end,
    a_waiting_caller_gets_the_canceled_task,
    a_paused_task_is_canceled,
    cancelling_an_ended_task_is_refused,
    cancellations_at_the_same_time_join,
);
