use agent_sdk::{prelude::*, protocol::Error};

use std::rc::Rc;

#[a2a_rpc("example/held")]
async fn held(_context: CallContext) -> Result<u8, Error> {
    let held = Rc::new(1);
    std::future::ready(()).await;
    Ok(*held)
}

fn main() {}
