//! This engine as one of the replicas: it joins before it first writes what it answers for, says in
//! time that it is still there, and when it cannot, gives up whatever it runs before the others do,
//! and comes back as another. What it ran is free when its lease is over, and not before: a handler
//! that is in the middle of something may take its time to be dropped.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use a2a_app_ports::{BoxFuture, Chain, Holder, Lease, ReplicaId, Scope, StorageError, Taken, TaskId};
use event_listener::Event as Signal;
use futures::{
    future::{Either, select},
    lock::Mutex as AsyncMutex,
};

use super::{
    Shared,
    live::{Live, lock},
};

/// After these parts of the lease time without an answer it is over, with the rest to spare.
const OVER_AFTER: (u32, u32) = (5, 6);
/// So long a replica that leaves waits for handlers to be dropped.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// So often a sweep looks at a task that may be this replica's without its knowing: what a storage did
/// although it failed, it may do much later.
const LOOKS: u32 = 60;

/// The engine among the replicas.
#[derive(Default)]
pub(super) struct Membership {
    current: Mutex<Current>,
    /// How often it was lost.
    epoch: AtomicU64,
    /// Told when it is lost.
    lost: Signal,
    joining: AsyncMutex<()>,
}

#[derive(Default)]
struct Current {
    replica: Option<ReplicaId>,
    /// Tasks that it may have although no run has them, because the storage failed when they were
    /// created, taken or run; and how often they are still looked at.
    doubtful: HashMap<TaskId, (Scope, u32)>,
    /// Whether it has gone for good.
    gone: bool,
}

/// The engine as the replica that it is until it is lost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Present {
    pub(super) replica: ReplicaId,
    epoch: u64,
}

/// A lease, for as long as this engine is the replica that got it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) lease: Lease,
    epoch: u64,
}

impl Held {
    /// Who got it.
    pub(super) fn by(self) -> Present {
        Present { replica: self.lease.replica, epoch: self.epoch }
    }
}

impl Present {
    /// The lease of a task that this replica has created.
    pub(super) fn first(self) -> Held {
        Held { lease: Lease::first(self.replica), epoch: self.epoch }
    }
}

/// Whether a task is to be run here.
#[derive(Clone, Copy, Debug)]
pub(super) enum Acquired {
    /// It is: under this lease.
    Held {
        held: Held,
        /// How it was left.
        left: Left,
    },
    /// It is not: another replica runs it, or it has ended.
    Not,
}

/// How a task was left that nobody runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// It waits for its caller, who may have said something meanwhile.
    GivenBack,
    /// A replica ran it that was lost, or the storage failed its run.
    BrokenOff,
}

impl Membership {
    fn present(&self) -> Result<Option<Present>, StorageError> {
        let current = lock(&self.current);
        if current.gone {
            return Err(StorageError::Failed("this replica has left the others".into()));
        }
        Ok(current.replica.map(|replica| Present { replica, epoch: self.epoch.load(Ordering::SeqCst) }))
    }

    /// Whether the engine is still the replica that got this lease.
    pub(super) fn is_good(&self, held: Held) -> bool {
        self.epoch.load(Ordering::SeqCst) == held.epoch
    }

    /// Whether the engine is still this replica.
    pub(super) fn is_current(&self, present: Present) -> bool {
        self.epoch.load(Ordering::SeqCst) == present.epoch
    }

    /// Whether the engine has left the others for good.
    pub(super) fn is_gone(&self) -> bool {
        lock(&self.current).gone
    }

    /// Keeps in mind that a task may be this replica's although no run has it.
    pub(super) fn doubt(&self, scope: &Scope, id: TaskId, by: Present) {
        let mut current = lock(&self.current);
        if self.is_current(by) {
            current.doubtful.insert(id, (scope.clone(), LOOKS));
        }
    }

    /// The tasks to look at for that, once more.
    fn doubtful(&self) -> Vec<(Scope, TaskId)> {
        let mut current = lock(&self.current);
        current.doubtful.retain(|_, (_, looks)| {
            *looks = looks.saturating_sub(1);
            *looks > 0
        });
        let mut all: Vec<_> = current.doubtful.iter().map(|(id, (scope, _))| (scope.clone(), *id)).collect();
        all.sort_unstable_by_key(|(_, id)| *id);
        all
    }

    fn trust(&self, id: TaskId) {
        lock(&self.current).doubtful.remove(&id);
    }

    /// The engine is this replica no more.
    fn lose(&self, epoch: u64) {
        let mut current = lock(&self.current);
        if self.epoch.load(Ordering::SeqCst) == epoch {
            current.replica = None;
            current.doubtful.clear();
            self.epoch.fetch_add(1, Ordering::SeqCst);
            drop(current);
            self.lost.notify(usize::MAX);
        }
    }

    /// The engine is no replica any more, as long as it has no need to be; which one it was.
    pub(super) fn rest(&self) -> Option<ReplicaId> {
        let (replica, epoch) = {
            let current = lock(&self.current);
            (current.replica?, self.epoch.load(Ordering::SeqCst))
        };
        self.lose(epoch);
        Some(replica)
    }

    /// Whether there is no task that it may have without knowing.
    pub(super) fn is_sure(&self) -> bool {
        lock(&self.current).doubtful.is_empty()
    }
}

impl Shared {
    /// The engine as a replica, which it becomes if need be.
    pub(super) async fn present(self: &Arc<Self>) -> Result<Present, StorageError> {
        match self.membership.present()? {
            Some(present) => Ok(present),
            None => self.join_others().await,
        }
    }

    /// Boxed, because what is spawned here comes here again.
    fn join_others(self: &Arc<Self>) -> BoxFuture<'_, Result<Present, StorageError>> {
        Box::pin(async move {
            let _alone = self.membership.joining.lock().await;
            if let Some(present) = self.membership.present()? {
                return Ok(present);
            }
            self.attend();
            let replica = ReplicaId::from_u128(self.host.random.random());
            let over = self.until_over();
            self.storage.join(replica, self.options.lease_time).await?;
            let present = {
                let mut current = lock(&self.membership.current);
                current.replica = Some(replica);
                Present { replica, epoch: self.membership.epoch.load(Ordering::SeqCst) }
            };
            tracing::debug!(%replica, agent = %self.agent, "joined");
            self.host.spawner.spawn(Box::pin(beat(Arc::downgrade(self), present, over)));
            Ok(present)
        })
    }

    /// Resolves when a lease that is asked for now is about to be over.
    fn until_over(&self) -> BoxFuture<'static, ()> {
        self.host.clock.sleep(self.options.lease_time * OVER_AFTER.0 / OVER_AFTER.1)
    }

    /// Gives up whatever this replica runs.
    pub(super) fn lose(&self, present: Present) {
        self.membership.lose(present.epoch);
        for live in self.live.all() {
            live.cancel.wake();
            live.notify();
        }
    }

    /// Leaves the others for good.
    pub(super) async fn leave(&self) -> Result<(), StorageError> {
        let replica = {
            let mut current = lock(&self.membership.current);
            current.gone = true;
            current.replica
        };
        let epoch = self.membership.epoch.load(Ordering::SeqCst);
        let Some(replica) = replica else { return Ok(()) };
        self.lose(Present { replica, epoch });
        // Whatever still runs is dropped before others take it over, unless it does not let itself be.
        select(Box::pin(self.live.idle()), self.host.clock.sleep(LAST_WORDS)).await;
        self.storage.leave(replica).await
    }

    /// Takes a task to be run here, for whoever has [started](Live::start) to; where it is not to be,
    /// it is stopped again.
    pub(super) async fn acquire(self: &Arc<Self>, live: &Live, scope: &Scope) -> Result<Acquired, StorageError> {
        let id = live.id();
        loop {
            let seen = live.revision();
            let present = self.present().await?;
            let Present { replica, epoch } = present;
            let taken = match self.storage.take(scope, id, replica).await {
                Err(StorageError::Fenced) => {
                    // It is lost, and has not known.
                    self.lose(present);
                    continue;
                }
                taken => taken.inspect_err(|_| self.membership.doubt(scope, id, present))?,
            };
            match taken {
                Taken::Lease { lease, orphaned } => {
                    let left = if orphaned { Left::BrokenOff } else { Left::GivenBack };
                    return Ok(Acquired::Held { held: Held { lease, epoch }, left });
                }
                // It got it without hearing of it.
                Taken::By(lease) if lease.replica == replica => {
                    return Ok(Acquired::Held { held: Held { lease, epoch }, left: Left::BrokenOff });
                }
                // Unless somebody here has said something meanwhile, which that one may not see.
                Taken::By(_) | Taken::Over if live.stop(seen) => return Ok(Acquired::Not),
                Taken::By(_) | Taken::Over => {}
            }
        }
    }
}

impl Shared {
    /// Takes up tasks that are this replica's and that no run has.
    pub(super) async fn settle_doubts(self: &Arc<Self>) {
        for (scope, id) in self.membership.doubtful() {
            let looked = async {
                let Some(snapshot) = self.storage.snapshot(&scope, id).await? else { return Ok(()) };
                if snapshot.task.status.state.is_terminal() {
                    self.membership.trust(id);
                    return Ok(());
                }
                let own = self.membership.present()?.map(|present| Holder::Present(present.replica));
                if own == Some(snapshot.holder) { self.take_over(&scope, id).await } else { Ok(()) }
            };
            if let Err(error) = looked.await {
                tracing::warn!(task = %id, error = %Chain(&error), "cannot take a task over");
            }
        }
    }
}

/// Says in time that a replica is still there. When that fails for too long, it is given up.
async fn beat(engine: Weak<Shared>, present: Present, mut over: BoxFuture<'static, ()>) {
    let mut failed = false;
    loop {
        let Some(shared) = engine.upgrade() else { return };
        let told = shared.membership.lost.listen();
        if !shared.membership.is_current(present) {
            return;
        }
        let pause = shared.options.lease_time / if failed { 30 } else { 3 };
        let pause = select(select(shared.host.clock.sleep(pause), shared.lifecycle.closed()), told);
        drop(shared);
        let lost = matches!(select(&mut over, pause).await, Either::Left(_));
        let Some(shared) = engine.upgrade() else { return };
        if !shared.membership.is_current(present) {
            return;
        }
        let next = shared.until_over();
        let renewed = match lost {
            true => None,
            false => {
                let renewal = shared.storage.renew(present.replica, shared.options.lease_time);
                match select(&mut over, renewal).await {
                    Either::Left(_) => None,
                    Either::Right((renewed, _)) => Some(renewed),
                }
            }
        };
        if !shared.membership.is_current(present) {
            return;
        }
        match renewed {
            Some(Ok(true)) => (over, failed) = (next, false),
            Some(Err(error)) => {
                tracing::warn!(replica = %present.replica, error = %Chain(&error), "cannot renew the leases");
                failed = true;
            }
            Some(Ok(false)) | None => {
                tracing::error!(replica = %present.replica, "lost: whatever it runs is dropped");
                shared.lose(present);
                drop(shared);
                return come_back(engine).await;
            }
        }
    }
}

/// Has a lost replica join as another as soon as that is possible, and see what is left.
async fn come_back(engine: Weak<Shared>) {
    loop {
        let Some(shared) = engine.upgrade() else { return };
        match shared.present().await {
            Ok(_) => return shared.sweep().await,
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "cannot join the other replicas");
                if shared.membership.is_gone() {
                    return;
                }
                let pause = shared.host.clock.sleep(shared.options.lease_time / 30 + Duration::from_millis(1));
                drop(shared);
                pause.await;
            }
        }
    }
}
