//! Storages as lines of JSON, to be kept elsewhere and read again.
//!
//! The first line says what the file is, in which version; the last, how much was written, so that
//! a file that was cut off is known. Between them each task is one line `task`, then either one line
//! `event` for everything that happened to it or, where its log is gone, one line `snapshot`; then its
//! push configurations, if they were asked for. After all tasks come the claimed message ids.

pub(crate) mod lines;
mod reader;

use std::fmt;

use self::lines::{ClaimLine, End, EventLine, Header, Line, PushLine, SnapshotLine, TaskLine};
use crate::{ClaimRecord, History, StoredTask, TaskRecord};
pub use reader::{Content, Item, Reader};

/// The version of what is written. Later versions read what earlier ones wrote.
pub const VERSION: u32 = 1;

/// Why a line is not taken. Shows nothing that is in it but names and ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    /// Which line, from 1.
    pub line: u64,
    /// Which member of it, such as `task.scope.agent`; empty where it is not about one.
    pub field: String,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for LineError {}

/// Writes an archive, line by line. No line holds its line feed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Writer {
    tasks: u64,
    claims: u64,
    with_push_configs: bool,
}

impl Writer {
    /// Begins. Push configurations are written only if asked for: they hold secrets.
    pub fn new(with_push_configs: bool) -> Self {
        Self { with_push_configs, ..Self::default() }
    }

    /// The first line.
    ///
    /// # Errors
    /// None that a caller can cause.
    pub fn header(&self) -> serde_json::Result<String> {
        written(&Line::Nuncio(Header { format: VERSION, push_configs: self.with_push_configs }))
    }

    /// The lines of a task.
    ///
    /// # Errors
    /// When something in it cannot be written as JSON.
    pub fn task(&mut self, record: &TaskRecord) -> serde_json::Result<Vec<String>> {
        self.tasks += 1;
        let id = record.task.id;
        let mut lines = vec![task(&record.task)?];
        match &record.history {
            History::Log(events) => {
                for (seq, event) in (1..).zip(events) {
                    lines.push(written(&Line::Event(EventLine { task: id.into(), seq, body: event.clone() }))?);
                }
            }
            History::Snapshot(body) => {
                lines.push(written(&Line::Snapshot(SnapshotLine { task: id.into(), body: body.clone() }))?);
            }
        }
        for row in record.push_configs.iter().filter(|_| self.with_push_configs) {
            lines.push(written(&Line::PushConfig(PushLine::new(id, row)))?);
        }
        Ok(lines)
    }

    /// The line of a claim.
    ///
    /// # Errors
    /// When something in it cannot be written as JSON.
    pub fn claim(&mut self, claim: &ClaimRecord) -> serde_json::Result<String> {
        self.claims += 1;
        written(&Line::Claim(ClaimLine::new(claim)))
    }

    /// The last line.
    ///
    /// # Errors
    /// None that a caller can cause.
    pub fn end(self) -> serde_json::Result<String> {
        written(&Line::End(End { tasks: self.tasks, claims: self.claims }))
    }
}

/// The line `task` of a task.
///
/// # Errors
/// None that a caller can cause.
pub fn task(task: &StoredTask) -> serde_json::Result<String> {
    written(&Line::Task(TaskLine::new(task)))
}

/// The line `event` of an event of a task.
///
/// # Errors
/// When something in it cannot be written as JSON.
pub fn event(task: a2a_app_ports::TaskId, seq: u64, event: &a2a_protocol_core::Event) -> serde_json::Result<String> {
    written(&Line::Event(EventLine { task: task.into(), seq, body: event.clone() }))
}

fn written(line: &Line) -> serde_json::Result<String> {
    serde_json::to_string(line)
}
