//! The storages that requests name.

/// Does something with the storage that a query names, as whichever type it is of; the answer where there
/// is none.
macro_rules! with_storage {
    ($query:expr, $storage:ident => $work:expr) => {{
        let query: &crate::Query = $query;
        match query.text("storage") {
            #[cfg(feature = "spin-sqlite")]
            Some("sqlite") => match crate::storages::sqlite::of(query).await {
                Ok($storage) => $work,
                Err(error) => crate::storages::failed(&error),
            },
            #[cfg(feature = "spin-key-value")]
            Some("key-value") => match crate::storages::key_value::of(query).await {
                Ok($storage) => $work,
                Err(error) => crate::storages::failed(&error),
            },
            _ => crate::no(http::StatusCode::BAD_REQUEST, "storage: there is none of this name"),
        }
    }};
}

use a2a_app_ports::StorageError;
pub(crate) use with_storage;

use crate::{Answer, no};

/// One of the storages, whichever: all have the same cases.
#[cfg(feature = "spin-sqlite")]
pub(crate) type Any = a2a_task_storage::SpinSqliteStorage;
#[cfg(all(feature = "spin-key-value", not(feature = "spin-sqlite")))]
pub(crate) type Any = a2a_task_storage::SpinKeyValueStorage;

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

#[cfg(feature = "spin-sqlite")]
pub(crate) mod sqlite {
    //! One storage for all requests of an instance that name the same database.

    use std::{cell::RefCell, collections::HashMap, time::Duration};

    use a2a_app_ports::StorageError;
    use a2a_task_storage::{SpinSqliteOptions, SpinSqliteStorage};

    use crate::Query;

    thread_local! {
        static OPEN: RefCell<HashMap<String, SpinSqliteStorage>> = RefCell::default();
    }

    pub(crate) async fn of(query: &Query) -> Result<SpinSqliteStorage, StorageError> {
        let label = query.text("label").unwrap_or("default");
        if let Some(storage) = OPEN.with_borrow(|open| open.get(label).cloned()) {
            return Ok(storage);
        }
        let mut options = SpinSqliteOptions::new(label);
        options.patience = query.number("patience").map_or(options.patience, Duration::from_millis);
        let storage = SpinSqliteStorage::open(options).await?;
        Ok(OPEN.with_borrow_mut(|open| open.entry(label.to_owned()).or_insert(storage).clone()))
    }
}

#[cfg(feature = "spin-key-value")]
pub(crate) mod key_value {
    //! One storage for all requests of an instance that name the same store.

    use std::{cell::RefCell, collections::HashMap};

    use a2a_app_ports::StorageError;
    use a2a_task_storage::SpinKeyValueStorage;

    use crate::Query;

    thread_local! {
        static OPEN: RefCell<HashMap<String, SpinKeyValueStorage>> = RefCell::default();
    }

    pub(crate) async fn of(query: &Query) -> Result<SpinKeyValueStorage, StorageError> {
        let label = query.text("label").unwrap_or("default");
        if let Some(storage) = OPEN.with_borrow(|open| open.get(label).cloned()) {
            return Ok(storage);
        }
        let storage = SpinKeyValueStorage::open(label).await?;
        Ok(OPEN.with_borrow_mut(|open| open.entry(label.to_owned()).or_insert(storage).clone()))
    }
}
