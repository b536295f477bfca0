//! The operations of `a2a.v1.A2AService`.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use a2a_app_ports::{AgentService, BoxFuture, CallContext, CardHandle, EventStream, Reply};
use a2a_protocol_core::{Call, Error, ErrorKind, ProtocolVersion, StreamResponse, v03};
use futures::{StreamExt, future::ready, stream};
use http::Request;
use prost_reflect::DynamicMessage;
use tonic::{Response, Status, body::Body, codec::CompressionEncoding, server::Grpc};
use tower_service::Service;

use super::{answer::Answers, events::Events};
use crate::v03::{Operation, status};

/// The service of 0.3.
#[derive(Clone)]
pub(super) struct Service03 {
    answers: Answers,
    max_message_bytes: usize,
}

impl Service03 {
    pub(super) fn new(answers: Answers, max_message_bytes: usize) -> Self {
        let service = Arc::new(Carded { agent: answers.service, card: answers.card.clone() });
        let answers = Answers { version: ProtocolVersion::V0_3, status: status::of_error, service, ..answers };
        Self { answers, max_message_bytes }
    }
}

/// Answers GetAgentCard, by which 0.3 reads any card over gRPC, with the public one where there is
/// none for authenticated callers, as the official Python server of 0.3 does.
struct Carded {
    agent: Arc<dyn AgentService>,
    card: CardHandle,
}

impl AgentService for Carded {
    fn handle(&self, context: CallContext, call: Call) -> BoxFuture<'_, Result<Reply, Error>> {
        let public = matches!(call, Call::GetExtendedAgentCard(_)).then(|| self.card.get());
        match public.filter(|card| card.capabilities.extended_agent_card != Some(true)) {
            Some(card) => Box::pin(ready(Ok(Reply::Card(card)))),
            None => self.agent.handle(context, call),
        }
    }
}

impl Service<Request<Body>> for Service03 {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // `/package.Service/Method`
        let name = request.uri().path().split('/').nth(2).unwrap_or_default();
        let Some(operation) = Operation::named(name) else {
            let error = Error::new(ErrorKind::MethodNotFound, format!("version 0.3 has no method {name:?}"));
            let status = (self.answers.status)(&error);
            return Box::pin(async move { Ok(status.into_http()) });
        };
        let mut grpc = Grpc::new(operation.requests())
            .max_decoding_message_size(self.max_message_bytes)
            .accept_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Gzip);
        let streaming = operation.method.is_streaming();
        let answer = Answer { answers: self.answers.clone(), operation };
        Box::pin(async move {
            Ok(match streaming {
                true => grpc.server_streaming(answer, request).await,
                false => grpc.unary(One(answer), request).await,
            })
        })
    }
}

/// The events up to the one that 0.3 calls final.
fn until_final(events: EventStream) -> EventStream {
    let events = stream::unfold(Some(events), async |events| {
        let mut events = events?;
        let next = events.next().await?;
        let is_final = matches!(&next, Ok(event) if is_final(&event.response));
        Some((next, Some(events).filter(|_| !is_final)))
    });
    Box::pin(events)
}

fn is_final(event: &StreamResponse) -> bool {
    matches!(event, StreamResponse::StatusUpdate(update) if v03::is_final(&update.status.state))
}

/// Answers one operation, by a stream.
struct Answer {
    answers: Answers,
    operation: Operation,
}

/// The same, by one message.
struct One(Answer);

impl Service<tonic::Request<DynamicMessage>> for Answer {
    type Response = Response<Events<DynamicMessage>>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Self::Response, Status>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: tonic::Request<DynamicMessage>) -> Self::Future {
        let (answers, operation) = (self.answers.clone(), self.operation.clone());
        Box::pin(async move {
            let writing = operation.clone();
            let write = move |event: &_| writing.write_event(event);
            let read = |message| operation.read_request(&message);
            answers.stream(request, read, until_final, write).await
        })
    }
}

impl Service<tonic::Request<DynamicMessage>> for One {
    type Response = Response<DynamicMessage>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Self::Response, Status>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: tonic::Request<DynamicMessage>) -> Self::Future {
        let Self(Answer { answers, operation }) = self;
        let (answers, operation) = (answers.clone(), operation.clone());
        Box::pin(async move {
            let read = |message| operation.read_request(&message);
            answers.one(request, read, |reply| operation.write_reply(reply)).await
        })
    }
}
