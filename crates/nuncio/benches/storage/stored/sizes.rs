//! How many bytes a small task takes on the disk.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use a2a_protocol_core::Timestamp;

use super::{
    fill::{Steps, Tasks},
    store::Store,
};
use crate::table;

const TASKS: u64 = 20_000;

/// What a task takes, in bytes.
pub(super) struct Sizes {
    store: &'static str,
    /// As it is sent; with old versions of its rows, where the database has such.
    sent: u64,
    /// Packed.
    packed: u64,
    /// Without its log, packed.
    without_log: u64,
}

/// Stores tasks as they are sent, in a storage that has none.
pub(super) async fn measure(store: &Store, tasks: &Tasks) -> Sizes {
    let storage = store.open().await;
    let empty = store.bytes();
    let each = || (store.bytes() - empty) / TASKS;
    tasks.fill(&storage, 0..TASKS, Steps::AsSent).await;
    let sent = each();
    store.pack();
    let packed = each();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(24 * 60 * 60);
    let later = Timestamp::from_millis(now.as_millis() as i64).unwrap();
    while storage.sweep(later).await.unwrap() {}
    store.pack();
    Sizes { store: store.name(), sent, packed, without_log: each() }
}

pub(super) fn report(sizes: &[Sizes]) {
    let rows = sizes.iter().map(|Sizes { store, sent, packed, without_log }| {
        let bytes = |bytes: u64| format!("{} B", table::whole(bytes as f64));
        vec![(*store).to_owned(), bytes(*sent), bytes(*packed), bytes(*without_log)]
    });
    table::print(&["", "as sent", "packed", "packed, log gone"], &rows.collect::<Vec<_>>());
    println!("\nOf each of {TASKS} small tasks, indexes included. Packed is after VACUUM (FULL).");
}
