//! Code of the agent's author that is run within a call: where it panics, the call fails and nothing
//! else.

use std::{
    any::Any,
    fmt::Display,
    future::ready,
    panic::{AssertUnwindSafe, catch_unwind},
};

use a2a_protocol_core::Error;
use futures::{FutureExt as _, Stream, StreamExt as _};

/// What this code comes to. A panic is an Internal error, whose cause tells the log the place.
pub(crate) fn caught<T>(place: impl Display, code: impl FnOnce() -> T) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|panic| panicked(place, &*panic))
}

/// As [`caught`], for a future.
pub(crate) async fn guarded<T>(place: impl Display, code: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    AssertUnwindSafe(code).catch_unwind().await.unwrap_or_else(|panic| Err(panicked(place, &*panic)))
}

/// As [`caught`], for a stream.
pub(crate) fn guarded_stream<T>(
    place: impl Display,
    code: impl Stream<Item = Result<T, Error>>,
) -> impl Stream<Item = Result<T, Error>> {
    let items = AssertUnwindSafe(code).catch_unwind();
    items.map(move |item| item.unwrap_or_else(|panic| Err(panicked(&place, &*panic))))
}

/// A stream ends with its first error.
pub(crate) fn until_error<T>(items: impl Stream<Item = Result<T, Error>>) -> impl Stream<Item = Result<T, Error>> {
    items.scan(false, |failed, item| {
        let over = std::mem::replace(failed, item.is_err());
        ready((!over).then_some(item))
    })
}

fn panicked(place: impl Display, panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::internal(format!("{place} panicked: {}", text.unwrap_or("without a text")))
}
