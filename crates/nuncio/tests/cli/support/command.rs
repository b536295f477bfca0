//! The command in a world of its own.

use std::{
    io::Write as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::Value;

use super::Agent;

/// The command in surroundings of its own: home, working directory and environment.
pub(crate) struct Nuncio {
    pub(crate) home: PathBuf,
    environment: Vec<(String, String)>,
    input: Option<String>,
}

/// What the command did.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: i32,
}

impl Nuncio {
    /// Alone in the world.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("nuncio-cli-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let home = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&home).unwrap();
        // The tests must not hang for ever where the command does.
        let environment = vec![("A2ACLI_TIMEOUT".to_owned(), "60s".to_owned())];
        Self { home, environment, input: None }
    }

    /// With an agent.
    pub(crate) fn to(agent: &Agent) -> Self {
        Self::new().env("A2ACLI_AGENT_CARD", &agent.url)
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn input(mut self, text: &str) -> Self {
        self.input = Some(text.to_owned());
        self
    }

    /// Writes a file below the home directory.
    pub(crate) fn file(self, path: &str, content: &str) -> Self {
        let path = self.home.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        self
    }

    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        let directory = self.home.join("work");
        std::fs::create_dir_all(&directory).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_nuncio"))
            .args(arguments)
            .env_clear()
            .env("HOME", &self.home)
            .env("XDG_CACHE_HOME", self.home.join("cache"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        if let Some(input) = &self.input {
            stdin.write_all(input.as_bytes()).unwrap();
        }
        child
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.spawn(arguments))
    }
}

impl Drop for Nuncio {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

impl Run {
    pub(crate) fn of(child: Child) -> Self {
        let output = child.wait_with_output().unwrap();
        Self {
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code().unwrap_or(-1),
        }
    }

    /// Asserts the exit status; gives itself back for more.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    /// The one document on stdout.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The lines on stdout, each a document.
    #[track_caller]
    pub(crate) fn jsonl(&self) -> Vec<Value> {
        let document = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        self.stdout.lines().map(document).collect()
    }

    /// The `code` of the error envelope on stdout.
    #[track_caller]
    pub(crate) fn error_code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_else(|| panic!("{self:?}")).to_owned()
    }

    /// Asserts that stdout has this line.
    #[track_caller]
    pub(crate) fn says(self, line: &str) -> Self {
        assert!(self.stdout.lines().any(|said| said == line), "no line {line:?} in {self:?}");
        self
    }
}
