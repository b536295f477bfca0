//! What no binding has a say in: how agents are made, and what adapters alone can ask for.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use agent_sdk::{
    ServeError, Tokens,
    ports::Presented,
    prelude::*,
    protocol::{Call, CustomCall, ErrorKind, SecurityRequirement, SendMessageRequest},
};
use futures::stream;
use serde_json::json;

use crate::{
    agent::{
        kinds,
        rpc::{self, ping},
    },
    bindings::Binding,
    gates::Gates,
    world::{World, refusal},
};

#[tokio::test]
async fn two_api_keys_that_belong_together_are_two_keys_each_in_its_place() {
    let tokens = Tokens::new()
        .api_key("any-1", "alice")
        .api_key("any-2", "alice")
        .api_key_for("app", "app-1", "alice")
        .api_key_for("user", "user-1", "alice");
    let world = World::with(Binding::InProcess, kinds::PLAIN, |agent| {
        agent.authenticate(tokens).card(|card| {
            let scheme = |name: &str| json!({"apiKeySecurityScheme": {"location": "header", "name": name}});
            let schemes = json!({"app": scheme("X-App"), "user": scheme("X-User")});
            card.security_schemes = serde_json::from_value(schemes).unwrap();
            card.security_requirements = serde_json::from_value(json!([{"schemes": {"app": {}, "user": {}}}])).unwrap();
        })
    })
    .await;
    for (app, user, refused) in [
        ("app-1", "user-1", None),
        ("any-1", "any-2", None),
        ("any-1", "user-1", None),
        ("any-1", "any-1", Some("app and user are presented the same API key")),
        ("app-1", "app-1", Some("the credential for user is not valid")),
        ("user-1", "app-1", Some("the credential for app, user is not valid")),
    ] {
        let mut presented = Presented::default();
        presented.headers.insert("x-app", app.parse().unwrap());
        presented.headers.insert("x-user", user.parse().unwrap());
        let mut context = CallContext::new();
        context.presented = Some(Arc::new(presented));
        let request = SendMessageRequest::new(world.message("complete"));
        let outcome = world.service.send_message(context, request).await;
        assert_eq!(outcome.err().map(|error| error.message().to_owned()).as_deref(), refused, "{app} {user}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_card_that_nobody_enforces_or_nobody_can_meet_is_not_served() {
    let agent = || {
        Agent::new("Echo", "Says back").skill(Skill::new("echo", "Echo"), |turn: Turn, task: TaskUpdater| async move {
            task.reply(turn.text()).await
        })
    };
    let with_mtls = |agent: Agent| {
        agent.card(|card| {
            card.security_schemes = serde_json::from_value(json!({"cert": {"mtlsSecurityScheme": {}}})).unwrap();
            card.security_requirements = vec![SecurityRequirement::scheme("cert")];
        })
    };
    for (agent, says) in [
        (with_mtls(agent()), "securityRequirements: nobody verifies credentials"),
        (
            with_mtls(agent().authenticate(Tokens::new().bearer("a", "alice"))),
            "securityRequirements: none of them can be met: mutual TLS",
        ),
        (agent().authenticate(Tokens::new()), "securityRequirements: the agent authenticates its callers, so"),
    ] {
        let error = agent.bind("127.0.0.1:0").await.unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

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
    let world = World::with(Binding::InProcess, kinds::METHODS, |agent| {
        agent.streaming_method("example/begin", move |_context, (): ()| {
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

#[tokio::test]
async fn an_agent_that_cannot_push_does_not_say_that_it_can() {
    let gates = Gates::default();
    let served = kinds::PUSHES.agent(&gates).bind("127.0.0.1:0").await.unwrap();
    assert_eq!(served.card().get().capabilities.push_notifications, Some(true));
    let agent = kinds::PLAIN.agent(&gates);
    let served = agent.clone().bind("127.0.0.1:0").await.unwrap();
    assert_eq!(served.card().get().capabilities.push_notifications, Some(false));
    let wrong = agent.card(|card| card.capabilities.push_notifications = Some(true)).bind("127.0.0.1:0").await;
    let Err(ServeError::Card(error)) = wrong else { panic!("{wrong:?}") };
    assert_eq!(error.field_violations()[0].field, "capabilities.pushNotifications");
}

#[tokio::test]
async fn a_binding_without_methods_says_so() {
    let world = World::of(Binding::HttpJson, kinds::RPC).await;
    assert_eq!(refusal(ping::call(&world.service).await).0, ErrorKind::MethodNotFound);
    world.end().await;
}

/// As an adapter calls for an entry of a batch.
#[tokio::test]
async fn where_there_is_no_room_for_a_stream_it_is_refused() {
    let world = World::of(Binding::InProcess, kinds::RPC).await;
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
    let docs = rpc::all(Agent::new("Example", "Shows methods.").skill(skill.output_mode("text/*"), echo)).docs();
    assert_eq!(docs, include_str!("rpc.md"));
}
