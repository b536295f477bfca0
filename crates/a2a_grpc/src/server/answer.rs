//! One call: from its metadata and message to the agent, and back.

use std::{sync::Arc, time::Duration};

use a2a_app_ports::{
    AgentService, CallContext, CardHandle, Clock, EventStream, Lifecycle, Reply, request_headers, unless,
};
use a2a_protocol_core::{Call, Error, ErrorKind, ProtocolVersion, StreamResponse};
use http::HeaderMap;
use protocol_transport_core::headers::ForwardPolicy;
use tonic::{
    Request, Response, Status,
    metadata::{MetadataMap, MetadataValue},
};

use super::events::Events;
use crate::extension_names;

/// The last words to whom the server leaves.
pub(super) const GOING_DOWN: &str = "the server is going down; what was begun goes on";
/// The last words to whom the time has run out.
pub(super) const TOO_LATE: &str = "the deadline has passed; what was begun goes on";

/// Has an agent answer calls.
#[derive(Clone)]
pub(super) struct Answers {
    /// The version of the service.
    pub(super) version: ProtocolVersion,
    /// The versions of all services.
    pub(super) spoken: &'static [ProtocolVersion],
    /// How it tells errors.
    pub(super) status: fn(&Error) -> Status,
    pub(super) service: Arc<dyn AgentService>,
    pub(super) card: CardHandle,
    pub(super) lifecycle: Lifecycle,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) forward: ForwardPolicy,
}

impl Answers {
    /// Answers by one message; `write` takes the reply that the operation has.
    pub(super) async fn one<Q, P>(
        &self,
        request: Request<Q>,
        read: impl FnOnce(Q) -> Result<Call, Error>,
        write: impl FnOnce(Reply) -> Result<P, Error>,
    ) -> Result<Response<P>, Status> {
        let (written, extensions, _) = self.answer(request, read, write).await?;
        Ok(extensions.attach(Response::new(written)))
    }

    /// Answers by a stream, cut where the version ends it.
    pub(super) async fn stream<Q, P>(
        &self,
        request: Request<Q>,
        read: impl FnOnce(Q) -> Result<Call, Error>,
        cut: impl FnOnce(EventStream) -> EventStream,
        write: impl Fn(&StreamResponse) -> Result<P, Error> + Send + 'static,
    ) -> Result<Response<Events<P>>, Status> {
        let pick = |reply| match reply {
            Reply::Stream(events) => Ok::<EventStream, _>(events),
            other => Err(other.unfit("a streaming method")),
        };
        let (events, extensions, timeout) = self.answer(request, read, pick).await?;
        let deadline = timeout.map(|timeout| self.clock.sleep(timeout));
        let events = Events::new(cut(events), write, self.status, self.lifecycle.clone(), deadline);
        Ok(extensions.attach(Response::new(events)))
    }

    async fn answer<Q, A>(
        &self,
        request: Request<Q>,
        read: impl FnOnce(Q) -> Result<Call, Error>,
        pick: impl FnOnce(Reply) -> Result<A, Error>,
    ) -> Result<(A, Extensions, Option<Duration>), Status> {
        let (metadata, _, message) = request.into_parts();
        let headers = metadata.into_headers();
        let context = self.context(&headers).map_err(|error| (self.status)(&error))?;
        let extensions = Extensions::of(&context);
        let refused = |error: Error| extensions.attach_to_error((self.status)(&error));
        let timeout = timeout(&headers).map_err(refused)?;
        let call = read(message).map_err(refused)?;
        let answering = unless(|| self.lifecycle.closed(), self.service.handle(context, call));
        let answered = match timeout {
            Some(timeout) => unless(|| self.clock.sleep(timeout), answering)
                .await
                .ok_or_else(|| extensions.attach_to_error(Status::deadline_exceeded(TOO_LATE)))?,
            None => answering.await,
        };
        let reply = answered.unwrap_or_else(|| Err(Error::new(ErrorKind::Unavailable, GOING_DOWN))).map_err(refused)?;
        let picked = pick(reply).map_err(refused)?;
        Ok((picked, extensions, timeout))
    }

    fn context(&self, headers: &HeaderMap) -> Result<CallContext, Error> {
        let card = self.card.get();
        let mut context = CallContext::new();
        let named = request_headers::version(headers)?;
        context.version = ProtocolVersion::of_request(Some(self.version), named.as_deref(), None, self.spoken)?;
        context.extensions = request_headers::extensions(headers, &card)?;
        context.headers = self.forward.apply(headers);
        context.presented = request_headers::presented(headers, None, &card);
        Ok(context)
    }
}

/// The active extensions as the reply's metadata names them.
struct Extensions {
    active: Option<MetadataValue<tonic::metadata::Ascii>>,
    names: &'static [&'static str],
}

impl Extensions {
    fn of(context: &CallContext) -> Self {
        let active = &context.extensions;
        let names = extension_names(context.version);
        let active = if active.is_empty() { None } else { MetadataValue::try_from(active.join(", ")).ok() };
        Self { active, names }
    }

    fn attach<T>(&self, mut response: Response<T>) -> Response<T> {
        self.insert(response.metadata_mut());
        response
    }

    fn attach_to_error(&self, mut status: Status) -> Status {
        self.insert(status.metadata_mut());
        status
    }

    fn insert(&self, metadata: &mut MetadataMap) {
        for name in self.names {
            if let Some(active) = &self.active {
                metadata.insert(*name, active.clone());
            }
        }
    }
}

/// How long the caller waits: `grpc-timeout`, at most eight digits and a unit.
fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, Error> {
    let Some(value) = headers.get("grpc-timeout") else { return Ok(None) };
    let read = || {
        let (digits, unit) = value.to_str().ok()?.split_at_checked(value.len().checked_sub(1)?)?;
        let plain = (1..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number: u64 = digits.parse().ok().filter(|_| plain)?;
        Some(match unit {
            "H" => Duration::from_secs(number * 3600),
            "M" => Duration::from_secs(number * 60),
            "S" => Duration::from_secs(number),
            "m" => Duration::from_millis(number),
            "u" => Duration::from_micros(number),
            "n" => Duration::from_nanos(number),
            _ => return None,
        })
    };
    let timeout = read();
    match timeout {
        Some(_) => Ok(timeout),
        None => Err(Error::invalid("grpc-timeout", "must be one to eight digits and one of H, M, S, m, u and n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_a_number_and_a_unit() {
        let read = |text: &'static str| {
            timeout(&HeaderMap::from_iter([("grpc-timeout".parse().unwrap(), text.parse().unwrap())]))
        };
        for (text, expected) in [
            ("1H", Duration::from_secs(3600)),
            ("2M", Duration::from_secs(120)),
            ("3S", Duration::from_secs(3)),
            ("4m", Duration::from_millis(4)),
            ("5u", Duration::from_micros(5)),
            ("99999999n", Duration::from_nanos(99_999_999)),
            ("0S", Duration::ZERO),
        ] {
            assert_eq!(read(text).unwrap(), Some(expected), "{text}");
        }
        for text in ["", "1", "S", "1s", "-1S", "+1S", "1.5S", "123456789S"] {
            assert!(read(text).is_err(), "{text}");
        }
        assert_eq!(timeout(&HeaderMap::new()).unwrap(), None);
    }
}
