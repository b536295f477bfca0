//! An agent's own methods: a decorator that answers them.

use std::{collections::BTreeMap, sync::Arc};

use a2a_app_ports::{AgentService, BoxFuture, CallContext, MaybeSend, Reply};
use a2a_protocol_core::{Call, CustomCall, Error};
use futures::{Stream, StreamExt, future::ready};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};

use crate::guarded::{guarded, guarded_stream, until_error};

/// Answers one method.
pub(crate) struct Method {
    streams: bool,
    answer: Box<Answer>,
}

type Answer = dyn Fn(CallContext, CustomCall) -> BoxFuture<'static, Result<Reply, Error>> + Send + Sync;

/// A method that is answered by one value.
pub(crate) fn one<P, R, F, A>(handler: F) -> Method
where
    P: DeserializeOwned,
    R: Serialize,
    F: Fn(CallContext, P) -> A + Send + Sync + 'static,
    A: Future<Output = Result<R, Error>> + MaybeSend + 'static,
{
    let handler = Arc::new(handler);
    let answer = move |context, call: CustomCall| {
        let handler = handler.clone();
        let answer = guarded(place(&call.method), async move {
            let answer = handler(context, call.read()?);
            written(&answer.await?).map(Reply::Custom)
        });
        Box::pin(answer) as BoxFuture<'static, _>
    };
    Method { streams: false, answer: Box::new(answer) }
}

/// A method that is answered by a stream of values.
pub(crate) fn many<P, R, F, A, S>(handler: F) -> Method
where
    P: DeserializeOwned,
    R: Serialize + 'static,
    F: Fn(CallContext, P) -> A + Send + Sync + 'static,
    A: Future<Output = Result<S, Error>> + MaybeSend + 'static,
    S: Stream<Item = Result<R, Error>> + MaybeSend + 'static,
{
    let handler = Arc::new(handler);
    let answer = move |context, call: CustomCall| {
        let (handler, place) = (handler.clone(), place(&call.method));
        let answer = guarded(place.clone(), async move {
            let answer = handler(context, call.read()?);
            let results = guarded_stream(place, answer.await?);
            let results = results.map(|result| result.and_then(|result| written(&result)));
            Ok(Reply::CustomStream(Box::pin(until_error(results))))
        });
        Box::pin(answer) as BoxFuture<'static, _>
    };
    Method { streams: true, answer: Box::new(answer) }
}

fn place(method: &str) -> String {
    format!("the method {method}")
}

fn written(result: &impl Serialize) -> Result<Box<RawValue>, Error> {
    to_raw_value(result).map_err(Error::internal)
}

/// Answers the agent's own methods, and passes on all other calls.
pub(crate) struct Methods {
    agent: Arc<dyn AgentService>,
    methods: BTreeMap<String, Arc<Method>>,
}

impl Methods {
    pub(crate) fn new(agent: Arc<dyn AgentService>, methods: BTreeMap<String, Arc<Method>>) -> Self {
        Self { agent, methods }
    }
}

impl AgentService for Methods {
    fn handle(&self, context: CallContext, call: Call) -> BoxFuture<'_, Result<Reply, Error>> {
        let method = match &call {
            Call::Custom(call) => self.methods.get(&call.method),
            _ => None,
        };
        let checked = method.map_or(Ok(()), |method| method.check(&context, &call));
        match (call, method) {
            (Call::Custom(call), Some(method)) => match checked {
                Ok(()) => (method.answer)(context, call),
                Err(error) => Box::pin(ready(Err(error))),
            },
            (call, _) => self.agent.handle(context, call),
        }
    }
}

impl Method {
    /// Sees before it is run that it can be. In process nobody has looked at the call yet.
    fn check(&self, context: &CallContext, call: &Call) -> Result<(), Error> {
        call.validate()?;
        if self.streams { context.room_for_stream(&call.name()) } else { Ok(()) }
    }
}
