//! Reading tasks of all scopes.

use std::sync::Arc;

use a2a_app_ports::{Revision, StorageError, TaskId};
use a2a_protocol_core::{Event, Task};

use super::piece;
use crate::{
    History, Piece, SqlFailure, StoredTask, TaskRecord,
    size::Size,
    sql::{
        pushes, scopes,
        transaction::{Connection, Operation, Tx},
        values::{Row, Value, count},
    },
};

/// The columns of a task, as [`Head::of_row`] reads them.
macro_rules! head {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            "SELECT t.n, t.id, COALESCE(s.long_key, s.key) AS scope, COALESCE(t.long_context, t.context) AS context, t.skill, t.state, t.status_time, t.revision, t.dropped, t.fence, ",
            "t.holder, t.waits, t.snapshot, t.snapshot_bytes, t.tail_bytes, t.ended, t.log_due ",
            "FROM tasks t LEFT JOIN scopes s ON s.n = t.scope ",
            $after
        )
    };
}

/// The row of a task.
pub(super) struct Head {
    pub(super) task: StoredTask,
    /// As it is stored.
    pub(super) status_time: i64,
    pub(super) dropped: Revision,
    pub(super) size: Size,
    pub(super) ended: Option<i64>,
    pub(super) log_due: Option<i64>,
}

impl Head {
    /// From the columns that begin here.
    fn of_row(row: &Row, first: usize) -> Result<Self, StorageError> {
        let [id, key, context, skill, state, status_time, revision, dropped, fence, holder, waits] =
            std::array::from_fn(|column| first + 1 + column);
        let [snapshot, snapshot_bytes, tail_bytes, ended, log_due] = std::array::from_fn(|column| first + 12 + column);
        if row.is_null(key) {
            return Err(SqlFailure::damaged(format_args!("task {} is of no scope", row.task_id(id)?)));
        }
        let or_null = |column| (!row.is_null(column)).then(|| row.int(column)).transpose();
        let dropped = row.number(dropped)?;
        let task = StoredTask {
            place: row.number(first)?,
            scope: scopes::of_text(row.text(key)?)?,
            id: row.task_id(id)?,
            context_id: row.text(context)?.into(),
            skill: row.text(skill)?.into(),
            state: row.state(state)?,
            status_time: row.time(status_time)?,
            revision: row.number(revision)?,
            has_log: dropped == 0,
            fence: row.number(fence)?,
            holder: row.replica(holder)?,
            waits: row.flag(waits)?,
        };
        let size = Size {
            snapshot: row.number(snapshot)?,
            snapshot_bytes: row.number(snapshot_bytes)?,
            tail_bytes: row.number(tail_bytes)?,
        };
        let (ended, log_due) = (or_null(ended)?, or_null(log_due)?);
        Ok(Self { task, status_time: row.int(status_time)?, dropped, size, ended, log_due })
    }
}

/// Reads what tasks are.
pub(super) struct ReadHeads {
    pub(super) after: u64,
    pub(super) limit: usize,
}

impl Operation for ReadHeads {
    type Output = Piece<StoredTask, u64>;

    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<Self::Output, StorageError> {
        const READ: &str = head!("", "WHERE t.n > ?1 ORDER BY t.n LIMIT ?2");
        let rows = tx.db.query(READ, &[count(self.after), count(self.limit)]).await?;
        let read = |row: &Row| Head::of_row(row, 0).map(|head| head.task);
        let about = |row: &Row| (row.task_id(1).ok(), "its row".to_owned());
        piece(&rows, self.limit, read, about, |row| row.number(0))
    }
}

/// A task with all snapshots and events that are stored of it, as they are.
pub(super) struct Raw {
    pub(super) head: Result<Head, StorageError>,
    /// In order; the number is in column [`SEQ`], what it says in [`BODY`].
    pub(super) snapshots: Vec<Row>,
    /// Likewise.
    pub(super) events: Vec<Row>,
}

pub(super) const SEQ: usize = 1;
pub(super) const BODY: usize = 2;

impl Raw {
    /// Reads the task at a place, in one statement, so that it is of one moment.
    pub(super) async fn read<C: Connection>(tx: &Tx<'_, C>, n: i64) -> Result<Option<Self>, StorageError> {
        const READ: &str = head!(
            "WITH page AS MATERIALIZED (",
            "WHERE t.n = ?1) SELECT CAST(2 AS BIGINT), e.seq, e.body, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, \
                NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM page JOIN events e ON e.task = page.n \
             UNION ALL SELECT 0, 0, NULL, page.* FROM page \
             UNION ALL SELECT 1, x.revision, x.body, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, \
                NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM page JOIN snapshots x ON x.task = page.n \
             ORDER BY 1, 2"
        );
        let mut rows = tx.db.query(READ, &[Value::Int(n)]).await?;
        let Some(head) = rows.first().filter(|row| row.int(0).is_ok_and(|part| part == 0)) else { return Ok(None) };
        let head = Head::of_row(head, 3);
        let events = rows.split_off(rows.partition_point(|row| row.int(0).is_ok_and(|part| part < 2)));
        rows.remove(0);
        Ok(Some(Self { head, snapshots: rows, events }))
    }
}

/// Reads all of a task.
pub(super) struct ReadRecord {
    pub(super) id: TaskId,
}

impl Operation for ReadRecord {
    type Output = Option<TaskRecord>;

    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<Option<TaskRecord>, StorageError> {
        const FIND: &str = "SELECT n FROM tasks WHERE id = ?1";
        const PUSHES: &str = "SELECT config, version, created, cursor, failed_at, failure FROM push_configs \
            WHERE task = ?1 ORDER BY COALESCE(long_id, id)";
        let id = self.id.as_u128().to_be_bytes();
        let Some(n) = tx.db.query(FIND, &[Value::Bytes(&id)]).await?.first().map(|row| row.int(0)).transpose()? else {
            return Ok(None);
        };
        let Some(raw) = Raw::read(tx, n).await? else { return Ok(None) };
        let task = raw.head?.task;
        // A place may be given again.
        if task.id != self.id {
            return Ok(None);
        }
        let history = if task.has_log {
            History::Log(log(&task, &raw.events)?)
        } else {
            History::Snapshot(snapshot(&task, &raw.snapshots)?)
        };
        let mut push_configs = Vec::new();
        for row in tx.db.query(PUSHES, &[Value::Bytes(&id)]).await? {
            let row = pushes::of_row(&row)?;
            // It may have been told of what came since.
            push_configs.push(a2a_app_ports::PushConfigRow { cursor: row.cursor.min(task.revision), ..row });
        }
        Ok(Some(TaskRecord { task, history, push_configs }))
    }
}

fn log(task: &StoredTask, rows: &[Row]) -> Result<Vec<Event>, StorageError> {
    let damaged =
        |what: std::fmt::Arguments<'_>| SqlFailure::damaged(format_args!("the log of task {}: {what}", task.id));
    let mut events = Vec::with_capacity(rows.len());
    for (seq, row) in (1..).zip(rows) {
        if row.number(SEQ)? != seq {
            return Err(damaged(format_args!("event {seq} is missing")));
        }
        events.push(
            row.json(BODY).map_err(|error| damaged(format_args!("event {seq}: {}", SqlFailure::text_of(&error))))?,
        );
    }
    match events.len() as Revision == task.revision {
        true => Ok(events),
        false => Err(damaged(format_args!("it ends at event {} instead of {}", events.len(), task.revision))),
    }
}

fn snapshot(task: &StoredTask, rows: &[Row]) -> Result<Arc<Task>, StorageError> {
    let last = rows.last().filter(|row| row.number(SEQ).is_ok_and(|revision| revision == task.revision));
    let missing = || SqlFailure::damaged(format_args!("task {} has neither its log nor its last snapshot", task.id));
    last.ok_or_else(missing)?.json(BODY).map(Arc::new)
}
