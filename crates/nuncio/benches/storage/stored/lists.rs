//! How long a page of a list takes.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use a2a_app_ports::Storage;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::{
    fill::{LONG_CONTEXT, RARE_STATE},
    store::Store,
};
use crate::{
    agent::{agent, answer},
    http::Connection,
    table,
};

/// So often each page is asked for.
const CALLS: usize = 200;

/// What pages took, with so many tasks stored.
pub(super) struct Pages {
    count: u64,
    store: &'static str,
    times: [Duration; 5],
}

/// Asks over HTTP: for all tasks of the owner, for those of a context, in a state, or both, and for
/// the page in the middle of all.
pub(super) async fn measure(store: &Store, storage: &Arc<dyn Storage>, count: u64) -> Pages {
    let serving = agent(storage.clone(), answer).bind("127.0.0.1:0").await.unwrap();
    let mut caller = Connection::open(serving.local_addr()).await;
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(serving.serve_until(async { drop(stopped.await) }));
    let (context, state) = (LONG_CONTEXT, RARE_STATE.to_string());
    let middle = middle(&mut caller, count).await;
    let queries = [
        (json!({}), count),
        (json!({"contextId": context}), count / 10),
        (json!({"status": state}), count / 10),
        (json!({"contextId": context, "status": state}), count / 100),
        (json!({"pageToken": middle}), count),
    ];
    let mut times = [Duration::ZERO; 5];
    for (time, (query, total)) in times.iter_mut().zip(queries) {
        *time = page(&mut caller, &query, total).await;
    }
    drop((caller, stop));
    served.await.unwrap();
    Pages { count, store: store.name(), times }
}

/// The token of the page in the middle.
async fn middle(caller: &mut Connection, count: u64) -> Value {
    let (mut token, mut seen) = (json!(""), 0);
    while seen < count / 2 {
        let mut page = caller.result("ListTasks", &json!({"pageSize": 100, "pageToken": token})).await;
        seen += page["tasks"].as_array().unwrap().len() as u64;
        token = page["nextPageToken"].take();
    }
    token
}

async fn page(caller: &mut Connection, query: &Value, total: u64) -> Duration {
    let mut times = Vec::new();
    for _ in 0..CALLS {
        let begun = Instant::now();
        let page = caller.result("ListTasks", query).await;
        times.push(begun.elapsed());
        assert_eq!(page["totalSize"], total, "{query}");
        assert_eq!(page["tasks"].as_array().unwrap().len() as u64, total.min(50), "{query}");
    }
    table::median(&times).unwrap()
}

pub(super) fn report(mut pages: Vec<Pages>) {
    pages.sort_by_key(|pages| pages.count);
    let rows = pages.iter().map(|Pages { count, store, times }| {
        let head = [table::whole(*count as f64), (*store).to_owned()];
        head.into_iter().chain(times.iter().copied().map(table::time)).collect()
    });
    let head = ["tasks", "", "of the owner", "of a context", "in a state", "of a context in a state", "in the middle"];
    table::print(&head, &rows.collect::<Vec<_>>());
    println!("\nA page of 50, of ListTasks over HTTP; medians of {CALLS} calls.");
}
