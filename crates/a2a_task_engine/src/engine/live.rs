//! What this process knows of the tasks that it runs or watches. It is a hint, never the truth: the
//! truth is the log, and everything here can be had from it again.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use a2a_app_ports::{Revision, Scope, TaskId};
use a2a_protocol_core::{StreamEvent, TaskState};
use event_listener::{Event as Signal, EventListener};

use super::{
    slot::{News, Slot},
    stop::Cancel,
};

const SHARDS: usize = 64;
/// Written events that watchers of one task share; whoever lags further behind writes its own.
const SHARED_EVENTS: usize = 256;

/// Locks a mutex. None of ours is held while user code runs, so a poisoned one is as good as new.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The tasks that are run or watched here. An entry goes with its last user.
pub(crate) struct Registry {
    shards: Vec<Mutex<HashMap<TaskId, Weak<Live>>>>,
    running: AtomicUsize,
    /// Deliveries to webhooks that are being made, and looks for what is to be delivered.
    delivering: AtomicUsize,
    idle: Signal,
}

impl Registry {
    pub(crate) fn new() -> Arc<Self> {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Arc::new(Self { shards, running: AtomicUsize::new(0), delivering: AtomicUsize::new(0), idle: Signal::new() })
    }

    fn shard(&self, id: TaskId) -> &Mutex<HashMap<TaskId, Weak<Live>>> {
        &self.shards[(id.as_u128() % SHARDS as u128) as usize]
    }

    /// The entry of a task, made if need be. Whoever enters before reading the log misses nothing
    /// that is appended after the read.
    pub(crate) fn enter(self: &Arc<Self>, id: TaskId) -> Arc<Live> {
        let mut shard = lock(self.shard(id));
        if let Some(live) = shard.get(&id).and_then(Weak::upgrade) {
            return live;
        }
        let live = Arc::new(Live::new(id, self.clone()));
        shard.insert(id, Arc::downgrade(&live));
        live
    }

    /// The entry of a task, if there is one.
    pub(crate) fn find(&self, id: TaskId) -> Option<Arc<Live>> {
        lock(self.shard(id)).get(&id).and_then(Weak::upgrade)
    }

    /// All entries.
    pub(crate) fn all(&self) -> Vec<Arc<Live>> {
        let entries = |shard: &Mutex<HashMap<_, _>>| -> Vec<_> {
            lock(shard).values().filter_map(Weak::upgrade).collect::<Vec<_>>()
        };
        let mut all: Vec<_> = self.shards.iter().flat_map(entries).collect();
        all.sort_unstable_by_key(|live| live.id);
        all
    }

    /// Whether no task is run or watched here, and nobody is at work on one.
    pub(crate) fn is_quiet(&self) -> bool {
        self.running() == 0 && self.shards.iter().all(|shard| lock(shard).values().all(|live| live.strong_count() == 0))
    }

    /// How many handlers are running, or about to.
    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    /// Something begins that has to come to its end.
    pub(crate) fn begin(&self) {
        self.running.fetch_add(1, Ordering::SeqCst);
    }

    /// It has come to its end.
    pub(crate) fn end(&self) {
        if self.running.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.idle.notify(usize::MAX);
        }
    }

    /// A webhook is to be told something.
    pub(super) fn begin_delivering(&self) {
        self.delivering.fetch_add(1, Ordering::SeqCst);
    }

    /// It has been told, or has to wait.
    pub(super) fn end_delivering(&self) {
        if self.delivering.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.idle.notify(usize::MAX);
        }
    }

    /// Resolves when no handler is running and no webhook is being told anything.
    pub(crate) async fn idle(&self) {
        loop {
            let listener = self.idle.listen();
            if self.running() == 0 && self.delivering.load(Ordering::SeqCst) == 0 {
                return;
            }
            listener.await;
        }
    }
}

/// What is known here of one task.
pub(crate) struct Live {
    id: TaskId,
    /// To whom the task belongs, once that is known.
    scope: OnceLock<Scope>,
    pub(super) registry: Arc<Registry>,
    pub(super) slot: Mutex<Slot>,
    changed: Signal,
    /// Whether anybody has ever listened: the signal itself would make room for listeners when told
    /// to notify them.
    listened: AtomicBool,
    watchers: AtomicUsize,
    /// How many wait for what the log will say, without reading it themselves.
    waiting: AtomicUsize,
    claims: AtomicUsize,
    shared: Mutex<VecDeque<Arc<StreamEvent>>>,
    /// Whether somebody reads the log for those who wait.
    pub(super) looking: AtomicBool,
    /// How often a push configuration was stored or deleted here.
    pub(super) push_changes: AtomicU64,
    pub(crate) cancel: Cancel,
}

impl Live {
    fn new(id: TaskId, registry: Arc<Registry>) -> Self {
        Self {
            id,
            scope: OnceLock::new(),
            registry,
            slot: Mutex::default(),
            changed: Signal::new(),
            listened: AtomicBool::new(false),
            watchers: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            claims: AtomicUsize::new(0),
            shared: Mutex::default(),
            looking: AtomicBool::new(false),
            push_changes: AtomicU64::new(0),
            cancel: Cancel::default(),
        }
    }

    pub(crate) fn id(&self) -> TaskId {
        self.id
    }

    /// To whom the task belongs, once somebody has read it here.
    pub(crate) fn scope(&self) -> Option<&Scope> {
        self.scope.get()
    }

    pub(crate) fn belongs_to(&self, scope: &Scope) {
        self.scope.get_or_init(|| scope.clone());
    }

    pub(crate) fn slot(&self) -> Slot {
        lock(&self.slot).clone()
    }

    pub(crate) fn revision(&self) -> Revision {
        lock(&self.slot).revision
    }

    pub(crate) fn is_running(&self) -> bool {
        lock(&self.slot).running
    }

    /// Up to where the log has been read here.
    pub(crate) fn read(&self) -> Revision {
        lock(&self.slot).read
    }

    /// Whether the caller is the one to read the log for those who wait.
    pub(super) fn begin_look(&self) -> bool {
        !self.looking.swap(true, Ordering::SeqCst)
    }

    /// Whether the log is longer than this, as far as anybody has said.
    pub(crate) fn is_beyond(&self, revision: Revision) -> bool {
        let slot = lock(&self.slot);
        slot.revision.max(slot.said) > revision
    }

    /// What was written here. `true` when somebody has to begin telling the webhooks of the task.
    #[must_use]
    pub(crate) fn wrote(&self, news: &News) -> bool {
        let begin = {
            let mut slot = lock(&self.slot);
            slot.learn(news);
            self.more_to_tell(&mut slot)
        };
        self.notify();
        begin
    }

    /// What was read here.
    pub(crate) fn learn(&self, news: &News) {
        let grown = {
            let mut slot = lock(&self.slot);
            let before = (slot.revision, slot.read);
            slot.learn(news);
            let grown = (slot.revision, slot.read) != before;
            if grown && slot.pushing.is_worked_on() {
                self.tell_more(&mut slot);
            }
            grown
        };
        if news.is_canceling {
            self.cancel.request();
        }
        if grown {
            self.notify();
        }
    }

    /// The log is said to be so long. `true` when somebody waits who does not read it.
    pub(crate) fn hear(&self, revision: Revision) -> bool {
        let (grown, worked_on) = {
            let mut slot = lock(&self.slot);
            // What is not about the log is said to be about its beginning.
            let grown = revision == 0 || revision > slot.revision.max(slot.said);
            slot.said = slot.said.max(revision);
            (grown, slot.running || slot.pushing.is_worked_on())
        };
        if grown {
            self.notify();
        }
        grown && revision > 0 && (worked_on || self.waiting.load(Ordering::SeqCst) > 0)
    }

    /// The log has been read and stands like this.
    pub(crate) fn observe(&self, revision: Revision, state: &TaskState) {
        let grown = {
            let mut slot = lock(&self.slot);
            let before = slot.revision;
            slot.observe(revision, state);
            slot.revision > before && before > 0
        };
        if grown {
            self.notify();
        }
    }

    /// Somebody wants to know of the turn of the message at this place.
    pub(crate) fn follow(&self, message: Revision) {
        lock(&self.slot).follow(message);
    }

    /// Makes the caller the one who runs the task; `false` when somebody does already.
    pub(crate) fn start(&self) -> bool {
        let mut slot = lock(&self.slot);
        let started = !slot.running;
        if started {
            slot.running = true;
            slot.abandoned = false;
            self.registry.begin();
        }
        started
    }

    /// The handler has done its work, having seen the log up to `seen`; `false`, and nothing
    /// changes, when the log has grown since. Whoever appends looks for a runner afterwards, so one
    /// of the two sees the other.
    pub(crate) fn stop(&self, seen: Revision) -> bool {
        {
            let mut slot = lock(&self.slot);
            if slot.revision > seen {
                return false;
            }
            slot.running = false;
        }
        self.registry.end();
        self.notify();
        true
    }

    /// The handler has done its work, whatever has been said since.
    pub(crate) fn quit(&self) {
        self.stop(Revision::MAX);
    }

    /// The run has come to nothing; whoever waits for it is to know.
    pub(crate) fn abandon(&self) {
        lock(&self.slot).abandoned = true;
        self.quit();
    }

    /// There is no log any more, and so nothing to wait for.
    pub(crate) fn abandon_waiters(&self) {
        {
            let mut slot = lock(&self.slot);
            slot.abandoned = !slot.running;
        }
        self.notify();
    }

    /// Waits until `done`, which is asked again after every change.
    pub(crate) async fn until(&self, mut done: impl FnMut() -> bool) {
        loop {
            let listener = self.listen();
            if done() {
                return;
            }
            listener.await;
        }
    }

    /// Counts as one who waits for what the log will say, as long as it is held: from before the log
    /// is read, so that nothing that is said afterwards is missed.
    pub(crate) fn waiting(self: &Arc<Self>) -> Waiting {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        Waiting(self.clone())
    }

    /// Wakes whoever waits; one atomic load when nobody does.
    pub(crate) fn notify(&self) {
        if self.listened.load(Ordering::SeqCst) {
            self.changed.notify(usize::MAX);
        }
    }

    /// Resolves at the next change after this call. Whoever listens looks once more before waiting.
    pub(crate) fn listen(&self) -> EventListener {
        self.listened.store(true, Ordering::SeqCst);
        self.changed.listen()
    }

    /// A message of the task is claimed and on its way into it.
    pub(crate) fn begin_claim(&self) {
        self.claims.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn end_claim(&self) {
        self.claims.fetch_sub(1, Ordering::SeqCst);
        self.notify();
    }

    /// Whether something may still come of a claimed message; the claim of the asker does not count.
    pub(crate) fn is_busy(&self, own_claim: bool) -> bool {
        self.is_running() || self.claims.load(Ordering::SeqCst) > usize::from(own_claim)
    }

    pub(crate) fn begin_watching(&self) {
        self.watchers.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end_watching(&self) {
        self.watchers.fetch_sub(1, Ordering::Relaxed);
    }

    /// The event of this sequence number, the same for all who watch at the same time, so that it is
    /// written once for all of them.
    pub(crate) fn share(&self, event: StreamEvent) -> Arc<StreamEvent> {
        if self.watchers.load(Ordering::Relaxed) < 2 {
            return Arc::new(event);
        }
        let mut shared = lock(&self.shared);
        if let Some(known) = shared.iter().rev().find(|known| known.sequence == event.sequence) {
            return known.clone();
        }
        let event = Arc::new(event);
        if shared.len() == SHARED_EVENTS {
            shared.pop_front();
        }
        shared.push_back(event.clone());
        event
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let mut shard = lock(self.registry.shard(self.id));
        // Somebody may have made a new entry in between.
        if shard.get(&self.id).is_some_and(|entry| entry.strong_count() == 0) {
            shard.remove(&self.id);
        }
    }
}

/// See [`Live::waiting`].
pub(crate) struct Waiting(Arc<Live>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}
