//! The public keys that somebody publishes.

use std::{fmt, sync::Arc, time::Duration};

use a2a_app_ports::Host;
use a2a_protocol_core::{
    AgentCard, Error, ErrorKind,
    signing::{self, JwkSet, KeySource, KeyStore, Verdict},
};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use http::header;

use crate::{HttpTransport, TransportError, reference::is_loopback, timing::within};

/// The largest key set that is read, in bytes.
const MAX_KEYS: usize = 1 << 18;

/// How long a key set may take to arrive.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How many key sets are fetched for one card.
const MAX_SETS: usize = 4;

/// Fetches key sets (RFC 7517) over HTTPS, or over HTTP from the machine itself. Where the addresses
/// come from somebody else, the transport has to be a guarded one.
#[derive(Clone)]
pub struct KeyFetcher {
    transport: Arc<dyn HttpTransport>,
    host: Host,
}

impl KeyFetcher {
    /// Fetches by this transport.
    pub fn new(transport: Arc<dyn HttpTransport>, host: Host) -> Self {
        Self { transport, host }
    }

    /// Fetches by Reqwest, only from addresses that the guard allows.
    ///
    /// # Errors
    /// When the system's trust store cannot be read.
    #[cfg(not(target_family = "wasm"))]
    pub fn guarded(guard: crate::Guard) -> Result<Self, TransportError> {
        let transport = crate::native::Reqwest::guarded(TIMEOUT, guard)?;
        Ok(Self::new(Arc::new(transport), crate::host()))
    }

    /// The keys at an address.
    ///
    /// # Errors
    /// InvalidParams if it is not one to get keys from; Unavailable if there are none to be had.
    pub async fn fetch(&self, url: &str) -> Result<JwkSet, Error> {
        let is_safe = url.starts_with("https://") || (url.starts_with("http://") && is_loopback(url));
        if !is_safe {
            return Err(Error::invalid("url", "keys are fetched over https only"));
        }
        let unavailable = |why: String| Error::new(ErrorKind::Unavailable, format!("no keys at {url}: {why}"));
        let text = match within(&*self.host.clock, TIMEOUT, self.text(url)).await {
            Some(text) => text.map_err(|error| unavailable(error.to_string()).caused_by(error))?,
            None => return Err(unavailable(format!("no answer within {} s", TIMEOUT.as_secs()))),
        };
        let text = text.map_err(unavailable)?;
        JwkSet::read(&String::from_utf8_lossy(&text)).map_err(|error| unavailable(error.to_string()))
    }

    /// What is at an address, or what is wrong with it.
    async fn text(&self, url: &str) -> Result<Result<BytesMut, String>, TransportError> {
        let request = http::Request::get(url).header(header::ACCEPT, "application/json").body(Bytes::new());
        let Ok(request) = request else { return Ok(Err("it is no URL".to_owned())) };
        let mut reply = self.transport.send(request).await?;
        if !reply.status().is_success() {
            return Ok(Err(format!("HTTP status {}", reply.status().as_u16())));
        }
        let mut text = BytesMut::new();
        while let Some(chunk) = reply.body_mut().next().await {
            text.extend_from_slice(&chunk?);
            if text.len() > MAX_KEYS {
                return Ok(Err(format!("more than {MAX_KEYS} bytes")));
            }
        }
        Ok(Ok(text))
    }
}

impl fmt::Debug for KeyFetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFetcher").finish_non_exhaustive()
    }
}

/// Verifies the signatures of a card (section 8.4.3), with the keys that are there and those that it
/// takes to fetch. `served` is the JSON text that the card was read from, if it was.
pub async fn verify_card(card: &AgentCard, served: Option<&str>, mut keys: KeyStore, fetcher: &KeyFetcher) -> Verdict {
    let verdict = signing::verify(card, served, &keys, fetcher.host.clock.now());
    if matches!(&verdict, Verdict::Verified(by) if by.source == KeySource::Trusted) {
        return verdict;
    }
    for jku in keys.missing(card).into_iter().take(MAX_SETS) {
        match fetcher.fetch(&jku).await {
            Ok(set) => keys.fetched(jku, set),
            Err(error) => keys.not_fetched(jku, error.message()),
        }
    }
    signing::verify(card, served, &keys, fetcher.host.clock.now())
}
