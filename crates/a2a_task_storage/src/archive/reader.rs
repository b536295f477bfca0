//! Reading an archive.

use std::sync::Arc;

use a2a_protocol_core::{EventKind, Task, TaskState, log};

use super::{LineError, VERSION, lines::Line};
use crate::{ClaimRecord, History, StoredTask, TaskRecord};

/// Something that an archive holds whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The line where it begins.
    pub line: u64,
    /// What it is.
    pub content: Content,
}

/// What an archive holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A task.
    Task(Box<TaskRecord>),
    /// A claimed message id.
    Claim(ClaimRecord),
}

/// Reads an archive line by line. Gives nothing that is not whole and does not fit together.
#[derive(Debug, Default)]
pub struct Reader {
    line: u64,
    place: Place,
    tasks: u64,
    claims: u64,
}

#[derive(Debug, Default)]
enum Place {
    #[default]
    Start,
    Between,
    /// The task that is being read, with the line where it began.
    Task(u64, Box<Open>),
    End,
}

/// A task that is being read.
#[derive(Debug)]
struct Open {
    record: TaskRecord,
    fold: Option<Task>,
}

impl Reader {
    /// Before the first line.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the next line; what became whole by it.
    ///
    /// # Errors
    /// When the line is none of an archive, or does not fit what came before.
    pub fn line(&mut self, text: &str) -> Result<Vec<Item>, LineError> {
        self.line += 1;
        let mut json = serde_json::Deserializer::from_str(text);
        let line: Line = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let field = error.path().to_string();
            // A line of ours is one line of JSON.
            let what = error.into_inner().to_string().replace(" at line 1 column ", " at column ");
            self.error(if field == "." { "" } else { &field }, what)
        })?;
        json.end().map_err(|_| self.error("", "there is more after its JSON"))?;
        match (line, &mut self.place) {
            (Line::Nuncio(header), Place::Start) if header.format == VERSION => {
                self.place = Place::Between;
                Ok(Vec::new())
            }
            (Line::Nuncio(header), Place::Start) => {
                let what = format!("is {}, this version reads {VERSION}", header.format);
                Err(self.error("nuncio.format", what))
            }
            (_, Place::Start) => Err(self.error("", "the first line does not say what it is: {\"nuncio\": …}")),
            (Line::Nuncio(_), _) => Err(self.error("nuncio", "is only for the first line")),
            (_, Place::End) => Err(self.error("", "comes after the end")),
            (Line::Task(task), _) => {
                let whole = self.close()?;
                let task = task.task();
                self.check_head(&task)?;
                let history = History::Log(Vec::new());
                let record = TaskRecord { task, history, push_configs: Vec::new() };
                self.place = Place::Task(self.line, Box::new(Open { record, fold: None }));
                Ok(whole)
            }
            (Line::Event(event), Place::Task(_, open)) if event.task.0 == open.record.task.id => {
                open.event(event.seq, event.body).map_err(|(field, what)| self.error(field, what))?;
                Ok(Vec::new())
            }
            (Line::Snapshot(snapshot), Place::Task(_, open)) if snapshot.task.0 == open.record.task.id => {
                open.snapshot(snapshot.body).map_err(|(field, what)| self.error(field, what))?;
                Ok(Vec::new())
            }
            (Line::PushConfig(push), Place::Task(_, open)) if push.task.0 == open.record.task.id => {
                let row = push.row();
                let is_known = open.record.push_configs.iter().any(|known| known.id() == row.id());
                let wrong = if row.id().is_empty() {
                    Some(("pushConfig.config.id", "is missing"))
                } else if is_known {
                    Some(("pushConfig.config.id", "is that of a line before"))
                } else if row.cursor > open.record.task.revision {
                    Some(("pushConfig.cursor", "is beyond the end of the log"))
                } else {
                    open.record.push_configs.push(row);
                    None
                };
                wrong.map_or_else(|| Ok(Vec::new()), |(field, what)| Err(self.error(field, what)))
            }
            (Line::Event(_), _) => Err(self.error("event.task", "is not the task of the lines before")),
            (Line::Snapshot(_), _) => Err(self.error("snapshot.task", "is not the task of the lines before")),
            (Line::PushConfig(_), _) => Err(self.error("pushConfig.task", "is not the task of the lines before")),
            (Line::Claim(claim), _) => {
                let mut whole = self.close()?;
                self.claims += 1;
                let claim = claim.claim();
                self.check_claim(&claim)?;
                whole.push(Item { line: self.line, content: Content::Claim(claim) });
                Ok(whole)
            }
            (Line::End(end), _) => {
                let whole = self.close()?;
                for (field, says, there) in
                    [("end.tasks", end.tasks, self.tasks), ("end.claims", end.claims, self.claims)]
                {
                    if says != there {
                        return Err(self.error(field, format!("is {says}, there are {there}")));
                    }
                }
                self.place = Place::End;
                Ok(whole)
            }
        }
    }

    /// After the last line.
    ///
    /// # Errors
    /// When the file was cut off.
    pub fn end(mut self) -> Result<(), LineError> {
        self.line += 1;
        match self.place {
            Place::End => Ok(()),
            _ => Err(self.error("", "is missing: the file was cut off")),
        }
    }

    fn error(&self, field: &str, what: impl Into<String>) -> LineError {
        LineError { line: self.line, field: field.to_owned(), what: what.into() }
    }

    fn check_head(&self, task: &StoredTask) -> Result<(), LineError> {
        let ended = task.state.is_terminal();
        for (fine, field, what) in [
            (task.state.is_known() && task.state != TaskState::Unspecified, "task.state", "is no state of a task"),
            (task.revision > 0 && i64::try_from(task.revision).is_ok(), "task.revision", "is no number of events"),
            (i64::try_from(task.fence).is_ok(), "task.fence", "is no number of leases"),
            (task.has_log || ended, "task.log", "is gone although the task has not ended"),
            (task.holder.is_none() || !ended, "task.holder", "is there although the task has ended"),
            (!task.waits || (!ended && task.holder.is_none()), "task.waits", "does not fit its state and holder"),
        ] {
            if !fine {
                return Err(self.error(field, what));
            }
        }
        Ok(())
    }

    fn check_claim(&self, claim: &ClaimRecord) -> Result<(), LineError> {
        let is_place = |place: u64| place > 0 && i64::try_from(place).is_ok();
        match claim.place {
            Some(_) if claim.answer.is_some() => Err(self.error("claim.place", "is there although there is an answer")),
            Some(place) if !is_place(place) => Err(self.error("claim.place", "is no place of a log")),
            _ => Ok(()),
        }
    }

    /// The task that was being read, now that its lines are over.
    fn close(&mut self) -> Result<Vec<Item>, LineError> {
        let (line, open) = match std::mem::replace(&mut self.place, Place::Between) {
            Place::Task(line, open) => (line, open),
            other => {
                self.place = other;
                return Ok(Vec::new());
            }
        };
        let id = open.record.task.id;
        let record = open.whole().map_err(|(field, what)| LineError {
            line,
            field: field.to_owned(),
            what: format!("{what} (task {id})"),
        })?;
        self.tasks += 1;
        Ok(vec![Item { line, content: Content::Task(Box::new(record)) }])
    }
}

type Wrong = (&'static str, String);

impl Open {
    fn event(&mut self, seq: u64, event: a2a_protocol_core::Event) -> Result<(), Wrong> {
        let head = &self.record.task;
        let History::Log(events) = &mut self.record.history else {
            return Err(("event", "comes after a snapshot".to_owned()));
        };
        let next = events.len() as u64 + 1;
        if !head.has_log {
            return Err(("event", "is there although the task line says that the log is gone".to_owned()));
        }
        if seq != next || seq > head.revision {
            return Err(("event.seq", format!("is {seq}; the next of {} is {next}", head.revision)));
        }
        if let EventKind::Created { skill, .. } = &event.kind
            && *skill != head.skill
        {
            return Err(("event.body.kind.created.skill", "is not that of the task line".to_owned()));
        }
        match &mut self.fold {
            Some(task) => log::apply(task, &event),
            None => log::begin(head.id.into(), &event).map(|task| self.fold = Some(task)),
        }
        .map_err(|error| ("event.body.kind", format!("does not fit: {error}")))?;
        events.push(event);
        Ok(())
    }

    fn snapshot(&mut self, task: Arc<Task>) -> Result<(), Wrong> {
        if self.record.task.has_log {
            return Err(("snapshot", "is there although the task line says that there is a log".to_owned()));
        }
        if self.fold.is_some() {
            return Err(("snapshot", "is there twice".to_owned()));
        }
        if *task.id != *self.record.task.id.to_string() {
            return Err(("snapshot.body.id", "is not that of the task".to_owned()));
        }
        self.fold = Some(Task::clone(&task));
        self.record.history = History::Snapshot(task);
        Ok(())
    }

    /// The record, if it is whole and its first line says what the others say.
    fn whole(self) -> Result<TaskRecord, Wrong> {
        let (head, fold) = (&self.record.task, self.fold);
        let Some(fold) = fold else {
            let what = if head.has_log { "events" } else { "snapshot" };
            return Err(("task", format!("its {what} did not come")));
        };
        if let History::Log(events) = &self.record.history
            && events.len() as u64 != head.revision
        {
            return Err(("task.revision", format!("is {}, {} events came", head.revision, events.len())));
        }
        for (fine, field) in [
            (fold.status.state == head.state, "task.state"),
            (fold.context_id == head.context_id, "task.contextId"),
            (fold.status.timestamp == Some(head.status_time), "task.statusTime"),
        ] {
            if !fine {
                return Err((field, "is not what its events or its snapshot say".to_owned()));
            }
        }
        Ok(self.record)
    }
}
