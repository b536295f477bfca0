//! What is finished, whoever waits for it.

use a2a_app_ports::StorageError;
use futures::channel::oneshot;

use crate::{SqlFailure, SqlFailureKind};

/// Does something apart from whoever waits for it: a caller that does not come to look, such as a slow
/// reader of a stream, is to keep nobody waiting, least of all other instances for the end of a
/// transaction.
pub(crate) async fn apart<T: 'static>(
    work: impl Future<Output = Result<T, StorageError>> + 'static,
) -> Result<T, StorageError> {
    let (reply, result) = oneshot::channel();
    wasip3::spawn_local(async move {
        // Whoever asked may have gone.
        let _ = reply.send(work.await);
    });
    let ended = || SqlFailure::new(SqlFailureKind::Unknown, "the host has ended the request that used the storage");
    result.await.unwrap_or_else(|_| Err(ended().into()))
}
