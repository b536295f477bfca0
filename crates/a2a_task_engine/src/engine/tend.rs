//! What the engine sees to by itself, as long as it is there: tasks that are watched here and run
//! elsewhere, tasks that lost replicas have left, pauses that are too long, and what the storage is to
//! forget.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use a2a_app_ports::{BoxStream, Chain, Scope, Snapshot, StorageError, TaskId, Wake};
use a2a_protocol_core::{Error, TaskState};
use futures::{
    StreamExt,
    future::{Either, select},
};

use super::{
    READ_AT_ONCE, Shared,
    drive::{Drive, Whole},
    failed,
    live::Live,
    membership::{Acquired, Held, Left},
    run::{Subject, TaskRun},
    slot::News,
};

/// How often whoever waits looks, should a wake-up be lost: as a rule, and at least.
pub(super) const LOOK: Duration = Duration::from_secs(5);
/// So much less often it looks when nothing happens.
const LESS_OFTEN: u32 = 4;
/// So many tasks are looked at, or taken over, at once.
const AT_ONCE: usize = 16;
/// So many tasks that nobody runs are asked for at once.
const ORPHANS: usize = 256;

impl Shared {
    /// Sees to all this from now on.
    pub(super) fn attend(self: &Arc<Self>) {
        if self.attending.load(Ordering::Relaxed) || self.attending.swap(true, Ordering::SeqCst) {
            return;
        }
        self.host.spawner.spawn(Box::pin(tend(Arc::downgrade(self))));
        if let Some(bus) = &self.options.bus {
            // From now on, and not from when that is run: what is told in between is not missed.
            self.host.spawner.spawn(Box::pin(listen(Arc::downgrade(self), bus.subscribe())));
        }
    }

    /// Reads on in the log of a task, for those who wait for what it says, unless that is being done.
    async fn look(&self, live: &Live) {
        let mut in_vain = 0;
        while live.begin_look() {
            let before = live.read();
            {
                let _done = Reset(&live.looking);
                self.read_on(live).await;
            }
            in_vain = if live.read() == before { in_vain + 1 } else { 0 };
            if in_vain == 0 {
                self.grown.store(true, Ordering::SeqCst);
            }
            // Whoever heard of more while this was read has left it to this.
            if !live.is_beyond(live.read()) || in_vain > 1 {
                return;
            }
        }
    }

    /// Reads on in the log of a task.
    pub(super) async fn read_on(&self, live: &Live) {
        let Some(scope) = live.scope() else { return };
        loop {
            let after = live.read();
            match self.storage.events(scope, live.id(), after, READ_AT_ONCE).await {
                Ok(Some(events)) => {
                    live.learn(&News::of(after, &events));
                    if !live.is_beyond(live.read()) || events.is_empty() {
                        break;
                    }
                }
                Ok(None) => {
                    // The log is gone: the task has long ended, or is gone itself.
                    match self.storage.snapshot(scope, live.id()).await {
                        Ok(Some(snapshot)) => self.observe(live, scope, &snapshot),
                        Ok(None) => live.abandon_waiters(),
                        Err(error) => tracing::debug!(task = %live.id(), error = %Chain(&error), "cannot read a task"),
                    }
                    break;
                }
                Err(error) => {
                    tracing::debug!(task = %live.id(), error = %Chain(&error), "cannot read a log");
                    break;
                }
            }
        }
        if live.slot().state.is_interrupted() {
            // Whether somebody runs the task, no event says.
            live.notify();
        }
    }

    async fn look_at_all(self: Arc<Self>) {
        let watched = self.live.all().into_iter().filter(|live| !live.slot().state.is_terminal());
        let looks = futures::stream::iter(watched.collect::<Vec<_>>());
        looks.for_each_concurrent(AT_ONCE, async |live| self.look(&live).await).await;
    }

    /// Sees to what lost replicas have left, here or elsewhere, and to what is to be forgotten.
    pub(super) async fn sweep(self: Arc<Self>) {
        if self.sweeping.swap(true, Ordering::SeqCst) {
            return;
        }
        let _done = Reset(&self.sweeping);
        if let Err(error) = self.try_sweep().await {
            tracing::warn!(error = %Chain(&error), "cannot sweep");
        }
    }

    async fn try_sweep(self: &Arc<Self>) -> Result<(), StorageError> {
        self.settle_doubts().await;
        self.take_over_all().await?;
        self.end_pauses().await?;
        self.resume_pushes().await?;
        while self.storage.sweep(self.host.clock.now()).await? {}
        Ok(())
    }

    /// Before tasks are listed: sees to what lost replicas have left, where this engine does not do that
    /// by itself, or has not yet.
    pub(super) async fn settle_all(self: &Arc<Self>) {
        if self.attending.load(Ordering::SeqCst) && self.swept.load(Ordering::SeqCst) {
            return;
        }
        // Whoever asks may go away meanwhile.
        let engine = self.clone();
        let steps = async move { engine.take_over_all().await };
        if let Err(error) = Whole::new(self.clone(), Box::pin(steps)).await {
            tracing::warn!(error = %Chain(&error), "cannot take tasks over");
        }
    }

    /// Takes over all tasks that nobody runs.
    async fn take_over_all(self: &Arc<Self>) -> Result<(), StorageError> {
        let mut after = None;
        loop {
            let mut orphans = self.storage.orphans(&self.agent, after.as_ref(), ORPHANS).await?;
            for (scope, id) in &orphans {
                // One task that cannot be read is not to keep the others waiting.
                if let Err(error) = self.take_over(scope, *id).await {
                    tracing::warn!(task = %id, error = %Chain(&error), "cannot take a task over");
                }
            }
            // A page may be shorter than it could be, of what can be read.
            let Some(last) = orphans.pop() else { break };
            after = Some(last);
        }
        self.swept.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Takes up what was left before this engine was there, and sees to what may be left later.
    pub(super) async fn resume(self: &Arc<Self>) -> Result<(), Error> {
        self.attend();
        let engine = self.clone();
        let steps = async move { engine.try_sweep().await };
        Whole::new(self.clone(), Box::pin(steps)).await.map_err(failed)
    }

    /// Takes a task over that nobody runs: it is run again, or failed, or waits for its caller.
    pub(super) async fn take_over(self: &Arc<Self>, scope: &Scope, id: TaskId) -> Result<(), StorageError> {
        let live = self.live.enter(id);
        let Some(snapshot) = self.storage.snapshot(scope, id).await? else { return Ok(()) };
        self.observe(&live, scope, &snapshot);
        if !live.start() {
            return Ok(());
        }
        let acquired = self.acquire(&live, scope).await.inspect_err(|_| live.quit())?;
        let Acquired::Held { held, left } = acquired else { return Ok(()) };
        self.go_on(&live, scope, &snapshot, held, left).await
    }

    /// Goes on with a task that was [acquired](Self::acquire), as it was left.
    pub(super) async fn go_on(
        self: &Arc<Self>,
        live: &Arc<Live>,
        scope: &Scope,
        snapshot: &Snapshot,
        held: Held,
        left: Left,
    ) -> Result<(), StorageError> {
        let Some(subject) = Subject::left(self, scope, live.id(), snapshot) else {
            let text = format!(
                "the process that ran the agent was lost, and the skill {:?} is no longer offered",
                snapshot.skill
            );
            return self.end_held(live, scope, held, TaskState::Failed, Some(text)).await;
        };
        let run = TaskRun::resume(self.clone(), subject, live.clone(), held);
        let mut drive = Drive::new(self.clone(), Box::pin(run.clone().go_on(left)));
        drive.until(live, || run.has_begun() || !live.is_running()).await;
        Ok(())
    }
}

/// Sets a flag back.
struct Reset<'a>(&'a AtomicBool);

impl Drop for Reset<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl Shared {
    fn is_busy(&self) -> bool {
        self.sweeping.load(Ordering::SeqCst) || !self.live.is_quiet() || !self.membership.is_sure()
    }

    /// Whether the engine has nothing to see to now, and neither has its host therefore.
    async fn rests(self: &Arc<Self>) -> bool {
        if !self.options.rest || self.options.bus.is_some() || self.is_busy() {
            return false;
        }
        // Of webhooks that were configured elsewhere nobody has said anything here, and whoever has configured them may
        // be gone.
        if let Err(error) = self.resume_pushes().await {
            tracing::warn!(error = %Chain(&error), "cannot see which webhooks are to be told");
        }
        if self.is_busy() {
            return false;
        }
        // From here on whoever comes begins anew, and does not know what others have left meanwhile.
        self.swept.store(false, Ordering::SeqCst);
        self.attending.store(false, Ordering::SeqCst);
        if let Some(replica) = self.membership.rest()
            && let Err(error) = self.storage.leave(replica).await
        {
            // Its lease is over soon, and nothing is under it.
            tracing::debug!(%replica, error = %Chain(&error), "cannot leave");
        }
        true
    }
}

/// Looks and sweeps, as long as the engine is there and has anything to see to.
async fn tend(engine: Weak<Shared>) {
    let mut between = Duration::ZERO;
    loop {
        let Some(shared) = engine.upgrade() else { return };
        let (sweep_time, often) = (shared.options.lease_time / 3, shared.options.look_time);
        let seldom = LOOK.min(often.saturating_mul(LESS_OFTEN)).max(often);
        between = if shared.grown.swap(false, Ordering::SeqCst) { often } else { (between * 2).clamp(often, seldom) };
        let pause = between.min(sweep_time).max(Duration::from_millis(1));
        let waiting = select(shared.host.clock.sleep(pause), shared.lifecycle.closed());
        drop(shared);
        if let Either::Right(_) = waiting.await {
            return;
        }
        let Some(shared) = engine.upgrade() else { return };
        let passed = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        let since_sweep = shared.since_sweep.fetch_add(passed, Ordering::SeqCst).saturating_add(passed);
        let is_due = Duration::from_millis(since_sweep) >= sweep_time;
        // What is due is done first, also where an engine never works for long.
        if !is_due && shared.rests().await {
            return;
        }
        // One that takes long is not overtaken.
        if !shared.looking.swap(true, Ordering::SeqCst) {
            let looking = shared.clone();
            shared.host.spawner.spawn(Box::pin(async move {
                let engine = looking.clone();
                let _done = Reset(&looking.looking);
                engine.look_at_all().await;
            }));
        }
        if shared.membership.is_gone() {
            continue;
        }
        if is_due {
            shared.since_sweep.store(0, Ordering::SeqCst);
            shared.host.spawner.spawn(Box::pin(shared.clone().sweep()));
        }
    }
}

/// Hears what other replicas have written, as long as the engine is there.
async fn listen(engine: Weak<Shared>, mut wakes: BoxStream<'static, Wake>) {
    let Some(closed) = engine.upgrade().map(|shared| shared.lifecycle.closed()) else { return };
    let mut closed = closed;
    while let Either::Left((Some(wake), _)) = select(wakes.next(), &mut closed).await {
        let Some(shared) = engine.upgrade() else { return };
        match wake {
            Wake::Task(id, revision) => {
                let Some(live) = shared.live.find(id) else { continue };
                if revision == 0 && shared.push.is_some() {
                    // It may be about webhooks.
                    live.has_webhooks();
                }
                if live.hear(revision) {
                    let engine = shared.clone();
                    shared.host.spawner.spawn(Box::pin(async move { engine.look(&live).await }));
                }
            }
            Wake::All => shared.host.spawner.spawn(Box::pin(shared.clone().look_at_all())),
        }
    }
}
