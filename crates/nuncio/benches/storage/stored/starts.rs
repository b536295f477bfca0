//! How long it takes from the start of a process until it answers for a task that was stored before.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{fill::Tasks, store::Store};
use crate::{http::Connection, server::Server, table};

const STARTS: u64 = 5;

/// What starts took, with so many tasks on the disk.
pub(super) struct Starts {
    store: &'static str,
    count: u64,
    bytes: u64,
    cold: Duration,
    warm: Duration,
}

pub(super) async fn measure(store: &Store, count: u64) -> Starts {
    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    for start in 0..STARTS {
        store.forget();
        let number = count * start / STARTS;
        cold.push(start_and_get(store, number).await);
        warm.push(start_and_get(store, number).await);
    }
    let (cold, warm) = (table::median(&cold).unwrap(), table::median(&warm).unwrap());
    Starts { store: store.name(), count, bytes: store.bytes(), cold, warm }
}

async fn start_and_get(store: &Store, number: u64) -> Duration {
    let begun = Instant::now();
    let server = Server::start(&store.place);
    let id = Tasks::id(number).to_string();
    let task = Connection::open(server.address).await.result("GetTask", &json!({"id": id})).await;
    assert_eq!(task["id"], id);
    begun.elapsed()
}

pub(super) fn report(starts: &[Starts]) {
    let rows = starts.iter().map(|Starts { store, count, bytes, cold, warm }| {
        let bytes = format!("{:.2} GB", *bytes as f64 / 1e9);
        vec![(*store).to_owned(), table::whole(*count as f64), bytes, table::time(*cold), table::time(*warm)]
    });
    table::print(&["", "tasks", "on disk", "cold", "warm"], &rows.collect::<Vec<_>>());
    println!("\nFrom the start of the process to the answer of its first GetTask, over HTTP; medians of {STARTS}.");
    println!("Cold: nothing of the files is in memory. PostgreSQL was just started, which is not counted.");
}
