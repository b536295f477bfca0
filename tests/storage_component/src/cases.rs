//! The conformance suite, case by case.

use a2a_app_ports::{Storage, conformance::storage_cases};
use http::StatusCode;

use crate::{Answer, no, storages::Any};

/// The names of all cases, one a line. They are the same for every storage.
pub(crate) fn names() -> String {
    let names: Vec<_> = storage_cases::<Any>().iter().map(|case| case.name).collect();
    names.join("\n")
}

/// Runs a case. It panics where the storage does not do what it has to.
pub(crate) async fn run<S: Storage>(storage: &S, name: &str) -> Answer {
    let Some(case) = storage_cases::<S>().into_iter().find(|case| case.name == name) else {
        return no(StatusCode::NOT_FOUND, "there is no case of this name");
    };
    (case.run)(storage).await;
    (StatusCode::OK, String::new())
}
