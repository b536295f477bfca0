//! Does to a storage in a component what a test outside asks for.
//!
//! `GET /cases` lists the cases of the conformance suite, one a line. Everything else names its storage:
//! `?storage=sqlite&label=NAME`, a database that the host has; with `&patience=MILLISECONDS` an instance opens it with
//! so much patience. With `?storage=key-value` it is a key-value store of that label.
//!
//! - `POST /cases/NAME` runs a case, against a storage that has to be empty. A case that does not hold
//!   panics: the instance dies, the request fails, and what the case saw is on its standard error.
//! - `POST /tasks/N` creates a task, `POST /tasks/N/events?expected=R&count=M` appends to its log, and
//!   `GET /tasks/N` reads it: each answers with the revision, or 409 where another append came first.
//!   With `&drop_after=MICROSECONDS` what was begun is dropped after so long, and with `&trap_after=` the
//!   instance dies then.

#![cfg(target_family = "wasm")]

mod cases;
mod storages;
mod tasks;

use std::collections::HashMap;

use http::{Method, Response, StatusCode, Uri};
use wasip3::{
    exports::http::handler::Guest,
    http::types::{ErrorCode, Request, Response as Sent},
    http_compat::{http_from_wasi_request, http_into_wasi_response},
};
// Its feature lets one request of an instance wake another.
use wit_bindgen as _;

use self::storages::with_storage;

/// What a request says besides its path.
struct Query(HashMap<String, String>);

impl Query {
    fn of(uri: &Uri) -> Self {
        let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }
}

/// What is answered, as far as it is text.
type Answer = (StatusCode, String);

fn no(status: StatusCode, what: impl ToString) -> Answer {
    (status, what.to_string())
}

struct Component;

wasip3::http::service::export!(Component);

impl Guest for Component {
    async fn handle(request: Request) -> Result<Sent, ErrorCode> {
        let request = http_from_wasi_request(request)?;
        let (status, body) = answer(request.method(), request.uri()).await;
        http_into_wasi_response(Response::builder().status(status).body(body).unwrap_or_default())
    }
}

async fn answer(method: &Method, uri: &Uri) -> Answer {
    let query = Query::of(uri);
    let path: Vec<_> = uri.path().split('/').filter(|part| !part.is_empty()).collect();
    match (method, path.as_slice()) {
        (&Method::GET, ["cases"]) => (StatusCode::OK, cases::names()),
        (&Method::POST, ["cases", name]) => with_storage!(&query, storage => cases::run(&storage, name).await),
        (&Method::POST, ["tasks", task]) => with_storage!(&query, storage => tasks::create(&storage, task).await),
        (&Method::GET, ["tasks", task]) => with_storage!(&query, storage => tasks::read(&storage, task).await),
        (&Method::POST, ["tasks", task, "events"]) => {
            with_storage!(&query, storage => tasks::append(&storage, task, &query).await)
        }
        _ => no(StatusCode::NOT_FOUND, "there is nothing of this path"),
    }
}
