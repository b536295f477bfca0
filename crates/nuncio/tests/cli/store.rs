use std::{path::PathBuf, sync::Arc};

use a2a_app_ports::{
    Author, Claim, Creation, FleetStorage as _, Lease, PushConfigRow, ReplicaId, Scope, StorageError, TaskId,
    TaskStorage as _,
};
use a2a_protocol_core::{
    Artifact, Event, EventKind, Message, Part, ProtocolVersion, TaskPushNotificationConfig, TaskState, Timestamp,
};
use a2a_task_storage::{SqliteOptions, SqliteStorage};
use futures::executor::block_on;
use serde_json::{Value, json};

use crate::support::{Nuncio, Run};

const REPLICA: ReplicaId = ReplicaId::from_u128(1);

fn id(number: u128) -> TaskId {
    TaskId::from_u128(number)
}

fn name(number: u128) -> String {
    id(number).to_string()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + 1000 * seconds).unwrap()
}

fn created(context: &str) -> Event {
    let message = Arc::new(Message::user("m", "Please."));
    let kind = EventKind::Created { context_id: context.into(), skill: "skill".into(), message };
    Event { time: at(0), kind }
}

fn chunk(text: &str, append: bool) -> Event {
    let artifact = Arc::new(Artifact::new("report", vec![Part::text(text)]));
    Event { time: at(1), kind: EventKind::Artifact { artifact, append, last_chunk: false } }
}

fn status(seconds: i64, state: TaskState) -> Event {
    Event { time: at(seconds), kind: EventKind::status(state) }
}

fn tasks_db(nuncio: &Nuncio, directory: &str) -> PathBuf {
    nuncio.home.join("work").join(directory).join("tasks.db")
}

fn open(nuncio: &Nuncio, directory: &str) -> SqliteStorage {
    SqliteStorage::open(SqliteOptions::new(tasks_db(nuncio, directory))).unwrap()
}

/// Tasks 1 and 2 of one agent have ended, 3 of another is run, and its webhook is to be told.
async fn fill(storage: &SqliteStorage) -> Result<(), StorageError> {
    storage.join(REPLICA, std::time::Duration::from_secs(60)).await?;
    let echo = Scope { agent: "echo".into(), tenant: None, owner: Some("me".into()) };
    for (number, context) in [(1, "talk"), (2, "other")] {
        storage.create(&echo, id(number), Creation::new(vec![created(context)], REPLICA)).await?;
        let ends = status(10 * i64::try_from(number).unwrap(), TaskState::Completed);
        storage.append(&echo, id(number), 1, vec![chunk("done", false), ends], Author::Caller).await?;
    }
    let mut config = TaskPushNotificationConfig::default();
    config.id = Some("hook".to_owned());
    config.url = "https://hook.example".to_owned();
    config.token = Some("s3cret".to_owned());
    let push = PushConfigRow { config, version: ProtocolVersion::V1_0, created: at(0), cursor: 0, failure: None };
    let other = Scope { agent: "other".into(), ..echo.clone() };
    let claim =
        Claim { message_id: "m".into(), digest: [7; 32], task: id(3), replica: REPLICA, now: at(0), expires: at(99) };
    storage.claim(&other, claim).await?;
    let mut creation = Creation::new(vec![created("talk")], REPLICA);
    (creation.push, creation.claimed) = (Some(Box::new(push)), true);
    storage.create(&other, id(3), creation).await?;
    let run = Author::Run(Lease::first(REPLICA));
    storage.append(&other, id(3), 1, vec![status(30, TaskState::Working), chunk("one", false)], run).await?;
    for number in 3..20 {
        storage.append(&other, id(3), number, vec![chunk("two and more ", true)], run).await?;
    }
    Ok(())
}

fn filled() -> Nuncio {
    let nuncio = Nuncio::new();
    block_on(fill(&open(&nuncio, "data"))).unwrap();
    nuncio
}

/// The members of a kind of the lines.
fn of_kind(lines: &[Value], kind: &str) -> Vec<Value> {
    lines.iter().filter_map(|line| line.get(kind)).cloned().collect()
}

fn ids(run: &Run) -> Vec<String> {
    let ids = of_kind(&run.jsonl(), "task").into_iter().map(|task| task["id"].as_str().unwrap().to_owned());
    ids.collect()
}

fn damage(nuncio: &Nuncio, sql: &str) {
    rusqlite::Connection::open(tasks_db(nuncio, "data")).unwrap().execute(sql, []).unwrap();
}

#[test]
fn all_tasks_are_listed_and_filtered() {
    let nuncio = filled();
    let list =
        |filters: &[&str]| nuncio.run(&[&["store", "list", "--data", "data", "-o", "json"], filters].concat()).exits(0);
    assert_eq!(ids(&list(&[])), [name(1), name(2), name(3)]);
    assert_eq!(ids(&list(&["--agent", "echo"])), [name(1), name(2)]);
    assert_eq!(ids(&list(&["--context", "talk"])), [name(1), name(3)]);
    assert_eq!(ids(&list(&["--state", "working"])), [name(3)]);
    assert_eq!(ids(&list(&["--state", "failed"])), [""; 0]);
    let first = &list(&[]).jsonl()[0]["task"];
    let expected = json!({"agent": "echo", "owner": "me"});
    assert_eq!((&first["scope"], &first["revision"], &first["log"]), (&expected, &json!(3), &json!(true)));

    let text = nuncio.run(&["store", "list", "--data", "data", "--state", "working"]).exits(0);
    let text = text.says(&format!("Task ID: {}", name(3))).says("Agent: other").says("Owner: me").says("Revision: 20");
    assert!(text.stdout.ends_with("\n\nTasks: 1\n"), "{text:?}");
}

#[test]
fn more_tasks_than_a_page_are_all_listed() {
    let nuncio = Nuncio::new();
    let storage = open(&nuncio, "data");
    block_on(storage.join(REPLICA, std::time::Duration::from_secs(60))).unwrap();
    for number in 0..600 {
        let creation = Creation::new(vec![created("talk")], REPLICA);
        block_on(storage.create(&Scope::default(), id(number), creation)).unwrap();
    }
    drop(storage);
    let run = nuncio.run(&["store", "list", "--data", "data", "-o", "json"]).exits(0);
    assert_eq!(ids(&run), (0..600).map(name).collect::<Vec<_>>());
    nuncio.run(&["store", "verify", "--data", "data"]).exits(0).says("Tasks: 600");
}

#[test]
fn a_log_is_shown_event_by_event() {
    let nuncio = filled();
    let run = nuncio.run(&["store", "log", "--data", "data", &name(1)]).exits(0);
    let run = run.says("Event: 1").says("Kind: created").says("Skill: skill").says("Text: Please.");
    let run = run.says("Event: 2").says("Artifact ID: report").says("Text: done");
    run.says("Event: 3").says("Time: 2023-11-14T22:13:30.000Z").says("State: TASK_STATE_COMPLETED");

    let lines = nuncio.run(&["store", "log", "--data", "data", &name(3), "-o", "json"]).exits(0).jsonl();
    let events = of_kind(&lines, "event");
    assert_eq!(events.iter().map(|event| event["seq"].as_u64().unwrap()).collect::<Vec<_>>(), Vec::from_iter(1..=20));
    assert_eq!(events[1]["body"]["kind"]["status"]["state"], "TASK_STATE_WORKING");

    let missing = nuncio.run(&["store", "log", "--data", "data", &name(9), "-o", "json"]).exits(1);
    assert_eq!(missing.error_code(), "TaskNotFoundError");
    nuncio.run(&["store", "log", "--data", "data", "x"]).exits(2);
}

#[test]
fn what_is_exported_is_imported_the_same() {
    let nuncio = filled();
    let export = |directory: &str| nuncio.run(&["store", "export", "--data", directory, "--push-configs"]).exits(0);
    let lines = export("data").stdout;
    let copy = Nuncio::new().file("work/all.jsonl", &lines).input(&lines);
    let import = copy.run(&["store", "import", "--data", "new", "all.jsonl", "-o", "json"]).exits(0);
    assert_eq!(import.json(), json!({"tasks": 3, "claims": 1, "skipped": 0}));
    assert_eq!(copy.run(&["store", "export", "--data", "new", "--push-configs"]).exits(0).stdout, lines);
    copy.run(&["store", "verify", "--data", "new"]).exits(0).says("Findings: 0");

    let again = copy.run(&["store", "import", "--data", "new", "-"]).exits(1);
    assert!(again.stderr.contains(&format!("line 2: the task {} is there already", name(1))), "{again:?}");
    assert!(again.stderr.contains("hint: nothing was imported"), "{again:?}");
    let again = copy.run(&["store", "import", "--data", "new", "-", "--skip-existing"]).exits(0);
    again.says("Tasks: 0").says("Claims: 0").says("Skipped: 4");
    assert_eq!(copy.run(&["store", "export", "--data", "new", "--push-configs"]).exits(0).stdout, lines);
}

#[test]
fn secrets_of_webhooks_are_exported_only_when_asked_for() {
    let nuncio = filled();
    let export = nuncio.run(&["store", "export", "--data", "data"]).exits(0);
    assert!(!export.stdout.contains("s3cret"), "{export:?}");
    assert_eq!(of_kind(&export.jsonl(), "nuncio"), [json!({"format": 1, "pushConfigs": false})]);
    let export = nuncio.run(&["store", "export", "--data", "data", "--push-configs"]).exits(0);
    assert_eq!(of_kind(&export.jsonl(), "pushConfig")[0]["config"]["token"], "s3cret");
}

#[test]
fn chosen_tasks_are_exported_with_their_claims() {
    let nuncio = filled();
    let export = |tasks: &[&str]| nuncio.run(&[&["store", "export", "--data", "data"], tasks].concat());
    let run = export(&[&name(3), &name(1), &name(3)]).exits(0);
    assert_eq!(ids(&run), [name(3), name(1)]);
    assert_eq!(of_kind(&run.jsonl(), "claim").len(), 1);
    let run = export(&[&name(2)]).exits(0);
    assert_eq!(of_kind(&run.jsonl(), "end"), [json!({"tasks": 1, "claims": 0})]);
    let run = export(&[&name(9)]).exits(1);
    assert!(run.stderr.contains("TaskNotFoundError") && of_kind(&run.jsonl(), "end").is_empty(), "{run:?}");
}

#[test]
fn a_bad_line_is_named_and_no_task_is_half_imported() {
    let lines = filled().run(&["store", "export", "--data", "data"]).exits(0).stdout;
    let import = |lines: &str| {
        let nuncio = Nuncio::new().input(lines);
        let run = nuncio.run(&["store", "import", "--data", "new", "-"]).exits(1);
        let listed = ids(&nuncio.run(&["store", "list", "--data", "new", "-o", "json"]).exits(0));
        nuncio.run(&["store", "verify", "--data", "new"]).exits(0);
        (run.stderr, listed)
    };
    let cut: String = lines.lines().take(15).map(|line| format!("{line}\n")).collect();
    let (said, listed) = import(&cut);
    assert!(said.contains("line 16: is missing: the file was cut off") && said.contains("2 tasks"), "{said}");
    assert_eq!(listed, [name(1), name(2)]);
    let (said, listed) = import(&lines.replacen("\"seq\":2", "\"seq\":\"two\"", 2));
    assert!(said.contains("line 4: event.seq: invalid type: string") && said.contains("nothing was"), "{said}");
    assert_eq!(listed, [""; 0]);
    let (said, listed) = import("Hello.\n");
    assert!(said.contains("line 1: expected value"), "{said}");
    assert_eq!(listed, [""; 0]);
}

#[test]
fn damage_is_told_by_task_and_the_rest_can_be_saved() {
    let nuncio = filled();
    let clean = nuncio.run(&["store", "verify", "--data", "data", "-o", "json"]).exits(0);
    assert_eq!(clean.json(), json!({"verified": {"tasks": 3, "events": 26, "findings": 0}}));
    damage(&nuncio, "DELETE FROM events WHERE task = 3 AND seq = 7");
    damage(&nuncio, "UPDATE counts SET s2 = 9 WHERE context = '=talk'");

    let verify = nuncio.run(&["store", "verify", "--data", "data"]).exits(1);
    let verify = verify.says(&format!("Task ID: {}", name(3))).says("Finding: event 7 is missing");
    let counters = "Finding: the counters of agent \"other\", owner \"me\", context \"talk\" say 8 too many";
    assert!(verify.stdout.contains(counters), "{verify:?}");
    assert!(verify.stderr.contains("NUNCIO_ERR_STORE_DAMAGED"), "{verify:?}");
    let lines = nuncio.run(&["store", "verify", "--data", "data", "-o", "json"]).exits(1).jsonl();
    let findings = of_kind(&lines, "finding");
    assert!(findings.contains(&json!({"task": name(3), "what": "event 7 is missing"})), "{lines:?}");
    assert_eq!(lines[lines.len() - 2]["verified"]["findings"], findings.len());
    assert_eq!(lines[lines.len() - 1]["error"]["code"], "NUNCIO_ERR_STORE_DAMAGED");

    let log = nuncio.run(&["store", "log", "--data", "data", &name(3)]).exits(1);
    assert!(log.stderr.contains("event 7 is missing"), "{log:?}");
    let export = nuncio.run(&["store", "export", "--data", "data"]).exits(1);
    assert!(export.stderr.contains(&format!("warning: task {} is left out", name(3))), "{export:?}");
    let copy = Nuncio::new().input(&export.stdout);
    copy.run(&["store", "import", "--data", "new", "-"]).exits(0).says("Tasks: 2");

    damage(&nuncio, "UPDATE tasks SET state = 77 WHERE n = 2");
    for command in ["list", "export"] {
        let told = nuncio.run(&["store", command, "--data", "data"]).exits(1);
        assert!(told.stdout.contains(&name(1)) && !told.stdout.contains(&name(2)), "{told:?}");
        assert!(told.stderr.contains(&format!("warning: task {} is left out: its row", name(2))), "{told:?}");
    }
}

#[test]
fn a_flipped_byte_is_found() {
    let nuncio = filled();
    let path = tasks_db(&nuncio, "data");
    let mut bytes = std::fs::read(&path).unwrap();
    let place = bytes.windows(13).position(|text| text == b"two and more ").unwrap();
    // A quotation mark of the JSON before it.
    bytes[place - 1] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let verify = nuncio.run(&["store", "verify", "--data", "data"]).exits(1);
    verify.says(&format!("Task ID: {}", name(3)));
}

#[test]
fn what_has_ended_is_pruned() {
    let nuncio = filled();
    let prune = |which: &[&str]| nuncio.run(&[&["store", "prune", "--data", "data"], which].concat());
    prune(&["--keep", "1", "--dry-run"]).exits(0).says("Would Prune: 1");
    prune(&["--ended-before", "1d", "--dry-run"]).exits(0).says("Would Prune: 2");
    let time = at(20).to_string();
    assert_eq!(prune(&["--ended-before", &time, "-o", "json"]).exits(0).json(), json!({"tasks": 1, "dryRun": false}));
    assert_eq!(ids(&nuncio.run(&["store", "list", "--data", "data", "-o", "json"])), [name(2), name(3)]);
    prune(&["--keep", "0"]).exits(0).says("Pruned: 1");
    nuncio.run(&["store", "verify", "--data", "data"]).exits(0).says("Tasks: 1");
    for wrong in [&[][..], &["--keep", "1", "--ended-before", "1d"], &["--ended-before", "soon"], &["--keep", "-1"]] {
        prune(wrong).exits(2);
    }
}

#[test]
fn a_file_in_use_is_read_and_not_changed() {
    let nuncio = filled();
    let lines = nuncio.run(&["store", "export", "--data", "data"]).exits(0).stdout;
    let server = open(&nuncio, "data");
    assert_eq!(nuncio.run(&["store", "export", "--data", "data"]).exits(0).stdout, lines);
    nuncio.run(&["store", "verify", "--data", "data"]).exits(0);
    nuncio.run(&["store", "log", "--data", "data", &name(1)]).exits(0);
    nuncio.run(&["store", "prune", "--data", "data", "--keep", "0", "--dry-run"]).exits(0).says("Would Prune: 2");
    let refused = nuncio.run(&["store", "prune", "--data", "data", "--keep", "0", "-o", "json"]).exits(1).json();
    assert_eq!(refused["error"]["code"], "NUNCIO_ERR_STORE");
    let says = refused["error"]["message"].as_str().unwrap();
    assert!(says.contains("data/tasks.db is in use by another process (process "), "{says}");
    drop(server);
    nuncio.run(&["store", "prune", "--data", "data", "--keep", "0"]).exits(0).says("Pruned: 2");
}

#[test]
fn a_place_without_tasks_is_named_and_nothing_is_made_there() {
    let nuncio = Nuncio::new();
    for command in [&["list"][..], &["verify"], &["export"], &["prune", "--keep", "1"], &["log", &name(1)]] {
        let run = nuncio.run(&[&["store"], command, &["--data", "nowhere"]].concat()).exits(1);
        assert!(run.stderr.contains("nowhere/tasks.db is not there"), "{run:?}");
    }
    assert!(!nuncio.home.join("work/nowhere").exists());
    nuncio.run(&["store", "list"]).exits(2);
    nuncio.run(&["store", "list", "--data", "d", "--database-url", "postgres://h/d"]).exits(2);
    let other = Nuncio::new().file("work/data/tasks.db", "Not a database, and long enough to be looked at for one.");
    let run = other.run(&["store", "verify", "--data", "data"]).exits(1);
    assert!(run.stderr.contains("is not a SQLite database"), "{run:?}");
}

#[test]
fn a_database_that_does_not_answer_is_named_without_its_password() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    drop(taken);
    let url = format!("postgres://user:s3cret@127.0.0.1:{port}/tasks");
    let nuncio = Nuncio::new().env("A2ACLI_DATABASE_URL", &url);
    let run = nuncio.run(&["store", "list", "-o", "json", "--debug"]).exits(3);
    assert_eq!(run.error_code(), "A2ACLI_ERR_UNREACHABLE");
    let says = format!("{}{}", run.stdout, run.stderr);
    assert!(says.contains(&format!("127.0.0.1:{port}")) && !says.contains("s3cret"), "{says}");
}
