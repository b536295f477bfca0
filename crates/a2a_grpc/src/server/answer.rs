//! One call: from its metadata and message to the agent, and back.

use std::{sync::Arc, time::Duration};

use a2a_app_ports::{
    AgentService, CallContext, CardHandle, Clock, EventStream, Lifecycle, Reply, request_headers, unless,
};
use a2a_protocol_core::{Call, EXTENSIONS_HEADER, Error, ErrorKind, ProtocolVersion};
use http::HeaderMap;
use protocol_transport_core::headers::ForwardPolicy;
use tonic::{
    Request, Response, Status,
    metadata::{MetadataMap, MetadataValue},
};

use super::events::Events;
use crate::{
    convert::{Read, Write},
    status,
};

/// The last words to whom the server leaves.
pub(super) const GOING_DOWN: &str = "the server is going down; what was begun goes on";
/// The last words to whom the time has run out.
pub(super) const TOO_LATE: &str = "the deadline has passed; what was begun goes on";

/// Has an agent answer calls.
#[derive(Clone)]
pub(super) struct Answers {
    pub(super) service: Arc<dyn AgentService>,
    pub(super) card: CardHandle,
    pub(super) lifecycle: Lifecycle,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) forward: ForwardPolicy,
}

impl Answers {
    /// Answers by one message; `pick` takes the reply that the operation has.
    pub(super) async fn one<Q, D, A, P>(
        &self,
        request: Request<Q>,
        call: impl FnOnce(D) -> Call,
        pick: impl FnOnce(Reply) -> Result<A, Error>,
    ) -> Result<Response<P>, Status>
    where
        Q: Read<D>,
        A: Write<P>,
    {
        let (answered, extensions, _) = self.answer(request, call, pick).await?;
        Ok(extensions.attach(Response::new(answered.write())))
    }

    /// Answers by a stream.
    pub(super) async fn stream<Q, D>(
        &self,
        request: Request<Q>,
        call: impl FnOnce(D) -> Call,
    ) -> Result<Response<Events>, Status>
    where
        Q: Read<D>,
    {
        let pick = |reply| match reply {
            Reply::Stream(events) => Ok::<EventStream, _>(events),
            other => Err(other.unfit("a streaming method")),
        };
        let (events, extensions, timeout) = self.answer(request, call, pick).await?;
        let deadline = timeout.map(|timeout| self.clock.sleep(timeout));
        Ok(extensions.attach(Response::new(Events::new(events, self.lifecycle.clone(), deadline))))
    }

    async fn answer<Q, D, A>(
        &self,
        request: Request<Q>,
        call: impl FnOnce(D) -> Call,
        pick: impl FnOnce(Reply) -> Result<A, Error>,
    ) -> Result<(A, Extensions, Option<Duration>), Status>
    where
        Q: Read<D>,
    {
        let (metadata, _, message) = request.into_parts();
        let headers = metadata.into_headers();
        let context = self.context(&headers).map_err(|error| status::of_error(&error))?;
        let extensions = Extensions::of(&context);
        let refused = |error: Error| extensions.attach_to_error(status::of_error(&error));
        let timeout = timeout(&headers).map_err(refused)?;
        let call = call(message.read().map_err(status::of_fault).map_err(refused)?);
        call.validate().map_err(refused)?;
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
        let (style, spoken) = (Some(ProtocolVersion::V1_0), &[ProtocolVersion::V1_0]);
        context.version = ProtocolVersion::of_request(style, named.as_deref(), None, spoken)?;
        context.extensions = request_headers::extensions(headers, &card)?;
        context.headers = self.forward.apply(headers);
        context.presented = request_headers::presented(headers, None, &card);
        Ok(context)
    }
}

/// The active extensions as the reply's metadata names them.
struct Extensions(Option<MetadataValue<tonic::metadata::Ascii>>);

impl Extensions {
    fn of(context: &CallContext) -> Self {
        let active = &context.extensions;
        Self(if active.is_empty() { None } else { MetadataValue::try_from(active.join(", ")).ok() })
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
        if let Some(active) = &self.0 {
            metadata.insert(EXTENSIONS_HEADER, active.clone());
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
