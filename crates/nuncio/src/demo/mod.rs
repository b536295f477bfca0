//! The demo agent, and a tour of it.

mod agent;
mod data;
mod limits;
mod tour;

use std::{net::SocketAddr, path::PathBuf};

use a2a_http_client::{Guard, Webhooks};
use a2a_protocol_core::signing::SigningKey;
use agent_sdk::{ServerOptions, V03Support};
use clap::Args;

use crate::{
    error::{Code, Failure},
    place::{self, Place},
};
pub(crate) use tour::tour;

/// `demo-server`
#[derive(Args)]
pub(crate) struct DemoServerArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:3000")]
    pub(crate) listen: SocketAddr,
    /// Keep tasks in this directory, which is made if it is not there, instead of in memory. What was
    /// left unfinished is taken up at the next start
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Keep tasks in this PostgreSQL database, which other replicas of this agent may share
    /// [env: A2ACLI_DATABASE_URL]
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    pub(crate) database_url: Option<String>,
    /// Have replicas wake each other through NATS instead of the database, for large fleets
    /// [env: A2ACLI_NATS_URL]
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    pub(crate) nats_url: Option<String>,
    #[command(flatten)]
    pub(crate) limits: limits::LimitArgs,
}

impl std::fmt::Debug for DemoServerArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DemoServerArgs").field("listen", &self.listen).field("data", &self.data).finish_non_exhaustive()
    }
}

/// Serves the demo agent until Ctrl-C. The first line on stdout says where.
pub(crate) async fn serve(arguments: &DemoServerArgs) -> Result<(), Failure> {
    let cannot = |error: &dyn std::error::Error| {
        Failure::new(Code::Internal, format!("cannot send push notifications: {error}"))
    };
    let webhooks = webhooks(arguments.listen).map_err(|error| cannot(&*error))?;
    let limits = &arguments.limits;
    let agent = agent::agent().server(options()).push(webhooks).engine(limits.engine());
    let agent = match Place::of(arguments.data.as_deref(), arguments.database_url.as_deref())? {
        Some(place) => {
            let nats = arguments.nats_url.clone().or_else(|| place::variable(place::NATS_URL));
            data::keep(agent, place, nats, limits.retention()).await?
        }
        None if arguments.nats_url.is_some() => return Err(Failure::usage("--nats-url: needs --database-url")),
        None => agent.storage(limits.in_memory()?),
    };
    listen(agent, arguments.listen, "--listen").await
}

/// Notifications are signed with a key that lives as long as the agent. Webhooks in networks of its own
/// are called only where nobody but this machine can ask for it.
fn webhooks(listen: SocketAddr) -> Result<Webhooks, Box<dyn std::error::Error>> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;
    let guard = Guard::default().allow_local_networks(listen.ip().is_loopback());
    Ok(Webhooks::new(guard)?.signed_by(SigningKey::es256(&secret)?, None))
}

/// How agents of this command are served: callers of 0.3 find what they read in the card, too.
pub(crate) fn options() -> ServerOptions {
    let mut options = ServerOptions::default();
    options.v03 = V03Support::Announced;
    options
}

/// Serves an agent until Ctrl-C. The first line on stdout says where.
pub(crate) async fn listen(agent: agent_sdk::Agent, address: SocketAddr, option: &str) -> Result<(), Failure> {
    let cannot = |error: agent_sdk::ServeError| {
        let message = format!("cannot serve at {address}: {}", innermost(&error));
        Failure::new(Code::Listen, message).hint(format!("choose another place with {option}; port 0 takes a free one"))
    };
    agent_sdk::log_to_stderr();
    let serving = agent.bind(address).await.map_err(cannot)?;
    crate::app::written(announce(&serving.url()))?;
    serving.serve().await;
    Ok(())
}

/// What the system says of it.
fn innermost<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a (dyn std::error::Error + 'static) {
    error.source().map_or(error, innermost)
}

fn announce(url: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "URL: {url}")?;
    stdout.flush()
}
