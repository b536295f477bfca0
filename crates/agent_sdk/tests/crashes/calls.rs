//! What a caller does on the wire, for whoever wonders what it waits for.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write as _,
    sync::{Arc, Mutex},
};

use a2a_http_client::{Observation, Observer};

use crate::{ledger::Ledger, witness::now};

const KEPT: usize = 20;

pub(crate) struct Calls {
    made: Mutex<Made>,
    ledger: Arc<Ledger>,
}

#[derive(Default)]
struct Made {
    /// The requests that have no reply yet.
    open: BTreeMap<u64, (u64, String)>,
    /// What was done of late.
    recent: VecDeque<(u64, String)>,
}

impl Observer for Calls {
    fn observe(&self, observation: &Observation<'_>) {
        let mut made = self.made.lock().unwrap();
        let line = (now(), observation.to_string());
        match observation {
            Observation::Request { exchange, .. } => drop(made.open.insert(*exchange, line.clone())),
            Observation::Response { exchange, .. } | Observation::Failed { exchange, .. } => {
                made.open.remove(exchange);
            }
            Observation::Resume { .. } => self.ledger.facts().resumed += 1,
            _ => {}
        }
        if made.recent.len() == KEPT {
            made.recent.pop_front();
        }
        made.recent.push_back(line);
    }
}

impl Calls {
    pub(crate) fn new(ledger: &Arc<Ledger>) -> Self {
        Self { made: Mutex::default(), ledger: ledger.clone() }
    }

    pub(crate) fn tell(&self) -> String {
        let made = self.made.lock().unwrap();
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
