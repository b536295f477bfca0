//! A connection with its prepared statements.

use std::{
    collections::HashMap,
    error::Error,
    pin::pin,
    sync::{Arc, Mutex},
};

use a2a_app_ports::StorageError;
use futures::TryStreamExt;
use tokio::{task::AbortHandle, time::Instant};
use tokio_postgres::{
    Client, Statement,
    types::{FromSql, IsNull, ToSql, Type, private::BytesMut, to_sql_checked},
};

use super::target::{Messages, Target, failure, in_time};
use crate::{
    SqlFailure,
    sql::{Cell, Connection, Row, Value, lock},
};

pub(crate) struct PgConnection {
    pub(super) client: Client,
    statements: Mutex<HashMap<&'static str, Statement>>,
    pub(super) place: Arc<str>,
    driver: AbortHandle,
}

impl PgConnection {
    /// Connects; a task drives the connection until it is dropped or lost.
    pub(super) async fn open(target: &Target, until: Instant) -> Result<Self, StorageError> {
        let (client, mut connection) = target.connect(until).await?;
        let driver = tokio::spawn(async move {
            // Notices go nowhere; an error comes out where somebody waits for an answer.
            while let Some(Ok(_)) = std::future::poll_fn(|context| connection.poll_message(context)).await {}
        });
        let (statements, place, driver) = (Mutex::default(), Arc::from(target.place()), driver.abort_handle());
        let connection = Self { client, statements, place, driver };
        in_time(&connection.place, until, connection.batch(&target.setup())).await?;
        Ok(connection)
    }

    /// Runs statements that give nothing.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), StorageError> {
        self.client.batch_execute(sql).await.map_err(|error| failure(&self.place, error))
    }

    async fn prepared(&self, sql: &'static str) -> Result<Statement, StorageError> {
        if let Some(known) = lock(&self.statements).get(sql) {
            return Ok(known.clone());
        }
        let statement = self.client.prepare(&dialect(sql)).await.map_err(|error| failure(&self.place, error))?;
        lock(&self.statements).insert(sql, statement.clone());
        Ok(statement)
    }
}

/// The driver would wait for answers that nobody wants any more.
impl Drop for PgConnection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A statement as PostgreSQL has it: parameters by `$`, and what is in comments for it.
fn dialect(sql: &str) -> String {
    let mut text = sql.replace('?', "$");
    while let Some((before, after)) = text.split_once("/*pg ") {
        let Some((ours, rest)) = after.split_once("*/") else { break };
        text = [before, ours, rest].concat();
    }
    text
}

impl Connection for PgConnection {
    const STRIPES: u64 = 16;

    async fn each(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        mut take: impl FnMut(Row) -> Result<(), StorageError> + Send,
    ) -> Result<(), StorageError> {
        let failed = |error| failure(&self.place, error);
        let statement = self.prepared(sql).await?;
        let values = values.iter().map(|value| value as &(dyn ToSql + Sync));
        let mut rows = pin!(self.client.query_raw(&statement, values).await.map_err(failed)?);
        while let Some(row) = rows.try_next().await.map_err(failed)? {
            let cells = (0..row.len()).map(|column| row.try_get::<_, Cell>(column));
            take(Row(cells.collect::<Result<_, _>>().map_err(SqlFailure::damaged)?))?;
        }
        Ok(())
    }

    async fn execute(&self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, StorageError> {
        let statement = self.prepared(sql).await?;
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        self.client.execute(&statement, &values).await.map_err(|error| failure(&self.place, error))
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Value::Null => return Ok(IsNull::Yes),
            Value::Int(number) if *kind == Type::INT8 => out.extend_from_slice(&number.to_be_bytes()),
            Value::Int(number) if *kind == Type::INT4 => out.extend_from_slice(&i32::try_from(*number)?.to_be_bytes()),
            Value::Text(text) if matches!(*kind, Type::TEXT | Type::BYTEA) => out.extend_from_slice(text.as_bytes()),
            Value::Bytes(bytes) if *kind == Type::BYTEA => out.extend_from_slice(bytes),
            other => return Err(format!("a statement takes {kind} where it is given {other:?}").into()),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Cell {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(match *kind {
            Type::INT8 => Self::Int(i64::from_be_bytes(raw.try_into()?)),
            Type::INT4 => Self::Int(i32::from_be_bytes(raw.try_into()?).into()),
            Type::BOOL => Self::Int((raw != [0]).into()),
            Type::TEXT => Self::Text(std::str::from_utf8(raw)?.to_owned()),
            _ => Self::Bytes(raw.to_vec()),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::INT8 | Type::INT4 | Type::BOOL | Type::TEXT | Type::BYTEA)
    }
}

#[cfg(test)]
mod tests {
    use super::dialect;

    #[test]
    fn what_is_for_postgresql_counts() {
        let sql = dialect("SELECT 1 WHERE ?1 = ?12 /*pg FOR UPDATE*/ AND /*pg x*/ y");
        assert_eq!(sql, "SELECT 1 WHERE $1 = $12 FOR UPDATE AND x y");
    }
}
