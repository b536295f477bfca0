//! Claims of all scopes.

use std::sync::Arc;

use a2a_app_ports::{Revision, StorageError};

use super::piece;
use crate::{
    ClaimPlace, ClaimRecord, Piece, SqlFailure,
    sql::{
        names, scopes,
        tasks::{json, message},
        transaction::{Connection, Operation, Tx},
        values::{Row, Value, count, time},
    },
};

/// Reads claims.
pub(super) struct ReadClaims {
    pub(super) after: Option<ClaimPlace>,
    pub(super) limit: usize,
}

/// A row of `scope, message_id, digest, task, replica, expires, place, answer`.
fn of_row(row: &Row) -> Result<ClaimRecord, StorageError> {
    Ok(ClaimRecord {
        scope: scopes::of_text(row.text(0)?)?,
        message_id: row.text(1)?.into(),
        digest: row.digest(2)?,
        task: row.task_id(3)?,
        replica: row.replica(4)?.ok_or_else(|| SqlFailure::damaged("a claim is nobody's"))?,
        expires: row.time(5)?,
        place: row.number_or_null(6)?,
        answer: if row.is_null(7) { None } else { Some(Arc::new(row.json(7)?)) },
    })
}

impl Operation for ReadClaims {
    type Output = Piece<ClaimRecord, ClaimPlace>;

    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<Self::Output, StorageError> {
        const READ: &str = "SELECT COALESCE(s.long_key, s.key), COALESCE(c.long_message_id, c.message_id), c.digest, \
            c.task, c.replica, c.expires, c.place, c.answer, c.scope, c.message_id \
            FROM claims c JOIN scopes s ON s.n = c.scope WHERE (c.scope, c.message_id) > (?1, ?2) \
            ORDER BY c.scope, c.message_id LIMIT ?3";
        let (scope, message_id) = self.after.as_ref().map_or((0, ""), |after| (after.scope, &after.message_id));
        let rows = tx.db.query(READ, &[Value::Int(scope), Value::Text(message_id), count(self.limit)]).await?;
        let about = |row: &Row| (row.task_id(3).ok(), format!("the claim of {:?}", row.text(1).unwrap_or_default()));
        let place = |row: &Row| Ok(ClaimPlace { scope: row.int(8)?, message_id: row.text(9)?.to_owned() });
        piece(&rows, self.limit, of_row, about, place)
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

    /// Where the message is in the log of its task, as that is here: an archive of before does not say,
    /// and one of a server at work may hold a log from before the message was stored. Where the log is
    /// gone, its end stands for a place that nobody knows.
    async fn place<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<Option<Revision>, StorageError> {
        const LOG: &str = "SELECT t.revision, t.dropped, e.seq, e.body FROM tasks t JOIN scopes s ON s.n = t.scope \
            LEFT JOIN events e ON e.task = t.n AND e.seq BETWEEN ?3 AND ?4 WHERE t.id = ?1 AND s.key = ?2 \
            ORDER BY e.seq";
        let said = self.claim.place;
        if self.claim.answer.is_some() {
            return Ok(said);
        }
        let task = self.claim.task.as_u128().to_be_bytes();
        for (first, last) in said.map(|place| (place, place)).into_iter().chain([(1, Revision::MAX)]) {
            let values = [Value::Bytes(&task), Value::Text(&self.key), count(first), count(last)];
            let rows = tx.db.query(LOG, &values).await?;
            let Some(head) = rows.first() else { return Ok(said) };
            if head.number(1)? > 0 {
                return Ok(Some(said.unwrap_or(head.number(0)?)));
            }
            for row in rows.iter().filter(|row| !row.is_null(2)) {
                if message(&row.json(3)?).is_some_and(|message| *message.message_id == *self.claim.message_id) {
                    return row.number(2).map(Some);
                }
            }
        }
        Ok(None)
    }
}

impl Operation for ImportClaim {
    type Output = bool;

    async fn run<C: Connection>(&self, tx: &Tx<'_, C>) -> Result<bool, StorageError> {
        const ADD: &str = "INSERT INTO claims (scope, message_id, digest, task, replica, expires, answer, place, long_message_id) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (scope, message_id) DO NOTHING";
        let claim = &self.claim;
        let scope = scopes::number(tx, &claim.scope, &self.key).await?;
        let place = self.place(tx).await?;
        let (task, replica) = (claim.task.as_u128().to_be_bytes(), claim.replica.as_u128().to_be_bytes());
        let values = [
            Value::Int(scope),
            Value::Text(&names::key(&claim.message_id)),
            Value::Bytes(&claim.digest),
            Value::Bytes(&task),
            Value::Bytes(&replica),
            time(claim.expires),
            Value::or_null(self.answer.as_deref()),
            place.map_or(Value::Null, count),
            names::whole(&claim.message_id),
        ];
        Ok(tx.db.execute(ADD, &values).await? > 0)
    }

    async fn was_done<C: Connection>(&self, tx: &Tx<'_, C>, added: &bool) -> Result<bool, StorageError> {
        const THERE: &str = "SELECT 1 FROM claims c JOIN scopes s ON s.n = c.scope \
            WHERE s.key = ?1 AND c.message_id = ?2 AND c.task = ?3";
        let task = self.claim.task.as_u128().to_be_bytes();
        let message_id = names::key(&self.claim.message_id);
        let values = [Value::Text(&self.key), Value::Text(&message_id), Value::Bytes(&task)];
        Ok(!added || !tx.db.query(THERE, &values).await?.is_empty())
    }
}
