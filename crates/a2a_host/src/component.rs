//! The host of a component as the process: WASI 0.3.

use std::time::Duration;

use a2a_app_ports::{BoxFuture, Spawner};
use wasip3::clocks::monotonic_clock;
// Its feature lets one request of an instance wake another.
use wit_bindgen as _;

/// The time runs from now, whenever the future is polled.
pub(super) fn sleep(duration: Duration) -> impl Future<Output = ()> + use<> {
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let until = monotonic_clock::now().saturating_add(nanos);
    monotonic_clock::wait_until(until)
}

pub(super) struct Spawn;

impl Spawn {
    pub(super) fn anywhere() -> Self {
        Self
    }
}

impl Spawner for Spawn {
    fn spawn(&self, future: BoxFuture<'static, ()>) {
        wasip3::spawn_local(future);
    }
}
