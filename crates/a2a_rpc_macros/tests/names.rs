//! A function may have any names in it and around it.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{marker::PhantomData, pin::Pin};

use agent_sdk::{
    ports::{AgentService, BoxFuture, CallContext, Reply, RpcMethod},
    prelude::a2a_rpc,
    protocol::{self, Call},
};
use futures::{FutureExt as _, Stream, StreamExt as _};
use serde::{Deserialize, Serialize};

type Result<T, E = Refusal> = std::result::Result<T, E>;

/// Has the names of what is generated.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Params(bool);

#[derive(Debug)]
struct Refusal(&'static str);

impl From<Refusal> for protocol::Error {
    fn from(Refusal(why): Refusal) -> Self {
        Self::invalid("agent", why)
    }
}

/// Has arguments of every name there is.
#[a2a_rpc("example/names")]
#[expect(clippy::too_many_arguments, reason = "that is what is tested")]
async fn names(
    mut state: u8,
    _: CallContext,
    agent: u8,
    context: (u8, u8),
    mut call: Vec<u8>,
    names: u8,
    r#type: Option<Params>,
    _start_at_1: [u8; 2],
    straße: std::string::String,
) -> Result<String> {
    state += 1;
    call.push(state);
    if agent == 0 {
        return Err(Refusal("must not be nobody"));
    }
    Ok(format!("{agent} {context:?} {call:?} {names} {type:?} {_start_at_1:?} {straße}"))
}

#[a2a_rpc("example/whole")]
async fn whole(_: CallContext, mut params: std::collections::BTreeMap<String, u8>) -> Result<usize> {
    params.clear();
    Ok(params.len())
}

#[a2a_rpc("example/boxed")]
async fn boxed(_: CallContext) -> Result<futures::stream::BoxStream<'static, Result<u8, protocol::Error>>> {
    Ok(futures::stream::iter([Ok(1)]).boxed())
}

#[a2a_rpc("example/pinned")]
async fn pinned(_: CallContext) -> Result<Pin<Box<dyn Stream<Item = Result<u8, protocol::Error>> + Send>>> {
    Ok(futures::stream::iter([Ok(2)]).boxed())
}

mod elsewhere {
    /// Asks how many there are.
    #[super::a2a_rpc("example/stub")]
    pub(super) async fn r#match(agent: String, context: u8) -> std::result::Result<u8, agent_sdk::protocol::Error>;
}

/// Answers by one method; tells what it was asked.
struct Only<M: RpcMethod>(M::State, PhantomData<fn() -> M>);

impl<M: RpcMethod<State: Clone>> AgentService for Only<M> {
    fn handle(&self, context: CallContext, call: Call) -> BoxFuture<'_, Result<Reply, protocol::Error>> {
        let Call::Custom(call) = call else { panic!("{call:?}") };
        assert_eq!(call.method, M::NAME);
        Box::pin(M::answer(self.0.clone(), context, call))
    }
}

#[test]
fn names_of_the_function_are_not_those_of_what_is_generated() {
    let agent = Only::<names>(6, PhantomData);
    let call = |who| names::call(&agent, who, (1, 2), vec![5], 3, Some(Params(true)), [8, 9], "x".to_owned());
    assert_eq!(call(1).now_or_never().unwrap().unwrap(), "1 (1, 2) [5, 7] 3 Some(Params(true)) [8, 9] x");
    assert_eq!(call(0).now_or_never().unwrap().unwrap_err().message(), "agent: must not be nobody");
    let agent = Only::<whole>((), PhantomData);
    assert_eq!(whole::call(&agent, [("a".to_owned(), 1)].into()).now_or_never().unwrap().unwrap(), 0);
    drop(elsewhere::r#match::call(&agent, String::new(), 1));
}

#[test]
fn a_stream_may_be_boxed() {
    assert_eq!((boxed::STREAMS, pinned::STREAMS), (true, true));
    let results = boxed::call(&Only::<boxed>((), PhantomData)).now_or_never().unwrap().unwrap();
    assert_eq!(results.map(std::result::Result::unwrap).collect::<Vec<_>>().now_or_never().unwrap(), [1]);
    let results = pinned::call(&Only::<pinned>((), PhantomData)).now_or_never().unwrap().unwrap();
    assert_eq!(results.map(std::result::Result::unwrap).collect::<Vec<_>>().now_or_never().unwrap(), [2]);
}

#[test]
fn a_method_says_what_it_is() {
    assert_eq!(names::NAME, "example/names");
    assert_eq!(names::DESCRIPTION, "Has arguments of every name there is.");
    let params = "{ agent: u8, context: (u8, u8), call: Vec<u8>, names: u8, type: Option<Params>, \
                  startAt1: [u8; 2], straße: std::string::String }";
    assert_eq!(names::PARAMS, params);
    assert_eq!((names::RESULT, names::STREAMS), ("String", false));
    assert_eq!(whole::PARAMS, "std::collections::BTreeMap<String, u8>");
}
