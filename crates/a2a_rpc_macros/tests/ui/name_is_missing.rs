use agent_sdk::{prelude::*, protocol::Error};

#[a2a_rpc]
async fn add(_context: CallContext, a: i64, b: i64) -> Result<i64, Error> {
    Ok(a + b)
}

#[a2a_rpc(add)]
async fn subtract(_context: CallContext, a: i64, b: i64) -> Result<i64, Error> {
    Ok(a - b)
}

fn main() {}
