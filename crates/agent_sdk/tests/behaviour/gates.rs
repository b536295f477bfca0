//! The agent's line to its test, for an agent in the process of the test.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use tokio::sync::watch;

/// Points at which the agent reports and waits, by name, so that tests wait for events and not for time; and what
/// it tells besides.
#[derive(Clone, Default)]
pub(crate) struct Gates {
    gates: Arc<Mutex<HashMap<String, watch::Sender<Gate>>>>,
    told: watch::Sender<Vec<String>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Gate {
    pub(crate) entered: bool,
    pub(crate) open: bool,
    pub(crate) dropped: bool,
}

impl Gates {
    fn gate(&self, name: &str) -> watch::Sender<Gate> {
        self.gates.lock().unwrap().entry(name.to_owned()).or_default().clone()
    }

    pub(crate) fn open(&self, name: &str) {
        self.gate(name).send_modify(|gate| gate.open = true);
    }

    /// Resolves once the gate is as wanted.
    pub(crate) async fn wait(&self, name: &str, wanted: impl FnMut(&Gate) -> bool) {
        self.gate(name).subscribe().wait_for(wanted).await.unwrap();
    }

    /// What the agent has told so far; it can be waited on.
    pub(crate) fn told(&self) -> watch::Receiver<Vec<String>> {
        self.told.subscribe()
    }

    /// For the agent: reports that it is there, and waits until the test opens the gate.
    pub(crate) async fn pass(&self, name: &str) {
        let gate = self.gate(name);
        let _dropped = OnDrop(gate.clone());
        gate.send_modify(|gate| gate.entered = true);
        gate.subscribe().wait_for(|gate| gate.open).await.unwrap();
    }

    /// For the agent: tells the test something. It is told when this returns.
    pub(crate) async fn tell(&self, what: String) {
        self.told.send_modify(|told| told.push(what));
    }
}

struct OnDrop(watch::Sender<Gate>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.send_modify(|gate| gate.dropped = true);
    }
}
