//! For how long the demo agent keeps what has ended, and waits for what has not.

use std::time::Duration;

use a2a_task_storage::Retention;
use agent_sdk::{EngineOptions, MemoryLimits, MemoryStorage};
use clap::Args;

use crate::{duration, error::Failure};

/// For how long what has ended is kept, and what has not is waited for.
#[derive(Args, Debug)]
pub(crate) struct LimitArgs {
    /// How long all events of a task are kept after it has ended, such as 30m or 7d; then only what came
    /// of it [default: 1h]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    replay_window: Option<Duration>,
    /// How long tasks are kept that have ended; with --data or --database-url [default: for ever]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    keep_ended: Option<Duration>,
    /// How many tasks are kept that have ended, of all agents there; with --data or --database-url
    /// [default: any number]
    #[arg(long, value_name = "N")]
    most_ended: Option<u64>,
    /// How long a task may wait for its caller before it is failed [default: for ever]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pause_limit: Option<Duration>,
}

impl LimitArgs {
    /// How tasks are run.
    pub(super) fn engine(&self) -> EngineOptions {
        let mut options = EngineOptions::default();
        options.pause_limit = self.pause_limit;
        options
    }

    /// What a storage on disk is to keep.
    pub(super) fn retention(&self) -> Retention {
        let default = Retention::default();
        Retention {
            replay_window: self.replay_window.unwrap_or(default.replay_window),
            keep_ended_for: self.keep_ended,
            most_ended: self.most_ended,
        }
    }

    /// A storage in memory, which keeps tasks as long as it has room.
    pub(super) fn in_memory(&self) -> Result<MemoryStorage, Failure> {
        let flags = [("--keep-ended", self.keep_ended.is_some()), ("--most-ended", self.most_ended.is_some())];
        if let Some((flag, _)) = flags.into_iter().find(|(_, is_given)| *is_given) {
            let what = "needs --data or --database-url: in memory, tasks are kept while there is room";
            return Err(Failure::usage(format!("{flag}: {what}")));
        }
        let default = MemoryLimits::default();
        let replay_window = self.replay_window.unwrap_or(default.replay_window);
        Ok(MemoryStorage::with_limits(MemoryLimits { replay_window, ..default }))
    }
}
