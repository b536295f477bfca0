//! Push configurations and how much their webhooks have been told.

use a2a_app_ports::{PushConfigKey, PushConfigRow, PushFailure, ReplicaId, Revision, Scope, StorageError, TaskId};
use a2a_protocol_core::{ProtocolVersion, Timestamp};

use super::{
    damage::whole,
    leases::is_present,
    names, scopes,
    tasks::{Stored, json},
    transaction::{Connection, Operation, Tx},
    values::{Row, Value, count, time},
};
use crate::SqlFailure;

/// Stores a configuration of a task, which is there. `told` is whether there is nothing more to tell
/// for ever.
pub(super) async fn store<C: Connection>(
    tx: &Tx<'_, C>,
    task: TaskId,
    row: &PushConfigRow,
) -> Result<(), StorageError> {
    const PUT: &str = "INSERT INTO push_configs (task, id, config, version, created, cursor, failed_at, failure, long_id, told) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, (SELECT CASE WHEN t.ended IS NOT NULL AND t.revision <= ?6 \
            THEN 1 ELSE 0 END FROM tasks t WHERE t.id = ?1)) \
        ON CONFLICT (task, id) DO UPDATE SET config = excluded.config, version = excluded.version, \
        created = excluded.created, cursor = excluded.cursor, failed_at = excluded.failed_at, \
        failure = excluded.failure, told = excluded.told";
    let (task, config) = (task.as_u128().to_be_bytes(), json(&row.config)?);
    let values = [
        Value::Bytes(&task),
        Value::Text(&names::key(row.id())),
        Value::Text(&config),
        Value::Text(row.version.as_str()),
        time(row.created),
        count(row.cursor),
        row.failure.as_ref().map_or(Value::Null, |failure| time(failure.time)),
        Value::or_null(row.failure.as_ref().map(|failure| failure.reason.as_str())),
        names::whole(row.id()),
    ];
    tx.db.execute(PUT, &values).await.map(drop)
}

/// A row of `config, version, created, cursor, failed_at, failure`.
pub(super) fn of_row(row: &Row) -> Result<PushConfigRow, StorageError> {
    let version = ProtocolVersion::parse(row.text(1)?)
        .ok_or_else(|| SqlFailure::damaged("a push configuration is of an unknown version"))?;
    let failure = match row.is_null(4) {
        true => None,
        false => Some(PushFailure { time: row.time(4)?, reason: row.text(5)?.to_owned() }),
    };
    Ok(PushConfigRow { config: row.json(0)?, version, created: row.time(2)?, cursor: row.number(3)?, failure })
}

/// Stores a configuration, in place of the one of its id or as one more.
pub(super) struct Put {
    scope: String,
    task: TaskId,
    row: PushConfigRow,
    most: usize,
}

impl Put {
    pub(super) fn new(scope: &Scope, task: TaskId, row: PushConfigRow, most: usize) -> Self {
        Self { scope: scopes::key(scope), task, row, most }
    }
}

impl Operation for Put {
    type Output = ();

    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<(), StorageError> {
        const KNOWN: &str = "SELECT config, version, created, cursor, failed_at, failure FROM push_configs \
            WHERE task = ?1 AND id = ?2";
        const HOW_MANY: &str = "SELECT count(*) FROM push_configs WHERE task = ?1";
        Stored::find(tx, self.task, &self.scope).await?.ok_or(StorageError::NotFound)?;
        let task = self.task.as_u128().to_be_bytes();
        let known = tx.db.query(KNOWN, &[Value::Bytes(&task), Value::Text(&names::key(self.row.id()))]).await?;
        let mut row = self.row.clone();
        match known.first() {
            Some(known) => row = row.in_place_of(&of_row(known)?),
            None => {
                let others = tx.db.query(HOW_MANY, &[Value::Bytes(&task)]).await?;
                let others = others.first().map_or(Ok(0), |row| row.number(0))?;
                if others >= self.most as u64 {
                    return Err(StorageError::Full);
                }
            }
        }
        store(tx, self.task, &row).await
    }
}

/// Reads configurations of a task: those after an id, in the order of the bytes of their ids.
pub(super) struct Read {
    pub(super) scope: String,
    pub(super) task: TaskId,
    /// Which one; none is all.
    pub(super) only: Option<String>,
    pub(super) after: Option<String>,
    pub(super) limit: usize,
}

impl Read {
    pub(super) fn new(scope: &Scope, task: TaskId) -> Self {
        Self { scope: scopes::key(scope), task, only: None, after: None, limit: 1 }
    }
}

/// The configurations of a task of a scope.
macro_rules! read {
    ($filter:literal) => {
        concat!(
            "SELECT p.config, p.version, p.created, p.cursor, p.failed_at, p.failure FROM push_configs p ",
            "JOIN tasks t ON t.id = p.task JOIN scopes s ON s.n = t.scope WHERE p.task = ?1 AND s.key = ?2 ",
            $filter,
            " ORDER BY COALESCE(p.long_id, p.id) LIMIT ?3"
        )
    };
}

impl Operation for Read {
    type Output = Vec<PushConfigRow>;

    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<Vec<PushConfigRow>, StorageError> {
        let task = self.task.as_u128().to_be_bytes();
        let mut values = vec![Value::Bytes(&task), Value::Text(&self.scope), count(self.limit)];
        let sql = match (&self.only, &self.after) {
            (Some(_), _) => read!("AND p.id = ?4"),
            (None, Some(_)) => read!("AND COALESCE(p.long_id, p.id) > ?4"),
            (None, None) => read!(""),
        };
        let only = self.only.as_deref().map(names::key);
        values.extend(only.as_deref().or(self.after.as_deref()).map(Value::Text));
        tx.db.query(sql, &values).await?.iter().map(of_row).collect()
    }
}

/// Changes a configuration that was not replaced since it was read.
pub(super) struct Change {
    scope: String,
    task: TaskId,
    /// The key of its id.
    id: String,
    pub(super) what: What,
}

pub(super) enum What {
    Delete,
    Advance(Timestamp, Revision),
    Fail(Timestamp, PushFailure),
}

impl Change {
    pub(super) fn new(scope: &Scope, task: TaskId, id: &str, what: What) -> Self {
        Self { scope: scopes::key(scope), task, id: names::key(id).into_owned(), what }
    }
}

/// A statement about one configuration of a task of a scope.
macro_rules! change {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " WHERE task = ?1 AND id = ?2 AND EXISTS (SELECT 1 FROM tasks t JOIN scopes s ON s.n = t.scope ",
            "WHERE t.id = ?1 AND s.key = ?3) ",
            $after
        )
    };
}

impl Operation for Change {
    type Output = ();

    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<(), StorageError> {
        const DELETE: &str = change!("DELETE FROM push_configs", "");
        const ADVANCE: &str = change!(
            "UPDATE push_configs SET cursor = ?5, told = (SELECT CASE WHEN t.ended IS NOT NULL AND t.revision <= ?5 \
                THEN 1 ELSE 0 END FROM tasks t WHERE t.id = ?1)",
            "AND created = ?4 AND cursor < ?5"
        );
        const FAIL: &str = change!("UPDATE push_configs SET failed_at = ?5, failure = ?6", "AND created = ?4");
        let task = self.task.as_u128().to_be_bytes();
        let mut values = vec![Value::Bytes(&task), Value::Text(&self.id), Value::Text(&self.scope)];
        let sql = match &self.what {
            What::Delete => DELETE,
            What::Advance(created, cursor) => {
                values.extend([time(*created), count(*cursor)]);
                ADVANCE
            }
            What::Fail(created, failure) => {
                values.extend([time(*created), time(failure.time), Value::Text(&failure.reason)]);
                FAIL
            }
        };
        tx.db.execute(sql, &values).await.map(drop)
    }
}

/// Has a replica tell the webhooks of a task, or tell them no more.
pub(super) struct Tell {
    scope: String,
    task: TaskId,
    replica: ReplicaId,
    turn: Turn,
}

pub(super) enum Turn {
    Take,
    /// Unless the log has grown beyond this.
    Release(Revision),
}

impl Tell {
    pub(super) fn new(scope: &Scope, task: TaskId, replica: ReplicaId, turn: Turn) -> Self {
        Self { scope: scopes::key(scope), task, replica, turn }
    }
}

impl Operation for Tell {
    type Output = bool;

    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<bool, StorageError> {
        const TAKE: &str = "UPDATE tasks SET teller = ?2 WHERE n = ?1";
        const RELEASE: &str = "UPDATE tasks SET teller = NULL WHERE n = ?1";
        let Some(stored) = Stored::find(tx, self.task, &self.scope).await? else {
            return Ok(matches!(self.turn, Turn::Release(_)));
        };
        let tells = stored.teller == Some(self.replica);
        match self.turn {
            Turn::Take => {
                if let Some(teller) = stored.teller
                    && (tells || is_present(tx, teller).await?)
                {
                    return Ok(tells);
                }
                let replica = self.replica.as_u128().to_be_bytes();
                tx.db.execute(TAKE, &[Value::Int(stored.n), Value::Bytes(&replica)]).await?;
            }
            Turn::Release(_) if !tells => {}
            Turn::Release(seen) if stored.revision > seen => return Ok(false),
            Turn::Release(_) => {
                tx.db.execute(RELEASE, &[Value::Int(stored.n)]).await?;
            }
        }
        Ok(true)
    }
}

/// Finds what is to be told to webhooks and nobody sees to, in the order of the keys of task and id.
pub(super) struct Pending {
    pub(super) agent: String,
    pub(super) after: Option<(TaskId, String)>,
    pub(super) limit: usize,
}

impl Operation for Pending {
    type Output = Vec<PushConfigKey>;

    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<Vec<PushConfigKey>, StorageError> {
        const READ: &str = "SELECT COALESCE(s.long_key, s.key), p.task, COALESCE(p.long_id, p.id) FROM push_configs p \
            JOIN tasks t ON t.id = p.task JOIN scopes s ON s.n = t.scope \
            WHERE p.failed_at IS NULL AND p.told = 0 AND (p.task, p.id) > (?2, ?3) \
            AND s.agent = ?1 AND p.cursor < t.revision \
            AND NOT EXISTS (SELECT 1 FROM replicas r WHERE r.id = t.teller AND r.expires > nuncio_now()) ORDER BY p.task, p.id LIMIT ?4";
        let (task, id) = match &self.after {
            Some((task, id)) => (task.as_u128().to_be_bytes().to_vec(), names::key(id)),
            None => (Vec::new(), "".into()),
        };
        let values = [Value::Text(&self.agent), Value::Bytes(&task), Value::Text(&id), count(self.limit)];
        let rows = tx.db.query(READ, &values).await?;
        let key = |row: &Row| {
            let (scope, task, id) = (scopes::of_text(row.text(0)?)?, row.task_id(1)?, row.text(2)?.into());
            Ok(PushConfigKey { scope, task, id })
        };
        Ok(whole("a push configuration", rows.iter().map(key)))
    }
}
