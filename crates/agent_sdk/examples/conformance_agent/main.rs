//! The agent that the official conformance suites are run against: it does what their tests ask it
//! to, by the names they give. `docs/conformance.md` says how they are run, and what came of it.
//!
//! `cargo run --example conformance_agent -- --httpPort 9999 --grpcPort 9998`

mod behaviours;
mod client_parse;
mod instruction;

use agent_sdk::{ServerOptions, prelude::*, protocol::AgentExtension};
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
    _grpc_port: u16,
    /// Without the optional capabilities; also by the variable `ITK_ACTS_REDUCED_CAPABILITIES`.
    #[arg(long)]
    reduced: bool,
    /// With an extension that callers have to support.
    #[arg(long)]
    required_extension: bool,
}

#[tokio::main]
async fn main() -> Result<(), ServeError> {
    let arguments = Arguments::parse();
    let reduced = arguments.reduced || is_set("ITK_ACTS_REDUCED_CAPABILITIES");
    let mut server = ServerOptions::default();
    server.json_rpc_paths = vec!["/jsonrpc".to_owned()];
    server.http_json_prefix = Some("/rest".to_owned());
    let skill = Skill::new("conformance", "Conformance").tag("conformance").answers(Answers::Either);
    Agent::new("Conformance", "Does what the official conformance suites ask")
        .skill(skill, behaviours::Suites::from_environment())
        .input_modes(["text/plain", "application/json", instruction::MEDIA_TYPE])
        .output_modes(["text/plain", "application/json"])
        .server(server)
        .card(|card| {
            card.capabilities.streaming = Some(!reduced);
            if arguments.required_extension {
                let mut extension = AgentExtension::new(REQUIRED_EXTENSION);
                extension.required = true;
                card.capabilities.extensions.push(extension);
            }
        })
        .serve(("127.0.0.1", arguments.http_port))
        .await
}

/// Whether a variable of the environment says yes.
fn is_set(name: &str) -> bool {
    std::env::var(name).is_ok_and(|value| !matches!(&*value.to_lowercase(), "" | "0" | "false" | "no"))
}
