//! Waiting for others, for so long and no longer.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use a2a_app_ports::StorageError;
use futures::future::{Either, select};
use wasip3::clocks::monotonic_clock;

use crate::{SqlFailure, SqlFailureKind};

/// The first pause before a database that others use is asked again, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));

/// How long is still waited.
pub(super) struct Patience {
    until: Option<Instant>,
    pause: Duration,
}

impl Patience {
    pub(super) fn new(time: Duration) -> Self {
        Self { until: Instant::now().checked_add(time), pause: PAUSE.0 }
    }

    fn left(&self) -> Duration {
        self.until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()))
    }

    /// Waits for something of this instance.
    pub(super) async fn wait<T>(&self, label: &str, what: impl Future<Output = T>) -> Result<T, StorageError> {
        match select(pin!(what), pin!(sleep(self.left()))).await {
            Either::Left((found, _)) => Ok(found),
            Either::Right(_) => {
                let message =
                    format!("the database {label:?} is in use: too much waits to be written by this instance");
                Err(SqlFailure::new(SqlFailureKind::InUse, message).into())
            }
        }
    }

    /// Waits a little where an error says that others use the database, every time longer; else the error
    /// stands, and so it does after the last pause.
    pub(super) async fn pause(&mut self, error: StorageError) -> Result<(), StorageError> {
        let left = self.left();
        if SqlFailure::kind_of(&error) != Some(SqlFailureKind::InUse) || left.is_zero() {
            return Err(error);
        }
        sleep(self.pause.min(left)).await;
        self.pause = PAUSE.1.min(self.pause * 2);
        Ok(())
    }
}

async fn sleep(duration: Duration) {
    monotonic_clock::wait_for(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)).await;
}
