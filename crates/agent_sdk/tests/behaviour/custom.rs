//! Methods of the agent's own: in process and over JSON-RPC; HTTP+JSON has no place for them.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use agent_sdk::{
    ServeError, Tokens,
    prelude::*,
    protocol::{Call, CustomCall, Error, ErrorKind, Message},
};
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::bindings::{Binding, Reach, World, refusal};

#[derive(Deserialize)]
struct Count {
    to: Vec<u32>,
    tenant: Option<String>,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Counted {
    sum: u32,
    who: String,
}

async fn count(context: CallContext, params: Count) -> Result<Counted, Error> {
    let who = format!("{:?} of {:?}", context.principal, params.tenant);
    let sum = params.to.iter().try_fold(0_u32, |sum, next| sum.checked_add(*next));
    sum.map(|sum| Counted { sum, who }).ok_or_else(|| Error::invalid("to", "adds up to too much"))
}

fn agent(agent: Agent) -> Agent {
    agent
        .method("example/count", count)
        .method("example/ping", |_context, (): ()| async { Ok("pong") })
        .method("example/panic", |_context, (): ()| async { panic!("secret detail") as Result<(), Error> })
        .streaming_method("example/count-up", |_context, params: Count| async move {
            if params.to.is_empty() {
                return Err(Error::invalid("to", "must not be empty"));
            }
            Ok(stream::iter(params.to).map(|next| match next {
                13 => Err(Error::new(ErrorKind::ResourceExhausted, "no thirteen")),
                99 => panic!("secret detail"),
                next => Ok(Counted { sum: next, who: String::new() }),
            }))
        })
}

/// Whether the binding has a place for such methods; otherwise sees that it says so.
async fn has_methods(binding: Binding, service: &Arc<dyn AgentService>) -> bool {
    if !binding.has_own_methods() {
        let refused = service.call_method::<_, String>(CallContext::new(), "example/ping", &()).await;
        assert_eq!(refusal(refused).0, ErrorKind::MethodNotFound);
        return false;
    }
    true
}

async fn a_method_has_typed_parameters_and_a_typed_result(binding: Binding) {
    let world = World::with(binding, agent).await;
    let service = &world.service;
    if has_methods(binding, service).await {
        let counted: Counted =
            service.call_method(CallContext::new(), "example/count", &json!({"to": [1, 2, 3]})).await.unwrap();
        assert_eq!(counted, Counted { sum: 6, who: "None of None".to_owned() });
        let pong: String = service.call_method(CallContext::new(), "example/ping", &()).await.unwrap();
        assert_eq!(pong, "pong");
        let error = service.call_method::<_, u8>(CallContext::new(), "example/ping", &()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidAgentResponse);
    }
    world.end().await;
}

async fn parameters_that_do_not_fit_are_refused_by_field(binding: Binding) {
    let world = World::with(binding, agent).await;
    let service = &world.service;
    if has_methods(binding, service).await {
        for (params, field) in [
            (json!({"to": [1, "x"]}), "to[1]"),
            (json!({"to": [4_294_967_295_u32, 1]}), "to"),
            (json!({}), "params"),
            (json!([[1]]), "params"),
        ] {
            let refused = service.call_method::<_, Counted>(CallContext::new(), "example/count", &params).await;
            let error = refused.unwrap_err();
            assert_eq!((error.kind(), &*error.field_violations()[0].field), (ErrorKind::InvalidParams, field));
        }
        let params = json!({"to": 1});
        let streamed = service.stream_method::<_, Counted>(CallContext::new(), "example/count-up", &params).await;
        let error = streamed.map(|_| ()).unwrap_err();
        assert_eq!(error.field_violations()[0].field, "to");
    }
    world.end().await;
}

async fn a_method_may_need_no_parameters(binding: Binding) {
    let world = World::with(binding, |it| {
        agent(it).method("example/maybe", |_context, params: Option<(u8, u8)>| async move { Ok(format!("{params:?}")) })
    })
    .await;
    let service = &world.service;
    if has_methods(binding, service).await {
        let mut callers = vec![service.clone()];
        if binding.has_tenants() {
            callers.push(world.of_tenant("blue"));
        }
        for caller in callers {
            for nothing in [json!(null), json!({})] {
                let pong: String = caller.call_method(CallContext::new(), "example/ping", &nothing).await.unwrap();
                assert_eq!(pong, "pong", "{nothing}");
                let maybe: String = caller.call_method(CallContext::new(), "example/maybe", &nothing).await.unwrap();
                assert_eq!(maybe, "None", "{nothing}");
            }
        }
        let some: String = service.call_method(CallContext::new(), "example/maybe", &(1, 2)).await.unwrap();
        assert_eq!(some, "Some((1, 2))");
        let scalar = service.call_method::<_, String>(CallContext::new(), "example/maybe", &7).await.unwrap_err();
        assert_eq!(scalar.message(), "params: must be an object or an array, or left out");
    }
    world.end().await;
}

async fn a_method_may_stream_its_results(binding: Binding) {
    let world = World::with(binding, agent).await;
    let service = &world.service;
    if has_methods(binding, service).await {
        let count_up = |to: serde_json::Value| async move {
            let params = json!({ "to": to });
            let results = service.stream_method::<_, Counted>(CallContext::new(), "example/count-up", &params).await?;
            Ok::<_, Error>(results.map(|result| result.map(|counted| counted.sum)).collect::<Vec<_>>().await)
        };
        let sums: Result<Vec<u32>, Error> = count_up(json!([3, 4, 5])).await.unwrap().into_iter().collect();
        assert_eq!(sums.unwrap(), [3, 4, 5]);
        for (to, kind) in [(json!([3, 13, 5]), ErrorKind::ResourceExhausted), (json!([3, 99]), ErrorKind::Internal)] {
            let results = count_up(to).await.unwrap();
            assert_eq!(results.len(), 2, "it ends with its first error: {results:?}");
            assert_eq!(*results[0].as_ref().unwrap(), 3);
            let error = results[1].as_ref().unwrap_err();
            assert_eq!(error.kind(), kind);
            assert!(!error.message().contains("secret"), "{error}");
        }
        assert_eq!(refusal(count_up(json!([])).await).0, ErrorKind::InvalidParams, "before the stream begins");
    }
    world.end().await;
}

async fn a_stream_is_no_value_and_a_value_no_stream(binding: Binding) {
    let world = World::with(binding, agent).await;
    let service = &world.service;
    if has_methods(binding, service).await {
        let one = service.call_method::<_, Counted>(CallContext::new(), "example/count-up", &json!({"to": [1]})).await;
        assert_eq!(refusal(one).0, ErrorKind::InvalidAgentResponse);
        let many = service.stream_method::<_, String>(CallContext::new(), "example/ping", &()).await.map(|_| ());
        assert_eq!(refusal(many).0, ErrorKind::InvalidAgentResponse);
    }
    world.end().await;
}

async fn a_method_that_panics_fails_alone(binding: Binding) {
    let world = World::with(binding, agent).await;
    let service = &world.service;
    if has_methods(binding, service).await {
        let (kind, text) = refusal(service.call_method::<_, ()>(CallContext::new(), "example/panic", &()).await);
        assert_eq!(kind, ErrorKind::Internal);
        assert!(!text.contains("secret"), "{text}");
        let pong: String = service.call_method(CallContext::new(), "example/ping", &()).await.unwrap();
        assert_eq!(pong, "pong");
    }
    world.end().await;
}

async fn methods_know_their_caller_and_tenant(binding: Binding) {
    let world = World::with(binding, |it| agent(it).authenticate(Tokens::new().bearer("t", "alice"))).await;
    if binding.has_own_methods() && binding.has_tenants() {
        let params = json!({"to": []});
        let nobody = world.service.call_method::<_, Counted>(CallContext::new(), "example/count", &params).await;
        assert_eq!(refusal(nobody).0, ErrorKind::Unauthenticated);
        let alice = world.reach(Reach { tenant: Some("blue"), bearer: Some("t"), ..Reach::default() });
        let counted: Counted = alice.call_method(CallContext::new(), "example/count", &params).await.unwrap();
        assert_eq!(counted.who, "Some(\"alice\") of Some(\"blue\")");
    }
    world.end().await;
}

async fn other_methods_are_still_not_found(binding: Binding) {
    let world = World::with(binding, agent).await;
    let call = Call::Custom(CustomCall::new("example/other", None));
    let refused = world.service.handle(CallContext::new(), call).await;
    assert_eq!(refusal(refused).0, ErrorKind::MethodNotFound);
    world.task(Message::user("m-own", "complete")).await;
    world.end().await;
}

crate::over_all_bindings!(
    a_method_has_typed_parameters_and_a_typed_result,
    parameters_that_do_not_fit_are_refused_by_field,
    a_method_may_need_no_parameters,
    a_method_may_stream_its_results,
    a_stream_is_no_value_and_a_value_no_stream,
    a_method_that_panics_fails_alone,
    methods_know_their_caller_and_tenant,
    other_methods_are_still_not_found,
);

#[tokio::test]
async fn names_of_the_protocol_or_of_another_method_are_refused() {
    let echo = || {
        Agent::new("Echo", "Says back").skill(Skill::new("echo", "Echo"), |turn: Turn, task: TaskUpdater| async move {
            task.reply(turn.text()).await
        })
    };
    let ping = |agent: Agent, name: &str| agent.method(name, |_context, (): ()| async { Ok(()) });
    for (agent, says) in [
        (ping(echo(), "SendMessage"), "not of the form vendor/method"),
        (ping(echo(), "tasks/get"), "among the names of the protocol"),
        (ping(ping(echo(), "a/b"), "a/b"), "\"a/b\" is there twice"),
    ] {
        let error = agent.bind("127.0.0.1:0").await.unwrap_err();
        assert!(matches!(error, ServeError::Method(_)) && error.to_string().contains(says), "{error}");
    }
}

/// As an adapter calls for an entry of a batch.
#[tokio::test]
async fn where_there_is_no_room_for_a_stream_none_is_begun() {
    let begun = Arc::new(AtomicBool::new(false));
    let seen = begun.clone();
    let world = World::with(Binding::InProcess, |it| {
        agent(it).streaming_method("example/begin", move |_context, (): ()| {
            seen.store(true, Ordering::SeqCst);
            async { Ok(stream::iter([Ok(1_u8)])) }
        })
    })
    .await;
    let mut context = CallContext::new();
    context.no_stream = true;
    let call = |name: &str| Call::Custom(CustomCall::new(name, None));
    let refused = world.service.handle(context.clone(), call("example/begin")).await;
    assert_eq!(refusal(refused).0, ErrorKind::InvalidRequest);
    assert!(!begun.load(Ordering::SeqCst));
    world.service.handle(context, call("example/ping")).await.unwrap();
    world.service.handle(CallContext::new(), call("example/begin")).await.unwrap();
    assert!(begun.load(Ordering::SeqCst));
    world.end().await;
}
