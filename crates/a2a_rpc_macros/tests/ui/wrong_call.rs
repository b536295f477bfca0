use agent_sdk::{prelude::*, protocol::Error};

#[a2a_rpc("example/add")]
async fn add(_context: CallContext, a: i64, b: i64) -> Result<i64, Error> {
    Ok(a + b)
}

async fn call(agent: &dyn AgentService) -> Result<(), Error> {
    let sum: String = add::call(agent, 1, 2).await?;
    add::call(agent, 1, "two").await?;
    add::call(agent, 1).await?;
    drop(sum);
    Ok(())
}

fn main() {}
