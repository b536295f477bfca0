//! Methods of the agent's own: in process and over JSON-RPC; HTTP+JSON has no place for them.

use std::sync::Arc;

use agent_sdk::{
    prelude::*,
    protocol::{Call, CustomCall, Error, ErrorKind, Message},
};
use futures::StreamExt;
use serde_json::json;

use crate::{
    agent::{kinds, methods::Counted},
    bindings::Binding,
    world::{Reach, World, refusal},
};

/// Whether the binding has a place for such methods; otherwise sees that it says so.
pub(crate) async fn has_methods(binding: Binding, service: &Arc<dyn AgentService>) -> bool {
    if !binding.has_own_methods() {
        let refused = service.call_method::<_, String>(CallContext::new(), "example/ping", &()).await;
        assert_eq!(refusal(refused).0, ErrorKind::MethodNotFound);
        return false;
    }
    true
}

async fn a_method_has_typed_parameters_and_a_typed_result(binding: Binding) {
    let world = World::of(binding, kinds::METHODS).await;
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
    let world = World::of(binding, kinds::METHODS).await;
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
    let world = World::of(binding, kinds::METHODS).await;
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
    let world = World::of(binding, kinds::METHODS).await;
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
            if kind == ErrorKind::Internal && !binding.survives_panics() {
                continue;
            }
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
    let world = World::of(binding, kinds::METHODS).await;
    let service = &world.service;
    if has_methods(binding, service).await {
        let one = service.call_method::<_, Counted>(CallContext::new(), "example/count-up", &json!({"to": [1]})).await;
        assert_eq!(refusal(one).0, ErrorKind::InvalidAgentResponse);
        let many = service.stream_method::<_, String>(CallContext::new(), "example/ping", &()).await.map(|_| ());
        assert_eq!(refusal(many).0, ErrorKind::InvalidAgentResponse);
    }
    world.end().await;
}

async fn methods_know_their_caller_and_tenant(binding: Binding) {
    let world = World::of(binding, kinds::METHODS_GUARDED).await;
    if binding.has_own_methods() && binding.has_tenants() {
        let params = json!({"to": []});
        let nobody = world.service.call_method::<_, Counted>(CallContext::new(), "example/count", &params).await;
        assert_eq!(refusal(nobody).0, ErrorKind::Unauthenticated);
        let alice = world.reach(Reach { tenant: Some("blue"), bearer: Some("alice-1"), ..Reach::default() });
        let counted: Counted = alice.call_method(CallContext::new(), "example/count", &params).await.unwrap();
        assert_eq!(counted.who, "Some(\"alice\") of Some(\"blue\")");
    }
    world.end().await;
}

async fn other_methods_are_still_not_found(binding: Binding) {
    let world = World::of(binding, kinds::METHODS).await;
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
    methods_know_their_caller_and_tenant,
    other_methods_are_still_not_found,
);
