//! How many tasks there are, by scope, context and state: exact, and never counted one by one.

use a2a_app_ports::{StorageError, TaskId};
use a2a_protocol_core::TaskState;

use super::{
    transaction::{Connection, Tx},
    values::{Value, count},
};

/// The states a stored task can be in, by number from 1.
const STATES: usize = 8;

/// A task where it is counted.
pub(super) struct Counted<'a> {
    pub(super) id: TaskId,
    pub(super) scope: i64,
    /// The key of its context.
    pub(super) context: &'a str,
}

/// How a context of this key is called among the counters; what is called nothing counts all contexts.
fn name(context: &str) -> String {
    format!("={context}")
}

/// Counts a task as one of a state, no longer as one of another.
pub(super) async fn move_task<C: Connection>(
    tx: &Tx<'_, C>,
    task: &Counted<'_>,
    from: Option<&TaskState>,
    to: Option<&TaskState>,
) -> Result<(), StorageError> {
    const ADD: &str = "INSERT INTO counts (context, scope, stripe, s1, s2, s3, s4, s5, s6, s7, s8) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
        ON CONFLICT (context, scope, stripe) DO UPDATE SET \
        s1 = counts.s1 + excluded.s1, s2 = counts.s2 + excluded.s2, s3 = counts.s3 + excluded.s3, \
        s4 = counts.s4 + excluded.s4, s5 = counts.s5 + excluded.s5, s6 = counts.s6 + excluded.s6, \
        s7 = counts.s7 + excluded.s7, s8 = counts.s8 + excluded.s8";
    let mut change = [0; STATES];
    for (state, by) in [(from, -1), (to, 1)] {
        if let Some(place) = state.and_then(column).and_then(|column| change.get_mut(column)) {
            *place += by;
        }
    }
    if change == [0; STATES] {
        return Ok(());
    }
    let stripe = stripe::<C>(task.id);
    // First the scope's, then the context's: so no two transactions wait for each other.
    for context in ["", &name(task.context)] {
        let mut values = vec![Value::Text(context), Value::Int(task.scope), stripe];
        values.extend(change.map(Value::Int));
        tx.db.execute(ADD, &values).await?;
    }
    Ok(())
}

/// Waits until whoever is counting a task is done.
pub(super) async fn settle<C: Connection>(tx: &Tx<'_, C>, scope: i64, id: TaskId) -> Result<(), StorageError> {
    // What has just been added by another is not seen, and waited for all the same.
    const WAIT: &str = "INSERT INTO counts (context, scope, stripe, s1, s2, s3, s4, s5, s6, s7, s8) \
        VALUES ('', ?1, ?2, 0, 0, 0, 0, 0, 0, 0, 0) ON CONFLICT (context, scope, stripe) DO UPDATE SET s1 = counts.s1";
    tx.db.execute(WAIT, &[Value::Int(scope), stripe::<C>(id)]).await.map(drop)
}

/// Forgets counters of a context that has no more tasks.
pub(super) async fn tidy<C: Connection>(tx: &Tx<'_, C>, task: &Counted<'_>) -> Result<(), StorageError> {
    const TIDY: &str = "DELETE FROM counts WHERE context = ?1 AND scope = ?2 AND stripe = ?3 \
        AND s1 = 0 AND s2 = 0 AND s3 = 0 AND s4 = 0 AND s5 = 0 AND s6 = 0 AND s7 = 0 AND s8 = 0";
    let values = [Value::Text(&name(task.context)), Value::Int(task.scope), stripe::<C>(task.id)];
    tx.db.execute(TIDY, &values).await.map(drop)
}

/// How many tasks a scope has: in a context, in a state.
pub(super) async fn total<C: Connection>(
    tx: &Tx<'_, C>,
    scope_key: &str,
    context: Option<&str>,
    state: Option<&TaskState>,
) -> Result<u64, StorageError> {
    const SUMS: &str = "SELECT \
        CAST(SUM(c.s1) AS BIGINT), CAST(SUM(c.s2) AS BIGINT), CAST(SUM(c.s3) AS BIGINT), CAST(SUM(c.s4) AS BIGINT), \
        CAST(SUM(c.s5) AS BIGINT), CAST(SUM(c.s6) AS BIGINT), CAST(SUM(c.s7) AS BIGINT), CAST(SUM(c.s8) AS BIGINT) \
        FROM counts c JOIN scopes s ON s.n = c.scope WHERE s.key = ?1 AND c.context = ?2";
    let context = context.map(name).unwrap_or_default();
    let rows = tx.db.query(SUMS, &[Value::Text(scope_key), Value::Text(&context)]).await?;
    let Some(row) = rows.first().filter(|row| !row.is_null(0)) else { return Ok(0) };
    match state {
        Some(state) => column(state).map_or(Ok(0), |column| row.number(column)),
        None => (0..STATES).map(|column| row.number(column)).sum(),
    }
}

/// How many tasks of all scopes have ended.
pub(super) async fn ended<C: Connection>(tx: &Tx<'_, C>) -> Result<u64, StorageError> {
    const ENDED: &str = "SELECT CAST(COALESCE(SUM(s3 + s4 + s5 + s7), 0) AS BIGINT) FROM counts WHERE context = ''";
    tx.db.query(ENDED, &[]).await?.first().map_or(Ok(0), |row| row.number(0))
}

fn column(state: &TaskState) -> Option<usize> {
    let number = state.number().filter(|_| state.is_known())?;
    usize::try_from(number).ok()?.checked_sub(1).filter(|column| *column < STATES)
}

/// Where a task is counted, which never changes.
fn stripe<C: Connection>(id: TaskId) -> Value<'static> {
    let bits = id.as_u128();
    let mixed = ((bits >> 64) as u64 ^ bits as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    count((mixed >> 32) % C::STRIPES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_that_a_stored_task_can_have_has_a_column() {
        let columns: Vec<_> = TaskState::KNOWN.iter().filter_map(column).collect();
        assert_eq!(columns.len(), STATES);
        assert_eq!(column(&TaskState::Unspecified), None);
        let ended = [TaskState::Completed, TaskState::Failed, TaskState::Canceled, TaskState::Rejected];
        let of_terminal: Vec<_> = TaskState::KNOWN.iter().filter(|state| state.is_terminal()).collect();
        assert_eq!(of_terminal.len(), ended.len());
        assert_eq!(ended.map(|state| column(&state)), [2, 3, 4, 6].map(Some), "as the statement for ended tasks says");
    }
}
