//! What is in one scope does not exist for another.

use a2a_protocol_core::TaskState;

use super::{
    logs::assert_nothing,
    tasks::{assert_log, create, created, full_log, good, id, scope, status},
};
use crate::{Author, ListQuery, Scope, Storage, StorageError};

pub(super) async fn a_task_exists_in_its_own_scope_only(storage: &impl Storage) {
    let (own, other) = (scope("own"), scope("other"));
    let log = full_log();
    good(create(storage, &own, id(1), log.clone()).await);
    let page = good(storage.list(&other, &ListQuery { limit: 10, ..ListQuery::default() }).await);
    assert_eq!((page.tasks.len(), page.total, page.next), (0, 0, None));
    assert_nothing(storage, &other, id(1)).await;
    // An id that another scope has is never made twice. A storage may refuse it, or keep the two
    // apart; it must not tell how long the other log is.
    let result = create(storage, &other, id(1), vec![created(1, "context")]).await;
    assert!(matches!(result, Ok(1) | Err(StorageError::Conflict { current: 0 })), "{result:?}");
    assert_log(storage, &own, id(1), &log).await;
}

pub(super) async fn scopes_differ_in_each_of_their_parts(storage: &impl Storage) {
    let parts = [None, Some(""), Some("a"), Some("b")];
    let agents = ["", "a", "b"];
    let scopes: Vec<Scope> = agents
        .iter()
        .flat_map(|agent| parts.iter().map(move |tenant| (agent, tenant)))
        .flat_map(|(agent, tenant)| parts.iter().map(move |owner| (agent, tenant, owner)))
        .map(|(agent, tenant, owner)| Scope {
            agent: (*agent).into(),
            tenant: tenant.map(Into::into),
            owner: owner.map(Into::into),
        })
        .collect();
    for (number, scope) in (0..).zip(&scopes) {
        good(create(storage, scope, id(number), vec![created(number, "context")]).await);
    }
    let queries = [
        ListQuery { limit: 10, ..ListQuery::default() },
        ListQuery { limit: 10, context_id: Some("context".into()), ..ListQuery::default() },
        ListQuery { limit: 10, state: Some(TaskState::Submitted), ..ListQuery::default() },
    ];
    for (number, scope) in (0..).zip(&scopes) {
        for query in &queries {
            let page = good(storage.list(scope, query).await);
            let ids: Vec<_> = page.tasks.iter().map(|task| task.id.parse()).collect();
            assert_eq!((ids, page.total), (vec![Ok(id(number))], 1), "{query:?} in {scope:?}");
        }
        let next = (number + 1) % scopes.len() as u64;
        assert_nothing(storage, scope, id(next)).await;
    }
    for (number, scope) in (0..).zip(&scopes) {
        good(storage.append(scope, id(number), 1, vec![status(100, TaskState::Working)], Author::Caller).await);
        assert_log(storage, scope, id(number), &[created(number, "context"), status(100, TaskState::Working)]).await;
    }
}

pub(super) async fn the_page_token_key_never_changes(storage: &impl Storage) {
    assert_eq!(good(storage.page_token_key([1; 32]).await), [1; 32]);
    assert_eq!(good(storage.page_token_key([2; 32]).await), [1; 32]);
    assert_eq!(good(storage.page_token_key([1; 32]).await), [1; 32]);
}
