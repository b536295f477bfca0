use std::{
    io::{BufRead as _, BufReader},
    process::Child,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{Nuncio, Run};

const SERVE: [&str; 3] = ["demo-server", "--listen", "127.0.0.1:0"];

/// A server in the directory `data`; it ends as by `kill -9`.
struct Server(Child, String);

impl Server {
    fn start(nuncio: &Nuncio, limits: &[&str]) -> Self {
        let mut process = nuncio.spawn(&[&SERVE[..], &["--data", "data"], limits].concat());
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Self(process, line.trim().strip_prefix("URL: ").expect("it says where it listens").to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn refused(nuncio: &Nuncio, arguments: &[&str], exit: i32) -> (String, String) {
    let run = nuncio.run(&[&SERVE[..], arguments, &["-o", "json"]].concat()).exits(exit);
    let error = &run.json()["error"];
    (error["code"].as_str().unwrap().to_owned(), error["message"].as_str().unwrap().to_owned())
}

fn listed(nuncio: &Nuncio) -> Vec<Value> {
    let run = nuncio.run(&["store", "list", "--data", "data", "-o", "json"]).exits(0);
    run.jsonl().iter().filter_map(|line| line.get("task")).cloned().collect()
}

#[test]
fn what_has_ended_is_kept_as_the_flags_say() {
    let nuncio = Nuncio::new();
    let server = Server::start(&nuncio, &[]);
    for text in ["task one", "task two", "task three", "ask"] {
        nuncio.run(&["send", "-a", &server.1, text]).exits(0);
    }
    drop(server);
    let all = listed(&nuncio);
    assert!(all.len() == 4 && all.iter().all(|task| task["log"] == json!(true)), "{all:?}");

    // What is over is forgotten soon after the start.
    let forgets = |limits: &[&str], wants: &dyn Fn(&[Value]) -> bool| {
        let _server = Server::start(&nuncio, limits);
        let until = Instant::now() + Duration::from_secs(60);
        while !wants(&listed(&nuncio)) {
            assert!(Instant::now() < until, "{limits:?}: {:?}", listed(&nuncio));
        }
    };
    let ids = |tasks: &[Value]| tasks.iter().map(|task| task["id"].clone()).collect::<Vec<_>>();
    forgets(&["--replay-window", "0s"], &|left| {
        assert_eq!(ids(left), ids(&all));
        left.iter().map(|task| task["log"] == json!(true)).eq([false, false, false, true])
    });
    forgets(&["--keep-ended", "1h", "--most-ended", "2"], &|left| ids(left) == ids(&all[1..]));
    forgets(&["--keep-ended", "0s"], &|left| ids(left) == ids(&all[3..]));
}

#[test]
fn a_task_waits_for_its_caller_as_long_as_the_flag_says() {
    let nuncio = Nuncio::new();
    let server = Server::start(&nuncio, &[]);
    let asked = nuncio.run(&["send", "-a", &server.1, "ask", "-o", "json"]).exits(0).json();
    let id = asked["task"]["id"].as_str().unwrap();
    drop(server);
    let server = Server::start(&nuncio, &["--pause-limit", "1ms"]);
    let until = Instant::now() + Duration::from_secs(60);
    let failed = loop {
        let task = nuncio.run(&["task", "get", "-a", &server.1, id, "-o", "json"]).exits(0).json();
        if task["status"]["state"] != json!("TASK_STATE_INPUT_REQUIRED") {
            break task;
        }
        assert!(Instant::now() < until, "{task}");
    };
    assert_eq!(failed["status"]["state"], "TASK_STATE_FAILED");
    assert_eq!(failed["status"]["message"]["parts"][0]["text"], "the caller did not answer within 1ms");
}

#[test]
fn limits_that_make_no_sense_are_usage_errors() {
    let nuncio = Nuncio::new();
    for (arguments, says) in [
        (&["--data", "d", "--replay-window", "soon"][..], "--replay-window"),
        (&["--data", "d", "--keep-ended=-1h"], "--keep-ended"),
        (&["--data", "d", "--most-ended", "many"], "--most-ended"),
        (&["--pause-limit", "1 day"], "--pause-limit"),
        (&["--keep-ended", "1h"], "--keep-ended: needs --data or --database-url"),
        (&["--most-ended", "1"], "--most-ended: needs --data or --database-url"),
        (&["--nats-url", "nats://h"], "--nats-url: needs --database-url"),
    ] {
        let (code, message) = refused(&nuncio, arguments, 2);
        assert!(code == "A2ACLI_ERR_USAGE" && message.contains(says), "{message}");
    }
    assert!(!nuncio.home.join("work/d").exists());
}

#[test]
fn a_place_that_is_none_is_refused_by_the_option_that_names_it() {
    let nuncio = Nuncio::new();
    let store = |arguments: &[&str]| nuncio.run(&[&["store", "list", "-o", "json"], arguments].concat()).exits(2);
    for arguments in [
        &["--database-url", ""][..],
        &["--database-url", "http://me:s3cret@h/d"],
        &["--database-url", "h/s3cret"],
        &["--data", ""],
        &["--data", "d", "--database-url", "postgres://me:s3cret@h/d"],
    ] {
        let (code, message) = refused(&nuncio, arguments, 2);
        assert_eq!(code, "A2ACLI_ERR_USAGE");
        assert!(message.contains(arguments[0]) && !message.contains("s3cret"), "{message}");
        assert_eq!(store(arguments).json()["error"]["message"], message);
    }
    let nuncio = Nuncio::new().env("A2ACLI_DATABASE_URL", "mysql://me:s3cret@h/d");
    let (_, message) = refused(&nuncio, &[], 2);
    assert!(message.starts_with("A2ACLI_DATABASE_URL: must be the URL") && !message.contains("s3cret"), "{message}");
}

#[test]
fn a_flag_names_the_place_whatever_the_environment_says() {
    let nuncio = Nuncio::new()
        .env("A2ACLI_DATABASE_URL", "postgres://me:s3cret@127.0.0.1:1/d")
        .env("A2ACLI_NATS_URL", "nats://127.0.0.1:1");
    drop(Server::start(&nuncio, &[]));
    assert_eq!(listed(&nuncio), [Value::Null; 0]);
    // An empty value is none.
    let run = Nuncio::new().env("A2ACLI_DATABASE_URL", "").run(&["store", "list", "-o", "json"]).exits(2);
    assert!(run.stdout.contains("--data or --database-url"), "{run:?}");
}

#[test]
fn a_directory_in_place_of_the_file_is_named() {
    let nuncio = Nuncio::new().file("work/data/tasks.db/x", "").file("work/file", "");
    let (code, message) = refused(&nuncio, &["--data", "data"], 1);
    assert_eq!((code.as_str(), message.contains("data/tasks.db is a directory")), ("NUNCIO_ERR_STORE", true));
    let verify = nuncio.run(&["store", "verify", "--data", "data", "-o", "json"]).exits(1);
    assert_eq!((verify.error_code().as_str(), verify.json()["error"]["message"].as_str()), (&*code, Some(&*message)));

    let (code, message) = refused(&nuncio, &["--data", "file"], 1);
    assert_eq!((code.as_str(), message.as_str()), ("NUNCIO_ERR_STORE", "file is not a directory"));
    let import = nuncio.run(&["store", "import", "--data", "file", "-", "-o", "json"]).exits(1);
    assert_eq!(import.json()["error"]["message"], message.as_str());
}

#[test]
fn servers_that_cannot_be_reached_are_named_without_passwords() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let url = |scheme| format!("{scheme}://me:s3cret@{free}/tasks");
    let (database, nats) = (url("postgres"), url("nats"));
    let check = |run: Run| {
        let run = run.exits(3);
        assert_eq!(run.error_code(), "A2ACLI_ERR_UNREACHABLE");
        let says = format!("{}{}", run.stdout, run.stderr);
        assert!(says.contains(&free) && !says.contains("s3cret"), "{says}");
    };
    let nuncio = Nuncio::new();
    check(nuncio.run(&[&SERVE[..], &["--database-url", &database, "-o", "json", "--debug"]].concat()));
    let both = ["--database-url", &database, "--nats-url", &nats, "-o", "json"];
    check(nuncio.run(&[&SERVE[..], &both].concat()));
}

#[test]
fn an_address_that_is_taken_is_no_fault_of_the_program() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for command in [&["demo-server"][..], &["webhook"]] {
        let run = Nuncio::new().run(&[command, &["--listen", &address, "-o", "json"]].concat()).exits(1);
        assert_eq!(run.error_code(), "NUNCIO_ERR_LISTEN");
    }
}

#[cfg(unix)]
#[test]
fn a_copy_in_a_directory_that_may_only_be_read_is_verified() {
    use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

    let nuncio = Nuncio::new();
    let server = Server::start(&nuncio, &[]);
    nuncio.run(&["send", "-a", &server.1, "task one"]).exits(0);
    drop(server);
    let chmod = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let (data, copy) = (nuncio.home.join("work/data"), nuncio.home.join("copy"));
    // Whoever opens it last leaves no log beside it.
    nuncio.run(&["store", "prune", "--data", "data", "--keep", "9"]).exits(0);
    fs::create_dir(&copy).unwrap();
    fs::copy(data.join("tasks.db"), copy.join("tasks.db")).unwrap();
    chmod(&copy.join("tasks.db"), 0o444);
    chmod(&copy, 0o555);
    let verify = || {
        // Root may write anywhere.
        let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
        let mut command = Command::new(if is_root { "setpriv" } else { env!("CARGO_BIN_EXE_nuncio") });
        if is_root {
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups", env!("CARGO_BIN_EXE_nuncio")]);
        }
        command.args(["store", "verify", "--data"]).arg(&copy).env("HOME", "/nonexistent").output().unwrap()
    };
    let verified = verify();
    let said = String::from_utf8(verified.stdout).unwrap() + &String::from_utf8(verified.stderr).unwrap();
    assert!(verified.status.success() && said.contains("Tasks: 1\n") && said.contains("Findings: 0\n"), "{said}");
    assert_eq!(fs::read_dir(&copy).unwrap().count(), 1, "nothing is left beside it");
    chmod(&copy, 0o755);
    fs::write(copy.join("tasks.db-wal"), "a log").unwrap();
    chmod(&copy, 0o555);
    let said = String::from_utf8(verify().stderr).unwrap();
    assert!(said.contains("NUNCIO_ERR_STORE") && said.contains("this user may write to it"), "{said}");
    chmod(&copy, 0o755);
}
