//! Push configurations and their cursors.

use a2a_protocol_core::{AuthenticationInfo, ProtocolVersion, TaskPushNotificationConfig, TaskState};

use super::{
    leases::LONG,
    tasks::{REPLICA, at, create, create_with, created, good, id, scope, status},
};
use crate::{
    Author, PushConfigKey, PushConfigRow, PushFailure, ReplicaId, Revision, Scope, Storage, StorageError, TaskId,
};

pub(super) fn row(name: &str, millis: u64, cursor: Revision) -> PushConfigRow {
    let mut config = TaskPushNotificationConfig::default();
    config.id = Some(name.to_owned());
    config.url = format!("https://hook.example/{name}?at={millis}");
    PushConfigRow { config, version: ProtocolVersion::V1_0, created: at(millis), cursor, failure: None }
}

/// A configuration with everything that one can have.
fn full_row(name: &str) -> PushConfigRow {
    let mut full = row(name, 7, 3);
    let mut authentication = AuthenticationInfo::default();
    authentication.scheme = "Bearer".to_owned();
    authentication.credentials = Some("a secret".to_owned());
    full.config.tenant = Some("tenant".to_owned());
    full.config.task_id = Some(id(1).to_string());
    full.config.token = Some("a \"token\" ☃".to_owned());
    full.config.authentication = Some(authentication);
    full.version = ProtocolVersion::V0_3;
    full.failure = Some(PushFailure { time: at(9), reason: "nobody there".to_owned() });
    full
}

fn key(scope: &Scope, task: TaskId, name: &str) -> PushConfigKey {
    PushConfigKey { scope: scope.clone(), task, id: name.into() }
}

async fn all(storage: &impl Storage, scope: &Scope, task: TaskId) -> Vec<PushConfigRow> {
    good(storage.push_configs(scope, task, None, usize::MAX).await)
}

async fn put(storage: &impl Storage, scope: &Scope, task: TaskId, row: PushConfigRow) -> Result<(), StorageError> {
    storage.put_push_config(scope, task, row, usize::MAX).await
}

async fn has_configs(storage: &impl Storage, scope: &Scope, task: TaskId) -> bool {
    let now = good(storage.snapshot(scope, task).await);
    let then = good(storage.snapshot_at(scope, task, 1).await);
    let known = [now, then].map(|snapshot| snapshot.map(|snapshot| snapshot.has_push_configs));
    assert_eq!(known[0], known[1], "what every snapshot says of push configurations is as of now");
    known[0] == Some(true)
}

async fn pending(storage: &impl Storage, agent: &str) -> Vec<PushConfigKey> {
    let mut found = good(storage.pending_pushes(agent, None, usize::MAX).await);
    found.sort();
    found
}

pub(super) async fn a_push_config_is_read_back_and_replaced(storage: &impl Storage) {
    let scope = scope("agent");
    good(create(storage, &scope, id(1), vec![created(1, "context")]).await);
    assert!(!has_configs(storage, &scope, id(1)).await);
    assert_eq!(good(storage.push_config(&scope, id(1), "one").await), None);
    good(put(storage, &scope, id(1), full_row("one")).await);
    good(put(storage, &scope, id(1), row("two", 8, 1)).await);
    assert!(has_configs(storage, &scope, id(1)).await);
    assert_eq!(good(storage.push_config(&scope, id(1), "one").await), Some(full_row("one")));
    assert_eq!(all(storage, &scope, id(1)).await, [full_row("one"), row("two", 8, 1)]);
    // All of it is replaced, but it has been told what was told before it.
    good(put(storage, &scope, id(1), row("one", 10, 2)).await);
    assert_eq!(all(storage, &scope, id(1)).await, [row("one", 10, 3), row("two", 8, 1)]);
    // A task that has ended keeps its configurations, and takes more.
    good(storage.append(&scope, id(1), 1, vec![status(20, TaskState::Completed)], Author::Caller).await);
    good(put(storage, &scope, id(1), row("three", 30, 2)).await);
    assert_eq!(all(storage, &scope, id(1)).await, [row("one", 10, 3), row("three", 30, 2), row("two", 8, 1)]);
    // Whatever the clock says, it is newer than what it replaces.
    good(put(storage, &scope, id(1), row("one", 4, 0)).await);
    let config = row("one", 4, 0).config;
    assert_eq!(all(storage, &scope, id(1)).await[0], PushConfigRow { config, ..row("one", 11, 3) });
}

pub(super) async fn a_task_has_no_more_push_configs_than_it_may(storage: &impl Storage) {
    let scope = scope("agent");
    good(create_with(storage, &scope, id(1), vec![created(1, "context")], row("one", 1, 0)).await);
    good(storage.put_push_config(&scope, id(1), row("two", 1, 0), 2).await);
    let before = all(storage, &scope, id(1)).await;
    let full = storage.put_push_config(&scope, id(1), row("three", 1, 0), 2).await;
    assert!(matches!(full, Err(StorageError::Full)), "{full:?}");
    assert_eq!(all(storage, &scope, id(1)).await, before);
    // One that replaces another is no more.
    good(storage.put_push_config(&scope, id(1), row("two", 5, 0), 2).await);
    assert_eq!(all(storage, &scope, id(1)).await, [row("one", 1, 0), row("two", 5, 0)]);
}

pub(super) async fn push_configs_come_in_pages_by_id(storage: &impl Storage) {
    let scope = scope("agent");
    good(create(storage, &scope, id(1), vec![created(1, "context")]).await);
    let names = [" ", "A", "B", "a", "a b", "a/b?c", "aa", "b", "~", "é", "ü", "☃", "🦀"];
    for name in names.iter().rev() {
        good(put(storage, &scope, id(1), row(name, 1, 1)).await);
    }
    for limit in [1, 3, 5, names.len(), 100] {
        let (mut seen, mut after): (Vec<String>, Option<String>) = (Vec::new(), None);
        loop {
            let page = good(storage.push_configs(&scope, id(1), after.as_deref(), limit).await);
            assert!(page.len() <= limit);
            seen.extend(page.iter().map(|row| row.id().to_owned()));
            match page.last() {
                Some(last) => after = Some(last.id().to_owned()),
                None => break,
            }
        }
        assert_eq!(seen, names, "in pages of {limit}");
    }
    // A place outlives its configuration.
    good(storage.delete_push_config(&scope, id(1), "aa").await);
    let page = good(storage.push_configs(&scope, id(1), Some("aa"), 1).await);
    assert_eq!(page[0].id(), "b");
    assert!(good(storage.push_configs(&scope, id(1), None, 0).await).is_empty());
}

pub(super) async fn a_deleted_push_config_is_gone(storage: &impl Storage) {
    let scope = scope("agent");
    good(create(storage, &scope, id(1), vec![created(1, "context")]).await);
    good(put(storage, &scope, id(1), row("one", 1, 0)).await);
    good(put(storage, &scope, id(1), row("two", 2, 0)).await);
    for _ in 0..2 {
        good(storage.delete_push_config(&scope, id(1), "one").await);
        assert_eq!(good(storage.push_config(&scope, id(1), "one").await), None);
        assert_eq!(all(storage, &scope, id(1)).await, [row("two", 2, 0)]);
        assert_eq!(pending(storage, "agent").await, [key(&scope, id(1), "two")]);
        assert!(has_configs(storage, &scope, id(1)).await);
    }
    good(storage.delete_push_config(&scope, id(1), "two").await);
    assert!(!has_configs(storage, &scope, id(1)).await);
    assert_eq!(pending(storage, "agent").await, []);
    good(storage.delete_push_config(&scope, id(2), "one").await);
}

pub(super) async fn push_configs_belong_to_a_task_of_their_scope(storage: &impl Storage) {
    let with = |tenant: Option<&str>, owner: Option<&str>| Scope {
        agent: "agent".into(),
        tenant: tenant.map(Into::into),
        owner: owner.map(Into::into),
    };
    let own = with(Some("a"), Some("b"));
    good(create(storage, &own, id(1), vec![created(1, "context")]).await);
    good(create(storage, &own, id(2), vec![created(1, "context")]).await);
    good(put(storage, &own, id(1), row("one", 1, 0)).await);
    assert_eq!(all(storage, &own, id(2)).await, [], "another task");
    let strangers = [scope("agent"), scope("other"), with(Some("b"), Some("a")), with(Some("a"), None)];
    for stranger in &strangers {
        let refused = put(storage, stranger, id(1), row("one", 2, 0)).await;
        assert!(matches!(refused, Err(StorageError::NotFound)), "{refused:?}");
        assert_eq!(good(storage.push_config(stranger, id(1), "one").await), None);
        assert_eq!(all(storage, stranger, id(1)).await, []);
        good(storage.delete_push_config(stranger, id(1), "one").await);
        good(storage.advance_push(&key(stranger, id(1), "one"), at(1), 1).await);
        let failure = PushFailure { time: at(3), reason: "not mine".to_owned() };
        good(storage.fail_push(&key(stranger, id(1), "one"), at(1), failure).await);
    }
    assert_eq!(all(storage, &own, id(1)).await, [row("one", 1, 0)]);
    let nowhere = put(storage, &own, id(3), row("one", 1, 0)).await;
    assert!(matches!(nowhere, Err(StorageError::NotFound)), "{nowhere:?}");
}

pub(super) async fn a_push_config_comes_with_its_task_or_not_at_all(storage: &impl Storage) {
    let scope = scope("agent");
    let push = || row("one", 1, 0);
    let misplaced = vec![status(1, TaskState::Working)];
    assert!(create_with(storage, &scope, id(1), misplaced, push()).await.is_err());
    assert_eq!(all(storage, &scope, id(1)).await, []);
    assert_eq!(pending(storage, "agent").await, []);

    good(create_with(storage, &scope, id(1), vec![created(1, "context")], push()).await);
    assert_eq!(all(storage, &scope, id(1)).await, [row("one", 1, 0)]);
    assert_eq!(pending(storage, "agent").await, [key(&scope, id(1), "one")]);
    assert!(has_configs(storage, &scope, id(1)).await);

    assert!(create_with(storage, &scope, id(1), vec![created(2, "context")], row("two", 2, 0)).await.is_err());
    assert_eq!(all(storage, &scope, id(1)).await, [row("one", 1, 0)]);
}

pub(super) async fn a_push_cursor_never_goes_back(storage: &impl Storage) {
    let scope = scope("agent");
    let (one, two) = (key(&scope, id(1), "one"), key(&scope, id(1), "two"));
    let log = vec![created(1, "context"), status(2, TaskState::Working), status(3, TaskState::Working)];
    good(create_with(storage, &scope, id(1), log, row("one", 5, 0)).await);
    good(put(storage, &scope, id(1), row("two", 5, 0)).await);
    for (told, cursor) in [(1, 1), (2, 2), (1, 2), (0, 2)] {
        good(storage.advance_push(&one, at(5), told).await);
        assert_eq!(all(storage, &scope, id(1)).await, [row("one", 5, cursor), row("two", 5, 0)]);
    }
    // What is told late of a configuration that has been replaced does not count for the new one.
    good(put(storage, &scope, id(1), row("one", 6, 0)).await);
    good(storage.advance_push(&one, at(5), 3).await);
    assert_eq!(good(storage.push_config(&scope, id(1), "one").await), Some(row("one", 6, 2)));
    good(storage.advance_push(&one, at(6), 3).await);
    good(storage.delete_push_config(&scope, id(1), "two").await);
    good(storage.advance_push(&two, at(5), 3).await);
    assert_eq!(all(storage, &scope, id(1)).await, [row("one", 6, 3)]);
}

pub(super) async fn a_push_failure_is_noted_on_what_failed(storage: &impl Storage) {
    let scope = scope("agent");
    let (one, two) = (key(&scope, id(1), "one"), key(&scope, id(1), "two"));
    let failure = || PushFailure { time: at(9), reason: "503, \"busy\"".to_owned() };
    good(create_with(storage, &scope, id(1), vec![created(1, "context")], row("one", 5, 0)).await);
    good(put(storage, &scope, id(1), row("two", 5, 0)).await);
    good(storage.fail_push(&one, at(5), failure()).await);
    let failed = PushConfigRow { failure: Some(failure()), ..row("one", 5, 0) };
    assert_eq!(all(storage, &scope, id(1)).await, [failed, row("two", 5, 0)]);
    assert_eq!(pending(storage, "agent").await, std::slice::from_ref(&two), "nobody tries again");
    // Replaced, it is as good as new, whatever comes late of the old one.
    good(put(storage, &scope, id(1), row("one", 6, 0)).await);
    good(storage.fail_push(&one, at(5), failure()).await);
    assert_eq!(pending(storage, "agent").await, [one, two.clone()]);
    good(storage.delete_push_config(&scope, id(1), "two").await);
    good(storage.fail_push(&two, at(5), failure()).await);
    assert_eq!(all(storage, &scope, id(1)).await, [row("one", 6, 0)]);
}

pub(super) async fn push_configs_behind_their_logs_are_pending(storage: &impl Storage) {
    let (own, tenant) =
        (scope("agent"), Scope { agent: "agent".into(), tenant: Some("a".into()), owner: Some("b".into()) });
    let mut expected = Vec::new();
    for (number, scope) in (0..).zip([&own, &tenant, &own, &tenant, &scope("other")]) {
        good(create(storage, scope, id(number), vec![created(1, "context")]).await);
        good(put(storage, scope, id(number), row("behind", 1, 0)).await);
        good(put(storage, scope, id(number), row("told", 1, 1)).await);
        good(put(storage, scope, id(number), row("also behind", 1, 0)).await);
        expected.extend([key(scope, id(number), "behind"), key(scope, id(number), "also behind")]);
    }
    expected.retain(|key| &*key.scope.agent == "agent");
    expected.sort();
    assert_eq!(pending(storage, "agent").await, expected);
    assert_eq!(pending(storage, "other").await.len(), 2);
    for limit in [1, 3, 100] {
        let (mut seen, mut after): (Vec<PushConfigKey>, Option<PushConfigKey>) = (Vec::new(), None);
        loop {
            let page = good(storage.pending_pushes("agent", after.as_ref(), limit).await);
            assert!(page.len() <= limit);
            seen.extend(page.iter().cloned());
            match page.last() {
                Some(last) => after = Some(last.clone()),
                None => break,
            }
        }
        seen.sort();
        assert_eq!(seen, expected, "in pages of {limit}");
    }
    // Whoever has been told all there is is not pending until there is more.
    for key in &expected {
        good(storage.advance_push(key, at(1), 1).await);
    }
    assert_eq!(pending(storage, "agent").await, []);
    good(storage.append(&own, id(0), 1, vec![status(2, TaskState::Completed)], Author::Caller).await);
    let names: Vec<_> = pending(storage, "agent").await.into_iter().map(|key| (key.task, key.id)).collect();
    assert_eq!(names, ["also behind", "behind", "told"].map(|name| (id(0), name.into())));
}

pub(super) async fn one_replica_at_a_time_tells_webhooks(storage: &impl Storage) {
    let (scope, other) = (scope("agent"), ReplicaId::from_u128(2));
    good(storage.join(other, LONG).await);
    good(create_with(storage, &scope, id(1), vec![created(1, "context")], row("one", 1, 0)).await);
    assert!(good(storage.take_pushes(&scope, id(1), REPLICA).await));
    assert!(good(storage.take_pushes(&scope, id(1), REPLICA).await), "it does already");
    assert!(!good(storage.take_pushes(&scope, id(1), other).await));
    assert_eq!(pending(storage, "agent").await, [], "somebody sees to it");
    good(storage.append(&scope, id(1), 1, vec![status(2, TaskState::Completed)], Author::Caller).await);
    assert!(!good(storage.release_pushes(&scope, id(1), REPLICA, 1).await), "there is more");
    assert!(good(storage.release_pushes(&scope, id(1), other, 1).await), "it does not tell them");
    assert!(!good(storage.take_pushes(&scope, id(1), other).await));
    assert!(good(storage.release_pushes(&scope, id(1), REPLICA, 2).await));
    assert_eq!(pending(storage, "agent").await, [key(&scope, id(1), "one")]);
    assert!(good(storage.take_pushes(&scope, id(1), other).await));
    good(storage.leave(other).await);
    assert_eq!(pending(storage, "agent").await, [key(&scope, id(1), "one")], "who told it is lost");
    assert!(good(storage.take_pushes(&scope, id(1), REPLICA).await));
    let stranger = Scope { owner: Some("stranger".into()), ..scope.clone() };
    assert!(!good(storage.take_pushes(&stranger, id(1), REPLICA).await), "it has no such task");
    assert!(good(storage.release_pushes(&stranger, id(1), REPLICA, 9).await));
    assert!(!good(storage.take_pushes(&scope, id(1), other).await), "nothing has changed");
}
