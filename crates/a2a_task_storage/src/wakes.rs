//! What the subscribers of a bus are told, and how it is written to be sent.

use std::{
    collections::{HashMap, VecDeque},
    fmt::Write as _,
    pin::Pin,
    sync::{Arc, Mutex, Weak},
    task::{Context, Poll},
};

use a2a_app_ports::{Revision, TaskId, Wake};
use futures::{Stream, task::AtomicWaker};
use tokio::sync::Notify;

use crate::sql::lock;

/// So many tasks wait for a subscriber at most; whoever is slower looks at all of them.
const WAITING: usize = 16 * 1024;
/// So many bytes are sent at once at most: a `NOTIFY` may have 8000.
const PAYLOAD: usize = 7900;

/// Tasks with the latest revision that is known of each, in the order in which they came: bounded,
/// however slow whoever takes them is.
#[derive(Debug, Default)]
struct Latest {
    order: VecDeque<TaskId>,
    revisions: HashMap<TaskId, Revision>,
    /// Some were lost.
    all: bool,
}

impl Latest {
    fn add(&mut self, wake: Wake) {
        match wake {
            Wake::Task(..) if self.all => {}
            Wake::Task(task, revision) => {
                let known = self.revisions.entry(task).or_insert_with(|| {
                    self.order.push_back(task);
                    0
                });
                *known = revision.max(*known);
                if self.order.len() > WAITING {
                    self.add(Wake::All);
                }
            }
            Wake::All => *self = Self { all: true, ..Self::default() },
        }
    }

    fn next(&mut self) -> Option<Wake> {
        if std::mem::take(&mut self.all) {
            return Some(Wake::All);
        }
        let task = self.order.pop_front()?;
        Some(Wake::Task(task, self.revisions.remove(&task).unwrap_or_default()))
    }

    /// Takes as much of it as a payload holds: `task:revision` after `task:revision`, or `*` for all.
    fn write(&mut self) -> Option<String> {
        let mut payload = String::new();
        while payload.len() < PAYLOAD - 64 {
            match self.next() {
                Some(Wake::Task(task, revision)) => {
                    // A string takes whatever is written.
                    let _ = write!(payload, "{:032x}:{revision} ", task.as_u128());
                }
                Some(Wake::All) => return Some("*".to_owned()),
                None => break,
            }
        }
        (!payload.is_empty()).then_some(payload)
    }
}

/// What a payload says. What cannot be read, as of a later version, may be anything.
pub(crate) fn read(payload: &str) -> Vec<Wake> {
    let wake = |text: &str| {
        let (task, revision) = text.split_once(':')?;
        let task = u128::from_str_radix(task, 16).ok()?;
        Some(Wake::Task(TaskId::from_u128(task), revision.parse().ok()?))
    };
    payload.split_whitespace().map(|text| wake(text).unwrap_or(Wake::All)).collect()
}

/// What every bus has, whatever carries its wake-ups: who wants to be told, and what is to be sent.
#[derive(Default)]
pub(crate) struct Exchange {
    pub(crate) subscribers: Subscribers,
    waiting: Mutex<Latest>,
    came: Notify,
}

impl Exchange {
    /// Has a wake-up sent.
    pub(crate) fn publish(&self, task: TaskId, revision: Revision) {
        lock(&self.waiting).add(Wake::Task(task, revision));
        self.look();
    }

    /// Has whoever sends look, for what there is to send and for what has become of the connection.
    pub(crate) fn look(&self) {
        self.came.notify_one();
    }

    /// Resolves when there is something to look for.
    pub(crate) async fn came(&self) {
        self.came.notified().await;
    }

    /// The next that is to be sent.
    pub(crate) fn next(&self) -> Option<String> {
        lock(&self.waiting).write()
    }

    /// There is a connection again: here and elsewhere, what was under way may be lost.
    pub(crate) fn is_back(&self) {
        self.subscribers.tell([Wake::All]);
        lock(&self.waiting).add(Wake::All);
        self.look();
    }
}

/// Those who want to be told.
#[derive(Debug, Default)]
pub(crate) struct Subscribers(Mutex<Vec<Weak<Subscriber>>>);

#[derive(Debug, Default)]
struct Subscriber {
    waiting: Mutex<(Latest, Ended)>,
    waker: AtomicWaker,
}

type Ended = bool;

impl Subscribers {
    pub(crate) fn subscribe(&self) -> impl Stream<Item = Wake> + Send + use<> {
        let subscriber = Arc::new(Subscriber::default());
        lock(&self.0).push(Arc::downgrade(&subscriber));
        Wakes(subscriber)
    }

    /// Tells all of them, and forgets those that have gone.
    pub(crate) fn tell(&self, wakes: impl IntoIterator<Item = Wake> + Clone) {
        self.each(|(latest, _)| wakes.clone().into_iter().for_each(|wake| latest.add(wake)));
    }

    /// Nothing more comes.
    pub(crate) fn end(&self) {
        self.each(|(_, ended)| *ended = true);
    }

    fn each(&self, tell: impl Fn(&mut (Latest, Ended))) {
        lock(&self.0).retain(|subscriber| {
            let Some(subscriber) = subscriber.upgrade() else { return false };
            tell(&mut lock(&subscriber.waiting));
            subscriber.waker.wake();
            true
        });
    }
}

struct Wakes(Arc<Subscriber>);

impl Stream for Wakes {
    type Item = Wake;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Wake>> {
        // Registered first: what is told meanwhile wakes.
        self.0.waker.register(context.waker());
        let mut waiting = lock(&self.0.waiting);
        match waiting.0.next() {
            Some(wake) => Poll::Ready(Some(wake)),
            None if waiting.1 => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, StreamExt};

    use super::*;

    #[test]
    fn of_many_wake_ups_for_a_task_the_latest_is_told() {
        let subscribers = Subscribers::default();
        let (mut one, two) = (subscribers.subscribe(), subscribers.subscribe());
        drop(two);
        let task = TaskId::from_u128;
        subscribers.tell([
            Wake::Task(task(1), 5),
            Wake::Task(task(2), 1),
            Wake::Task(task(1), 7),
            Wake::Task(task(1), 6),
        ]);
        let mut next = || one.next().now_or_never();
        assert_eq!(next(), Some(Some(Wake::Task(task(1), 7))));
        assert_eq!(next(), Some(Some(Wake::Task(task(2), 1))));
        assert_eq!(next(), None);
        subscribers.tell((0..=WAITING as u128).map(|number| Wake::Task(task(number), 1)));
        assert_eq!(next(), Some(Some(Wake::All)), "too many to tell one by one");
        subscribers.end();
        assert_eq!(next(), Some(None));
        assert_eq!(lock(&subscribers.0).len(), 1);
    }

    #[test]
    fn what_is_written_is_read() {
        let wakes: Vec<_> = (0..1000).map(|number| Wake::Task(TaskId::from_u128(number << 90), u64::MAX)).collect();
        let mut waiting = Latest::default();
        wakes.iter().for_each(|wake| waiting.add(*wake));
        let mut found = Vec::new();
        while let Some(payload) = waiting.write() {
            assert!(payload.len() < 8000);
            found.extend(read(&payload));
        }
        assert_eq!(found, wakes);
        waiting.add(Wake::All);
        assert_eq!(read(&waiting.write().unwrap()), [Wake::All]);
        assert_eq!(read("v2"), [Wake::All]);
    }
}
