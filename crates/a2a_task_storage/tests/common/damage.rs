//! What is damaged costs no more than itself.

use std::time::Duration;

use a2a_app_ports::{ListQuery, Storage, TaskId};
use a2a_task_storage::{Finding, Prune, Retention, SqlFailure, SqlFailureKind, StoreAdmin};

use super::{
    REPLICA,
    admin::{self, verify},
    at, id, run_to_end, scope, sweep_all,
};

/// Damages a snapshot, a row, a scope, a claim and a log of those of [`fill`].
pub(crate) const DAMAGE: &str = "UPDATE snapshots SET body = '{' WHERE task = 1; \
    UPDATE tasks SET state = 77 WHERE n = 4; \
    UPDATE scopes SET key = '[]' WHERE n = 2; \
    UPDATE claims SET answer = '{' WHERE message_id = 'answered'; \
    DELETE FROM events WHERE task = 6 AND seq = 2;";

pub(crate) async fn fill(storage: &impl Storage) {
    admin::fill(storage).await;
    for number in 6..9 {
        run_to_end(storage, number, number).await;
    }
    storage.leave(REPLICA).await.unwrap();
}

/// Of a storage that forgets what has ended.
pub(crate) async fn costs_only_itself(storage: &(impl Storage + StoreAdmin)) {
    let mut query = ListQuery { limit: 1, ..ListQuery::default() };
    let mut listed = Vec::new();
    loop {
        let page = storage.list(&scope(), &query).await.unwrap();
        listed.extend(page.tasks.iter().map(|task| task.id.clone()));
        query.after = page.next;
        if page.next.is_none() {
            break;
        }
    }
    assert_eq!(listed, [4, 3, 2, 8, 7, 6].map(|number| id(number).into()));
    let error = storage.snapshot(&scope(), id(1)).await.unwrap_err();
    assert_eq!(SqlFailure::kind_of(&error), Some(SqlFailureKind::Damaged));

    assert_eq!(storage.orphans("agent", None, 9).await.unwrap(), [(scope(), id(2))]);
    assert_eq!(storage.pending_pushes("agent", None, 9).await.unwrap().len(), 2);

    let tasks = storage.tasks(0, 99).await.unwrap();
    assert_eq!(about(&tasks.damaged), [Some(id(4)), Some(id(5))]);
    let mut whole = Vec::new();
    for task in tasks.found {
        match storage.record(task.id).await {
            Ok(record) => whole.push(record.unwrap().task.id),
            Err(error) => assert_eq!(SqlFailure::kind_of(&error), Some(SqlFailureKind::Damaged)),
        }
    }
    assert_eq!(whole, [2, 3, 7, 8].map(id));
    let claims = storage.claims(None, 99).await.unwrap();
    assert_eq!((claims.found.len(), about(&claims.damaged)), (4, vec![Some(id(9))]));
    let found = about(&verify(storage).await);
    for number in [1, 4, 5, 6, 9] {
        assert!(found.contains(&Some(id(number))), "{number} is not in {found:?}");
    }

    sweep_all(storage, 200_000).await;
    assert_eq!(storage.prune(Prune::Keep(0)).await.unwrap(), (0, false));
    let tasks = storage.tasks(0, 99).await.unwrap();
    assert_eq!(tasks.found.iter().map(|task| task.id).collect::<Vec<_>>(), [2, 3].map(id));
    assert_eq!(about(&tasks.damaged), [Some(id(4)), Some(id(5))]);
}

/// Damages the rows of more tasks than are forgotten at once.
pub(crate) const MANY: &str = "UPDATE tasks SET state = 77 WHERE n <= 70";

/// Tasks of which those of [`MANY`] ended first.
pub(crate) async fn fill_many(storage: &impl Storage) {
    for number in 0..76 {
        run_to_end(storage, number, number).await;
    }
}

pub(crate) const KEEP_FEW: Retention = Retention {
    replay_window: Duration::from_secs(1),
    keep_ended_for: Some(Duration::from_secs(10)),
    most_ended: Some(3),
};

/// With [`KEEP_FEW`].
pub(crate) async fn of_many_keeps_no_others(storage: &(impl Storage + StoreAdmin)) {
    let whole = async || {
        let mut whole = Vec::new();
        for number in 70..76 {
            if storage.snapshot(&scope(), id(number)).await.unwrap().is_some() {
                whole.push(number);
            }
        }
        whole
    };
    assert_eq!(storage.prune(Prune::EndedBefore(at(71))).await.unwrap().0, 1);
    assert_eq!(whole().await, [71, 72, 73, 74, 75]);
    assert_eq!(storage.prune(Prune::Keep(4)).await.unwrap().0, 1);
    assert_eq!(whole().await, [72, 73, 74, 75]);
    sweep_all(storage, 5000).await;
    assert_eq!(whole().await, [73, 74, 75]);
    assert_eq!(storage.events(&scope(), id(75), 0, 9).await.unwrap(), None, "its log is gone");
    sweep_all(storage, 50_000).await;
    assert_eq!(whole().await, [0; 0]);
}

fn about(findings: &[Finding]) -> Vec<Option<TaskId>> {
    findings.iter().map(|finding| finding.task).collect()
}
