//! What this storage has appended last, and to what: so that an append costs its own size, and that it
//! is noticed when another instance has written over it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use a2a_app_ports::{Revision, TaskId};
use a2a_protocol_core::Task;

use super::records::Head;

/// So many bytes of JSON the tasks have, about, that are kept.
const MOST: u64 = 8 << 20;

/// A task as an append has made it.
#[derive(Debug)]
pub(super) struct Fold {
    revision: Revision,
    hand: String,
    pub(super) task: Arc<Task>,
    bytes: u64,
}

impl Fold {
    pub(super) fn new(head: &Head, task: Arc<Task>) -> Self {
        let hand = head.hand_at(head.revision).to_owned();
        Self { revision: head.revision, hand, task, bytes: head.size.bytes() }
    }

    /// Whether the log has what was appended then.
    pub(super) fn is_in(&self, head: &Head) -> bool {
        head.revision >= self.revision && head.hand_at(self.revision) == self.hand
    }

    /// Whether the log ends with it.
    pub(super) fn ends(&self, head: &Head) -> bool {
        head.revision == self.revision && self.is_in(head)
    }
}

/// The folds of running tasks, of which an instance has few; those of long ago go first.
#[derive(Debug, Default)]
pub(super) struct Folds(Mutex<VecDeque<(TaskId, Fold)>>);

impl Folds {
    fn kept(&self) -> MutexGuard<'_, VecDeque<(TaskId, Fold)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take(&self, id: TaskId) -> Option<Fold> {
        let mut kept = self.kept();
        let place = kept.iter().position(|(other, _)| *other == id)?;
        kept.remove(place).map(|(_, fold)| fold)
    }

    /// Keeps a fold; the one of before was taken.
    pub(super) fn put(&self, id: TaskId, fold: Fold) {
        let mut kept = self.kept();
        kept.push_back((id, fold));
        let mut bytes: u64 = kept.iter().map(|(_, fold)| fold.bytes).sum();
        while bytes > MOST
            && let Some((_, oldest)) = kept.pop_front()
        {
            bytes -= oldest.bytes;
        }
    }
}
