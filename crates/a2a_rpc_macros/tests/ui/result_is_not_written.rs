use agent_sdk::{prelude::*, protocol::Error};

use serde::Deserialize;

#[derive(Deserialize)]
struct Sum;

#[a2a_rpc("example/value")]
async fn value(_context: CallContext) -> Result<Sum, Error> {
    Ok(Sum)
}

#[a2a_rpc("example/values")]
async fn values(_context: CallContext) -> Result<impl futures::Stream<Item = Result<Sum, Error>>, Error> {
    Ok(futures::stream::iter([Ok(Sum)]))
}

fn main() {}
