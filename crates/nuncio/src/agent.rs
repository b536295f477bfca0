//! From the settings to a client of the agent.

use std::{sync::Arc, time::Duration};

use a2a_http_client::{CardCache, CardDocument, Client, ClientBuilder, Timeouts, native::Reqwest};
use a2a_protocol_core::{AgentCard, EXTENSIONS_HEADER, VERSION_HEADER};

use crate::{
    app::App,
    cache::CardFiles,
    debug::{Log, LoggedTransport},
    error::{Code, Failure},
    settings::Settings,
};

/// How long an agent that cannot stream may take to answer a call that waits for its task, unless
/// `--timeout` says so: it answers only when the work is done.
const LONGEST_BLOCKING_CALL: Duration = Duration::from_secs(3600);

/// The agent's card.
///
/// # Errors
/// When there is no agent named, or no card of it to be had.
pub(crate) async fn card(app: &App) -> Result<(ClientBuilder, CardDocument), Failure> {
    card_of(app, app.settings.agent_card.as_deref()).await
}

async fn card_of(app: &App, reference: Option<&str>) -> Result<(ClientBuilder, CardDocument), Failure> {
    let reference = reference
        .ok_or_else(|| Failure::usage("no agent is named: give --agent-card (-a), or set A2ACLI_AGENT_CARD"))?;
    let builder = builder(app)?;
    let document = builder.document(reference).await.map_err(|error| app.not_connected(&error))?;
    app.card.replace(Some(document.card.clone()));
    Ok((builder, document))
}

/// A client of the agent. `blocking` says that a call may be answered only when its work is done.
///
/// # Errors
/// Like [`card`], and when the agent has no interface that this tool speaks.
pub(crate) async fn connect(app: &App, blocking: bool) -> Result<Client, Failure> {
    let (mut builder, document) = card(app).await?;
    if blocking && document.card.capabilities.streaming != Some(true) {
        let first_byte = app.settings.timeout.unwrap_or(LONGEST_BLOCKING_CALL);
        builder = builder.timeouts(Timeouts { first_byte, idle: first_byte, ..Timeouts::default() });
    }
    let client = client(app, builder, &document)?;
    let interface = client.interface();
    if app.settings.debug {
        let tenant = interface.tenant.as_ref().map(|tenant| format!(", tenant {tenant}")).unwrap_or_default();
        app.console.note(&format!(
            "debug: the card at {} is followed to {} {} at {}{tenant}",
            document.location, interface.protocol_binding, interface.protocol_version, interface.url
        ));
    }
    Ok(client)
}

/// A client of the agent that is relayed to, as patient as its callers may be.
///
/// # Errors
/// Like [`connect`].
pub(crate) async fn relayed(app: &App, to: Option<&str>) -> Result<Client, Failure> {
    let (builder, document) = card_of(app, to.or(app.settings.agent_card.as_deref())).await?;
    let patience = app.settings.timeout.unwrap_or(LONGEST_BLOCKING_CALL);
    let timeouts = Timeouts { first_byte: patience, idle: patience, ..Timeouts::default() };
    client(app, builder.timeouts(timeouts).idempotent_sends(false), &document)
}

/// A client by this card.
///
/// # Errors
/// When the card has no interface that this tool speaks.
pub(crate) fn client(app: &App, builder: ClientBuilder, document: &CardDocument) -> Result<Client, Failure> {
    builder.with_document(document).map_err(|error| app.not_connected(&error))
}

/// Whether the card declares the streaming operations.
pub(crate) fn streams(card: &AgentCard) -> bool {
    card.capabilities.streaming == Some(true)
}

fn builder(app: &App) -> Result<ClientBuilder, Failure> {
    let settings = &app.settings;
    let mut builder = agent_sdk::client_builder().prefer(&settings.transports);
    if let Some(version) = &settings.a2a_version {
        builder = builder.protocol_version(version);
    }
    if let Some(token) = &settings.bearer {
        builder = builder.bearer(token.0.as_str());
    }
    if let Some(key) = &settings.api_key {
        builder = builder.api_key(key.0.as_str());
    }
    for (name, value) in &settings.service_parameters {
        builder = match name.to_ascii_lowercase().as_str() {
            VERSION_HEADER => return Err(Failure::usage("--svc-param: the version is set by --a2a-version")),
            EXTENSIONS_HEADER => value.0.split(',').map(str::trim).fold(builder, ClientBuilder::extension),
            _ => builder.service_param(name, &value.0),
        };
    }
    if settings.insecure {
        warn_of_insecurity(app);
        builder = builder.danger_accept_invalid_certs(true);
    }
    if may_cache(settings)
        && let Some(files) = CardFiles::of_user()
    {
        builder = builder.card_cache(Arc::new(CardCache::with_store(files)));
    }
    if settings.debug {
        let log = Arc::new(Log::new(app.console.secrets().clone(), &settings.service_parameters));
        let transport = Reqwest::new(Timeouts::default().connect, settings.insecure)
            .map_err(|error| Failure::new(Code::Internal, error.to_string()))?;
        builder = builder.transport(Arc::new(LoggedTransport::new(transport, log.clone()))).observer(log);
    }
    Ok(builder)
}

/// A card that was fetched without verification, or under parameters of this invocation, is not
/// for others.
fn may_cache(settings: &Settings) -> bool {
    !settings.insecure && settings.service_parameters.is_empty()
}

fn warn_of_insecurity(app: &App) {
    let settings = &app.settings;
    app.console
        .warn("TLS CERTIFICATES ARE NOT VERIFIED (--insecure): anyone on the way can read and change everything");
    if settings.bearer.is_some() || settings.api_key.is_some() || !settings.service_parameters.is_empty() {
        app.console.warn("SECURITY: CREDENTIALS ARE SENT OVER AN UNVERIFIED CONNECTION; treat them as disclosed");
    }
}
