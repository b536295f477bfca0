//! Checking tasks: whether logs, snapshots and rows say the same.

use std::fmt::Display;

use a2a_app_ports::{Revision, StorageError};
use a2a_protocol_core::{Event, EventKind, Task, log};

use super::{
    or_damage,
    record::{BODY, Head, Raw, SEQ},
};
use crate::{
    Checked, Finding, SqlFailure,
    sql::{
        transaction::{Connection, Operation, Pace, Tx},
        values::{Row, count, nanos},
    },
};

/// Checks tasks.
pub(super) struct CheckTasks {
    pub(super) after: u64,
    pub(super) limit: usize,
}

impl Operation for CheckTasks {
    type Output = Checked;

    const PACE: Pace = Pace::Long;

    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<Checked, StorageError> {
        const PLACES: &str = "SELECT n, id FROM tasks WHERE n > ?1 ORDER BY n LIMIT ?2";
        let mut checked = Checked::default();
        let rows = match or_damage(tx.db.query(PLACES, &[count(self.after), count(self.limit)]).await)? {
            Ok(rows) => rows,
            Err(what) => {
                let what = format!("the tasks after place {} cannot be read: {what}", self.after);
                checked.findings.push(Finding { task: None, what });
                return Ok(checked);
            }
        };
        for row in &rows {
            let n = row.int(0)?;
            let mut findings = Findings::default();
            let mut task = row.task_id(1).ok();
            match or_damage(Raw::read(tx, n).await)? {
                // It was forgotten meanwhile.
                Ok(None) => continue,
                Ok(Some(raw)) => {
                    checked.events += raw.events.len() as u64;
                    match or_damage(raw.head)? {
                        Ok(head) => {
                            task = Some(head.task.id);
                            check(&head, &raw.snapshots, &raw.events, &mut findings);
                        }
                        Err(what) => findings.add(format_args!("its row: {what}")),
                    }
                }
                Err(what) => findings.add(format_args!("it cannot be read: {what}")),
            }
            checked.tasks += 1;
            let place = format!("at place {n}: ");
            let named = |what: String| if task.is_some() { what } else { format!("{place}{what}") };
            checked.findings.extend(findings.0.into_iter().map(|what| Finding { task, what: named(what) }));
        }
        if rows.len() == self.limit {
            checked.next = rows.last().map(|row| row.number(0)).transpose()?;
        }
        Ok(checked)
    }
}

/// What is the matter with one task.
#[derive(Default)]
struct Findings(Vec<String>);

impl Findings {
    fn add(&mut self, what: impl Display) {
        self.0.push(what.to_string());
    }

    fn unless(&mut self, fine: bool, what: impl Display) {
        if !fine {
            self.add(what);
        }
    }
}

/// What JSON says, or nothing and a finding.
fn parsed<T: serde::de::DeserializeOwned>(row: &Row, what: impl Display, findings: &mut Findings) -> Option<T> {
    row.json(BODY).map_err(|error| findings.add(format_args!("{what}: {}", SqlFailure::text_of(&error)))).ok()
}

/// Folds a log beside its snapshots.
struct Folding<'a> {
    head: &'a Head,
    /// The event up to which the log was followed.
    at: Revision,
    /// The task as of then, unless something is missing to know it.
    fold: Option<Task>,
}

impl Folding<'_> {
    fn missing(&mut self, upto: Revision, findings: &mut Findings) {
        let first = self.at + 1;
        match upto.saturating_sub(self.at) {
            0 => {}
            1 => findings.add(format_args!("event {first} is missing")),
            _ => findings.add(format_args!("events {first} to {upto} are missing")),
        }
        if upto > self.at {
            (self.at, self.fold) = (upto, None);
        }
    }

    fn event(&mut self, seq: Revision, row: &Row, findings: &mut Findings) {
        if seq <= self.at {
            return findings.add(format_args!("event {seq} is there, and should have been dropped"));
        }
        if seq > self.head.task.revision {
            return findings
                .add(format_args!("event {seq} is beyond the {} that the row knows", self.head.task.revision));
        }
        self.missing(seq - 1, findings);
        self.at = seq;
        let Some(event) = parsed::<Event>(row, format_args!("event {seq}"), findings) else {
            self.fold = None;
            return;
        };
        if seq > 1 {
            let fits = self.fold.as_mut().map(|task| log::apply(task, &event));
            if let Some(Err(error)) = fits {
                findings.add(format_args!("event {seq} does not fit: {error}"));
                self.fold = None;
            }
            return;
        }
        let skill = &self.head.task.skill;
        if let EventKind::Created { skill: created, .. } = &event.kind {
            findings.unless(created == skill, format_args!("its skill is {skill:?}, its log says {created:?}"));
        }
        match log::begin(self.head.task.id.into(), &event) {
            Ok(task) => self.fold = Some(task),
            Err(error) => findings.add(format_args!("event 1 does not fit: {error}")),
        }
    }

    /// A snapshot: says what the fold says, or stands for it where it is not known.
    fn snapshot(&mut self, revision: Revision, row: &Row, findings: &mut Findings) {
        self.missing(revision.min(self.head.task.revision), findings);
        let Some(task) = parsed::<Task>(row, format_args!("the snapshot at {revision}"), findings) else { return };
        match &self.fold {
            Some(fold) if revision == self.at => {
                findings.unless(*fold == task, format_args!("the snapshot at {revision} is not what the log folds to"));
            }
            _ if revision >= self.at => (self.at, self.fold) = (revision, Some(task)),
            // From before where the log is dropped.
            _ => {}
        }
    }
}

fn check(head: &Head, snapshots: &[Row], events: &[Row], findings: &mut Findings) {
    let task = &head.task;
    let number = |row: &Row| row.number(SEQ).unwrap_or_default();
    let bytes = |row: &Row| row.text(BODY).map_or(0, |body| body.len() as u64);

    let newest = snapshots.last().map(|row| (number(row), bytes(row))).unwrap_or_default();
    let (revision, snapshot_bytes) = (head.size.snapshot, head.size.snapshot_bytes);
    findings
        .unless(newest.0 == revision, format_args!("its newest snapshot is at {}, the row says {revision}", newest.0));
    findings.unless(
        newest.0 != revision || newest.1 == snapshot_bytes,
        format_args!("its newest snapshot has {} bytes, the row says {snapshot_bytes}", newest.1),
    );
    let tail: u64 = events.iter().filter(|row| number(row) > revision).map(bytes).sum();
    let tail_bytes = head.size.tail_bytes;
    findings.unless(
        tail == tail_bytes,
        format_args!("the events after its snapshot have {tail} bytes, the row says {tail_bytes}"),
    );

    let mut folding = Folding { head, at: head.dropped, fold: None };
    let mut snapshots = snapshots.iter().peekable();
    for row in events {
        while let Some(snapshot) = snapshots.next_if(|snapshot| number(snapshot) < number(row)) {
            folding.snapshot(number(snapshot), snapshot, findings);
        }
        folding.event(number(row), row, findings);
        if let Some(snapshot) = snapshots.next_if(|snapshot| number(snapshot) == number(row)) {
            folding.snapshot(number(snapshot), snapshot, findings);
        }
    }
    for snapshot in snapshots {
        folding.snapshot(number(snapshot), snapshot, findings);
    }
    folding.missing(task.revision, findings);
    match folding.fold.filter(|_| folding.at == task.revision) {
        Some(fold) => check_row(head, &fold, findings),
        None => findings.unless(!findings.0.is_empty(), "nothing says what it is: its snapshot is missing"),
    }
}

/// Whether the row says what the task says.
fn check_row(head: &Head, fold: &Task, findings: &mut Findings) {
    let task = &head.task;
    let state = &fold.status.state;
    findings.unless(*fold.id == *task.id.to_string(), format_args!("its snapshot is of another task, {:?}", fold.id));
    findings.unless(*state == task.state, format_args!("its row says {}, its log {state}", task.state));
    findings.unless(
        fold.context_id == task.context_id,
        format_args!("its context is {:?}, its log says {:?}", task.context_id, fold.context_id),
    );
    let time = fold.status.timestamp;
    findings.unless(
        time.is_some_and(|time| nanos(time) == head.status_time),
        format_args!("the time of its status is {}, and not what its log says", task.status_time),
    );
    if state.is_terminal() {
        let log_due = (head.dropped < task.revision).then_some(head.status_time);
        findings.unless(head.ended == Some(head.status_time), "it has ended, and its row does not say when");
        findings.unless(head.log_due == log_due, "its row does not say how much of its log there is");
        findings.unless(head.size.snapshot == task.revision, "it has ended without a snapshot of its end");
        findings.unless(task.holder.is_none() && !task.waits, "it has ended, and is still run");
    } else {
        findings.unless(head.ended.is_none() && head.log_due.is_none(), "its row says that it has ended");
        findings.unless(!(task.waits && task.holder.is_some()), "it is run, and waits for somebody to take it");
    }
}
