//! The receiving end of push notifications.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use a2a_protocol_core::{
    Error, JsonDialect, PUSH_TOKEN_HEADER, ProtocolVersion, Spoken as _, StreamResponse, Timestamp,
    signing::{DELIVERY_LIFETIME, DeliveryClaims, JwkSet, NotVerified, SIGNATURE_HEADER},
};
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, de::IgnoredAny};

use crate::{KeyFetcher, Secret};

/// How long keys are kept that were fetched.
const KEYS_KEPT: Duration = Duration::from_secs(60 * 60);

/// How soon they are fetched again, for a signature by a key that is not among them, or because they
/// were not to be had: nobody can make a receiver call the sender all the time.
const KEYS_AGAIN: Duration = Duration::from_secs(10);

/// How long a signature is remembered: as long as it could be accepted, clocks that differ included.
const REMEMBERED: Duration = DELIVERY_LIFETIME.saturating_add(Duration::from_secs(2 * 60));

/// Checks push notifications (section 13.2) and reads them. It knows no HTTP server: whoever runs
/// one hands over headers and body, and answers 2xx, or the status of what it was rejected for.
///
/// What is not asked of it is not checked: without a token and without keys anyone may send
/// anything.
#[derive(Default)]
pub struct Receiver {
    token: Option<Secret>,
    audience: Option<String>,
    keys: Option<Keys>,
    state: Mutex<State>,
}

enum Keys {
    Given(JwkSet),
    At(String, KeyFetcher),
}

#[derive(Default)]
struct State {
    /// When keys were last asked for, and what came of it.
    fetched: Option<(Timestamp, Result<JwkSet, Error>)>,
    /// The signatures that were here, and when they can be forgotten.
    seen: HashMap<String, Timestamp>,
}

/// A push notification.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delivery {
    /// What happened to the task.
    pub event: StreamResponse,
    /// The version it was told in. In 0.3 it is always the whole task.
    pub version: ProtocolVersion,
    /// What its signature asserts, where signatures are checked.
    pub claims: Option<DeliveryClaims>,
}

/// Why a push notification was not accepted.
#[derive(Debug)]
#[non_exhaustive]
pub enum Rejected {
    /// The token is missing, or is another.
    Token,
    /// The signature is missing, or is not good.
    Signature(NotVerified),
    /// The sender's keys could not be fetched; a later try may succeed.
    Keys(Error),
    /// The body is no StreamResponse, nor a task of 0.3.
    Body(Error),
}

impl Rejected {
    /// What to answer with.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Token | Self::Signature(_) => StatusCode::UNAUTHORIZED,
            Self::Keys(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Body(_) => StatusCode::BAD_REQUEST,
        }
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token => write!(f, "the token is missing or wrong"),
            Self::Signature(why) => write!(f, "{why}"),
            Self::Keys(why) | Self::Body(why) => f.write_str(why.message()),
        }
    }
}

impl std::error::Error for Rejected {}

impl Receiver {
    /// Wants this token in every notification: that of the push configuration.
    #[must_use]
    pub fn token(mut self, token: impl Into<Secret>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Wants every notification signed by one of these keys.
    #[must_use]
    pub fn keys(mut self, keys: JwkSet) -> Self {
        self.keys = Some(Keys::Given(keys));
        self
    }

    /// Wants every notification signed by one of the keys at this address. They are fetched when
    /// they are needed, kept for an hour, and fetched again for a key that is new.
    #[must_use]
    pub fn keys_at(mut self, url: impl Into<String>, fetcher: KeyFetcher) -> Self {
        self.keys = Some(Keys::At(url.into(), fetcher));
        self
    }

    /// Wants signatures that name this receiver: the URL of the push configuration.
    #[must_use]
    pub fn audience(mut self, url: impl Into<String>) -> Self {
        self.audience = Some(url.into());
        self
    }

    /// Checks a notification and reads it.
    ///
    /// # Errors
    /// See [`Rejected`].
    pub async fn receive(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Delivery, Rejected> {
        self.check_token(headers)?;
        let claims = match &self.keys {
            None => None,
            Some(Keys::Given(keys)) => Some(self.verify(headers, body, keys, now).map_err(Rejected::Signature)?),
            Some(Keys::At(url, fetcher)) => Some(self.verify_by_fetched(headers, body, now, url, fetcher).await?),
        };
        let dialect = dialect(body);
        let event = StreamResponse::read_in(dialect, body).map_err(Rejected::Body)?;
        Ok(Delivery { event, version: dialect.version(), claims })
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), Rejected> {
        let Some(token) = &self.token else { return Ok(()) };
        let given = headers.get(PUSH_TOKEN_HEADER).map(|value| value.as_bytes()).unwrap_or_default();
        if is_same(given, token.reveal().as_bytes()) { Ok(()) } else { Err(Rejected::Token) }
    }

    async fn verify_by_fetched(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
        url: &str,
        fetcher: &KeyFetcher,
    ) -> Result<DeliveryClaims, Rejected> {
        // What is no signature at all does not make anyone fetch keys.
        token_of(headers).map_err(Rejected::Signature)?;
        let known = self.state.lock().unwrap_or_else(PoisonError::into_inner).fetched.clone();
        if let Some((fetched, keys)) = known {
            let (age, keys) = (now.since(fetched), keys.map_err(Rejected::Keys));
            let verified = match keys {
                Ok(keys) if age < KEYS_KEPT => self.verify(headers, body, &keys, now).map_err(Rejected::Signature),
                Ok(_) => Err(Rejected::Signature(NotVerified::UnknownKey(String::new()))),
                Err(failure) => Err(failure),
            };
            match verified {
                Err(Rejected::Keys(_) | Rejected::Signature(NotVerified::UnknownKey(_))) if age >= KEYS_AGAIN => {}
                outcome => return outcome,
            }
        }
        let keys = fetcher.fetch(url).await;
        self.state.lock().unwrap_or_else(PoisonError::into_inner).fetched = Some((now, keys.clone()));
        self.verify(headers, body, &keys.map_err(Rejected::Keys)?, now).map_err(Rejected::Signature)
    }

    fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        keys: &JwkSet,
        now: Timestamp,
    ) -> Result<DeliveryClaims, NotVerified> {
        let token = token_of(headers)?;
        let claims = DeliveryClaims::verify(token, body, keys, now)?;
        if self.audience.is_some() && self.audience != claims.aud {
            return Err(NotVerified::WrongAudience);
        }
        // A sender that gives no ids cannot send the same signature twice either.
        let id = claims.jti.clone().unwrap_or_else(|| token.to_owned());
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.seen.retain(|_, until| *until > now);
        match state.seen.insert(id, now.plus(REMEMBERED)) {
            None => Ok(claims),
            Some(_) => Err(NotVerified::Replayed),
        }
    }
}

/// What is sent for a configuration of 0.3 says what `kind` of thing it is.
fn dialect(body: &[u8]) -> JsonDialect {
    #[derive(Deserialize)]
    struct Peek {
        kind: Option<IgnoredAny>,
    }
    match serde_json::from_slice(body) {
        Ok(Peek { kind: Some(_) }) => JsonDialect::V0_3,
        _ => JsonDialect::V1_0,
    }
}

/// The JWT of a notification.
fn token_of(headers: &HeaderMap) -> Result<&str, NotVerified> {
    let own = headers.get(SIGNATURE_HEADER).and_then(|value| value.to_str().ok());
    let bearer = || {
        let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    };
    own.or_else(bearer).ok_or(NotVerified::Malformed("there is no signature"))
}

/// Compares without telling by its time how much is the same.
fn is_same(given: &[u8], expected: &[u8]) -> bool {
    let differences = given.iter().zip(expected).fold(0, |differences, (a, b)| differences | (a ^ b));
    given.len() == expected.len() && differences == 0
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("token", &self.token)
            .field("audience", &self.audience)
            .field("signed", &self.keys.is_some())
            .finish_non_exhaustive()
    }
}
