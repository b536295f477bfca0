//! Methods of the agent's own that are made of functions, and the functions that call them.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use agent_sdk::{
    Tokens,
    prelude::*,
    protocol::{Call, CustomCall, Error, ErrorKind},
};
use futures::{Stream, StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::bindings::{Binding, Reach, World, refusal};

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Count {
    to: Vec<u32>,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Counted {
    sum: u32,
    who: String,
}

/// Adds two numbers.
///
/// They may be negative.
#[a2a_rpc("example/add")]
async fn add(_context: CallContext, a: i64, b: i64) -> Result<i64, Error> {
    a.checked_add(b).ok_or_else(|| Error::invalid("a", "the sum is too large"))
}

#[a2a_rpc("example/count")]
async fn count(context: CallContext, params: Count) -> Result<Counted, Error> {
    let sum = params.to.iter().try_fold(0_u32, |sum, next| sum.checked_add(*next));
    let sum = sum.ok_or_else(|| Error::invalid("to", "adds up to too much"))?;
    Ok(Counted { sum, who: format!("{:?}", context.principal) })
}

/// Says one number after the other.
#[a2a_rpc("example/count-up")]
async fn count_up(
    _context: CallContext,
    to: Vec<u32>,
    start_at: Option<u32>,
) -> Result<impl Stream<Item = Result<u32, Error>>, Error> {
    if to.is_empty() {
        return Err(Error::invalid("to", "must not be empty"));
    }
    Ok(stream::iter(to).map(move |next| match next {
        13 => Err(Error::new(ErrorKind::ResourceExhausted, "no thirteen")),
        99 => panic!("secret detail"),
        next => Ok(start_at.unwrap_or(0) + next),
    }))
}

#[a2a_rpc("example/ping")]
async fn ping(_context: CallContext) -> Result<String, Error> {
    Ok("pong".to_owned())
}

#[a2a_rpc("example/panic")]
async fn panics(_context: CallContext, agent: Option<String>, state: Option<u8>) -> Result<(), Error> {
    panic!("secret detail: {agent:?} {state:?}")
}

#[a2a_rpc("example/visits")]
async fn visits(visits: Arc<AtomicU32>, _context: CallContext) -> Result<u32, Error> {
    Ok(visits.fetch_add(1, Ordering::Relaxed) + 1)
}

/// Methods as callers might declare them who know no more of the agent, and are wrong.
mod stubs {
    use super::Error;
    use agent_sdk::prelude::*;

    #[a2a_rpc("example/add")]
    pub(super) async fn add(a: i64, b: String) -> Result<i64, Error>;

    #[a2a_rpc("example/count-up")]
    pub(super) async fn count_up(
        to: Vec<u32>,
    ) -> Result<futures::stream::BoxStream<'static, Result<String, Error>>, Error>;
}

fn agent(agent: Agent) -> Agent {
    agent
        .rpc::<add>()
        .rpc::<count>()
        .rpc::<count_up>()
        .rpc::<ping>()
        .rpc::<panics>()
        .rpc_with::<visits>(Arc::default())
        .method("example/plain", |_context, (a, _): (Vec<Option<u8>>, String)| async move { Ok(Some(a)) })
}

async fn a_function_is_called_by_its_name_there_as_here(binding: Binding) {
    let world = World::with(binding, agent).await;
    let service = &world.service;
    assert_eq!(add(CallContext::new(), 1, 2).await.unwrap(), 3);
    assert_eq!(add::call(service, 1, 2).await.unwrap(), 3);
    let counted = count::call(service, Count { to: vec![1, 2, 3] }).await.unwrap();
    assert_eq!(counted, Counted { sum: 6, who: "None".to_owned() });
    assert_eq!(ping::call(&**service).await.unwrap(), "pong");
    let results = count_up::call(service, vec![1, 2], Some(10)).await.unwrap();
    assert_eq!(results.map(Result::unwrap).collect::<Vec<_>>().await, [11, 12]);
    world.end().await;
}

async fn arguments_are_members_of_the_parameters(binding: Binding) {
    let world = World::with(binding, agent).await;
    let ask = async |params| world.service.call_method::<_, i64>(CallContext::new(), "example/add", &params).await;
    assert_eq!(ask(json!({"b": 2, "a": 1, "tenant": ""})).await.unwrap(), 3);
    for (params, message) in [
        (json!({"a": 1, "b": "x"}), "b: invalid type: string \"x\", expected i64"),
        (json!({"a": 1}), "params: missing field `b`"),
        (json!({"a": 1, "b": i64::MAX}), "a: the sum is too large"),
        (json!([1, 2]), "params: invalid type: sequence, expected an object"),
    ] {
        let error = ask(params).await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::InvalidParams, message));
    }
    let error = stubs::add::call(&world.service, 1, "2".to_owned()).await.unwrap_err();
    assert_eq!(error.field_violations()[0].field, "b");
    let error = count::call(&world.service, Count { to: vec![u32::MAX, 1] }).await.unwrap_err();
    assert_eq!(error.message(), "to: adds up to too much");
    let params = json!({"to": [1], "startAt": -1});
    let refused = world.service.stream_method::<_, u32>(CallContext::new(), "example/count-up", &params).await;
    assert_eq!(refused.map(|_| ()).unwrap_err().field_violations()[0].field, "startAt");
    world.end().await;
}

async fn a_stream_ends_with_its_first_error(binding: Binding) {
    let world = World::with(binding, agent).await;
    let service = &world.service;
    for (to, kind) in [(vec![3, 13, 5], ErrorKind::ResourceExhausted), (vec![3, 99, 5], ErrorKind::Internal)] {
        let results: Vec<_> = count_up::call(service, to, None).await.unwrap().collect().await;
        assert_eq!(results.len(), 2, "{results:?}");
        assert_eq!(*results[0].as_ref().unwrap(), 3);
        let error = results[1].as_ref().unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(!error.message().contains("secret"), "{error}");
    }
    let refused = count_up::call(service, Vec::new(), None).await.map(|_| ());
    assert_eq!(refusal(refused).0, ErrorKind::InvalidParams, "before the stream begins");
    let mut unfit = stubs::count_up::call(service, vec![1]).await.unwrap();
    assert_eq!(unfit.next().await.unwrap().unwrap_err().kind(), ErrorKind::InvalidAgentResponse);
    world.end().await;
}

async fn a_function_that_panics_fails_alone(binding: Binding) {
    let world = World::with(binding, agent).await;
    let (kind, text) = refusal(panics::call(&world.service, Some("me".to_owned()), None).await);
    assert_eq!(kind, ErrorKind::Internal);
    assert!(!text.contains("secret"), "{text}");
    assert_eq!(ping::call(&world.service).await.unwrap(), "pong");
    world.end().await;
}

async fn a_function_has_the_context_and_its_state(binding: Binding) {
    let world = World::with(binding, |it| agent(it).authenticate(Tokens::new().bearer("t", "alice"))).await;
    assert_eq!(refusal(visits::call(&world.service).await).0, ErrorKind::Unauthenticated);
    let alice = world.reach(Reach::bearer("t"));
    for visit in 1..3 {
        // Each replica has its own state.
        assert!(visits::call(&alice).await.unwrap() <= visit);
    }
    assert_eq!(count::call(&alice, Count { to: vec![] }).await.unwrap().who, "Some(\"alice\")");
    world.end().await;
}

crate::over_all_bindings!(
    if has_own_methods;
    a_function_is_called_by_its_name_there_as_here,
    arguments_are_members_of_the_parameters,
    a_stream_ends_with_its_first_error,
    a_function_that_panics_fails_alone,
    a_function_has_the_context_and_its_state,
);

#[tokio::test]
async fn a_binding_without_methods_says_so() {
    let world = World::with(Binding::HttpJson, agent).await;
    assert_eq!(refusal(ping::call(&world.service).await).0, ErrorKind::MethodNotFound);
    world.end().await;
}

/// As an adapter calls for an entry of a batch.
#[tokio::test]
async fn where_there_is_no_room_for_a_stream_it_is_refused() {
    let world = World::with(Binding::InProcess, agent).await;
    let ask = async |method, params: serde_json::Value| {
        let mut context = CallContext::new();
        context.no_stream = true;
        world.service.handle(context, Call::Custom(CustomCall::with(method, &params).unwrap())).await
    };
    assert_eq!(refusal(ask("example/count-up", json!({"to": [1]})).await).0, ErrorKind::InvalidRequest);
    ask("example/count", json!({"to": [1]})).await.unwrap();
    world.end().await;
}

#[tokio::test]
async fn a_method_is_there_once() {
    let echo = |turn: Turn, task: TaskUpdater| async move { task.reply(turn.text()).await };
    let echo = Agent::new("Echo", "Says back").skill(Skill::new("echo", "Echo"), echo);
    let error = echo.rpc::<ping>().rpc::<ping>().bind("127.0.0.1:0").await.unwrap_err();
    assert!(error.to_string().ends_with("\"example/ping\" is there twice"), "{error}");
}

#[test]
fn the_documentation_lists_skills_and_methods() {
    let skill = Skill::new("echo", "Echo").description("Says back what it hears.").tag("demo").example("hello");
    let echo = |turn: Turn, task: TaskUpdater| async move { task.reply(turn.text()).await };
    let docs = agent(Agent::new("Example", "Shows methods.").skill(skill.output_mode("text/*"), echo)).docs();
    assert_eq!(docs, include_str!("rpc.md"));
}
