//! Idempotent send: of all that repeat a message one is taken, and all get the same answer.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use a2a_app_ports::{AgentOperations, Answers};
use a2a_protocol_core::{ErrorKind, GetTaskRequest, TaskState};
use a2a_task_engine::{Engine, MemoryLimits, MemoryStorage};
use futures::{StreamExt, future::join_all};
use support::{
    Dice, TestStorage, counted, engine, engine_on, follow_up, idle, once, plain, request, skill, task, within,
};

#[tokio::test(start_paused = true)]
async fn a_repeated_message_joins_its_first_task() {
    let (skill, calls, _) = counted(Answers::Task);
    let engine = engine(skill);
    let first = task(engine.send_message(once(), request("m", "hello")).await);
    let again = task(engine.send_message(once(), request("m", "hello")).await);
    assert_eq!(first, again);
    assert_eq!(calls.load(Ordering::SeqCst), 1);

    let stream = engine.send_streaming_message(once(), request("m", "hello")).await.unwrap();
    let last = stream.map(|event| event.unwrap()).collect::<Vec<_>>().await.pop().unwrap();
    assert_eq!(last.response.status().unwrap().state, TaskState::Completed);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn repeats_at_the_same_time_wait_for_the_first() {
    for answers in [Answers::Task, Answers::Message, Answers::Either] {
        let (skill, calls, gate) = counted(answers);
        let engine = engine(skill);
        let sends = join_all((0..5).map(|_| engine.send_message(once(), request("m", "wait"))));
        let (outcomes, ()) = tokio::join!(sends, async {
            tokio::task::yield_now().await;
            gate.notify_one();
        });
        let outcomes: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
        assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{answers:?}");
        assert_eq!(calls.load(Ordering::SeqCst), 1, "{answers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeated_message_gets_the_same_direct_answer() {
    let (skill, calls, _) = counted(Answers::Message);
    let engine = engine(skill);
    let first = engine.send_message(once(), request("m", "hello")).await.unwrap();
    let again = engine.send_message(once(), request("m", "hello")).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_was_refused_may_be_sent_again() {
    let (skill, calls, _) = counted(Answers::Message);
    let engine = engine(skill);
    for _ in 0..2 {
        let error = engine.send_message(once(), request("m", "fail")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
    }
    assert_eq!(calls.load(Ordering::SeqCst), 2, "no answer was kept");
}

#[tokio::test(start_paused = true)]
async fn a_repeat_of_what_was_done_and_is_forgotten_is_told_which_task_it_was() {
    let (skill, calls, _) = counted(Answers::Task);
    let limits = MemoryLimits { max_bytes: 300_000, ..MemoryLimits::default() };
    let engine = engine_on(Arc::new(MemoryStorage::with_limits(limits)), skill);
    let first = task(engine.send_message(once(), request("m", "hello")).await);
    while engine.get_task(plain(), GetTaskRequest::new(&*first.id)).await.is_ok() {
        engine.send_message(plain(), request("other", "hello")).await.unwrap();
    }
    let done = calls.load(Ordering::SeqCst);
    let error = engine.send_message(once(), request("m", "hello")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TaskNotFound);
    assert!(error.message().contains(&*first.id), "{error}");
    assert_eq!(calls.load(Ordering::SeqCst), done, "the work is not done again");
}

#[tokio::test(start_paused = true)]
async fn the_same_id_with_other_words_is_refused() {
    let (skill, _, _) = counted(Answers::Task);
    let engine = engine(skill);
    engine.send_message(once(), request("m", "hello")).await.unwrap();
    let error = engine.send_message(once(), request("m", "something else")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidParams);
    assert_eq!(error.field_violations()[0].field, "message.messageId");
}

#[tokio::test(start_paused = true)]
async fn without_the_extension_every_message_is_new() {
    let (skill, calls, _) = counted(Answers::Task);
    let engine = engine(skill);
    let first = task(engine.send_message(plain(), request("m", "hello")).await);
    let second = task(engine.send_message(plain(), request("m", "hello")).await);
    assert_ne!(first.id, second.id);
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_follow_up_is_said_once() {
    let (skill, calls, _) = counted(Answers::Task);
    let engine = engine(skill);
    let asked = task(engine.send_message(once(), request("m1", "ask")).await);
    let answer = follow_up(&asked.id, "m2", "blue");
    let first = task(engine.send_message(once(), answer.clone()).await);
    let again = task(engine.send_message(once(), answer).await);
    assert_eq!(first, again);
    assert_eq!(first.status.state, TaskState::Completed);
    assert_eq!(first.history.iter().filter(|said| said.message_id == "m2").count(), 1);
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

/// Sends a message several times at once, from tasks of their own, so often.
async fn repeats(engine: Engine, calls: Arc<AtomicU32>, dice: Arc<Dice>, rounds: u32) {
    for round in 0..rounds {
        let sends = join_all((0..6).map(|_| {
            let (engine, dice) = (engine.clone(), dice.clone());
            tokio::spawn(async move {
                dice.dawdle(4).await;
                engine.send_message(once(), request(&format!("m{round}"), "hello")).await.unwrap()
            })
        }));
        let answers = within(&format!("round {round}"), sends).await;
        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert!(answers.iter().all(|answer| *answer == answers[0]), "round {round}: {answers:?}");
        assert_eq!(calls.swap(0, Ordering::SeqCst), 1, "calls in round {round}");
    }
}

#[tokio::test(start_paused = true)]
async fn repeats_meet_at_any_step_of_the_first_send() {
    for answers in [Answers::Task, Answers::Message, Answers::Either] {
        let (skill, calls, _) = counted(answers);
        repeats(engine_on(Arc::new(MemoryStorage::new()), skill), calls, Arc::new(Dice::new(1)), 60).await;
        let (skill, calls, _) = counted(answers);
        repeats(engine_on(Arc::new(TestStorage::slow(2)), skill), calls, Arc::new(Dice::new(3)), 60).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn repeats_from_several_threads_run_the_handler_once() {
    for answers in [Answers::Task, Answers::Message] {
        let (skill, calls, _) = counted(answers);
        repeats(engine_on(Arc::new(MemoryStorage::new()), skill), calls, Arc::default(), 300).await;
        let (skill, calls, _) = counted(answers);
        repeats(engine_on(Arc::new(TestStorage::slow(4)), skill), calls, Arc::default(), 60).await;
    }
}

/// Whether the first of three equal messages is left at some step, and the others get their answer.
async fn abandons_the_first(seed: u64, follows_up: bool) {
    let dice = Dice::new(seed);
    let engine = engine_on(
        Arc::new(TestStorage::slow(seed)),
        skill(|turn, task| async move {
            match turn.text().as_str() {
                "ask" => task.input_required("what?").await,
                _ => task.complete().await,
            }
        }),
    );
    let message = if follows_up {
        let asked = task(engine.send_message(plain(), request("m1", "ask")).await);
        idle(&engine).await;
        follow_up(&asked.id, "m2", "blue")
    } else {
        request("m2", "blue")
    };
    let send = || {
        let (engine, message) = (engine.clone(), message.clone());
        tokio::spawn(async move { engine.send_message(once(), message).await })
    };
    let (first, second, third) = (send(), send(), send());
    dice.dawdle(30).await;
    first.abort();
    let (second, third) = within(&format!("the repeats, seed {seed}"), async { (second.await, third.await) }).await;
    let (second, third) = (task(second.unwrap()), task(third.unwrap()));
    assert_eq!(second, third, "seed {seed}");
    assert_eq!(second.status.state, TaskState::Completed, "seed {seed}");
    assert_eq!(second.history.iter().filter(|said| said.message_id == "m2").count(), 1, "seed {seed}");
    idle(&engine).await;
}

#[tokio::test(start_paused = true)]
async fn repeats_are_answered_although_the_first_sender_went_away() {
    for seed in 0..100 {
        abandons_the_first(seed, false).await;
        abandons_the_first(seed, true).await;
    }
}
