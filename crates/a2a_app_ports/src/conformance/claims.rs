//! Claims of message ids.

use std::sync::Arc;

use a2a_protocol_core::Message;
use futures::future::join_all;

use super::{
    claimed::assert_unclaimed,
    tasks::{REPLICA, at, good, id, scope},
};
use crate::{Claim, Claimed, ReplicaId, Scope, Storage, TaskId};

/// A claim at a time, which lasts for 1000 milliseconds.
pub(super) fn claim(message_id: &str, content: u8, task: u64, millis: u64) -> Claim {
    Claim {
        message_id: message_id.into(),
        digest: [content; 32],
        task: id(task),
        replica: REPLICA,
        now: at(millis),
        expires: at(millis + 1000),
    }
}

/// What a repeat is told of a claim that is not used.
pub(super) fn taken(id: TaskId) -> Claimed {
    Claimed::Task { id, place: None, by: Some(REPLICA) }
}

pub(super) fn answer(text: &str) -> Arc<Message> {
    Arc::new(Message::user("answer", text))
}

pub(super) async fn the_first_claim_wins(storage: &impl Storage) {
    let scope = scope("agent");
    assert_eq!(good(storage.claim(&scope, claim("m", 1, 1, 0)).await), Claimed::New);
    assert_eq!(good(storage.claim(&scope, claim("m", 1, 2, 1)).await), taken(id(1)));
    assert_eq!(good(storage.claim(&scope, claim("m", 1, 3, 2)).await), taken(id(1)));
    assert_eq!(good(storage.claim(&scope, claim("other", 1, 4, 3)).await), Claimed::New);
}

pub(super) async fn other_content_is_told_apart(storage: &impl Storage) {
    let scope = scope("agent");
    assert_eq!(good(storage.claim(&scope, claim("m", 1, 1, 0)).await), Claimed::New);
    assert_eq!(good(storage.claim(&scope, claim("m", 2, 2, 1)).await), Claimed::OtherContent);
    assert_eq!(good(storage.claim(&scope, claim("m", 1, 3, 2)).await), taken(id(1)));
    good(storage.settle(&scope, "m", id(1), Some(answer("Yes."))).await);
    assert_eq!(good(storage.claim(&scope, claim("m", 2, 4, 3)).await), Claimed::OtherContent);
}

pub(super) async fn a_claim_ends_when_it_expires(storage: &impl Storage) {
    let scope = scope("agent");
    assert_eq!(good(storage.claim(&scope, claim("task", 1, 1, 0)).await), Claimed::New);
    assert_eq!(good(storage.claim(&scope, claim("message", 1, 2, 0)).await), Claimed::New);
    good(storage.settle(&scope, "message", id(2), Some(answer("Yes."))).await);
    assert_eq!(good(storage.claim(&scope, claim("task", 1, 3, 999)).await), taken(id(1)));
    // A repeat does not make a claim last longer; afterwards any content may take the id.
    assert_eq!(good(storage.claim(&scope, claim("task", 2, 4, 1000)).await), Claimed::New);
    assert_eq!(good(storage.claim(&scope, claim("message", 2, 5, 1000)).await), Claimed::New);
    for number in 0..50 {
        assert_eq!(good(storage.claim(&scope, claim(&format!("{number}"), 1, 6, 1500)).await), Claimed::New);
    }
    assert_eq!(good(storage.claim(&scope, claim("task", 2, 7, 1999)).await), taken(id(4)));
    assert_eq!(good(storage.claim(&scope, claim("message", 2, 7, 1999)).await), taken(id(5)));
}

pub(super) async fn a_settled_claim_answers_with_its_message(storage: &impl Storage) {
    let scope = scope("agent");
    assert_eq!(good(storage.claim(&scope, claim("m", 1, 1, 0)).await), Claimed::New);
    good(storage.settle(&scope, "m", id(1), Some(answer("Yes."))).await);
    assert_eq!(good(storage.claim(&scope, claim("m", 1, 2, 1)).await), Claimed::Message(answer("Yes.")));
    // The first answer stays.
    good(storage.settle(&scope, "m", id(1), Some(answer("No."))).await);
    assert_eq!(good(storage.claim(&scope, claim("m", 1, 2, 1)).await), Claimed::Message(answer("Yes.")));
    assert_unclaimed(storage.settle(&scope, "unclaimed", id(1), Some(answer("No."))).await);
    assert_eq!(good(storage.claim(&scope, claim("unclaimed", 1, 3, 2)).await), Claimed::New);
}

pub(super) async fn a_freed_claim_can_be_made_again(storage: &impl Storage) {
    let scope = scope("agent");
    assert_eq!(good(storage.claim(&scope, claim("m", 1, 1, 0)).await), Claimed::New);
    good(storage.settle(&scope, "m", id(1), None).await);
    assert_eq!(good(storage.claim(&scope, claim("m", 2, 2, 500)).await), Claimed::New);
    assert_eq!(good(storage.claim(&scope, claim("m", 2, 3, 501)).await), taken(id(2)));
    // The new claim has its own time; that the first one's is over does not end it.
    for number in 0..50 {
        assert_eq!(good(storage.claim(&scope, claim(&format!("{number}"), 1, 4, 1200)).await), Claimed::New);
    }
    assert_eq!(good(storage.claim(&scope, claim("m", 2, 5, 1499)).await), taken(id(2)));
    good(storage.settle(&scope, "unclaimed", id(1), None).await);
}

pub(super) async fn only_the_claimant_settles(storage: &impl Storage) {
    let scope = scope("agent");
    assert_eq!(good(storage.claim(&scope, claim("m", 1, 1, 0)).await), Claimed::New);
    assert_unclaimed(storage.settle(&scope, "m", id(2), Some(answer("Mine."))).await);
    good(storage.settle(&scope, "m", id(2), None).await);
    assert_eq!(good(storage.claim(&scope, claim("m", 1, 3, 1)).await), taken(id(1)));
    // Whose claim was freed has no say in the next one.
    good(storage.settle(&scope, "m", id(1), None).await);
    assert_eq!(good(storage.claim(&scope, claim("m", 1, 2, 2)).await), Claimed::New);
    assert_unclaimed(storage.settle(&scope, "m", id(1), Some(answer("Mine."))).await);
    good(storage.settle(&scope, "m", id(1), None).await);
    assert_eq!(good(storage.claim(&scope, claim("m", 1, 4, 3)).await), taken(id(2)));
}

pub(super) async fn claims_belong_to_their_scope(storage: &impl Storage) {
    let with = |tenant: Option<&str>, owner: Option<&str>| Scope {
        agent: "agent".into(),
        tenant: tenant.map(Into::into),
        owner: owner.map(Into::into),
    };
    let scopes =
        [scope("other"), with(None, None), with(Some("a"), None), with(None, Some("a")), with(Some("a"), Some("a"))];
    for (number, scope) in (0..).zip(&scopes) {
        assert_eq!(good(storage.claim(scope, claim("m", number as u8, number, 0)).await), Claimed::New);
    }
    good(storage.settle(&scopes[0], "m", id(0), None).await);
    good(storage.settle(&scopes[1], "m", id(1), Some(answer("Yes."))).await);
    for (number, scope) in (2..).zip(&scopes[2..]) {
        assert_eq!(good(storage.claim(scope, claim("m", number as u8, 9, 1)).await), taken(id(number)));
    }
}

pub(super) async fn one_of_many_claims_at_once_is_the_first(storage: &impl Storage) {
    let scope = scope("agent");
    for round in 0..20 {
        let message_id = format!("message {round}");
        let claims = (0..8).map(|racer| storage.claim(&scope, claim(&message_id, 1, racer, round)));
        let results: Vec<Claimed> = join_all(claims).await.into_iter().map(good).collect();
        let Some(winner) = results.iter().position(|claimed| *claimed == Claimed::New) else {
            panic!("nobody won: {results:?}")
        };
        for (racer, claimed) in results.iter().enumerate().filter(|(racer, _)| *racer != winner) {
            assert_eq!(*claimed, taken(id(winner as u64)), "racer {racer}");
        }
    }
}

pub(super) async fn a_claim_says_whether_its_claimant_is_lost(storage: &impl Storage) {
    let scope = scope("agent");
    assert_eq!(good(storage.claim(&scope, claim("m", 1, 1, 0)).await), Claimed::New);
    good(storage.leave(REPLICA).await);
    let other = Claim { replica: ReplicaId::from_u128(2), ..claim("m", 1, 2, 1) };
    assert_eq!(good(storage.claim(&scope, other).await), Claimed::Task { id: id(1), place: None, by: None });
}
