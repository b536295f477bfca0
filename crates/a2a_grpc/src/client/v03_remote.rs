//! An agent that is reached by `a2a.v1.A2AService`, the service of 0.3.

use std::{sync::Arc, time::Duration};

use a2a_app_ports::{AgentService, BoxFuture, CallContext, EventStream, Reply};
use a2a_protocol_core::{Call, Error, Method, ProtocolVersion, StreamEvent};
use futures::{StreamExt, TryFutureExt, stream};
use http::uri::PathAndQuery;
use prost_reflect::DynamicMessage;
use tonic::{Request, Response, Status, Streaming, client::Grpc};

use super::{
    pool::Pool,
    remote::{MAX_MESSAGE, metadata, no_method},
};
use crate::v03::{Operation, read, status};

/// How long a subscription waits for the head of the reply. Subscriptions of 0.3 begin with whatever
/// happens next, and servers that are not ours send the head no earlier than that.
const HEAD: Duration = Duration::from_millis(500);

/// An agent of 0.3 behind a gRPC interface.
pub(super) struct Remote03(pub(super) Pool);

impl Remote03 {
    async fn answer(&self, context: CallContext, call: Call) -> Result<Reply, Error> {
        let operation = call.method().and_then(Operation::of).ok_or_else(|| no_method(&call))?;
        let mut request = Request::new(operation.write_request(&call)?);
        *request.metadata_mut() = metadata(&context, ProtocolVersion::V0_3)?;
        let path = PathAndQuery::try_from(operation.path()).map_err(Error::internal)?;
        let (codec, method) = (operation.replies(), operation.method);
        let mut agent = Grpc::new(self.0.channel()).max_decoding_message_size(MAX_MESSAGE);
        agent.ready().await.map_err(|error| status::to_error(&Status::from_error(error.into()), method))?;
        if method.is_streaming() {
            let opening = async move { agent.server_streaming(request, path, codec).await };
            let mut opening = Box::pin(opening.map_ok(move |messages| events(messages, method)));
            let opened = if method == Method::SubscribeToTask {
                match tokio::time::timeout(HEAD, &mut opening).await {
                    Ok(opened) => opened,
                    Err(_) => return Ok(Reply::Stream(unopened(opening, method))),
                }
            } else {
                opening.await
            };
            return opened.map(Reply::Stream).map_err(|status| status::to_error(&status, method));
        }
        let message = agent.unary(request, path, codec).await.map_err(|status| status::to_error(&status, method))?;
        operation.read_reply(&message.into_inner())
    }
}

impl AgentService for Remote03 {
    fn handle(&self, context: CallContext, call: Call) -> BoxFuture<'_, Result<Reply, Error>> {
        Box::pin(self.answer(context, call))
    }
}

fn events(messages: Response<Streaming<DynamicMessage>>, method: Method) -> EventStream {
    Box::pin(messages.into_inner().map(move |message| {
        let message = message.map_err(|status| status::to_stream_error(&status, method))?;
        Ok(Arc::new(StreamEvent::new(None, read(&message)?)))
    }))
}

/// A stream whose head is yet to come.
fn unopened(
    opening: impl Future<Output = Result<EventStream, Status>> + Send + 'static,
    method: Method,
) -> EventStream {
    let opened = stream::once(opening).map(move |opened| match opened {
        Ok(events) => events,
        Err(status) => stream::iter([Err(status::to_stream_error(&status, method))]).boxed(),
    });
    opened.flatten().boxed()
}
