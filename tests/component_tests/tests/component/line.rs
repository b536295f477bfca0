//! Where a component reaches its test.

use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::gates::Gates;

/// Gates at which the component stands by requests: one that is given up has been dropped there.
pub(crate) struct Line {
    pub(crate) gates: Gates,
    pub(crate) url: String,
    server: JoinHandle<()>,
}

impl Line {
    pub(crate) async fn open() -> Self {
        let gates = Gates::default();
        let router = Router::new()
            .route(
                "/gates/{name}",
                get(|gates: State<Gates>, name: Path<String>| async move { gates.pass(&name).await }),
            )
            .route("/told", post(|gates: State<Gates>, what: String| async move { gates.tell(what).await }))
            .with_state(gates.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { gates, url, server }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.server.abort();
    }
}
