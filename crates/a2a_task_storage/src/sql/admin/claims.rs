//! Claims of all scopes.

use std::sync::Arc;

use a2a_app_ports::StorageError;

use crate::{
    ClaimRecord, SqlFailure,
    sql::{
        scopes,
        tasks::json,
        transaction::{Connection, Operation, Tx},
        values::{Row, Value, count, time},
    },
};

/// Reads claims.
pub(super) struct ReadClaims {
    /// The scope and the message id after which to begin.
    after: (String, String),
    limit: usize,
}

impl ReadClaims {
    pub(super) fn new(after: Option<&ClaimRecord>, limit: usize) -> Self {
        let after = after.map(|claim| (scopes::key(&claim.scope), claim.message_id.to_string())).unwrap_or_default();
        Self { after, limit }
    }
}

/// A row of `key, message_id, digest, task, replica, expires, answer`.
fn of_row(row: &Row) -> Result<ClaimRecord, StorageError> {
    Ok(ClaimRecord {
        scope: scopes::of_key(row.text(0)?)?,
        message_id: row.text(1)?.into(),
        digest: row.digest(2)?,
        task: row.task_id(3)?,
        replica: row.replica(4)?.ok_or_else(|| SqlFailure::damaged("a claim is nobody's"))?,
        expires: row.time(5)?,
        answer: if row.is_null(6) { None } else { Some(Arc::new(row.json(6)?)) },
    })
}

impl Operation for ReadClaims {
    type Output = Vec<ClaimRecord>;

    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<Vec<ClaimRecord>, StorageError> {
        const READ: &str = "SELECT s.key, c.message_id, c.digest, c.task, c.replica, c.expires, c.answer \
            FROM claims c JOIN scopes s ON s.n = c.scope \
            WHERE (c.scope, c.message_id) > (COALESCE((SELECT n FROM scopes WHERE key = ?1), 0), ?2) \
            ORDER BY c.scope, c.message_id LIMIT ?3";
        let (key, message_id) = (Value::Text(&self.after.0), Value::Text(&self.after.1));
        tx.db.query(READ, &[key, message_id, count(self.limit)]).await?.iter().map(of_row).collect()
    }
}

/// Stores a claim as it was elsewhere.
pub(super) struct ImportClaim {
    claim: ClaimRecord,
    key: String,
    answer: Option<String>,
}

impl ImportClaim {
    pub(super) fn new(claim: ClaimRecord) -> Result<Self, StorageError> {
        let answer = claim.answer.as_deref().map(json).transpose()?;
        Ok(Self { key: scopes::key(&claim.scope), claim, answer })
    }
}

impl Operation for ImportClaim {
    type Output = bool;

    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<bool, StorageError> {
        const ADD: &str = "INSERT INTO claims (scope, message_id, digest, task, replica, expires, answer) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (scope, message_id) DO NOTHING";
        let claim = &self.claim;
        let scope = scopes::number(tx, &claim.scope.agent, &self.key).await?;
        let (task, replica) = (claim.task.as_u128().to_be_bytes(), claim.replica.as_u128().to_be_bytes());
        let values = [
            Value::Int(scope),
            Value::Text(&claim.message_id),
            Value::Bytes(&claim.digest),
            Value::Bytes(&task),
            Value::Bytes(&replica),
            time(claim.expires),
            Value::or_null(self.answer.as_deref()),
        ];
        Ok(tx.db.execute(ADD, &values).await? > 0)
    }

    async fn was_done<C: Connection>(&self, tx: &Tx<'_, C>, added: &bool) -> Result<bool, StorageError> {
        const THERE: &str = "SELECT 1 FROM claims c JOIN scopes s ON s.n = c.scope \
            WHERE s.key = ?1 AND c.message_id = ?2 AND c.task = ?3";
        let task = self.claim.task.as_u128().to_be_bytes();
        let values = [Value::Text(&self.key), Value::Text(&self.claim.message_id), Value::Bytes(&task)];
        Ok(!added || !tx.db.query(THERE, &values).await?.is_empty())
    }
}
