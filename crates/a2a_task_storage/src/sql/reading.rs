//! Reading a task and its log.

use std::sync::Arc;

use a2a_app_ports::{Holder, Revision, Scope, Snapshot, StorageError, TaskId};
use a2a_protocol_core::Event;

use super::{
    scopes,
    tasks::Folding,
    transaction::{Connection, Operation, Tx},
    values::{Value, count},
};
use crate::SqlFailure;

/// Reads a task as of a revision, or as of now.
pub(super) struct ReadSnapshot {
    scope: String,
    id: TaskId,
    at: Option<Revision>,
}

impl ReadSnapshot {
    pub(super) fn new(scope: &Scope, id: TaskId, at: Option<Revision>) -> Self {
        Self { scope: scopes::key(scope), id, at }
    }
}

impl Operation for ReadSnapshot {
    type Output = Option<Snapshot>;

    /// One statement, so that what it reads is of one moment.
    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<Option<Snapshot>, StorageError> {
        const READ: &str = "WITH page AS MATERIALIZED (SELECT t.n, t.revision, t.dropped, t.skill, \
                EXISTS (SELECT 1 FROM push_configs p WHERE p.task = t.id) AS pushed, t.holder, \
                EXISTS (SELECT 1 FROM replicas r WHERE r.id = t.holder AND r.expires > nuncio_now()) AS present, \
                COALESCE((SELECT MAX(x.revision) FROM snapshots x WHERE x.task = t.n AND x.revision <= ?3), 0) AS base \
            FROM tasks t JOIN scopes s ON s.n = t.scope WHERE t.id = ?1 AND s.key = ?2) \
            SELECT page.revision, page.dropped, page.base, CAST(0 AS BIGINT) AS seq, x.body, \
                page.skill, page.pushed, page.holder, page.present \
            FROM page LEFT JOIN snapshots x ON x.task = page.n AND x.revision = page.base \
            UNION ALL SELECT page.revision, page.dropped, page.base, e.seq, e.body, \
                page.skill, page.pushed, page.holder, page.present \
            FROM page JOIN events e ON e.task = page.n AND e.seq > page.base AND e.seq <= ?3 ORDER BY 4";
        if self.at == Some(0) {
            return Ok(None);
        }
        let id = self.id.as_u128().to_be_bytes();
        let upto = count(self.at.unwrap_or(Revision::MAX));
        let rows = tx.db.query(READ, &[Value::Bytes(&id), Value::Text(&self.scope), upto]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let (newest, dropped, base) = (row.number(0)?, row.number(1)?, row.number(2)?);
        let revision = self.at.unwrap_or(newest);
        if revision > newest || base < dropped {
            return Ok(None);
        }
        let mut folding = Folding::new(self.id, base);
        let bodies = rows.iter().filter(|row| !row.is_null(4));
        bodies.into_iter().try_for_each(|row| folding.add(row.number(3)?, row, 4))?;
        let task = Arc::new(folding.task(revision)?);
        let holder = match row.replica(7)? {
            None => Holder::Nobody,
            Some(replica) if row.flag(8)? => Holder::Present(replica),
            Some(_) => Holder::Lost,
        };
        Ok(Some(Snapshot { revision, skill: row.text(5)?.into(), task, has_push_configs: row.flag(6)?, holder }))
    }
}

/// Reads a part of a log.
pub(super) struct ReadEvents {
    scope: String,
    id: TaskId,
    after: Revision,
    limit: usize,
}

impl ReadEvents {
    pub(super) fn new(scope: &Scope, id: TaskId, after: Revision, limit: usize) -> Self {
        Self { scope: scopes::key(scope), id, after, limit }
    }
}

impl Operation for ReadEvents {
    type Output = Option<Vec<Event>>;

    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<Option<Vec<Event>>, StorageError> {
        const READ: &str = "SELECT t.revision, t.dropped, e.seq, e.body FROM tasks t JOIN scopes s ON s.n = t.scope \
            LEFT JOIN events e ON e.task = t.n AND e.seq > ?3 WHERE t.id = ?1 AND s.key = ?2 ORDER BY e.seq LIMIT ?4";
        let id = self.id.as_u128().to_be_bytes();
        let limit = count(self.limit.max(1));
        let rows = tx.db.query(READ, &[Value::Bytes(&id), Value::Text(&self.scope), count(self.after), limit]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        if self.after >= row.number(0)? || self.limit == 0 {
            return Ok(Some(Vec::new()));
        }
        if self.after < row.number(1)? {
            return Ok(None);
        }
        let mut events = Vec::with_capacity(rows.len());
        for (expected, row) in (self.after + 1..).zip(&rows) {
            if row.is_null(2) || row.number(2)? != expected {
                return Err(SqlFailure::damaged(format_args!(
                    "the log of task {}: event {expected} is missing",
                    self.id
                )));
            }
            events.push(row.json(3)?);
        }
        Ok(Some(events))
    }
}
