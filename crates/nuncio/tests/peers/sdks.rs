//! The official SDKs, and their clients as judges of an agent.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
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

    /// Has its client check an agent that behaves as `tests/peers/agent.py` says.
    pub(crate) fn checks(self, url: &str, options: &[&str], passed: &str) {
        let client = self.script("client").arg(url).args(options).stderr(Stdio::inherit()).output().unwrap();
        let report = String::from_utf8_lossy(&client.stdout);
        assert!(client.status.success(), "{report}");
        assert_eq!(report.lines().last(), Some(passed), "{report}");
    }
}
