//! Tasks that wait for their callers, as long as they may.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::{sync::Arc, time::Duration};

use a2a_app_ports::{AgentOperations, Answers, Storage};
use a2a_protocol_core::{ErrorKind, SubscribeToTaskRequest, Task, TaskState};
use a2a_task_engine::{Engine, EngineOptions, MemoryStorage};
use support::{
    Dice, TestStorage, Webhooks, cancel, collect, counted, follow_up, get, host, idle, plain, pushing_engine_on,
    request, state, task, within,
};
use tokio::time::{Instant, sleep, sleep_until};

const LIMIT: Duration = Duration::from_secs(30);

fn options(limit: Option<Duration>) -> EngineOptions {
    let mut options = EngineOptions::default();
    options.pause_limit = limit;
    options
}

fn engine_on(storage: Arc<dyn Storage>, limit: Option<Duration>) -> Engine {
    let (skill, ..) = counted(Answers::Task);
    pushing_engine_on(host(), storage, &Webhooks::new(), skill, options(limit))
}

async fn asked(engine: &Engine) -> Arc<Task> {
    let asked = task(engine.send_message(plain(), request("m1", "ask")).await);
    assert_eq!(asked.status.state, TaskState::InputRequired);
    asked
}

fn assert_failed(task: &Task) {
    assert_eq!(task.status.state, TaskState::Failed);
    assert_eq!(task.status.message.as_ref().unwrap().text(), "the caller did not answer within 30s");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_waits_too_long_for_its_caller_is_failed() {
    let engine = engine_on(Arc::new(MemoryStorage::new()), Some(LIMIT));
    let asked = asked(&engine).await;
    let watched = engine.subscribe_to_task(plain(), SubscribeToTaskRequest::new(&*asked.id)).await.unwrap();
    let watched = tokio::spawn(collect(watched));
    sleep(LIMIT - Duration::from_secs(1)).await;
    assert_eq!(state(&engine, &asked.id).await, TaskState::InputRequired);
    // A sweep later.
    sleep(Duration::from_secs(12)).await;
    assert_failed(&*get(&engine, &asked.id).await);
    let last = watched.await.unwrap().pop().unwrap();
    assert_eq!(last.response.status().unwrap().state, TaskState::Failed);
    let late = engine.send_message(plain(), follow_up(&asked.id, "m2", "blue")).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::UnsupportedOperation);
    idle(&engine).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_a_task_waits_for_ever() {
    let engine = engine_on(Arc::new(MemoryStorage::new()), None);
    let asked = asked(&engine).await;
    sleep(Duration::from_secs(7 * 24 * 60 * 60)).await;
    assert_eq!(state(&engine, &asked.id).await, TaskState::InputRequired);
}

#[tokio::test(start_paused = true)]
async fn every_pause_has_the_whole_time() {
    let engine = engine_on(Arc::new(MemoryStorage::new()), Some(LIMIT));
    let asked = asked(&engine).await;
    for round in 0..5 {
        sleep(LIMIT - Duration::from_secs(5)).await;
        let again = engine.send_message(plain(), follow_up(&asked.id, &format!("m{round}"), "ask")).await;
        assert_eq!(task(again).status.state, TaskState::InputRequired);
    }
    sleep(LIMIT - Duration::from_secs(5)).await;
    let answered = engine.send_message(plain(), follow_up(&asked.id, "last", "blue")).await;
    assert_eq!(task(answered).status.state, TaskState::Completed);
}

#[tokio::test(start_paused = true)]
async fn of_many_pauses_all_that_are_too_long_end() {
    let engine = engine_on(Arc::new(MemoryStorage::new()), Some(LIMIT));
    let mut old = Vec::new();
    for _ in 0..600 {
        old.push(asked(&engine).await);
    }
    sleep(LIMIT / 2).await;
    let new = asked(&engine).await;
    sleep(LIMIT / 2 + Duration::from_secs(12)).await;
    for task in old {
        assert_failed(&*get(&engine, &task.id).await);
    }
    assert_eq!(state(&engine, &new.id).await, TaskState::InputRequired);
}

/// An answer, or a cancellation, that comes when the time is over, at this replica or at another.
async fn meets(seed: u64, cancels: bool) -> TaskState {
    let (storage, dice) = (TestStorage::slow(seed), Dice::new(seed));
    let other = engine_on(Arc::new(storage.line(seed + 1)), None);
    let engine = engine_on(Arc::new(storage), Some(LIMIT));
    let since = Instant::now();
    let asked = asked(&engine).await;
    let caller = if dice.one_in(2) { engine.clone() } else { other };
    // The sweep that finds the pause too long.
    sleep_until(since + LIMIT + Duration::from_secs(10)).await;
    dice.dawdle(60).await;
    let what = format!("seed {seed}");
    if cancels {
        match within(&what, cancel(&caller, &asked.id)).await {
            Ok(canceled) => assert_eq!(canceled.status.state, TaskState::Canceled, "{what}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::TaskNotCancelable, "{what}"),
        }
    } else {
        match within(&what, caller.send_message(plain(), follow_up(&asked.id, "m2", "blue"))).await {
            Ok(answered) => assert_eq!(task(Ok(answered)).status.state, TaskState::Completed, "{what}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::UnsupportedOperation, "{what}"),
        }
    }
    idle(&engine).await;
    let ended = get(&engine, &asked.id).await;
    let said = ended.history.iter().any(|message| message.message_id == "m2");
    assert_eq!(said, ended.status.state == TaskState::Completed, "{what}");
    ended.status.state.clone()
}

#[tokio::test(start_paused = true)]
async fn whoever_answers_when_the_time_is_over_is_answered_or_refused() {
    let mut ends = [0; 2];
    for seed in 0..300 {
        ends[usize::from(meets(seed, false).await == TaskState::Failed)] += 1;
    }
    assert!(ends.iter().all(|number| *number > 10), "answered and refused: {ends:?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_cancels_when_the_time_is_over_has_it_canceled_or_is_refused() {
    let mut ends = [0; 2];
    for seed in 0..300 {
        ends[usize::from(meets(seed, true).await == TaskState::Failed)] += 1;
    }
    assert!(ends.iter().all(|number| *number > 10), "canceled and refused: {ends:?}");
}
