use agent_sdk::{prelude::*, protocol::Error};

#[a2a_rpc("example/add")]
#[a2a_rpc("example/sum")]
async fn add(_context: CallContext, a: i64, b: i64) -> Result<i64, Error> {
    Ok(a + b)
}

fn main() {}
