//! Scopes as rows.

use a2a_app_ports::{Scope, StorageError};

use super::{
    names,
    transaction::{Connection, Tx},
    values::Value,
};
use crate::SqlFailure;

/// The key of a scope.
pub(super) fn key(scope: &Scope) -> String {
    names::key(&text(scope)).into_owned()
}

/// A scope as one text: two of them differ wherever the scopes do.
fn text(scope: &Scope) -> String {
    serde_json::json!([&*scope.agent, scope.tenant.as_deref(), scope.owner.as_deref()]).to_string()
}

/// The scope of a text.
pub(super) fn of_text(text: &str) -> Result<Scope, StorageError> {
    let (agent, tenant, owner): (String, Option<String>, Option<String>) =
        serde_json::from_str(text).map_err(|_| SqlFailure::damaged("a scope is not written as one"))?;
    Ok(Scope { agent: agent.into(), tenant: tenant.map(Into::into), owner: owner.map(Into::into) })
}

/// The number of a scope, which it has from when something of it was stored first.
pub(super) async fn number<C: Connection>(tx: &Tx<'_, C>, scope: &Scope, key: &str) -> Result<i64, StorageError> {
    const FIND: &str = "SELECT n FROM scopes WHERE key = ?1";
    const ADD: &str = "INSERT INTO scopes (agent, key, long_key) VALUES (?1, ?2, ?3) ON CONFLICT (key) DO NOTHING";
    if let Some(row) = tx.db.query(FIND, &[Value::Text(key)]).await?.first() {
        return row.int(0);
    }
    let text = text(scope);
    tx.db.execute(ADD, &[Value::Text(&scope.agent), Value::Text(key), names::whole(&text)]).await?;
    let rows = tx.db.query(FIND, &[Value::Text(key)]).await?;
    rows.first().ok_or_else(|| SqlFailure::damaged("a scope that was added is not there"))?.int(0)
}
