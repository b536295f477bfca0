//! The folds of tasks that grow, so that an append costs its own size.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use a2a_app_ports::{Revision, TaskId};
use a2a_protocol_core::Task;

use super::transaction::lock;

/// A task as its log has made it.
#[derive(Clone, Debug)]
pub(crate) struct Fold {
    pub(crate) revision: Revision,
    pub(crate) task: Arc<Task>,
    /// About what it takes in memory.
    pub(crate) bytes: usize,
}

/// What is taken in memory besides the JSON of a task, about.
const FOLD: usize = 1024;

impl Fold {
    /// In memory a task takes about twice what its JSON takes.
    pub(crate) fn new(revision: Revision, task: Arc<Task>, json_bytes: u64) -> Self {
        let json_bytes = usize::try_from(json_bytes).unwrap_or(usize::MAX / 4);
        Self { revision, task, bytes: json_bytes.saturating_mul(2).saturating_add(FOLD) }
    }
}

/// Keeps folds up to so many bytes; those that were not used for longest go first.
///
/// Whoever appends takes the fold out, so that nobody else holds it while it grows, and puts it back
/// when what it has grown by is stored. A fold is of use only at the revision that the task's row
/// says; so it does not matter whether another replica has appended meanwhile.
#[derive(Debug)]
pub(crate) struct Folds {
    most_bytes: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    folds: HashMap<TaskId, (u64, Fold)>,
    by_use: BTreeMap<u64, TaskId>,
    uses: u64,
    bytes: usize,
}

impl Folds {
    pub(crate) fn new(most_bytes: usize) -> Self {
        Self { most_bytes, kept: Mutex::default() }
    }

    pub(crate) fn take(&self, id: TaskId) -> Option<Fold> {
        lock(&self.kept).remove(id)
    }

    pub(crate) fn put(&self, id: TaskId, fold: Fold) {
        let mut kept = lock(&self.kept);
        kept.remove(id);
        kept.uses += 1;
        let uses = kept.uses;
        kept.bytes += fold.bytes;
        kept.by_use.insert(uses, id);
        kept.folds.insert(id, (uses, fold));
        while kept.bytes > self.most_bytes {
            let Some((_, oldest)) = kept.by_use.first_key_value() else { break };
            let oldest = *oldest;
            kept.remove(oldest);
        }
    }
}

impl Kept {
    fn remove(&mut self, id: TaskId) -> Option<Fold> {
        let (uses, fold) = self.folds.remove(&id)?;
        self.by_use.remove(&uses);
        self.bytes -= fold.bytes;
        Some(fold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folds_that_were_not_used_for_longest_go_first() {
        let fold = |revision| Fold::new(revision, Arc::default(), 0);
        let id = TaskId::from_u128;
        let folds = Folds::new(3 * FOLD);
        (0..3).for_each(|number| folds.put(id(number), fold(1)));
        let used = folds.take(id(0)).map(|fold| fold.revision);
        assert_eq!(used, Some(1));
        folds.put(id(0), fold(2));
        folds.put(id(0), fold(3));
        folds.put(id(3), fold(1));
        let kept: Vec<_> = (0..4).map(|number| folds.take(id(number)).map(|fold| fold.revision)).collect();
        assert_eq!(kept, [Some(3), None, Some(1), Some(1)]);
        assert_eq!(lock(&folds.kept).bytes, 0);
    }
}
