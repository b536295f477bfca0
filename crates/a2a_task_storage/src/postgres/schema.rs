//! The schema and its versions.
//!
//! A database of an earlier version is brought to the newest when it is opened, step by step, by one
//! replica while the others wait. There is no way back; a step that has been published never changes.

use a2a_app_ports::StorageError;

use super::{
    pool::Borrowed,
    target::{Target, quoted},
};
use crate::{
    SqlFailure, SqlFailureKind,
    sql::{Connection, Value},
};

const STEPS: &[&str] = &[include_str!("v1.sql"), include_str!("v2.sql")];

/// Whether what is there is of this version, without changing it.
pub(super) async fn check(db: &Borrowed<'_>, target: &Target) -> Result<(), StorageError> {
    let (found, known, place) = (version(db, target, STEPS.len()).await?, STEPS.len(), target.place());
    if found == 0 {
        return Err(SqlFailure::new(SqlFailureKind::Missing, format!("{place} holds no tasks")).into());
    }
    if found < known {
        let message = format!(
            "{place} was written by an earlier version of this program (schema {found}, this one is {known}): \
             open it once for writing, which brings it to this version"
        );
        return Err(SqlFailure::new(SqlFailureKind::Older, message).into());
    }
    Ok(())
}

/// Whether what is there is of this version.
pub(super) async fn is_current(db: &Borrowed<'_>, target: &Target) -> Result<bool, StorageError> {
    Ok(version(db, target, STEPS.len()).await? == STEPS.len())
}

pub(super) async fn migrate(db: &Borrowed<'_>, target: &Target) -> Result<(), StorageError> {
    db.batch("BEGIN").await?;
    let result = steps(db, target, STEPS).await;
    db.batch(if result.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    result
}

/// The version of the schema that is there, of which so many are known; 0 is none.
async fn version(db: &Borrowed<'_>, target: &Target, known: usize) -> Result<usize, StorageError> {
    const HAS_TABLES: &str = "SELECT 1 WHERE to_regclass('meta') IS NOT NULL";
    const VERSION: &str = "SELECT value FROM meta WHERE key = 'schema'";
    let found = match db.query(HAS_TABLES, &[]).await?.is_empty() {
        true => Vec::new(),
        false => db.query(VERSION, &[]).await?,
    };
    let version = found.first().map(|row| row.text(0)).transpose()?.unwrap_or("0");
    let version: usize = version.parse().map_err(|_| SqlFailure::damaged("the version of the schema is no number"))?;
    if version > known {
        let place = target.place();
        let message = format!(
            "{place} was written by a later version of this program (schema {version}, this one knows up to {known}): \
             use that version"
        );
        return Err(SqlFailure::new(SqlFailureKind::Newer, message).into());
    }
    Ok(version)
}

async fn steps(db: &Borrowed<'_>, target: &Target, steps: &[&str]) -> Result<(), StorageError> {
    // Released with the transaction.
    const LOCK: &str = "SELECT 1 FROM (SELECT pg_advisory_xact_lock(hashtextextended('nuncio schema ' || ?1, 0))) x";
    const HAS_SCHEMA: &str = "SELECT 1 FROM pg_namespace WHERE nspname = ?1 || ''";
    const NOTE: &str = "INSERT INTO meta (key, value) VALUES ('schema', ?1) \
        ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    let schema = Value::Text(&target.schema);
    db.query(LOCK, &[schema]).await?;
    if db.query(HAS_SCHEMA, &[schema]).await?.is_empty() {
        db.batch(&format!("CREATE SCHEMA {}", quoted(&target.schema))).await?;
    }
    let known = steps.len();
    let version = version(db, target, known).await?;
    if version < known {
        for step in steps.iter().skip(version) {
            db.batch(step).await?;
        }
        db.execute(NOTE, &[Value::Text(&known.to_string())]).await?;
    }
    Ok(())
}
