//! Looking after a storage: export and import, forgetting, and finding damage.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::path::Path;

use a2a_app_ports::{FleetStorage as _, StorageError, TaskStorage as _};
use a2a_task_storage::{
    Prune, Retention, SqlFailure, SqlFailureKind, SqliteOptions, SqliteStorage, StoreAdmin, archive::Reader,
};
use common::{
    admin::{all, export, fill, import, verify},
    at, damage, id, push, run_to_end, scope,
};
use futures::executor::block_on;

fn open(path: &Path) -> SqliteStorage {
    let retention = Retention { replay_window: std::time::Duration::from_secs(60), ..Retention::default() };
    let mut options = SqliteOptions::new(path);
    options.retention = retention;
    SqliteStorage::open(options).unwrap()
}

fn open_to_read(path: &Path) -> SqliteStorage {
    SqliteStorage::open_to_read(SqliteOptions::new(path)).unwrap()
}

#[test]
fn what_is_exported_and_imported_is_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let from = open(&directory.path().join("a.db"));
    let to = open(&directory.path().join("b.db"));
    block_on(async {
        fill(&from).await;
        let lines = export(&from).await;
        assert_eq!(import(&to, &lines).await, 10);
        assert_eq!(export(&to).await, lines);
        assert_eq!(import(&to, &lines).await, 0, "all are there");
        assert_eq!((verify(&from).await, verify(&to).await), (vec![], vec![]));
        assert_eq!(from.list(&scope(), &all()).await.unwrap(), to.list(&scope(), &all()).await.unwrap());
        for revision in 1..=60 {
            let then = |storage: SqliteStorage| async move { storage.snapshot_at(&scope(), id(2), revision).await };
            let [from, to] = [then(from.clone()).await, then(to.clone()).await];
            assert_eq!(from.unwrap().unwrap().task, to.unwrap().unwrap().task);
        }
        assert_eq!(to.push_configs(&scope(), id(2), None, 9).await.unwrap(), [push("hook")]);
        // Nobody here runs them any more.
        assert_eq!(to.orphans("agent", None, 9).await.unwrap().len(), 2);
    });
}

#[test]
fn an_archive_that_does_not_say_where_claims_are_used_is_imported_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let from = open(&directory.path().join("a.db"));
    let to = open(&directory.path().join("b.db"));
    block_on(async {
        fill(&from).await;
        let lines = export(&from).await;
        let older = |line: &String| line.replace(",\"place\":1", "").replace(",\"place\":60", "");
        let older: Vec<_> = lines.iter().map(older).collect();
        assert_eq!(lines.iter().zip(&older).filter(|(new, old)| new != old).count(), 2);
        assert_eq!(import(&to, &older).await, 10);
        assert_eq!(export(&to).await, lines);
    });
}

#[test]
fn an_archive_that_was_tampered_with_is_refused_by_line_and_field() {
    let directory = tempfile::tempdir().unwrap();
    let from = open(&directory.path().join("a.db"));
    block_on(fill(&from));
    let lines = block_on(export(&from));
    let error = |lines: &[String]| -> String {
        let mut reader = Reader::new();
        for line in lines {
            if let Err(error) = reader.line(line) {
                return error.to_string();
            }
        }
        reader.end().unwrap_err().to_string()
    };
    for (line, from, to, says) in [
        (1, "\"format\":1", "\"format\":2", "line 1: nuncio.format: is 2"),
        (1, "nuncio", "other", "line 1: unknown variant"),
        (2, "\"agent\":\"agent\"", "\"agent\":7", "line 2: task.scope.agent: invalid type"),
        (2, "\"fence\":1", "\"fence\":1,\"extra\":1", "line 2: task.extra: unknown field"),
        (2, "\"log\":false", "\"log\":true", "line 3: snapshot: is there although"),
        (2, "COMPLETED", "FAILED", "line 2: task.state: is not what"),
        (2, "\"id\":\"", "\"id\":\"x", "line 2: task.id: not a task id"),
        (4, "\"revision\":60", "\"revision\":61", "line 4: task.revision: is 61, 60 events came"),
        (4, "\"revision\":60", "\"revision\":59", "line 64: event.seq: is 60"),
        (6, "\"seq\":2", "\"seq\":3", "line 6: event.seq: is 3; the next of 60 is 2"),
        (7, "\"append\":true", "\"append\":1", "line 7: event.body.kind.artifact.append: invalid type"),
        (7, "report", "other", "line 7: event.body.kind: does not fit: nothing to append to"),
        (7, "}}", "}", "line 7: EOF while parsing an object at column"),
        (7, "{", "{} {", "line 7: expected"),
    ] {
        let mut lines = lines.clone();
        let place = &mut lines[line - 1];
        assert!(place.contains(from), "{from} in {place}");
        *place = place.replacen(from, to, 1);
        let error = error(&lines);
        assert!(error.starts_with(says), "{error}\nis not {says}");
    }
    for end in 1..lines.len() {
        let error = error(&lines[..end]);
        assert_eq!(error, format!("line {}: is missing: the file was cut off", end + 1));
    }
    let mut fewer = lines.clone();
    fewer.remove(lines.len() - 2);
    assert!(error(&fewer).contains("end.claims: is 5, there are 4"), "{}", error(&fewer));
}

#[test]
fn damage_is_found_and_said_by_task() {
    for (sql, number, says) in [
        ("DELETE FROM events WHERE task = 2 AND seq = 17", Some(2), "event 17 is missing"),
        ("DELETE FROM events WHERE task = 2 AND seq BETWEEN 17 AND 20", Some(2), "events 17 to 20 are missing"),
        ("DELETE FROM events WHERE task = 2 AND seq = 60", Some(2), "event 60 is missing"),
        ("UPDATE events SET body = '{' WHERE task = 2 AND seq = 4", Some(2), "event 4: the stored data is damaged"),
        (
            "UPDATE events SET body = replace(body, 'chunk 1 ', 'chunk x ') WHERE task = 2 AND seq = 2",
            Some(2),
            "is not what the log folds to",
        ),
        ("DELETE FROM snapshots WHERE task = 1", Some(1), "its newest snapshot is at 0, the row says 3"),
        ("DELETE FROM snapshots WHERE task = 4", Some(4), "its newest snapshot is at 0, the row says 3"),
        ("UPDATE tasks SET state = 1 WHERE n = 4", Some(4), "its row says TASK_STATE_SUBMITTED"),
        ("UPDATE tasks SET state = 77 WHERE n = 4", Some(4), "its row: the stored data is damaged"),
        ("UPDATE tasks SET revision = 9 WHERE n = 5", Some(5), "events 3 to 9 are missing"),
        ("UPDATE tasks SET status_time = 9 WHERE n = 3", Some(3), "the time of its status"),
        ("UPDATE tasks SET context = 'other' WHERE n = 3", Some(3), "its context is \"other\""),
        ("UPDATE tasks SET tail_bytes = 9 WHERE n = 3", Some(3), "the row says 9"),
        ("UPDATE tasks SET scope = 9 WHERE n = 3", Some(3), "is of no scope"),
        ("UPDATE counts SET s3 = s3 + 1 WHERE context = ''", None, "1 too many TASK_STATE_COMPLETED"),
        ("DELETE FROM counts WHERE context <> ''", None, "context \"context\" say 1 too few TASK_STATE_SUBMITTED"),
        ("DELETE FROM tasks WHERE n = 5", None, "2 events are of no task, at place 5"),
        ("UPDATE push_configs SET cursor = 99 WHERE id = 'hook'", Some(2), "has been told event 99, of 60"),
        ("UPDATE push_configs SET told = 1 WHERE id = 'hook'", Some(2), "counts as told, and is not"),
        ("UPDATE scopes SET key = '[]' WHERE n = 2", None, "scope 2: the stored data is damaged"),
        (
            "UPDATE claims SET place = 7 WHERE message_id = 'said'",
            Some(2),
            "\"said\" is used by event 7, which is another",
        ),
        ("UPDATE claims SET place = 61 WHERE message_id = 'said'", Some(2), "\"said\" is used by event 61, of 60"),
        ("UPDATE claims SET place = 1 WHERE message_id = 'answered'", Some(9), "\"answered\" is used, and answered"),
        ("UPDATE claims SET digest = x'00'", Some(2), "the claim of \"message\": the stored data is damaged"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tasks.db");
        block_on(fill(&open(&path)));
        rusqlite::Connection::open(&path).unwrap().execute(sql, []).unwrap();
        let findings = block_on(verify(&open_to_read(&path)));
        let found = findings.iter().any(|finding| finding.task == number.map(id) && finding.what.contains(says));
        assert!(found, "{sql}: no {says:?} in {findings:#?}");
    }
}

#[test]
fn damage_costs_only_what_is_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tasks.db");
    block_on(damage::fill(&open(&path)));
    rusqlite::Connection::open(&path).unwrap().execute_batch(damage::DAMAGE).unwrap();
    let mut options = SqliteOptions::new(&path);
    options.retention.keep_ended_for = Some(std::time::Duration::ZERO);
    block_on(damage::costs_only_itself(&SqliteStorage::open(options).unwrap()));
}

#[test]
fn damage_of_many_keeps_no_others() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tasks.db");
    block_on(damage::fill_many(&open(&path)));
    rusqlite::Connection::open(&path).unwrap().execute_batch(damage::MANY).unwrap();
    let mut options = SqliteOptions::new(&path);
    options.retention = damage::KEEP_FEW;
    block_on(damage::of_many_keeps_no_others(&SqliteStorage::open(options).unwrap()));
}

#[test]
fn a_flipped_byte_in_the_file_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tasks.db");
    block_on(fill(&open(&path)));
    let whole = std::fs::read(&path).unwrap();
    assert_eq!(whole[18..20], [2, 2], "in the log of SQLite is nothing any more");
    let places: Vec<_> = whole.windows(9).enumerate().filter(|(_, text)| text == b"chunk 30 ").collect();
    let page = 4096;
    // In the middle of an event, in its JSON, and in what SQLite needs to find its way.
    for (place, with) in [(places[7].0, b'X'), (places[0].0 - 3, b'X'), (2 * page + 3, 0xff), (9 * page, 0xff)] {
        let mut bytes = whole.clone();
        assert_ne!(bytes[place], with);
        bytes[place] = with;
        std::fs::write(&path, &bytes).unwrap();
        let findings = block_on(verify(&open_to_read(&path)));
        assert!(!findings.is_empty(), "byte {place} of {}", bytes.len());
    }
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(block_on(verify(&open_to_read(&path))), []);
}

#[test]
fn a_file_is_read_while_it_is_used_and_written_by_one_only() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tasks.db");
    let kind = |error: StorageError| SqlFailure::kind_of(&error);
    let missing = SqliteStorage::open_to_read(SqliteOptions::new(&path)).unwrap_err();
    assert_eq!(kind(missing), Some(SqlFailureKind::Missing));
    let storage = open(&path);
    block_on(async {
        fill(&storage).await;
        let reader = open_to_read(&path);
        assert_eq!(export(&reader).await, export(&storage).await);
        run_to_end(&storage, 6, 70_000).await;
        assert_eq!(reader.tasks(0, 99).await.unwrap().found.len(), 6, "what is stored meanwhile is seen");
        assert_eq!(verify(&reader).await, []);
        assert_eq!(kind(reader.prune(Prune::Keep(0)).await.unwrap_err()), Some(SqlFailureKind::ReadOnly));
        let again = SqliteStorage::open(SqliteOptions::new(&path)).unwrap_err();
        assert_eq!(kind(again), Some(SqlFailureKind::InUse));
    });
}

#[test]
fn only_what_has_ended_is_pruned_the_longest_ended_first() {
    let directory = tempfile::tempdir().unwrap();
    let storage = open(&directory.path().join("tasks.db"));
    block_on(async {
        fill(&storage).await;
        for number in 10..210 {
            run_to_end(&storage, number, number).await;
        }
        let prune = |what| {
            let storage = storage.clone();
            async move {
                let would = storage.prunable(what).await.unwrap();
                let (mut all, mut more) = (0, true);
                while more {
                    let piece = storage.prune(what).await.unwrap();
                    (all, more) = (all + piece.0, piece.1);
                }
                assert_eq!(all, would);
                assert_eq!(verify(&storage).await, []);
                all
            }
        };
        assert_eq!(prune(Prune::EndedBefore(at(10))).await, 0, "before is not at");
        assert_eq!(prune(Prune::EndedBefore(at(11))).await, 2);
        assert_eq!(prune(Prune::Keep(100)).await, 100);
        let left: Vec<_> = storage.tasks(0, 999).await.unwrap().found.into_iter().map(|task| task.id).collect();
        let expected = [2, 3, 4, 5].into_iter().chain(111..210).map(id);
        assert_eq!(left, expected.collect::<Vec<_>>());
        assert_eq!(prune(Prune::Keep(0)).await, 100);
        assert_eq!(storage.tasks(0, 999).await.unwrap().found.len(), 3);
    });
}
