//! What handlers do and what is done to their processes, in one file to which all append, a line at a
//! time: its order is the order in which it happened, whichever process wrote the line.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::Path,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use agent_sdk::prelude::*;
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
    /// It has returned, or is dropped.
    Over(Work),
    /// A process is about to be killed.
    Killed,
    /// A process is about to be halted.
    Halted,
    /// It has gone on since.
    WentOn,
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

pub(crate) struct Witness(File);

impl Witness {
    pub(crate) fn open(path: &Path) -> Arc<Self> {
        Arc::new(Self(OpenOptions::new().create(true).append(true).open(path).unwrap()))
    }

    pub(crate) fn note(&self, process: u32, what: What) {
        let mut line = serde_json::to_vec(&Line { at: now(), process, what }).unwrap();
        line.push(b'\n');
        (&self.0).write_all(&line).unwrap();
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

    pub(crate) fn read(path: &Path) -> Vec<Line> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

pub(crate) struct AtWork(Arc<Witness>, Work);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.note(std::process::id(), What::Over(self.1.clone()));
    }
}

pub(crate) fn now() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}
