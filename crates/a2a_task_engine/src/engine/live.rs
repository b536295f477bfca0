//! What this process knows of the tasks that it runs or watches. It is a hint, never the truth: the
//! truth is the log, and everything here can be had from it again.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use a2a_app_ports::{Revision, TaskId};
use a2a_protocol_core::{StreamEvent, TaskState};
use event_listener::{Event as Signal, EventListener};
use futures::task::AtomicWaker;

use super::push::Pushing;

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
    pub(super) registry: Arc<Registry>,
    pub(super) slot: Mutex<Slot>,
    changed: Signal,
    /// Whether anybody has ever listened: the signal itself would make room for listeners when told
    /// to notify them.
    listened: AtomicBool,
    watchers: AtomicUsize,
    claims: AtomicUsize,
    shared: Mutex<VecDeque<Arc<StreamEvent>>>,
    /// How often a push configuration was stored or deleted here.
    pub(super) push_changes: AtomicU64,
    pub(crate) cancel: Cancel,
}

/// The newest that is known of a task's log, and who works on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slot {
    /// How long the log is.
    pub(crate) revision: Revision,
    /// The state after the newest status known.
    pub(crate) state: TaskState,
    /// An upper bound of that status's sequence number.
    pub(crate) state_revision: Revision,
    /// Where the task last paused, whatever has happened since.
    pub(crate) paused: Revision,
    /// Up to where messages have been given to a handler.
    pub(crate) taken: Revision,
    /// Messages that waited for their turn: where they are, and how long the log was when it came.
    waited: Vec<(Revision, Revision)>,
    /// Whether a handler runs here.
    pub(crate) running: bool,
    /// Who sees that webhooks are told.
    pub(super) pushing: Pushing,
    /// Whether the last run came to nothing: the storage failed it.
    pub(crate) abandoned: bool,
}

impl Slot {
    /// How long the log was when the message at this place was given to a handler.
    fn began(&self, message: Revision) -> Option<Revision> {
        let waited = || self.waited.iter().find(|(place, _)| *place == message).map(|(_, began)| *began);
        (message <= self.taken).then(|| waited().unwrap_or(message))
    }

    /// Whether the task has paused in, or after, the turn of the message at this place.
    pub(crate) fn has_paused_after(&self, message: Revision) -> bool {
        self.is_after(message, self.paused)
    }

    fn take_state(&mut self, place: Revision, state: &TaskState) {
        self.state = state.clone();
        self.state_revision = place;
        if state.is_interrupted() {
            self.paused = place;
        }
    }

    /// Whether the event at `place` belongs to the turn of the message, or to a later one.
    pub(crate) fn is_after(&self, message: Revision, place: Revision) -> bool {
        self.began(message).is_some_and(|began| place > began)
    }
}

impl Live {
    fn new(id: TaskId, registry: Arc<Registry>) -> Self {
        Self {
            id,
            registry,
            slot: Mutex::default(),
            changed: Signal::new(),
            listened: AtomicBool::new(false),
            watchers: AtomicUsize::new(0),
            claims: AtomicUsize::new(0),
            shared: Mutex::default(),
            push_changes: AtomicU64::new(0),
            cancel: Cancel::default(),
        }
    }

    pub(crate) fn id(&self) -> TaskId {
        self.id
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

    /// The log has grown to this revision, with a change of state at this place, if there was one.
    /// `true` when somebody has to begin telling the webhooks of the task.
    #[must_use]
    pub(crate) fn advance(&self, revision: Revision, state: Option<(Revision, &TaskState)>) -> bool {
        let begin = {
            let mut slot = lock(&self.slot);
            slot.revision = slot.revision.max(revision);
            if let Some((place, state)) = state
                && place > slot.state_revision
            {
                slot.take_state(place, state);
            }
            self.more_to_tell(&mut slot)
        };
        self.notify();
        begin
    }

    /// The log has been read and stands like this; messages up to here belong to turns of the past
    /// unless a handler is running.
    pub(crate) fn observe(&self, revision: Revision, state: &TaskState) {
        let mut slot = lock(&self.slot);
        if revision > slot.revision {
            slot.revision = revision;
        }
        if revision > slot.state_revision && slot.state != *state {
            slot.take_state(revision, state);
        }
        if !slot.running && slot.taken == 0 {
            slot.taken = revision;
        }
    }

    /// Messages up to this place have been given to the handler, the log being so long by now.
    pub(crate) fn take(&self, message: Revision, length: Revision) {
        let mut slot = lock(&self.slot);
        if length > message {
            slot.waited.push((message, length));
        }
        slot.taken = slot.taken.max(message);
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

    /// The run has come to nothing; whoever waits for it is to know.
    pub(crate) fn abandon(&self) {
        lock(&self.slot).abandoned = true;
        self.stop(Revision::MAX);
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

/// The wish that a task be cancelled, on its way to the handler.
#[derive(Default)]
pub(crate) struct Cancel {
    requested: AtomicBool,
    awaited: AtomicBool,
    signal: Signal,
    runner: AtomicWaker,
}

impl Cancel {
    /// Has the handler told, or dropped.
    pub(crate) fn request(&self) {
        self.requested.store(true, Ordering::SeqCst);
        self.signal.notify(usize::MAX);
        self.runner.wake();
    }

    pub(crate) fn is_requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }

    /// Whether the handler wants to tidy up.
    pub(crate) fn is_awaited(&self) -> bool {
        self.awaited.load(Ordering::SeqCst)
    }

    /// A new handler has yet to ask for the grace period.
    pub(crate) fn reset_awaited(&self) {
        self.awaited.store(false, Ordering::SeqCst);
    }

    /// Has whoever polls the handler woken by a request.
    pub(crate) fn register(&self, waker: &std::task::Waker) {
        self.runner.register(waker);
    }

    /// The handler wants to tidy up.
    pub(crate) fn expect(&self) {
        self.awaited.store(true, Ordering::SeqCst);
    }

    /// Resolves once the cancellation is requested.
    pub(crate) async fn requested(&self) {
        loop {
            let listener = self.signal.listen();
            if self.is_requested() {
                return;
            }
            listener.await;
        }
    }
}
