//! Methods of the agent's own that are made of functions, and the functions that call them.

use agent_sdk::{
    prelude::*,
    protocol::{Error, ErrorKind},
};
use futures::StreamExt as _;
use serde_json::json;

use crate::{
    agent::{
        kinds,
        rpc::{Count, Counted, add, count, count_up, ping, visits},
        shout::SHOUT,
    },
    bindings::Binding,
    world::{Reach, World, refusal},
};

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

async fn a_function_is_called_by_its_name_there_as_here(binding: Binding) {
    let world = World::of(binding, kinds::RPC).await;
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
    let world = World::of(binding, kinds::RPC).await;
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
    let world = World::of(binding, kinds::RPC).await;
    let service = &world.service;
    for (to, kind) in [(vec![3, 13, 5], ErrorKind::ResourceExhausted), (vec![3, 99, 5], ErrorKind::Internal)] {
        if kind == ErrorKind::Internal && !binding.survives_panics() {
            continue;
        }
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

async fn a_function_has_the_context_and_its_state(binding: Binding) {
    let world = World::of(binding, kinds::RPC_GUARDED).await;
    assert_eq!(refusal(visits::call(&world.service).await).0, ErrorKind::Unauthenticated);
    let alice = world.reach(Reach::bearer("alice-1"));
    for visit in 1..3 {
        // Each replica has its own state.
        assert!(visits::call(&alice).await.unwrap() <= visit);
    }
    assert_eq!(count::call(&alice, Count { to: vec![] }).await.unwrap().who, "Some(\"alice\")");
    world.end().await;
}

async fn a_call_may_ask_for_more_than_its_arguments(binding: Binding) {
    let world = World::of(binding, kinds::RPC_SHOUTS_ONLY).await;
    let service = &world.service;
    assert_eq!(refusal(ping::call(service).await).0, ErrorKind::ExtensionSupportRequired);
    let mut context = CallContext::new();
    context.extensions.push(SHOUT.to_owned());
    assert_eq!(ping::call_with(service, context.clone()).await.unwrap(), "pong");
    let results = count_up::call_with(service, context, vec![1, 2], Some(10)).await.unwrap();
    assert_eq!(results.map(Result::unwrap).collect::<Vec<_>>().await, [11, 12]);
    let seen = ["call example/ping", "reply Custom", "call example/count-up", "reply CustomStream"];
    assert_eq!(world.gates.told().borrow()[..], seen);
    world.end().await;
}

crate::over_all_bindings!(
    if has_own_methods;
    a_function_is_called_by_its_name_there_as_here,
    arguments_are_members_of_the_parameters,
    a_stream_ends_with_its_first_error,
    a_function_has_the_context_and_its_state,
    a_call_may_ask_for_more_than_its_arguments,
);
