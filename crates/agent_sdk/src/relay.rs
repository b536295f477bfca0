//! An agent in front of another: its callers choose the binding and the version that they speak, and
//! the other one is asked in its own.

use std::sync::Arc;

use a2a_app_ports::{AgentService, BoxFuture, CallContext, CardHandle, Reply};
use a2a_http_client::Client;
use a2a_protocol_core::{AgentCard, Call, Error, ErrorKind, ProtocolVersion, SecurityScheme};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::Agent;

/// Answers for the agent of a client, and nothing of its own: tasks, events and errors are the other
/// agent's. An error with a code of the agent's own keeps that and its `data` over JSON-RPC; the other
/// bindings have no place for them, and say what it says.
///
/// Credentials of its callers are passed on where the agent's card asks for them in a header
/// or cookie, but not in the query, which gRPC has none of. Those that the client was given come
/// first, and so are lent to every caller: whoever reaches the relay is to the agent who they say.
///
/// A deadline of the caller (`grpc-timeout`) is not told to the other agent, but kept: when it has
/// passed, or the caller has left, the call or stream behind is ended too. What the agent has begun by
/// then goes on, as it does without a relay.
///
/// The client is best made without `idempotent_sends`: whether to ask for them is up to the callers.
#[derive(Clone, Debug)]
pub struct Relay {
    client: Client,
    credentials: Arc<[Place]>,
    /// With GetExtendedAgentCard.
    for_extended: Arc<[Place]>,
    /// The card that is served: the extended one names the same interfaces.
    card: CardHandle,
}

impl Relay {
    /// An agent that relays to this one. Its card is the other's, but for the interfaces, which it
    /// has of its own, and the signatures, which would not hold for them.
    ///
    /// The public card may name no scheme and the agent all the same ask for credentials before it shows
    /// its extended one. Then `Authorization` is passed on with GetExtendedAgentCard, and with no other
    /// call. All credentials go to the interface of the client and nowhere else: calls follow no
    /// redirects.
    ///
    /// The card is the one that the client has. If the agent replaces its own, the relay does not
    /// follow: what its callers may call, which credentials are passed on and what its card says stay
    /// as they were until it is made anew. Extended cards are those of the moment.
    pub fn to(client: Client) -> Agent {
        let (credentials, for_extended) = (places(client.card()).into(), places_for_extended(client.card()).into());
        let (card, handle) = (without_place(client.card()), CardHandle::default());
        let relay = Self { client, credentials, for_extended, card: handle.clone() };
        Agent::of_service(card, Arc::new(relay)).card_handle(&handle)
    }

    /// What goes to the other agent with this call.
    fn context(&self, mut context: CallContext, call: &Call) -> CallContext {
        let places = match call {
            Call::GetExtendedAgentCard(_) => &self.for_extended,
            _ => &self.credentials,
        };
        if let Some(presented) = context.presented.take() {
            places.iter().for_each(|place| place.copy(&presented.headers, &mut context.headers));
        }
        context
    }

    /// Refuses what would not mean there what it means here.
    fn check(&self, context: &CallContext, call: &Call) -> Result<(), Error> {
        let there = self.client.interface();
        if let (Some(one), Some(named)) = (&there.tenant, call.tenant())
            && one != named
        {
            return Err(Error::invalid("tenant", "the agent behind this one is of one tenant, and calls name none"));
        }
        let configures = match call {
            Call::CreateTaskPushNotificationConfig(_) => true,
            Call::SendMessage(request) | Call::SendStreamingMessage(request) => request
                .configuration
                .as_ref()
                .is_some_and(|configuration| configuration.task_push_notification_config.is_some()),
            _ => false,
        };
        if configures && ProtocolVersion::parse(&there.protocol_version) != Some(context.version) {
            let (here, there) = (context.version, &there.protocol_version);
            let text = format!("a webhook of version {here} would be told in {there}, which the agent behind speaks");
            return Err(Error::new(ErrorKind::UnsupportedOperation, text));
        }
        Ok(())
    }
}

impl AgentService for Relay {
    fn handle(&self, context: CallContext, call: Call) -> BoxFuture<'_, Result<Reply, Error>> {
        Box::pin(async move {
            self.check(&context, &call)?;
            let context = self.context(context, &call);
            Ok(match self.client.handle(context, call).await? {
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

/// Where a card asks for a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Header(HeaderName),
    /// The cookie of this name; others are not the agent's.
    Cookie(String),
}

impl Place {
    fn of(scheme: &SecurityScheme) -> Option<Self> {
        match scheme {
            SecurityScheme::ApiKey(key) if key.location.eq_ignore_ascii_case("header") => {
                key.name.parse().ok().map(Self::Header)
            }
            SecurityScheme::ApiKey(key) if key.location.eq_ignore_ascii_case("cookie") => {
                Some(Self::Cookie(key.name.clone()))
            }
            SecurityScheme::HttpAuth(_) | SecurityScheme::OAuth2(_) | SecurityScheme::OpenIdConnect(_) => {
                Some(Self::Header(header::AUTHORIZATION))
            }
            _ => None,
        }
    }

    /// Copies what is there, as often as it is there: which one counts, the agent decides.
    fn copy(&self, from: &HeaderMap, to: &mut HeaderMap) {
        match self {
            Self::Header(name) => from.get_all(name).iter().for_each(|value| {
                to.append(name.clone(), value.clone());
            }),
            Self::Cookie(name) => {
                let lines = from.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
                let pairs = lines.flat_map(|line| line.split(';')).map(str::trim);
                let named = pairs.filter(|pair| pair.split_once('=').is_some_and(|(known, _)| known == name));
                for value in named.filter_map(|pair| HeaderValue::from_str(pair).ok()) {
                    to.append(header::COOKIE, value);
                }
            }
        }
    }
}

/// The places in which a card asks for credentials, each once.
fn places(card: &AgentCard) -> Vec<Place> {
    let mut places = Vec::new();
    for place in card.security_schemes.values().filter_map(Place::of) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

/// The places in which the agent may look before it shows its extended card: where the public one
/// names no scheme, there is still the header that HTTP has for this.
fn places_for_extended(card: &AgentCard) -> Vec<Place> {
    if card.security_schemes.is_empty() { vec![Place::Header(header::AUTHORIZATION)] } else { places(card) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_taken_from_where_the_card_asks_for_them_and_nothing_else() {
        let card: AgentCard = serde_json::from_str(
            r#"{"securitySchemes":{
                "key":{"apiKeySecurityScheme":{"location":"header","name":"X-Key"}},
                "sid":{"apiKeySecurityScheme":{"location":"cookie","name":"sid"}},
                "query":{"apiKeySecurityScheme":{"location":"query","name":"key"}},
                "one":{"httpAuthSecurityScheme":{"scheme":"Bearer"}},
                "two":{"openIdConnectSecurityScheme":{"openIdConnectUrl":"https://h"}}}}"#,
        )
        .unwrap();
        let mut presented = HeaderMap::new();
        for (name, value) in [
            ("x-key", "a"),
            ("x-key", "b"),
            ("cookie", "sid=1; session=SECRET"),
            ("cookie", "other=SECRET; sid=2"),
            ("authorization", "Bearer t"),
            ("x-other", "SECRET"),
        ] {
            presented.append(name, value.parse().unwrap());
        }
        let mut passed = HeaderMap::new();
        places(&card).iter().for_each(|place| place.copy(&presented, &mut passed));
        let mut passed: Vec<_> = passed.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        passed.sort_unstable();
        let expected =
            [("authorization", "Bearer t"), ("cookie", "sid=1"), ("cookie", "sid=2"), ("x-key", "a"), ("x-key", "b")];
        assert_eq!(passed, expected);
    }
}
