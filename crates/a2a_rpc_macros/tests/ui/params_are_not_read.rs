use agent_sdk::{prelude::*, protocol::Error};

use serde::Serialize;

#[derive(Serialize)]
struct Sum {
    a: i64,
}

#[a2a_rpc("example/add")]
async fn add(_context: CallContext, params: Sum) -> Result<i64, Error> {
    Ok(params.a)
}

fn main() {}
