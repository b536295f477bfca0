//! An agent in front of another: its callers choose the binding and the version that they speak, and
//! the other one is asked in its own.

use std::sync::Arc;

use a2a_app_ports::{AgentService, BoxFuture, CallContext, CardHandle, Presented, Reply};
use a2a_http_client::Client;
use a2a_protocol_core::{AgentCard, Call, Error, SecurityScheme};
use http::{HeaderMap, HeaderName, header};

use crate::Agent;

/// Answers for the agent of a client, and nothing of its own: tasks, events and errors are the other
/// agent's. Credentials of its callers are passed on where the agent's card asks for them in a header
/// or cookie; those that the client was given come first. The client is best made without
/// `idempotent_sends`: whether to ask for them is up to the callers.
#[derive(Clone, Debug)]
pub struct Relay {
    client: Client,
    credentials: Arc<[HeaderName]>,
    /// The card that is served: the extended one names the same interfaces.
    card: CardHandle,
}

impl Relay {
    /// An agent that relays to this one. Its card is the other's, but for the interfaces, which it
    /// has of its own, and the signatures, which would not hold for them.
    pub fn to(client: Client) -> Agent {
        let credentials = credential_headers(client.card()).into();
        let (card, handle) = (without_place(client.card()), CardHandle::default());
        let relay = Self { client, credentials, card: handle.clone() };
        Agent::of_service(card, Arc::new(relay)).card_handle(&handle)
    }

    /// What goes to the other agent with a call.
    fn context(&self, mut context: CallContext) -> CallContext {
        if let Some(presented) = context.presented.take() {
            context.headers.extend(self.credentials(&presented));
        }
        context
    }

    fn credentials(&self, presented: &Presented) -> HeaderMap {
        let values =
            self.credentials.iter().filter_map(|name| Some((name.clone(), presented.headers.get(name)?.clone())));
        values.collect()
    }
}

impl AgentService for Relay {
    fn handle(&self, context: CallContext, call: Call) -> BoxFuture<'_, Result<Reply, Error>> {
        Box::pin(async move {
            Ok(match self.client.handle(self.context(context), call).await? {
                Reply::Card(card) => {
                    let mut card = without_place(&card);
                    card.supported_interfaces.clone_from(&self.card.get().supported_interfaces);
                    Reply::Card(card.into())
                }
                reply => reply,
            })
        })
    }
}

fn without_place(card: &AgentCard) -> AgentCard {
    let mut card = card.clone();
    card.supported_interfaces.clear();
    card.signatures.clear();
    card
}

/// The headers in which a card asks for credentials.
fn credential_headers(card: &AgentCard) -> Vec<HeaderName> {
    let header_of = |scheme: &SecurityScheme| match scheme {
        SecurityScheme::ApiKey(key) if key.location.eq_ignore_ascii_case("header") => key.name.parse().ok(),
        SecurityScheme::ApiKey(key) if key.location.eq_ignore_ascii_case("cookie") => Some(header::COOKIE),
        SecurityScheme::HttpAuth(_) | SecurityScheme::OAuth2(_) | SecurityScheme::OpenIdConnect(_) => {
            Some(header::AUTHORIZATION)
        }
        _ => None,
    };
    let mut names: Vec<HeaderName> = card.security_schemes.values().filter_map(header_of).collect();
    names.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    names.dedup();
    names
}
