//! Webhooks are told everything, in order, at least once, and not for ever.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use a2a_app_ports::{AgentOperations, Answers, CallContext, PushConfigRow, PushOutcome, Scope, TaskStorage};
use a2a_protocol_core::{
    AuthenticationInfo, CancelTaskRequest, DeleteTaskPushNotificationConfigRequest, Error, ErrorKind,
    ListTaskPushNotificationConfigsRequest, ProtocolVersion, SendMessageRequest, StreamResponse, Task,
    TaskPushNotificationConfig, TaskState,
};
use a2a_task_engine::{Engine, EngineOptions, MemoryLimits, MemoryStorage, Skill};
use support::{
    AGENT, Dice, Fleet, Gate, TestStorage, Webhooks, busy, follow_up, idle, immediately, let_others_run, plain,
    pushing_engine, request, skill, task, within,
};

const HOOK: &str = "https://hook.example/a";
const OTHER: &str = "https://hook.example/b";

fn config(url: &str) -> TaskPushNotificationConfig {
    let mut config = TaskPushNotificationConfig::default();
    config.url = url.to_owned();
    config
}

/// So long after a replica was lost, others have taken over what it was at.
const LOST: Duration = Duration::from_secs(45);

/// A request whose task's webhook this is.
fn pushed(mut request: SendMessageRequest, url: &str) -> SendMessageRequest {
    request.configuration.get_or_insert_default().task_push_notification_config = Some(config(url));
    request
}

async fn create(engine: &Engine, task: &Task, id: &str, url: &str) -> Result<TaskPushNotificationConfig, Error> {
    let mut config = config(url);
    config.id = Some(id.to_owned());
    config.task_id = Some(task.id.to_string());
    engine.create_task_push_notification_config(plain(), config).await
}

async fn delete(engine: &Engine, task: &Task, id: &str) {
    let mut request = DeleteTaskPushNotificationConfigRequest::default();
    request.task_id = task.id.to_string();
    request.id = id.to_owned();
    engine.delete_task_push_notification_config(plain(), request).await.unwrap();
}

async fn rows(storage: &dyn TaskStorage, task: &Task) -> Vec<PushConfigRow> {
    let scope = Scope { agent: AGENT.into(), tenant: None, owner: None };
    storage.push_configs(&scope, task.id.parse().unwrap(), None, usize::MAX).await.unwrap()
}

/// Works, writes a word, and asks for more; ends at "end".
fn worker() -> Skill {
    skill(|turn, task| async move {
        task.working(()).await?;
        task.artifact(turn.text()).write(turn.text()).await?;
        if turn.text() == "end" { task.complete().await } else { task.input_required("more?").await }
    })
}

struct Setting {
    storage: Arc<MemoryStorage>,
    webhooks: Webhooks,
    engine: Engine,
}

impl Setting {
    fn new(skill: Skill) -> Self {
        let (storage, webhooks) = (Arc::new(MemoryStorage::new()), Webhooks::new());
        let engine = pushing_engine(storage.clone(), &webhooks, skill, EngineOptions::default());
        Self { storage, webhooks, engine }
    }

    async fn send(&self, request: SendMessageRequest) -> Arc<Task> {
        task(within("the task", self.engine.send_message(plain(), request)).await)
    }
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_comes_with_the_message_is_told_everything_in_order() {
    for answers in [Answers::Task, Answers::Either] {
        for immediate in [false, true] {
            let setting = Setting::new(worker().answers(answers));
            let mut request = pushed(request("m", "end"), HOOK);
            if immediate {
                request = immediately(request);
            }
            let begun = setting.send(request).await;
            idle(&setting.engine).await;
            assert_eq!(setting.webhooks.taken(HOOK), ["task submitted", "working", "end", "completed"]);
            let tries = setting.webhooks.tries(HOOK);
            assert!(tries.iter().all(|told| told.event().task_id() == Some(&begun.id)));
            let StreamResponse::Task(first) = tries[0].event() else { panic!("a task comes first") };
            assert_eq!(first.history[0].text(), "end");
            let row = &rows(&*setting.storage, &begun).await[0];
            assert_eq!((row.cursor, row.version, &row.failure), (4, ProtocolVersion::V1_0, &None));
            assert_eq!(row.config.task_id.as_deref(), Some(&*begun.id));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_and_a_webhook_are_told_the_same() {
    let setting = Setting::new(worker());
    let stream = setting.engine.send_streaming_message(plain(), pushed(request("m", "end"), HOOK)).await.unwrap();
    let streamed = support::collect(stream).await;
    idle(&setting.engine).await;
    let told: Vec<StreamResponse> = setting.webhooks.tries(HOOK).iter().map(|told| told.event()).collect();
    assert_eq!(told, streamed.iter().map(|event| event.response.clone()).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_notification_carries_what_its_receiver_checks() {
    let setting = Setting::new(worker());
    let mut request = pushed(request("m", "end"), HOOK);
    let config = request.configuration.as_mut().unwrap().task_push_notification_config.as_mut().unwrap();
    let mut authentication = AuthenticationInfo::default();
    authentication.scheme = "Bearer".to_owned();
    authentication.credentials = Some("hunter2".to_owned());
    config.authentication = Some(authentication);
    config.token = Some("hunter3".to_owned());
    setting.send(request).await;
    setting.send(pushed(support::request("m2", "end"), OTHER)).await;
    idle(&setting.engine).await;
    let told = &setting.webhooks.tries(HOOK)[0];
    assert_eq!(told.header("content-type"), Some("application/a2a+json"));
    assert_eq!(told.header("a2a-version"), Some("1.0"));
    assert_eq!(told.header("authorization"), Some("Bearer hunter2"));
    assert_eq!(told.header("x-a2a-notification-token"), Some("hunter3"));
    assert!(!format!("{:?} {:?}", told.request, told.request.headers).contains("hunter"));
    let told = &setting.webhooks.tries(OTHER)[0];
    assert_eq!((told.header("authorization"), told.header("x-a2a-notification-token")), (None, None));
}

#[tokio::test(start_paused = true)]
async fn a_webhook_is_told_what_happens_from_its_configuration_on() {
    let setting = Setting::new(worker());
    let begun = setting.send(request("m1", "one")).await;
    create(&setting.engine, &begun, "hook", HOOK).await.unwrap();
    idle(&setting.engine).await;
    assert!(setting.webhooks.taken(HOOK).is_empty());
    setting.send(follow_up(&begun.id, "m2", "two")).await;
    idle(&setting.engine).await;
    assert_eq!(setting.webhooks.taken(HOOK), ["working", "two", "input_required"]);
    // One that comes with a message is told what comes of the message, as the others are.
    setting.send(pushed(follow_up(&begun.id, "m3", "end"), OTHER)).await;
    idle(&setting.engine).await;
    assert_eq!(setting.webhooks.taken(OTHER), ["working", "end", "completed"]);
    assert_eq!(setting.webhooks.taken(HOOK)[3..], ["working", "end", "completed"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_cancels_a_paused_task_has_its_webhook_told() {
    let setting = Setting::new(worker());
    let begun = setting.send(pushed(request("m", "one"), HOOK)).await;
    idle(&setting.engine).await;
    support::cancel(&setting.engine, &begun.id).await.unwrap();
    idle(&setting.engine).await;
    assert_eq!(setting.webhooks.taken(HOOK).last().unwrap(), "canceled");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_has_ended_takes_configurations_and_has_nothing_to_tell() {
    let setting = Setting::new(worker());
    let ended = setting.send(request("m", "end")).await;
    let created = create(&setting.engine, &ended, "hook", HOOK).await.unwrap();
    assert_eq!((created.id.as_deref(), created.task_id.as_deref()), (Some("hook"), Some(&*ended.id)));
    idle(&setting.engine).await;
    assert!(setting.webhooks.tries(HOOK).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_is_busy_is_tried_again_and_holds_up_no_other() {
    let setting = Setting::new(worker());
    setting.webhooks.answers(HOOK, std::iter::repeat_n(busy(), 6));
    let begun = setting.send(pushed(request("m1", "one"), HOOK)).await;
    create(&setting.engine, &begun, "other", OTHER).await.unwrap();
    setting.send(follow_up(&begun.id, "m2", "end")).await;
    idle(&setting.engine).await;
    assert_eq!(setting.webhooks.taken(OTHER), ["working", "end", "completed"]);
    assert!(setting.webhooks.taken(HOOK).is_empty());
    setting.webhooks.until(|webhooks| webhooks.taken(HOOK).len() == 7).await;
    let everything = ["task submitted", "working", "one", "input_required", "working", "end", "completed"];
    assert_eq!(setting.webhooks.taken(HOOK), everything);
    let tries = setting.webhooks.tries(HOOK);
    assert!(tries[..7].iter().all(|told| told.brief() == "task submitted"), "nothing overtakes it");
    // At most 1, 2, 4, 8, 16 and 32 s.
    let waits: Vec<Duration> = tries[..7].windows(2).map(|pair| pair[1].after - pair[0].after).collect();
    assert!(waits.iter().zip(0..).all(|(wait, retry)| wait.as_secs() <= 1 << retry), "{waits:?}");
    assert!(waits.iter().sum::<Duration>() > Duration::from_secs(1), "{waits:?}");
    assert!(rows(&*setting.storage, &begun).await.iter().all(|row| row.failure.is_none() && row.cursor > 7));
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_asks_for_time_gets_it() {
    let setting = Setting::new(worker());
    let after = Some(Duration::from_secs(100));
    setting.webhooks.answers(HOOK, [PushOutcome::Retry { after, reason: "503".to_owned() }]);
    setting.send(pushed(request("m", "end"), HOOK)).await;
    setting.webhooks.until(|webhooks| webhooks.taken(HOOK).len() == 4).await;
    let tries = setting.webhooks.tries(HOOK);
    assert_eq!((tries[1].after - tries[0].after).as_secs(), 100);
    assert_eq!(tries.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_never_answers_is_given_up_and_why_is_kept() {
    let setting = Setting::new(worker());
    setting.webhooks.answers(HOOK, std::iter::repeat_n(busy(), 1000));
    let begun = setting.send(pushed(request("m1", "one"), HOOK)).await;
    idle(&setting.engine).await;
    tokio::time::sleep(Duration::from_secs(2 * 60 * 60)).await;
    let row = rows(&*setting.storage, &begun).await.remove(0);
    assert_eq!((row.cursor, row.failure.unwrap().reason.as_str()), (0, "busy"));
    let tries = setting.webhooks.tries(HOOK);
    let lasted = tries.last().unwrap().after - tries[0].after;
    assert!(lasted <= Duration::from_secs(60 * 60) && lasted > Duration::from_secs(50 * 60), "{lasted:?}");
    // What happens then is nothing to it.
    setting.send(follow_up(&begun.id, "m2", "two")).await;
    idle(&setting.engine).await;
    assert_eq!(setting.webhooks.tries(HOOK).len(), tries.len());
    // Configured anew it is told what it has missed.
    create(&setting.engine, &begun, &row.config.id.unwrap(), OTHER).await.unwrap();
    idle(&setting.engine).await;
    let everything = ["task submitted", "working", "one", "input_required", "working", "two", "input_required"];
    assert_eq!(setting.webhooks.taken(OTHER), everything);
    assert_eq!(rows(&*setting.storage, &begun).await[0].failure, None);
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_asks_for_more_time_than_there_is_gets_one_last_try() {
    const HOUR: Duration = Duration::from_secs(60 * 60);
    for (answers, taken) in [(1, true), (2, false)] {
        let setting = Setting::new(worker());
        let later = PushOutcome::Retry { after: Some(24 * HOUR), reason: "later".to_owned() };
        setting.webhooks.answers(HOOK, std::iter::repeat_n(later, answers));
        let begun = setting.send(pushed(request("m", "end"), HOOK)).await;
        setting.webhooks.until(|webhooks| webhooks.tries(HOOK).len() >= 2).await;
        idle(&setting.engine).await;
        let tries = setting.webhooks.tries(HOOK);
        assert_eq!((tries[1].after - tries[0].after).as_secs(), HOUR.as_secs());
        assert_eq!(!setting.webhooks.taken(HOOK).is_empty(), taken);
        let failure = rows(&*setting.storage, &begun).await.remove(0).failure;
        assert_eq!(failure.map(|failure| failure.reason), (!taken).then(|| "later".to_owned()));
        assert!(taken || tries.len() == 2, "{}", tries.len());
    }
}

/// What is written to the log while it is there.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn of_this_thread(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let writer = tracing_subscriber::fmt().with_ansi(false).with_writer(move || log.clone());
        tracing::subscriber::set_default(writer.finish())
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_is_given_up_is_in_the_log_without_its_secrets() {
    let log = Log::default();
    let _logging = log.of_this_thread();
    let setting = Setting::new(worker());
    let url = "https://hook.example/hush?key=hush";
    let answers = [busy(), busy(), PushOutcome::Refused { reason: "the webhook answered 410".to_owned() }];
    setting.webhooks.answers(url, answers);
    let begun = setting.send(pushed(request("m", "end"), url)).await;
    setting.webhooks.until(|webhooks| webhooks.tries(url).len() == 3).await;
    idle(&setting.engine).await;
    let config = rows(&*setting.storage, &begun).await.remove(0).config.id.unwrap();
    let log = log.text();
    let line = log.lines().find(|line| line.contains("a webhook is given up")).unwrap_or(&log);
    let (task, config) = (format!("task={}", begun.id), format!("config={config}"));
    for told in
        ["WARN", &task, &config, r#"webhook="https://hook.example""#, "tries=3", r#"reason="the webhook answered 410""#]
    {
        assert!(line.contains(told), "{told} in {line}");
    }
    assert!(!log.contains("hush"), "{log}");
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_refuses_is_not_tried_again() {
    let setting = Setting::new(worker());
    setting.webhooks.answers(HOOK, [PushOutcome::Delivered, PushOutcome::Refused { reason: "410".to_owned() }]);
    let begun = setting.send(pushed(request("m", "end"), HOOK)).await;
    idle(&setting.engine).await;
    assert_eq!(setting.webhooks.tries(HOOK).len(), 2);
    let row = rows(&*setting.storage, &begun).await.remove(0);
    assert_eq!((row.cursor, row.failure.unwrap().reason.as_str()), (1, "410"));
}

#[tokio::test(start_paused = true)]
async fn a_deleted_webhook_is_told_no_more() {
    let setting = Setting::new(worker());
    setting.webhooks.answers(HOOK, [PushOutcome::Delivered, busy()]);
    let begun = setting.send(pushed(request("m1", "one"), HOOK)).await;
    idle(&setting.engine).await;
    let id = rows(&*setting.storage, &begun).await[0].id().to_owned();
    delete(&setting.engine, &begun, &id).await;
    setting.send(follow_up(&begun.id, "m2", "end")).await;
    idle(&setting.engine).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(setting.webhooks.tries(HOOK).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_replaced_webhook_goes_on_with_the_new_target_at_once() {
    let setting = Setting::new(worker());
    let after = Some(Duration::from_secs(1800));
    setting.webhooks.answers(HOOK, [PushOutcome::Delivered, PushOutcome::Retry { after, reason: "503".to_owned() }]);
    let begun = setting.send(pushed(request("m1", "one"), HOOK)).await;
    idle(&setting.engine).await;
    let id = rows(&*setting.storage, &begun).await[0].id().to_owned();
    create(&setting.engine, &begun, &id, OTHER).await.unwrap();
    let before = tokio::time::Instant::now();
    setting.webhooks.until(|webhooks| webhooks.taken(OTHER).len() == 3).await;
    assert_eq!(before.elapsed(), Duration::ZERO, "nobody waits for the old target");
    assert_eq!(setting.webhooks.taken(OTHER), ["working", "one", "input_required"]);
    setting.send(follow_up(&begun.id, "m2", "end")).await;
    idle(&setting.engine).await;
    assert_eq!(setting.webhooks.taken(OTHER)[3..], ["working", "end", "completed"]);
    assert_eq!(setting.webhooks.tries(HOOK).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_new_target_has_as_much_time_as_the_old_one_had() {
    let setting = Setting::new(worker());
    let busy_for = |seconds| PushOutcome::Retry { after: Some(Duration::from_secs(seconds)), reason: "503".to_owned() };
    setting.webhooks.answers(HOOK, [busy_for(3500)]);
    setting.webhooks.answers(OTHER, [busy_for(3500)]);
    let begun = setting.send(pushed(request("m", "end"), HOOK)).await;
    idle(&setting.engine).await;
    tokio::time::sleep(Duration::from_secs(3000)).await;
    let id = rows(&*setting.storage, &begun).await[0].id().to_owned();
    create(&setting.engine, &begun, &id, OTHER).await.unwrap();
    setting.webhooks.until(|webhooks| webhooks.taken(OTHER).len() == 4).await;
    assert_eq!(setting.webhooks.tries(HOOK).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_old_target_has_not_confirmed_the_new_one_is_told() {
    let setting = Setting::new(worker());
    setting.webhooks.hold(HOOK);
    let begun = setting.send(pushed(request("m1", "end"), HOOK)).await;
    let_others_run().await;
    let id = rows(&*setting.storage, &begun).await[0].id().to_owned();
    create(&setting.engine, &begun, &id, OTHER).await.unwrap();
    let_others_run().await;
    setting.webhooks.let_go(HOOK);
    idle(&setting.engine).await;
    assert_eq!(setting.webhooks.taken(HOOK), ["task submitted"]);
    assert_eq!(setting.webhooks.taken(OTHER), ["task submitted", "working", "end", "completed"]);
}

#[tokio::test(start_paused = true)]
async fn an_engine_is_idle_when_webhooks_have_been_told_and_not_when_they_are_to_be() {
    let setting = Setting::new(worker());
    setting.webhooks.hold(HOOK);
    setting.send(pushed(request("m", "end"), HOOK)).await;
    for _ in 0..4 {
        let resting = setting.engine.idle();
        tokio::select! {
            biased;
            () = resting => panic!("a notification is on its way"),
            () = let_others_run() => setting.webhooks.let_go(HOOK),
        }
    }
    idle(&setting.engine).await;
    assert_eq!(setting.webhooks.taken(HOOK).len(), 4);
}

#[tokio::test(start_paused = true)]
async fn the_next_engine_goes_on_where_the_last_one_was() {
    let fleet = Fleet::new(false);
    let webhooks = &fleet.webhooks;
    let everything = ["task submitted", "working", "one", "input_required"];
    for confirmed in 0..4 {
        let hook = &*format!("{HOOK}/{confirmed}");
        let first = fleet.replica(worker()).await;
        webhooks.hold(hook);
        let begun = first.send(pushed(request("m1", "one"), hook)).await;
        for _ in 0..confirmed {
            webhooks.let_go(hook);
            let_others_run().await;
        }
        first.kill();
        let_others_run().await;
        assert_eq!(webhooks.taken(hook), everything[..confirmed]);
        assert_eq!(rows(&*first.storage, &begun).await[0].cursor, confirmed as u64);

        let second = fleet.replica(worker()).await;
        webhooks.release(hook);
        idle(&second.engine).await;
        assert_eq!(webhooks.taken(hook), everything[..confirmed], "the first one may be there still");
        tokio::time::sleep(LOST).await;
        idle(&second.engine).await;
        assert_eq!(webhooks.taken(hook), everything, "none skipped");
        let_others_run().await;
        second.kill();

        // A webhook that has been told everything is known to the next engine all the same.
        let third = fleet.replica(worker()).await;
        third.send(follow_up(&begun.id, "m2", "end")).await;
        idle(&third.engine).await;
        assert_eq!(webhooks.taken(hook)[4..], ["working", "end", "completed"]);
        third.kill();
    }
}

#[tokio::test(start_paused = true)]
async fn one_replica_at_a_time_tells_a_webhook() {
    for bus in [true, false] {
        let (fleet, gate) = (Fleet::new(bus), Gate::new());
        let handler = {
            let gate = gate.clone();
            skill(move |turn, task| {
                let gate = gate.clone();
                async move {
                    for word in ["one", "two"] {
                        task.artifact(word).write(word).await?;
                        gate.pass().await;
                    }
                    if turn.text() == "end" { Ok(()) } else { task.input_required("more?").await }
                }
            })
        };
        let (one, other) = (fleet.replica(handler.clone()).await, fleet.replica(handler).await);
        let begun = one.send(immediately(request("m1", "ask"))).await;
        gate.reached().await;
        // Configured elsewhere than the task is run, and called slowly.
        create(&other.engine, &begun, "hook", HOOK).await.unwrap();
        fleet.webhooks.hold(HOOK);
        gate.open();
        gate.reached().await;
        let queued = other.sending(follow_up(&begun.id, "m2", "end"));
        support::said(&one.engine, &begun.id, "m2").await;
        gate.open();
        tokio::time::sleep(LOST).await;
        assert_eq!(fleet.webhooks.tries(HOOK).len(), 0, "one call is under way");
        fleet.webhooks.release(HOOK);
        for _ in 0..2 {
            gate.open();
            let_others_run().await;
        }
        task(within("the end", queued).await.unwrap());
        tokio::time::sleep(LOST).await;
        assert_eq!(fleet.webhooks.taken(HOOK), ["two", "input_required", "working", "one", "two", "completed"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_webhook_whose_log_is_gone_is_told_how_the_task_ended() {
    let limits = MemoryLimits { replay_window: Duration::ZERO, ..MemoryLimits::default() };
    let (storage, webhooks) = (Arc::new(MemoryStorage::with_limits(limits)), Webhooks::new());
    let engine = pushing_engine(storage, &webhooks, worker(), EngineOptions::default());
    webhooks.hold(HOOK);
    let ended = task(engine.send_message(plain(), pushed(request("m", "end"), HOOK)).await);
    let_others_run().await;
    // A late message is refused, and has the storage see that the log is due.
    engine.send_message(plain(), follow_up(&ended.id, "m2", "late")).await.unwrap_err();
    for _ in 0..1000 {
        engine.send_message(plain(), request("m", "one")).await.unwrap();
    }
    webhooks.release(HOOK);
    idle(&engine).await;
    let last = webhooks.tries(HOOK).pop().unwrap();
    assert_eq!(last.event().status().unwrap().state, TaskState::Completed);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_or_out_of_order_with_a_slow_storage() {
    for seed in 0..40 {
        let (storage, webhooks) = (Arc::new(TestStorage::slow(seed)), Webhooks::new());
        let engine = pushing_engine(storage, &webhooks, worker(), EngineOptions::default());
        webhooks.answers(HOOK, [busy(), PushOutcome::Delivered, busy()]);
        let begun = task(engine.send_message(plain(), pushed(request("m1", "one"), HOOK)).await);
        let (late, ()) = tokio::join!(create(&engine, &begun, "late", OTHER), let_others_run());
        late.unwrap();
        task(engine.send_message(plain(), follow_up(&begun.id, "m2", "two")).await);
        task(engine.send_message(plain(), follow_up(&begun.id, "m3", "end")).await);
        webhooks.until(|webhooks| webhooks.taken(HOOK).last().is_some_and(|last| last == "completed")).await;
        idle(&engine).await;
        let everything = [
            "task submitted",
            "working",
            "one",
            "input_required",
            "working",
            "two",
            "input_required",
            "working",
            "end",
            "completed",
        ];
        assert_eq!(webhooks.taken(HOOK), everything, "seed {seed}");
        assert_eq!(webhooks.taken(OTHER), everything[4..], "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_goes_away_leaves_a_webhook_that_is_told_everything() {
    for seed in 0..150 {
        let (storage, webhooks, dice) = (Arc::new(TestStorage::slow(seed)), Webhooks::new(), Dice::new(seed));
        let engine = pushing_engine(storage, &webhooks, worker(), EngineOptions::default());
        let (sender, immediate) = (engine.clone(), dice.one_in(2));
        let first = pushed(request("m", "end"), HOOK);
        let first = if immediate { immediately(first) } else { first };
        let sending = tokio::spawn(async move { sender.send_message(plain(), first).await });
        dice.dawdle(25).await;
        sending.abort();
        let _ = sending.await;
        idle(&engine).await;
        let begun = engine.list_tasks(plain(), Default::default()).await.unwrap().total_size;
        let everything = ["task submitted", "working", "end", "completed"];
        assert_eq!(webhooks.taken(HOOK), everything.repeat(begun as usize), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_webhook_is_told_of_a_task_whose_handler_has_not_said_anything() {
    let mut begun = 0;
    for seed in 0..100 {
        let (storage, webhooks, dice) = (Arc::new(TestStorage::slow(seed)), Webhooks::new(), Dice::new(seed));
        let gate = Gate::new();
        let handler_gate = gate.clone();
        let handler = skill(move |_turn, task| {
            let gate = handler_gate.clone();
            async move {
                gate.pass().await;
                task.complete().await
            }
        });
        let engine = pushing_engine(storage, &webhooks, handler, EngineOptions::default());
        let (sender, first) = (engine.clone(), immediately(pushed(request("m", "go"), HOOK)));
        let sending = tokio::spawn(async move { sender.send_message(plain(), first).await });
        dice.dawdle(12).await;
        sending.abort();
        let_others_run().await;
        let tasks = engine.list_tasks(plain(), Default::default()).await.unwrap().total_size as usize;
        assert_eq!(webhooks.taken(HOOK), ["task submitted"].repeat(tasks), "seed {seed}");
        begun += tasks;
        gate.open();
        idle(&engine).await;
    }
    assert!(begun > 10, "{begun}");
}

#[tokio::test(start_paused = true)]
async fn a_webhook_is_told_what_the_handler_did_not_wait_for() {
    for seed in 0..100 {
        let (storage, webhooks, dice) = (Arc::new(TestStorage::slow(seed)), Webhooks::new(), Arc::new(Dice::new(seed)));
        let handler = skill(move |_turn, task| {
            let dice = dice.clone();
            async move {
                task.working(()).await?;
                let_others_run().await;
                tokio::select! {
                    asked = task.input_required("what?") => asked,
                    () = dice.dawdle(12) => Ok(()),
                }
            }
        });
        let engine = pushing_engine(storage, &webhooks, handler, EngineOptions::default());
        let paused = task(engine.send_message(plain(), pushed(request("m", "go"), HOOK)).await);
        idle(&engine).await;
        let last = if paused.status.state == TaskState::InputRequired { "input_required" } else { "completed" };
        assert_eq!(webhooks.taken(HOOK), ["task submitted", "working", last], "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_cancels_and_goes_away_has_a_webhook_told() {
    for seed in 0..100 {
        let (storage, webhooks, dice) = (Arc::new(TestStorage::slow(seed)), Webhooks::new(), Dice::new(seed));
        let engine = pushing_engine(storage, &webhooks, worker(), EngineOptions::default());
        let paused = task(engine.send_message(plain(), pushed(request("m", "one"), HOOK)).await);
        idle(&engine).await;
        let (caller, request) = (engine.clone(), CancelTaskRequest::new(&*paused.id));
        let cancelling = tokio::spawn(async move { caller.cancel_task(plain(), request).await });
        dice.dawdle(15).await;
        cancelling.abort();
        let _ = cancelling.await;
        idle(&engine).await;
        let canceled = support::state(&engine, &paused.id).await == TaskState::Canceled;
        assert_eq!(webhooks.taken(HOOK).len(), 4 + usize::from(canceled), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_happens_while_a_webhook_is_found_to_know_everything_is_told_too() {
    for seed in 0..300 {
        let (storage, webhooks, dice) = (Arc::new(TestStorage::slow(seed)), Webhooks::new(), Arc::new(Dice::new(seed)));
        let handler = skill(move |_turn, task| {
            let dice = dice.clone();
            async move {
                for _ in 0..4 {
                    dice.dawdle(60).await;
                    task.working(()).await?;
                }
                dice.dawdle(60).await;
                task.complete().await
            }
        });
        let engine = pushing_engine(storage, &webhooks, handler, EngineOptions::default());
        task(engine.send_message(plain(), pushed(request("m", "go"), HOOK)).await);
        idle(&engine).await;
        let everything = ["task submitted", "working", "working", "working", "working", "completed"];
        assert_eq!(webhooks.taken(HOOK), everything, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_fails_for_a_while_loses_nothing() {
    let (storage, webhooks) = (Arc::new(TestStorage::default()), Webhooks::new());
    let engine = pushing_engine(storage.clone(), &webhooks, worker(), EngineOptions::default());
    webhooks.hold(HOOK);
    task(engine.send_message(plain(), pushed(request("m", "end"), HOOK)).await);
    let_others_run().await;
    storage.set_broken(true);
    webhooks.release(HOOK);
    webhooks.until(|webhooks| webhooks.taken(HOOK).len() == 3).await;
    storage.set_broken(false);
    webhooks.until(|webhooks| webhooks.taken(HOOK).len() == 7).await;
    idle(&engine).await;
    let mut taken = webhooks.taken(HOOK);
    taken.dedup();
    assert_eq!(taken, ["task submitted", "working", "end", "completed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_engine_that_is_idle_has_told_everybody_everything() {
    let webhooks = Webhooks::new();
    let engine = pushing_engine(Arc::new(MemoryStorage::new()), &webhooks, worker(), EngineOptions::default());
    for round in 0..30 {
        let rounds = (0..8).map(|number| {
            let (engine, url) = (engine.clone(), format!("{HOOK}/{round}/{number}"));
            tokio::spawn(async move {
                let begun = task(engine.send_message(plain(), pushed(request("m1", "one"), &url)).await);
                let url = format!("{url}/late");
                let late = create(&engine, &begun, "late", &url);
                let (late, more) = tokio::join!(late, engine.send_message(plain(), follow_up(&begun.id, "m2", "two")));
                late.unwrap();
                task(more);
                task(engine.send_message(plain(), follow_up(&begun.id, "m3", "end")).await);
            })
        });
        futures::future::try_join_all(rounds).await.unwrap();
        engine.idle().await;
        for number in 0..8 {
            let url = format!("{HOOK}/{round}/{number}");
            let told = webhooks.taken(&url);
            assert_eq!(
                (told.len(), told.last().map(|last| &**last)),
                (10, Some("completed")),
                "{told:?} {number} {round}"
            );
            let late = webhooks.taken(&format!("{url}/late"));
            assert_eq!(late, told[10 - late.len()..], "the last ones");
            assert!(late.len() >= 3, "{late:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_may_not_be_called_is_refused_before_anything_is_stored() {
    let setting = Setting::new(worker());
    let error =
        setting.engine.send_message(plain(), pushed(request("m", "end"), "http://10.0.0.1/")).await.unwrap_err();
    assert_eq!(error.field_violations()[0].field, "configuration.taskPushNotificationConfig.url");
    assert!(error.cause().is_some_and(|cause| cause.is::<Error>()), "what the transport said is kept");
    assert_eq!(setting.engine.list_tasks(plain(), Default::default()).await.unwrap().total_size, 0);
    let asked = setting.send(request("m", "one")).await;
    let error = create(&setting.engine, &asked, "hook", "http://10.0.0.1/").await.unwrap_err();
    assert_eq!(error.field_violations()[0].field, "url");
    setting.engine.send_message(plain(), pushed(follow_up(&asked.id, "m2", "end"), "x")).await.unwrap_err();
    assert_eq!(rows(&*setting.storage, &asked).await, []);
    assert_eq!(support::state(&setting.engine, &asked.id).await, TaskState::InputRequired);
}

#[tokio::test(start_paused = true)]
async fn a_configuration_that_comes_with_a_message_names_no_other_task_or_tenant() {
    let setting = Setting::new(worker());
    let asked = setting.send(request("m", "one")).await;
    type Change = fn(&mut TaskPushNotificationConfig, &Task);
    let cases: [(bool, Change, Option<&str>); 5] = [
        (false, |config, task| config.task_id = Some(task.id.to_string()), Some("taskId")),
        (true, |config, _| config.task_id = Some("other".to_owned()), Some("taskId")),
        (false, |config, _| config.tenant = Some("other".to_owned()), Some("tenant")),
        (true, |config, task| config.task_id = Some(task.id.to_string()), None),
        (false, |config, _| (config.task_id, config.tenant) = (Some(String::new()), Some(String::new())), None),
    ];
    for (number, (continues, change, fault)) in cases.into_iter().enumerate() {
        let (id, text) = (format!("m{number}"), "more");
        let message = if continues { follow_up(&asked.id, &id, text) } else { request(&id, text) };
        let mut message = pushed(message, HOOK);
        let config = message.configuration.as_mut().unwrap().task_push_notification_config.as_mut().unwrap();
        change(config, &asked);
        match (setting.engine.send_message(plain(), message).await, fault) {
            (Ok(_), None) => {}
            (Err(error), Some(field)) => {
                let field = format!("configuration.taskPushNotificationConfig.{field}");
                assert_eq!(error.field_violations()[0].field, field, "{number}");
            }
            (other, _) => panic!("{number}: {other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_has_so_many_configurations_and_no_more() {
    let webhooks = Webhooks::new();
    let mut options = EngineOptions::default();
    options.push.max_configs = 3;
    let engine = pushing_engine(Arc::new(MemoryStorage::new()), &webhooks, worker(), options);
    let asked = task(engine.send_message(plain(), request("m", "one")).await);
    for id in ["a", "b", "c"] {
        create(&engine, &asked, id, HOOK).await.unwrap();
    }
    let error = create(&engine, &asked, "d", HOOK).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
    create(&engine, &asked, "b", OTHER).await.unwrap();
    let mut request = ListTaskPushNotificationConfigsRequest::default();
    request.task_id = asked.id.to_string();
    let listed = engine.list_task_push_notification_configs(plain(), request).await.unwrap();
    let urls: Vec<_> = listed.configs.iter().map(|config| &*config.url).collect();
    assert_eq!((urls, listed.next_page_token.as_str()), (vec![HOOK, OTHER, HOOK], ""));
}

#[tokio::test(start_paused = true)]
async fn a_skill_that_answers_messages_has_nothing_to_tell() {
    let setting = Setting::new(skill(|_turn, task| async move { task.reply("hello").await }).answers(Answers::Message));
    setting.engine.send_message(plain(), pushed(request("m", "hi"), HOOK)).await.unwrap();
    idle(&setting.engine).await;
    assert!(setting.webhooks.tries(HOOK).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_not_held_up_by_a_webhook() {
    let gate = Gate::new();
    let handler_gate = gate.clone();
    let setting = Setting::new(skill(move |_turn, task| {
        let gate = handler_gate.clone();
        async move {
            task.working(()).await?;
            gate.pass().await;
            task.complete().await
        }
    }));
    setting.webhooks.hold(HOOK);
    let begun = setting.send(immediately(pushed(request("m", "go"), HOOK))).await;
    gate.reached().await;
    gate.open();
    while support::state(&setting.engine, &begun.id).await != TaskState::Completed {
        tokio::task::yield_now().await;
    }
    assert!(setting.webhooks.tries(HOOK).is_empty());
    setting.webhooks.release(HOOK);
    idle(&setting.engine).await;
    assert_eq!(setting.webhooks.taken(HOOK), ["task submitted", "working", "completed"]);
}

#[tokio::test(start_paused = true)]
async fn callers_of_the_old_version_are_told_the_task_as_it_is_in_their_dialect() {
    let setting = Setting::new(worker());
    let mut old = CallContext::new();
    old.version = ProtocolVersion::V0_3;
    let sent = setting.engine.send_message(old.clone(), pushed(request("m1", "one"), HOOK)).await;
    let begun = task(sent);
    // It needs no id: there is one configuration a task, and this takes its place.
    let mut config = config(OTHER);
    config.task_id = Some(begun.id.to_string());
    let created = setting.engine.create_task_push_notification_config(old, config).await.unwrap();
    assert_eq!(created.id.as_deref(), Some(&*begun.id));
    setting.send(follow_up(&begun.id, "m2", "end")).await;
    idle(&setting.engine).await;
    let row = &rows(&*setting.storage, &begun).await[0];
    assert_eq!((row.version, row.cursor), (ProtocolVersion::V0_3, 9));
    let tries = [setting.webhooks.tries(HOOK), setting.webhooks.tries(OTHER)].concat();
    let mut told = Vec::new();
    for notice in &tries {
        assert_eq!(notice.header("content-type"), Some("application/json"));
        assert_eq!(notice.header("a2a-version"), Some("0.3"));
        let task: serde_json::Value = serde_json::from_slice(&notice.request.body).unwrap();
        assert_eq!((&task["kind"], &task["id"]), (&"task".into(), &(*begun.id).into()));
        let words: Vec<_> =
            task["artifacts"].as_array().into_iter().flatten().map(|artifact| &artifact["parts"][0]["text"]).collect();
        told.push(format!("{} {words:?}", task["status"]["state"].as_str().unwrap()));
    }
    let one = "[String(\"one\")]";
    let both = "[String(\"one\"), String(\"end\")]";
    let expected = [
        "submitted []".to_owned(),
        "working []".to_owned(),
        format!("working {one}"),
        format!("input-required {one}"),
        format!("working {one}"),
        format!("working {both}"),
        format!("completed {both}"),
    ];
    assert_eq!(told, expected);
}
