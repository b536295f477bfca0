//! Webhooks: what they were told, and the trouble they make.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use agent_sdk::protocol::StreamResponse;
use axum::{Router, body::Bytes, extract::Path, http::StatusCode, routing::post};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::dice::Dice;

type Told = Arc<Mutex<HashMap<String, Vec<StreamResponse>>>>;

pub(crate) struct Hooks {
    url: String,
    told: Told,
    serves: JoinHandle<()>,
}

impl Hooks {
    pub(crate) async fn new(dice: Dice) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let told = Told::default();
        let (notes, dice) = (told.clone(), Arc::new(dice));
        let receive = move |Path(name): Path<String>, body: Bytes| {
            let (notes, dice) = (notes.clone(), dice.clone());
            async move {
                // Before anything was noted: the webhook has not been told.
                if dice.one_in(20) {
                    return StatusCode::SERVICE_UNAVAILABLE;
                }
                let event = serde_json::from_slice(&body).unwrap();
                notes.lock().unwrap().entry(name).or_default().push(event);
                // Or it has, and who told it does not know.
                if dice.one_in(20) { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::NO_CONTENT }
            }
        };
        let router = Router::new().route("/{name}", post(receive));
        let serves = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, told, serves }
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.url)
    }

    pub(crate) fn told(&self) -> MutexGuard<'_, HashMap<String, Vec<StreamResponse>>> {
        self.told.lock().unwrap()
    }

    /// Whether it was told how its task ended.
    pub(crate) fn knows_the_end(&self, name: &str) -> bool {
        let told = self.told();
        let mut states = told.get(name).into_iter().flatten().filter_map(|event| event.status());
        states.any(|status| status.state.is_terminal())
    }
}

impl Drop for Hooks {
    fn drop(&mut self) {
        self.serves.abort();
    }
}
