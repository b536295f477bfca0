//! Tasks whose logs are gone, long after they have ended: nobody waits for what is there no more.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use a2a_app_ports::{AgentOperations, Answers, FleetStorage};
use a2a_protocol_core::{StreamResponse, TaskState, Timestamp};
use a2a_task_engine::{MemoryLimits, MemoryStorage};
use futures::StreamExt;
use support::{collect, counted, engine_on, get, idle, once, plain, request, skill, task, within};

fn storage() -> Arc<MemoryStorage> {
    let limits = MemoryLimits { replay_window: Duration::from_secs(60), ..MemoryLimits::default() };
    Arc::new(MemoryStorage::with_limits(limits))
}

/// Has the storage forget the logs of all tasks that have ended.
async fn forget(storage: &MemoryStorage) {
    let later = Timestamp::from_millis(4_000_000_000_000).unwrap();
    while storage.sweep(later).await.unwrap() {}
}

#[tokio::test(start_paused = true)]
async fn a_watcher_that_lags_too_far_behind_gets_the_task_as_it_ended() {
    let storage = storage();
    let engine = engine_on(
        storage.clone(),
        skill(async |_turn, task| {
            tokio::time::sleep(Duration::from_secs(1)).await;
            task.artifact("report").write("all of it").await
        }),
    );
    let mut stream = engine.send_streaming_message(plain(), request("m", "go")).await.unwrap();
    let first = within("the task", stream.next()).await.unwrap().unwrap();
    let StreamResponse::Task(begun) = &first.response else { panic!("{first:?}") };
    idle(&engine).await;
    forget(&storage).await;

    let rest = collect(stream).await;
    let [last] = &rest[..] else { panic!("{rest:?}") };
    let StreamResponse::Task(ended) = &last.response else { panic!("{last:?}") };
    assert_eq!(ended.status.state, TaskState::Completed);
    assert_eq!(*ended, get(&engine, &begun.id).await, "with everything it has");
    assert!(last.sequence > first.sequence);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_message_gets_its_task_without_the_log() {
    let storage = storage();
    let (skill, calls, _) = counted(Answers::Task);
    let engine = engine_on(storage.clone(), skill);
    let first = task(engine.send_message(once(), request("m", "hello")).await);
    forget(&storage).await;

    let again = within("a repeat", engine.send_message(once(), request("m", "hello"))).await;
    assert_eq!(task(again), first);
    let stream = engine.send_streaming_message(once(), request("m", "hello")).await.unwrap();
    let events = collect(stream).await;
    let [only] = &events[..] else { panic!("{events:?}") };
    assert_eq!(only.response, StreamResponse::Task(first));
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}
