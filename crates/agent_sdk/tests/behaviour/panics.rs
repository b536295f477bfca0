//! What a user's code around the agent panics at fails one call, and is told to the log only.

use agent_sdk::{
    ports::{Authenticator, BoxFuture, Extension, Principal, Reply},
    prelude::*,
    protocol::{
        AgentExtension, Call, Credential, Error, ErrorKind, GetExtendedAgentCardRequest, HttpAuthSecurityScheme,
        SecurityScheme, StreamResponse,
    },
};
use futures::StreamExt;

use crate::{
    agent::{
        kinds,
        rpc::{panics, ping},
    },
    bindings::Binding,
    custom::has_methods,
    world::{Reach, World, refusal},
};

const PANICS: &str = "urn:example:panics";

/// Panics wherever the message says that it should.
struct Panics;

impl Panics {
    fn at(text: &str, place: &str) {
        assert!(!text.contains(place), "a secret");
    }
}

impl Extension for Panics {
    fn declaration(&self) -> AgentExtension {
        AgentExtension::new(PANICS)
    }

    // Not in the future: before there is one.
    fn on_call<'a>(&'a self, context: &'a mut CallContext, call: &'a mut Call) -> BoxFuture<'a, Result<(), Error>> {
        if let Call::SendMessage(request) | Call::SendStreamingMessage(request) = call {
            Self::at(&request.message.text(), "on-call");
            if request.message.text().contains("on-reply") {
                context.principal = Some("on-reply".into());
            }
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn on_event(&self, _: &CallContext, event: &StreamResponse) -> Option<StreamResponse> {
        if let StreamResponse::ArtifactUpdate(update) = event {
            update.artifact.parts.iter().filter_map(Part::as_text).for_each(|text| Self::at(text, "on-event"));
        }
        None
    }

    fn on_reply<'a>(&'a self, context: &'a CallContext, reply: Reply) -> BoxFuture<'a, Result<Reply, Error>> {
        Box::pin(async move {
            Self::at(context.principal.as_deref().unwrap_or_default(), "on-reply");
            Ok(reply)
        })
    }
}

/// What callers are told, and what they are not.
fn assert_internal(refused: (ErrorKind, String)) {
    assert_eq!(refused.0, ErrorKind::Internal);
    assert!(!refused.1.contains("secret"), "{}", refused.1);
}

async fn an_extension_that_panics_fails_its_call_alone(binding: Binding) {
    let world = World::with(binding, kinds::PLAIN, |agent| agent.extension(Panics)).await;
    let service = world.reach(Reach { extension: Some(PANICS), ..Reach::default() });
    let send = |text: &str| {
        let request = agent_sdk::protocol::SendMessageRequest::new(world.message(text));
        service.send_message(CallContext::new(), request)
    };
    assert_internal(refusal(send("complete on-call").await));
    assert_internal(refusal(send("complete on-reply").await));
    let request = agent_sdk::protocol::SendMessageRequest::new(world.message("task on-event"));
    let mut events = service.send_streaming_message(CallContext::new(), request).await.unwrap();
    let mut last = None;
    while let Some(event) = events.next().await {
        assert!(last.is_none(), "an error is the last of a stream");
        last = event.err();
    }
    assert_internal(refusal(Err::<(), _>(last.expect("an error"))));
    send("complete").await.unwrap();
    world.end().await;
}

/// Knows nobody whose token is `bad`.
struct Guard;

impl Authenticator for Guard {
    fn schemes(&self) -> std::collections::BTreeMap<String, SecurityScheme> {
        [("bearer".to_owned(), SecurityScheme::HttpAuth(HttpAuthSecurityScheme::new("Bearer")))].into()
    }

    fn verify<'a>(
        &'a self,
        _: &'a str,
        _: &'a SecurityScheme,
        credential: &'a Credential,
    ) -> BoxFuture<'a, Result<Option<Principal>, Error>> {
        assert!(*credential != Credential::Bearer("bad".to_owned()), "a secret");
        Box::pin(std::future::ready(Ok(Some("alice".into()))))
    }
}

async fn an_authenticator_that_panics_fails_its_call_alone(binding: Binding) {
    let world = World::with(binding, kinds::PLAIN, |agent| agent.authenticate(Guard)).await;
    let send = |token: &str| {
        let request = agent_sdk::protocol::SendMessageRequest::new(world.message("complete"));
        let service = world.by(token);
        async move { service.send_message(CallContext::new(), request).await }
    };
    assert_internal(refusal(send("bad").await));
    send("good").await.unwrap();
    world.end().await;
}

async fn an_extended_card_at_which_somebody_panics_fails_its_call_alone(binding: Binding) {
    let world = World::with(binding, kinds::PLAIN, |agent| agent.extended_card(|_, _| panic!("a secret"))).await;
    let request = GetExtendedAgentCardRequest::default();
    assert_internal(refusal(world.service.get_extended_agent_card(CallContext::new(), request).await));
    world.task(world.message("complete")).await;
    world.end().await;
}

async fn a_method_that_panics_fails_alone(binding: Binding) {
    let world = World::of(binding, kinds::METHODS).await;
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

async fn a_function_that_panics_fails_alone(binding: Binding) {
    let world = World::of(binding, kinds::RPC).await;
    if !binding.has_own_methods() {
        return world.end().await;
    }
    let (kind, text) = refusal(panics::call(&world.service, Some("me".to_owned()), None).await);
    assert_eq!(kind, ErrorKind::Internal);
    assert!(!text.contains("secret"), "{text}");
    assert_eq!(ping::call(&world.service).await.unwrap(), "pong");
    world.end().await;
}

crate::over_all_bindings!(
    if survives_panics;
    an_extension_that_panics_fails_its_call_alone,
    an_authenticator_that_panics_fails_its_call_alone,
    an_extended_card_at_which_somebody_panics_fails_its_call_alone,
    a_method_that_panics_fails_alone,
    a_function_that_panics_fails_alone,
);
