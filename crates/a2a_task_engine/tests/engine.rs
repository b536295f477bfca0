//! What takes time, what breaks, and who waits for it.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use a2a_app_ports::{AgentOperations, AgentService, Answers, HandlerError, TaskUpdater, Turn};
use a2a_protocol_core::{ErrorKind, TaskState};
use a2a_task_engine::Skill;
use futures::future::join_all;
use support::{Gate, counted, engine, follow_up, idle, plain, request, skill, task};

#[tokio::test(start_paused = true)]
async fn a_turn_that_takes_too_long_fails_its_task() {
    let slow = skill(|_turn, _task| std::future::pending());
    let engine = engine(slow.time_limit(Duration::from_secs(90)));
    let failed = task(engine.send_message(plain(), request("m", "go")).await);
    assert_eq!(failed.status.state, TaskState::Failed);
    assert_eq!(failed.status.message.as_ref().unwrap().text(), "the agent did not finish within 90s");
}

#[tokio::test(start_paused = true)]
async fn a_direct_answer_that_takes_too_long_is_an_error_that_names_the_limit() {
    let slow = skill(|_turn, _task| std::future::pending());
    let engine = engine(slow.answers(Answers::Message).time_limit(Duration::from_secs(90)));
    let error = engine.send_message(plain(), request("m", "go")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert_eq!(error.message(), "the agent did not finish within 90s");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_at_once_fails_its_task() {
    fn broken(turn: Turn, _task: TaskUpdater) -> std::future::Ready<Result<(), HandlerError>> {
        assert!(turn.text().is_empty(), "broken before the first await");
        std::future::ready(Ok(()))
    }
    let engine = engine(Skill::new("broken", broken));
    let failed = task(engine.send_message(plain(), request("m", "go")).await);
    assert_eq!(failed.status.state, TaskState::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_does_not_end_the_work() {
    let gate = Gate::new();
    let handler_gate = gate.clone();
    let engine = engine(skill(move |_turn, task| {
        let gate = handler_gate.clone();
        async move {
            gate.pass().await;
            task.complete().await
        }
    }));
    let call = engine.send_message(plain(), request("m", "go"));
    tokio::select! {
        _ = call => panic!("the handler waits"),
        () = gate.reached() => {}
    }
    assert_eq!(engine.running(), 1);
    gate.open();
    idle(&engine).await;
    let listed = engine.list_tasks(plain(), Default::default()).await.unwrap();
    assert_eq!(listed.tasks[0].status.state, TaskState::Completed);
}

#[tokio::test(start_paused = true)]
async fn follow_ups_at_the_same_time_are_answered_one_after_the_other() {
    let heard = skill(|turn, task| async move {
        tokio::task::yield_now().await;
        task.artifact(turn.text()).write(turn.text()).await?;
        tokio::task::yield_now().await;
        task.input_required("more?").await
    });
    let engine = engine(heard);
    let begun = task(engine.send_message(plain(), request("m", "first")).await);
    let follow_ups = (0..20).map(|index| {
        let request = follow_up(&begun.id, &format!("m-{index}"), &format!("a{index}"));
        engine.send_message(plain(), request)
    });
    for (index, answered) in join_all(follow_ups).await.into_iter().enumerate() {
        let answered = task(answered);
        assert_eq!(answered.status.state, TaskState::InputRequired);
        assert!(answered.artifact(&format!("a{index}")).is_some(), "a caller waits for the turn of its own message");
    }
    idle(&engine).await;
}

#[tokio::test(start_paused = true)]
async fn an_engine_can_be_shared_as_a_service() {
    let (skill, calls, _) = counted(Answers::Message);
    let service: Arc<dyn AgentService> = Arc::new(engine(skill));
    service.send_message(plain(), request("m", "hello")).await.unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}
