//! What every SQL storage has to make of a schema of before.

use std::sync::Arc;

use a2a_app_ports::{Author, Claim, Claimed, Creation, ListQuery, Storage, StorageError, TaskId};
use a2a_protocol_core::{Event, EventKind, Message};

use super::{LONG, REPLICA, at, created, fold, id, said, scope};

/// An id that JSON escapes.
const ODD: &str = "a \"message\" \\ \t☃";

fn begun_by(name: &str) -> Event {
    let message = Arc::new(Message::user(name, "Please."));
    Event { kind: EventKind::Created { context_id: long().into(), skill: "skill".into(), message }, time: at(0) }
}

/// Statements that store what version 1 stored, given how names and bytes are written: task 1 was
/// said more, the message of task 2 has an odd id, the log of task 3 is gone.
pub(crate) fn rows_of_v1(name: impl Fn(&str) -> String, bytes: impl Fn(&[u8]) -> String) -> String {
    let id = |number| bytes(&id(number).as_u128().to_be_bytes());
    let mut sql =
        format!("INSERT INTO scopes (agent, key) VALUES ({}, {});", name("agent"), name("[\"agent\",null,\"owner\"]"));
    let logs = [
        (1, vec![begun_by("first"), said(1, "second")], 0),
        (2, vec![begun_by(ODD)], 0),
        (3, vec![begun_by("gone"), super::status(1, a2a_protocol_core::TaskState::Completed)], 2),
    ];
    for (number, log, dropped) in logs {
        let (revision, context, skill, id) = (log.len(), name(&long()), name("skill"), id(number));
        let task = fold(super::id(number), &log);
        let bodies: Vec<String> = log.iter().map(|event| serde_json::to_string(event).unwrap()).collect();
        let (tail, time) = (bodies.iter().map(String::len).sum::<usize>(), at(0).as_nanos());
        if dropped > 0 {
            let body = serde_json::to_string(&task).unwrap();
            sql += &format!(
                "INSERT INTO tasks (id, scope, context, skill, state, status_time, revision, snapshot, \
                 snapshot_bytes, tail_bytes, fence, waits, dropped, ended) VALUES ({id}, 1, {context}, {skill}, 3, \
                 {}, {revision}, {revision}, {}, 0, 1, 0, {dropped}, {0}); \
                 INSERT INTO snapshots (task, revision, body) VALUES ({number}, {revision}, '{body}');",
                at(1).as_nanos(),
                body.len()
            );
            continue;
        }
        sql += &format!(
            "INSERT INTO tasks (id, scope, context, skill, state, status_time, revision, snapshot, snapshot_bytes, \
             tail_bytes, fence, waits, dropped) VALUES ({id}, 1, {context}, {skill}, 1, {time}, {revision}, 0, 0, \
             {tail}, 1, 0, 0);"
        );
        for (seq, body) in (1..).zip(bodies) {
            sql += &format!("INSERT INTO events (task, seq, body) VALUES ({number}, {seq}, '{body}');");
        }
    }
    for context in [String::new(), format!("={}", long())] {
        sql += &format!(
            "INSERT INTO counts (context, scope, stripe, s1, s2, s3, s4, s5, s6, s7, s8) \
             VALUES ({}, 1, 0, 2, 0, 1, 0, 0, 0, 0, 0);",
            name(&context)
        );
    }
    for (message, task) in claims() {
        let answer = match &*message {
            "answered" => format!("'{}'", serde_json::to_string(&Message::user("answer", "No.")).unwrap()),
            _ => "NULL".to_owned(),
        };
        sql += &format!(
            "INSERT INTO claims (scope, message_id, digest, task, replica, expires, answer) \
             VALUES (1, {}, {}, {}, {}, {}, {answer});",
            name(&message),
            bytes(&[7; 32]),
            id(task),
            bytes(&[1; 16]),
            at(99_000).as_nanos()
        );
    }
    sql
}

/// A name that version 1 took, and that is too long for a key by now.
fn long() -> String {
    "long ".repeat(400)
}

/// The message ids that are claimed, and the tasks they are claimed for.
fn claims() -> [(String, u64); 8] {
    let short = [("first", 1), ("second", 1), ("unsaid", 1), (ODD, 2), ("gone", 3), ("open", 8), ("answered", 9)];
    let [one, two, three, four, five, six, seven] = short.map(|(name, task)| (name.to_owned(), task));
    [one, two, three, four, five, six, seven, (long(), 8)]
}

/// What claims of version 1 have become.
pub(crate) async fn claims_of_v1_are_used_where_their_messages_are_stored(storage: &impl Storage) {
    storage.join(REPLICA, LONG).await.unwrap();
    let told = async |name: &str| {
        let claim = Claim {
            message_id: name.into(),
            digest: [7; 32],
            task: id(99),
            replica: REPLICA,
            now: at(0),
            expires: at(1000),
        };
        storage.claim(&scope(), claim).await.unwrap()
    };
    let task = |number: u64, place| Claimed::Task { id: id(number), place, by: None };
    for (name, number) in claims().into_iter().filter(|(name, _)| name != "answered") {
        let place = match &*name {
            "first" | ODD => Some(1),
            "second" | "gone" => Some(2),
            _ => None,
        };
        assert_eq!(told(&name).await, task(number, place), "{name}");
        let late = Some(Arc::new(Message::user("late", "No.")));
        let settled = storage.settle(&scope(), &name, id(number), late).await;
        assert_eq!(settled.is_ok(), place.is_none(), "{name}: {settled:?}");
        assert_eq!(matches!(told(&name).await, Claimed::Message(_)), place.is_none(), "{name}");
    }
    let query = ListQuery { context_id: Some(long().into()), limit: 9, ..ListQuery::default() };
    let page = storage.list(&scope(), &query).await.unwrap();
    assert_eq!((page.tasks.len(), page.total), (3, 3));
    assert_eq!(told("answered").await, Claimed::Message(Arc::new(Message::user("answer", "No."))));
    // Those that are open are used as ever.
    let claim = |name: &str, task: TaskId| Claim {
        message_id: name.into(),
        digest: [7; 32],
        task,
        replica: REPLICA,
        now: at(99_000),
        expires: at(200_000),
    };
    assert_eq!(storage.claim(&scope(), claim("first", id(1))).await.unwrap(), Claimed::New, "it expired");
    assert_eq!(storage.claim(&scope(), claim("message", id(8))).await.unwrap(), Claimed::New);
    let mut creation = Creation::new(vec![created(0)], REPLICA);
    creation.claimed = true;
    assert_eq!(storage.create(&scope(), id(8), creation).await.unwrap(), 1);
    let again = storage.append(&scope(), id(1), 2, vec![said(2, "second")], Author::Claimant).await;
    assert!(matches!(again, Err(StorageError::Unclaimed)), "{again:?}");
}
