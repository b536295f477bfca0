//! Webhooks in memory, which answer what they are told to.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use a2a_app_ports::{BoxFuture, PushOutcome, PushRequest, PushTransport};
use a2a_protocol_core::{Error, StreamResponse};
use tokio::{sync::Notify, time::Instant};

/// All webhooks. What a URL answers can be said beforehand; otherwise it takes everything.
#[derive(Clone)]
pub struct Webhooks(Arc<State>);

struct State {
    begin: Instant,
    told: Mutex<Vec<Told>>,
    changed: Notify,
    answers: Mutex<HashMap<String, VecDeque<PushOutcome>>>,
    /// URLs whose answers take until they are let go.
    held: Mutex<HashMap<String, Arc<Notify>>>,
}

/// One try to tell a webhook something.
#[derive(Clone, Debug)]
pub struct Told {
    pub request: PushRequest,
    /// When it began.
    pub after: Duration,
    pub outcome: PushOutcome,
}

impl Told {
    pub fn event(&self) -> StreamResponse {
        serde_json::from_slice(&self.request.body).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.request.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The event in a word.
    pub fn brief(&self) -> String {
        let short = |state: &a2a_protocol_core::TaskState| {
            state.to_string().trim_start_matches("TASK_STATE_").to_ascii_lowercase()
        };
        match self.event() {
            StreamResponse::Task(task) => format!("task {}", short(&task.status.state)),
            StreamResponse::StatusUpdate(update) => short(&update.status.state),
            StreamResponse::ArtifactUpdate(update) => update.artifact.text(),
            StreamResponse::Message(_) => "message".to_owned(),
        }
    }
}

impl Webhooks {
    pub fn new() -> Self {
        Self(Arc::new(State {
            begin: Instant::now(),
            told: Mutex::default(),
            changed: Notify::new(),
            answers: Mutex::default(),
            held: Mutex::default(),
        }))
    }

    /// What this webhook answers to the next tries.
    pub fn answers(&self, url: &str, outcomes: impl IntoIterator<Item = PushOutcome>) {
        self.0.answers.lock().unwrap().entry(url.to_owned()).or_default().extend(outcomes);
    }

    /// Has this webhook take its time, until it is let go.
    pub fn hold(&self, url: &str) {
        self.0.held.lock().unwrap().insert(url.to_owned(), Arc::default());
    }

    /// Lets one try to tell this webhook something come to its end.
    pub fn let_go(&self, url: &str) {
        self.0.held.lock().unwrap()[url].notify_one();
    }

    /// Has it answer at once again.
    pub fn release(&self, url: &str) {
        let held = self.0.held.lock().unwrap().remove(url);
        held.into_iter().for_each(|held| held.notify_one());
    }

    /// All tries to tell this webhook something.
    pub fn tries(&self, url: &str) -> Vec<Told> {
        self.0.told.lock().unwrap().iter().filter(|told| told.request.url == url).cloned().collect()
    }

    /// What this webhook has taken.
    pub fn taken(&self, url: &str) -> Vec<String> {
        let tries = self.tries(url);
        tries.iter().filter(|told| told.outcome == PushOutcome::Delivered).map(Told::brief).collect()
    }

    /// Resolves when the webhooks have been tried in such a way.
    pub async fn until(&self, mut done: impl FnMut(&Self) -> bool) {
        let told = async {
            loop {
                let changed = self.0.changed.notified();
                if done(self) {
                    return;
                }
                changed.await;
            }
        };
        let day = Duration::from_secs(24 * 60 * 60);
        assert!(tokio::time::timeout(day, told).await.is_ok(), "waited in vain for webhooks to be told");
    }
}

pub fn busy() -> PushOutcome {
    PushOutcome::Retry { after: None, reason: "busy".to_owned() }
}

impl PushTransport for Webhooks {
    fn check<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            match url.starts_with("https://hook.example") {
                true => Ok(()),
                false => Err(Error::invalid("url", "leads where no webhook may be")),
            }
        })
    }

    fn deliver(&self, request: PushRequest) -> BoxFuture<'_, PushOutcome> {
        Box::pin(async move {
            let after = self.0.begin.elapsed();
            let held = self.0.held.lock().unwrap().get(&request.url).cloned();
            if let Some(held) = held {
                held.notified().await;
            }
            let outcome = self.0.answers.lock().unwrap().get_mut(&request.url).and_then(VecDeque::pop_front);
            let outcome = outcome.unwrap_or(PushOutcome::Delivered);
            self.0.told.lock().unwrap().push(Told { request, after, outcome: outcome.clone() });
            self.0.changed.notify_waiters();
            outcome
        })
    }
}
