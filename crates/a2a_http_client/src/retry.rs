//! Which failures may be tried again.

use std::time::Duration;

use a2a_protocol_core::{Call, Error, ErrorKind, Timestamp};
use http::{HeaderMap, header};
use jiff::fmt::rfc2822::DateTimeParser;

use crate::TransportError;

/// What a repetition of a call may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Nothing: it only reads.
    Read,
    /// Nothing: the agent recognises the message id (the extension idempotent send).
    Recognised,
    /// The work twice, unless the agent never saw the first try.
    Work,
}

impl Repeat {
    pub(crate) fn of(call: &Call, idempotent: bool) -> Self {
        match call {
            Call::GetTask(_)
            | Call::ListTasks(_)
            | Call::SubscribeToTask(_)
            | Call::GetTaskPushNotificationConfig(_)
            | Call::ListTaskPushNotificationConfigs(_)
            | Call::GetExtendedAgentCard(_) => Self::Read,
            Call::SendMessage(_) | Call::SendStreamingMessage(_) if idempotent => Self::Recognised,
            _ => Self::Work,
        }
    }

    /// Whether to try again after this failure.
    pub(crate) fn allows(self, failure: &Failure) -> bool {
        match &failure.kind {
            FailureKind::Transport(error) => match self {
                // A read that timed out took its full time already.
                Self::Read => error.is_connect() || !error.is_timeout(),
                Self::Recognised => true,
                Self::Work => error.is_connect(),
            },
            FailureKind::Answered(error) => self != Self::Work && is_transient(error.kind()),
        }
    }
}

/// The kinds of 429, 502, 503 and 504, and what says the same in a JSON-RPC error.
fn is_transient(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Unavailable | ErrorKind::ResourceExhausted)
}

/// A try that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    /// How long the agent asks to wait.
    pub(crate) retry_after: Option<Duration>,
}

#[derive(Debug)]
pub(crate) enum FailureKind {
    /// There was no answer, or not all of it.
    Transport(TransportError),
    /// The agent answered with an error.
    Answered(Error),
}

impl From<TransportError> for Failure {
    fn from(error: TransportError) -> Self {
        Self { kind: FailureKind::Transport(error), retry_after: None }
    }
}

/// What an agent has answered; or what a connector says of a call that got no answer.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let cause = error.cause().and_then(|cause| cause.downcast_ref::<TransportError>()).cloned();
        let kind = cause.map_or_else(|| FailureKind::Answered(error), FailureKind::Transport);
        Self { kind, retry_after: None }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure.kind {
            FailureKind::Transport(error) => Self::new(ErrorKind::Unavailable, error.to_string()).caused_by(error),
            FailureKind::Answered(error) => error,
        }
    }
}

/// What `Retry-After` asks for (RFC 9110 section 10.2.3): seconds or a date.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    Some(http_date(value)?.since(now))
}

/// Reads an HTTP date (RFC 9110 section 5.6.7).
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    let time = DateTimeParser::new().parse_timestamp(text).ok()?;
    Timestamp::from_millis(time.as_millisecond())
}

#[cfg(test)]
mod tests {
    use a2a_protocol_core::{CancelTaskRequest, GetTaskRequest, SendMessageRequest};

    use super::*;

    #[test]
    fn only_what_is_safe_is_tried_again() {
        let read = Call::GetTask(GetTaskRequest::new("t"));
        let cancel = Call::CancelTask(CancelTaskRequest::new("t"));
        let send = Call::SendMessage(SendMessageRequest::default());
        let connect = || Failure::from(TransportError::connect("x"));
        let broken = || Failure::from(TransportError::broken("x"));
        let timeout = || Failure::from(TransportError::timeout("x"));
        let status = |status| Failure::from(Error::from_http(status, b""));
        for (call, idempotent, failure, expected) in [
            (&read, false, connect(), true),
            (&read, false, broken(), true),
            (&read, false, timeout(), false),
            (&read, false, status(429), true),
            (&read, false, status(502), true),
            (&read, false, status(503), true),
            (&read, false, status(504), true),
            (&read, false, status(500), false),
            (&read, false, status(404), false),
            (&cancel, true, connect(), true),
            (&cancel, true, broken(), false),
            (&cancel, true, status(503), false),
            (&send, false, connect(), true),
            (&send, false, broken(), false),
            (&send, false, timeout(), false),
            (&send, false, status(503), false),
            (&send, true, broken(), true),
            (&send, true, timeout(), true),
            (&send, true, status(503), true),
            (&send, true, status(400), false),
        ] {
            assert_eq!(Repeat::of(call, idempotent).allows(&failure), expected, "{call:?} {idempotent} {failure:?}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        for (value, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, value.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), expected.map(Duration::from_secs), "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
