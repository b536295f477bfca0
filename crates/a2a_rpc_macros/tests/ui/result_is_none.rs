use agent_sdk::{prelude::*, protocol::Error};

#[a2a_rpc("example/nothing")]
async fn nothing(_context: CallContext) {}

#[a2a_rpc("example/value")]
async fn value(_context: CallContext) -> i64 {
    1
}

#[a2a_rpc("example/values")]
async fn values(_context: CallContext) -> Result<impl futures::Stream<Item = i64>, Error> {
    Ok(futures::stream::iter([1]))
}

fn main() {}
