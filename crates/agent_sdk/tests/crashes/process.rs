//! The processes that are killed.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{sleep, timeout};

use crate::{
    agent::{LISTENS, SETTINGS, Settings},
    door::{Door, Passage},
    ledger::PATIENCE,
    witness::{What, Witness},
};

/// A replica of the agent: one process after the other.
pub(crate) struct Replica {
    name: String,
    settings: Settings,
    directory: PathBuf,
    witness: Arc<Witness>,
    /// By which callers get to it.
    door: Arc<Door>,
    /// By which it gets to its storage, if it can be cut off from that.
    way: Option<Arc<Door>>,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    /// The how-manieth process it is.
    number: usize,
    process: Option<Child>,
}

impl Replica {
    /// One that is not started yet. `door` is how callers get to it, and to others like it.
    pub(crate) fn new(
        name: &str,
        settings: Settings,
        directory: &Path,
        witness: &Arc<Witness>,
        door: &Arc<Door>,
        way: Option<Arc<Door>>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            settings,
            directory: directory.to_owned(),
            witness: witness.clone(),
            door: door.clone(),
            way,
            running: Mutex::default(),
        }
    }

    /// Starts a process, to which the door leads as soon as it listens.
    pub(crate) fn start(self: &Arc<Self>) {
        let mut running = self.running();
        running.number += 1;
        let number = running.number;
        let log = File::create(self.log(number)).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "agent::agent_process", "--ignored", "--nocapture", "--test-threads=1"]);
        command.env(SETTINGS, serde_json::to_string(&self.settings).unwrap());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        running.process = Some(process);
        let replica = self.clone();
        std::thread::spawn(move || {
            let lines = stdout.lines().map_while(Result::ok);
            let said = lines.filter_map(|line| line.strip_prefix(LISTENS).map(|address| address.parse().unwrap()));
            for address in said {
                let running = replica.running();
                if running.number == number && running.process.is_some() {
                    replica.door.lead(&replica.name, Some(address));
                }
            }
        });
    }

    /// Resolves when it can be called.
    pub(crate) async fn until_it_listens(&self) {
        let listens = async {
            while !self.door.leads_to(&self.name) {
                if let Some(ended) = self.ended() {
                    panic!("{ended}");
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, listens).await.expect("a process of the agent listens");
    }

    /// As `kill -9` does.
    pub(crate) fn kill(&self) {
        let mut running = self.running();
        let Some(mut process) = running.process.take() else { return };
        self.door.lead(&self.name, None);
        self.witness.note(process.id(), What::Killed);
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Has it stand still.
    pub(crate) fn halt(&self) {
        if let Some(process) = &self.running().process {
            self.witness.note(process.id(), What::Halted);
            signal(process, "STOP");
        }
    }

    pub(crate) fn go_on(&self) {
        if let Some(process) = &self.running().process {
            signal(process, "CONT");
            self.witness.note(process.id(), What::WentOn);
        }
    }

    /// Cuts it off from its storage: what is under way is held up, or broken off.
    pub(crate) fn cut_off(&self, passage: Passage) {
        if let (Some(way), Some(process)) = (&self.way, self.id()) {
            self.witness.note(process, What::CutOff);
            way.set(passage);
        }
    }

    /// Lets it get to its storage again.
    pub(crate) fn reach(&self) {
        if let (Some(way), Some(process)) = (&self.way, self.id()) {
            way.set(Passage::Open);
            self.witness.note(process, What::Reached);
        }
    }

    /// Whether it can be cut off.
    pub(crate) fn has_a_way(&self) -> bool {
        self.way.is_some()
    }

    /// The process that runs, if one does.
    pub(crate) fn id(&self) -> Option<u32> {
        self.running().process.as_ref().map(Child::id)
    }

    /// How it ended, if it did so by itself, and what it said.
    pub(crate) fn ended(&self) -> Option<String> {
        let mut running = self.running();
        let status = running.process.as_mut()?.try_wait().unwrap()?;
        let log = std::fs::read_to_string(self.log(running.number)).unwrap();
        Some(format!("{} has ended by itself: {status}\n{log}", self.name))
    }

    fn log(&self, number: usize) -> PathBuf {
        self.directory.join(format!("{}-{number}.log", self.name))
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        // Processes are ended also where a test has failed with this in its hands.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if let Some(mut process) = self.running().process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn signal(process: &Child, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &process.id().to_string()]).status();
    assert!(status.unwrap().success(), "kill -{name}");
}
