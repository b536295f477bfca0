//! The shell commands of the README and of docs/storage.md work as printed, but for the port.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

const README: &str = include_str!("../../../README.md");
const STORAGE: &str = include_str!("../../../docs/storage.md");
const NUNCIO: &str = env!("CARGO_BIN_EXE_nuncio");

struct Server(Child, String);

impl Server {
    fn start() -> Self {
        Self::run(&["demo-server", "--listen", "127.0.0.1:0"])
    }

    fn run(arguments: &[&str]) -> Self {
        let mut command = Command::new(NUNCIO);
        command.args(arguments).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().rsplit(':').next().unwrap().to_owned();
        Self(process, port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The commands of the block in which this one stands; a blank line or the end of a line ends one.
fn block_with(command: &str) -> &'static str {
    block_of(README, command)
}

fn block_of(text: &'static str, command: &str) -> &'static str {
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.into_iter().find(|block| block.contains(command)).expect("the text has the command")
}

fn run(command: &str, port: &str) -> String {
    run_in(Path::new("."), command, port)
}

fn run_in(place: &Path, command: &str, port: &str) -> String {
    let directory = Path::new(NUNCIO).parent().unwrap();
    let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap_or_default());
    let command = command.replace("localhost:3000", &format!("localhost:{port}"));
    let output = Command::new("sh").args(["-ec", &command]).env("PATH", path).current_dir(place).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{command}\n{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    printed
}

#[test]
fn curl_commands_work_as_printed() {
    let server = Server::start();
    let printed: Vec<String> =
        block_with("curl -s localhost").split("\n\n").map(|command| run(command, &server.1)).collect();
    let [card, sent, streamed, listed] = &printed[..] else { panic!("four commands: {printed:?}") };
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(json(card)["name"], "Demo");
    assert_eq!(json(sent)["result"]["task"]["status"]["state"], "TASK_STATE_COMPLETED");
    let events: Vec<_> = streamed.lines().filter_map(|line| line.strip_prefix("data: ")).map(json).collect();
    assert!(events[0]["task"].is_object());
    assert_eq!(events.last().unwrap()["statusUpdate"]["status"]["state"], "TASK_STATE_COMPLETED");
    let listed = json(listed);
    assert_eq!((&listed["totalSize"], &listed["pageSize"]), (&2.into(), &2.into()));
}

#[test]
fn nuncio_commands_work_as_printed() {
    let server = Server::start();
    let mut lines = block_with("nuncio demo-server").lines();
    assert!(lines.next().unwrap().starts_with("nuncio demo-server "), "it is running already");
    let printed: Vec<String> = lines.map(|command| run(command, &server.1)).collect();
    let [card, sent, streamed, json, help] = &printed[..] else { panic!("five commands: {printed:?}") };
    assert!(card.starts_with("Name: Demo\n"), "{card}");
    assert!(sent.contains("State: TASK_STATE_COMPLETED\n") && sent.contains("echo: hello\n"), "{sent}");
    assert!(streamed.contains("This is a report on the tides."), "{streamed}");
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(json["task"]["status"]["state"], "TASK_STATE_COMPLETED");
    assert!(help.contains("demo-server"), "{help}");
}

#[test]
fn a_card_is_signed_and_verified_as_printed() {
    let server = Server::start();
    let place = std::env::temp_dir().join(format!("nuncio-readme-{}", std::process::id()));
    std::fs::create_dir_all(&place).unwrap();
    let printed = run_in(&place, block_with("nuncio card sign"), &server.1);
    std::fs::remove_dir_all(&place).unwrap();
    assert!(printed.starts_with("Signatures: verified\n"), "{printed}");
}

#[test]
fn a_signed_push_notification_is_received_as_printed() {
    let server = Server::start();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let block = block_with("nuncio webhook")
        .replace("nuncio webhook ", &format!("nuncio webhook --listen {free} --timeout 30s "))
        .replace("127.0.0.1:3001", &free.to_string());
    let printed = run(&block, &server.1);
    assert!(printed.contains("Event: status\n") && printed.contains("State: TASK_STATE_CANCELED\n"), "{printed}");
    // The keys are those of this agent.
    let other = Server::start();
    let block = block.replacen("localhost:3000", &format!("localhost:{}", other.1), 1).replace("30s", "2s");
    let block = block.replace("wait $!", "wait $! && exit 1 || exit 0");
    let printed = run(&block, &server.1);
    assert!(!printed.contains("Event: status\n"), "{printed}");
}

#[test]
fn a_store_is_looked_after_as_printed() {
    let place = std::env::temp_dir().join(format!("nuncio-readme-store-{}", std::process::id()));
    let data = place.join("tasks");
    let server = Server::run(&["demo-server", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()]);
    run("nuncio send -a localhost:3000 \"task hello\"", &server.1);
    let printed = run_in(&place, block_with("nuncio store"), &server.1);
    std::fs::remove_dir_all(&place).unwrap();
    let lines: Vec<_> = printed.lines().collect();
    for line in ["Tasks: 0", "Tasks: 1", "Pruned: 0", "Findings: 0"] {
        assert!(lines.contains(&line), "{line} in {printed}");
    }
}

#[test]
fn a_storage_is_copied_and_looked_after_as_printed() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    let data = place.join("tasks");
    let server = Server::run(&["demo-server", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()]);
    let sent = run("nuncio send -a localhost:3000 \"task hello\"", &server.1);
    let task = sent.lines().find_map(|line| line.strip_prefix("Task ID: ")).unwrap();

    // The copy is made while the server runs. What sqlite3 is given, SQLite does here.
    let block = block_of(STORAGE, "VACUUM INTO").replace("data/tasks.db", "tasks/tasks.db");
    let (before, rest) = block.split_once("sqlite3 tasks/tasks.db \"").unwrap();
    let (sql, after) = rest.split_once('"').unwrap();
    let after = after.split_once('\n').unwrap().1;
    run_in(place, before, &server.1);
    let sql = sql.replace("'copy/", &format!("'{}/copy/", place.display()));
    rusqlite::Connection::open(data.join("tasks.db")).unwrap().execute_batch(&sql).unwrap();
    let verified = run_in(place, after, &server.1);
    assert!(verified.contains("Tasks: 1\n") && verified.contains("Findings: 0\n"), "{verified}");

    let moved = run_in(place, block_of(STORAGE, "nuncio store export"), &server.1);
    assert!(moved.contains("Tasks: 1\n") && moved.contains("Findings: 0\n"), "{moved}");
    drop(server);
    let printed = run_in(place, &format!("task={task}\n{}", block_of(STORAGE, "nuncio store log")), "");
    for line in ["Tasks: 1", "Kind: created", "Would Prune: 0", "Pruned: 0", "Findings: 0"] {
        assert!(printed.lines().any(|printed| printed == line), "{line} in {printed}");
    }
    // Restored, the copy is served.
    let copy = place.join("copy");
    let server = Server::run(&["demo-server", "--listen", "127.0.0.1:0", "--data", copy.to_str().unwrap()]);
    assert!(run(&format!("nuncio task get -a localhost:3000 {task}"), &server.1).contains("COMPLETED"));
}

#[test]
fn the_proxy_works_as_printed() {
    let server = Server::start();
    let line = block_with("nuncio proxy").lines().next().unwrap().split(" #").next().unwrap();
    let line =
        line.replace("localhost:3000", &format!("localhost:{}", server.1)).replace("127.0.0.1:3001", "127.0.0.1:0");
    let arguments: Vec<&str> = line.split_whitespace().skip(1).collect();
    let proxy = Server::run(&arguments);
    let sent = run("nuncio send -a localhost:3000 \"task hello\"", &proxy.1);
    assert!(sent.contains("State: TASK_STATE_COMPLETED\n") && sent.contains("echo: hello\n"), "{sent}");
}

#[test]
fn the_tour_shows_every_step_and_its_result() {
    let output = Command::new(NUNCIO).arg("demo").output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}");
    let mut rest = printed.as_str();
    for step in [
        "$ nuncio card get ",
        "Name: Demo",
        "$ nuncio send ",
        "echo: hello",
        "--stream \"report the tides\"",
        "Progress: 50%",
        "State: TASK_STATE_COMPLETED",
        " ask\n",
        "State: TASK_STATE_INPUT_REQUIRED",
        "--task-id ",
        "State: TASK_STATE_COMPLETED",
        "--async hold",
        "$ nuncio task cancel ",
        "State: TASK_STATE_CANCELED",
        "$ nuncio task list ",
        "Tasks: 3 of 3",
    ] {
        let Some(place) = rest.find(step) else { panic!("no {step:?} in what remains:\n{rest}") };
        rest = &rest[place + step.len()..];
    }
}

#[test]
fn every_test_that_the_compliance_list_names_exists() {
    fn sources(directory: &Path, text: &mut String) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("rs") => text.push_str(&std::fs::read_to_string(&path).unwrap()),
                _ if path.is_dir() => sources(&path, text),
                _ => {}
            }
        }
    }
    let mut text = String::new();
    for directory in ["src", "tests"] {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(directory), &mut text);
    }
    let list = include_str!("../../../docs/cli-compliance.md");
    let named = list.split('`').skip(1).step_by(2).filter(|name| name.matches('_').count() > 2);
    let named: Vec<&str> =
        named.filter(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')).collect();
    assert!(named.len() > 50, "the list is read: {named:?}");
    let missing: Vec<&&str> = named.iter().filter(|name| !text.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
