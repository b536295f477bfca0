//! The signatures of the card that is served hold for it (section 8.4).

use agent_sdk::{
    CardHandle, ServeError, Tokens,
    prelude::*,
    protocol::{
        AgentCard, GetExtendedAgentCardRequest, Timestamp,
        signing::{self, JwkSet, KeyStore, SigningKey, Verdict},
    },
};

use crate::{agent::kinds, bindings::Binding, gates::Gates, world::World};

fn plain() -> Agent {
    kinds::PLAIN.agent(&Gates::default())
}

fn key() -> SigningKey {
    SigningKey::es256(&[7; 32]).unwrap()
}

fn holds(card: &AgentCard) -> bool {
    let mut keys = KeyStore::default();
    keys.trust(JwkSet::from(key().public()));
    matches!(signing::verify(card, None, &keys, Timestamp::UNIX_EPOCH), Verdict::Verified(_))
}

fn signed(mut card: AgentCard) -> AgentCard {
    card.signatures = vec![signing::sign(&card, &key(), None).unwrap()];
    card
}

/// The card that the agent is served with.
async fn served(agent: Agent) -> AgentCard {
    AgentCard::clone(&agent.bind("127.0.0.1:0").await.unwrap().card().get())
}

async fn extended(service: &dyn AgentService) -> AgentCard {
    let request = GetExtendedAgentCardRequest::default();
    AgentCard::clone(&*service.get_extended_agent_card(CallContext::new(), request).await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_signs_every_card_that_it_serves() {
    let handle = CardHandle::default();
    let world = World::with(Binding::JsonRpc, kinds::PLAIN, |agent| {
        agent
            .authenticate(Tokens::new().bearer("b", "bob"))
            .sign_card(key(), Some("https://agent.example/keys"))
            .extended_card(|_, mut card| {
                assert!(card.signatures.is_empty());
                card.description = "for those who know".to_owned();
                Ok(card)
            })
            .card_handle(&handle)
    })
    .await;
    let mut card = AgentCard::clone(&handle.get());
    assert!(holds(&card), "{card:?}");
    assert_eq!(card.security_schemes.len(), 1);
    assert!(!card.supported_interfaces.is_empty());
    let keys = KeyStore::default();
    assert_eq!(keys.missing(&card), ["https://agent.example/keys"]);

    let theirs = extended(&*world.by("b")).await;
    assert!(holds(&theirs) && theirs.description == "for those who know", "{theirs:?}");

    card.description = "Does other things".to_owned();
    card.security_schemes.clear();
    card.security_requirements.clear();
    handle.replace(card).unwrap();
    let replaced = handle.get();
    assert!(holds(&replaced) && replaced.security_schemes.len() == 1, "{replaced:?}");
    assert_eq!(replaced.signatures.len(), 1);
    world.end().await;
}

#[tokio::test]
async fn a_signed_card_is_served_as_it_is_or_not_at_all() {
    let card = signed(served(plain()).await);
    let of = |card: AgentCard| plain().card(move |own| *own = card);
    assert_eq!(served(of(card.clone())).await, card);

    let mut without_place = card.clone();
    without_place.supported_interfaces.clear();
    let guarded = of(card.clone()).authenticate(Tokens::new().bearer("b", "bob"));
    for agent in [guarded, of(signed(without_place.clone()))] {
        let Err(ServeError::Card(error)) = agent.bind("127.0.0.1:0").await else { panic!("it is served") };
        assert_eq!(error.field_violations()[0].field, "signatures", "{error}");
    }

    let serving = of(card.clone()).bind("127.0.0.1:0").await.unwrap();
    let error = serving.card().replace(signed(without_place)).unwrap_err();
    assert_eq!(error.field_violations()[0].field, "signatures", "{error}");
    assert_eq!(*serving.card().get(), card, "the card before it stays");
    let mut other = card;
    other.description = "Does other things".to_owned();
    serving.card().replace(signed(other)).unwrap();
    assert!(holds(&serving.card().get()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_extended_card_does_not_come_with_the_signatures_of_the_public_one() {
    let make = |card: AgentCard| {
        move |agent: Agent| {
            agent.card(move |own| *own = card).extended_card(|_, mut card| {
                card.version = "2.0.0".to_owned();
                Ok(card)
            })
        }
    };
    let agent = plain().extended_card(|_, card| Ok(card));
    let card = signed(served(agent).await);
    let world = World::with(Binding::InProcess, kinds::PLAIN, make(card)).await;
    let theirs = extended(&*world.service).await;
    assert_eq!((&*theirs.version, theirs.signatures.len()), ("2.0.0", 0));
    world.end().await;
}
