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
    /// The task itself; an append that goes on from it takes it, and leaves the rest should it fail.
    task: Option<Arc<Task>>,
    bytes: u64,
}

impl Fold {
    pub(super) fn new(head: &Head, task: Arc<Task>) -> Self {
        let hand = head.hand_at(head.revision).to_owned();
        Self { revision: head.revision, hand, task: Some(task), bytes: head.size.bytes() }
    }

    /// Whether the log has what was appended then.
    fn is_in(&self, head: &Head) -> bool {
        head.revision >= self.revision && head.hand_at(self.revision) == self.hand
    }

    /// Whether the log ends with it.
    fn ends(&self, head: &Head) -> bool {
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

    /// Whether the log of a task has not what was appended last.
    pub(super) fn is_lost(&self, id: TaskId, head: &Head) -> bool {
        self.kept().iter().any(|(other, fold)| *other == id && !fold.is_in(head))
    }

    /// The task, if the log ends with what was appended last. That it was appended stays known.
    pub(super) fn take_task(&self, id: TaskId, head: &Head) -> Option<Arc<Task>> {
        let mut kept = self.kept();
        let (_, fold) = kept.iter_mut().find(|(other, fold)| *other == id && fold.ends(head))?;
        fold.task.take()
    }

    pub(super) fn forget(&self, id: TaskId) {
        self.kept().retain(|(other, _)| *other != id);
    }

    /// Keeps a fold in place of the one of before.
    pub(super) fn put(&self, id: TaskId, fold: Fold) {
        let mut kept = self.kept();
        kept.retain(|(other, _)| *other != id);
        kept.push_back((id, fold));
        let mut bytes: u64 = kept.iter().map(|(_, fold)| fold.bytes).sum();
        while bytes > MOST
            && let Some((_, oldest)) = kept.pop_front()
        {
            bytes -= oldest.bytes;
        }
    }
}
