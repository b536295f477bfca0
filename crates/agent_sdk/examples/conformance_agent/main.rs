//! The agent that the official conformance suites are run against: it does what their tests ask it
//! to, by the names they give. `docs/conformance.md` says how they are run, and what came of it.
//!
//! `cargo run --example conformance_agent -- --httpPort 9999 --grpcPort 9998`. As a component:
//! `tests/conformance_component`.

mod access;
mod behaviours;
mod client_parse;
mod instruction;

use agent_sdk::{
    ServerOptions, V03Support,
    client::{Guard, TransportError, Webhooks},
    prelude::*,
    protocol::AgentExtension,
};
use clap::{Args, builder::FalseyValueParser};

/// The extension that the TCK asks for.
const REQUIRED_EXTENSION: &str = "urn:a2a:tck:required-extension";

/// What is asked of the agent. A component has no command line, but variables.
#[derive(Args)]
struct Options {
    /// Without the optional capabilities.
    #[arg(long, env = "ITK_ACTS_REDUCED_CAPABILITIES", value_parser = FalseyValueParser::new())]
    reduced: bool,
    /// With an extension that callers have to support.
    #[arg(long, env = "CONFORMANCE_REQUIRED_EXTENSION", value_parser = FalseyValueParser::new())]
    required_extension: bool,
    /// Asks every call for a token.
    #[arg(long, env = "ITK_ACTS_AUTH", value_parser = FalseyValueParser::new())]
    auth: bool,
    /// With a card that is one of version 1.0 alone, as strict readers want it. Version 0.3 is answered
    /// all the same.
    #[arg(long, env = "CONFORMANCE_STRICT_CARD", value_parser = FalseyValueParser::new())]
    strict_card: bool,
}

impl Options {
    fn agent(self) -> Result<Agent, TransportError> {
        let mut server = ServerOptions::default();
        // The TCK of 0.3 sends what no client does to the address that it is given.
        server.json_rpc_paths = vec!["/jsonrpc".to_owned(), "/".to_owned()];
        server.http_json_prefix = Some("/rest".to_owned());
        server.v03 = if self.strict_card { V03Support::Answered } else { V03Support::Announced };
        let skill = Skill::new("conformance", "Conformance").tag("conformance").answers(Answers::Either);
        let mut agent = Agent::new("Conformance", "Does what the official conformance suites ask")
            .skill(skill, behaviours::Suites::from_environment())
            .input_modes(["text/plain", "application/json", instruction::MEDIA_TYPE])
            .output_modes(["text/plain", "application/json"])
            .server(server)
            .card(|card| {
                card.capabilities.streaming = Some(!self.reduced);
                if self.required_extension {
                    let mut extension = AgentExtension::new(REQUIRED_EXTENSION);
                    extension.required = true;
                    card.capabilities.extensions.push(extension);
                }
            });
        if !self.reduced {
            // The suites' webhooks are on this machine.
            agent = agent
                .push(Webhooks::new(Guard::default().allow_local_networks(true))?)
                .extended_card(access::extended_card);
        }
        if self.auth {
            agent = agent
                .card(|card| card.security_requirements.push(access::requirement()))
                .authenticate(access::tokens());
        }
        Ok(agent)
    }
}

#[cfg(not(target_family = "wasm"))]
mod native {
    use agent_sdk::GrpcPort;
    use clap::Parser;

    #[derive(Parser)]
    pub(super) struct Arguments {
        /// The port of JSON-RPC (`/jsonrpc`) and HTTP+JSON (`/rest`).
        #[arg(long = "httpPort", default_value_t = 9999)]
        http_port: u16,
        /// The port of gRPC.
        #[arg(long = "grpcPort", default_value_t = 9998)]
        grpc_port: u16,
        /// Without gRPC.
        #[arg(long)]
        no_grpc: bool,
        #[command(flatten)]
        options: super::Options,
    }

    impl Arguments {
        pub(super) async fn serve(self) -> Result<(), Box<dyn std::error::Error>> {
            let grpc = match self.no_grpc {
                true => GrpcPort::Off,
                false => GrpcPort::Own(format!("127.0.0.1:{}", self.grpc_port)),
            };
            Ok(self.options.agent()?.grpc(grpc).serve(("127.0.0.1", self.http_port)).await?)
        }
    }
}

#[cfg(not(target_family = "wasm"))]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    <native::Arguments as clap::Parser>::parse().serve().await
}

#[cfg(target_family = "wasm")]
async fn agent() -> Result<Agent, Box<dyn std::error::Error>> {
    use clap::{Command, FromArgMatches as _};

    let variables = Options::augment_args(Command::new("conformance_agent")).try_get_matches_from([""])?;
    Ok(Options::from_arg_matches(&variables)?.agent()?)
}

#[cfg(target_family = "wasm")]
agent_sdk::component!(agent);
