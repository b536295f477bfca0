//! What a caller does on the wire, for whoever wonders what it waits for.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write as _,
    sync::Mutex,
};

use a2a_http_client::{Observation, Observer};

use crate::witness::now;

const KEPT: usize = 20;

#[derive(Default)]
pub(crate) struct Calls(Mutex<Made>);

#[derive(Default)]
struct Made {
    /// The requests that have no reply yet.
    open: BTreeMap<u64, (u64, String)>,
    /// What was done of late.
    recent: VecDeque<(u64, String)>,
}

impl Observer for Calls {
    fn observe(&self, observation: &Observation<'_>) {
        let mut made = self.0.lock().unwrap();
        let line = (now(), observation.to_string());
        match observation {
            Observation::Request { exchange, .. } => drop(made.open.insert(*exchange, line.clone())),
            Observation::Response { exchange, .. } | Observation::Failed { exchange, .. } => {
                made.open.remove(exchange);
            }
            _ => {}
        }
        if made.recent.len() == KEPT {
            made.recent.pop_front();
        }
        made.recent.push_back(line);
    }
}

impl Calls {
    pub(crate) fn tell(&self) -> String {
        let made = self.0.lock().unwrap();
        let mut text = format!("at {}; without a reply:", now());
        for (at, what) in made.open.values() {
            write!(text, "\n    {at} {what}").unwrap();
        }
        text.push_str("\n  before:");
        for (at, what) in &made.recent {
            write!(text, "\n    {at} {what}").unwrap();
        }
        text
    }
}
