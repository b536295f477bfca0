//! An agent that tells its test what it tells webhooks.

use std::collections::BTreeMap;

use agent_sdk::{
    ports::{BoxFuture, PushOutcome, PushRequest, PushTransport},
    prelude::*,
    protocol::Error,
};
use serde::{Deserialize, Serialize};

use crate::gates::Gates;

/// Webhooks there may not be called.
pub(crate) const FORBIDDEN: &str = "https://forbidden.example";

/// What a webhook has been told, in JSON as the test is told it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Delivered {
    pub(crate) url: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// Webhooks that take everything.
struct Webhooks(Gates);

pub(super) fn to(gates: &Gates, agent: Agent) -> Agent {
    agent.push(Webhooks(gates.clone()))
}

impl PushTransport for Webhooks {
    fn check<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        let forbidden = url.starts_with(FORBIDDEN);
        let refused = || Error::invalid("url", "leads where no webhook may be");
        Box::pin(async move { if forbidden { Err(refused()) } else { Ok(()) } })
    }

    fn deliver(&self, request: PushRequest) -> BoxFuture<'_, PushOutcome> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers = request.headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect();
        let delivered = Delivered { headers, body: text(&request.body), url: request.url };
        Box::pin(async move {
            self.0.tell(serde_json::to_string(&delivered).unwrap()).await;
            PushOutcome::Delivered
        })
    }
}
