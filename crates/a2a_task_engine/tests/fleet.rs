//! Any replica serves any task, whichever runs it.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::{sync::Arc, time::Duration};

use a2a_app_ports::{AgentOperations, Answers};
use a2a_protocol_core::{ErrorKind, SubscribeToTaskRequest, TaskState};
use a2a_task_engine::{EngineOptions, Skill};
use futures::StreamExt;
use support::{
    Fleet, Gate, Replica, cancel, collect, counted, follow_up, get, idle, immediately, once, plain, request, said,
    skill, state, task, within,
};
use tokio::time::Instant;

/// Two replicas of an agent whose handler waits at its gate, says "on it", and does as it is told.
struct Pair {
    gate: Arc<Gate>,
    one: Replica,
    other: Replica,
}

fn gated(gate: &Arc<Gate>) -> Skill {
    let gate = gate.clone();
    skill(move |turn, task| {
        let gate = gate.clone();
        async move {
            task.working("on it").await?;
            gate.pass().await;
            match turn.text().as_str() {
                "ask" => task.input_required("what?").await,
                "sign in" => {
                    task.auth_required("who?").await?;
                    gate.pass().await;
                    Ok(())
                }
                text => task.artifact("heard").write(text).await,
            }
        }
    })
}

impl Pair {
    async fn new(bus: bool) -> Self {
        let (fleet, gate) = (Fleet::new(bus), Gate::new());
        let (one, other) = (fleet.replica(gated(&gate)).await, fleet.replica(gated(&gate)).await);
        Self { gate, one, other }
    }

    /// The id of a task that the one replica runs, at its gate.
    async fn begun(&self, text: &str) -> Arc<str> {
        let begun = self.one.send(immediately(request("m1", text))).await;
        self.gate.reached().await;
        begun.id.clone()
    }
}

/// What takes no time with a bus takes up to five seconds without.
fn assert_prompt(bus: bool, since: Instant) {
    let most = Duration::from_secs(if bus { 0 } else { 5 });
    assert!(since.elapsed() <= most, "with bus: {bus}, after {:?}", since.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_task_is_read_and_watched_where_it_is_not_run() {
    for bus in [true, false] {
        let pair = Pair::new(bus).await;
        let id = pair.begun("go").await;
        assert_eq!(state(&pair.other.engine, &id).await, TaskState::Working);
        let watched = pair.other.engine.subscribe_to_task(plain(), SubscribeToTaskRequest::new(&*id)).await.unwrap();
        let watched = tokio::spawn(collect(watched));
        support::let_others_run().await;
        let since = Instant::now();
        pair.gate.open();
        let events = within("the stream", watched).await.unwrap();
        assert_prompt(bus, since);
        let last = events.last().unwrap();
        assert_eq!(last.response.status().unwrap().state, TaskState::Completed);
        let places: Vec<_> = events.iter().filter_map(|event| event.sequence).collect();
        assert_eq!(places, [2, 3, 4], "the task as it was, the artifact, the end");
    }
}

/// Without a bus, where replicas look more often than they do by default.
#[tokio::test(start_paused = true)]
async fn whoever_watches_looks_as_often_as_it_is_told() {
    let often = Duration::from_millis(250);
    let (fleet, gate) = (Fleet::new(false), Gate::new());
    let mut options = EngineOptions::default();
    options.look_time = often;
    let (one, other) = (fleet.replica(gated(&gate)).await, fleet.idle_replica_with(gated(&gate), options));
    let begun = one.send(immediately(request("m1", "go"))).await;
    gate.reached().await;
    let mut watched = other.engine.subscribe_to_task(plain(), SubscribeToTaskRequest::new(&*begun.id)).await.unwrap();
    watched.next().await.unwrap().unwrap();
    let watched = tokio::spawn(collect(watched));

    // Nothing happens for a while: it looks, and less often than at first, but not seldom.
    other.storage.calls();
    tokio::time::sleep(Duration::from_secs(20)).await;
    let looks = other.storage.calls().iter().filter(|call| **call == "events").count();
    assert!((20..=25).contains(&looks), "{looks} looks in 20 s");

    let since = Instant::now();
    gate.open();
    within("the stream", watched).await.unwrap();
    assert!(since.elapsed() <= often * 4, "after {:?}", since.elapsed());
    assert_eq!(EngineOptions::default().look_time, Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_task_is_cancelled_where_it_is_not_run() {
    for bus in [true, false] {
        let pair = Pair::new(bus).await;
        let id = pair.begun("go").await;
        let since = Instant::now();
        let (first, second, third) = tokio::join!(
            cancel(&pair.other.engine, &id),
            cancel(&pair.other.engine, &id),
            cancel(&pair.one.engine, &id)
        );
        assert_prompt(bus, since);
        for canceled in [first, second, third] {
            assert_eq!(canceled.unwrap().status.state, TaskState::Canceled);
        }
        assert_eq!(pair.one.engine.running(), 0);
        let late = cancel(&pair.other.engine, &id).await.unwrap_err();
        assert_eq!(late.kind(), ErrorKind::TaskNotCancelable);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_elsewhere_alone_reaches_the_handler() {
    for bus in [true, false] {
        let pair = Pair::new(bus).await;
        let id = pair.begun("go").await;
        let since = Instant::now();
        assert_eq!(cancel(&pair.other.engine, &id).await.unwrap().status.state, TaskState::Canceled);
        assert!(since.elapsed() <= Duration::from_secs(if bus { 0 } else { 10 }), "there and back");
        assert_eq!(pair.one.engine.running(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_task_is_cancelled_and_continued_by_any_replica() {
    let pair = Pair::new(true).await;
    pair.gate.open();
    let asked = pair.one.send(request("m1", "ask")).await;
    assert_eq!(cancel(&pair.other.engine, &asked.id).await.unwrap().status.state, TaskState::Canceled);

    pair.gate.reached().await;
    pair.gate.open();
    let asked = pair.one.send(request("m2", "ask")).await;
    pair.gate.reached().await;
    pair.gate.open();
    let answered = pair.other.send(follow_up(&asked.id, "m3", "blue")).await;
    assert_eq!(answered.status.state, TaskState::Completed);
    assert_eq!(answered.artifact("heard").unwrap().text(), "blue");
    assert_eq!(pair.one.engine.running() + pair.other.engine.running(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_sent_elsewhere_is_answered_in_its_own_turn() {
    for bus in [true, false] {
        let pair = Pair::new(bus).await;
        let id = pair.begun("ask").await;
        let second = pair.other.sending(follow_up(&id, "m2", "ask"));
        said(&pair.one.engine, &id, "m2").await;
        let streamed = pair.other.engine.send_streaming_message(plain(), follow_up(&id, "m3", "blue")).await.unwrap();
        let streamed = tokio::spawn(collect(streamed));
        pair.gate.open();
        if bus {
            pair.gate.reached().await;
        } else {
            // Nobody has told the replica that runs the task: the next turn begins when it looks.
            within("the second turn", pair.gate.reached()).await;
        }
        support::let_others_run().await;
        assert!(!second.is_finished(), "the pause is not an answer to the second message");
        pair.gate.open();
        pair.gate.reached().await;
        let second = task(within("the second answer", second).await.unwrap());
        assert_eq!(second.status.state, TaskState::InputRequired);
        assert!(!streamed.is_finished(), "nor to the third");
        pair.gate.open();
        let events = within("the third answer", streamed).await.unwrap();
        assert_eq!(events.last().unwrap().response.status().unwrap().state, TaskState::Completed);
        assert_eq!(pair.other.engine.running(), 0, "all of it was run by the one replica");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_elsewhere_stays_while_the_handler_waits_for_a_credential() {
    for bus in [true, false] {
        let pair = Pair::new(bus).await;
        let id = pair.begun("ask").await;
        let stream = pair.other.engine.send_streaming_message(plain(), follow_up(&id, "m2", "sign in")).await.unwrap();
        let streamed = tokio::spawn(collect(stream));
        pair.gate.open();
        pair.gate.reached().await;
        pair.gate.open();
        // It asks who it is, and waits.
        pair.gate.reached().await;
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_eq!(state(&pair.other.engine, &id).await, TaskState::AuthRequired);
        assert!(!streamed.is_finished(), "the handler waits");
        pair.gate.open();
        let events = within("the end of the stream", streamed).await.unwrap();
        assert_eq!(events.last().unwrap().response.status().unwrap().state, TaskState::AuthRequired);
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeated_message_joins_the_first_one_elsewhere() {
    for answers in [Answers::Task, Answers::Message, Answers::Either] {
        for bus in [true, false] {
            let fleet = Fleet::new(bus);
            let (skill, calls, gate) = counted(answers);
            let (one, other) = (fleet.replica(skill.clone()).await, fleet.replica(skill).await);
            let send = |replica: &Replica| {
                let engine = replica.engine.clone();
                tokio::spawn(async move { engine.send_message(once(), request("m", "wait")).await.unwrap() })
            };
            let first = send(&one);
            support::let_others_run().await;
            let second = send(&other);
            tokio::time::sleep(Duration::from_secs(12)).await;
            assert!(!first.is_finished() && !second.is_finished());
            gate.notify_one();
            let (first, second) =
                (within("the first", first).await.unwrap(), within("the repeat", second).await.unwrap());
            assert_eq!(first, second, "{answers:?}");
            assert_eq!(calls.load(std::sync::atomic::Ordering::SeqCst), 1, "{answers:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_simple_task_costs_no_call_for_its_lease() {
    let fleet = Fleet::new(false);
    let replica = fleet.idle_replica(skill(|_turn, task| async move { task.reply("yes").await }));
    assert_eq!(replica.storage.calls(), Vec::<&str>::new(), "nothing runs before something is written");
    replica.send(request("m1", "go")).await;
    assert_eq!(replica.storage.calls(), ["join", "create", "snapshot"]);
    replica.send(request("m2", "go")).await;
    assert_eq!(replica.storage.calls(), ["create", "snapshot"]);
    idle(&replica.engine).await;
    let mut stream = replica.engine.send_streaming_message(plain(), request("m3", "go")).await.unwrap();
    while stream.next().await.is_some() {}
    assert!(!replica.storage.calls().iter().any(|call| ["join", "take", "release", "renew"].contains(call)));
    let found = get(&replica.engine, &replica.send(request("m4", "go")).await.id).await;
    assert_eq!(found.status.state, TaskState::Completed);
}
