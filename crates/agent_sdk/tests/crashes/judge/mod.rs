//! What must be true afterwards, by the logs of the tasks.

mod callers;
mod counts;
mod fences;
mod handlers;
mod hooks;
mod leases;
mod logs;
mod lost;
mod works;

use std::{
    collections::BTreeMap,
    fmt::{Display, Write as _},
    sync::Arc,
};

use a2a_task_storage::{History, StoreAdmin, TaskRecord, archive};
use agent_sdk::protocol::{Event, EventKind, Message, Task, Timestamp, log};

pub(crate) use self::counts::{Count, Done};
use self::works::Works;
use crate::{
    hooks::Hooks,
    ledger::Ledger,
    witness::{Line, What},
};

pub(crate) struct Judge<'a> {
    storage: &'a dyn StoreAdmin,
    ledger: &'a Ledger,
    lines: Vec<Line>,
    works: Works,
    logs: BTreeMap<Arc<str>, Log>,
}

/// A task with all that has happened to it.
struct Log {
    record: TaskRecord,
    events: Vec<Event>,
    /// The task after each event.
    folds: Vec<Task>,
}

impl<'a> Judge<'a> {
    pub(crate) async fn new(storage: &'a dyn StoreAdmin, ledger: &'a Ledger, lines: Vec<Line>) -> Self {
        let works = Works::of(&lines);
        let mut judge = Self { storage, ledger, lines, works, logs: BTreeMap::new() };
        let mut place = Some(0);
        while let Some(after) = place {
            // What is damaged is found by the check of all.
            let piece = storage.tasks(after, 100).await.unwrap();
            place = piece.next;
            for task in piece.found {
                let name: Arc<str> = task.id.into();
                match storage.record(task.id).await {
                    Ok(Some(record)) => judge.add(name, record),
                    other => judge.fault(&name, format_args!("cannot be read: {other:?}")),
                }
            }
        }
        judge
    }

    fn add(&mut self, name: Arc<str>, record: TaskRecord) {
        let events = match &record.history {
            History::Log(events) => events.clone(),
            History::Snapshot(_) => return self.fault(&name, "its log is gone"),
        };
        match folds(&name, &events) {
            Ok(folds) => drop(self.logs.insert(name, Log { record, events, folds })),
            Err(error) => self.fault(&name, format_args!("does not fold: {error}")),
        }
    }

    pub(crate) async fn all(&self, hooks: &Hooks) {
        self.integrity().await;
        self.ends();
        self.failures();
        self.messages();
        self.sends();
        self.streams();
        self.tasks_told();
        self.cancellations();
        self.webhooks(hooks);
        self.handlers();
        self.told();
        self.checkpoints();
        self.fences();
    }

    /// What is known of a task or a message.
    pub(crate) fn tell(&self, about: &str) -> String {
        let mut text = String::new();
        for (name, log) in &self.logs {
            let is_it = **name == *about || log.events.iter().filter_map(said).any(|said| said.message_id == about);
            if is_it {
                let lines = archive::Writer::new(true).task(&log.record).unwrap();
                lines.iter().for_each(|line| writeln!(text, "  {line}").unwrap());
            }
        }
        for line in &self.lines {
            let is_it = match &line.what {
                What::Begun(work, _) | What::Told(work, _) | What::Over(work) => {
                    work.task == about || work.message == about
                }
                What::Took { task, .. } | What::Wrote { task, .. } | What::Failed(task) => task == about,
                _ => true,
            };
            if is_it {
                writeln!(text, "  {line:?}").unwrap();
            }
        }
        text
    }

    fn fault(&self, about: &str, what: impl Display) {
        self.ledger.fault(about, what);
    }

    /// The log of a task that somebody was told of.
    fn log_of(&self, task: &Arc<str>) -> Option<&Log> {
        let log = self.logs.get(task);
        if log.is_none() {
            self.fault(task, "is lost, though somebody was told of it");
        }
        log
    }
}

fn folds(name: &Arc<str>, events: &[Event]) -> Result<Vec<Task>, log::FoldError> {
    let Some((first, rest)) = events.split_first() else { return Err(log::FoldError::Misplaced) };
    let mut folds = vec![log::begin(name.clone(), first)?];
    for event in rest {
        let mut task = folds[folds.len() - 1].clone();
        log::apply(&mut task, event)?;
        folds.push(task);
    }
    Ok(folds)
}

/// What a caller said with this event.
fn said(event: &Event) -> Option<&Arc<Message>> {
    match &event.kind {
        EventKind::Created { message, .. } | EventKind::Message(message) => Some(message),
        _ => None,
    }
}

fn millis(time: Timestamp) -> u64 {
    u64::try_from(time.as_millis()).unwrap()
}
