//! The card as it is served: extended for whom it is for, and replaced while it is served.

use std::sync::Arc;

use agent_sdk::{
    CardHandle,
    prelude::*,
    protocol::{
        AgentCard, AgentInterface, AgentSkill, Capability, Error, ErrorKind, GetExtendedAgentCardRequest, Method,
        extensions::IDEMPOTENT_SEND,
    },
};

use crate::{
    agent::kinds,
    auth::calls,
    bindings::Binding,
    world::{Reach, World, refusal},
};

async fn extended(service: &Arc<dyn AgentService>) -> Result<Arc<AgentCard>, Error> {
    service.get_extended_agent_card(CallContext::new(), GetExtendedAgentCardRequest::default()).await
}

async fn every_caller_has_an_extended_card_of_its_own(binding: Binding) {
    let world = World::of(binding, kinds::EXTENDED_GUARDED).await;
    let public = world.card.clone();
    assert_eq!(public.capabilities.extended_agent_card, Some(true));
    let (alice, bob) = (extended(&world.by("alice-admin")).await.unwrap(), extended(&world.by("bob-1")).await.unwrap());
    assert_eq!((&*alice.description, &*bob.description), ("for alice", "for bob"));
    assert_eq!(alice.skills[0].tags.last().unwrap(), "vault");
    assert_eq!(bob.skills, public.skills);
    for card in [alice, bob] {
        if binding.is_v03() {
            // Of the interfaces it names those that 0.3 speaks at the same addresses.
            assert_eq!(card.supported_interfaces[0].url, public.supported_interfaces[0].url);
        } else {
            assert_eq!(card.supported_interfaces, public.supported_interfaces);
        }
    }
    assert_eq!(refusal(extended(&world.service).await).0, ErrorKind::Unauthenticated);
    world.end().await;
}

async fn an_extended_card_asks_for_credentials_where_nothing_else_does(binding: Binding) {
    let world = World::of(binding, kinds::EXTENDED_ALONE_GUARDED).await;
    world.task(world.message("complete")).await;
    assert_eq!(refusal(extended(&world.service).await).0, ErrorKind::Unauthenticated);
    assert_eq!(extended(&world.by("bob-1")).await.unwrap().description, "for bob");
    world.end().await;
}

async fn an_agent_without_security_has_an_extended_card_for_all(binding: Binding) {
    let world = World::of(binding, kinds::EXTENDED).await;
    assert_eq!(extended(&world.service).await.unwrap().description, "for nobody");
    world.end().await;
}

async fn an_extended_card_can_be_refused_for_what_is_presented(binding: Binding) {
    let world = World::of(binding, kinds::EXTENDED_BY_PRESENTED).await;
    assert_eq!(extended(&world.by("known")).await.unwrap().description, "for nobody");
    assert_eq!(refusal(extended(&world.by("other")).await).0, ErrorKind::PermissionDenied);
    assert_eq!(refusal(extended(&world.reach(Reach::default())).await).0, ErrorKind::Unauthenticated);
    world.end().await;
}

async fn an_extended_card_that_nobody_makes_is_not_configured(binding: Binding) {
    let world = World::of(binding, kinds::EXTENDED_BUT_NOT_MADE).await;
    assert_eq!(refusal(extended(&world.service).await).0, ErrorKind::ExtendedAgentCardNotConfigured);
    world.end().await;
    let world = World::of(binding, kinds::EXTENDED_UNDECLARED).await;
    assert_eq!(extended(&world.service).await.unwrap().description, "for nobody", "declared for whoever makes one");
    world.end().await;
}

/// Callers are not told what is wrong with it.
async fn an_extended_card_that_is_none_is_a_failure_of_the_agent(binding: Binding) {
    for kind in [kinds::EXTENDED_WITHOUT_VERSION, kinds::EXTENDED_WITH_UNANSWERED_SKILL] {
        let world = World::of(binding, kind).await;
        let (kind, text) = refusal(extended(&world.service).await);
        assert_eq!(kind, ErrorKind::Internal);
        assert!(!text.contains("version") && !text.contains("vault"), "{text}");
        world.end().await;
    }
}

/// Of what it says by itself, the agent takes nothing back.
async fn what_the_agent_itself_knows_is_on_every_card(binding: Binding) {
    let handle = CardHandle::default();
    let world = World::with(binding, kinds::PLAIN, |agent| {
        agent.card_handle(&handle).card(|card| card.capabilities.extensions.clear())
    })
    .await;
    let declares = || handle.get().capabilities.extensions.iter().filter(|one| one.uri == IDEMPOTENT_SEND).count();
    assert_eq!(declares(), 1);
    let mut card = AgentCard::clone(&handle.get());
    card.supported_interfaces = vec![AgentInterface::new("https://a.example", "JSONRPC", "1.0")];
    handle.replace(card.clone()).unwrap();
    assert_eq!(declares(), 1);
    card.capabilities.extensions.clear();
    handle.replace(card).unwrap();
    assert_eq!(declares(), 1);
    world.end().await;
}

async fn a_replaced_card_decides_from_the_next_call_on(binding: Binding) {
    let handle = CardHandle::default();
    let world = World::with(binding, kinds::EXTENDED, |agent| agent.card_handle(&handle)).await;
    let before = handle.get();
    let mut card = AgentCard::clone(&before);
    card.supported_interfaces.clear();
    card.description = "Does other things".to_owned();
    card.default_input_modes = vec!["image/png".to_owned()];
    card.capabilities.extended_agent_card = Some(false);
    // In process nobody fills in where the agent is reached.
    let named = |mut card: AgentCard| {
        if before.supported_interfaces.is_empty() {
            card.supported_interfaces.push(AgentInterface::new("https://a.example", "JSONRPC", "1.0"));
        }
        card
    };
    extended(&world.service).await.unwrap();
    handle.replace(named(card.clone())).unwrap();
    if !before.supported_interfaces.is_empty() {
        assert_eq!(handle.get().supported_interfaces, before.supported_interfaces, "where it is reached, it still is");
    }
    match extended(&world.service).await {
        Ok(public) if binding.tells_the_public_card() => assert_eq!(public.description, card.description),
        refused => assert_eq!(refusal(refused).0, ErrorKind::UnsupportedOperation),
    }
    let mut text = world.message("complete");
    text.parts[0].media_type = Some("text/plain".into());
    assert_eq!(refusal(world.send(text.clone()).await).0, ErrorKind::ContentTypeNotSupported);

    let mut wrong = card.clone();
    wrong.version.clear();
    wrong.skills.push(AgentSkill::new("dance", "Dance"));
    let error = handle.replace(named(wrong)).unwrap_err();
    let fields: Vec<&str> = error.field_violations().iter().map(|finding| &*finding.field).collect();
    assert!(fields.starts_with(&["skills[5].id", "version"]), "{fields:?}");
    assert_eq!(handle.get().description, "Does other things", "the card before it stays");

    handle.replace(named(AgentCard::clone(&before))).unwrap();
    assert_eq!(world.task(text).await.status.state, TaskState::Completed);
    world.end().await;
}

async fn a_replaced_card_does_not_open_a_guarded_agent(binding: Binding) {
    let handle = CardHandle::default();
    let world = World::with(binding, kinds::GUARDED, |agent| agent.card_handle(&handle)).await;
    let mut card = AgentCard::clone(&handle.get());
    card.supported_interfaces = vec![AgentInterface::new("https://a.example", "JSONRPC", "1.0")];
    card.security_schemes.clear();
    card.security_requirements.clear();
    handle.replace(card).unwrap();
    assert_eq!(handle.get().security_schemes.keys().collect::<Vec<_>>(), ["apiKey", "bearer"]);
    assert_eq!(refusal(world.send(world.message("complete")).await).0, ErrorKind::Unauthenticated);
    world.end().await;
}

/// The client looks at the card it has read; here the agent itself has to refuse.
async fn operations_that_the_card_no_longer_declares_are_refused(binding: Binding) {
    let handle = CardHandle::default();
    let world = World::with(binding, kinds::EXTENDED, |agent| agent.card_handle(&handle)).await;
    let task = world.task(world.message("ask")).await;
    for stays in [None, Some(false)] {
        let mut card = AgentCard::clone(&handle.get());
        card.supported_interfaces = vec![AgentInterface::new("https://a.example", "JSONRPC", "1.0")];
        card.capabilities.streaming = stays;
        card.capabilities.push_notifications = stays;
        card.capabilities.extended_agent_card = Some(false);
        handle.replace(card).unwrap();
        for call in calls(&task.id) {
            let method = call.method().unwrap();
            if method == Method::ListTasks && !binding.lists_tasks() {
                continue;
            }
            let refused =
                world.service.handle(CallContext::new(), call).await.map(|_| ()).map_err(|error| error.kind());
            let expected = match method.capability() {
                Some(Capability::ExtendedAgentCard) if binding.tells_the_public_card() => Ok(()),
                Some(Capability::Streaming | Capability::ExtendedAgentCard) => Err(ErrorKind::UnsupportedOperation),
                Some(Capability::PushNotifications) => Err(ErrorKind::PushNotificationNotSupported),
                // Ended by the call before it, the second time.
                None if method == Method::CancelTask && stays.is_some() => Err(ErrorKind::TaskNotCancelable),
                None => Ok(()),
            };
            assert_eq!(refused, expected, "{}", method.name());
        }
    }
    world.end().await;
}

crate::over_all_bindings!(
    every_caller_has_an_extended_card_of_its_own,
    an_extended_card_asks_for_credentials_where_nothing_else_does,
    an_agent_without_security_has_an_extended_card_for_all,
    an_extended_card_can_be_refused_for_what_is_presented,
    an_extended_card_that_nobody_makes_is_not_configured,
    an_extended_card_that_is_none_is_a_failure_of_the_agent,
);

/// Of cards that are replaced, by a handle.
mod replaced {
    use super::*;

    crate::over_all_bindings!(
        if is_in_this_process;
        what_the_agent_itself_knows_is_on_every_card,
        a_replaced_card_decides_from_the_next_call_on,
        a_replaced_card_does_not_open_a_guarded_agent,
        operations_that_the_card_no_longer_declares_are_refused,
    );
}
