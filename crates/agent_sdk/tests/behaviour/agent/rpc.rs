//! An agent with methods of its own that are functions.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use agent_sdk::{
    prelude::*,
    protocol::{Error, ErrorKind},
};
use futures::{Stream, StreamExt as _, stream};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Count {
    pub(crate) to: Vec<u32>,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Counted {
    pub(crate) sum: u32,
    pub(crate) who: String,
}

/// Adds two numbers.
///
/// They may be negative.
#[a2a_rpc("example/add")]
pub(crate) async fn add(_context: CallContext, a: i64, b: i64) -> Result<i64, Error> {
    a.checked_add(b).ok_or_else(|| Error::invalid("a", "the sum is too large"))
}

#[a2a_rpc("example/count")]
pub(crate) async fn count(context: CallContext, params: Count) -> Result<Counted, Error> {
    let sum = params.to.iter().try_fold(0_u32, |sum, next| sum.checked_add(*next));
    let sum = sum.ok_or_else(|| Error::invalid("to", "adds up to too much"))?;
    Ok(Counted { sum, who: format!("{:?}", context.principal) })
}

/// Says one number after the other.
#[a2a_rpc("example/count-up")]
pub(crate) async fn count_up(
    _context: CallContext,
    to: Vec<u32>,
    start_at: Option<u32>,
) -> Result<impl Stream<Item = Result<u32, Error>>, Error> {
    if to.is_empty() {
        return Err(Error::invalid("to", "must not be empty"));
    }
    Ok(stream::iter(to).map(move |next| match next {
        13 => Err(Error::new(ErrorKind::ResourceExhausted, "no thirteen")),
        99 => panic!("secret detail"),
        next => Ok(start_at.unwrap_or(0) + next),
    }))
}

#[a2a_rpc("example/ping")]
pub(crate) async fn ping(_context: CallContext) -> Result<String, Error> {
    Ok("pong".to_owned())
}

#[a2a_rpc("example/panic")]
pub(crate) async fn panics(_context: CallContext, agent: Option<String>, state: Option<u8>) -> Result<(), Error> {
    panic!("secret detail: {agent:?} {state:?}")
}

#[a2a_rpc("example/visits")]
pub(crate) async fn visits(visits: Arc<AtomicU32>, _context: CallContext) -> Result<u32, Error> {
    Ok(visits.fetch_add(1, Ordering::Relaxed) + 1)
}

pub(crate) fn all(agent: Agent) -> Agent {
    agent
        .rpc::<add>()
        .rpc::<count>()
        .rpc::<count_up>()
        .rpc::<ping>()
        .rpc::<panics>()
        .rpc_with::<visits>(Arc::default())
        .method("example/plain", |_context, (a, _): (Vec<Option<u8>>, String)| async move { Ok(Some(a)) })
}
