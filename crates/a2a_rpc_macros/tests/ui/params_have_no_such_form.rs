use agent_sdk::{prelude::*, protocol::Error};

#[a2a_rpc("example/scalar")]
async fn scalar(_context: CallContext, params: String) -> Result<(), Error> {
    drop(params);
    Ok(())
}

#[a2a_rpc("example/more")]
async fn more(_context: CallContext, params: Vec<u8>, more: u8) -> Result<(), Error> {
    drop((params, more));
    Ok(())
}

#[a2a_rpc("example/pattern")]
async fn pattern(_context: CallContext, (a, b): (i64, i64)) -> Result<i64, Error> {
    Ok(a + b)
}

#[a2a_rpc("example/borrowed")]
async fn borrowed(_context: CallContext, text: &str) -> Result<(), Error> {
    drop(text);
    Ok(())
}

#[a2a_rpc("example/generic")]
async fn generic(_context: CallContext, text: impl Into<String>) -> Result<String, Error> {
    Ok(text.into())
}

fn main() {}
