//! Servers under measurement, as processes of their own.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::agent::Place;

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/storage/python");
const PEERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/peers/requirements.txt");

/// A server, until it is dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// The agent, with its tasks there.
    pub(crate) fn start(place: &Place) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        Self::run(command.arg("serve").args(place.arguments())).unwrap()
    }

    /// The same agent on the official Python SDK, with its tasks in this database.
    pub(crate) fn python(url: &str) -> Result<Self, String> {
        let url = url.replacen("postgres://", "postgresql+asyncpg://", 1);
        Self::run(Command::new(python()?).arg(format!("{PYTHON}/agent.py")).arg(url))
    }

    fn run(command: &mut Command) -> Result<Self, String> {
        let mut process = command.stdout(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
        let mut line = String::new();
        let read = process.stdout.as_mut().map(|stdout| BufReader::new(stdout).read_line(&mut line));
        match line.trim().strip_prefix("URL: http://").and_then(|address| address.parse().ok()) {
            Some(address) => Ok(Self { process, address }),
            None => {
                let _ = process.kill();
                let _ = process.wait();
                Err(format!("it does not say where it listens: {line:?} {read:?}"))
            }
        }
    }

    /// How long its threads have been running on a core.
    pub(crate) fn cpu(&self) -> Duration {
        let threads = fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        let nanos = threads.filter_map(|thread| {
            let times = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            times.split(' ').next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanos.sum())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A Python that has the SDK with what its stores need, installed if it is not there yet.
fn python() -> Result<PathBuf, String> {
    let requirements = format!("{PYTHON}/requirements.txt");
    let pins = [&requirements, PEERS].map(|path| fs::read_to_string(path).unwrap());
    let mut hasher = DefaultHasher::new();
    pins.hash(&mut hasher);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("python-{:x}", hasher.finish()));
    let done = directory.join("done");
    if !done.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&directory))?;
        let mut pip = Command::new(directory.join("bin/pip"));
        run(pip.args(["install", "--quiet", "--no-deps", "--requirement", &requirements]))?;
        fs::write(&done, "").map_err(|error| error.to_string())?;
    }
    Ok(directory.join("bin/python"))
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    let said = || format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    if output.status.success() { Ok(()) } else { Err(said()) }
}
