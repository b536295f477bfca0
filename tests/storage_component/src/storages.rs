//! The storages that requests name.

/// Does something with the storage that a query names, as whichever type it is of; the answer where there
/// is none.
macro_rules! with_storage {
    ($query:expr, $storage:ident => $work:expr) => {{
        let query: &crate::Query = $query;
        match query.text("storage") {
            #[cfg(feature = "spin-sqlite")]
            Some("sqlite") => match crate::storages::sqlite(query).await {
                Ok($storage) => $work,
                Err(error) => crate::storages::failed(&error),
            },
            #[cfg(feature = "spin-key-value")]
            Some("key-value") => match crate::storages::key_value(query).await {
                Ok($storage) => $work,
                Err(error) => crate::storages::failed(&error),
            },
            _ => crate::no(http::StatusCode::BAD_REQUEST, "storage: there is none of this name"),
        }
    }};
}

#[cfg(feature = "spin-sqlite")]
use std::time::Duration;
use std::{cell::RefCell, collections::HashMap, thread::LocalKey};

use a2a_app_ports::StorageError;
#[cfg(feature = "spin-key-value")]
use a2a_task_storage::SpinKeyValueStorage;
#[cfg(feature = "spin-sqlite")]
use a2a_task_storage::{SpinSqliteOptions, SpinSqliteStorage};
pub(crate) use with_storage;

use crate::{Answer, Query, no};

/// One of the storages, whichever: all have the same cases.
#[cfg(feature = "spin-sqlite")]
pub(crate) type Any = SpinSqliteStorage;
#[cfg(all(feature = "spin-key-value", not(feature = "spin-sqlite")))]
pub(crate) type Any = SpinKeyValueStorage;

/// An error of a storage as an answer: 409 where another came first, else 500.
pub(crate) fn failed(error: &StorageError) -> Answer {
    match error {
        StorageError::Conflict { current } => no(http::StatusCode::CONFLICT, current),
        StorageError::Failed(cause) => {
            let source = cause.source().map(|source| format!(" ({source})")).unwrap_or_default();
            no(http::StatusCode::INTERNAL_SERVER_ERROR, format!("{error}: {cause}{source}"))
        }
        error => no(http::StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

/// The storages that are open, by their labels: one for all requests of an instance.
type Open<S> = RefCell<HashMap<String, S>>;

async fn opened<S: Clone>(
    all: &'static LocalKey<Open<S>>,
    query: &Query,
    open: impl AsyncFnOnce(&str) -> Result<S, StorageError>,
) -> Result<S, StorageError> {
    let label = query.text("label").unwrap_or("default");
    if let Some(storage) = all.with_borrow(|all| all.get(label).cloned()) {
        return Ok(storage);
    }
    let storage = open(label).await?;
    Ok(all.with_borrow_mut(|all| all.entry(label.to_owned()).or_insert(storage).clone()))
}

#[cfg(feature = "spin-sqlite")]
pub(crate) async fn sqlite(query: &Query) -> Result<SpinSqliteStorage, StorageError> {
    thread_local! {
        static OPEN: Open<SpinSqliteStorage> = RefCell::default();
    }
    opened(&OPEN, query, async |label| {
        let mut options = SpinSqliteOptions::new(label);
        options.patience = query.number("patience").map_or(options.patience, Duration::from_millis);
        SpinSqliteStorage::open(options).await
    })
    .await
}

#[cfg(feature = "spin-key-value")]
pub(crate) async fn key_value(query: &Query) -> Result<SpinKeyValueStorage, StorageError> {
    thread_local! {
        static OPEN: Open<SpinKeyValueStorage> = RefCell::default();
    }
    opened(&OPEN, query, async |label| SpinKeyValueStorage::open(label).await).await
}
