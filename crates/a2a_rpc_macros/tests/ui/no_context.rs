use agent_sdk::{prelude::*, protocol::Error};

#[a2a_rpc("example/add")]
async fn add(a: i64, b: i64) -> Result<i64, Error> {
    Ok(a + b)
}

#[a2a_rpc("example/ping")]
async fn ping() -> Result<(), Error> {
    Ok(())
}

#[a2a_rpc("example/borrowed")]
async fn borrowed(_context: &CallContext) -> Result<(), Error> {
    Ok(())
}

#[a2a_rpc("example/late")]
async fn late(a: i64, b: i64, _context: CallContext) -> Result<i64, Error> {
    Ok(a + b)
}

fn main() {}
