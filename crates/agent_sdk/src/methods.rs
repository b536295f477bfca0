//! An agent's own methods: a decorator that answers them.

use std::{any::Any, collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc};

use a2a_app_ports::{AgentService, BoxFuture, BoxStream, CallContext, Reply};
use a2a_protocol_core::{Call, CustomCall, Error};
use futures::{FutureExt, Stream, StreamExt, future::ready};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};

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
    A: Future<Output = Result<R, Error>> + Send + 'static,
{
    let handler = Arc::new(handler);
    let answer = move |context, call: CustomCall| {
        let handler = handler.clone();
        guarded(call.method.clone(), async move {
            let answer = handler(context, call.read()?);
            written(&answer.await?).map(Reply::Custom)
        })
    };
    Method { streams: false, answer: Box::new(answer) }
}

/// A method that is answered by a stream of values.
pub(crate) fn many<P, R, F, A, S>(handler: F) -> Method
where
    P: DeserializeOwned,
    R: Serialize,
    F: Fn(CallContext, P) -> A + Send + Sync + 'static,
    A: Future<Output = Result<S, Error>> + Send + 'static,
    S: Stream<Item = Result<R, Error>> + Send + 'static,
{
    let handler = Arc::new(handler);
    let answer = move |context, call: CustomCall| {
        let (handler, name) = (handler.clone(), call.method.clone());
        guarded(call.method.clone(), async move {
            let answer = handler(context, call.read()?);
            let results = AssertUnwindSafe(answer.await?).catch_unwind();
            let results = results.map(move |result| match result {
                Ok(result) => result.and_then(|result| written(&result)),
                Err(panic) => Err(panicked(&name, &*panic)),
            });
            Ok(Reply::CustomStream(Box::pin(until_error(results))))
        })
    };
    Method { streams: true, answer: Box::new(answer) }
}

/// A stream ends with its first error.
fn until_error(
    results: impl Stream<Item = Result<Box<RawValue>, Error>> + Send + 'static,
) -> BoxStream<'static, Result<Box<RawValue>, Error>> {
    Box::pin(results.scan(false, |failed, result| {
        let over = std::mem::replace(failed, result.is_err());
        ready((!over).then_some(result))
    }))
}

/// A handler that panics fails its call and nothing else.
fn guarded(
    name: String,
    answer: impl Future<Output = Result<Reply, Error>> + Send + 'static,
) -> BoxFuture<'static, Result<Reply, Error>> {
    let answer = AssertUnwindSafe(answer).catch_unwind();
    Box::pin(answer.map(move |outcome| outcome.unwrap_or_else(|panic| Err(panicked(&name, &*panic)))))
}

fn panicked(name: &str, panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::internal(format!("the method {name} panicked: {}", text.unwrap_or("without a text")))
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
