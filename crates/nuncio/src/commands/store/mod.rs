//! `store`: looks after a storage, without a server.
//!
//! Reading it goes beside a server that uses it; changing a file does not.

mod args;
mod export;
mod import;
mod list;
mod log;
mod prune;
mod verify;

use a2a_app_ports::{StorageError, TaskId};
use a2a_protocol_core::ErrorKind;
use a2a_task_storage::{SqlFailure, SqlFailureKind};

use crate::{
    app::App,
    error::{Code, Failure},
    place,
};
pub(crate) use args::StoreCommand;

/// So many tasks are read at once.
const PAGE: usize = 256;

/// Runs a command on a storage.
pub(super) async fn run(app: &App, command: &StoreCommand) -> Result<(), Failure> {
    match command {
        StoreCommand::Export(args) => export::run(app, args).await,
        StoreCommand::Import(args) => import::run(app, args).await,
        StoreCommand::List(args) => list::run(app, args).await,
        StoreCommand::Log(args) => log::run(app, args).await,
        StoreCommand::Prune(args) => prune::run(app, args).await,
        StoreCommand::Verify(args) => verify::run(app, args).await,
    }
}

/// A failure of the storage.
fn failed(error: &StorageError) -> Failure {
    let failure = place::failed(error);
    match SqlFailure::kind_of(error) {
        Some(SqlFailureKind::Damaged) => failure.hint("`nuncio store verify` says all that is damaged"),
        Some(SqlFailureKind::InUse) => {
            failure.hint("list, log, export, verify and prune --dry-run need not have the file for themselves")
        }
        Some(SqlFailureKind::Older) => {
            failure.hint("a server that is started on it brings it to this version, and so does `nuncio store import`")
        }
        Some(SqlFailureKind::Missing) => {
            failure.hint("name the place that the server was given by --data or --database-url")
        }
        _ => failure,
    }
}

/// Tells of something that is damaged and left out.
fn left_out(app: &App, task: Option<TaskId>, what: &str) {
    let about = task.map_or_else(|| "something".to_owned(), |task| format!("task {task}"));
    app.console.warn(&format!("{about} is left out: {what}"));
}

/// How a command ends that has left so much out.
fn all_or_damaged(left_out: usize) -> Result<(), Failure> {
    let text = match left_out {
        0 => return Ok(()),
        1 => "1 record is damaged and was left out".to_owned(),
        more => format!("{more} records are damaged and were left out"),
    };
    Err(Failure::new(Code::StoreDamaged, text).hint("`nuncio store verify` says what is damaged"))
}

fn no_such_task(id: TaskId) -> Failure {
    Failure::new(Code::Protocol(ErrorKind::TaskNotFound), format!("there is no task {id}"))
        .hint("`nuncio store list` lists all there are")
}

/// What cannot be written as JSON.
fn unwritable(error: serde_json::Error) -> Failure {
    Failure::new(Code::Internal, format!("a record cannot be written as JSON: {error}"))
}
