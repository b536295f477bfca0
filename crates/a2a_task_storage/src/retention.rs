//! For how long tasks are kept.

use std::time::Duration;

/// For how long a storage keeps what has ended. [`sweep`](a2a_app_ports::FleetStorage::sweep) applies
/// it. Tasks that have not ended are kept whatever it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// How long the events of a task are kept after it has ended, an hour by default; then only the
    /// task itself. Events that a webhook is still to be told are kept until it has been told, or
    /// given up.
    pub replay_window: Duration,
    /// How long a task is kept after it has ended; for ever by default.
    pub keep_ended_for: Option<Duration>,
    /// How many tasks that have ended are kept, of all scopes together: beyond it, those that ended
    /// longest ago go. Any number by default.
    pub most_ended: Option<u64>,
}

impl Default for Retention {
    fn default() -> Self {
        Self { replay_window: Duration::from_secs(60 * 60), keep_ended_for: None, most_ended: None }
    }
}
