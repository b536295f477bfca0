//! tokio as the process that hosts an agent.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use a2a_app_ports::{BoxFuture, Clock, Host, Random, Spawner};
use a2a_protocol_core::Timestamp;
use tokio::runtime::Handle;

/// The time, tasks and randomness of this runtime.
pub fn host(runtime: Handle) -> Host {
    Host { clock: Arc::new(TokioClock), spawner: Arc::new(TokioSpawner(runtime)), random: Arc::new(ThreadRandom) }
}

struct TokioClock;

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        // What we say of time has milliseconds.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_millis()).ok().and_then(Timestamp::from_millis).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        // Not made before it is polled: only then is it sure that there is a runtime.
        Box::pin(async move { tokio::time::sleep(duration).await })
    }
}

/// Holds the runtime by name: work is also handed over from where no runtime is current.
struct TokioSpawner(Handle);

impl Spawner for TokioSpawner {
    fn spawn(&self, future: BoxFuture<'static, ()>) {
        self.0.spawn(future);
    }
}

struct ThreadRandom;

impl Random for ThreadRandom {
    /// From the thread's ChaCha generator, seeded by the operating system: no call into the kernel
    /// for every id.
    fn random(&self) -> u128 {
        rand::random()
    }
}
