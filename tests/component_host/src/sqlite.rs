//! `spin:sqlite`, on a file or in memory.
//!
//! As under Spin:
//! - Every `open` is a connection of its own, made when it is first used; in memory, a new and empty database.
//! - A connection has rusqlite's defaults: a rollback journal, foreign keys, and 5 s of waiting for a lock, after which
//!   the error is `Io("database is locked")`. `ATTACH` of a file is denied.
//! - A connection runs one statement at a time, until its rows are read or their stream is dropped. The host reads
//!   ahead by a few rows only, so whoever asks for the result of a statement before its rows may wait for ever.
//! - What is wrong with a statement is its result, after the columns. Dropping the future of a statement does not end it.
//! - What is not committed when the connection or the instance goes is rolled back, after the statement that is running.
//!
//! Unlike Spin, `changes` and `last_insert_rowid` do not block the whole instance while a statement runs on the
//! connection, and there is no limit on the size of rows.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use futures::channel::oneshot;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::types::{Value as SqlValue, ValueRef};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use wasmtime::component::{Accessor, FutureReader, HasSelf, Resource, StreamReader};

use crate::bindings::spin::sqlite::sqlite::{
    Error, Host, HostConnection, HostConnectionWithStore, QueryResult, RowResult, Value,
};
use crate::instance::State;
use crate::rows::{BUFFERED, Rows};

/// Where a store keeps its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// In the memory of the host: gone with it.
    Memory,
    /// In a file, which is made if there is none.
    File(PathBuf),
}

impl Location {
    pub(crate) fn open(&self) -> rusqlite::Result<rusqlite::Connection> {
        match self {
            Self::Memory => rusqlite::Connection::open_in_memory(),
            Self::File(file) => rusqlite::Connection::open(file),
        }
    }
}

impl<P: AsRef<Path>> From<P> for Location {
    fn from(file: P) -> Self {
        Self::File(file.as_ref().to_owned())
    }
}

type Shared = Arc<Mutex<rusqlite::Connection>>;

/// What a guest has opened. The database itself is opened with the first statement.
#[expect(unreachable_pub, reason = "the generated code re-exports it")]
pub struct Connection {
    location: Location,
    opened: Arc<OnceLock<Shared>>,
}

impl Connection {
    /// Runs `work` with the database on a thread that may block.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let shared = self.shared()?;
        let work = move || work(&shared.lock().unwrap_or_else(PoisonError::into_inner));
        spawn_blocking(work).await.map_err(|e| Error::Io(e.to_string()))?
    }

    fn shared(&self) -> Result<Shared, Error> {
        if let Some(shared) = self.opened.get() {
            return Ok(shared.clone());
        }
        let mut connection = self.location.open().map_err(io)?;
        connection.authorizer(Some(deny_attached_files)).map_err(io)?;
        Ok(self.opened.get_or_init(|| Arc::new(Mutex::new(connection))).clone())
    }
}

fn deny_attached_files(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Attach { filename } if !matches!(filename, "" | ":memory:") => Authorization::Deny,
        _ => Authorization::Allow,
    }
}

fn io(error: rusqlite::Error) -> Error {
    Error::Io(error.to_string())
}

/// Runs a statement and gives its columns and each of its rows away as they come.
fn run(
    connection: &rusqlite::Connection,
    statement: &str,
    parameters: Vec<Value>,
    columns: impl FnOnce(Vec<String>),
    mut row: impl FnMut(RowResult) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut statement = match connection.prepare_cached(statement) {
        Ok(statement) => statement,
        Err(error) => {
            columns(Vec::new());
            return Err(io(error));
        }
    };
    columns(statement.column_names().map(str::to_owned).collect());
    let count = statement.column_count();
    let parameters = rusqlite::params_from_iter(parameters.into_iter().map(to_sql));
    let mut rows = statement.query(parameters).map_err(io)?;
    while let Some(next) = rows.next().map_err(io)? {
        let values = (0..count).map(|index| next.get_ref(index).map(from_sql).map_err(io));
        row(RowResult { values: values.collect::<Result<_, _>>()? })?;
    }
    Ok(())
}

fn to_sql(value: Value) -> SqlValue {
    match value {
        Value::Integer(number) => SqlValue::Integer(number),
        Value::Real(number) => SqlValue::Real(number),
        Value::Text(text) => SqlValue::Text(text),
        Value::Blob(bytes) => SqlValue::Blob(bytes),
        Value::Null => SqlValue::Null,
    }
}

fn from_sql(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_owned()),
        ValueRef::Null => Value::Null,
    }
}

impl State {
    fn open_database(&mut self, database: &str) -> Result<Resource<Connection>, Error> {
        let location = self.databases.get(database).ok_or(Error::AccessDenied)?.clone();
        let connection = Connection { location, opened: Arc::default() };
        self.table.push(connection).map_err(|e| Error::Io(e.to_string()))
    }

    /// Another handle to the database of a connection, for use outside the store.
    fn connection(&mut self, connection: &Resource<Connection>) -> Result<Connection, Error> {
        let connection = self.table.get(connection).map_err(|_| Error::InvalidConnection)?;
        Ok(Connection { location: connection.location.clone(), opened: connection.opened.clone() })
    }
}

impl Host for State {
    fn convert_error(&mut self, error: Error) -> wasmtime::Result<Error> {
        Ok(error)
    }
}

impl HostConnection for State {
    async fn open(&mut self, database: String) -> Result<Resource<Connection>, Error> {
        self.open_database(&database)
    }

    async fn execute(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<Value>,
    ) -> Result<QueryResult, Error> {
        let work = move |connection: &rusqlite::Connection| {
            let mut result = QueryResult { columns: Vec::new(), rows: Vec::new() };
            let QueryResult { columns, rows } = &mut result;
            run(
                connection,
                &statement,
                parameters,
                |named| *columns = named,
                |row| {
                    rows.push(row);
                    Ok(())
                },
            )?;
            Ok(result)
        };
        self.connection(&connection)?.with(work).await
    }

    async fn last_insert_rowid(&mut self, connection: Resource<Connection>) -> wasmtime::Result<i64> {
        Ok(self.connection(&connection)?.with(|connection| Ok(connection.last_insert_rowid())).await?)
    }

    async fn changes(&mut self, connection: Resource<Connection>) -> wasmtime::Result<u64> {
        Ok(self.connection(&connection)?.with(|connection| Ok(connection.changes())).await?)
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

impl<T> HostConnectionWithStore<T> for HasSelf<State> {
    async fn open_async(store: &Accessor<T, Self>, database: String) -> Result<Resource<Connection>, Error> {
        store.with(|mut store| store.get().open_database(&database))
    }

    async fn execute_async(
        store: &Accessor<T, Self>,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<Value>,
    ) -> Result<(Vec<String>, StreamReader<RowResult>, FutureReader<Result<(), Error>>), Error> {
        let shared = store.with(|mut store| store.get().connection(&connection))?.shared()?;
        let (columns, named) = oneshot::channel();
        let (rows, read) = mpsc::channel(BUFFERED);
        let (result, ended) = oneshot::channel();
        spawn_blocking(move || {
            let connection = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let columns = |named| drop(columns.send(named));
            let row = |row| rows.blocking_send(row).map_err(|_| Error::Io("the stream of rows was dropped".into()));
            let outcome = run(&connection, &statement, parameters, columns, row);
            // The connection is free before the guest hears that the statement has ended.
            drop(connection);
            drop(shared);
            _ = result.send(outcome);
        });
        let columns = named.await.map_err(|e| Error::Io(e.to_string()))?;
        let (rows, ended) = store
            .with(|mut store| {
                let rows = StreamReader::new(&mut store, Rows(read))?;
                wasmtime::error::Ok((rows, FutureReader::new(&mut store, ended)?))
            })
            .map_err(|e| Error::Io(e.to_string()))?;
        Ok((columns, rows, ended))
    }

    async fn last_insert_rowid_async(
        store: &Accessor<T, Self>,
        connection: Resource<Connection>,
    ) -> wasmtime::Result<i64> {
        let connection = store.with(|mut store| store.get().connection(&connection))?;
        Ok(connection.with(|connection| Ok(connection.last_insert_rowid())).await?)
    }

    async fn changes_async(store: &Accessor<T, Self>, connection: Resource<Connection>) -> wasmtime::Result<u64> {
        let connection = store.with(|mut store| store.get().connection(&connection))?;
        Ok(connection.with(|connection| Ok(connection.changes())).await?)
    }
}
