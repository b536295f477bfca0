//! Rows that are not what this program wrote: each is to cost only what it is about.

use a2a_app_ports::StorageError;

use crate::SqlFailure;

/// Those that can be read. The others are left alone, and told to the log.
pub(super) fn whole<T>(what: &str, rows: impl IntoIterator<Item = Result<T, StorageError>>) -> Vec<T> {
    let logged = |error: &StorageError| {
        tracing::error!(error = SqlFailure::text_of(error), "{what} is passed over: see `nuncio store verify`");
    };
    rows.into_iter().filter_map(|row| row.inspect_err(logged).ok()).collect()
}
