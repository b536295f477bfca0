//! An agent with methods of its own.

use agent_sdk::{
    prelude::*,
    protocol::{Error, ErrorKind},
};
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Count {
    to: Vec<u32>,
    tenant: Option<String>,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Counted {
    pub(crate) sum: u32,
    pub(crate) who: String,
}

async fn count(context: CallContext, params: Count) -> Result<Counted, Error> {
    let who = format!("{:?} of {:?}", context.principal, params.tenant);
    let sum = params.to.iter().try_fold(0_u32, |sum, next| sum.checked_add(*next));
    sum.map(|sum| Counted { sum, who }).ok_or_else(|| Error::invalid("to", "adds up to too much"))
}

pub(crate) fn all(agent: Agent) -> Agent {
    agent
        .method("example/count", count)
        .method("example/ping", |_context, (): ()| async { Ok("pong") })
        .method("example/maybe", |_context, params: Option<(u8, u8)>| async move { Ok(format!("{params:?}")) })
        .method("example/panic", |_context, (): ()| async { panic!("secret detail") as Result<(), Error> })
        .streaming_method("example/count-up", |_context, params: Count| async move {
            if params.to.is_empty() {
                return Err(Error::invalid("to", "must not be empty"));
            }
            Ok(stream::iter(params.to).map(|next| match next {
                13 => Err(Error::new(ErrorKind::ResourceExhausted, "no thirteen")),
                99 => panic!("secret detail"),
                next => Ok(Counted { sum: next, who: String::new() }),
            }))
        })
}
