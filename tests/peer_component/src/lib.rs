//! The agent of `nuncio demo-server` as a component. It also has an extended card, and calls webhooks of its own
//! networks: what else it may call its host says.

#![cfg(target_family = "wasm")]

use agent_sdk::{
    ServerOptions, V03Support,
    client::{Guard, TransportError, Webhooks},
    prelude::*,
};

#[path = "../../../crates/nuncio/src/demo/agent.rs"]
mod demo;

async fn agent() -> Result<Agent, TransportError> {
    let mut server = ServerOptions::default();
    server.v03 = V03Support::Announced;
    let extended = demo::agent().server(server).extended_card(|_, mut card| {
        card.description = "Extended".to_owned();
        Ok(card)
    });
    Ok(extended.push(Webhooks::new(Guard::default().allow_local_networks(true))?))
}

agent_sdk::component!(agent);
