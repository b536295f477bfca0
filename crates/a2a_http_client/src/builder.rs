//! How a client is set up.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use a2a_app_ports::{ConnectOptions, Connector, Host};
use a2a_protocol_core::{
    AgentCard, AgentExtension, EXTENSIONS_HEADER, Error, ErrorKind, LAST_EVENT_ID_HEADER, ProtocolVersion,
    VERSION_HEADER, extensions::IDEMPOTENT_SEND,
};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use protocol_transport_core::{
    headers::is_forwardable,
    policy::{Backoff, Timeouts},
};
use url::Url;

use crate::{
    CardCache, CardDocument, Client, ClientError, HttpTransport, Observer, Secret,
    client::{Shared, Way},
    credentials::Credentials,
    exchange::Link,
    interface::{self, Opener},
    resolve::Resolver,
};

/// Sets up a [`Client`]. A fault in what is set is told by the method that ends the set-up.
///
/// Clones share connections, so a program that calls many agents keeps one builder and clones it.
#[derive(Clone)]
#[must_use]
pub struct ClientBuilder {
    prefer: Vec<String>,
    version: ProtocolVersion,
    credentials: Credentials,
    service_params: HeaderMap,
    extensions: Vec<String>,
    idempotent_sends: bool,
    timeouts: Timeouts,
    backoff: Backoff,
    danger_accept_invalid_certs: bool,
    cache: Option<Arc<CardCache>>,
    observer: Option<Arc<dyn Observer>>,
    transport: Option<Arc<dyn HttpTransport>>,
    /// The transport that was made for want of another, shared with the clones of the builder.
    own_transport: Arc<OnceLock<Arc<dyn HttpTransport>>>,
    connectors: Vec<Arc<dyn Connector>>,
    host: Option<Host>,
    fault: Option<Error>,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self {
            prefer: Vec::new(),
            version: ProtocolVersion::default(),
            credentials: Credentials::default(),
            service_params: HeaderMap::new(),
            extensions: Vec::new(),
            idempotent_sends: true,
            timeouts: Timeouts::default(),
            backoff: Backoff::default(),
            danger_accept_invalid_certs: false,
            cache: None,
            observer: None,
            transport: None,
            own_transport: Arc::default(),
            connectors: Vec::new(),
            host: None,
            fault: None,
        }
    }
}

impl ClientBuilder {
    /// The bindings to use, such as `JSONRPC` and `HTTP+JSON`, the preferred one first. Those that
    /// the agent does not offer are passed over; after the last one the card's order decides.
    pub fn prefer(mut self, bindings: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.prefer = bindings.into_iter().map(Into::into).collect();
        self
    }

    /// A token, sent as `Authorization: Bearer`, unless the card declares security schemes and none
    /// of them takes tokens.
    pub fn bearer(mut self, token: impl Into<Secret>) -> Self {
        self.credentials.bearer = Some(token.into());
        self
    }

    /// An API key, sent where the card's security scheme says: in a header, a query parameter or a
    /// cookie. In the header `X-API-Key`, if the card declares no schemes at all.
    pub fn api_key(mut self, key: impl Into<Secret>) -> Self {
        self.credentials.api_key = Some(key.into());
        self
    }

    /// A header that is sent with every request, that for the card included.
    pub fn service_param(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        let name = name.as_ref();
        let reserved = [VERSION_HEADER, EXTENSIONS_HEADER, LAST_EVENT_ID_HEADER];
        match (HeaderName::try_from(name), HeaderValue::try_from(value.as_ref())) {
            (Ok(name), _) if reserved.contains(&name.as_str()) || !is_forwardable(&name) => {
                self.fault(Error::invalid(name.as_str(), "is set by the client itself"));
            }
            (Ok(name), Ok(value)) => {
                self.service_params.insert(name, value);
            }
            (Err(_), _) => self.fault(Error::invalid(name, "is no name of a header")),
            (_, Err(_)) => self.fault(Error::invalid(name, "the value holds characters that a header cannot carry")),
        }
        self
    }

    /// The URI of a protocol extension to ask for (section 4.6).
    pub fn extension(mut self, uri: impl Into<String>) -> Self {
        let uri = uri.into();
        if uri.is_empty() || uri.contains([',', ' ']) || HeaderValue::try_from(&uri).is_err() {
            self.fault(Error::invalid("extension", format!("{uri:?} is no URI")));
        } else if !self.extensions.contains(&uri) {
            self.extensions.push(uri);
        }
        self
    }

    /// Whether to ask for the extension idempotent send where the card declares it; so by default.
    /// Only then is a send repeated whose outcome is not known.
    pub fn idempotent_sends(mut self, wanted: bool) -> Self {
        self.idempotent_sends = wanted;
        self
    }

    /// How long to wait for the agent.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self.own_transport = Arc::default();
        self
    }

    /// How often, and how long after each other, calls are tried again and streams resumed. An
    /// agent that asks for a longer pause than `max` is not asked again.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Whether to trust any certificate. That lets everyone on the way read and change everything.
    pub fn danger_accept_invalid_certs(mut self, accept: bool) -> Self {
        self.danger_accept_invalid_certs = accept;
        self.own_transport = Arc::default();
        self
    }

    /// The version of the protocol to speak: `1.0`, which is the default, or `0.3`. It is signalled with
    /// every request, and only interfaces of exactly this version are called, whatever else the agent
    /// offers: an earlier version than 1.0 is never fallen back to. Any other is VersionNotSupported.
    ///
    /// What 0.3 cannot say is an error before anything is sent. A subscription begins with the task as
    /// it stands there too, which the client asks for; it ends with it as well, since agents of 0.3 do
    /// not say which events were lost between the two.
    pub fn protocol_version(mut self, version: &str) -> Self {
        match ProtocolVersion::parse(version) {
            Some(version) => self.version = version,
            None => {
                let spoken: Vec<_> = ProtocolVersion::ALL.iter().map(|version| version.as_str()).collect();
                let message =
                    format!("this client speaks versions {} of the protocol, not {version:?}", spoken.join(" and "));
                let error = Error::new(ErrorKind::VersionNotSupported, message);
                self.fault(error.with_metadata("supportedVersions", spoken.join(", ")));
            }
        }
        self
    }

    /// Where cards are kept for as long as their agents allow.
    pub fn card_cache(mut self, cache: Arc<CardCache>) -> Self {
        self.cache = Some(cache);
        self
    }

    /// Is told what happens on the wire.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// How requests leave, instead of by a Reqwest client of its own. The limit for connecting and
    /// the choice to trust any certificate are then the transport's.
    pub fn transport(mut self, transport: Arc<dyn HttpTransport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Calls the interfaces of one more binding too, such as `GRPC`. One of a binding that the client
    /// has itself takes its place.
    pub fn connector(mut self, connector: impl Connector + 'static) -> Self {
        self.connectors.push(Arc::new(connector));
        self
    }

    /// Time, chance and background work, instead of the system's and tokio's.
    pub fn host(mut self, host: Host) -> Self {
        self.host = Some(host);
        self
    }

    /// Finds the agent's card and sets up a client for it. The reference is a host
    /// (`agent.example.com`, `localhost:3000`), an address of the agent or of its card, or a file.
    ///
    /// # Errors
    /// See [`ClientError`]: nothing there, no card, no interface that this client speaks.
    pub async fn connect(self, reference: &str) -> Result<Client, ClientError> {
        let link = self.link()?;
        let CardDocument { card, location, .. } = self.document_by(&link, reference).await?;
        self.client(card, None, has_tls(&location), link)
    }

    /// Finds the agent's card.
    ///
    /// # Errors
    /// See [`ClientError`]: nothing there, or no card.
    pub async fn resolve(&self, reference: &str) -> Result<AgentCard, ClientError> {
        Ok(self.document(reference).await?.card)
    }

    /// Finds the agent's card, and gives its text too.
    ///
    /// # Errors
    /// See [`ClientError`]: nothing there, or no card.
    pub async fn document(&self, reference: &str) -> Result<CardDocument, ClientError> {
        self.document_by(&self.link()?, reference).await
    }

    /// Sets up a client for a card that [`document`](Self::document) has found.
    ///
    /// # Errors
    /// When the card has no interface that this client speaks.
    pub fn with_document(self, document: &CardDocument) -> Result<Client, ClientError> {
        let link = self.link()?;
        self.client(document.card.clone(), None, has_tls(&document.location), link)
    }

    /// Sets up a client for a card that is at hand, found at `base` if that is known. Relative
    /// addresses in it are below `base`, and an error without one; addresses of a connector that do
    /// not say whether to use TLS are called as `base` is ([`ConnectOptions::tls`]).
    ///
    /// # Errors
    /// When the card has no interface that this client speaks.
    pub fn with_card(self, card: AgentCard, base: Option<&str>) -> Result<Client, ClientError> {
        let base = base.map(Url::parse).transpose().map_err(|error| ClientError::setup(format!("base: {error}")))?;
        let link = self.link()?;
        let tls = base.as_ref().and_then(|base| has_tls(base.as_str()));
        self.client(card, base.as_ref(), tls, link)
    }

    /// Remembers the first fault.
    fn fault(&mut self, fault: Error) {
        self.fault.get_or_insert(fault);
    }

    fn link(&self) -> Result<Link, ClientError> {
        if let Some(fault) = &self.fault {
            return Err(ClientError::protocol("", fault.clone()));
        }
        Ok(Link {
            transport: self.transport_or_default()?,
            host: self.host.clone().unwrap_or_else(crate::host),
            timeouts: self.timeouts,
            backoff: self.backoff,
            observer: self.observer.clone(),
            secret_parameter: None,
            exchanges: Arc::default(),
        })
    }

    fn transport_or_default(&self) -> Result<Arc<dyn HttpTransport>, ClientError> {
        if let Some(transport) = self.transport.as_ref().or_else(|| self.own_transport.get()) {
            return Ok(transport.clone());
        }
        #[cfg(not(target_family = "wasm"))]
        let made = crate::native::Reqwest::new(self.timeouts.connect, self.danger_accept_invalid_certs)
            .map_err(|error| ClientError::setup(error.to_string()).caused_by(error))?;
        #[cfg(target_family = "wasm")]
        let made = match self.danger_accept_invalid_certs {
            false => crate::component::Wasi::new(self.timeouts.connect),
            true => return Err(ClientError::setup(crate::component::CERTIFICATES)),
        };
        Ok(self.own_transport.get_or_init(|| Arc::new(made)).clone())
    }

    async fn document_by(&self, link: &Link, reference: &str) -> Result<CardDocument, ClientError> {
        let mut headers = self.service_params.clone();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(VERSION_HEADER, HeaderValue::from_static(self.version.as_str()));
        let cache = self.cache.as_deref();
        Resolver { link, cache, headers: &headers, credentials: &self.credentials }.resolve(reference).await
    }

    fn client(
        self,
        card: AgentCard,
        base: Option<&Url>,
        tls: Option<bool>,
        mut link: Link,
    ) -> Result<Client, ClientError> {
        let (interface, opener) = interface::choose(&card, &self.prefer, self.version, &self.connectors)?;
        let interface = interface.clone();
        let mut headers = self.service_params;
        let way = match opener {
            Opener::Own(binding) => {
                let mut endpoint = interface::address(&interface, base)?;
                let parameter = self.credentials.place(Some(&card), Some(&mut endpoint), &mut headers)?;
                link.secret_parameter = parameter.map(Into::into);
                Way::Http { binding, endpoint }
            }
            Opener::Connector(connector) => {
                self.credentials.place(Some(&card), None, &mut headers)?;
                let mut options = ConnectOptions::default();
                options.connect_timeout = self.timeouts.connect;
                options.danger_accept_invalid_certs = self.danger_accept_invalid_certs;
                options.tls = tls;
                let connected = connector.connect(&interface, &options);
                Way::Service(connected.map_err(|error| interface::unusable(&interface, error.message()))?)
            }
        };
        headers.insert(VERSION_HEADER, HeaderValue::from_static(self.version.as_str()));
        let declares =
            |uri: &str| card.capabilities.extensions.iter().any(|AgentExtension { uri: declared, .. }| declared == uri);
        let idempotent = self.idempotent_sends && declares(IDEMPOTENT_SEND);
        let mut extensions = self.extensions;
        if idempotent && !extensions.iter().any(|uri| uri == IDEMPOTENT_SEND) {
            extensions.push(IDEMPOTENT_SEND.to_owned());
        }
        Ok(Client::new(Shared {
            card: Arc::new(card),
            interface,
            version: self.version,
            way,
            link,
            headers,
            extensions,
            idempotent,
            next_id: 1.into(),
        }))
    }
}

/// Whether what is at this place was fetched with TLS. `None` if it was not fetched.
fn has_tls(location: &str) -> Option<bool> {
    match location.split_once("://") {
        Some(("https", _)) => Some(true),
        Some(("http", _)) => Some(false),
        _ => None,
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("prefer", &self.prefer)
            .field("credentials", &self.credentials)
            .field("extensions", &self.extensions)
            .finish_non_exhaustive()
    }
}
