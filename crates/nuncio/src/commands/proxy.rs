//! `proxy`

use agent_sdk::Relay;

use crate::{agent, app::App, args::ProxyArgs, demo, error::Failure};

/// Answers for another agent until Ctrl-C. The first line on stdout says where.
pub(crate) async fn run(app: &App, args: &ProxyArgs) -> Result<(), Failure> {
    let client = agent::relayed(app, args.to.as_deref()).await?;
    let mut options = demo::options();
    options.public_url.clone_from(&args.public_url);
    let proxy = Relay::to(client).server(options);
    demo::listen(proxy, args.serve, "--serve").await
}
