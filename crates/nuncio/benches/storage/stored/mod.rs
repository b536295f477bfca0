//! Lists, starts and sizes, with many tasks stored.

mod fill;
mod lists;
mod sizes;
mod starts;
mod store;

use std::{sync::Arc, time::Instant};

use self::{
    fill::{Steps, Tasks},
    store::Store,
};
use crate::{disk, table};

pub(crate) fn run(counts: &[u64]) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let directory = tempfile::tempdir().unwrap();
    disk::describe(directory.path());
    let most = counts.iter().copied().max().unwrap_or_default();
    let (mut lists, mut starts, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
    for store in Store::all(directory.path()) {
        let tasks = Tasks::new(most);
        runtime.block_on(async {
            let (storage, mut filled) = (store.open().await, 0);
            for &count in counts {
                let begun = Instant::now();
                store.without_waiting(tasks.fill(&storage, filled..count, Steps::One)).await;
                eprintln!("{}: {count} tasks are there after {}", store.name(), table::time(begun.elapsed()));
                lists.push(lists::measure(&store, &storage, count).await);
                filled = filled.max(count);
            }
            assert_eq!(Arc::strong_count(&storage), 1, "nobody else has the storage");
        });
        if store.is_on_disk() {
            starts.push(runtime.block_on(starts::measure(&store, most)));
            sizes.push(runtime.block_on(sizes::measure(&store.beside(), &tasks)));
        }
    }
    lists::report(lists);
    starts::report(&starts);
    sizes::report(&sizes);
}
