//! The official SDKs as peers: their clients call our agent, our client calls agents on theirs.
//! `tests/peers/setup.sh` installs them, once, from PyPI and npm.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod descriptors;
mod our_client;
mod our_client_v03;
mod signing;
mod their_clients;

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::LazyLock,
};

/// Where the SDKs of a version are.
struct Sdks {
    scripts: PathBuf,
    python: PathBuf,
    js: PathBuf,
}

impl Sdks {
    /// Those of a version, which `setup.sh` knows by this argument.
    fn install(version: Option<&str>) -> Self {
        let setup = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers");
        let output = Command::new(setup.join("setup.sh")).args(version).stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "the SDKs could not be installed");
        let output = String::from_utf8(output.stdout).unwrap();
        let path = |name: &str| {
            let line = output.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            PathBuf::from(line.unwrap_or_else(|| panic!("setup.sh names no {name}")))
        };
        Self { python: path("python"), js: path("js"), scripts: setup.join(version.unwrap_or_default()) }
    }
}

static V1_0: LazyLock<Sdks> = LazyLock::new(|| Sdks::install(None));
static V0_3: LazyLock<Sdks> = LazyLock::new(|| Sdks::install(Some("v03")));

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Sdk {
    Python,
    Js,
    PythonV03,
    JsV03,
}

impl Sdk {
    /// The version of the protocol that it speaks.
    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::Python | Self::Js => "1.0",
            Self::PythonV03 | Self::JsV03 => "0.3",
        }
    }

    /// A script of ours on this SDK.
    pub(crate) fn script(self, name: &str) -> Command {
        let sdks = if self.version() == "1.0" { &V1_0 } else { &V0_3 };
        match self {
            Self::Python | Self::PythonV03 => {
                let mut command = Command::new(&sdks.python);
                command.arg(sdks.scripts.join(format!("{name}.py")));
                command
            }
            Self::Js | Self::JsV03 => {
                let mut command = Command::new("node");
                command.arg(sdks.js.join(format!("{name}.mjs")));
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
