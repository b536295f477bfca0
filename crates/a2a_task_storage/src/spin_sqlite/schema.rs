//! Making a database ready.

use a2a_app_ports::StorageError;

use super::connection::SpinConnection;
use crate::{
    SqlFailure, SqlFailureKind,
    sql::Connection,
    sqlite_schema::{APPLICATION, FRESH, Header, STEPS, statements},
};

/// Makes a database of the newest schema, if there is nothing in it.
pub(super) async fn prepare(db: &SpinConnection, label: &str) -> Result<(), StorageError> {
    if is_ready(db, label).await? {
        return Ok(());
    }
    // It stays so for whoever opens it, and lets readers and a writer go beside each other.
    db.set("PRAGMA journal_mode = WAL").await?;
    db.run("BEGIN IMMEDIATE").await?;
    let made = make(db, label).await;
    db.run(if made.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    made
}

async fn make(db: &SpinConnection, label: &str) -> Result<(), StorageError> {
    // Another instance may have made it meanwhile.
    if is_ready(db, label).await? {
        return Ok(());
    }
    for statement in FRESH.iter().flat_map(|script| statements(script)) {
        db.run(statement).await?;
    }
    db.run(&format!("PRAGMA application_id = {APPLICATION}")).await?;
    db.run(&format!("PRAGMA user_version = {}", STEPS.len())).await
}

/// Whether the schema is there, and is the one of this version.
async fn is_ready(db: &SpinConnection, label: &str) -> Result<bool, StorageError> {
    const LOOK: &str = "SELECT a.application_id, v.user_version, (SELECT count(*) FROM sqlite_schema), d.file \
        FROM pragma_application_id a, pragma_user_version v, pragma_database_list d WHERE d.name = 'main'";
    let rows = db.query(LOOK, &[]).await?;
    let row = rows.first().ok_or_else(|| SqlFailure::damaged("a database has no header"))?;
    if row.text(3).is_ok_and(str::is_empty) {
        let message = format!(
            "the database {label:?} is kept in memory, for every connection anew: give the host a directory for its \
             state, or the label a path in the runtime configuration"
        );
        return Err(SqlFailure::new(SqlFailureKind::Other, message).into());
    }
    let place = format!("the database {label:?}");
    let header = Header { application: row.int(0)?, version: row.int(1)?, tables: row.int(2)? };
    match header.version(&place)? {
        0 => Ok(false),
        version if version == STEPS.len() => Ok(true),
        version => {
            let message = format!(
                "{place} was written by an earlier version of this program (schema {version}, this one is {}): open \
                 its file once with the `nuncio` of this version",
                STEPS.len()
            );
            Err(SqlFailure::new(SqlFailureKind::Older, message).into())
        }
    }
}
