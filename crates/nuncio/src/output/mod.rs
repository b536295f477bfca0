//! What a command writes: results to stdout, all else to stderr.

pub(crate) mod card;
mod fields;
pub(crate) mod text;

use std::{
    cell::RefCell,
    io::{self, IsTerminal as _, Write as _},
};

use serde::Serialize;

use crate::{
    error::{Envelope, Failure},
    redact::Secrets,
    settings::Format,
};

pub(crate) use fields::{Fields, without_controls};

/// The two standard streams and how to write to them.
pub(crate) struct Console {
    /// The format of results.
    pub(crate) format: Format,
    /// Whether results are JSON lines.
    pub(crate) stream: bool,
    secrets: Secrets,
    progress: RefCell<Progress>,
}

/// The line on a terminal that is written over and over.
struct Progress {
    is_terminal: bool,
    width: usize,
}

impl Console {
    /// The streams of the process. A progress line is shown only on a terminal.
    pub(crate) fn new(format: Format, stream: bool, secrets: Secrets) -> Self {
        let is_terminal = io::stderr().is_terminal();
        Self { format, stream, secrets, progress: RefCell::new(Progress { is_terminal, width: 0 }) }
    }

    /// What must not be shown.
    pub(crate) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Whether results are JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Writes a result as JSON: one line of a stream, or the one document.
    ///
    /// # Errors
    /// When stdout is closed.
    pub(crate) fn json(&self, value: &impl Serialize) -> io::Result<()> {
        if self.stream {
            return self.json_line(value);
        }
        self.write(&format!("{}\n", serde_json::to_string_pretty(value)?))
    }

    /// Writes a result as one line of JSON, because others follow.
    ///
    /// # Errors
    /// When stdout is closed.
    pub(crate) fn json_line(&self, value: &impl Serialize) -> io::Result<()> {
        self.write(&format!("{}\n", serde_json::to_string(value)?))
    }

    /// Writes fields and blocks of text.
    ///
    /// # Errors
    /// When stdout is closed.
    pub(crate) fn text(&self, fields: &Fields) -> io::Result<()> {
        self.write(fields.as_str())
    }

    /// Writes to stdout as it is.
    ///
    /// # Errors
    /// When stdout is closed.
    pub(crate) fn write(&self, text: &str) -> io::Result<()> {
        self.clear_progress();
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }

    /// Says something about the run, on stderr and without credentials. Nobody can be told when
    /// stderr is closed.
    pub(crate) fn note(&self, text: &str) {
        self.clear_progress();
        let text = without_controls(&self.secrets.redact(text));
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Warns, on stderr.
    pub(crate) fn warn(&self, text: &str) {
        self.note(&format!("warning: {text}"));
    }

    /// Reports why the command failed: the envelope on stdout in JSON, lines on stderr in text.
    pub(crate) fn fail(&self, failure: &Failure) {
        let mut shown = failure.clone();
        shown.message = self.secrets.redact(&failure.message);
        shown.hint = failure.hint.as_deref().map(|hint| self.secrets.redact(hint));
        if self.is_json() {
            // There is no one left to tell when stdout is closed; the exit status says it.
            let _ = self.json(&Envelope::from(&shown));
            return;
        }
        self.note(&format!("error: {}: {}", shown.code.name(), shown.message));
        if let Some(hint) = &shown.hint {
            self.note(&format!("hint: {hint}"));
        }
    }

    /// Shows how far the work is, on a terminal.
    pub(crate) fn progress(&self, text: &str) {
        let mut progress = self.progress.borrow_mut();
        if !progress.is_terminal {
            return;
        }
        let line = without_controls(text).replace('\n', " ");
        let line: String = line.chars().take(78).collect();
        let width = line.chars().count();
        let blanks = " ".repeat(progress.width.saturating_sub(width));
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "\r{line}{blanks}").and_then(|()| stderr.flush());
        progress.width = width;
    }

    fn clear_progress(&self) {
        let mut progress = self.progress.borrow_mut();
        if progress.width > 0 {
            let blanks = " ".repeat(progress.width);
            let mut stderr = io::stderr().lock();
            let _ = write!(stderr, "\r{blanks}\r").and_then(|()| stderr.flush());
            progress.width = 0;
        }
    }
}
