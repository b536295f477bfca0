//! `spin:key-value`, on a file or in memory.
//!
//! As under Spin, in the same table: one connection for all instances of the host, one statement at a time, every `set`
//! its own transaction. Unlike Spin, a statement does not block the instance while it runs, and there is no limit on
//! the size of values.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::channel::oneshot;
use rusqlite::OptionalExtension;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use wasmtime::component::{Accessor, FutureReader, HasSelf, Resource, StreamReader};

use crate::bindings::spin::key_value::key_value::{Error, Host, HostStore, HostStoreWithStore};
use crate::instance::State;
use crate::rows::{BUFFERED, Rows};
use crate::sqlite::Location;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS spin_key_value (
    store TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (store, key))";

/// The stores of a host, by label. Spin keeps all labels in one file unless it is told otherwise; here each has its own.
pub(crate) struct Stores(HashMap<String, Store>);

impl Stores {
    pub(crate) fn open<'a>(stores: impl IntoIterator<Item = (&'a String, &'a Location)>) -> rusqlite::Result<Self> {
        let open = |(label, location): (&String, &Location)| {
            let connection = location.open()?;
            connection.execute(TABLE, [])?;
            Ok((label.clone(), Store { label: label.clone(), connection: Arc::new(Mutex::new(connection)) }))
        };
        stores.into_iter().map(open).collect::<rusqlite::Result<_>>().map(Self)
    }
}

/// What a guest has opened.
#[derive(Clone)]
#[expect(unreachable_pub, reason = "the generated code re-exports it")]
pub struct Store {
    label: String,
    connection: Arc<Mutex<rusqlite::Connection>>,
}

impl Store {
    /// Runs `work` with the database and the label of the store, on a thread that may block.
    async fn with<T: Send + 'static>(
        self,
        work: impl FnOnce(&rusqlite::Connection, &str) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let work = move || work(&self.connection.lock().unwrap_or_else(PoisonError::into_inner), &self.label);
        spawn_blocking(work).await.map_err(other)?.map_err(other)
    }

    /// Gives every key away, as they come.
    fn keys(&self, mut key: impl FnMut(String) -> Result<(), Error>) -> Result<(), Error> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let query = "SELECT key FROM spin_key_value WHERE store = ?1";
        let mut statement = connection.prepare_cached(query).map_err(other)?;
        let mut rows = statement.query([&self.label]).map_err(other)?;
        while let Some(row) = rows.next().map_err(other)? {
            key(row.get(0).map_err(other)?)?;
        }
        Ok(())
    }
}

fn other(error: impl ToString) -> Error {
    Error::Other(error.to_string())
}

impl State {
    fn store(&mut self, store: &Resource<Store>) -> Result<Store, Error> {
        self.table.get(store).cloned().map_err(|_| Error::NoSuchStore)
    }
}

impl Host for State {
    fn convert_error(&mut self, error: Error) -> wasmtime::Result<Error> {
        Ok(error)
    }
}

impl HostStore for State {
    async fn drop(&mut self, store: Resource<Store>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        Ok(())
    }
}

impl<T> HostStoreWithStore<T> for HasSelf<State> {
    async fn open(host: &Accessor<T, Self>, label: String) -> Result<Resource<Store>, Error> {
        host.with(|mut host| {
            let state = host.get();
            let store = state.stores.0.get(&label).ok_or(Error::AccessDenied)?.clone();
            state.table.push(store).map_err(|_| Error::StoreTableFull)
        })
    }

    async fn get(host: &Accessor<T, Self>, store: Resource<Store>, key: String) -> Result<Option<Vec<u8>>, Error> {
        let store = host.with(|mut host| host.get().store(&store))?;
        let query = "SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2";
        store
            .with(move |connection, label| {
                connection.prepare_cached(query)?.query_row([label, &key], |row| row.get(0)).optional()
            })
            .await
    }

    async fn set(host: &Accessor<T, Self>, store: Resource<Store>, key: String, value: Vec<u8>) -> Result<(), Error> {
        let store = host.with(|mut host| host.get().store(&store))?;
        let statement = "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3)
            ON CONFLICT (store, key) DO UPDATE SET value = ?3";
        store
            .with(move |connection, label| {
                connection.prepare_cached(statement)?.execute((label, &key, value)).map(drop)
            })
            .await
    }

    async fn delete(host: &Accessor<T, Self>, store: Resource<Store>, key: String) -> Result<(), Error> {
        let store = host.with(|mut host| host.get().store(&store))?;
        let statement = "DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2";
        store
            .with(move |connection, label| connection.prepare_cached(statement)?.execute([label, &key]).map(drop))
            .await
    }

    async fn exists(host: &Accessor<T, Self>, store: Resource<Store>, key: String) -> Result<bool, Error> {
        Ok(Self::get(host, store, key).await?.is_some())
    }

    async fn get_keys(
        host: &Accessor<T, Self>,
        store: Resource<Store>,
    ) -> wasmtime::Result<(StreamReader<String>, FutureReader<Result<(), Error>>)> {
        let store = host.with(|mut host| host.get().store(&store))?;
        let (keys, read) = mpsc::channel(BUFFERED);
        let (result, ended) = oneshot::channel();
        spawn_blocking(move || {
            let key = |key| keys.blocking_send(key).map_err(|_| other("the stream of keys was dropped"));
            _ = result.send(store.keys(key));
        });
        host.with(|mut host| Ok((StreamReader::new(&mut host, Rows(read))?, FutureReader::new(&mut host, ended)?)))
    }
}
