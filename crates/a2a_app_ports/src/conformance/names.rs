//! Names that callers choose are of any length.

use a2a_protocol_core::{EventKind, TaskState};

use super::{
    claims::{answer, claim, taken},
    logs::assert_nothing,
    pushes::row,
    tasks::{REPLICA, Random, assert_log, at, create, created, good, id, scope, status},
};
use crate::{Author, Claimed, Creation, ListQuery, PushConfigKey, Scope, Storage};

/// A name of 10 000 bytes that does not shrink, and differs from others at its end only.
fn long(end: &str) -> String {
    let mut random = Random(7);
    let mut name = String::new();
    while name.len() < 10_000 - end.len() {
        name.push(char::from(b'!' + random.below(94) as u8));
    }
    name + end
}

pub(super) async fn long_context_ids_are_told_apart(storage: &impl Storage) {
    let scope = scope("agent");
    let contexts = [long("a"), long("b"), "short".to_owned()];
    for number in 0..9 {
        good(create(storage, &scope, id(number), vec![created(number, &contexts[number as usize % 3])]).await);
    }
    good(storage.append(&scope, id(0), 1, vec![status(20, TaskState::Completed)], Author::Caller).await);
    for (number, context) in (0..).zip(&contexts) {
        let query = ListQuery { context_id: Some(context.as_str().into()), limit: 10, ..ListQuery::default() };
        let page = good(storage.list(&scope, &query).await);
        assert_eq!((page.tasks.len(), page.total), (3, 3));
        assert!(page.tasks.iter().all(|task| *task.context_id == **context));
        let ended = ListQuery { state: Some(TaskState::Completed), ..query };
        assert_eq!(good(storage.list(&scope, &ended).await).total, u64::from(number == 0));
    }
    assert_log(storage, &scope, id(1), &[created(1, &contexts[1])]).await;
}

pub(super) async fn long_message_ids_are_told_apart(storage: &impl Storage) {
    let scope = scope("agent");
    let names = [long("a"), long("b"), long("c")];
    for (number, name) in (0..).zip(&names) {
        assert_eq!(good(storage.claim(&scope, claim(name, 1, number, 0)).await), Claimed::New);
    }
    let mut first = created(1, "context");
    if let EventKind::Created { message, .. } = &mut first.kind {
        std::sync::Arc::make_mut(message).message_id = names[0].as_str().into();
    }
    let creation = Creation { claimed: true, ..Creation::new(vec![first], REPLICA) };
    assert_eq!(good(storage.create(&scope, id(0), creation).await), 1);
    good(storage.settle(&scope, &names[1], id(1), Some(answer("Yes."))).await);
    let told = async |name| good(storage.claim(&scope, claim(name, 1, 9, 1)).await);
    assert_eq!(told(&names[0]).await, Claimed::Task { id: id(0), place: Some(1), by: Some(REPLICA) });
    assert_eq!(told(&names[1]).await, Claimed::Message(answer("Yes.")));
    assert_eq!(told(&names[2]).await, taken(id(2)));
    good(storage.settle(&scope, &names[2], id(2), None).await);
    assert_eq!(told(&names[2]).await, Claimed::New);
    while good(storage.sweep(at(5000)).await) {}
    assert_eq!(good(storage.claim(&scope, claim(&names[0], 2, 3, 5000)).await), Claimed::New);
}

pub(super) async fn long_push_config_ids_come_in_order(storage: &impl Storage) {
    let scope = scope("agent");
    good(create(storage, &scope, id(1), vec![created(1, "context")]).await);
    let mut names: Vec<_> = ["a", "b", "c", "é", "☃"].iter().map(|end| long(end)).collect();
    names.extend(["", "short", "~"].iter().map(|short| format!("{short}!")));
    names.sort();
    for name in names.iter().rev() {
        good(storage.put_push_config(&scope, id(1), row(name, 1, 0), 99).await);
    }
    for limit in [1, 3, 100] {
        let (mut seen, mut after): (Vec<String>, Option<String>) = (Vec::new(), None);
        loop {
            let page = good(storage.push_configs(&scope, id(1), after.as_deref(), limit).await);
            seen.extend(page.iter().map(|row| row.id().to_owned()));
            match page.last() {
                Some(last) => after = Some(last.id().to_owned()),
                None => break,
            }
        }
        assert!(seen == names, "in pages of {limit}");
    }
    let key = |name: &str| PushConfigKey { scope: scope.clone(), task: id(1), id: name.into() };
    let (mut seen, mut after): (Vec<PushConfigKey>, Option<PushConfigKey>) = (Vec::new(), None);
    while let Some(next) = good(storage.pending_pushes("agent", after.as_ref(), 1).await).pop() {
        seen.push(next.clone());
        after = Some(next);
    }
    seen.sort();
    assert!(seen == names.iter().map(|name| key(name)).collect::<Vec<_>>(), "what is pending");
    // Each is its own.
    good(storage.put_push_config(&scope, id(1), row(&long("a"), 2, 0), 99).await);
    good(storage.advance_push(&key(&long("b")), at(1), 1).await);
    good(storage.delete_push_config(&scope, id(1), &long("c")).await);
    let cursor = async |name: &str| good(storage.push_config(&scope, id(1), name).await).map(|row| row.cursor);
    assert_eq!(good(storage.push_config(&scope, id(1), &long("a")).await), Some(row(&long("a"), 2, 0)));
    assert_eq!(
        [cursor(&long("b")).await, cursor(&long("c")).await, cursor(&long("é")).await],
        [Some(1), None, Some(0)]
    );
}

pub(super) async fn long_scopes_are_told_apart(storage: &impl Storage) {
    let with = |agent: &str, tenant: Option<String>, owner: Option<String>| Scope {
        agent: agent.into(),
        tenant: tenant.map(Into::into),
        owner: owner.map(Into::into),
    };
    let scopes = [
        with("agent", Some(long("a")), None),
        with("agent", Some(long("b")), None),
        with("agent", None, Some(long("a"))),
        with("agent", Some(long("a")), Some(long("b"))),
        with(&long("agent"), None, None),
    ];
    for (number, scope) in (0..).zip(&scopes) {
        good(create(storage, scope, id(number), vec![created(number, "context")]).await);
        assert_eq!(good(storage.claim(scope, claim("m", 1, number, 0)).await), Claimed::New);
    }
    for (number, scope) in (0..).zip(&scopes) {
        let page = good(storage.list(scope, &ListQuery { limit: 10, ..ListQuery::default() }).await);
        assert_eq!((page.tasks.len(), page.total), (1, 1));
        assert_log(storage, scope, id(number), &[created(number, "context")]).await;
        assert_nothing(storage, scope, id((number + 1) % 5)).await;
        assert_eq!(good(storage.claim(scope, claim("m", 1, 9, 1)).await), taken(id(number)));
    }
    good(storage.leave(REPLICA).await);
    let mut orphans = good(storage.orphans("agent", None, 10).await);
    orphans.extend(good(storage.orphans(&scopes[4].agent, None, 10).await));
    orphans.sort();
    let mut expected: Vec<_> = scopes.iter().cloned().zip((0..5).map(id)).collect();
    expected.sort();
    assert!(orphans == expected, "the scopes of orphans");
}
