use agent_sdk::{prelude::*, protocol::Error};

use std::{cell::Cell, sync::Arc};

#[a2a_rpc("example/count")]
async fn count(state: Arc<Cell<u8>>, _context: CallContext) -> Result<u8, Error> {
    Ok(state.replace(1))
}

fn main() {}
