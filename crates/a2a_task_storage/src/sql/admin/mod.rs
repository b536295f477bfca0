//! What looks after a storage, over a database.

mod check;
mod claims;
mod counters;
mod import;
mod prune;
mod record;
mod rest;

use a2a_app_ports::{BoxFuture, StorageError, TaskId};

use self::{
    check::CheckTasks,
    claims::{ImportClaim, ReadClaims},
    import::ImportTask,
    prune::{Forget, HowMany},
    record::{ReadHeads, ReadRecord},
    rest::CheckRest,
};
use super::{storage::SqlStorage, transaction::Backend, values::Row};
use crate::{
    Checked, ClaimPlace, ClaimRecord, Finding, Piece, Prune, SqlFailure, SqlFailureKind, StoreAdmin, StoredTask,
    TaskRecord,
};

impl<B: Backend> StoreAdmin for SqlStorage<B> {
    fn tasks(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Piece<StoredTask, u64>, StorageError>> {
        Box::pin(async move { self.backend.read(ReadHeads { after, limit }).await })
    }

    fn record(&self, id: TaskId) -> BoxFuture<'_, Result<Option<TaskRecord>, StorageError>> {
        Box::pin(async move { self.backend.read(ReadRecord { id }).await })
    }

    fn claims<'a>(
        &'a self,
        after: Option<&'a ClaimPlace>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Piece<ClaimRecord, ClaimPlace>, StorageError>> {
        Box::pin(async move { self.backend.read(ReadClaims { after: after.cloned(), limit }).await })
    }

    fn import_task(&self, record: TaskRecord) -> BoxFuture<'_, Result<bool, StorageError>> {
        Box::pin(async move { self.backend.write(ImportTask::new(record)?).await })
    }

    fn import_claim(&self, claim: ClaimRecord) -> BoxFuture<'_, Result<bool, StorageError>> {
        Box::pin(async move { self.backend.write(ImportClaim::new(claim)?).await })
    }

    fn prunable(&self, what: Prune) -> BoxFuture<'_, Result<u64, StorageError>> {
        Box::pin(async move { self.backend.read(HowMany(what)).await })
    }

    fn prune(&self, what: Prune) -> BoxFuture<'_, Result<(u64, bool), StorageError>> {
        Box::pin(async move { self.backend.write(Forget(what)).await })
    }

    fn check_tasks(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Checked, StorageError>> {
        Box::pin(async move { self.backend.read(CheckTasks { after, limit }).await })
    }

    fn check_rest(&self) -> BoxFuture<'_, Result<Vec<Finding>, StorageError>> {
        Box::pin(async move { self.backend.read(CheckRest).await })
    }
}

/// Reads each of the rows of a piece. Of one that is damaged, `about` says what it is about.
fn piece<T, P>(
    rows: &[Row],
    limit: usize,
    read: impl Fn(&Row) -> Result<T, StorageError>,
    about: impl Fn(&Row) -> (Option<TaskId>, String),
    place: impl Fn(&Row) -> Result<P, StorageError>,
) -> Result<Piece<T, P>, StorageError> {
    let next = rows.last().filter(|_| rows.len() == limit).map(place).transpose()?;
    let mut piece = Piece { found: Vec::new(), damaged: Vec::new(), next };
    for row in rows {
        match or_damage(read(row))? {
            Ok(found) => piece.found.push(found),
            Err(damage) => {
                let (task, what) = about(row);
                piece.damaged.push(Finding { task, what: format!("{what}: {damage}") });
            }
        }
    }
    Ok(piece)
}

/// What was read, or what is damaged; any other error is one.
fn or_damage<T>(result: Result<T, StorageError>) -> Result<Result<T, String>, StorageError> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) if SqlFailure::kind_of(&error) == Some(SqlFailureKind::Damaged) => {
            Ok(Err(SqlFailure::text_of(&error)))
        }
        Err(error) => Err(error),
    }
}
