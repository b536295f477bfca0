//! One thread, on which chance says who goes on, and a clock that jumps to whatever happens next.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use a2a_app_ports::{BoxFuture, Clock, Spawner};
use a2a_protocol_core::Timestamp;
use futures::{
    channel::oneshot,
    task::{ArcWake, waker},
};

use super::support::Dice;

/// So often somebody may go on before time does: who needs more is running in circles.
const MOST_STEPS: u32 = 200_000;

pub struct Sim {
    pub dice: Dice,
    ready: Mutex<Vec<Arc<Job>>>,
    now: Mutex<Duration>,
    timers: Mutex<BTreeMap<(Duration, u64), Waker>>,
    numbers: AtomicU64,
    /// Depends on who went on when.
    trace: AtomicU64,
}

/// A future that somebody runs.
struct Job {
    number: u64,
    future: Mutex<Option<BoxFuture<'static, ()>>>,
    queued: AtomicBool,
    process: Arc<Process>,
}

/// What is killed, or stands still, at once.
pub struct Process {
    sim: Arc<Sim>,
    jobs: Mutex<BTreeMap<u64, Arc<Job>>>,
    parked: Mutex<Vec<Arc<Job>>>,
    stalled: AtomicBool,
    dead: AtomicBool,
}

impl ArcWake for Job {
    fn wake_by_ref(job: &Arc<Self>) {
        if !job.queued.swap(true, Ordering::Relaxed) {
            job.process.sim.ready.lock().unwrap().push(job.clone());
        }
    }
}

impl Sim {
    pub fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            dice: Dice::new(seed),
            ready: Mutex::default(),
            now: Mutex::default(),
            timers: Mutex::default(),
            numbers: AtomicU64::default(),
            trace: AtomicU64::default(),
        })
    }

    pub fn now(&self) -> Duration {
        *self.now.lock().unwrap()
    }

    pub fn trace(&self) -> u64 {
        self.trace.load(Ordering::Relaxed)
    }

    /// A number that is not given again.
    pub fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    pub fn sleep(self: &Arc<Self>, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(Sleep { sim: self.clone(), until: self.now() + duration, key: None })
    }

    /// Up to so many milliseconds.
    pub fn pause(self: &Arc<Self>, most: u32) -> BoxFuture<'static, ()> {
        self.sleep(Duration::from_millis(self.dice.roll(most + 1).into()))
    }

    /// Lets everything go on until it is done, asked whenever time is about to go on; at most so
    /// long. Whether it is done.
    pub fn run(&self, most: Duration, mut done: impl FnMut() -> bool) -> bool {
        let end = self.now() + most;
        loop {
            self.run_ready();
            if done() {
                return true;
            }
            let next = self.timers.lock().unwrap().first_key_value().map(|((at, _), _)| *at);
            let Some(next) = next.filter(|next| *next <= end) else {
                *self.now.lock().unwrap() = end;
                return false;
            };
            // Sometimes time has gone on by the time somebody looks.
            let late = if self.dice.one_in(8) { self.dice.roll(1500) } else { 0 };
            let now = next + Duration::from_millis(late.into());
            *self.now.lock().unwrap() = now;
            let due = {
                let mut timers = self.timers.lock().unwrap();
                let later = timers.split_off(&(now + Duration::from_nanos(1), 0));
                std::mem::replace(&mut *timers, later)
            };
            due.into_values().for_each(Waker::wake);
        }
    }

    fn run_ready(&self) {
        for _ in 0..MOST_STEPS {
            let job = {
                let mut ready = self.ready.lock().unwrap();
                let Ok(count) = u32::try_from(ready.len()) else { return };
                if count == 0 {
                    return;
                }
                ready.swap_remove(self.dice.roll(count) as usize)
            };
            if job.process.stalled.load(Ordering::Relaxed) {
                job.process.parked.lock().unwrap().push(job.clone());
                continue;
            }
            job.queued.store(false, Ordering::Relaxed);
            let trace = self.trace().rotate_left(5) ^ job.number ^ (self.now().as_millis() as u64) << 20;
            self.trace.store(trace.wrapping_mul(0x517c_c1b7_2722_0a95), Ordering::Relaxed);
            let Some(mut future) = job.future.lock().unwrap().take() else { continue };
            let pending = future.as_mut().poll(&mut Context::from_waker(&waker(job.clone()))).is_pending();
            if pending && !job.process.is_dead() {
                *job.future.lock().unwrap() = Some(future);
            } else {
                let done = job.process.jobs.lock().unwrap().remove(&job.number);
                drop(done);
            }
        }
        panic!("somebody goes round in circles");
    }
}

struct Sleep {
    sim: Arc<Sim>,
    until: Duration,
    key: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.sim.now() >= self.until {
            return Poll::Ready(());
        }
        let key = self.key.unwrap_or_else(|| self.sim.number());
        self.key = Some(key);
        self.sim.timers.lock().unwrap().insert((self.until, key), cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let timer = self.sim.timers.lock().unwrap().remove(&(self.until, key));
            drop(timer);
        }
    }
}

impl Process {
    pub fn new(sim: &Arc<Sim>) -> Arc<Self> {
        Arc::new(Self {
            sim: sim.clone(),
            jobs: Mutex::default(),
            parked: Mutex::default(),
            stalled: AtomicBool::default(),
            dead: AtomicBool::default(),
        })
    }

    /// Runs this; nothing comes of it once the process is dead.
    pub fn run<T: Send + 'static>(
        self: &Arc<Self>,
        future: impl Future<Output = T> + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (to, output) = oneshot::channel();
        self.start(Box::pin(async move {
            let _ = to.send(future.await);
        }));
        output
    }

    fn start(self: &Arc<Self>, future: BoxFuture<'static, ()>) {
        if self.is_dead() {
            return;
        }
        let future = Mutex::new(Some(future));
        let job =
            Arc::new(Job { number: self.sim.number(), future, queued: AtomicBool::default(), process: self.clone() });
        self.jobs.lock().unwrap().insert(job.number, job.clone());
        ArcWake::wake(job);
    }

    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    pub fn is_stalled(&self) -> bool {
        self.stalled.load(Ordering::Relaxed)
    }

    /// Stops it where it is.
    pub fn kill(&self) {
        self.dead.store(true, Ordering::Relaxed);
        let jobs = std::mem::take(&mut *self.jobs.lock().unwrap());
        for job in jobs.into_values() {
            let future = job.future.lock().unwrap().take();
            drop(future);
        }
        let parked = std::mem::take(&mut *self.parked.lock().unwrap());
        drop(parked);
    }

    /// Has it stand still, or go on.
    pub fn stall(&self, stalled: bool) {
        self.stalled.store(stalled, Ordering::Relaxed);
        if !stalled {
            let parked = std::mem::take(&mut *self.parked.lock().unwrap());
            self.sim.ready.lock().unwrap().extend(parked);
        }
    }
}

/// The process as what an engine is given.
pub struct Spawning(pub Arc<Process>);

impl Spawner for Spawning {
    fn spawn(&self, future: BoxFuture<'static, ()>) {
        self.0.start(future);
    }
}

/// A clock that is ahead of the others.
pub struct Ahead(pub Arc<Sim>, pub Duration);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_767_225_600_000).unwrap().plus(self.0.now() + self.1)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.0.sleep(duration)
    }
}
