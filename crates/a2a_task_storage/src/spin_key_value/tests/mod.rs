//! The storage over a map in memory, in which several instances can stand in each other's way.

mod folds;
mod map;
mod races;
mod retention;

use a2a_app_ports::{
    Author, Creation, FleetStorage, Lease, ReplicaId, Revision, Scope, Snapshot, StorageError, TaskId, TaskStorage,
    conformance::{racing_appends, storage_suite},
};
use a2a_protocol_core::{Artifact, Event, EventKind, Message, Part, TaskState, Timestamp};
use futures::executor::block_on;

use self::map::Map;
use super::KeyValueStorage;
use crate::{Retention, SqlFailure, SqlFailureKind};

const REPLICA: ReplicaId = ReplicaId::from_u128(1);
const LONG: std::time::Duration = std::time::Duration::from_secs(3600);

type Instance = KeyValueStorage<Map>;

/// An instance over a map, which runs tasks as this replica.
async fn instance(map: &Map, replica: ReplicaId) -> Instance {
    let storage = Instance::over(map.clone(), Retention::default()).await.unwrap();
    storage.join(replica, LONG).await.unwrap();
    storage
}

fn scope() -> Scope {
    Scope { agent: "agent".into(), tenant: None, owner: None }
}

fn id(number: u128) -> TaskId {
    TaskId::from_random(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + millis).unwrap()
}

fn created(millis: i64) -> Event {
    let message = Message::user(format!("message at {millis}"), "Please.").into();
    Event {
        time: at(millis),
        kind: EventKind::Created { context_id: "context".into(), skill: "skill".into(), message },
    }
}

fn said(millis: i64, text: &str) -> Event {
    Event { time: at(millis), kind: EventKind::Message(Message::user(format!("message at {millis}"), text).into()) }
}

fn status(millis: i64, state: TaskState) -> Event {
    Event { time: at(millis), kind: EventKind::status(state) }
}

fn chunk(millis: i64, text: &str, append: bool) -> Event {
    let artifact = Artifact::new("report", vec![Part::text(text)]).into();
    Event { time: at(millis), kind: EventKind::Artifact { artifact, append, last_chunk: false } }
}

async fn create(storage: &Instance, id: TaskId, events: Vec<Event>) -> Revision {
    storage.create(&scope(), id, Creation::new(events, REPLICA)).await.unwrap()
}

async fn log(storage: &Instance, id: TaskId) -> Vec<Event> {
    storage.events(&scope(), id, 0, usize::MAX).await.unwrap().unwrap()
}

async fn snapshot(storage: &Instance, id: TaskId) -> Snapshot {
    storage.snapshot(&scope(), id).await.unwrap().unwrap()
}

#[test]
fn it_conforms() {
    block_on(storage_suite(async || Instance::over(Map::default(), Retention::default()).await.unwrap()));
}

/// Every operation in an instance of its own, as where each request has one.
#[test]
fn a_task_outlives_its_instances() {
    block_on(async {
        let map = Map::default();
        let mut log = vec![created(0)];
        create(&instance(&map, REPLICA).await, id(1), log.clone()).await;
        for number in 1..100 {
            let next = chunk(number, &"text ".repeat(20), number > 1);
            let storage = instance(&map, REPLICA).await;
            let author = Author::Run(Lease::first(REPLICA));
            storage.append(&scope(), id(1), number as Revision, vec![next.clone()], author).await.unwrap();
            log.push(next);
        }
        let storage = instance(&map, REPLICA).await;
        assert_eq!(self::log(&storage, id(1)).await, log);
        let fold = snapshot(&storage, id(1)).await.task;
        assert_eq!(fold.artifact("report").unwrap().parts.len(), 99);
        assert!(map.count("a2a.snapshot.") > 1, "no read folds the whole log");
    });
}

#[test]
fn racing_threads_do_not_overwrite_each_other() {
    let storage = block_on(Instance::over(Map::default(), Retention::default())).unwrap();
    racing_appends(&storage, &|future| block_on(future));
}

#[test]
fn an_append_writes_its_own_size() {
    block_on(async {
        let map = Map::default();
        let storage = instance(&map, REPLICA).await;
        create(&storage, id(1), vec![created(0), chunk(0, &"x".repeat(100_000), false)]).await;
        let before = map.written();
        for number in 2..102 {
            storage.append(&scope(), id(1), number, vec![chunk(1, "one more", true)], Author::Caller).await.unwrap();
        }
        let each = (map.written() - before) / 100;
        assert!(each < 1000, "{each} bytes");
    });
}

/// Whatever the last value is that an instance stores before it dies: an append is stored whole or not
/// at all, and the next instance goes on.
#[test]
fn an_instance_may_die_between_any_two_writes() {
    let claim = |now| a2a_app_ports::Claim {
        message_id: "message at 3".into(),
        digest: [1; 32],
        task: id(1),
        replica: REPLICA,
        now: at(now),
        expires: at(1_000_000),
    };
    for writes in 0..100 {
        let died = block_on(async {
            let map = Map::default();
            let (first, claiming) = (instance(&map, REPLICA).await, claim(0));
            map.die_after(writes);
            let create = Creation::new(vec![created(0), status(1, TaskState::Working)], REPLICA);
            let created = first.create(&scope(), id(1), create).await;
            let claimed = first.claim(&scope(), claiming).await;
            let events = vec![said(3, "More."), status(4, TaskState::Completed)];
            let appended = first.append(&scope(), id(1), 2, events, Author::Claimant).await;
            map.revive();

            let next = instance(&map, REPLICA).await;
            let found = next.snapshot(&scope(), id(1)).await.unwrap();
            if created.is_err() && found.is_none() {
                self::create(&next, id(1), vec![self::created(0), status(1, TaskState::Working)]).await;
            }
            let revision = snapshot(&next, id(1)).await.revision;
            assert!(revision == 4 || revision == 2 && appended.is_err(), "{writes} writes: {appended:?}");
            let repeat = next.claim(&scope(), claim(5)).await.unwrap();
            let place = match repeat {
                a2a_app_ports::Claimed::Task { place, .. } => place,
                a2a_app_ports::Claimed::New if claimed.is_err() => None,
                other => panic!("{writes} writes: {other:?}"),
            };
            assert_eq!(place, (revision == 4).then_some(3), "{writes} writes");
            if place.is_none() {
                next.append(&scope(), id(1), 2, vec![said(3, "More.")], Author::Claimant).await.unwrap();
                next.append(&scope(), id(1), 3, vec![status(6, TaskState::Completed)], Author::Caller).await.unwrap();
            }
            // What looks for tasks to run puts the index right.
            next.orphans("agent", None, 10).await.unwrap();
            let ended = a2a_app_ports::ListQuery { state: Some(TaskState::Completed), limit: 10, ..Default::default() };
            let page = next.list(&scope(), &ended).await.unwrap();
            assert_eq!((page.total, page.tasks.len()), (1, 1), "{writes} writes");
            appended.is_err()
        });
        if !died {
            assert!(writes > 10, "{writes}");
            return;
        }
    }
    panic!("it never ends");
}

#[test]
fn what_a_later_version_wrote_is_left_alone() {
    block_on(async {
        let map = Map::default();
        instance(&map, REPLICA).await;
        map.put("a2a.format", "2");
        let refused = Instance::over(map.clone(), Retention::default()).await.map(drop);
        assert_eq!(refused.as_ref().err().and_then(SqlFailure::kind_of), Some(SqlFailureKind::Newer), "{refused:?}");
    });
}

#[test]
fn a_damaged_task_fails_alone() {
    block_on(async {
        let map = Map::default();
        let storage = instance(&map, REPLICA).await;
        for number in 1..4 {
            create(&storage, id(number), vec![created(0), said(1, "And?")]).await;
        }
        map.forget(&format!("a2a.event.{}.", id(2)));
        let failed = storage.snapshot(&scope(), id(2)).await;
        let Err(StorageError::Failed(cause)) = failed else { panic!("{failed:?}") };
        assert!(cause.to_string().contains(&id(2).to_string()), "{cause}");
        let query = a2a_app_ports::ListQuery { limit: 10, ..Default::default() };
        assert_eq!(storage.list(&scope(), &query).await.unwrap().tasks.len(), 2);
    });
}
