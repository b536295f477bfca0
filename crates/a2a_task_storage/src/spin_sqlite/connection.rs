//! A connection to a database of the host.

use std::{borrow::Cow, sync::Arc};

use a2a_app_ports::StorageError;
use spin_sdk::sqlite::{self, Error};
use tokio::sync::Mutex;

use crate::{
    SqlFailure, SqlFailureKind,
    sql::{Cell, Connection, Row, Value},
};

/// The time by which replicas expire, in milliseconds: the time of day of whoever has the database, which
/// is one for all instances. The host takes no functions of ours.
const NOW: &str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

/// A connection of its own: the host opens one for each of these, and closes it when this is dropped,
/// which takes back a transaction that is open on it.
pub(crate) struct SpinConnection {
    db: sqlite::Connection,
    label: Arc<str>,
    /// Held by the statement that runs. The host runs what it is given at once in any order, and an
    /// error of one is to come before the next.
    turn: Mutex<()>,
}

impl SpinConnection {
    /// Opens one, on which nothing waits for others: a wait would take a thread of the host.
    pub(super) async fn open(label: &Arc<str>) -> Result<Self, StorageError> {
        let db = sqlite::Connection::open(&**label).await.map_err(|error| failure(label, error))?;
        let connection = Self { db, label: label.clone(), turn: Mutex::new(()) };
        for setting in ["PRAGMA busy_timeout = 0", "PRAGMA synchronous = FULL"] {
            connection.set(setting).await?;
        }
        Ok(connection)
    }

    /// Changes a setting. A remote database takes none.
    pub(super) async fn set(&self, sql: &'static str) -> Result<(), StorageError> {
        match self.try_run(sql).await {
            Err(Error::Io(text)) if known(&text).is_none() => {
                let message = format!(
                    "the database {:?} takes no settings, so it is no file of the host: tasks are not kept in remote \
                     databases (libSQL), whose servers end transactions when they like. Give the label a database of \
                     type \"spin\" in the runtime configuration",
                    self.label
                );
                Err(SqlFailure::new(SqlFailureKind::Other, message).because(Error::Io(text)).into())
            }
            done => done.map_err(|error| failure(&self.label, error)),
        }
    }

    /// Runs a statement that gives no rows, such as those that begin and end transactions.
    pub(super) async fn run(&self, sql: &str) -> Result<(), StorageError> {
        self.try_run(sql).await.map_err(|error| failure(&self.label, error))
    }

    async fn try_run(&self, sql: &str) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        self.start(sql, &[]).await?.result().await
    }

    async fn start(&self, sql: &str, values: &[Value<'_>]) -> Result<sqlite::QueryResult, Error> {
        let sql = match sql.contains("nuncio_now()") {
            true => Cow::Owned(sql.replace("nuncio_now()", NOW)),
            false => Cow::Borrowed(sql),
        };
        self.db.execute(sql, values.iter().map(bound)).await
    }
}

impl Connection for SpinConnection {
    /// One transaction runs at a time.
    const STRIPES: u64 = 1;

    const CHECK: Option<&'static str> = Some("PRAGMA integrity_check");

    async fn each(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        mut take: impl FnMut(Row) -> Result<(), StorageError> + Send,
    ) -> Result<(), StorageError> {
        let failed = |error| failure(&self.label, error);
        let _turn = self.turn.lock().await;
        let mut rows = self.start(sql, values).await.map_err(failed)?;
        while let Some(row) = rows.next().await {
            take(Row(row.values.into_iter().map(cell).collect()))?;
        }
        rows.result().await.map_err(failed)
    }

    async fn execute(&self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, StorageError> {
        let failed = |error| failure(&self.label, error);
        let _turn = self.turn.lock().await;
        self.start(sql, values).await.map_err(failed)?.result().await.map_err(failed)?;
        Ok(self.db.changes().await)
    }
}

fn bound(value: &Value<'_>) -> sqlite::Value {
    match value {
        Value::Null => sqlite::Value::Null,
        Value::Int(number) => sqlite::Value::Integer(*number),
        Value::Text(text) => sqlite::Value::Text((*text).to_owned()),
        Value::Bytes(bytes) => sqlite::Value::Blob(bytes.to_vec()),
    }
}

fn cell(value: sqlite::Value) -> Cell {
    match value {
        // No statement gives a real number.
        sqlite::Value::Null | sqlite::Value::Real(_) => Cell::Null,
        sqlite::Value::Integer(number) => Cell::Int(number),
        sqlite::Value::Text(text) => Cell::Text(text),
        sqlite::Value::Blob(bytes) => Cell::Bytes(bytes),
    }
}

/// What an error of the host comes to for whoever reads it. Of those of SQLite it has only the text.
fn failure(label: &str, error: Error) -> StorageError {
    let (kind, what) = match &error {
        Error::NoSuchDatabase => {
            (SqlFailureKind::Missing, "is not there: give the host one of this label in its runtime configuration")
        }
        Error::AccessDenied => {
            (SqlFailureKind::Missing, "is not for this component: name it in its sqlite_databases in spin.toml")
        }
        Error::DatabaseFull => (SqlFailureKind::Full, FULL),
        Error::InvalidConnection => (SqlFailureKind::Other, "cannot be opened: see what the host says of it"),
        Error::Io(text) => known(text).unwrap_or((SqlFailureKind::Other, "did not take a statement")),
    };
    SqlFailure::new(kind, format!("the database {label:?} {what}")).because(error).into()
}

const FULL: &str = "cannot grow: the disk or its quota is used up. Free some space; what was acknowledged is safe";

/// What an error of SQLite comes to that is known by its text.
fn known(text: &str) -> Option<(SqlFailureKind, &'static str)> {
    const KNOWN: [(&str, SqlFailureKind, &str); 7] = [
        ("is locked", SqlFailureKind::InUse, "is in use by others that write"),
        ("disk is full", SqlFailureKind::Full, FULL),
        (
            "readonly database",
            SqlFailureKind::ReadOnly,
            "may not be written to: give the host write access to its file",
        ),
        ("unable to open", SqlFailureKind::ReadOnly, "cannot be opened: see that the host may write to its directory"),
        ("not a database", SqlFailureKind::Damaged, "is not a SQLite database: restore it, or use another one"),
        ("malformed", SqlFailureKind::Damaged, "is damaged: check it, and restore what is damaged from a copy"),
        ("disk I/O error", SqlFailureKind::Other, "could not be read or written: see what the host says of its disk"),
    ];
    KNOWN.iter().find(|(part, ..)| text.contains(part)).map(|(_, kind, what)| (*kind, *what))
}
