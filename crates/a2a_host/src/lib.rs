//! The process that an agent or a client runs in: its time, its randomness, and who runs what
//! outlives a call. Natively that is tokio; on WebAssembly it is the host of the component, over
//! WASI 0.3.
//!
//! In scope: the ports of [`Host`]. Out of scope: HTTP, storage.

#[cfg(target_family = "wasm")]
mod component;
#[cfg(not(target_family = "wasm"))]
mod tokio;

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use a2a_app_ports::{BoxFuture, Clock, Host, MaybeSend, Random};
use a2a_protocol_core::Timestamp;

#[cfg(target_family = "wasm")]
use self::component as process;
use self::process::Spawn;
#[cfg(not(target_family = "wasm"))]
use self::tokio as process;

/// This process. Natively background work goes to the tokio runtime in which it is asked for, or where
/// there is none to the one in which this was called; without either it is dropped. On WebAssembly it
/// goes on within the request that it was begun in, also when that has been answered.
pub fn host() -> Host {
    of(Spawn::anywhere())
}

/// This process, with all background work on one runtime: also what is begun in another one, which may
/// end before the work does.
#[cfg(not(target_family = "wasm"))]
pub fn host_on(runtime: ::tokio::runtime::Handle) -> Host {
    of(Spawn::on(runtime))
}

/// Waits for so long, counted from the call, natively and in components. It needs a tokio runtime
/// natively.
pub fn sleep(duration: Duration) -> impl Future<Output = ()> + MaybeSend + use<> {
    process::sleep(duration)
}

fn of(spawn: Spawn) -> Host {
    Host { clock: Arc::new(SystemClock), spawner: Arc::new(spawn), random: Arc::new(ThreadRandom) }
}

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // What we say of time has milliseconds.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_millis()).ok().and_then(Timestamp::from_millis).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(sleep(duration))
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
