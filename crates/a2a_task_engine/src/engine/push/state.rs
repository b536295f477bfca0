//! Who sees that the webhooks of a task are told. At most one worker does, and only while there is
//! something to tell.

use std::sync::{Arc, atomic::Ordering};

use crate::engine::{
    live::{Live, Registry, lock},
    slot::Slot,
};

/// What is known here of a task's webhooks. Every change but to `Nobody` and `Idle` is made by the
/// one worker, or by whoever has something to be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Pushing {
    /// The task has none, as far as is known.
    #[default]
    Nobody,
    /// It has some, which know all there is.
    Idle,
    /// There is more: the worker is to look.
    Due,
    /// The worker looks who is to be told what.
    Looking,
    /// The worker has looked, and tells them.
    Delivering,
}

/// What follows when there is more to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Nothing: nobody is to be told, or the worker is about to look.
    Nothing,
    /// A worker has to begin.
    Begin,
    /// The worker has to look once more.
    Again,
}

impl Pushing {
    /// Whether there is a worker.
    pub(crate) fn is_worked_on(self) -> bool {
        !matches!(self, Self::Nobody | Self::Idle)
    }

    /// The task has webhooks.
    pub(crate) fn known(&mut self) {
        if *self == Self::Nobody {
            *self = Self::Idle;
        }
    }

    /// There is more to be told.
    pub(crate) fn more(&mut self) -> Told {
        let told = match self {
            Self::Nobody | Self::Due => return Told::Nothing,
            Self::Idle => Told::Begin,
            Self::Looking | Self::Delivering => Told::Again,
        };
        *self = Self::Due;
        told
    }

    /// The worker has looked. If there is more by now, it has to look once more.
    pub(crate) fn looked(&mut self) {
        if *self == Self::Looking {
            *self = Self::Delivering;
        }
    }

    /// The worker has told everybody all it knew of; `false` when there is more.
    pub(crate) fn rest(&mut self, has_webhooks: bool) -> bool {
        let done = *self != Self::Due;
        if done {
            *self = if has_webhooks { Self::Idle } else { Self::Nobody };
        }
        done
    }
}

impl Live {
    /// The task has webhooks.
    pub(crate) fn has_webhooks(&self) {
        lock(&self.slot).pushing.known();
    }

    /// A push configuration was stored or deleted: whoever is about to try once more hears of it.
    pub(crate) fn webhooks_changed(&self) {
        self.push_changes.fetch_add(1, Ordering::SeqCst);
        self.notify();
    }

    /// There may be something that webhooks have not been told. `true` when somebody has to begin
    /// telling them.
    #[must_use]
    pub(crate) fn webhooks_wait(&self) -> bool {
        let begin = {
            let mut slot = lock(&self.slot);
            slot.pushing.known();
            self.more_to_tell(&mut slot)
        };
        self.notify();
        begin
    }

    /// See [`webhooks_changed`](Self::webhooks_changed).
    pub(crate) fn push_changes(&self) -> u64 {
        self.push_changes.load(Ordering::SeqCst)
    }

    /// There is more to be told. Whoever hears of it here is not idle until it has been.
    pub(crate) fn more_to_tell(&self, slot: &mut Slot) -> bool {
        let told = slot.pushing.more();
        if told != Told::Nothing {
            self.registry.begin_delivering();
        }
        told == Told::Begin
    }

    /// There is more to be told, and a worker to do it.
    pub(crate) fn tell_more(&self, slot: &mut Slot) {
        let _ = self.more_to_tell(slot);
    }

    /// Whether the worker is to look who is to be told what.
    pub(super) fn is_look_due(&self) -> bool {
        lock(&self.slot).pushing == Pushing::Due
    }

    /// The worker looks.
    pub(super) fn look(&self) {
        let before = std::mem::replace(&mut lock(&self.slot).pushing, Pushing::Looking);
        if before != Pushing::Due {
            self.registry.begin_delivering();
        }
    }

    /// The worker has looked.
    pub(super) fn looked(&self) {
        lock(&self.slot).pushing.looked();
        self.registry.end_delivering();
    }

    /// The worker has told everybody all it knew of; `false` when there is more.
    pub(super) fn rest(&self, has_webhooks: bool) -> bool {
        lock(&self.slot).pushing.rest(has_webhooks)
    }

    /// The worker is gone without having come to rest.
    pub(super) fn worker_gone(&self, looking: bool) {
        let before = std::mem::replace(&mut lock(&self.slot).pushing, Pushing::Idle);
        for _ in 0..usize::from(before == Pushing::Due) + usize::from(looking) {
            self.registry.end_delivering();
        }
    }

    /// Counts as a delivery that is being made, as long as it is held.
    pub(super) fn delivering(&self) -> Delivering {
        self.registry.begin_delivering();
        Delivering(self.registry.clone())
    }
}

/// See [`Live::delivering`].
pub(super) struct Delivering(Arc<Registry>);

impl Drop for Delivering {
    fn drop(&mut self) {
        self.0.end_delivering();
    }
}
