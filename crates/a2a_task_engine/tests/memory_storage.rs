//! The storage in memory conforms, and keeps within its limits.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::{collections::HashSet, sync::Arc, time::Duration};

use a2a_app_ports::{
    Author, Claim, Claimed, Creation, FleetStorage, ListQuery, Position, PushConfigRow, ReplicaId, Revision, Scope,
    TaskId, TaskStorage,
    conformance::{racing_appends, storage_suite},
};
use a2a_protocol_core::{Event, EventKind, Message, ProtocolVersion, TaskPushNotificationConfig, TaskState, Timestamp};
use a2a_task_engine::{MemoryLimits, MemoryStorage};
use futures::executor::block_on;

#[test]
fn memory_storage_conforms() {
    block_on(storage_suite(async || MemoryStorage::new()));
}

#[test]
fn racing_threads_do_not_overwrite_each_other() {
    racing_appends(&MemoryStorage::new(), &|future| block_on(future));
}

const REPLICA: ReplicaId = ReplicaId::from_u128(1);

fn id(number: u64) -> TaskId {
    let mix = |number: u64| u128::from(number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29));
    TaskId::from_random(mix(number) << 64 | mix(!number))
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(i64::try_from(millis).unwrap()).unwrap()
}

fn created(millis: u64) -> Event {
    let message = Arc::new(Message::user("message", "Please."));
    Event {
        time: at(millis),
        kind: EventKind::Created { context_id: "context".into(), skill: "skill".into(), message },
    }
}

fn status(millis: u64, state: TaskState) -> Event {
    Event { time: at(millis), kind: EventKind::status(state) }
}

/// A storage with a scope to use it in.
struct Tasks {
    storage: MemoryStorage,
    scope: Scope,
}

impl Tasks {
    fn new(limits: MemoryLimits) -> Self {
        let storage = MemoryStorage::with_limits(limits);
        block_on(storage.join(REPLICA, Duration::from_secs(3600))).unwrap();
        Self { storage, scope: Scope::default() }
    }

    fn run(&self, number: u64, millis: u64) {
        block_on(self.storage.create(&self.scope, id(number), Creation::new(vec![created(millis)], REPLICA))).unwrap();
    }

    fn end(&self, number: u64, millis: u64) {
        let completed = vec![status(millis, TaskState::Completed)];
        block_on(self.storage.append(&self.scope, id(number), 1, completed, Author::Caller)).unwrap();
    }

    fn exists(&self, number: u64) -> bool {
        block_on(self.storage.snapshot(&self.scope, id(number))).unwrap().is_some()
    }

    fn events(&self, number: u64, after: Revision) -> Option<usize> {
        block_on(self.storage.events(&self.scope, id(number), after, 10)).unwrap().map(|events| events.len())
    }

    fn reaches_back_to(&self, number: u64, revision: Revision) -> bool {
        block_on(self.storage.snapshot_at(&self.scope, id(number), revision)).unwrap().is_some()
    }

    fn total(&self) -> usize {
        let query = ListQuery { limit: 100_000, ..ListQuery::default() };
        let page = block_on(self.storage.list(&self.scope, &query)).unwrap();
        assert_eq!(page.total, page.tasks.len() as u64);
        page.tasks.len()
    }
}

#[test]
fn logs_of_ended_tasks_are_dropped_after_the_replay_window() {
    let tasks = Tasks::new(MemoryLimits { replay_window: Duration::from_secs(1), ..MemoryLimits::default() });
    tasks.run(0, 0);
    tasks.end(0, 1000);
    tasks.run(1, 0);
    let before = tasks.storage.metrics();
    // Enough tasks for every part of the storage to notice the time.
    (10..10_000).for_each(|number| tasks.run(number, 1999));
    assert_eq!((tasks.events(0, 0), tasks.reaches_back_to(0, 1)), (Some(2), true), "within the window");
    (10_000..20_000).for_each(|number| tasks.run(number, 2000));
    assert_eq!((tasks.events(0, 0), tasks.events(0, 1), tasks.reaches_back_to(0, 1)), (None, None, false));
    // What does not need the log goes on.
    assert_eq!((tasks.events(0, 2), tasks.reaches_back_to(0, 2), tasks.exists(0)), (Some(0), true, true));
    assert_eq!((tasks.events(1, 0), tasks.reaches_back_to(1, 1)), (Some(1), true), "a running task");
    assert_eq!(tasks.storage.metrics().tasks, before.tasks + 19_990);
    assert_eq!(tasks.storage.metrics().evicted, 0);
}

#[test]
fn the_longest_ended_tasks_are_evicted_first() {
    const COUNT: u64 = 2000;
    let limits = MemoryLimits { max_bytes: 1 << 20, ..MemoryLimits::default() };
    let tasks = Tasks::new(limits);
    (0..20).for_each(|number| tasks.run(number, 0));
    for number in 20..COUNT {
        tasks.run(number, number);
        tasks.end(number, 10_000 + number);
    }
    let metrics = tasks.storage.metrics();
    assert!(metrics.evicted > 0 && metrics.bytes <= limits.max_bytes, "{metrics:?}");
    assert_eq!((metrics.running, metrics.tasks as u64 + metrics.evicted), (20, COUNT));
    assert_eq!(tasks.total(), metrics.tasks);
    let kept: Vec<u64> = (0..COUNT).filter(|number| tasks.exists(*number)).collect();
    let newest = COUNT - (metrics.tasks as u64 - 20);
    assert_eq!(kept, (0..20).chain(newest..COUNT).collect::<Vec<_>>());
    // An evicted task's id is free, and it is not listed under any filter.
    let query = ListQuery {
        context_id: Some("context".into()),
        state: Some(TaskState::Completed),
        limit: 1,
        ..ListQuery::default()
    };
    let total = || block_on(tasks.storage.list(&tasks.scope, &query)).unwrap().total;
    assert_eq!(total(), metrics.tasks as u64 - 20);
    tasks.run(20, 20_000);
    assert_eq!(total(), tasks.storage.metrics().tasks as u64 - 21);
}

#[test]
fn logs_are_dropped_in_time_while_tasks_are_evicted() {
    const COUNT: u64 = 20_000;
    let replay_window = Duration::from_secs(1);
    let tasks = Tasks::new(MemoryLimits { max_bytes: 4 << 20, replay_window, ..MemoryLimits::default() });
    for number in 0..COUNT {
        tasks.run(number, number);
        tasks.end(number, number);
    }
    assert!(tasks.storage.metrics().evicted > COUNT / 2);
    let has_log = |number: &u64| tasks.events(*number, 0).is_some();
    assert!((COUNT - 1000..COUNT).all(|number| has_log(&number)), "within the window");
    let older: Vec<u64> = (0..COUNT - 3000).filter(|number| tasks.exists(*number)).collect();
    assert!(!older.is_empty());
    assert_eq!(older.into_iter().filter(has_log).collect::<Vec<_>>(), [0; 0]);
}

#[test]
fn running_tasks_are_never_evicted_and_nothing_of_the_others_stays() {
    for replay_window in [Duration::ZERO, Duration::from_secs(60 * 60)] {
        let tasks = Tasks::new(MemoryLimits { max_bytes: 0, replay_window, ..MemoryLimits::default() });
        (0..1000).for_each(|number| tasks.run(number, number));
        assert_eq!((tasks.total(), tasks.storage.metrics().running), (1000, 1000));
        (0..1000).for_each(|number| tasks.end(number, number));
        let metrics = tasks.storage.metrics();
        assert_eq!((metrics.tasks, metrics.running, metrics.bytes, metrics.evicted), (0, 0, 0, 1000));
        assert_eq!(tasks.total(), 0);
    }
}

#[test]
fn what_a_dropped_log_took_is_given_back() {
    let tasks = Tasks::new(MemoryLimits { replay_window: Duration::ZERO, ..MemoryLimits::default() });
    tasks.run(0, 0);
    let chunk = |append| {
        let artifact = Arc::new(a2a_protocol_core::Artifact::new("report", vec!["x".repeat(1000).into()]));
        Event { time: at(0), kind: EventKind::Artifact { artifact, append, last_chunk: false } }
    };
    for number in 0..100 {
        block_on(tasks.storage.append(&tasks.scope, id(0), 1 + number, vec![chunk(number > 0)], Author::Caller))
            .unwrap();
    }
    block_on(tasks.storage.append(&tasks.scope, id(0), 101, vec![status(1, TaskState::Completed)], Author::Caller))
        .unwrap();
    let before = tasks.storage.metrics().bytes;
    assert!(before > 200_000, "the log and the artifact of it: {before}");
    // A late append looks at the same shard.
    block_on(tasks.storage.append(&tasks.scope, id(0), 102, vec![status(2, TaskState::Working)], Author::Caller))
        .unwrap_err();
    let after = tasks.storage.metrics().bytes;
    assert!((100_000..130_000).contains(&after), "the artifact: {after}");
    assert_eq!(tasks.events(0, 0), None);
}

#[test]
fn claims_are_bounded_in_number() {
    let tasks = Tasks::new(MemoryLimits { max_claims: 160, ..MemoryLimits::default() });
    let claim = |number: u64| {
        let (message_id, expires) = (number.to_string().into(), at(1_000_000));
        let claim = Claim { message_id, digest: [0; 32], task: id(number), replica: REPLICA, now: at(number), expires };
        block_on(tasks.storage.claim(&tasks.scope, claim)).unwrap()
    };
    assert!((0..1000).all(|number| claim(number) == Claimed::New));
    assert_eq!(claim(999), Claimed::Task { id: id(999), place: None, by: Some(REPLICA) }, "the newest is known");
    let known = (0..1000).rev().filter(|number| claim(*number) != Claimed::New).count();
    assert!((1..=160).contains(&known), "{known} are known");
}

/// Threads create, change and end tasks, so that tasks move and vanish while others list them.
#[test]
fn pages_are_in_order_and_without_duplicates_whatever_happens_meanwhile() {
    const WRITERS: u64 = 2;
    const TASKS: u64 = 4000;
    let tasks = &Tasks::new(MemoryLimits { max_bytes: 1 << 20, ..MemoryLimits::default() });
    let write = |writer: u64| {
        for number in (writer..TASKS).step_by(WRITERS as usize) {
            tasks.run(number, number);
            let working = vec![status(number + 10, TaskState::Working)];
            block_on(tasks.storage.append(&tasks.scope, id(number), 1, working, Author::Caller)).unwrap();
            let completed = vec![status(number + 20, TaskState::Completed)];
            block_on(tasks.storage.append(&tasks.scope, id(number), 2, completed, Author::Caller)).unwrap();
        }
    };
    let read = |filter: ListQuery| {
        let mut query = ListQuery { limit: 40, ..filter.clone() };
        while tasks.storage.metrics().tasks as u64 + tasks.storage.metrics().evicted < TASKS {
            let page = block_on(tasks.storage.list(&tasks.scope, &query)).unwrap();
            let place = |task: &a2a_protocol_core::Task| Position {
                time: task.status.timestamp.unwrap(),
                id: task.id.parse().unwrap(),
            };
            let places: Vec<Position> = page.tasks.iter().map(|task| place(task)).collect();
            assert!(places.is_sorted_by(|one, next| one > next), "{places:?}");
            assert!(places.iter().all(|place| query.after.is_none_or(|after| *place < after)), "{places:?}");
            assert!(page.next.is_none_or(|next| query.after.is_none_or(|after| next < after)));
            let ids: HashSet<TaskId> = places.iter().map(|place| place.id).collect();
            assert_eq!(ids.len(), places.len());
            assert!(
                page.tasks.iter().all(|task| filter.state.as_ref().is_none_or(|state| *state == task.status.state))
            );
            query.after = page.next;
        }
    };
    std::thread::scope(|threads| {
        for writer in 0..WRITERS {
            threads.spawn(move || write(writer));
        }
        threads.spawn(|| read(ListQuery::default()));
        threads.spawn(|| read(ListQuery { state: Some(TaskState::Completed), ..ListQuery::default() }));
    });
    let metrics = tasks.storage.metrics();
    assert_eq!((metrics.running, tasks.total()), (0, metrics.tasks));
    let query = ListQuery { state: Some(TaskState::Completed), limit: 1, ..ListQuery::default() };
    assert_eq!(block_on(tasks.storage.list(&tasks.scope, &query)).unwrap().total, metrics.tasks as u64);
}

#[test]
fn push_configs_are_counted_and_go_with_their_task() {
    let tasks = Tasks::new(MemoryLimits::default());
    tasks.run(0, 0);
    let before = tasks.storage.metrics().bytes;
    let row = |name: &str, url: &str| {
        let mut config = TaskPushNotificationConfig::default();
        config.id = Some(name.to_owned());
        config.url = url.to_owned();
        PushConfigRow { config, version: ProtocolVersion::V1_0, created: at(0), cursor: 0, failure: None }
    };
    let put = |task: u64, row| block_on(tasks.storage.put_push_config(&tasks.scope, id(task), row, 9)).unwrap();
    put(0, row("one", &"u".repeat(10_000)));
    put(0, row("one", &"u".repeat(1000)));
    put(0, row("two", "u"));
    let counted = tasks.storage.metrics().bytes - before;
    assert!((1300..3000).contains(&counted), "{counted}");
    for name in ["one", "two", "two"] {
        block_on(tasks.storage.delete_push_config(&tasks.scope, id(0), name)).unwrap();
    }
    assert_eq!(tasks.storage.metrics().bytes, before);

    let tasks = Tasks::new(MemoryLimits { max_bytes: 0, replay_window: Duration::ZERO, ..MemoryLimits::default() });
    tasks.run(0, 0);
    block_on(tasks.storage.put_push_config(&tasks.scope, id(0), row("one", "u"), 9)).unwrap();
    let pending = || block_on(tasks.storage.pending_pushes("", None, 10)).unwrap().len();
    assert_eq!(pending(), 1);
    tasks.end(0, 0);
    assert_eq!((pending(), tasks.storage.metrics().bytes, tasks.storage.metrics().evicted), (0, 0, 1));
}
