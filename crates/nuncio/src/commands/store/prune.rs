//! `store prune`

use std::time::SystemTime;

use a2a_protocol_core::Timestamp;
use a2a_task_storage::Prune;
use serde_json::json;

use super::{
    args::{PruneArgs, When},
    failed,
};
use crate::{
    app::{App, written},
    error::Failure,
    output::Fields,
};

/// Forgets tasks that have ended, or says how many it would be.
pub(super) async fn run(app: &App, args: &PruneArgs) -> Result<(), Failure> {
    let what = match (args.ended_before, args.keep) {
        (Some(when), _) => Prune::EndedBefore(time(when)?),
        (None, Some(keep)) => Prune::Keep(keep),
        (None, None) => return Err(Failure::usage("say which tasks: --ended-before or --keep")),
    };
    let mut tasks = 0;
    if args.dry_run {
        let store = args.place.open_to_read().await?;
        tasks = store.prunable(what).await.map_err(|error| failed(&error))?;
    } else {
        // Nothing is made where nothing is.
        drop(args.place.open_to_read().await?);
        let store = args.place.open_to_write().await?;
        let mut more = true;
        while more {
            let piece = store.prune(what).await.map_err(|error| failed(&error))?;
            (tasks, more) = (tasks + piece.0, piece.1);
        }
    }
    if app.console.is_json() {
        return written(app.console.json(&json!({"tasks": tasks, "dryRun": args.dry_run})));
    }
    let mut fields = Fields::new();
    fields.field(if args.dry_run { "Would Prune" } else { "Pruned" }, &tasks.to_string());
    written(app.console.text(&fields))
}

fn time(when: When) -> Result<Timestamp, Failure> {
    let ago = match when {
        When::At(time) => return Ok(time),
        When::Ago(ago) => ago,
    };
    let since = SystemTime::now().checked_sub(ago).and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    let millis = since.and_then(|since| i64::try_from(since.as_millis()).ok());
    millis
        .and_then(Timestamp::from_millis)
        .ok_or_else(|| Failure::usage("--ended-before: that is longer ago than clocks tell"))
}
