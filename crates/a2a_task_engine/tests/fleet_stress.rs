//! Random crashes: replicas are killed, cut off and started while callers send, stream and cancel.
//! What must hold holds whatever happens.
//!
//! `STRESS_ROUNDS` says how many rounds are made (40), `STRESS_SEED` which seed is the first (0). A
//! seed gives the same interleaving every time.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use a2a_app_ports::{AgentOperations, HandlerError, TaskUpdater, Turn};
use a2a_protocol_core::{
    CancelTaskRequest, EventKind, StreamResponse, SubscribeToTaskRequest, TaskPushNotificationConfig, TaskState,
};
use a2a_task_engine::Skill;
use support::{Dice, Fleet, Replica, TestStorage, follow_up, get, immediately, once, plain, request, skill};
use tokio::{
    runtime::Builder,
    time::{sleep, timeout},
};

/// So long after the last crash everything is settled.
const SETTLED: Duration = Duration::from_secs(120);
const CALL: Duration = Duration::from_secs(300);

struct Round {
    fleet: Fleet,
    dice: Arc<Dice>,
    skill: Skill,
    replicas: Mutex<Vec<Arc<Replica>>>,
    /// The tasks that callers have heard of.
    known: Mutex<HashSet<Arc<str>>>,
    /// What callers were told was stored.
    said: Mutex<HashMap<Arc<str>, Vec<String>>>,
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Works for some seconds; after a crash it goes on where it was.
fn worker(seed: u64) -> Skill {
    let dice = Arc::new(Dice::new(seed));
    let handler = move |turn: Turn, task: TaskUpdater| {
        let dice = dice.clone();
        async move {
            let done: u32 = turn.restore()?.unwrap_or_default();
            for step in done..dice.roll(5) {
                task.artifact(format!("step {step}")).write("done").await?;
                task.checkpoint(&(step + 1)).await?;
                sleep(Duration::from_millis(dice.roll(4000).into())).await;
            }
            match dice.roll(6) {
                0 | 1 => task.input_required("what?").await,
                2 => Err(HandlerError::new("gave up")),
                _ => Ok(()),
            }
        }
    };
    let skill = skill(handler);
    if seed.is_multiple_of(3) { skill } else { skill.rerunnable() }
}

impl Round {
    fn new(seed: u64) -> Arc<Self> {
        let storage = if seed.is_multiple_of(2) { TestStorage::slow(seed) } else { TestStorage::default() };
        Arc::new(Self {
            fleet: Fleet::on(storage, seed % 5 < 3),
            dice: Arc::new(Dice::new(seed)),
            skill: worker(seed),
            replicas: Mutex::default(),
            known: Mutex::default(),
            said: Mutex::default(),
        })
    }

    async fn start(&self) {
        let replica = Arc::new(self.fleet.replica(self.skill.clone()).await);
        self.replicas.lock().unwrap().push(replica);
    }

    fn any(&self) -> Arc<Replica> {
        let replicas = self.replicas.lock().unwrap();
        replicas[self.dice.roll(u32::try_from(replicas.len()).unwrap()) as usize].clone()
    }

    async fn play(self: Arc<Self>) {
        for _ in 0..3 {
            self.start().await;
        }
        let callers: Vec<_> = (0..6).map(|number| tokio::spawn(self.clone().call_often(number))).collect();
        for _ in 0..self.dice.roll(8) {
            sleep(Duration::from_millis((self.dice.roll(20_000)).into())).await;
            self.harm().await;
        }
        for replica in &*self.replicas.lock().unwrap() {
            replica.storage.set_cut(false);
        }
        for caller in callers {
            caller.await.unwrap();
        }
        sleep(SETTLED).await;
        self.assert_sound().await;
    }

    async fn harm(&self) {
        let victim = self.any();
        match self.dice.roll(4) {
            0 | 1 => {
                self.start().await;
                victim.kill();
                self.replicas.lock().unwrap().retain(|replica| !Arc::ptr_eq(replica, &victim));
            }
            2 => victim.storage.set_cut(true),
            _ => {
                for replica in &*self.replicas.lock().unwrap() {
                    replica.storage.set_cut(false);
                }
            }
        }
    }

    async fn call_often(self: Arc<Self>, caller: u32) {
        for number in 0..4 {
            sleep(Duration::from_millis(self.dice.roll(10_000).into())).await;
            let replica = self.any();
            // The caller hears of a crash by its connection: then the call is over.
            let call = replica.process.run(self.clone().call(replica.clone(), format!("m{caller}.{number}")));
            if let Err(error) = timeout(CALL, call).await.expect("a call comes to its end") {
                assert!(error.is_cancelled(), "{error}");
            }
        }
    }

    async fn call(self: Arc<Self>, replica: Arc<Replica>, message: String) {
        let (engine, dice) = (&replica.engine, &self.dice);
        let known: Vec<_> = self.known.lock().unwrap().iter().cloned().collect();
        let context = if dice.one_in(2) { once() } else { plain() };
        if known.is_empty() || dice.one_in(3) {
            let mut request = immediately(request(&message, "go"));
            let mut config = TaskPushNotificationConfig::default();
            config.url = format!("https://hook.example/{message}");
            request.configuration.get_or_insert_default().task_push_notification_config = Some(config);
            if let Ok(a2a_protocol_core::SendMessageResponse::Task(task)) = engine.send_message(context, request).await
            {
                self.known.lock().unwrap().insert(task.id.clone());
            }
            return;
        }
        let mut ids = known;
        ids.sort();
        let id = &ids[dice.roll(u32::try_from(ids.len()).unwrap()) as usize];
        match dice.roll(5) {
            0 => {
                let said = engine.send_message(context, follow_up(id, &message, "more")).await;
                if said.is_ok() {
                    self.said.lock().unwrap().entry(id.clone()).or_default().push(message);
                }
            }
            1 => {
                let said = engine.send_message(context, immediately(follow_up(id, &message, "more"))).await;
                if said.is_ok() {
                    self.said.lock().unwrap().entry(id.clone()).or_default().push(message);
                }
            }
            2 => {
                if let Ok(canceled) = engine.cancel_task(plain(), CancelTaskRequest::new(&**id)).await {
                    assert_eq!(canceled.status.state, TaskState::Canceled);
                }
            }
            _ => {
                if let Ok(stream) = engine.subscribe_to_task(plain(), SubscribeToTaskRequest::new(&**id)).await {
                    let events = timeout(Duration::from_secs(60), futures::StreamExt::collect::<Vec<_>>(stream)).await;
                    let events: Vec<_> = events.into_iter().flatten().filter_map(Result::ok).collect();
                    let places: Vec<_> = events.iter().filter_map(|event| event.sequence).collect();
                    assert!(places.is_sorted_by(|earlier, later| earlier < later), "{places:?}");
                }
            }
        }
    }

    /// Tasks have ended or wait for their callers, webhooks know everything, nothing was said twice.
    async fn assert_sound(&self) {
        let known: Vec<_> = self.known.lock().unwrap().iter().cloned().collect();
        let engine = &self.any().engine;
        for id in known {
            let task = get(engine, &id).await;
            let log = self.fleet.storage.log(&id).await;
            let state = &task.status.state;
            assert!(state.is_terminal() || state.is_interrupted(), "{id} is {state}: {log:#?}");
            let is_end = |kind: &EventKind| matches!(kind, EventKind::Status { state, .. } if state.is_terminal());
            let ends = log.iter().filter(|event| is_end(&event.kind)).count();
            assert_eq!(ends, usize::from(state.is_terminal()));
            let mut said = HashSet::new();
            let mut first = String::new();
            for event in &log {
                if let EventKind::Created { message, .. } | EventKind::Message(message) = &event.kind {
                    if first.is_empty() {
                        first.clone_from(&message.message_id);
                    }
                    assert!(said.insert(message.message_id.clone()), "{} was said twice", message.message_id);
                }
            }
            for message in self.said.lock().unwrap().get(&id).into_iter().flatten() {
                assert!(said.contains(message), "{message} was acknowledged");
            }
            self.assert_told(&format!("https://hook.example/{first}"), &id, &log);
        }
    }

    fn assert_told(&self, hook: &str, id: &Arc<str>, log: &[a2a_protocol_core::Event]) {
        let context: Arc<str> = "".into();
        let brief = |response: &StreamResponse| match response {
            StreamResponse::StatusUpdate(update) => format!("{:?} {:?}", update.status.state, update.status.timestamp),
            StreamResponse::ArtifactUpdate(update) => update.artifact.artifact_id.clone(),
            other => format!("{:?}", other.status().map(|status| status.state.clone())),
        };
        let happened: Vec<_> = log
            .iter()
            .skip(1)
            .filter_map(|event| event.response(id, &context))
            .map(|response| brief(&response))
            .collect();
        let told: Vec<_> = self.fleet.webhooks.tries(hook).iter().skip(1).map(|told| brief(&told.event())).collect();
        // At least once, in order: what is told again is what was told last.
        let mut expected = happened.iter().peekable();
        for notice in &told {
            expected.next_if(|event| *event == notice);
        }
        assert!(expected.peek().is_none(), "{hook} was told {told:#?} of {happened:#?}");
    }
}

#[test]
fn nothing_is_lost_whatever_is_killed_or_cut_off() {
    let first = setting("STRESS_SEED", 0);
    for seed in first..first + setting("STRESS_ROUNDS", 40) {
        eprintln!("STRESS_SEED={seed}");
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(Round::new(seed).play());
    }
}
