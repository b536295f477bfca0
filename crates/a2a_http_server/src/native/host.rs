//! tokio as the process that hosts an agent.

use std::{
    future::pending,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use a2a_app_ports::{BoxFuture, Clock, Host, Random, Spawner};
use a2a_protocol_core::Timestamp;
use tokio::{
    runtime::Handle,
    time::{Instant, sleep_until},
};

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
        // The timer is not made before it is polled: only then is it sure that there is a runtime.
        let until = Instant::now().checked_add(duration);
        Box::pin(async move {
            match until {
                Some(until) => sleep_until(until).await,
                None => pending().await,
            }
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn time_runs_from_when_it_is_asked_for_whenever_it_is_waited_for() {
        let asked = Instant::now();
        let sleep = TokioClock.sleep(Duration::from_secs(10));
        tokio::time::sleep(Duration::from_secs(8)).await;
        sleep.await;
        assert!(asked.elapsed() < Duration::from_secs(11), "{:?}", asked.elapsed());
    }
}
