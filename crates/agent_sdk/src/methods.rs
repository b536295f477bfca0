//! An agent's own methods: a decorator that answers them.

use std::{any::type_name, borrow::Cow, collections::BTreeMap, sync::Arc};

use a2a_app_ports::{AgentService, BoxFuture, CallContext, MaybeSend, Reply};
use a2a_protocol_core::{Call, CustomCall, Error};
use futures::{Stream, future::ready};
use serde::{Serialize, de::DeserializeOwned};

use crate::guarded::{guarded, guarded_stream, until_error};

/// Answers one method.
pub(crate) struct Method {
    pub(crate) streams: bool,
    pub(crate) answer: Box<Answer>,
    pub(crate) described: Described,
}

/// What the documentation says of a method.
pub(crate) struct Described {
    /// What it does, if anybody has said so.
    pub(crate) description: &'static str,
    /// Its parameters, as a type of Rust or members with theirs; empty if it has none.
    pub(crate) params: Cow<'static, str>,
    /// Its result, or each of its results.
    pub(crate) result: Cow<'static, str>,
}

pub(crate) type Answer = dyn Fn(CallContext, CustomCall) -> BoxFuture<'static, Result<Reply, Error>> + Send + Sync;

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
            Reply::custom(&answer.await?)
        });
        Box::pin(answer) as BoxFuture<'static, _>
    };
    Method { streams: false, answer: Box::new(answer), described: Described::of::<P, R>() }
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
            Ok(ended(place, Reply::custom_stream(answer.await?)))
        });
        Box::pin(answer) as BoxFuture<'static, _>
    };
    Method { streams: true, answer: Box::new(answer), described: Described::of::<P, R>() }
}

/// A reply whose results, if it streams them, end with the first error; a panic is one.
pub(crate) fn ended(place: String, reply: Reply) -> Reply {
    match reply {
        Reply::CustomStream(results) => Reply::CustomStream(Box::pin(until_error(guarded_stream(place, results)))),
        other => other,
    }
}

pub(crate) fn place(method: &str) -> String {
    format!("the method {method}")
}

impl Described {
    /// Of a method that comes without a description, by its types.
    fn of<P, R>() -> Self {
        let params = Some(short(type_name::<P>())).filter(|params| params != "()").unwrap_or_default();
        Self { description: "", params: params.into(), result: short(type_name::<R>()).into() }
    }
}

/// The name of a type without the paths in it.
fn short(name: &str) -> String {
    let words = name.split_inclusive(|letter: char| !(letter.is_alphanumeric() || "_:".contains(letter)));
    words.map(|word| word.rsplit_once("::").map_or(word, |(_, last)| last)).collect()
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
