//! The agent that the official conformance suites are run against: it does what their tests ask it
//! to, by the names they give. `docs/conformance.md` says how they are run, and what came of it.
//!
//! `cargo run --example conformance_agent -- --httpPort 9999 --grpcPort 9998`

mod access;
mod behaviours;
mod client_parse;
mod instruction;

use agent_sdk::{
    GrpcPort, ServerOptions, V03Support,
    client::{Guard, Webhooks},
    prelude::*,
    protocol::AgentExtension,
};
use clap::Parser;

/// The extension that the TCK asks for.
const REQUIRED_EXTENSION: &str = "urn:a2a:tck:required-extension";

#[derive(Parser)]
struct Arguments {
    /// The port of JSON-RPC (`/jsonrpc`) and HTTP+JSON (`/rest`).
    #[arg(long = "httpPort", default_value_t = 9999)]
    http_port: u16,
    /// The port of gRPC.
    #[arg(long = "grpcPort", default_value_t = 9998)]
    grpc_port: u16,
    /// Without gRPC.
    #[arg(long)]
    no_grpc: bool,
    /// Without the optional capabilities; also by the variable `ITK_ACTS_REDUCED_CAPABILITIES`.
    #[arg(long)]
    reduced: bool,
    /// With an extension that callers have to support.
    #[arg(long)]
    required_extension: bool,
    /// Asks every call for a token; also by the variable `ITK_ACTS_AUTH`.
    #[arg(long)]
    auth: bool,
    /// With a card that is one of version 1.0 alone, as strict readers want it. Version 0.3 is answered
    /// all the same.
    #[arg(long)]
    strict_card: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let reduced = arguments.reduced || is_set("ITK_ACTS_REDUCED_CAPABILITIES");
    let mut server = ServerOptions::default();
    // The TCK of 0.3 sends what no client does to the address that it is given.
    server.json_rpc_paths = vec!["/jsonrpc".to_owned(), "/".to_owned()];
    server.http_json_prefix = Some("/rest".to_owned());
    server.v03 = if arguments.strict_card { V03Support::Answered } else { V03Support::Announced };
    let skill = Skill::new("conformance", "Conformance").tag("conformance").answers(Answers::Either);
    let mut agent = Agent::new("Conformance", "Does what the official conformance suites ask")
        .skill(skill, behaviours::Suites::from_environment())
        .input_modes(["text/plain", "application/json", instruction::MEDIA_TYPE])
        .output_modes(["text/plain", "application/json"])
        .server(server)
        .grpc(match arguments.no_grpc {
            true => GrpcPort::Off,
            false => GrpcPort::Own(format!("127.0.0.1:{}", arguments.grpc_port)),
        })
        .card(|card| {
            card.capabilities.streaming = Some(!reduced);
            if arguments.required_extension {
                let mut extension = AgentExtension::new(REQUIRED_EXTENSION);
                extension.required = true;
                card.capabilities.extensions.push(extension);
            }
        });
    if !reduced {
        // The suites' webhooks are on this machine.
        agent = agent
            .push(Webhooks::new(Guard::default().allow_local_networks(true))?)
            .extended_card(access::extended_card);
    }
    if arguments.auth || is_set("ITK_ACTS_AUTH") {
        agent =
            agent.card(|card| card.security_requirements.push(access::requirement())).authenticate(access::tokens());
    }
    agent.serve(("127.0.0.1", arguments.http_port)).await?;
    Ok(())
}

/// Whether a variable of the environment says yes.
fn is_set(name: &str) -> bool {
    std::env::var(name).is_ok_and(|value| !matches!(&*value.to_lowercase(), "" | "0" | "false" | "no"))
}
