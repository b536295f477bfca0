//! An agent: its card, its skills, and how it is served.

use std::{fmt, sync::Arc};

use a2a_app_ports::{
    AgentService, Authenticator, CallContext, CardHandle, EventBus, Extension, Host, MaybeSend, MessageHandler,
    PushTransport, Storage,
};
use a2a_http_server::ServerOptions;
#[cfg(feature = "signing")]
use a2a_protocol_core::signing::SigningKey;
use a2a_protocol_core::{AgentCard, AgentProvider, Error};
use a2a_task_engine::EngineOptions;
use futures::Stream;
use serde::{Serialize, de::DeserializeOwned};

#[cfg(feature = "signing")]
use crate::signer::Signer;
use crate::{
    ServeError, Skill,
    assembly::Assembly,
    extended_card::MakeCard,
    extensions::Registered,
    methods::{self, Method},
};

/// An agent to be served.
///
/// It takes and answers `text/plain`, streams, keeps its tasks in memory, and answers JSON-RPC at
/// `/`, HTTP+JSON below it and gRPC beside it, unless told otherwise.
#[derive(Clone)]
pub struct Agent {
    pub(crate) card: AgentCard,
    pub(crate) handle: Option<CardHandle>,
    pub(crate) skills: Vec<a2a_task_engine::Skill>,
    /// Who answers instead of an engine.
    pub(crate) service: Option<Arc<dyn AgentService>>,
    pub(crate) authenticator: Option<Arc<dyn Authenticator>>,
    pub(crate) extensions: Vec<Registered>,
    pub(crate) extended_card: Option<Arc<MakeCard>>,
    pub(crate) push: Option<Arc<dyn PushTransport>>,
    pub(crate) methods: Vec<(String, Arc<Method>)>,
    pub(crate) storage: Option<Arc<dyn Storage>>,
    pub(crate) engine: EngineOptions,
    #[cfg(feature = "signing")]
    pub(crate) signer: Option<Signer>,
    pub(crate) server: ServerOptions,
    #[cfg(not(target_family = "wasm"))]
    pub(crate) listening: crate::native::Listening,
}

impl Agent {
    /// An agent of this name, and what it is for.
    pub fn new(name: impl Into<String>, description: impl Into<String>) -> Self {
        let mut card = AgentCard::default();
        card.name = name.into();
        card.description = description.into();
        card.version = "1.0.0".to_owned();
        card.capabilities.streaming = Some(true);
        card.capabilities.push_notifications = Some(false);
        card.capabilities.extended_agent_card = Some(false);
        card.default_input_modes = vec!["text/plain".to_owned()];
        card.default_output_modes = vec!["text/plain".to_owned()];
        Self {
            card,
            handle: None,
            skills: Vec::new(),
            service: None,
            authenticator: None,
            extensions: Vec::new(),
            extended_card: None,
            push: None,
            methods: Vec::new(),
            storage: None,
            engine: EngineOptions::default(),
            #[cfg(feature = "signing")]
            signer: None,
            server: ServerOptions::default(),
            #[cfg(not(target_family = "wasm"))]
            listening: crate::native::Listening::default(),
        }
    }

    /// An agent of this card whose calls this answers, instead of handlers of skills that are run by
    /// an engine: another agent, such as a [`Relay`](crate::Relay), or an engine of your own.
    pub fn of_service(card: AgentCard, service: Arc<dyn AgentService>) -> Self {
        Self { card, service: Some(service), ..Self::new("", "") }
    }

    /// One more skill and who answers it. The first one answers messages that name none.
    #[must_use]
    pub fn skill(mut self, skill: Skill, handler: impl MessageHandler) -> Self {
        self.skills.push(skill.handled_by(handler));
        self.card.skills.push(skill.card);
        self
    }

    /// The agent's own version; 1.0.0 otherwise.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.card.version = version.into();
        self
    }

    /// Who runs it.
    #[must_use]
    pub fn provider(mut self, organization: impl Into<String>, url: impl Into<String>) -> Self {
        self.card.provider = Some(AgentProvider::new(organization, url));
        self
    }

    /// The media types it takes. Wildcards are allowed.
    #[must_use]
    pub fn input_modes(mut self, modes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.card.default_input_modes = modes.into_iter().map(Into::into).collect();
        self
    }

    /// The media types it answers in.
    #[must_use]
    pub fn output_modes(mut self, modes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.card.default_output_modes = modes.into_iter().map(Into::into).collect();
        self
    }

    /// Changes the card in whatever else it says.
    #[must_use]
    pub fn card(mut self, change: impl FnOnce(&mut AgentCard)) -> Self {
        change(&mut self.card);
        self
    }

    /// The handle that holds the card once the agent is served, for whoever wants to replace it then.
    /// `Serving` has one too.
    #[must_use]
    pub fn card_handle(mut self, handle: &CardHandle) -> Self {
        self.handle = Some(handle.clone());
        self
    }

    /// Asks callers for credentials, which this authenticator verifies. Bearer tokens:
    ///
    /// ```
    /// # use agent_sdk::{Tokens, prelude::*};
    /// # let agent = Agent::new("Echo", "Says back what it hears");
    /// # let token = "5f0c9a";
    /// let agent = agent.authenticate(Tokens::new().bearer(token, "alice"));
    /// ```
    ///
    /// What callers need, the card says. If it declares no security schemes, the authenticator's own
    /// are declared; if it has no requirements, any one of the schemes is required. See
    /// [`Authenticated`](crate::Authenticated) for what is asked of which call.
    #[must_use]
    pub fn authenticate(mut self, authenticator: impl Authenticator + 'static) -> Self {
        self.authenticator = Some(Arc::new(authenticator));
        self
    }

    /// Answers GetExtendedAgentCard, which the card then declares, with what this makes of the public
    /// card for the caller (section 3.1.11). Where callers authenticate, only known ones get there.
    /// Where they do not, the context has what is `presented`, and callers can be refused for it.
    ///
    /// What it makes is completed and checked as a card that replaces the public one. A card with
    /// findings of its own is not sent: the call fails, and the log says why.
    #[must_use]
    pub fn extended_card(
        mut self,
        make: impl Fn(&CallContext, AgentCard) -> Result<AgentCard, Error> + Send + Sync + 'static,
    ) -> Self {
        self.card.capabilities.extended_agent_card = Some(true);
        self.extended_card = Some(Arc::new(make));
        self
    }

    /// Signs the card (section 8.4) as it is served, with all that is added to it, and again whenever it
    /// is replaced; so too what [`extended_card`](Self::extended_card) makes. Other signatures give way
    /// to this one. `jku` is the address at which the public key is published, if it is.
    ///
    /// A card that brings signatures to an agent without a key has to be what is served, down to its
    /// interfaces: an agent that has to add something does not start.
    #[cfg(feature = "signing")]
    #[must_use]
    pub fn sign_card(mut self, key: SigningKey, jku: Option<&str>) -> Self {
        self.signer = Some(Signer { key, jku: jku.map(str::to_owned) });
        self
    }

    /// One more protocol extension (section 4.6), which the card then declares. It sees the calls
    /// that ask for it.
    #[must_use]
    pub fn extension(mut self, extension: impl Extension + 'static) -> Self {
        self.extensions.push(Registered::new(extension));
        self
    }

    /// Sends push notifications, which the card then declares (section 4.3), by this transport. The
    /// one of the client calls webhooks over HTTP, and none that lie in networks of its own unless
    /// told to:
    ///
    /// ```
    /// # use agent_sdk::prelude::*;
    /// # #[cfg(feature = "a2a-client")]
    /// # fn push(agent: Agent) -> Result<Agent, agent_sdk::client::TransportError> {
    /// use agent_sdk::client::{Guard, Webhooks};
    ///
    /// # Ok(
    /// agent.push(Webhooks::new(Guard::default())?)
    /// # )
    /// # }
    /// ```
    ///
    /// How long a webhook is tried that does not answer, `push` of [`EngineOptions`] says. One that is
    /// given up is a warning in the log.
    ///
    /// Configurations are answered as they were given, with their token and credentials (sections
    /// 3.1.7 to 3.1.9), and to whoever owns the task in its tenant only. Where callers do not
    /// authenticate, all of them own every task of the tenant, and can read these secrets.
    #[must_use]
    pub fn push(mut self, transport: impl PushTransport + 'static) -> Self {
        self.card.capabilities.push_notifications = Some(true);
        self.push = Some(Arc::new(transport));
        self
    }

    /// Answers a JSON-RPC method of the agent's own, such as `vendor/method`: parameters of type `P`
    /// with a result of type `R`; see [`rpc`](Self::rpc) for functions that describe themselves.
    /// Parameters that do not fit are InvalidParams with the path of the field; those that a method
    /// finds wrong itself, it refuses by [`Error::invalid`]. The other bindings have no place for such
    /// methods.
    ///
    /// Parameters in JSON-RPC are an object or an array, or left out. So `P` is a struct or a map, a
    /// tuple or a list, or, for a method that needs none, `()` or an `Option` of these. With any other
    /// type, such as a number or a `String`, every call is refused as InvalidParams in `params`.
    ///
    /// ```
    /// # use agent_sdk::{prelude::*, protocol::Error};
    /// # let agent = Agent::new("Echo", "Says back what it hears");
    /// let agent = agent.method("example/add", |_context, (a, b): (i64, i64)| async move {
    ///     a.checked_add(b).ok_or_else(|| Error::invalid("params", "the sum is too large"))
    /// });
    /// ```
    #[must_use]
    pub fn method<P, R, A>(
        mut self,
        name: impl Into<String>,
        handler: impl Fn(CallContext, P) -> A + Send + Sync + 'static,
    ) -> Self
    where
        P: DeserializeOwned + 'static,
        R: Serialize + 'static,
        A: Future<Output = Result<R, Error>> + MaybeSend + 'static,
    {
        self.methods.push((name.into(), Arc::new(methods::one(handler))));
        self
    }

    /// As [`method`](Self::method), for a method that answers with a stream of results. It ends with
    /// its first error.
    #[must_use]
    pub fn streaming_method<P, R, A, S>(
        mut self,
        name: impl Into<String>,
        handler: impl Fn(CallContext, P) -> A + Send + Sync + 'static,
    ) -> Self
    where
        P: DeserializeOwned + 'static,
        R: Serialize + 'static,
        A: Future<Output = Result<S, Error>> + MaybeSend + 'static,
        S: Stream<Item = Result<R, Error>> + MaybeSend + 'static,
    {
        self.methods.push((name.into(), Arc::new(methods::many(handler))));
        self
    }

    /// Where tasks are kept; in memory otherwise. With the feature `sqlite`, in a file:
    ///
    /// ```
    /// # use agent_sdk::{ServeError, prelude::*};
    /// # #[cfg(feature = "sqlite")]
    /// # fn keep(agent: Agent) -> Result<Agent, ServeError> {
    /// use agent_sdk::SqliteStorage;
    ///
    /// # Ok(
    /// agent.storage(SqliteStorage::open("data/tasks.db")?)
    /// # )
    /// # }
    /// ```
    ///
    /// Tasks are kept under the name of the agent that the card has when it starts: agents of several
    /// names can share a storage, and one that is given another name does not find what it had. What
    /// the process left when it ended, however it did, is taken up at the next start: messages are
    /// answered, webhooks are told, and tasks that were being worked on are run again where their
    /// skill says that they [may be](Skill::rerunnable), or else fail and say why.
    ///
    /// For how long tasks are kept that have ended, and how large the file may grow, the options of the
    /// storage say: `SqliteOptions` or `PostgresOptions`, and their `Retention`. How long leases last
    /// and how often a task is run again, [`EngineOptions`].
    #[must_use]
    pub fn storage(mut self, storage: impl Into<Arc<dyn Storage>>) -> Self {
        self.storage = Some(storage.into());
        self
    }

    /// By which the replicas of this agent that share its storage wake each other: `PostgresBus` or
    /// `NatsBus`. Without it, or where a wake-up is lost, they find what others have written some
    /// seconds later.
    #[must_use]
    pub fn bus(mut self, bus: impl EventBus + 'static) -> Self {
        self.engine.bus = Some(Arc::new(bus));
        self
    }

    /// How tasks are run. To be said before [`bus`](Self::bus), which is one of these options.
    #[must_use]
    pub fn engine(mut self, options: EngineOptions) -> Self {
        self.engine = options;
        self
    }

    /// How requests are answered.
    #[must_use]
    pub fn server(mut self, options: ServerOptions) -> Self {
        self.server = options;
        self
    }

    /// What answers the agent's calls, with its card: for calls in process. They are authenticated as
    /// all others: their context has to hold what is `presented`.
    ///
    /// # Errors
    /// `NoSkill` for an agent without skills, `DuplicateSkill` where two have the same id, `Card` for
    /// a card that cannot be served.
    pub fn in_process(self, host: Host) -> Result<(Arc<dyn AgentService>, Arc<AgentCard>), ServeError> {
        let Assembly { service, card, .. } = Assembly::of(self, host)?;
        Ok((service, card.get()))
    }

    /// The options of the server, with what the agent knows by itself.
    pub(crate) fn server_options(&self) -> ServerOptions {
        let mut options = self.server.clone();
        options.jwks = options.jwks.or_else(|| self.push.as_ref()?.published_keys());
        options
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent").field("card", &self.card).finish_non_exhaustive()
    }
}
