use agent_sdk::{prelude::*, protocol::Error};

struct Sums;

impl Sums {
    #[a2a_rpc("example/add")]
    async fn add(&self, _context: CallContext, a: i64, b: i64) -> Result<i64, Error> {
        Ok(a + b)
    }
}

fn main() {}
