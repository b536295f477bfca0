//! Cancel means stop, whatever the handler does and whoever does not read.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use a2a_app_ports::{AgentOperations, HandlerError};
use a2a_protocol_core::TaskState;
use a2a_task_engine::Engine;
use futures::StreamExt;
use support::{
    Gate, TestStorage, cancel, engine, engine_on, follow_up, idle, immediately, plain, request, skill, state, task,
    within,
};
use tokio::sync::Notify;

#[tokio::test(start_paused = true)]
async fn a_handler_that_does_not_tidy_up_in_time_is_dropped() {
    let asks = Arc::new(Notify::new());
    let asked = asks.clone();
    let engine = engine(skill(move |turn, task| {
        let asks = asks.clone();
        async move {
            let mut cancelled = std::pin::pin!(turn.cancelled());
            assert!(futures::poll!(cancelled.as_mut()).is_pending());
            asks.notify_one();
            cancelled.await;
            task.artifact("tidying").write("on it").await?;
            std::future::pending().await
        }
    }));
    let begun = task(engine.send_message(plain(), immediately(request("m", "go"))).await);
    asked.notified().await;
    let before = tokio::time::Instant::now();
    let canceled = cancel(&engine, &begun.id).await.unwrap();
    assert_eq!(canceled.status.state, TaskState::Canceled);
    assert_eq!(canceled.artifact("tidying").unwrap().text(), "on it");
    assert_eq!(before.elapsed().as_secs(), 5, "the grace period is over");
    idle(&engine).await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_ends_with_an_error_when_asked_to_stop_is_cancelled() {
    let gate = Gate::new();
    let handler_gate = gate.clone();
    let engine = engine(skill(move |turn, _task| {
        let gate = handler_gate.clone();
        async move {
            let cancelled = turn.cancelled();
            futures::future::join(cancelled, gate.pass()).await;
            Err(HandlerError::new("broke off"))
        }
    }));
    let begun = task(engine.send_message(plain(), immediately(request("m", "go"))).await);
    gate.reached().await;
    gate.open();
    let canceled = cancel(&engine, &begun.id).await.unwrap();
    assert_eq!(canceled.status.state, TaskState::Canceled);
    assert!(canceled.status.message.is_none(), "there is nothing to complain about");
}

/// Panics when it goes away, unless that is because of a panic. Nothing is printed.
struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            std::panic::resume_unwind(Box::new("in a destructor"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_destructor_that_panics_does_not_get_in_the_way_of_cancelling() {
    let gate = Gate::new();
    let handler_gate = gate.clone();
    let engine = engine(skill(move |_turn, _task| {
        let gate = handler_gate.clone();
        async move {
            let _held = PanicsWhenDropped;
            gate.pass().await;
            Ok(())
        }
    }));
    let begun = task(engine.send_message(plain(), immediately(request("m", "go"))).await);
    gate.reached().await;
    assert_eq!(cancel(&engine, &begun.id).await.unwrap().status.state, TaskState::Canceled);
    idle(&engine).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_nobody_reads_does_not_hold_up_its_handler() {
    let engine = engine(skill(|_turn, task| async move {
        task.working(()).await?;
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        task.artifact("late").write("done").await
    }));
    let unread = engine.send_streaming_message(plain(), request("m", "go")).await.unwrap();
    idle(&engine).await;
    let events = support::collect(unread).await;
    assert_eq!(events.last().unwrap().response.status().unwrap().state, TaskState::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_stream_nobody_reads_can_be_cancelled() {
    let engine = engine(skill(|_turn, task| async move {
        task.working(()).await?;
        std::future::pending().await
    }));
    let mut stream = engine.send_streaming_message(plain(), request("m", "go")).await.unwrap();
    let first = stream.next().await.unwrap().unwrap();
    let id = first.response.task_id().unwrap();
    cancel(&engine, id).await.unwrap();
    assert_eq!(state(&engine, id).await, TaskState::Canceled);
    let events = support::collect(stream).await;
    assert_eq!(events.last().unwrap().response.status().unwrap().state, TaskState::Canceled);
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_does_after_the_end_is_done_while_the_stream_is_held() {
    let engine = engine(skill(|_turn, task| async move {
        task.complete().await?;
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        Ok(())
    }));
    let mut stream = engine.send_streaming_message(plain(), request("m", "go")).await.unwrap();
    loop {
        let event = within("the end of the task", stream.next()).await.unwrap().unwrap();
        if event.response.status().is_some_and(|status| status.state.is_terminal()) {
            break;
        }
    }
    idle(&engine).await;
    drop(stream);
}

/// A handler that appends without end, to an artifact that grows, on a storage that takes its time.
fn writing() -> (Engine, Arc<AtomicU32>) {
    let written = Arc::new(AtomicU32::new(0));
    let counter = written.clone();
    let handler = skill(move |_turn, task| {
        let written = counter.clone();
        async move {
            let mut text = task.artifact("text");
            while written.fetch_add(1, Ordering::SeqCst) < 10_000 {
                text.append("more ").await?;
            }
            Ok(())
        }
    });
    (engine_on(Arc::new(TestStorage::slow(1)), handler), written)
}

#[tokio::test(start_paused = true)]
async fn a_cancel_gets_in_however_fast_the_handler_writes() {
    let (engine, written) = writing();
    let begun = task(engine.send_message(plain(), immediately(request("m", "go"))).await);
    let before = written.load(Ordering::SeqCst);
    let canceled = cancel(&engine, &begun.id).await.unwrap();
    assert_eq!(canceled.status.state, TaskState::Canceled);
    let meanwhile = written.load(Ordering::SeqCst) - before;
    assert!(meanwhile < 50, "{meanwhile} were written meanwhile");
}

#[tokio::test(start_paused = true)]
async fn a_message_gets_in_however_fast_the_handler_writes() {
    let (engine, written) = writing();
    let begun = task(engine.send_message(plain(), immediately(request("m", "go"))).await);
    let before = written.load(Ordering::SeqCst);
    let more = immediately(follow_up(&begun.id, "m2", "and then?"));
    let under_way = task(within("the follow-up", engine.send_message(plain(), more)).await);
    assert!(under_way.history.iter().any(|said| said.message_id == "m2"));
    let meanwhile = written.load(Ordering::SeqCst) - before;
    assert!(meanwhile < 50, "{meanwhile} were written meanwhile");
    cancel(&engine, &begun.id).await.unwrap();
}
