//! Scopes as rows.

use a2a_app_ports::{Scope, StorageError};

use super::{
    transaction::{Connection, Tx},
    values::Value,
};
use crate::SqlFailure;

/// A scope as one text: two of them differ wherever the scopes do.
pub(super) fn key(scope: &Scope) -> String {
    serde_json::json!([&*scope.agent, scope.tenant.as_deref(), scope.owner.as_deref()]).to_string()
}

/// The scope of a key.
pub(super) fn of_key(key: &str) -> Result<Scope, StorageError> {
    let (agent, tenant, owner): (String, Option<String>, Option<String>) =
        serde_json::from_str(key).map_err(|_| SqlFailure::damaged("a scope is not written as one"))?;
    Ok(Scope { agent: agent.into(), tenant: tenant.map(Into::into), owner: owner.map(Into::into) })
}

/// The number of a scope, which it has from when something of it was stored first.
pub(super) async fn number<C: Connection>(tx: &Tx<'_, C>, agent: &str, key: &str) -> Result<i64, StorageError> {
    const FIND: &str = "SELECT n FROM scopes WHERE key = ?1";
    const ADD: &str = "INSERT INTO scopes (agent, key) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING";
    if let Some(row) = tx.db.query(FIND, &[Value::Text(key)]).await?.first() {
        return row.int(0);
    }
    tx.db.execute(ADD, &[Value::Text(agent), Value::Text(key)]).await?;
    let rows = tx.db.query(FIND, &[Value::Text(key)]).await?;
    rows.first().ok_or_else(|| SqlFailure::damaged("a scope that was added is not there"))?.int(0)
}
