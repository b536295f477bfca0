//! What handlers do and what is done to their processes, in one file to which all append, a line at a
//! time: its order is the order in which it happened, whichever process wrote the line.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use agent_sdk::{ports::Lease, prelude::*};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

/// A process that is so late has stalled.
pub(crate) const LATE: Duration = Duration::from_millis(100);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    /// Milliseconds since 1970.
    pub(crate) at: u64,
    pub(crate) process: u32,
    pub(crate) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum What {
    /// A handler is at work, and goes on from what it noted before.
    Begun(Work, Option<u64>),
    /// It was told that this is stored, as [`told`] has it.
    Told(Work, String),
    /// It has returned, or is dropped.
    Over(Work),
    /// A process has the lease of a task now. Whoever had it before may have been lost.
    Took { task: String, held: Held, orphaned: bool },
    /// A run's events were stored, up to this one, in an operation that began then.
    Wrote { task: String, revision: u64, held: Held, since: u64 },
    /// The storage has failed in something about a task.
    Failed(String),
    /// A process could not say that it is there, or hardly in time.
    Unrenewed,
    /// A process is about to be killed.
    Killed,
    /// A process is about to be halted.
    Halted,
    /// It has gone on since.
    WentOn,
    /// A process is about to be cut off from its storage.
    CutOff,
    /// It is not any more.
    Reached,
    /// The bus of all processes was stopped and started.
    BusStopped,
    /// For so many milliseconds until now a process did nothing that was due, because it was halted or
    /// the machine had no time for it.
    Stalled(u64),
}

/// One call of a handler.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Work {
    pub(crate) task: String,
    pub(crate) message: String,
    pub(crate) attempt: u32,
}

/// A lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) replica: String,
    pub(crate) fence: u64,
}

impl Held {
    pub(crate) fn of(lease: Lease) -> Self {
        Self { replica: lease.replica.to_string(), fence: lease.fence }
    }
}

pub(crate) struct Witness {
    path: PathBuf,
    file: File,
}

impl Witness {
    pub(crate) fn open(path: &Path) -> Arc<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        Arc::new(Self { path: path.to_owned(), file })
    }

    pub(crate) fn note(&self, process: u32, what: What) {
        let mut line = serde_json::to_vec(&Line { at: now(), process, what }).unwrap();
        line.push(b'\n');
        (&self.file).write_all(&line).unwrap();
    }

    /// Notes that a handler of this process is at work, until what is given back is dropped.
    pub(crate) fn at_work(self: &Arc<Self>, turn: &Turn, restored: Option<u64>) -> AtWork {
        let work =
            Work { task: turn.task_id.to_string(), message: turn.message.message_id.clone(), attempt: turn.attempt() };
        self.note(std::process::id(), What::Begun(work.clone(), restored));
        AtWork(self.clone(), work)
    }

    /// Notes when this process does not get to what is due.
    pub(crate) async fn watch_the_time(self: Arc<Self>) {
        const TICK: Duration = Duration::from_millis(25);
        loop {
            let before = Instant::now();
            sleep(TICK).await;
            let late = before.elapsed().saturating_sub(TICK);
            if late >= LATE {
                self.note(std::process::id(), What::Stalled(u64::try_from(late.as_millis()).unwrap()));
            }
        }
    }

    /// All that was noted until now.
    pub(crate) fn read(&self) -> Vec<Line> {
        let text = std::fs::read_to_string(&self.path).unwrap();
        // The last line may be half there.
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A handler that is witnessed at its work.
pub(crate) struct AtWork(Arc<Witness>, Work);

impl AtWork {
    pub(crate) fn work(&self) -> &Work {
        &self.1
    }

    /// Notes what the handler was told to be stored.
    pub(crate) fn told(&self, what: String) {
        self.0.note(std::process::id(), What::Told(self.1.clone(), what));
    }
}

/// What handlers may be told to be stored, in words that say which event it is.
pub(crate) mod told {
    use std::fmt::Display;

    use agent_sdk::protocol::{EventKind, TaskState};

    pub(crate) const CHECKPOINT: &str = "checkpoint ";

    pub(crate) fn artifact(id: &str, text: impl Display) -> String {
        format!("artifact {id}: {text}")
    }

    pub(crate) fn checkpoint(value: impl Display) -> String {
        format!("{CHECKPOINT}{value}")
    }

    pub(crate) fn status(state: &TaskState, text: impl Display) -> String {
        format!("status {state}: {text}")
    }

    /// What is said of this event, if handlers are told of it.
    pub(crate) fn of(kind: &EventKind) -> Option<String> {
        match kind {
            EventKind::Artifact { artifact: written, .. } => {
                let text: String = written.parts.iter().filter_map(|part| part.as_text()).collect();
                Some(artifact(&written.artifact_id, text))
            }
            EventKind::Checkpoint(value) => Some(checkpoint(value)),
            EventKind::Status { state, message, .. } => {
                Some(status(state, message.as_ref().map(|message| message.text()).unwrap_or_default()))
            }
            _ => None,
        }
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.note(std::process::id(), What::Over(self.1.clone()));
    }
}

pub(crate) fn now() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}
