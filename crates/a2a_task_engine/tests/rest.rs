//! An engine whose host ends what does nothing, and only that.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{sync::Arc, time::Duration};

use a2a_app_ports::{AgentOperations, BoxFuture, Spawner};
use a2a_protocol_core::{ErrorKind, SubscribeToTaskRequest, TaskPushNotificationConfig, TaskState};
use a2a_task_engine::{Engine, EngineOptions, Skill};
use futures::StreamExt;
use support::{
    Gate, TestStorage, Webhooks, collect, get, host_of, immediately, plain, pushing_engine_on, request, skill, state,
    task, within,
};
use tokio::{sync::watch, time::sleep};

/// Counts what has been spawned and not ended: a host of components ends an instance when that is nothing.
struct Counting(watch::Sender<usize>);

impl Spawner for Counting {
    fn spawn(&self, future: BoxFuture<'static, ()>) {
        let count = self.0.clone();
        count.send_modify(|running| *running += 1);
        tokio::spawn(async move {
            future.await;
            count.send_modify(|running| *running -= 1);
        });
    }
}

struct Resting {
    engine: Engine,
    storage: Arc<TestStorage>,
    running: watch::Receiver<usize>,
}

impl Resting {
    fn new(skill: Skill) -> Self {
        Self::with(1, Arc::default(), &Webhooks::new(), skill, EngineOptions::default())
    }

    /// The so-manieth on a storage.
    fn with(
        number: u64,
        storage: Arc<TestStorage>,
        webhooks: &Webhooks,
        skill: Skill,
        mut options: EngineOptions,
    ) -> Self {
        let (count, running) = watch::channel(0);
        options.rest = true;
        let host = host_of(number, Arc::new(Counting(count)));
        let engine = pushing_engine_on(host, storage.clone(), webhooks, skill, options);
        Self { engine, storage, running }
    }

    /// Nothing goes on any more, and the other replicas have been told.
    async fn rests(&mut self) {
        within("rest", self.running.wait_for(|running| *running == 0)).await.unwrap();
        assert!(self.storage.calls().contains(&"leave"));
    }

    fn is_at_work(&self) -> bool {
        *self.running.borrow() > 0
    }
}

fn gated(gate: &Arc<Gate>) -> Skill {
    let gate = gate.clone();
    skill(move |_, task| {
        let gate = gate.clone();
        async move {
            gate.pass().await;
            task.complete().await
        }
    })
}

#[tokio::test(start_paused = true)]
async fn an_engine_without_work_leaves_and_comes_back_with_the_next_call() {
    let gate = Gate::new();
    let mut resting = Resting::new(gated(&gate));
    for id in ["m1", "m2"] {
        let begun = task(resting.engine.send_message(plain(), immediately(request(id, "go"))).await);
        gate.reached().await;
        sleep(Duration::from_secs(120)).await;
        assert!(resting.is_at_work(), "as long as its handler is");
        let calls = resting.storage.calls();
        assert!(calls.contains(&"join") && calls.contains(&"renew") && !calls.contains(&"leave"), "{calls:?}");
        gate.open();
        resting.rests().await;
        assert_eq!(state(&resting.engine, &begun.id).await, TaskState::Completed);
        assert!(!resting.is_at_work(), "to be read needs no replica");
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_does_not_rest_while_somebody_watches() {
    let mut resting = Resting::new(skill(|_, task| async move { task.input_required("which?").await }));
    let asked = task(resting.engine.send_message(plain(), request("m1", "go")).await);
    resting.rests().await;
    let mut watched = resting.engine.subscribe_to_task(plain(), SubscribeToTaskRequest::new(&*asked.id)).await.unwrap();
    watched.next().await.unwrap().unwrap();
    sleep(Duration::from_secs(120)).await;
    assert!(resting.is_at_work(), "for the watcher");
    let watched = tokio::spawn(collect(watched));
    support::cancel(&resting.engine, &asked.id).await.unwrap();
    within("the end", watched).await.unwrap();
    resting.rests().await;
    assert_eq!(get(&resting.engine, &asked.id).await.status.state, TaskState::Canceled);
}

#[tokio::test(start_paused = true)]
async fn webhooks_that_were_configured_elsewhere_are_told_before_an_engine_rests() {
    const HOOK: &str = "https://hook.example/a";
    let (gate, storage, webhooks) = (Gate::new(), Arc::<TestStorage>::default(), Webhooks::new());
    let of = |number| Resting::with(number, storage.clone(), &webhooks, gated(&gate), EngineOptions::default());
    let mut runs = of(1);
    let begun = task(runs.engine.send_message(plain(), immediately(request("m", "go"))).await);
    gate.reached().await;
    let elsewhere = of(2);
    let mut config = TaskPushNotificationConfig::default();
    config.task_id = Some(begun.id.to_string());
    config.url = HOOK.to_owned();
    elsewhere.engine.create_task_push_notification_config(plain(), config).await.unwrap();
    within("rest", elsewhere.running.clone().wait_for(|running| *running == 0)).await.unwrap();
    assert_eq!(webhooks.taken(HOOK), Vec::<String>::new());

    gate.open();

    runs.rests().await;
    assert_eq!(webhooks.taken(HOOK), ["completed"]);
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_is_over_has_ended_for_whoever_asks_though_nobody_looks() {
    let mut options = EngineOptions::default();
    options.pause_limit = Some(Duration::from_secs(60));
    let asks = skill(|_, task| async move { task.input_required("which?").await });
    let mut resting = Resting::with(1, Arc::default(), &Webhooks::new(), asks, options);
    let asked = task(resting.engine.send_message(plain(), request("m", "go")).await);
    resting.rests().await;
    assert_eq!(state(&resting.engine, &asked.id).await, TaskState::InputRequired);
    sleep(Duration::from_secs(120)).await;
    assert!(!resting.is_at_work());
    assert_eq!(state(&resting.engine, &asked.id).await, TaskState::Failed);
    let late = resting.engine.send_message(plain(), support::follow_up(&asked.id, "late", "blue")).await;
    assert_eq!(late.unwrap_err().kind(), ErrorKind::UnsupportedOperation);
}
