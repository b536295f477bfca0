//! tokio as the process.

use std::{future::pending, time::Duration};

use a2a_app_ports::{BoxFuture, Spawner};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep_until},
};

/// The time runs from now, whenever the future is polled.
pub(super) fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + use<> {
    // The timer is not made before it is polled: only then is it sure that there is a runtime.
    let until = Instant::now().checked_add(duration);
    async move {
        match until {
            Some(until) => sleep_until(until).await,
            None => pending().await,
        }
    }
}

pub(super) enum Spawn {
    /// Work is also handed over from where no runtime is current.
    On(Handle),
    /// Where work is asked for, or else here.
    Anywhere(Option<Handle>),
}

impl Spawn {
    pub(super) fn anywhere() -> Self {
        Self::Anywhere(Handle::try_current().ok())
    }

    pub(super) fn on(runtime: Handle) -> Self {
        Self::On(runtime)
    }
}

impl Spawner for Spawn {
    fn spawn(&self, future: BoxFuture<'static, ()>) {
        let runtime = match self {
            Self::On(runtime) => Some(runtime.clone()),
            Self::Anywhere(made_in) => Handle::try_current().ok().or_else(|| made_in.clone()),
        };
        // Without a runtime there is nobody left to run it.
        if let Some(runtime) = runtime {
            runtime.spawn(future);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn time_runs_from_when_it_is_asked_for_whenever_it_is_waited_for() {
        let asked = Instant::now();
        let sleep = sleep(Duration::from_secs(10));
        tokio::time::sleep(Duration::from_secs(8)).await;
        sleep.await;
        assert!(asked.elapsed() < Duration::from_secs(11), "{:?}", asked.elapsed());
    }
}
