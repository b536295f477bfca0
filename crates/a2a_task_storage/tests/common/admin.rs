//! What every SQL storage has to do for whoever looks after it.

use std::sync::Arc;

use a2a_app_ports::{Author, Claim, Lease, ListQuery, PushConfigKey, PushFailure, Scope, Storage};
use a2a_protocol_core::{Message, TaskState};
use a2a_task_storage::{
    Finding, StoreAdmin,
    archive::{Content, Reader, Writer},
};

use super::{
    LONG, REPLICA, at, chunk, create, create_claimed, created, id, push, run_to_end, said, scope, status, sweep_all,
};

pub(crate) fn all() -> ListQuery {
    ListQuery { limit: 100, ..ListQuery::default() }
}

/// A name that is too long for a key.
pub(crate) fn long(name: &str) -> String {
    format!("{name} ").repeat(400)
}

/// Tasks of every kind: 1 has ended long ago, 2 is run and long, 3 waits for its caller, 4 has just
/// ended, 5 is of another scope and nobody has it.
pub(crate) async fn fill(storage: &impl Storage) {
    storage.join(REPLICA, LONG).await.unwrap();
    run_to_end(storage, 1, 10).await;
    sweep_all(storage, 70_000).await;
    // The message of task 2 is claimed for it, one is said to it; one was answered, one is yet to come.
    for (name, number) in [("message", 2), ("said", 2), ("answered", 9), (&long("open"), 8)] {
        let (now, expires) = (at(0), at(99_000));
        let claim =
            Claim { message_id: name.into(), digest: [7; 32], task: id(number), replica: REPLICA, now, expires };
        storage.claim(&scope(), claim).await.unwrap();
    }
    let answer = Some(Arc::new(Message::user("answer", "No.")));
    storage.settle(&scope(), "answered", id(9), answer).await.unwrap();
    create_claimed(storage, id(2), vec![created(20)], push("hook")).await;
    for number in 1..59 {
        let text = format!("chunk {number} ").repeat(30);
        storage.append(&scope(), id(2), number, vec![chunk(20, &text, number > 1)], Author::Caller).await.unwrap();
    }
    storage.append(&scope(), id(2), 59, vec![said(21, "said")], Author::Claimant).await.unwrap();
    create(storage, &scope(), id(3), vec![created(30)]).await.unwrap();
    let asks = vec![status(31, TaskState::Working), status(32, TaskState::InputRequired)];
    storage.append(&scope(), id(3), 1, asks, Author::Caller).await.unwrap();
    assert!(storage.release(&scope(), id(3), Lease::first(REPLICA), 3).await.unwrap());
    run_to_end(storage, 4, 60_000).await;
    let other = push("gave up");
    storage.put_push_config(&scope(), id(4), push(&long("hook")), 9).await.unwrap();
    storage.put_push_config(&scope(), id(4), other.clone(), 9).await.unwrap();
    let key = PushConfigKey { scope: scope(), task: id(4), id: "gave up".into() };
    let failure = PushFailure { time: at(60_001), reason: "410 Gone".to_owned() };
    storage.fail_push(&key, other.created, failure).await.unwrap();
    let elsewhere = Scope { tenant: Some("tenant".into()), ..scope() };
    create(storage, &elsewhere, id(5), vec![created(50)]).await.unwrap();
    assert!(storage.release(&elsewhere, id(5), Lease::first(REPLICA), 1).await.unwrap());
    let further = Scope { tenant: Some(long("tenant").into()), ..scope() };
    let claim = Claim {
        message_id: "message".into(),
        digest: [7; 32],
        task: id(10),
        replica: REPLICA,
        now: at(0),
        expires: at(99_000),
    };
    storage.claim(&further, claim).await.unwrap();
    storage.append(&elsewhere, id(5), 1, vec![chunk(51, "said", false)], Author::Caller).await.unwrap();
}

pub(crate) async fn export(storage: &impl StoreAdmin) -> Vec<String> {
    let mut writer = Writer::new(true);
    let mut lines = vec![writer.header().unwrap()];
    let mut after = Some(0);
    while let Some(place) = after {
        let page = storage.tasks(place, 2).await.unwrap();
        for task in page.found {
            let record = storage.record(task.id).await.unwrap().unwrap();
            assert_eq!(record.task, task);
            lines.extend(writer.task(&record).unwrap());
        }
        after = page.next;
    }
    let mut after = None;
    loop {
        let page = storage.claims(after.as_ref(), 1).await.unwrap();
        lines.extend(page.found.iter().map(|claim| writer.claim(claim).unwrap()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    lines.push(writer.end().unwrap());
    lines
}

/// How many were stored.
pub(crate) async fn import(storage: &impl StoreAdmin, lines: &[String]) -> usize {
    let mut reader = Reader::new();
    let mut stored = 0;
    for line in lines {
        for item in reader.line(line).unwrap() {
            let is_new = match item.content {
                Content::Task(record) => storage.import_task(*record).await.unwrap(),
                Content::Claim(claim) => storage.import_claim(claim).await.unwrap(),
            };
            stored += usize::from(is_new);
        }
    }
    reader.end().unwrap();
    stored
}

pub(crate) async fn verify(storage: &impl StoreAdmin) -> Vec<Finding> {
    let mut findings = storage.check_rest().await.unwrap();
    let mut after = Some(0);
    while let Some(place) = after {
        let mut checked = storage.check_tasks(place, 2).await.unwrap();
        findings.append(&mut checked.findings);
        after = checked.next;
    }
    findings
}
