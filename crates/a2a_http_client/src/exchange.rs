//! One request and its reply, with the time limits, told to the observer; and the wait before the
//! next try.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use std::time::Duration;

use a2a_app_ports::Host;
use a2a_protocol_core::{Error, ErrorKind};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use protocol_transport_core::policy::{Backoff, Timeouts};

use crate::{
    Body, HttpTransport, Observation, Observer, TransportError,
    observer::{redact_headers, redact_url},
    retry::{Failure, FailureKind, Repeat},
    timing::within,
};

/// How requests leave, and how patient the client is.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) transport: Arc<dyn HttpTransport>,
    pub(crate) host: Host,
    pub(crate) timeouts: Timeouts,
    pub(crate) backoff: Backoff,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    /// The query parameter that holds the API key.
    pub(crate) secret_parameter: Option<Arc<str>>,
    pub(crate) exchanges: Arc<AtomicU64>,
}

/// Why a reply cannot be read.
pub(crate) enum ReadError {
    /// It broke off.
    Transport(TransportError),
    /// It is larger than this many bytes.
    TooLarge(usize),
}

impl Link {
    /// Sends a request and waits for the head of the reply.
    pub(crate) async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Body>, TransportError> {
        let exchange = self.exchanges.fetch_add(1, Ordering::Relaxed);
        let clock = &*self.host.clock;
        let sent = clock.now();
        if let Some(observer) = &self.observer {
            observer.observe(&Observation::Request {
                exchange,
                method: request.method(),
                url: &redact_url(&request.uri().to_string(), self.secret_parameter.as_deref()),
                headers: &redact_headers(request.headers()),
            });
        }
        // The transport limits the connecting, which comes first, by itself.
        let limit = self.timeouts.connect.saturating_add(self.timeouts.first_byte);
        let reply = within(clock, limit, self.transport.send(request)).await.unwrap_or_else(|| {
            let seconds = self.timeouts.first_byte.as_secs_f64();
            Err(TransportError::timeout(format!("the agent did not begin to answer within {seconds} s")))
        });
        if let Some(observer) = &self.observer {
            let elapsed = clock.now().since(sent);
            match &reply {
                Ok(reply) => observer.observe(&Observation::Response {
                    exchange,
                    status: reply.status(),
                    headers: &redact_headers(reply.headers()),
                    elapsed,
                }),
                Err(error) => observer.observe(&Observation::Failed { exchange, error, elapsed }),
            }
        }
        reply
    }

    /// The next bytes of a body, `None` at its end.
    pub(crate) async fn chunk(&self, body: &mut Body) -> Result<Option<Bytes>, TransportError> {
        match within(&*self.host.clock, self.timeouts.idle, body.next()).await {
            Some(chunk) => chunk.transpose(),
            None => {
                let seconds = self.timeouts.idle.as_secs_f64();
                Err(TransportError::timeout(format!("the agent sent nothing for {seconds} s")))
            }
        }
    }

    /// A whole body of at most `limit` bytes.
    pub(crate) async fn read(&self, body: &mut Body, limit: usize) -> Result<Bytes, ReadError> {
        let mut whole = BytesMut::new();
        while let Some(chunk) = self.chunk(body).await.map_err(ReadError::Transport)? {
            if whole.len().saturating_add(chunk.len()) > limit {
                return Err(ReadError::TooLarge(limit));
            }
            if whole.is_empty() {
                // Most replies are one chunk: it is not copied if nothing follows.
                match self.chunk(body).await.map_err(ReadError::Transport)? {
                    None => return Ok(chunk),
                    Some(second) if chunk.len().saturating_add(second.len()) > limit => {
                        return Err(ReadError::TooLarge(limit));
                    }
                    Some(second) => {
                        whole.extend_from_slice(&chunk);
                        whole.extend_from_slice(&second);
                    }
                }
            } else {
                whole.extend_from_slice(&chunk);
            }
        }
        Ok(whole.freeze())
    }

    /// How long to wait before the next try; `None` to give up: no tries are left, or the agent
    /// asks for more patience than the back-off has.
    pub(crate) fn delay(&self, failures: u32, at_least: Option<Duration>) -> Option<Duration> {
        let delay = self.backoff.delay(failures, self.chance())?;
        match at_least {
            Some(asked) if asked > self.backoff.max => None,
            asked => Some(delay.max(asked.unwrap_or_default())),
        }
    }

    /// An even choice from 0 to 1.
    #[expect(clippy::cast_possible_truncation, reason = "32 of the 128 random bits are enough")]
    fn chance(&self) -> f64 {
        f64::from(self.host.random.random() as u32) / f64::from(u32::MAX)
    }

    pub(crate) fn tries(&self, repeat: Repeat) -> Tries<'_> {
        Tries { link: self, repeat, failures: 0 }
    }
}

/// Counts the tries of one call.
pub(crate) struct Tries<'a> {
    link: &'a Link,
    repeat: Repeat,
    failures: u32,
}

impl Tries<'_> {
    /// Waits until the next try, or gives the failure back if there shall be none.
    pub(crate) async fn again(&mut self, failure: Failure) -> Result<(), Failure> {
        if !self.repeat.allows(&failure) {
            return Err(failure);
        }
        let Some(delay) = self.link.delay(self.failures, failure.retry_after) else {
            return Err(failure);
        };
        self.failures = self.failures.saturating_add(1);
        if let Some(observer) = &self.link.observer {
            let reason = match &failure.kind {
                FailureKind::Transport(error) => error.to_string(),
                FailureKind::Answered(error) => error.to_string(),
            };
            observer.observe(&Observation::Retry { attempt: self.failures, delay, reason: &reason });
        }
        self.link.host.clock.sleep(delay).await;
        Ok(())
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Transport(error) => error.into(),
            ReadError::TooLarge(limit) => {
                Error::new(ErrorKind::InvalidAgentResponse, format!("the reply is larger than {limit} bytes")).into()
            }
        }
    }
}
