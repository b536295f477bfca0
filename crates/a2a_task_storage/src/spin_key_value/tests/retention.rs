//! What is forgotten, and what is not.

use std::time::Duration;

use a2a_app_ports::{Claim, Claimed, ListQuery, PushConfigKey, PushConfigRow};
use a2a_protocol_core::{ProtocolVersion, TaskPushNotificationConfig};

use super::*;

async fn keeping(retention: Retention) -> (Map, Instance) {
    let map = Map::default();
    let storage = Instance::over(map.clone(), retention).await.unwrap();
    storage.join(REPLICA, LONG).await.unwrap();
    (map, storage)
}

const WINDOW: Retention = Retention { replay_window: Duration::from_secs(1), keep_ended_for: None, most_ended: None };

async fn run_to_end(storage: &Instance, number: u128, millis: i64) {
    let events = vec![created(millis), chunk(millis, "done", false), status(millis, TaskState::Completed)];
    create(storage, id(number), events).await;
}

async fn sweep_all(storage: &Instance, millis: i64) -> usize {
    let mut pieces = 1;
    while storage.sweep(at(millis)).await.unwrap() {
        pieces += 1;
    }
    pieces
}

async fn has_log(storage: &Instance, number: u128) -> bool {
    storage.events(&scope(), id(number), 0, 10).await.unwrap().is_some()
}

async fn total(storage: &Instance) -> u64 {
    storage.list(&scope(), &ListQuery { limit: 1000, ..ListQuery::default() }).await.unwrap().total
}

#[test]
fn logs_go_after_the_replay_window() {
    block_on(async {
        let (map, storage) = keeping(WINDOW).await;
        for number in 0..120 {
            run_to_end(&storage, number, 0).await;
        }
        create(&storage, id(500), vec![created(0)]).await;
        sweep_all(&storage, 999).await;
        assert!(has_log(&storage, 7).await, "within the window");
        let before = snapshot(&storage, id(7)).await;
        assert!(sweep_all(&storage, 1000).await > 1, "piece by piece");
        assert!(!has_log(&storage, 7).await && has_log(&storage, 500).await);
        assert_eq!(storage.events(&scope(), id(7), 3, 10).await.unwrap(), Some(Vec::new()));
        assert_eq!(snapshot(&storage, id(7)).await, before);
        assert_eq!(storage.snapshot_at(&scope(), id(7), 1).await.unwrap(), None);
        assert_eq!((map.count("a2a.event."), map.count("a2a.snapshot.")), (1, 120));
        assert_eq!(total(&storage).await, 121);
    });
}

#[test]
fn a_long_log_goes_piece_by_piece_with_its_snapshots() {
    block_on(async {
        let (map, storage) = keeping(WINDOW).await;
        create(&storage, id(1), vec![created(0)]).await;
        for number in 1..1000 {
            let text = "text ".repeat(10);
            storage.append(&scope(), id(1), number, vec![chunk(0, &text, number > 1)], Author::Caller).await.unwrap();
        }
        storage.append(&scope(), id(1), 1000, vec![status(0, TaskState::Completed)], Author::Caller).await.unwrap();
        assert!(map.count("a2a.snapshot.") > 3);
        assert!(storage.sweep(at(1000)).await.unwrap());
        assert!(!has_log(&storage, 1).await, "what is left begins too late");
        sweep_all(&storage, 1000).await;
        assert_eq!((map.count("a2a.event."), map.count("a2a.snapshot.")), (0, 1));
        assert_eq!(snapshot(&storage, id(1)).await.task.artifact("report").unwrap().parts.len(), 999);
    });
}

#[test]
fn a_log_stays_until_webhooks_are_told() {
    block_on(async {
        let (_, storage) = keeping(WINDOW).await;
        let mut config = TaskPushNotificationConfig::default();
        config.id = Some("hook".to_owned());
        let row = PushConfigRow { config, version: ProtocolVersion::V1_0, created: at(0), cursor: 0, failure: None };
        for number in [1, 2] {
            run_to_end(&storage, number, 0).await;
            storage.put_push_config(&scope(), id(number), row.clone(), 9).await.unwrap();
        }
        sweep_all(&storage, 5000).await;
        assert!(has_log(&storage, 1).await && has_log(&storage, 2).await);
        let key = |number| PushConfigKey { scope: scope(), task: id(number), id: "hook".into() };
        storage.advance_push(&key(1), at(0), 3).await.unwrap();
        let failure = a2a_app_ports::PushFailure { time: at(1), reason: "gone".to_owned() };
        storage.fail_push(&key(2), at(0), failure).await.unwrap();
        sweep_all(&storage, 5000).await;
        assert!(!has_log(&storage, 1).await && !has_log(&storage, 2).await);
    });
}

#[test]
fn ended_tasks_go_when_they_are_too_old_or_too_many() {
    block_on(async {
        let keep_ended_for = Some(Duration::from_secs(10));
        let (map, storage) = keeping(Retention { keep_ended_for, most_ended: Some(50), ..WINDOW }).await;
        for number in 0..120 {
            run_to_end(&storage, number, number as i64).await;
        }
        create(&storage, id(500), vec![created(0)]).await;
        assert!(sweep_all(&storage, 300).await > 1, "piece by piece");
        assert_eq!(total(&storage).await, 51);
        let exists = async |number| storage.snapshot(&scope(), id(number)).await.unwrap().is_some();
        assert!(!exists(0).await && !exists(69).await && exists(70).await, "the oldest went");
        sweep_all(&storage, 10_100).await;
        assert!(!exists(100).await && exists(101).await, "those that ended ten seconds ago");
        sweep_all(&storage, 20_000).await;
        assert!(exists(500).await, "it has not ended");
        assert_eq!((map.count("a2a.event."), map.count("a2a.snapshot."), map.count("a2a.task.")), (1, 0, 1));
        // The id of what is gone is free again.
        run_to_end(&storage, 3, 20_000).await;
        assert_eq!(total(&storage).await, 2);
    });
}

#[test]
fn what_never_came_is_forgotten() {
    block_on(async {
        let (map, storage) = keeping(WINDOW).await;
        run_to_end(&storage, 1, 0).await;
        create(&storage, id(2), vec![created(0)]).await;
        map.forget("a2a.task.");
        assert_eq!(storage.rows().await.unwrap().len(), 2);
        sweep_all(&storage, 5 * 60 * 1000).await;
        assert_eq!(storage.rows().await.unwrap().len(), 2, "they may be yet to come");
        sweep_all(&storage, 10 * 60 * 1000).await;
        assert_eq!(storage.rows().await.unwrap().len(), 0);
    });
}

#[test]
fn claims_and_replicas_are_forgotten() {
    const HOUR: i64 = 60 * 60 * 1000;
    block_on(async {
        let (map, storage) = keeping(WINDOW).await;
        sweep_all(&storage, 0).await;
        let claim = |number: u128, task, now, expires| Claim {
            message_id: number.to_string().into(),
            digest: [1; 32],
            task: id(task),
            replica: REPLICA,
            now: at(now),
            expires: at(expires),
        };
        for number in 0..30 {
            let claim = claim(number, number, 0, HOUR + number as i64 * HOUR);
            assert_eq!(storage.claim(&scope(), claim).await.unwrap(), Claimed::New);
        }
        // One is claimed again when it is over, and so has two times.
        assert_eq!(storage.claim(&scope(), claim(0, 99, HOUR, 50 * HOUR)).await.unwrap(), Claimed::New);
        sweep_all(&storage, 30 * HOUR + 20 * 60 * 1000).await;
        assert_eq!((map.count("a2a.claim."), map.count("a2a.expiring.")), (1, 1));
        let known = storage.claim(&scope(), claim(0, 7, 30 * HOUR, 60 * HOUR)).await.unwrap();
        assert!(matches!(known, Claimed::Task { id: task, .. } if task == id(99)), "{known:?}");

        storage.join(ReplicaId::from_u128(2), Duration::ZERO).await.unwrap();
        storage.join(ReplicaId::from_u128(3), LONG).await.unwrap();
        storage.leave(ReplicaId::from_u128(3)).await.unwrap();
        assert_eq!((map.count("a2a.replica."), storage.replicas().await.unwrap().len()), (2, 2));
        sweep_all(&storage, 0).await;
        assert_eq!((map.count("a2a.replica."), storage.replicas().await.unwrap().len()), (1, 1));
        assert!(storage.renew(REPLICA, LONG).await.unwrap());
    });
}

#[test]
fn who_leaves_leaves_nothing() {
    block_on(async {
        let (map, storage) = keeping(WINDOW).await;
        for number in 2..20 {
            let replica = ReplicaId::from_u128(number);
            storage.join(replica, LONG).await.unwrap();
            storage.leave(replica).await.unwrap();
            storage.leave(replica).await.unwrap();
            assert_eq!(storage.replicas().await.unwrap(), [REPLICA.into()]);
        }
        // One that dies while it leaves has left; a sweep forgets the rest.
        storage.join(ReplicaId::from_u128(2), LONG).await.unwrap();
        map.die_after(1);
        storage.leave(ReplicaId::from_u128(2)).await.unwrap_err();
        map.revive();
        assert!(!storage.renew(ReplicaId::from_u128(2), LONG).await.unwrap());
        assert_eq!((map.count("a2a.replica."), storage.replicas().await.unwrap().len()), (1, 2));
        sweep_all(&storage, 0).await;
        assert_eq!((map.count("a2a.replica."), storage.replicas().await.unwrap()), (1, vec![REPLICA.into()]));
    });
}

/// What a task has used belongs to it; what another task, or the same one, claims later does not.
#[test]
fn a_claim_that_is_made_anew_is_not_used() {
    block_on(async {
        let (_, storage) = keeping(WINDOW).await;
        let claim = |task, now| Claim {
            message_id: "message at 0".into(),
            digest: [1; 32],
            task: id(task),
            replica: REPLICA,
            now: at(now),
            expires: at(now + 1000),
        };
        assert_eq!(storage.claim(&scope(), claim(1, 0)).await.unwrap(), Claimed::New);
        let mut creation = Creation::new(vec![created(0)], REPLICA);
        creation.claimed = true;
        storage.create(&scope(), id(1), creation).await.unwrap();
        for (task, now) in [(1, 1000), (2, 2000)] {
            assert_eq!(storage.claim(&scope(), claim(task, now)).await.unwrap(), Claimed::New);
            let revision = snapshot(&storage, id(1)).await.revision;
            storage.append(&scope(), id(1), revision, vec![said(now, "More.")], Author::Caller).await.unwrap();
            let repeat = storage.claim(&scope(), claim(9, now + 1)).await.unwrap();
            assert_eq!(repeat, Claimed::Task { id: id(task), place: None, by: Some(REPLICA) });
        }
    });
}
