//! Creating tasks and appending to their logs.

use std::sync::Arc;

use a2a_app_ports::{
    AT_THE_END, Author, Creation, Lease, PushConfigRow, ReplicaId, Revision, Scope, StorageError, TaskId,
};
use a2a_protocol_core::{Event, EventKind, FoldError, Message, Task, TaskState, Timestamp, log};
use futures::future::try_join_all;

use super::{
    claims,
    counts::{self, Counted},
    folds::Fold,
    new_task::NewTask,
    scopes,
    transaction::{Connection, Operation, Tx},
    values::{Row, Value, count, time},
};
use crate::{SqlFailure, size::Size};

/// Events and what is stored of them.
pub(super) struct Batch {
    pub(super) events: Vec<Event>,
    pub(super) bodies: Vec<String>,
}

impl Batch {
    pub(super) fn new(events: Vec<Event>) -> Result<Self, StorageError> {
        let bodies = events.iter().map(json).collect::<Result<_, _>>()?;
        Ok(Self { events, bodies })
    }

    /// The id of the message with which the events begin.
    fn message_id(&self) -> Result<&str, StorageError> {
        let message = self.events.first().and_then(message);
        message.map(|message| &*message.message_id).ok_or(StorageError::Refused(FoldError::Misplaced))
    }

    fn bytes(&self) -> u64 {
        self.bodies.iter().map(|body| body.len() as u64).sum()
    }

    /// Stores the events after a revision.
    pub(super) async fn insert<C: Connection>(
        &self,
        tx: &Tx<'_, C>,
        n: i64,
        after: Revision,
    ) -> Result<(), StorageError> {
        const INSERT: &str = "INSERT INTO events (task, seq, body) VALUES (?1, ?2, ?3)";
        try_join_all((after + 1..).zip(&self.bodies).map(|(seq, body)| async move {
            tx.db.execute(INSERT, &[Value::Int(n), count(seq), Value::Text(body)]).await
        }))
        .await?;
        Ok(())
    }

    /// Whether the log goes on with exactly these events after a revision.
    async fn follows<C: Connection>(
        &self,
        tx: &Tx<'_, C>,
        id: TaskId,
        scope: &str,
        after: Revision,
    ) -> Result<bool, StorageError> {
        const READ: &str = "SELECT e.body FROM tasks t JOIN scopes s ON s.n = t.scope JOIN events e ON e.task = t.n \
            WHERE t.id = ?1 AND s.key = ?2 AND e.seq > ?3 AND e.seq <= ?4 ORDER BY e.seq";
        let id = id.as_u128().to_be_bytes();
        let last = after + self.bodies.len() as Revision;
        let rows = tx.db.query(READ, &[Value::Bytes(&id), Value::Text(scope), count(after), count(last)]).await?;
        Ok(rows.len() == self.bodies.len()
            && rows.iter().zip(&self.bodies).all(|(row, body)| row.text(0).is_ok_and(|stored| stored == body)))
    }
}

/// The message that an event is about, where a caller has sent it.
pub(super) fn message(event: &Event) -> Option<&Message> {
    match &event.kind {
        EventKind::Created { message, .. } | EventKind::Message(message) => Some(message),
        _ => None,
    }
}

pub(super) fn json(value: &impl serde::Serialize) -> Result<String, StorageError> {
    serde_json::to_string(value).map_err(|error| StorageError::Failed(Box::new(error)))
}

pub(super) async fn store_snapshot<C: Connection>(
    tx: &Tx<'_, C>,
    n: i64,
    revision: Revision,
    body: Option<&str>,
) -> Result<(), StorageError> {
    const INSERT: &str = "INSERT INTO snapshots (task, revision, body) VALUES (?1, ?2, ?3)";
    if let Some(body) = body {
        tx.db.execute(INSERT, &[Value::Int(n), count(revision), Value::Text(body)]).await?;
    }
    Ok(())
}

pub(super) fn status_time(task: &Task) -> Value<'static> {
    // A folded task has a status time.
    time(task.status.timestamp.unwrap_or(Timestamp::UNIX_EPOCH))
}

pub(super) fn number(state: &TaskState) -> Value<'static> {
    Value::Int(state.number().unwrap_or_default().into())
}

/// Begins a log.
pub(super) struct Create {
    scope: Scope,
    scope_key: String,
    id: TaskId,
    skill: Arc<str>,
    batch: Batch,
    task: Arc<Task>,
    push: Option<Box<PushConfigRow>>,
    replica: ReplicaId,
    claimed: bool,
}

impl Create {
    pub(super) fn new(scope: &Scope, id: TaskId, creation: Creation) -> Result<Self, StorageError> {
        let Creation { events, push, replica, claimed, .. } = creation;
        let misplaced = StorageError::Refused(FoldError::Misplaced);
        let Some((first, rest)) = events.split_first() else { return Err(misplaced) };
        let EventKind::Created { skill, .. } = &first.kind else { return Err(misplaced) };
        let skill = skill.clone();
        let mut task = log::begin(id.into(), first).map_err(StorageError::Refused)?;
        rest.iter().try_for_each(|event| log::apply(&mut task, event)).map_err(StorageError::Refused)?;
        let (scope, scope_key, task) = (scope.clone(), scopes::key(scope), Arc::new(task));
        Ok(Self { scope, scope_key, id, skill, batch: Batch::new(events)?, task, push, replica, claimed })
    }
}

impl Create {
    /// Why nothing was stored.
    async fn hindrance<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<StorageError, StorageError> {
        const TAKEN: &str = "SELECT CASE WHEN s.key = ?2 THEN t.revision ELSE 0 END \
            FROM tasks t LEFT JOIN scopes s ON s.n = t.scope WHERE t.id = ?1";
        let id = self.id.as_u128().to_be_bytes();
        let taken = tx.db.query(TAKEN, &[Value::Bytes(&id), Value::Text(&self.scope_key)]).await?;
        match taken.first() {
            Some(row) => Ok(StorageError::Conflict { current: row.number(0)? }),
            None => Ok(StorageError::Fenced),
        }
    }
}

impl Operation for Create {
    type Output = Revision;

    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<Revision, StorageError> {
        let revision = self.batch.events.len() as Revision;
        let mut size = Size { snapshot: 0, snapshot_bytes: 0, tail_bytes: self.batch.bytes() };
        let snapshots = size.snapshot_now(&self.task, revision)?.map(|body| (revision, body)).into_iter().collect();
        let ended = self.task.status.state.is_terminal();
        let Lease { replica, fence } = Lease::first(self.replica);
        let new = NewTask {
            id: self.id,
            scope: &self.scope,
            scope_key: &self.scope_key,
            skill: &self.skill,
            task: &self.task,
            revision,
            batch: &self.batch,
            dropped: 0,
            snapshots: &snapshots,
            size,
            pushes: self.push.as_deref().map(std::slice::from_ref).unwrap_or_default(),
            fence,
            holder: (!ended).then_some(replica),
            waits: false,
            creator: Some(replica),
            claim: if self.claimed { Some(self.batch.message_id()?) } else { None },
        };
        if !new.store(tx).await? {
            return Err(self.hindrance(tx).await?);
        }
        if !ended {
            tx.keep_fold(self.id, Fold::new(revision, self.task.clone(), size.bytes()));
        }
        Ok(revision)
    }

    async fn was_done<C: Connection>(&self, tx: &Tx<'_, C>, _: &Revision) -> Result<bool, StorageError> {
        // Waits until the commit that was lost is over: it counts its task.
        let scope = scopes::number(tx, &self.scope, &self.scope_key).await?;
        counts::settle(tx, scope, self.id).await?;
        self.batch.follows(tx, self.id, &self.scope_key, 0).await
    }
}

/// The row of a task, locked until the transaction ends.
pub(super) struct Stored {
    pub(super) n: i64,
    pub(super) scope: i64,
    pub(super) revision: Revision,
    pub(super) state: TaskState,
    /// The key of its context.
    pub(super) context: String,
    pub(super) fence: u64,
    pub(super) holder: Option<ReplicaId>,
    /// Who tells its webhooks.
    pub(super) teller: Option<ReplicaId>,
    size: Size,
}

impl Stored {
    pub(super) async fn find<C: Connection>(
        tx: &Tx<'_, C>,
        id: TaskId,
        scope: &str,
    ) -> Result<Option<Self>, StorageError> {
        const FIND: &str = "SELECT t.n, t.scope, t.revision, t.state, t.context, t.fence, t.holder, t.teller, \
            t.snapshot, t.snapshot_bytes, t.tail_bytes \
            FROM tasks t JOIN scopes s ON s.n = t.scope WHERE t.id = ?1 AND s.key = ?2 /*pg FOR UPDATE OF t*/";
        let id = id.as_u128().to_be_bytes();
        let rows = tx.db.query(FIND, &[Value::Bytes(&id), Value::Text(scope)]).await?;
        rows.first().map(Self::of_row).transpose()
    }

    fn of_row(row: &Row) -> Result<Self, StorageError> {
        Ok(Self {
            n: row.int(0)?,
            scope: row.int(1)?,
            revision: row.number(2)?,
            state: row.state(3)?,
            context: row.text(4)?.to_owned(),
            fence: row.number(5)?,
            holder: row.replica(6)?,
            teller: row.replica(7)?,
            size: Size { snapshot: row.number(8)?, snapshot_bytes: row.number(9)?, tail_bytes: row.number(10)? },
        })
    }

    pub(super) fn lease(&self) -> Option<Lease> {
        self.holder.map(|replica| Lease { replica, fence: self.fence })
    }

    /// The task, from what was kept of it, else from its newest snapshot and the events after that.
    async fn fold<C: Connection>(&self, tx: &Tx<'_, C>, id: TaskId) -> Result<Fold, StorageError> {
        const READ: &str = "SELECT CAST(0 AS BIGINT) AS seq, body FROM snapshots WHERE task = ?1 AND revision = ?2 \
            UNION ALL SELECT seq, body FROM events WHERE task = ?1 AND seq > ?2 ORDER BY 1";
        if let Some(kept) = tx.take_fold(id, self.revision) {
            return Ok(kept);
        }
        let rows = tx.db.query(READ, &[Value::Int(self.n), count(self.size.snapshot)]).await?;
        let mut folding = Folding::new(id, self.size.snapshot);
        rows.iter().try_for_each(|row| folding.add(row.number(0)?, row, 1))?;
        Ok(Fold::new(self.revision, Arc::new(folding.task(self.revision)?), self.size.bytes()))
    }
}

/// Makes a task of a stored snapshot and the events after it, which come in order.
pub(super) struct Folding {
    id: TaskId,
    revision: Revision,
    task: Option<Task>,
}

impl Folding {
    /// From the snapshot of this revision on; 0 is none.
    pub(super) fn new(id: TaskId, snapshot: Revision) -> Self {
        Self { id, revision: snapshot, task: None }
    }

    /// The next row: a snapshot at 0, else the event of this number.
    pub(super) fn add(&mut self, seq: u64, row: &Row, body: usize) -> Result<(), StorageError> {
        if seq == 0 {
            self.task = Some(row.json(body)?);
            return Ok(());
        }
        let event: Event = row.json(body)?;
        if seq != self.revision + 1 {
            return Err(self.damaged(format_args!("event {} is missing", self.revision + 1)));
        }
        match &mut self.task {
            Some(task) => log::apply(task, &event),
            None => log::begin(self.id.into(), &event).map(|task| self.task = Some(task)),
        }
        .map_err(|error| self.damaged(format_args!("event {seq} does not fit: {error}")))?;
        self.revision = seq;
        Ok(())
    }

    /// The task as of this revision, which it must have come to.
    pub(super) fn task(self, revision: Revision) -> Result<Task, StorageError> {
        match self.task {
            Some(task) if self.revision == revision => Ok(task),
            _ => Err(self.damaged(format_args!("it ends at event {} instead of {revision}", self.revision))),
        }
    }

    fn damaged(&self, what: std::fmt::Arguments<'_>) -> StorageError {
        SqlFailure::damaged(format_args!("the log of task {}: {what}", self.id))
    }
}

/// Appends to a log.
pub(super) struct Append {
    scope: String,
    id: TaskId,
    expected: Revision,
    batch: Batch,
    author: Author,
}

impl Append {
    pub(super) fn new(
        scope: &Scope,
        id: TaskId,
        expected: Revision,
        events: Vec<Event>,
        author: Author,
    ) -> Result<Self, StorageError> {
        Ok(Self { scope: scopes::key(scope), id, expected, batch: Batch::new(events)?, author })
    }
}

impl Operation for Append {
    type Output = Revision;

    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<Revision, StorageError> {
        let stored = Stored::find(tx, self.id, &self.scope).await?.ok_or(StorageError::NotFound)?;
        if self.author.lease().is_some() && self.author.lease() != stored.lease() {
            return Err(StorageError::Fenced);
        }
        if self.expected != AT_THE_END && self.expected != stored.revision {
            return Err(StorageError::Conflict { current: stored.revision });
        }
        let claim = match self.author {
            Author::Claimant => Some(self.batch.message_id()?),
            Author::Run(_) | Author::Caller => None,
        };
        if self.batch.events.is_empty() {
            return Ok(stored.revision);
        }
        let mut fold = stored.fold(tx, self.id).await?;
        let task = Arc::make_mut(&mut fold.task);
        let before = task.status.timestamp;
        self.batch.events.iter().try_for_each(|event| log::apply(task, event)).map_err(StorageError::Refused)?;
        let revision = stored.revision + self.batch.events.len() as Revision;
        let mut size = Size { tail_bytes: stored.size.tail_bytes + self.batch.bytes(), ..stored.size };
        let snapshot = size.snapshot_now(task, revision)?;
        let state = &task.status.state;
        let counted = Counted { id: self.id, scope: stored.scope, context: &stored.context };
        futures::try_join!(
            self.batch.insert(tx, stored.n, stored.revision),
            store_snapshot(tx, stored.n, revision, snapshot.as_deref()),
            update(
                tx,
                stored.n,
                revision,
                size,
                (*state != stored.state || task.status.timestamp != before).then_some(&*task)
            ),
            counts::move_task(tx, &counted, Some(&stored.state), Some(state)),
            claims::spend(tx, stored.scope, claim, self.id, stored.revision + 1),
        )?;
        if !state.is_terminal() {
            tx.keep_fold(self.id, Fold::new(revision, fold.task, size.bytes()));
        }
        Ok(revision)
    }

    async fn was_done<C: Connection>(&self, tx: &Tx<'_, C>, last: &Revision) -> Result<bool, StorageError> {
        // Waits until the commit that was lost is over.
        Stored::find(tx, self.id, &self.scope).await?;
        let after = last.saturating_sub(self.batch.events.len() as Revision);
        self.batch.follows(tx, self.id, &self.scope, after).await
    }
}

/// Updates the row of a task that has grown, and, where its status is another, the places at which it
/// is listed. What nobody has waits for somebody to take it.
async fn update<C: Connection>(
    tx: &Tx<'_, C>,
    n: i64,
    revision: Revision,
    size: Size,
    moved: Option<&Task>,
) -> Result<(), StorageError> {
    const GROWN: &str = "UPDATE tasks SET revision = ?2, snapshot = ?3, snapshot_bytes = ?4, tail_bytes = ?5, \
        waits = CASE WHEN holder IS NULL THEN 1 ELSE 0 END WHERE n = ?1";
    const MOVED: &str = "UPDATE tasks SET revision = ?2, snapshot = ?3, snapshot_bytes = ?4, tail_bytes = ?5, \
        waits = CASE WHEN holder IS NULL THEN 1 ELSE 0 END, state = ?6, status_time = ?7 WHERE n = ?1";
    const ENDED: &str = "UPDATE tasks SET revision = ?2, snapshot = ?3, snapshot_bytes = ?4, tail_bytes = ?5, \
        state = ?6, status_time = ?7, ended = ?7, log_due = ?7, holder = NULL, waits = 0 WHERE n = ?1";
    let (snapshot, snapshot_bytes, tail_bytes) =
        (count(size.snapshot), count(size.snapshot_bytes), count(size.tail_bytes));
    let grown = [Value::Int(n), count(revision), snapshot, snapshot_bytes, tail_bytes];
    let Some(task) = moved else { return tx.db.execute(GROWN, &grown).await.map(drop) };
    let moved = [&grown[..], &[number(&task.status.state), status_time(task)]].concat();
    let sql = if task.status.state.is_terminal() { ENDED } else { MOVED };
    tx.db.execute(sql, &moved).await.map(drop)
}
