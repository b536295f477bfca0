//! What the engine needs of the process it runs in: time, randomness, and someone to run what
//! outlives a call.

use std::{sync::Arc, time::Duration};

use a2a_protocol_core::Timestamp;

use crate::BoxFuture;

/// Time.
pub trait Clock: Send + Sync {
    /// The time of day.
    fn now(&self) -> Timestamp;

    /// Resolves when so much time has gone by since the call, whenever it is polled first.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// Runs what outlives a call.
pub trait Spawner: Send + Sync {
    /// Runs the future to its end.
    fn spawn(&self, future: BoxFuture<'static, ()>);
}

/// Randomness of which ids and keys are made.
pub trait Random: Send + Sync {
    /// 128 bits that nobody can guess.
    fn random(&self) -> u128;
}

/// The process that hosts an engine.
#[derive(Clone)]
pub struct Host {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Runs what outlives a call.
    pub spawner: Arc<dyn Spawner>,
    /// Randomness.
    pub random: Arc<dyn Random>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}
