use agent_sdk::{prelude::*, protocol::Error};

#[a2a_rpc("example/add")]
fn add(_context: CallContext, a: i64, b: i64) -> Result<i64, Error> {
    Ok(a + b)
}

#[a2a_rpc("example/sum")]
struct Sum;

#[a2a_rpc("example/drop")]
async unsafe fn discard(_context: CallContext) -> Result<(), Error> {
    Ok(())
}

#[a2a_rpc("example/max")]
async fn max<T: Ord>(_context: CallContext, a: T, b: T) -> Result<T, Error> {
    Ok(a.max(b))
}

fn main() {}
