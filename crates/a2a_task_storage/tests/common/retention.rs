//! What is forgotten, and what is not.

use std::time::Duration;

use a2a_app_ports::{Claim, Claimed, ListQuery, PushConfigKey, Storage, TaskId};
use a2a_protocol_core::TaskState;
use a2a_task_storage::Retention;

use super::{REPLICA, at, chunk, create, created, fold, id, push, run_to_end, scope, status, sweep_all};

async fn total(storage: &impl Storage) -> u64 {
    let query = ListQuery { limit: 1000, state: Some(TaskState::Completed), ..ListQuery::default() };
    let page = storage.list(&scope(), &query).await.unwrap();
    assert_eq!(page.total, page.tasks.len() as u64);
    let in_context = ListQuery { context_id: Some("context".into()), ..query };
    assert_eq!(storage.list(&scope(), &in_context).await.unwrap().total, page.total);
    page.total
}

async fn has_log(storage: &impl Storage, id: TaskId) -> bool {
    let events = storage.events(&scope(), id, 0, 10).await.unwrap();
    let first = storage.snapshot_at(&scope(), id, 1).await.unwrap();
    assert_eq!(events.is_some(), first.is_some());
    events.is_some()
}

pub(crate) const WINDOW: Retention =
    Retention { replay_window: Duration::from_secs(1), keep_ended_for: None, most_ended: None };

/// With [`WINDOW`].
pub(crate) async fn logs_go_after_the_replay_window(storage: &impl Storage) {
    for number in 0..200 {
        run_to_end(storage, number, 0).await;
    }
    create(storage, &scope(), id(500), vec![created(0)]).await.unwrap();
    assert!(!storage.sweep(at(999)).await.unwrap());
    assert!(has_log(storage, id(7)).await, "within the window");
    assert!(sweep_all(storage, 1000).await > 1, "piece by piece");
    assert!(!has_log(storage, id(7)).await);
    assert_eq!(storage.events(&scope(), id(7), 2, 10).await.unwrap(), None);
    // What does not need the log goes on.
    assert_eq!(storage.events(&scope(), id(7), 3, 10).await.unwrap(), Some(Vec::new()));
    let events = [created(0), chunk(0, "done", false), status(0, TaskState::Completed)];
    let snapshot = storage.snapshot(&scope(), id(7)).await.unwrap().unwrap();
    assert_eq!((snapshot.revision, &*snapshot.task), (3, &fold(id(7), &events)));
    assert_eq!(storage.snapshot_at(&scope(), id(7), 3).await.unwrap(), Some(snapshot));
    assert_eq!(total(storage).await, 200);
    assert!(has_log(storage, id(500)).await, "it has not ended");
}

/// With [`WINDOW`].
pub(crate) async fn a_long_log_goes_piece_by_piece(storage: &impl Storage) {
    let mut events = vec![created(0)];
    events.extend((0..9000).map(|number| chunk(0, "text", number > 0)));
    events.push(status(0, TaskState::Completed));
    create(storage, &scope(), id(1), events.clone()).await.unwrap();
    assert!(storage.sweep(at(1000)).await.unwrap());
    assert!(!has_log(storage, id(1)).await, "what is left begins too late");
    sweep_all(storage, 1000).await;
    let snapshot = storage.snapshot(&scope(), id(1)).await.unwrap().unwrap();
    assert_eq!(*snapshot.task, fold(id(1), &events));
}

/// With [`WINDOW`].
pub(crate) async fn a_log_stays_until_webhooks_are_told(storage: &impl Storage) {
    for number in [1, 2] {
        run_to_end(storage, number, 0).await;
        storage.put_push_config(&scope(), id(number), push("hook"), 9).await.unwrap();
    }
    sweep_all(storage, 5000).await;
    assert!(has_log(storage, id(1)).await && has_log(storage, id(2)).await);
    let key = |number| PushConfigKey { scope: scope(), task: id(number), id: "hook".into() };
    storage.advance_push(&key(1), at(0), 3).await.unwrap();
    let failure = a2a_app_ports::PushFailure { time: at(1), reason: "gone".to_owned() };
    storage.fail_push(&key(2), at(0), failure).await.unwrap();
    assert_eq!(storage.pending_pushes("agent", None, 10).await.unwrap(), []);
    sweep_all(storage, 5000).await;
    assert!(!has_log(storage, id(1)).await && !has_log(storage, id(2)).await);
}

pub(crate) const KEEP: Retention = Retention {
    replay_window: Duration::from_secs(1),
    keep_ended_for: Some(Duration::from_secs(10)),
    most_ended: Some(100),
};

/// With [`KEEP`].
pub(crate) async fn ended_tasks_go_when_they_are_too_old_or_too_many(storage: &impl Storage) {
    for number in 0..250 {
        run_to_end(storage, number, number).await;
    }
    create(storage, &scope(), id(500), vec![created(0)]).await.unwrap();
    storage.put_push_config(&scope(), id(0), push("hook"), 9).await.unwrap();
    assert!(sweep_all(storage, 300).await > 1, "piece by piece");
    assert_eq!(total(storage).await, 100);
    let exists = async |number| storage.snapshot(&scope(), id(number)).await.unwrap().is_some();
    assert!(!exists(0).await && !exists(149).await && exists(150).await, "the oldest went");
    assert_eq!(storage.push_configs(&scope(), id(0), None, 10).await.unwrap(), []);
    sweep_all(storage, 10_200).await;
    assert!(!exists(200).await && exists(201).await, "those that ended ten seconds ago");
    assert_eq!(total(storage).await, 49);
    sweep_all(storage, 20_000).await;
    assert_eq!(total(storage).await, 0);
    assert!(exists(500).await, "it has not ended");
    // The id of what is gone is free again.
    run_to_end(storage, 3, 20_000).await;
    assert_eq!(total(storage).await, 1);
}

pub(crate) async fn claims_that_expired_are_forgotten(storage: &impl Storage) {
    let claim = |number: u64, now| Claim {
        message_id: number.to_string().into(),
        digest: [1; 32],
        task: id(number),
        replica: REPLICA,
        now: at(now),
        expires: at(1000 + number),
    };
    for number in 0..3 {
        assert_eq!(storage.claim(&scope(), claim(number, 0)).await.unwrap(), Claimed::New);
    }
    sweep_all(storage, 1001).await;
    let again = |number| Claim { task: id(9), ..claim(number, 0) };
    assert_eq!(storage.claim(&scope(), again(0)).await.unwrap(), Claimed::New, "it was forgotten");
    assert_eq!(storage.claim(&scope(), again(2)).await.unwrap(), Claimed::Task { id: id(2), place: None, by: None });
}
