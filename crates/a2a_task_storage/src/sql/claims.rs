//! Claims of message ids.

use std::sync::Arc;

use a2a_app_ports::{Claim, Claimed, Revision, Scope, StorageError, TaskId};
use a2a_protocol_core::Message;

use super::{
    names, scopes,
    tasks::json,
    transaction::{Connection, Operation, Tx},
    values::{Value, count, time},
};

/// Uses the claim of a message, if one is needed: the message is stored at this place of the log of
/// this task, in the same transaction.
pub(super) async fn spend<C: Connection>(
    tx: &Tx<'_, C>,
    scope: i64,
    message_id: Option<&str>,
    task: TaskId,
    place: Revision,
) -> Result<(), StorageError> {
    const SPEND: &str = "UPDATE claims SET place = ?4 WHERE scope = ?1 AND message_id = ?2 AND task = ?3 \
        AND place IS NULL AND answer IS NULL";
    let Some(message_id) = message_id else { return Ok(()) };
    let task = task.as_u128().to_be_bytes();
    let values = [Value::Int(scope), Value::Text(&names::key(message_id)), Value::Bytes(&task), count(place)];
    match tx.db.execute(SPEND, &values).await? {
        0 => Err(StorageError::Unclaimed),
        _ => Ok(()),
    }
}

/// Claims an id.
pub(super) struct ClaimId {
    scope: Scope,
    scope_key: String,
    claim: Claim,
}

impl ClaimId {
    pub(super) fn new(scope: &Scope, claim: Claim) -> Self {
        Self { scope: scope.clone(), scope_key: scopes::key(scope), claim }
    }

    async fn known<C: Connection>(&self, tx: &Tx<'_, C>, scope: i64) -> Result<Option<Claimed>, StorageError> {
        const READ: &str = "SELECT c.digest, c.task, c.answer, c.place, \
            (SELECT r.id FROM replicas r WHERE r.id = c.replica AND r.expires > nuncio_now()) \
            FROM claims c WHERE c.scope = ?1 AND c.message_id = ?2";
        let rows = tx.db.query(READ, &[Value::Int(scope), Value::Text(&names::key(&self.claim.message_id))]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        if row.digest(0)? != self.claim.digest {
            return Ok(Some(Claimed::OtherContent));
        }
        if row.is_null(2) {
            return Ok(Some(Claimed::Task { id: row.task_id(1)?, place: row.number_or_null(3)?, by: row.replica(4)? }));
        }
        Ok(Some(Claimed::Message(Arc::new(row.json(2)?))))
    }
}

impl Operation for ClaimId {
    type Output = Claimed;

    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<Claimed, StorageError> {
        const CLAIM: &str = "INSERT INTO claims (scope, message_id, digest, task, replica, expires, long_message_id) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?8) ON CONFLICT (scope, message_id) DO UPDATE SET digest = excluded.digest, \
            task = excluded.task, replica = excluded.replica, expires = excluded.expires, \
            answer = NULL, place = NULL \
            WHERE claims.expires <= ?7";
        let scope = scopes::number(tx, &self.scope, &self.scope_key).await?;
        let Claim { message_id, digest, task, replica, now, expires } = &self.claim;
        let (task, replica) = (task.as_u128().to_be_bytes(), replica.as_u128().to_be_bytes());
        let (key, whole) = (names::key(message_id), names::whole(message_id));
        let (key, digest) = (Value::Text(&key), Value::Bytes(digest));
        let (task, replica) = (Value::Bytes(&task), Value::Bytes(&replica));
        loop {
            let values = [Value::Int(scope), key, digest, task, replica, time(*expires), time(*now), whole];
            if tx.db.execute(CLAIM, &values).await? > 0 {
                return Ok(Claimed::New);
            }
            // Between the two statements another replica may have freed it.
            if let Some(known) = self.known(tx, scope).await? {
                return Ok(known);
            }
        }
    }

    async fn was_done<C: Connection>(&self, tx: &Tx<'_, C>, claimed: &Claimed) -> Result<bool, StorageError> {
        if *claimed != Claimed::New {
            return Ok(true);
        }
        let scope = scopes::number(tx, &self.scope, &self.scope_key).await?;
        Ok(matches!(self.known(tx, scope).await?, Some(Claimed::Task { id, .. }) if id == self.claim.task))
    }
}

/// Says how a claimed message was answered.
pub(super) struct Settle {
    scope: String,
    /// The key of its id.
    message_id: String,
    task: TaskId,
    answer: Option<String>,
}

impl Settle {
    pub(super) fn new(
        scope: &Scope,
        message_id: &str,
        task: TaskId,
        answer: Option<&Message>,
    ) -> Result<Self, StorageError> {
        let answer = answer.map(json).transpose()?;
        Ok(Self { scope: scopes::key(scope), message_id: names::key(message_id).into_owned(), task, answer })
    }
}

impl Operation for Settle {
    type Output = ();

    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<(), StorageError> {
        // The first answer stays.
        const ANSWER: &str = "UPDATE claims SET answer = COALESCE(answer, ?4) \
            WHERE scope = (SELECT n FROM scopes WHERE key = ?1) AND message_id = ?2 AND task = ?3 AND place IS NULL";
        const FREE: &str = "DELETE FROM claims WHERE scope = (SELECT n FROM scopes WHERE key = ?1) \
            AND message_id = ?2 AND task = ?3 AND answer IS NULL AND place IS NULL";
        let task = self.task.as_u128().to_be_bytes();
        let claim = [Value::Text(&self.scope), Value::Text(&self.message_id), Value::Bytes(&task)];
        let Some(answer) = &self.answer else { return tx.db.execute(FREE, &claim).await.map(drop) };
        match tx.db.execute(ANSWER, &[&claim[..], &[Value::Text(answer)]].concat()).await? {
            0 => Err(StorageError::Unclaimed),
            _ => Ok(()),
        }
    }
}
