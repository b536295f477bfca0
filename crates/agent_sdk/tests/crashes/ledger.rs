//! What callers were told, and so may rely on.

use std::{
    fmt::Display,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use agent_sdk::protocol::{Message, StreamResponse, Task};

/// How long anybody waits for anything before that is a fault.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(crate) struct Ledger(Mutex<Facts>);

#[derive(Default)]
pub(crate) struct Facts {
    pub(crate) sends: Vec<Send>,
    pub(crate) streams: Vec<Stream>,
    /// How often streams were cut and taken up again.
    pub(crate) resumed: usize,
    /// Tasks as they were when somebody was told of them.
    pub(crate) tasks: Vec<Arc<Task>>,
    /// Tasks whose cancellation was answered by a task that is cancelled.
    pub(crate) canceled: Vec<Arc<str>>,
    pub(crate) hooks: Vec<Hook>,
    pub(crate) faults: Vec<Fault>,
}

/// A message that was answered.
#[derive(Clone, Debug)]
pub(crate) struct Send {
    pub(crate) message: String,
    pub(crate) answer: Answer,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Task(Arc<str>),
    Message(Arc<Message>),
}

/// What one stream brought, however often it was taken up again, with the places in the log where it
/// said them.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) events: Vec<(Option<u64>, StreamResponse)>,
}

/// A webhook of a task.
#[derive(Clone, Debug)]
pub(crate) struct Hook {
    pub(crate) name: String,
    pub(crate) task: Arc<str>,
    /// It is told at least what happened from here on, in milliseconds since 1970.
    pub(crate) since: u64,
}

/// Something that is not as it should be.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// The task or the message that it is about.
    pub(crate) about: String,
    pub(crate) what: String,
}

impl Ledger {
    pub(crate) fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap()
    }

    pub(crate) fn fault(&self, about: &str, what: impl Display) {
        self.facts().faults.push(Fault { about: about.to_owned(), what: what.to_string() });
    }
}
