use agent_sdk::{prelude::*, protocol::Error};

use agent_sdk::ports::RpcMethod;

struct Sums;

#[a2a_rpc("translator.example/translate")]
async fn translate(text: String) -> Result<String, Error>;

fn registered<M: RpcMethod>() {}

fn register() {
    registered::<Sums>();
    registered::<translate>();
}

fn main() {}
