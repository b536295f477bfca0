//! The official SDKs as peers: their clients call our agent, our client calls agents on theirs.
//! `tests/peers/setup.sh` installs them, once, from PyPI and npm.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod descriptors;
mod our_client;
mod signing;
mod their_clients;

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::LazyLock,
};

/// Where the SDKs are.
pub(crate) struct Sdks {
    scripts: PathBuf,
    python: PathBuf,
    js: PathBuf,
}

pub(crate) static SDKS: LazyLock<Sdks> = LazyLock::new(|| {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers");
    let output = Command::new(scripts.join("setup.sh")).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "the SDKs could not be installed");
    let output = String::from_utf8(output.stdout).unwrap();
    let path = |name: &str| {
        let line = output.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        PathBuf::from(line.unwrap_or_else(|| panic!("setup.sh names no {name}")))
    };
    Sdks { python: path("python"), js: path("js"), scripts }
});

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Sdk {
    Python,
    Js,
}

impl Sdk {
    /// A script of ours on this SDK.
    pub(crate) fn script(self, name: &str) -> Command {
        match self {
            Self::Python => {
                let mut command = Command::new(&SDKS.python);
                command.arg(SDKS.scripts.join(format!("{name}.py")));
                command
            }
            Self::Js => {
                let mut command = Command::new("node");
                command.arg(SDKS.js.join(format!("{name}.mjs")));
                command
            }
        }
    }
}

/// An agent in a process of its own, which ends with it.
pub(crate) struct Agent {
    process: Child,
    pub(crate) url: String,
}

impl Agent {
    /// Starts it; the first line on its stdout ends with its URL.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = lines.next().expect("a line that says where it listens").unwrap();
        let url = line.split(' ').next_back().unwrap().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{line}");
        // Reads on, so that the process never waits for a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, url }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
