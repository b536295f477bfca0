//! What is in the file stays in the file, whatever happens to the process.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;
#[path = "common/small_disk.rs"]
mod small_disk;

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use a2a_app_ports::{
    Author, Claim, Claimed, Creation, FleetStorage as _, Holder, Lease, ListQuery, Storage, StorageError, Taken,
    TaskStorage,
};
use a2a_protocol_core::TaskState;
use a2a_task_storage::{Retention, SqlFailure, SqlFailureKind, SqliteOptions, SqliteStorage};
use common::{
    LONG, REPLICA, admin::verify, at, chunk, create, create_claimed, created, fold, id, migration, noise, push,
    retention, run_to_end, scope, status,
};
use futures::{executor::block_on, future::join_all};
use small_disk::SmallDisk;

fn open(path: &Path) -> SqliteStorage {
    SqliteStorage::open(SqliteOptions::new(path)).unwrap()
}

#[track_caller]
fn assert_fails<T: std::fmt::Debug>(result: Result<T, StorageError>, kind: SqlFailureKind, says: &[&str]) {
    let error = result.unwrap_err();
    assert_eq!(SqlFailure::kind_of(&error), Some(kind), "{error:?}");
    let StorageError::Failed(cause) = error else { panic!("{error:?}") };
    let text = cause.to_string();
    assert!(says.iter().all(|word| text.contains(word)), "{text}");
}

fn claim(task: u64) -> Claim {
    let (message_id, task) = ("message".into(), id(task));
    Claim { message_id, digest: [1; 32], task, replica: REPLICA, now: at(0), expires: at(1000) }
}

/// Everything that a file can hold; what it finds again is checked by [`check`].
async fn fill(storage: &impl Storage) {
    storage.join(REPLICA, LONG).await.unwrap();
    run_to_end(storage, 1, 10).await;
    assert_eq!(storage.claim(&scope(), claim(2)).await.unwrap(), Claimed::New);
    create_claimed(storage, id(2), vec![created(20)], push("hook")).await;
    for number in 1..100 {
        let text = format!("chunk {number} ").repeat(20);
        storage.append(&scope(), id(2), number, vec![chunk(20, &text, number > 1)], Author::Caller).await.unwrap();
    }
    create(storage, &scope(), id(3), vec![created(20)]).await.unwrap();
    assert!(storage.release(&scope(), id(3), Lease::first(REPLICA), 1).await.unwrap());
    storage.append(&scope(), id(3), 1, vec![chunk(20, "said", false)], Author::Caller).await.unwrap();
    assert!(storage.take_pushes(&scope(), id(2), REPLICA).await.unwrap());
    assert_eq!(storage.page_token_key([7; 32]).await.unwrap(), [7; 32]);
}

async fn check(storage: &impl Storage) {
    let log = storage.events(&scope(), id(2), 0, 1000).await.unwrap().unwrap();
    let snapshot = storage.snapshot(&scope(), id(2)).await.unwrap().unwrap();
    assert_eq!((log.len(), snapshot.revision, snapshot.has_push_configs), (100, 100, true));
    assert_eq!(*snapshot.task, fold(id(2), &log));
    for revision in 1..=100 {
        let then = storage.snapshot_at(&scope(), id(2), revision).await.unwrap().unwrap();
        assert_eq!(*then.task, fold(id(2), &log[..usize::try_from(revision).unwrap()]));
    }
    let page = storage.list(&scope(), &ListQuery { limit: 9, ..ListQuery::default() }).await.unwrap();
    assert_eq!((page.tasks.len(), page.total), (3, 3));
    let ended = ListQuery { state: Some(TaskState::Completed), limit: 9, ..ListQuery::default() };
    assert_eq!(storage.list(&scope(), &ended).await.unwrap().total, 1);
    assert_eq!(storage.push_configs(&scope(), id(2), None, 9).await.unwrap(), [push("hook")]);
    assert_eq!(storage.page_token_key([8; 32]).await.unwrap(), [7; 32]);
    // Whoever ran it had the file, so is gone.
    assert_eq!(snapshot.holder, Holder::Lost);
    let mut orphans = storage.orphans("agent", None, 9).await.unwrap();
    orphans.sort();
    let mut expected = [(scope(), id(2)), (scope(), id(3))];
    expected.sort();
    assert_eq!(orphans, expected);
    assert_eq!(storage.pending_pushes("agent", None, 9).await.unwrap().len(), 1);
    assert_eq!(storage.claim(&scope(), claim(9)).await.unwrap(), Claimed::Task { id: id(2), place: Some(1), by: None });
    assert!(!storage.renew(REPLICA, LONG).await.unwrap());
    let other = a2a_app_ports::ReplicaId::from_u128(2);
    storage.join(other, LONG).await.unwrap();
    let Taken::Lease { lease, orphaned: true } = storage.take(&scope(), id(2), other).await.unwrap() else { panic!() };
    let late =
        storage.append(&scope(), id(2), 100, vec![chunk(21, "late", true)], Author::Run(Lease::first(REPLICA))).await;
    assert!(matches!(late, Err(StorageError::Fenced)));
    storage.append(&scope(), id(2), 100, vec![status(22, TaskState::Completed)], Author::Run(lease)).await.unwrap();
}

#[test]
fn a_file_that_is_opened_again_has_everything() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("new/tasks.db");
    block_on(fill(&open(&path)));
    block_on(check(&open(&path)));
}

/// Makes `tests/fixtures/v2.db`; published fixtures are never made again.
#[test]
#[ignore = "makes a fixture"]
fn make_fixture() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v2.db");
    assert!(!path.exists());
    block_on(fill(&open(&path)));
}

#[test]
fn files_of_every_version_are_opened() {
    let directory = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let versions: Vec<_> = std::fs::read_dir(fixtures).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(!versions.is_empty());
    for version in versions {
        let path = directory.path().join(version.file_name().unwrap());
        std::fs::copy(version, &path).unwrap();
        block_on(check(&open(&path)));
    }
}

#[test]
fn claims_of_version_1_are_used_where_their_messages_are_stored() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tasks.db");
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(include_str!("../src/sqlite_schema/v1.sql")).unwrap();
    db.pragma_update(None, "application_id", 0x6e6e_636f).unwrap();
    db.pragma_update(None, "user_version", 1).unwrap();
    let bytes = |bytes: &[u8]| format!("x'{}'", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    db.execute_batch(&migration::rows_of_v1(|name| format!("'{name}'"), bytes)).unwrap();
    drop(db);
    let storage = open(&path);
    block_on(migration::claims_of_v1_are_used_where_their_messages_are_stored(&storage));
    assert_eq!(block_on(verify(&storage)), []);
}

#[test]
fn what_comes_at_once_is_committed_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let storage = open(&directory.path().join("tasks.db"));
    block_on(async {
        storage.join(REPLICA, LONG).await.unwrap();
        let before = storage.metrics();
        let creates = (0..300).map(|number| async move { (number, vec![created(number)]) });
        let scope = scope();
        let creates = creates.map(async |create| {
            let (number, events) = create.await;
            storage.create(&scope, id(number), Creation::new(events, REPLICA)).await
        });
        for result in join_all(creates).await {
            assert_eq!(result.unwrap(), 1);
        }
        let after = storage.metrics();
        assert_eq!(after.writes - before.writes, 300);
        assert!(after.commits - before.commits < 100, "{after:?}");
    });
}

/// The process that is killed: appends to tasks on several threads and says what was acknowledged.
#[test]
#[ignore = "run by the test that kills it"]
fn appends_until_it_is_killed() {
    let Ok(path) = std::env::var("NUNCIO_TEST_FILE") else { return };
    let storage = open(Path::new(&path));
    let base: u64 = std::env::var("NUNCIO_TEST_BASE").unwrap().parse().unwrap();
    std::thread::scope(|threads| {
        for thread in 0..4 {
            let storage = &storage;
            threads.spawn(move || {
                let task = id(base + thread);
                block_on(create(storage, &scope(), task, vec![created(0)])).unwrap();
                for revision in 1.. {
                    let next = chunk(revision, &format!("{task} {revision} "), revision > 1);
                    block_on(storage.append(&scope(), task, revision, vec![next], Author::Caller)).unwrap();
                    println!("stored {} {}", base + thread, revision + 1);
                }
            });
        }
    });
}

#[test]
fn what_was_acknowledged_outlives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tasks.db");
    for (round, lines) in [37, 200, 1, 555].into_iter().enumerate() {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "appends_until_it_is_killed", "--ignored", "--nocapture"])
            .env("NUNCIO_TEST_FILE", &path)
            .env("NUNCIO_TEST_BASE", (round * 10).to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut acknowledged = std::collections::HashMap::new();
        let mut note = |line: &str| {
            let Some((_, stored)) = line.split_once("stored ") else { return };
            let (task, revision) = stored.split_once(' ').unwrap();
            let (task, revision): (u64, u64) = (task.parse().unwrap(), revision.parse().unwrap());
            acknowledged.insert(task, revision);
        };
        said.by_ref().filter(|line| line.contains("stored ")).take(lines).for_each(|line| note(&line));
        child.kill().unwrap();
        said.filter(|line| line.rsplit(' ').next().is_some_and(|end| !end.is_empty())).for_each(|line| note(&line));
        child.wait().unwrap();
        let storage = open(&path);
        for (task, revision) in acknowledged {
            let log = block_on(storage.events(&scope(), id(task), 0, usize::MAX)).unwrap().unwrap();
            assert!(log.len() as u64 >= revision, "task {task}: {} of {revision}", log.len());
            let snapshot = block_on(storage.snapshot(&scope(), id(task))).unwrap().unwrap();
            assert_eq!((snapshot.revision, &*snapshot.task), (log.len() as u64, &fold(id(task), &log)));
        }
    }
}

#[test]
fn a_file_is_for_one_process() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tasks.db");
    let storage = open(&path);
    let process = format!("process {}", std::process::id());
    let second = SqliteStorage::open(SqliteOptions::new(&path));
    assert_fails(second, SqlFailureKind::InUse, &["tasks.db", "in use by another process", &process]);
    block_on(run_to_end(&storage, 1, 0));
    drop(storage);
    open(&path);
}

#[cfg(unix)]
#[test]
fn a_file_is_for_one_process_by_whatever_path_it_comes_to_it() {
    use std::os::unix::fs::symlink;

    let directory = tempfile::tempdir().unwrap();
    let path = |name| directory.path().join(name);
    std::fs::create_dir(path("data")).unwrap();
    std::fs::create_dir(path("elsewhere")).unwrap();
    symlink("../data/tasks.db", path("elsewhere/link.db")).unwrap();
    symlink("elsewhere/link.db", path("link.db")).unwrap();
    symlink("data", path("directory")).unwrap();
    let paths = ["data/tasks.db", "elsewhere/link.db", "link.db", "directory/tasks.db"];
    // The first of them makes the file.
    for first in ["link.db", "data/tasks.db"] {
        let storage = open(&path(first));
        for second in paths {
            assert_fails(SqliteStorage::open(path(second)), SqlFailureKind::InUse, &["tasks.db", "in use"]);
        }
        block_on(run_to_end(&storage, 1, 0));
        let read = SqliteStorage::open_to_read(path("directory/tasks.db")).unwrap();
        assert!(block_on(read.snapshot(&scope(), id(1))).unwrap().is_some());
        drop(storage);
        std::fs::remove_file(path("data/tasks.db")).unwrap();
    }
    assert_eq!(std::fs::read_dir(path("elsewhere")).unwrap().count(), 1, "what belongs to it is beside it");
}

#[test]
fn a_directory_in_place_of_the_file_is_a_clear_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tasks.db");
    std::fs::create_dir(&path).unwrap();
    for refused in [SqliteStorage::open(&path), SqliteStorage::open_to_read(&path)] {
        assert_fails(refused, SqlFailureKind::Other, &["tasks.db is a directory"]);
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn files_of_others_are_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name| directory.path().join(name);
    std::fs::write(path("text.db"), "Not a database, but long enough to be taken for one by its name.".repeat(20))
        .unwrap();
    rusqlite::Connection::open(path("other.db")).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    drop(open(&path("newer.db")));
    rusqlite::Connection::open(path("newer.db")).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let cases = [
        ("text.db", SqlFailureKind::Damaged, "not a SQLite database"),
        ("other.db", SqlFailureKind::Damaged, "another program"),
        ("newer.db", SqlFailureKind::Newer, "schema 99"),
    ];
    for (name, kind, says) in cases {
        let before = std::fs::read(path(name)).unwrap();
        assert_fails(SqliteStorage::open(SqliteOptions::new(path(name))), kind, &[name, says]);
        assert_eq!(std::fs::read(path(name)).unwrap(), before, "{name}");
    }
}

#[test]
fn damage_is_an_error_of_the_request_that_meets_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tasks.db");
    let storage = open(&path);
    for number in [1, 2] {
        let log = vec![created(0), chunk(1, "one", false), chunk(2, "two", true)];
        block_on(create(&storage, &scope(), id(number), log)).unwrap();
    }
    drop(storage);
    let db = rusqlite::Connection::open(&path).unwrap();
    assert_eq!(db.execute("DELETE FROM events WHERE task = 1 AND seq = 2", []).unwrap(), 1);
    drop(db);
    let storage = open(&path);
    let says = ["damaged", "event 2 is missing", &id(1).to_string()];
    assert_fails(block_on(storage.snapshot(&scope(), id(1))), SqlFailureKind::Damaged, &says);
    assert_fails(block_on(storage.events(&scope(), id(1), 0, 9)), SqlFailureKind::Damaged, &says);
    let more = block_on(storage.append(&scope(), id(1), 3, vec![chunk(3, "x", true)], Author::Caller));
    assert_fails(more, SqlFailureKind::Damaged, &says);
    let whole = block_on(storage.snapshot(&scope(), id(2))).unwrap().unwrap();
    let page = block_on(storage.list(&scope(), &ListQuery { limit: 9, ..ListQuery::default() })).unwrap();
    assert_eq!((page.tasks, page.total), (vec![whole.task], 2));
    assert_eq!(block_on(storage.append(&scope(), id(2), 3, vec![chunk(3, "x", true)], Author::Caller)).unwrap(), 4);
}

#[test]
fn a_full_file_fails_what_does_not_fit_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tasks.db");
    let mut options = SqliteOptions::new(&path);
    options.max_bytes = Some(400_000);
    let storage = SqliteStorage::open(options).unwrap();
    block_on(create(&storage, &scope(), id(1), vec![created(0)])).unwrap();
    let mut revision = 1;
    let text = "x".repeat(10_000);
    let full = loop {
        match block_on(storage.append(&scope(), id(1), revision, vec![chunk(1, &text, revision > 1)], Author::Caller)) {
            Ok(next) => revision = next,
            Err(error) => break Err::<(), _>(error),
        }
        assert!(revision < 100, "it never gets full");
    };
    assert_fails(full, SqlFailureKind::Full, &["tasks.db", "Free some space"]);
    // Of several at once, those that fit are stored.
    let small = chunk(2, "y", true);
    let (large, small) = block_on(async {
        let scope = scope();
        let large = vec![created(0), chunk(1, &text.repeat(20), false)];
        let large = storage.create(&scope, id(2), Creation::new(large, REPLICA));
        futures::join!(large, storage.append(&scope, id(1), revision, vec![small.clone()], Author::Caller))
    });
    assert_fails(large, SqlFailureKind::Full, &["tasks.db"]);
    assert_eq!(small.unwrap(), revision + 1);
    let log = block_on(storage.events(&scope(), id(1), 0, 1000)).unwrap().unwrap();
    assert_eq!(log.len() as u64, revision + 1);
    drop(storage);
    let storage = open(&path);
    let snapshot = block_on(storage.snapshot(&scope(), id(1))).unwrap().unwrap();
    assert_eq!(*snapshot.task, fold(id(1), &log));
    assert_eq!(
        block_on(storage.append(&scope(), id(1), revision + 1, vec![chunk(3, &text, true)], Author::Caller)).unwrap(),
        revision + 2
    );
    assert_eq!(block_on(verify(&storage)), []);
}

#[test]
fn on_a_full_disk_what_is_there_is_read_and_with_more_room_all_goes_on() {
    let Some(disk) = SmallDisk::new(16, 10 << 20) else { return };
    let path = disk.path().join("tasks.db");
    let storage = open(&path);
    let fill = async |task: u64| {
        let mut log = vec![created(0)];
        create(&storage, &scope(), id(task), log.clone()).await.unwrap();
        for revision in 1..1000 {
            let chunk = chunk(revision, &noise(task << 32 | revision, 50_000), revision > 1);
            let appended = storage.append(&scope(), id(task), revision, vec![chunk.clone()], Author::Caller).await;
            if appended.is_err() {
                assert_fails(appended, SqlFailureKind::Full, &["tasks.db", "Free some space"]);
                return log;
            }
            log.push(chunk);
        }
        panic!("it never gets full")
    };
    let (one, two) = block_on(async { futures::join!(fill(1), fill(2)) });
    let logs = [(1, one), (2, two)];
    for (task, log) in &logs {
        let found = block_on(storage.events(&scope(), id(*task), 0, 1000)).unwrap().unwrap();
        assert!(found == *log, "what was refused is not there, and all else is");
        let snapshot = block_on(storage.snapshot(&scope(), id(*task))).unwrap().unwrap();
        assert!(*snapshot.task == fold(id(*task), log));
    }
    disk.make_room();
    for (task, log) in &logs {
        let more = vec![chunk(9, &noise(*task, 50_000), true)];
        block_on(storage.append(&scope(), id(*task), log.len() as u64, more, Author::Caller)).unwrap();
    }
    assert_eq!(block_on(verify(&storage)), []);
    drop(storage);
    let storage = open(&path);
    for (task, log) in logs {
        let found = block_on(storage.events(&scope(), id(task), 0, 1000)).unwrap().unwrap();
        assert!(found.starts_with(&log) && found.len() == log.len() + 1);
    }
    assert_eq!(block_on(verify(&storage)), []);
}

/// Run in a process of its own, which has to be no more than an ordinary user.
#[test]
#[ignore = "run by the test that changes the user"]
fn opens_what_it_may_not_write() {
    let Ok(directory) = std::env::var("NUNCIO_TEST_DIRECTORY") else { return };
    let path = |name| Path::new(&directory).join(name);
    for name in ["tasks.db", "new.db", "deeper/new.db"] {
        let refused = SqliteStorage::open(SqliteOptions::new(path(name)));
        assert_fails(refused, SqlFailureKind::ReadOnly, &[&directory, "write access"]);
    }
    assert!(!path("new.db-lock").exists());
    for name in ["a %3F?copy.db", "read.db"] {
        let copy = SqliteStorage::open_to_read(SqliteOptions::new(path(name))).unwrap();
        assert_eq!(block_on(copy.snapshot(&scope(), id(1))).unwrap().unwrap().revision, 3);
    }
    let refused = SqliteStorage::open_to_read(SqliteOptions::new(path("busy.db")));
    assert_fails(refused, SqlFailureKind::ReadOnly, &[&directory, "this user may write"]);
}

#[cfg(unix)]
#[test]
fn a_directory_that_may_not_be_written_is_a_clear_error() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    block_on(run_to_end(&open(&directory.path().join("tasks.db")), 1, 0));
    // Copies, of which one was read before, and one is not whole without the log that is beside it.
    for name in ["a %3F?copy.db", "read.db", "busy.db"] {
        std::fs::copy(directory.path().join("tasks.db"), directory.path().join(name)).unwrap();
        std::fs::set_permissions(directory.path().join(name), std::fs::Permissions::from_mode(0o444)).unwrap();
    }
    std::fs::write(directory.path().join("read.db-wal"), "").unwrap();
    std::fs::write(directory.path().join("busy.db-wal"), "a log").unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
    let test = std::env::current_exe().unwrap();
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout.starts_with(b"0\n");
    let mut command = if is_root {
        // Root may write anywhere.
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(test);
        command
    } else {
        Command::new(test)
    };
    command.args(["--exact", "opens_what_it_may_not_write", "--ignored"]);
    let output = command.env("NUNCIO_TEST_DIRECTORY", directory.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn keeping(retention: Retention, run: impl AsyncFn(&SqliteStorage)) {
    let directory = tempfile::tempdir().unwrap();
    let mut options = SqliteOptions::new(directory.path().join("tasks.db"));
    options.retention = retention;
    block_on(run(&SqliteStorage::open(options).unwrap()));
}

#[test]
fn what_is_over_is_forgotten_in_time() {
    keeping(retention::WINDOW, retention::logs_go_after_the_replay_window);
    keeping(retention::WINDOW, retention::a_long_log_goes_piece_by_piece);
    keeping(retention::WINDOW, retention::a_log_stays_until_webhooks_are_told);
    keeping(retention::KEEP, retention::ended_tasks_go_when_they_are_too_old_or_too_many);
    keeping(Retention::default(), retention::claims_that_expired_are_forgotten);
}
