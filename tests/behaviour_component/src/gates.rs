//! The agent's line to its test: requests to the test's process.

use std::{sync::Arc, time::Duration};

use agent_sdk::client::{HttpTransport, component::Wasi};
use bytes::Bytes;
use http::{Method, StatusCode};

/// Points at which the agent reports and waits, by name; and what it tells besides.
#[derive(Clone)]
pub(crate) struct Gates(Arc<str>);

impl Gates {
    pub(crate) fn at(test: String) -> Self {
        Self(test.into())
    }

    /// Reports that the agent is there, and waits until the test opens the gate. The test sees it, too, when this is
    /// dropped: then the request is given up.
    pub(crate) async fn pass(&self, name: &str) {
        self.ask(Method::GET, format!("{}/gates/{}", self.0, name.replace(' ', "%20")), String::new()).await;
    }

    /// Tells the test something. It is told when this returns.
    pub(crate) async fn tell(&self, what: String) {
        self.ask(Method::POST, format!("{}/told", self.0), what).await;
    }

    async fn ask(&self, method: Method, url: String, body: String) {
        let request = http::Request::builder().method(method).uri(url).body(Bytes::from(body)).unwrap();
        let answer = Wasi::new(Duration::from_secs(10)).send(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
}
