//! Tasks by id, in shards, each with the queue of its tasks that have ended.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    hash::{BuildHasherDefault, Hash, Hasher},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use a2a_app_ports::TaskId;
use a2a_protocol_core::Timestamp;

use super::{lock, record::Record};

const SHARDS: usize = 256;
/// How finely hashes are dealt to shards.
const DEALT: usize = 4096;
/// How many logs one call drops at most: more than one, so that a backlog shrinks.
const DROPPED_AT_ONCE: usize = 4;
/// The time of the front of an empty queue.
const NONE_ENDED: i64 = i64::MAX;

/// All tasks. No call holds a shard longer than it takes to find, put or take a few entries.
#[derive(Debug)]
pub(super) struct Shards {
    shards: Box<[Shard]>,
    /// Which shard a hash belongs to. The last shard is dealt twice as much as the first, and those
    /// between evenly more, so that their maps, which double, do so one after the other and not all
    /// at once.
    deal: Box<[u8]>,
    /// When the longest-ended task of each shard ended, in milliseconds.
    oldest: Box<[AtomicI64]>,
    replay_window_millis: i64,
}

/// Aligned, so that two cores do not share a cache line for two shards.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard(Mutex<Tasks>);

#[derive(Debug, Default)]
struct Tasks {
    records: HashMap<Key, Arc<Record>, BuildHasherDefault<KeyHasher>>,
    /// In the order in which they ended.
    ended: VecDeque<Ended>,
    /// How many at the front of `ended` have had their logs dropped.
    dropped: usize,
}

#[derive(Clone, Copy, Debug)]
struct Ended {
    millis: i64,
    key: Key,
}

/// A task id with the alignment of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key(u64, u64);

impl Key {
    fn new(id: TaskId) -> Self {
        Self((id.as_u128() >> 64) as u64, id.as_u128() as u64)
    }

    fn id(self) -> TaskId {
        TaskId::from_u128(u128::from(self.0) << 64 | u128::from(self.1))
    }

    /// Ids are random and made by the server, so nobody can choose them to collide.
    fn hash(self) -> u64 {
        let product = (self.0.rotate_left(32) ^ self.1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        product ^ (product >> 32)
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(Self::hash(*self));
    }
}

/// Takes the hash of a [`Key`] as it is.
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// Tasks whose log is to be dropped.
pub(super) type Due = Vec<Arc<Record>>;

impl Shards {
    pub(super) fn new(replay_window: Duration) -> Self {
        let shard_of = |part: usize| {
            let part = (part as f64 + 0.5) / DEALT as f64;
            (SHARDS as f64 * (1.0 + part).log2()) as u8
        };
        Self {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            deal: (0..DEALT).map(shard_of).collect(),
            oldest: (0..SHARDS).map(|_| AtomicI64::new(NONE_ENDED)).collect(),
            replay_window_millis: i64::try_from(replay_window.as_millis()).unwrap_or(i64::MAX),
        }
    }

    fn place(&self, key: Key) -> usize {
        // Other bits than the ones the maps use.
        usize::from(self.deal[(key.hash() >> 40) as usize % DEALT])
    }

    /// Puts a task in; the one that has the id already is the error.
    pub(super) fn insert(&self, id: TaskId, record: &Arc<Record>, now: Timestamp) -> Result<Due, Arc<Record>> {
        let key = Key::new(id);
        let mut tasks = lock(&self.shards[self.place(key)].0);
        match tasks.records.entry(key) {
            Entry::Occupied(taken) => Err(taken.get().clone()),
            Entry::Vacant(free) => {
                free.insert(record.clone());
                Ok(tasks.due(now, self.replay_window_millis))
            }
        }
    }

    pub(super) fn find(&self, id: TaskId) -> Option<Arc<Record>> {
        let key = Key::new(id);
        lock(&self.shards[self.place(key)].0).records.get(&key).cloned()
    }

    /// All tasks whose log is to be dropped, of every shard so many.
    pub(super) fn due(&self, now: Timestamp) -> Due {
        self.shards.iter().flat_map(|shard| lock(&shard.0).due(now, self.replay_window_millis)).collect()
    }

    /// Shows every task; no shard is held meanwhile.
    pub(super) fn for_each(&self, mut see: impl FnMut(TaskId, &Arc<Record>)) {
        for shard in &self.shards {
            let tasks: Vec<_> = lock(&shard.0).records.iter().map(|(key, record)| (*key, record.clone())).collect();
            tasks.iter().for_each(|(key, record)| see(key.id(), record));
        }
    }

    /// The task, and others of its shard whose log is to be dropped.
    pub(super) fn find_at(&self, id: TaskId, now: Timestamp) -> (Option<Arc<Record>>, Due) {
        let key = Key::new(id);
        let mut tasks = lock(&self.shards[self.place(key)].0);
        let found = tasks.records.get(&key).cloned();
        (found, tasks.due(now, self.replay_window_millis))
    }

    /// Notes that a task has ended.
    pub(super) fn ended(&self, id: TaskId, at: Timestamp) {
        let key = Key::new(id);
        let place = self.place(key);
        let mut tasks = lock(&self.shards[place].0);
        tasks.ended.push_back(Ended { millis: at.as_millis(), key });
        if tasks.ended.len() == 1 {
            self.oldest[place].store(at.as_millis(), Relaxed);
        }
    }

    /// Takes out the task that ended longest ago.
    pub(super) fn take_longest_ended(&self) -> Option<(TaskId, Arc<Record>)> {
        loop {
            let times = self.oldest.iter().map(|millis| millis.load(Relaxed));
            let (place, millis) = times.enumerate().min_by_key(|(_, millis)| *millis)?;
            if millis == NONE_ENDED {
                return None;
            }
            let mut tasks = lock(&self.shards[place].0);
            let ended = tasks.ended.pop_front();
            tasks.dropped = tasks.dropped.saturating_sub(1);
            self.oldest[place].store(tasks.ended.front().map_or(NONE_ENDED, |next| next.millis), Relaxed);
            if let Some(key) = ended.map(|ended| ended.key)
                && let Some(record) = tasks.records.remove(&key)
            {
                return Some((key.id(), record));
            }
        }
    }

    /// How many tasks there are, and how many of them have not ended.
    pub(super) fn count(&self) -> (usize, usize) {
        self.shards.iter().fold((0, 0), |(all, running), shard| {
            let tasks = lock(&shard.0);
            (all + tasks.records.len(), running + tasks.records.len().saturating_sub(tasks.ended.len()))
        })
    }
}

impl Tasks {
    /// The next tasks that ended longer ago than the replay window.
    fn due(&mut self, now: Timestamp, window_millis: i64) -> Due {
        let mut due = Vec::new();
        while let Some(ended) = self.ended.get(self.dropped)
            && now.as_millis().saturating_sub(ended.millis) >= window_millis
            && due.len() < DROPPED_AT_ONCE
        {
            self.dropped += 1;
            due.extend(self.records.get(&ended.key).cloned());
        }
        due
    }
}
