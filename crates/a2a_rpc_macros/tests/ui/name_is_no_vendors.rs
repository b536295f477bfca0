use agent_sdk::{prelude::*, protocol::Error};

#[a2a_rpc("add")]
async fn add(_context: CallContext, a: i64, b: i64) -> Result<i64, Error> {
    Ok(a + b)
}

#[a2a_rpc("tasks/translate")]
async fn translate(text: String) -> Result<String, Error>;

#[a2a_rpc("rpc.example/discover")]
async fn discover() -> Result<String, Error>;

fn main() {}
