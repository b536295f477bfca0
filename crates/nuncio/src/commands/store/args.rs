//! The command line of `store`.

use std::{fmt, path::PathBuf, time::Duration};

use a2a_app_ports::TaskId;
use a2a_protocol_core::{TaskState, Timestamp};
use a2a_task_storage::StoreAdmin;
use clap::{Args, Subcommand};

use super::failed;
use crate::{
    args::task_state,
    duration,
    error::Failure,
    place::{self, Place},
};

/// Commands on the storage of agents.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Write tasks and claimed message ids to standard output, a line of JSON for each record
    Export(ExportArgs),
    /// Store what `export` has written; a task is stored whole or not at all
    Import(ImportArgs),
    /// List the tasks of all agents and callers in the order in which they came; a line each in JSON
    List(ListArgs),
    /// Show everything that happened to a task; a line each in JSON
    Log(LogArgs),
    /// Forget tasks that have ended, with all that belongs to them
    ///
    /// The room that they took is used again; a file does not get smaller.
    Prune(PruneArgs),
    /// Check everything: the file, whether every log is whole and folds to what is stored of its task,
    /// and the counters. Exits with 1 when something is damaged
    Verify(VerifyArgs),
}

impl StoreCommand {
    fn place(&self) -> &PlaceArgs {
        match self {
            Self::Export(args) => &args.place,
            Self::Import(args) => &args.place,
            Self::List(args) => &args.place,
            Self::Log(args) => &args.place,
            Self::Prune(args) => &args.place,
            Self::Verify(args) => &args.place,
        }
    }

    /// The URL of the database, which holds a password.
    pub(crate) fn secret(&self) -> &Option<String> {
        &self.place().database_url
    }

    /// Whether the result is written line by line, in JSON one document each.
    pub(crate) fn writes_lines(&self) -> bool {
        !matches!(self, Self::Import(_) | Self::Prune(_))
    }
}

/// Where the tasks are.
#[derive(Args)]
pub(crate) struct PlaceArgs {
    /// The directory where a server keeps its tasks, in tasks.db
    ///
    /// Reading goes beside a server that runs. `import` and `prune` need the file for themselves.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The PostgreSQL database where servers keep their tasks, which may be running
    /// [env: A2ACLI_DATABASE_URL]
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    database_url: Option<String>,
}

impl fmt::Debug for PlaceArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlaceArgs").field("data", &self.data).finish_non_exhaustive()
    }
}

impl PlaceArgs {
    /// Opens what is there, only to read it.
    pub(super) async fn open_to_read(&self) -> Result<Box<dyn StoreAdmin>, Failure> {
        self.place()?.open_to_read().await.map_err(|error| failed(&error))
    }

    /// Opens it to change something; makes it if it is not there.
    pub(super) async fn open_to_write(&self) -> Result<Box<dyn StoreAdmin>, Failure> {
        if let Some(directory) = &self.data {
            place::make(directory)?;
        }
        self.place()?.open_to_write().await.map_err(|error| failed(&error))
    }

    fn place(&self) -> Result<Place, Failure> {
        let place = Place::of(self.data.as_deref(), self.database_url.as_deref())?;
        place.ok_or_else(|| Failure::usage("say where the tasks are: --data or --database-url"))
    }
}

/// `store export`
#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(super) place: PlaceArgs,
    /// The tasks [default: all]
    #[arg(value_name = "TASK_ID")]
    pub(super) tasks: Vec<TaskId>,
    /// With the push configurations of the tasks, which hold tokens and credentials
    #[arg(long)]
    pub(super) push_configs: bool,
}

/// `store import`
#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    pub(super) place: PlaceArgs,
    /// What `export` has written; - is standard input
    #[arg(value_name = "FILE")]
    pub(super) file: String,
    /// Pass over tasks and message ids that are there, and leave them as they are, instead of stopping
    /// at the first
    #[arg(long)]
    pub(super) skip_existing: bool,
}

/// `store list`
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(super) place: PlaceArgs,
    /// Only tasks in this state, such as working or TASK_STATE_WORKING
    #[arg(long, value_name = "STATE", value_parser = task_state)]
    pub(super) state: Option<TaskState>,
    /// Only tasks of this conversation
    #[arg(long, value_name = "CONTEXT_ID")]
    pub(super) context: Option<String>,
    /// Only tasks of this agent
    #[arg(long, value_name = "NAME")]
    pub(super) agent: Option<String>,
}

/// `store log`
#[derive(Args, Debug)]
pub(crate) struct LogArgs {
    #[command(flatten)]
    pub(super) place: PlaceArgs,
    /// The task
    #[arg(value_name = "TASK_ID")]
    pub(super) task: TaskId,
}

/// `store prune`
#[derive(Args, Debug)]
#[group(id = "which", required = true, multiple = false, args = ["ended_before", "keep"])]
pub(crate) struct PruneArgs {
    #[command(flatten)]
    pub(super) place: PlaceArgs,
    /// Tasks that ended before this time, such as 2026-01-31T00:00:00Z, or longer ago than this, such as
    /// 12h or 30d
    #[arg(long, value_name = "TIME|DURATION", value_parser = when)]
    pub(super) ended_before: Option<When>,
    /// All but this many, of all agents together: those that ended longest ago go
    #[arg(long, value_name = "N")]
    pub(super) keep: Option<u64>,
    /// Only say how many tasks it would be
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// `store verify`
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

/// A time, or how long ago it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    At(Timestamp),
    Ago(Duration),
}

fn when(text: &str) -> Result<When, String> {
    let wrong = || format!("{text:?} is neither a time such as 2026-01-31T00:00:00Z nor a duration such as 12h or 30d");
    match text.parse() {
        Ok(time) => Ok(When::At(time)),
        Err(_) => duration::parse(text).map(When::Ago).map_err(|_| wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_one_or_so_long_ago() {
        assert_eq!(when("30d"), Ok(When::Ago(Duration::from_secs(30 * 86_400))));
        assert_eq!(when("1970-01-01T00:00:01Z"), Ok(When::At(Timestamp::from_millis(1_000).unwrap())));
        assert!(when("yesterday").unwrap_err().contains("yesterday"));
    }
}
