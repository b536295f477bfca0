//! A storage that fails or takes its time, and callers that go away between its steps.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::{sync::Arc, time::Duration};

use a2a_app_ports::{AgentOperations, Answers};
use a2a_protocol_core::{ErrorKind, EventKind, SubscribeToTaskRequest, TaskState};
use a2a_task_engine::Skill;
use futures::StreamExt;
use support::{
    Dice, Gate, TestStorage, engine_on, follow_up, get, idle, immediately, plain, request, said, skill, task, within,
};

#[tokio::test(start_paused = true)]
async fn a_storage_that_fails_is_an_internal_error_and_nobody_waits_for_ever() {
    for answers in [Answers::Task, Answers::Either] {
        let storage = Arc::new(TestStorage::default());
        let breaks = storage.clone();
        let handler = skill(move |turn, task| {
            let storage = breaks.clone();
            async move {
                if turn.text() == "later" {
                    task.working(()).await?;
                }
                storage.set_broken(true);
                task.complete().await
            }
        });
        let engine = engine_on(storage.clone(), handler.answers(answers));
        for text in ["at once", "later"] {
            storage.set_broken(false);
            let error = engine.send_message(plain(), request("m", text)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Internal, "{answers:?} {text}");
            assert!(!error.message().contains("fire"), "the cause is for the log");

            storage.set_broken(false);
            let streamed = match engine.send_streaming_message(plain(), request("m", text)).await {
                Ok(stream) => stream.collect::<Vec<_>>().await.pop().unwrap().expect_err("an error at the end"),
                Err(error) => error,
            };
            assert_eq!(streamed.kind(), ErrorKind::Internal, "{answers:?} {text}");
        }
        idle(&engine).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_fails_a_run_fails_all_who_wait_for_it() {
    let (storage, gate) = (Arc::new(TestStorage::default()), Gate::new());
    let handler_gate = gate.clone();
    let handler = skill(move |_turn, task| {
        let gate = handler_gate.clone();
        async move {
            task.working(()).await?;
            gate.pass().await;
            Ok(())
        }
    });
    let engine = engine_on(storage.clone(), handler);
    let begun = task(engine.send_message(plain(), immediately(request("m1", "go"))).await);
    gate.reached().await;
    let watcher = engine.subscribe_to_task(plain(), SubscribeToTaskRequest::new(&*begun.id)).await.unwrap();
    let (sender, message) = (engine.clone(), follow_up(&begun.id, "m2", "and then?"));
    let queued = tokio::spawn(async move { sender.send_message(plain(), message).await });
    said(&engine, &begun.id, "m2").await;

    storage.set_broken(true);
    gate.open();
    let refused = within("the caller whose message queued up", queued).await.unwrap().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Internal);
    let seen = within("the watcher", watcher.collect::<Vec<_>>()).await;
    assert_eq!(seen.last().unwrap().as_ref().unwrap_err().kind(), ErrorKind::Internal);
    idle(&engine).await;

    storage.set_broken(false);
    let next = within("the next message", engine.send_message(plain(), follow_up(&begun.id, "m3", "again"))).await;
    let failed = &task(next).status;
    assert_eq!(failed.state, TaskState::Failed, "what was broken off is not begun again unasked");
    assert!(failed.message.as_ref().unwrap().text().contains("was lost"));
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_is_shorter_than_the_lease_costs_nothing_but_time() {
    let (storage, gate) = (Arc::new(TestStorage::default()), Gate::new());
    let handler_gate = gate.clone();
    let handler = skill(move |_turn, task| {
        let gate = handler_gate.clone();
        async move {
            task.artifact("text").append("before ").await?;
            gate.pass().await;
            task.artifact("text").append("after").await?;
            task.checkpoint(&1).await
        }
    });
    let engine = engine_on(storage.clone(), handler);
    let sender = engine.clone();
    let sending = tokio::spawn(async move { sender.send_message(plain(), request("m", "go")).await });
    gate.reached().await;
    storage.set_cut(true);
    gate.open();
    tokio::time::sleep(Duration::from_secs(15)).await;
    storage.set_cut(false);

    let done = task(within("the answer", sending).await.unwrap());
    assert_eq!(done.status.state, TaskState::Completed);
    let log = storage.log(&done.id);
    let chunks = log.iter().filter(|event| matches!(event.kind, EventKind::Artifact { .. })).count();
    assert_eq!(chunks, 2, "{log:#?}");
}

/// Asks at "ask", else completes; takes its time by the dice.
fn dawdling(seed: u64) -> Skill {
    let dice = Arc::new(Dice::new(seed));
    skill(move |turn, task| {
        let dice = dice.clone();
        async move {
            dice.dawdle(6).await;
            if turn.text() == "ask" { task.input_required("what?").await } else { Ok(()) }
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_end_while_its_task_is_being_stored() {
    for answers in [Answers::Task, Answers::Either] {
        for seed in 0..100 {
            let storage = Arc::new(TestStorage::slow(seed));
            let engine = engine_on(storage.clone(), dawdling(seed).answers(answers));
            let sent = within(&format!("seed {seed}"), engine.send_message(plain(), request("m", "go"))).await;
            assert_eq!(task(sent).status.state, TaskState::Completed, "seed {seed}");
            idle(&engine).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_sender_goes_away_is_answered_or_was_never_said() {
    for seed in 0..150 {
        let dice = Dice::new(seed);
        let engine = engine_on(Arc::new(TestStorage::slow(seed)), dawdling(seed));
        let asked = task(engine.send_message(plain(), request("m1", "ask")).await);
        idle(&engine).await;
        let (sender, message) = (engine.clone(), follow_up(&asked.id, "m2", "go"));
        let sending = tokio::spawn(async move { sender.send_message(plain(), message).await });
        dice.dawdle(25).await;
        sending.abort();
        let _ = sending.await;
        idle(&engine).await;
        let found = get(&engine, &asked.id).await;
        let was_said = found.history.iter().any(|said| said.message_id == "m2");
        let expected = if was_said { TaskState::Completed } else { TaskState::InputRequired };
        assert_eq!(found.status.state, expected, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_task_whose_sender_goes_away_is_done_or_was_never_begun() {
    for seed in 0..150 {
        let dice = Dice::new(seed);
        let engine = engine_on(Arc::new(TestStorage::slow(seed)), dawdling(seed));
        let sender = engine.clone();
        let first = if dice.one_in(2) { request("m", "go") } else { immediately(request("m", "go")) };
        let sending = tokio::spawn(async move { sender.send_message(plain(), first).await });
        dice.dawdle(15).await;
        sending.abort();
        let _ = sending.await;
        idle(&engine).await;
        for task in engine.list_tasks(plain(), Default::default()).await.unwrap().tasks {
            assert_eq!(task.status.state, TaskState::Completed, "seed {seed}");
        }
    }
}
