//! What replicas leave behind that are lost, and what becomes of those that only seem to be.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use a2a_app_ports::{AgentOperations, Answers, TaskUpdater};
use a2a_protocol_core::{EventKind, ListTaskPushNotificationConfigsRequest, SubscribeToTaskRequest, TaskState};
use a2a_task_engine::Skill;
use support::{
    Fleet, Gate, cancel, collect, follow_up, get, immediately, let_others_run, plain, request, skill, state, task,
    within,
};
use tokio::time::{Instant, sleep};

/// How long it takes at most until what a lost replica has left is taken over.
const NOTICED: Duration = Duration::from_secs(45);

/// What a handler was called with: the message, the attempt, and what the one before had noted.
type Attempts = Arc<Mutex<Vec<(String, u32, Option<u32>)>>>;

/// Notes how far it is, with which attempt it was called, and waits at its gate.
fn stepwise(gate: &Arc<Gate>, attempts: &Attempts) -> Skill {
    let (gate, attempts) = (gate.clone(), attempts.clone());
    skill(move |turn, task| {
        let (gate, attempts) = (gate.clone(), attempts.clone());
        async move {
            let step: Option<u32> = turn.restore()?;
            attempts.lock().unwrap().push((turn.text(), turn.attempt(), step));
            task.checkpoint(&(step.unwrap_or_default() + 1)).await?;
            gate.pass().await;
            if turn.text() == "ask" { task.input_required("what?").await } else { Ok(()) }
        }
    })
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_replica_ran_is_failed_with_a_reason() {
    for bus in [true, false] {
        let (fleet, gate) = (Fleet::new(bus), Gate::new());
        let (one, other) = (
            fleet.replica(stepwise(&gate, &Arc::default())).await,
            fleet.replica(stepwise(&gate, &Arc::default())).await,
        );
        let begun = one.send(immediately(request("m1", "go"))).await;
        gate.reached().await;
        let waiting = other.sending(follow_up(&begun.id, "m2", "and?"));
        let stream = other.engine.subscribe_to_task(plain(), SubscribeToTaskRequest::new(&*begun.id)).await.unwrap();
        let streamed = tokio::spawn(collect(stream));
        one.kill();
        sleep(NOTICED).await;
        let failed = get(&other.engine, &begun.id).await;
        assert_eq!(failed.status.state, TaskState::Failed);
        assert!(failed.status.message.as_ref().unwrap().text().contains("lost"), "{failed:?}");
        assert_eq!(task(within("whoever waits", waiting).await.unwrap()).status, failed.status);
        let events = within("whoever watches", streamed).await.unwrap();
        assert_eq!(events.last().unwrap().response.status().unwrap().state, TaskState::Failed);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_replica_ran_is_run_again_from_its_checkpoint() {
    let (fleet, gate, attempts) = (Fleet::new(true), Gate::new(), Arc::default());
    let start = || fleet.replica(stepwise(&gate, &attempts).rerunnable());
    let (one, other) = (start().await, start().await);
    let begun = one.send(immediately(request("m1", "go"))).await;
    gate.reached().await;
    let stream = other.engine.subscribe_to_task(plain(), SubscribeToTaskRequest::new(&*begun.id)).await.unwrap();
    let streamed = tokio::spawn(collect(stream));
    one.kill();
    gate.reached().await;
    gate.open();
    within("the end", streamed).await.unwrap();
    assert_eq!(state(&other.engine, &begun.id).await, TaskState::Completed);
    assert_eq!(*attempts.lock().unwrap(), [("go".to_owned(), 1, None), ("go".to_owned(), 2, Some(1))]);
    let log = fleet.storage.log(&begun.id);
    assert!(log.iter().any(|event| event.kind == EventKind::Attempt(2)));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_loses_every_replica_is_failed_in_the_end() {
    let (fleet, gate, attempts) = (Fleet::new(true), Gate::new(), Arc::default());
    let start = || fleet.replica(stepwise(&gate, &attempts).rerunnable());
    let mut running = start().await;
    let begun = running.send(immediately(request("m1", "go"))).await;
    for _ in 0..2 {
        gate.reached().await;
        let next = start().await;
        running.kill();
        running = next;
    }
    gate.reached().await;
    let last = start().await;
    running.kill();
    sleep(NOTICED).await;
    assert_eq!(attempts.lock().unwrap().iter().map(|(_, attempt, _)| *attempt).collect::<Vec<_>>(), [1, 2, 3]);
    let failed = get(&last.engine, &begun.id).await;
    assert_eq!(failed.status.state, TaskState::Failed);
    assert!(failed.status.message.as_ref().unwrap().text().contains("3 times"), "{failed:?}");
}

#[tokio::test(start_paused = true)]
async fn the_turn_that_was_broken_off_is_the_one_that_is_run_again() {
    let (fleet, gate, attempts) = (Fleet::new(true), Gate::new(), Arc::default());
    let start = || fleet.replica(stepwise(&gate, &attempts).rerunnable());
    let (one, other) = (start().await, start().await);
    gate.open();
    let asked = one.send(request("m1", "ask")).await;
    gate.reached().await;
    one.send(immediately(follow_up(&asked.id, "m2", "ask"))).await;
    gate.reached().await;
    other.send(immediately(follow_up(&asked.id, "m3", "end"))).await;
    one.kill();
    for _ in 0..2 {
        gate.reached().await;
        gate.open();
    }
    let_others_run().await;
    assert_eq!(state(&other.engine, &asked.id).await, TaskState::Completed);
    let told: Vec<_> =
        attempts.lock().unwrap().iter().map(|(text, attempt, step)| (text.clone(), *attempt, *step)).collect();
    let expected = [("ask", 1, None), ("ask", 1, None), ("ask", 2, Some(1)), ("end", 1, None)];
    assert_eq!(told, expected.map(|(text, attempt, step)| (text.to_owned(), attempt, step)));
}

#[tokio::test(start_paused = true)]
async fn every_attempt_is_at_the_same_message_with_what_was_noted_last() {
    let (fleet, gate) = (Fleet::new(true), Gate::new());
    let told = Arc::new(Mutex::new(Vec::<(String, bool, Option<u32>)>::new()));
    let start = || {
        let (gate, told) = (gate.clone(), told.clone());
        let handler = move |turn: a2a_app_ports::Turn, task: TaskUpdater| {
            let (gate, told) = (gate.clone(), told.clone());
            async move {
                let noted: Option<u32> = turn.restore()?;
                told.lock().unwrap().push((turn.text(), turn.is_follow_up(), noted));
                task.working("at it").await?;
                if noted.is_none() {
                    task.checkpoint(&7).await?;
                }
                gate.pass().await;
                if turn.is_follow_up() { Ok(()) } else { task.input_required("what?").await }
            }
        };
        fleet.replica(skill(handler).rerunnable())
    };
    let mut running = start().await;
    let begun = running.send(immediately(request("m1", "go"))).await;
    for text in ["go", "on"] {
        for _ in 0..2 {
            gate.reached().await;
            let next = start().await;
            running.kill();
            running = next;
        }
        gate.reached().await;
        gate.open();
        let_others_run().await;
        if text == "go" {
            running.send(immediately(follow_up(&begun.id, "m2", "on"))).await;
        }
    }
    assert_eq!(state(&running.engine, &begun.id).await, TaskState::Completed);
    let expected = [("go", false), ("on", true)]
        .map(|(text, follows)| [None, Some(7), Some(7)].map(|noted| (text.to_owned(), follows, noted)));
    assert_eq!(*told.lock().unwrap(), expected.concat());
}

#[tokio::test(start_paused = true)]
async fn what_was_paused_when_its_replica_was_lost_waits_for_its_caller() {
    let (fleet, gate) = (Fleet::new(true), Gate::new());
    let start = || fleet.replica(stepwise(&gate, &Arc::default()));
    let (one, other) = (start().await, start().await);
    gate.open();
    let asked = one.send(request("m1", "ask")).await;
    one.kill();
    sleep(NOTICED).await;
    assert_eq!(state(&other.engine, &asked.id).await, TaskState::InputRequired);
    gate.reached().await;
    gate.open();
    assert_eq!(other.send(follow_up(&asked.id, "m2", "end")).await.status.state, TaskState::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_replica_is_lost_is_settled_by_whoever_asks_for_it() {
    let gate = Gate::new();
    for way in 0..6 {
        let fleet = Fleet::new(false);
        let one = fleet.idle_replica(stepwise(&gate, &Arc::default()));
        let begun = one.send(immediately(request("m1", "go"))).await;
        gate.reached().await;
        one.kill();
        sleep(Duration::from_secs(31)).await;
        let other = fleet.idle_replica(stepwise(&gate, &Arc::default())).engine;
        match way {
            0 => assert_eq!(state(&other, &begun.id).await, TaskState::Failed),
            1 => drop(cancel(&other, &begun.id).await.unwrap_err()),
            2 => drop(other.send_message(plain(), follow_up(&begun.id, "m2", "go")).await.unwrap_err()),
            3 => drop(other.subscribe_to_task(plain(), SubscribeToTaskRequest::new(&*begun.id)).await.err().unwrap()),
            4 => {
                let listed = other.list_tasks(plain(), Default::default()).await.unwrap();
                assert_eq!(listed.tasks[0].status.state, TaskState::Failed);
            }
            _ => {
                let mut request = ListTaskPushNotificationConfigsRequest::default();
                request.task_id = begun.id.to_string();
                other.list_task_push_notification_configs(plain(), request).await.unwrap();
            }
        }
        // Not through an engine, which would settle it.
        let log = fleet.storage.log(&begun.id);
        let EventKind::Status { state, .. } = &log.last().unwrap().kind else { panic!("way {way}: {log:?}") };
        assert_eq!(*state, TaskState::Failed, "way {way}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_said_before_its_replica_was_lost_is_answered() {
    let (fleet, gate) = (Fleet::new(true), Gate::new());
    let start = || fleet.replica(stepwise(&gate, &Arc::default()));
    let (one, other) = (start().await, start().await);
    gate.open();
    let asked = one.send(request("m1", "ask")).await;
    gate.reached().await;
    // The message is stored, and then the replica is gone before it takes the task.
    let message = a2a_protocol_core::Event {
        time: asked.status.timestamp.unwrap(),
        kind: EventKind::Message(Arc::new(follow_up(&asked.id, "m2", "end").message)),
    };
    fleet.storage.say(&asked.id, message).await;
    one.kill();
    gate.reached().await;
    gate.open();
    let_others_run().await;
    assert_eq!(state(&other.engine, &asked.id).await, TaskState::Completed);
}

/// Says when it goes away.
struct Leaving(Arc<Mutex<Vec<Instant>>>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(Instant::now());
    }
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_is_cut_off_drops_its_handlers_before_others_take_over() {
    let (fleet, gate) = (Fleet::new(true), Gate::new());
    let (left, begun_at, kept) = (
        Arc::<Mutex<Vec<Instant>>>::default(),
        Arc::<Mutex<Vec<Instant>>>::default(),
        Arc::<Mutex<Vec<TaskUpdater>>>::default(),
    );
    let handler = {
        let (gate, left, begun_at, kept) = (gate.clone(), left.clone(), begun_at.clone(), kept.clone());
        skill(move |_turn, task| {
            let (gate, leaving, kept) = (gate.clone(), Leaving(left.clone()), kept.clone());
            begun_at.lock().unwrap().push(Instant::now());
            async move {
                let _leaving = leaving;
                kept.lock().unwrap().push(task.clone());
                task.working("on it").await?;
                gate.pass().await;
                task.artifact("by").write("whom?").await
            }
        })
        .rerunnable()
    };
    let (one, other) = (fleet.replica(handler.clone()).await, fleet.replica(handler).await);
    let begun = one.send(immediately(request("m1", "go"))).await;
    gate.reached().await;
    let watcher = one.engine.subscribe_to_task(plain(), SubscribeToTaskRequest::new(&*begun.id)).await.unwrap();
    let watched = tokio::spawn(collect(watcher));
    sleep(Duration::from_secs(25)).await;
    one.storage.set_cut(true);
    // The other one runs it again.
    gate.reached().await;
    let (dropped, taken) = (left.lock().unwrap()[0], begun_at.lock().unwrap()[1]);
    assert!(dropped < taken, "dropped {:?} after it was taken over", dropped - taken);
    assert_eq!(one.engine.running(), 0);
    one.storage.set_cut(false);
    let first = kept.lock().unwrap()[0].clone();
    let before = fleet.storage.log(&begun.id).len();
    first.working("late").await.unwrap_err();
    first.complete().await.unwrap_err();
    assert_eq!(fleet.storage.log(&begun.id).len(), before, "what is late is refused");
    gate.open();
    within("the watcher of the replica that was cut off", watched).await.unwrap();
    assert_eq!(state(&other.engine, &begun.id).await, TaskState::Completed);
    // It is back, as another.
    gate.open();
    let_others_run().await;
    assert_eq!(one.send(request("m2", "go")).await.status.state, TaskState::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_hears_late_that_it_is_lost_writes_nothing() {
    let (fleet, gate) = (Fleet::new(true), Gate::new());
    let start = || fleet.replica(stepwise(&gate, &Arc::default()).rerunnable());
    let (one, other) = (start().await, start().await);
    let waiting = one.sending(request("m1", "go"));
    gate.reached().await;
    let id = one.engine.list_tasks(plain(), Default::default()).await.unwrap().tasks[0].id.clone();
    fleet.storage.lose_all().await;
    assert_eq!(state(&other.engine, &id).await, TaskState::Submitted);
    gate.reached().await;
    // The first one does not know: it tries to complete the task, and is refused.
    gate.open();
    let_others_run().await;
    assert_eq!((one.engine.running(), other.engine.running()), (0, 1));
    assert_eq!(state(&one.engine, &id).await, TaskState::Submitted);
    gate.open();
    assert_eq!(task(within("whoever waits", waiting).await.unwrap()).status.state, TaskState::Completed);
    let log = fleet.storage.log(&id);
    assert_eq!(log.iter().filter(|event| matches!(event.kind, EventKind::Status { .. })).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_leaves_hands_over_what_it_runs() {
    let (fleet, gate, attempts) = (Fleet::new(true), Gate::new(), Arc::default());
    let start = || fleet.replica(stepwise(&gate, &attempts).rerunnable());
    let (one, other) = (start().await, start().await);
    let begun = one.send(immediately(request("m1", "go"))).await;
    gate.reached().await;
    let since = Instant::now();
    one.engine.leave().await.unwrap();
    let_others_run().await;
    assert_eq!(one.engine.running(), 0);
    one.engine.send_message(plain(), request("m2", "go")).await.unwrap_err();
    gate.reached().await;
    assert!(since.elapsed() <= Duration::from_secs(10), "at the next sweep");
    gate.open();
    let_others_run().await;
    assert_eq!(state(&other.engine, &begun.id).await, TaskState::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_does_not_wait_for_a_replica_that_is_lost() {
    for answers in [Answers::Task, Answers::Message] {
        let fleet = Fleet::new(false);
        let (skill, calls, gate) = support::counted(answers);
        let (one, other) = (fleet.replica(skill.clone()).await, fleet.replica(skill).await);
        let engine = one.engine.clone();
        drop(one.process.run(async move { engine.send_message(support::once(), request("m", "wait")).await }));
        let_others_run().await;
        one.kill();
        let engine = other.engine.clone();
        let repeat = tokio::spawn(async move { engine.send_message(support::once(), request("m", "wait")).await });
        sleep(NOTICED).await;
        if answers == Answers::Message {
            gate.notify_one();
        }
        let repeat = within("the repeat", repeat).await.unwrap().unwrap();
        let expected = if answers == Answers::Message { 2 } else { 1 };
        assert_eq!(calls.load(std::sync::atomic::Ordering::SeqCst), expected, "{repeat:?}");
    }
}
