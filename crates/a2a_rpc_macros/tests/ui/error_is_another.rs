use agent_sdk::{prelude::*, protocol::Error};

#[a2a_rpc("example/parse")]
async fn parse(_context: CallContext, text: String) -> Result<i64, std::num::ParseIntError> {
    text.parse()
}

fn unused(_: Error) {}

fn main() {}
