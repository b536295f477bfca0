//! Messages that are stored only while they are claimed.

use std::time::Duration;

use a2a_protocol_core::{Event, FoldError, TaskState};

use super::{
    claims::{answer, claim, taken},
    logs::assert_nothing,
    pushes::row,
    tasks::{REPLICA, assert_conflict, assert_log, at, chunk, create, created, good, id, said, scope, status},
};
use crate::{Author, Claim, Claimed, Creation, ListQuery, ReplicaId, Revision, Scope, Storage, StorageError, TaskId};

/// The id of the message in `created(1, …)`.
const FIRST: &str = "message at 1";
/// The id of the message in `said(2, …)`.
const SECOND: &str = "message at 2";

fn claimed(events: Vec<Event>) -> Creation {
    Creation { claimed: true, ..Creation::new(events, REPLICA) }
}

/// Creates a task whose message is [`FIRST`], which is to be claimed.
async fn create_claimed(storage: &impl Storage, scope: &Scope, id: TaskId) -> Result<Revision, StorageError> {
    storage.create(scope, id, claimed(vec![created(1, "context")])).await
}

/// Appends [`SECOND`], which is to be claimed.
async fn say_claimed(
    storage: &impl Storage,
    scope: &Scope,
    id: TaskId,
    expected: Revision,
) -> Result<Revision, StorageError> {
    storage.append(scope, id, expected, vec![said(2, "More.")], Author::Claimant).await
}

async fn claims(storage: &impl Storage, scope: &Scope, message_id: &str, task: u64) {
    assert_eq!(good(storage.claim(scope, claim(message_id, 1, task, 0)).await), Claimed::New);
}

/// What a repeat is told.
async fn repeat(storage: &impl Storage, scope: &Scope, message_id: &str) -> Claimed {
    good(storage.claim(scope, claim(message_id, 1, 99, 1)).await)
}

fn used(id: TaskId, place: Revision) -> Claimed {
    Claimed::Task { id, place: Some(place), by: Some(REPLICA) }
}

#[track_caller]
pub(super) fn assert_unclaimed<T: std::fmt::Debug>(result: Result<T, StorageError>) {
    assert!(matches!(result, Err(StorageError::Unclaimed)), "{result:?}");
}

#[track_caller]
fn assert_fenced(result: Result<Revision, StorageError>) {
    assert!(matches!(result, Err(StorageError::Fenced)), "{result:?}");
}

/// Makes a claim of the message for task 1 unusable, in every way there is.
async fn spoil(storage: &impl Storage, scope: &Scope, message_id: &str, how: usize) {
    let answered = Some(answer("No."));
    match how {
        // Nobody has claimed it.
        0 => {}
        1 => {
            claims(storage, scope, message_id, 1).await;
            good(storage.settle(scope, message_id, id(1), None).await);
        }
        2 => claims(storage, scope, message_id, 2).await,
        3 => {
            claims(storage, scope, message_id, 1).await;
            good(storage.settle(scope, message_id, id(1), answered).await);
        }
        4 => {
            claims(storage, scope, message_id, 1).await;
            assert_eq!(good(storage.claim(scope, claim(message_id, 1, 2, 1000)).await), Claimed::New, "it expired");
        }
        _ => claims(storage, &Scope { owner: Some("another".into()), ..scope.clone() }, message_id, 1).await,
    }
}

const WAYS: usize = 6;

pub(super) async fn a_claimed_creation_uses_its_claim(storage: &impl Storage) {
    let scope = scope("agent");
    claims(storage, &scope, FIRST, 1).await;
    assert_eq!(repeat(storage, &scope, FIRST).await, taken(id(1)), "it is yet to come");
    assert_eq!(good(create_claimed(storage, &scope, id(1)).await), 1);
    assert_eq!(repeat(storage, &scope, FIRST).await, used(id(1), 1));
    assert_conflict(create_claimed(storage, &scope, id(1)).await, 1);
    assert_unclaimed(create_claimed(storage, &scope, id(2)).await);
    assert_nothing(storage, &scope, id(2)).await;
    assert_unclaimed(storage.append(&scope, id(1), 1, vec![said(1, "Again.")], Author::Claimant).await);
    assert_log(storage, &scope, id(1), &[created(1, "context")]).await;
    assert_eq!(repeat(storage, &scope, FIRST).await, used(id(1), 1));
    // With a claim goes all that the task begins with.
    let log = vec![created(3, "context"), chunk(4, "report", "one", false), status(5, TaskState::Completed)];
    claims(storage, &scope, "message at 3", 3).await;
    assert_eq!(good(storage.create(&scope, id(3), claimed(log.clone())).await), 3);
    assert_log(storage, &scope, id(3), &log).await;
    assert_eq!(repeat(storage, &scope, "message at 3").await, used(id(3), 1));
}

pub(super) async fn what_is_not_claimed_is_not_created(storage: &impl Storage) {
    for way in 0..WAYS {
        let scope = scope(&format!("agent {way}"));
        spoil(storage, &scope, FIRST, way).await;
        let creation = Creation { push: Some(Box::new(row("hook", 1, 0))), ..claimed(vec![created(1, "context")]) };
        assert_unclaimed(storage.create(&scope, id(1), creation).await);
        assert_nothing(storage, &scope, id(1)).await;
        let page = good(storage.list(&scope, &ListQuery { limit: 10, ..ListQuery::default() }).await);
        assert_eq!((page.tasks.len(), page.total), (0, 0));
        assert_eq!(good(storage.pending_pushes(&scope.agent, None, 10).await), []);
    }
    let scope = scope("agent");
    claims(storage, &scope, FIRST, 1).await;
    good(create_claimed(storage, &scope, id(1)).await);
}

pub(super) async fn a_claimed_message_uses_its_claim(storage: &impl Storage) {
    let scope = scope("agent");
    good(create(storage, &scope, id(1), vec![created(1, "context")]).await);
    claims(storage, &scope, SECOND, 1).await;
    assert_eq!(good(say_claimed(storage, &scope, id(1), 1).await), 2);
    assert_eq!(repeat(storage, &scope, SECOND).await, used(id(1), 2));
    assert_conflict(say_claimed(storage, &scope, id(1), 1).await, 2);
    assert_unclaimed(say_claimed(storage, &scope, id(1), 2).await);
    let log = vec![created(1, "context"), said(2, "More.")];
    assert_log(storage, &scope, id(1), &log).await;
    // What else is appended comes after the message.
    let more = vec![said(3, "Still more."), chunk(4, "report", "one", false)];
    claims(storage, &scope, "message at 3", 1).await;
    assert_eq!(good(storage.append(&scope, id(1), 2, more.clone(), Author::Claimant).await), 4);
    assert_eq!(repeat(storage, &scope, "message at 3").await, used(id(1), 3));
    assert_log(storage, &scope, id(1), &[log, more].concat()).await;
}

pub(super) async fn what_is_not_claimed_is_not_appended(storage: &impl Storage) {
    let scope = scope("agent");
    let log = [created(1, "context")];
    good(create(storage, &scope, id(1), log.to_vec()).await);
    for way in 0..WAYS {
        let millis = 10 + way as u64;
        spoil(storage, &scope, &format!("message at {millis}"), way).await;
        assert_unclaimed(storage.append(&scope, id(1), 1, vec![said(millis, "More.")], Author::Claimant).await);
        assert_log(storage, &scope, id(1), &log).await;
    }
    claims(storage, &scope, SECOND, 1).await;
    assert_eq!(good(say_claimed(storage, &scope, id(1), 1).await), 2);
}

pub(super) async fn a_creation_is_refused_for_the_first_reason(storage: &impl Storage) {
    let (scope, lost) = (scope("agent"), ReplicaId::from_u128(2));
    good(create(storage, &scope, id(1), vec![created(1, "context")]).await);
    let by = |replica, events| Creation { claimed: true, ..Creation::new(events, replica) };
    let wrong = vec![created(1, "context"), created(2, "context")];
    let refused = storage.create(&scope, id(1), by(lost, wrong)).await;
    assert!(matches!(refused, Err(StorageError::Refused(FoldError::Misplaced))), "{refused:?}");
    assert_conflict(storage.create(&scope, id(1), by(lost, vec![created(3, "context")])).await, 1);
    assert_fenced(storage.create(&scope, id(2), by(lost, vec![created(3, "context")])).await);
    assert_unclaimed(storage.create(&scope, id(2), by(REPLICA, vec![created(3, "context")])).await);
    assert_nothing(storage, &scope, id(2)).await;
}

pub(super) async fn a_message_is_refused_for_the_first_reason(storage: &impl Storage) {
    let scope = scope("agent");
    let nowhere = say_claimed(storage, &scope, id(1), 1).await;
    assert!(matches!(nowhere, Err(StorageError::NotFound)), "{nowhere:?}");
    good(create(storage, &scope, id(1), vec![created(1, "context")]).await);
    assert_conflict(say_claimed(storage, &scope, id(1), 2).await, 1);
    let append = async |events| storage.append(&scope, id(1), 1, events, Author::Claimant).await;
    // What has no message in its first place has none to be claimed.
    for events in [vec![], vec![status(2, TaskState::Working)], vec![status(2, TaskState::Working), said(3, "More.")]] {
        let refused = append(events).await;
        assert!(matches!(refused, Err(StorageError::Refused(FoldError::Misplaced))), "{refused:?}");
    }
    let refused = append(vec![said(2, "More."), status(3, TaskState::Unspecified)]).await;
    assert!(matches!(refused, Err(StorageError::Refused(FoldError::Transition(_)))), "{refused:?}");
    assert_unclaimed(append(vec![said(2, "More.")]).await);
    assert_log(storage, &scope, id(1), &[created(1, "context")]).await;
}

pub(super) async fn a_used_claim_is_neither_freed_nor_answered(storage: &impl Storage) {
    let scope = scope("agent");
    claims(storage, &scope, FIRST, 1).await;
    good(create_claimed(storage, &scope, id(1)).await);
    claims(storage, &scope, SECOND, 1).await;
    good(say_claimed(storage, &scope, id(1), 1).await);
    for (message_id, place) in [(FIRST, 1), (SECOND, 2)] {
        good(storage.settle(&scope, message_id, id(1), None).await);
        assert_unclaimed(storage.settle(&scope, message_id, id(1), Some(answer("No."))).await);
        assert_eq!(repeat(storage, &scope, message_id).await, used(id(1), place));
    }
    assert_eq!(good(storage.claim(&scope, claim(FIRST, 2, 3, 1)).await), Claimed::OtherContent);
    // What expires is as good as never claimed.
    assert_eq!(good(storage.claim(&scope, claim(FIRST, 1, 4, 1000)).await), Claimed::New);
    assert_eq!(good(storage.claim(&scope, claim(FIRST, 1, 5, 1001)).await), taken(id(4)));
}

pub(super) async fn what_is_stored_without_its_claim_does_not_use_it(storage: &impl Storage) {
    let scope = scope("agent");
    claims(storage, &scope, FIRST, 1).await;
    claims(storage, &scope, SECOND, 1).await;
    good(create(storage, &scope, id(1), vec![created(1, "context")]).await);
    good(storage.append(&scope, id(1), 1, vec![said(2, "More.")], Author::Caller).await);
    for message_id in [FIRST, SECOND] {
        assert_eq!(repeat(storage, &scope, message_id).await, taken(id(1)));
        good(storage.settle(&scope, message_id, id(1), None).await);
        claims(storage, &scope, message_id, 2).await;
    }
}

pub(super) async fn a_used_claim_outlives_its_log_and_its_claimant(storage: &impl Storage) {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    let scope = scope("agent");
    let claim = |message_id: &str, millis| Claim { expires: at(9 * DAY), ..claim(message_id, 1, 1, millis) };
    assert_eq!(good(storage.claim(&scope, claim(FIRST, 0)).await), Claimed::New);
    assert_eq!(good(storage.claim(&scope, claim(SECOND, 0)).await), Claimed::New);
    good(create_claimed(storage, &scope, id(1)).await);
    good(say_claimed(storage, &scope, id(1), 1).await);
    good(storage.append(&scope, id(1), 2, vec![status(3, TaskState::Completed)], Author::Caller).await);
    good(storage.leave(REPLICA).await);
    while good(storage.sweep(at(8 * DAY)).await) {}
    for (message_id, place) in [(FIRST, 1), (SECOND, 2)] {
        let told = good(storage.claim(&scope, claim(message_id, 8 * DAY)).await);
        assert_eq!(told, Claimed::Task { id: id(1), place: Some(place), by: None });
    }
}

pub(super) async fn a_claim_is_used_or_freed_never_both(storage: &impl Storage) {
    let scope = scope("agent");
    for round in 0..40 {
        let (task, message_id) = (id(round), format!("message at {round}"));
        claims(storage, &scope, &message_id, round).await;
        let make = async || storage.create(&scope, task, claimed(vec![created(round, "context")])).await;
        let free = async || good(storage.settle(&scope, &message_id, task, None).await);
        // Not always who is first to be asked.
        let made = match round % 2 {
            0 => futures::join!(make(), free(), make()),
            _ => {
                let ((), one, other) = futures::join!(free(), make(), make());
                (one, (), other)
            }
        };
        let told = repeat(storage, &scope, &message_id).await;
        match made {
            (Ok(1), (), again) | (again, (), Ok(1)) => {
                assert_conflict(again, 1);
                assert_eq!(told, used(task, 1));
            }
            (one, (), other) => {
                assert_unclaimed(one);
                assert_unclaimed(other);
                assert_eq!(told, Claimed::New, "it was freed");
                assert_nothing(storage, &scope, task).await;
                continue;
            }
        }
        let message_id = format!("message at {}", 1000 + round);
        claims(storage, &scope, &message_id, round).await;
        let say = async || {
            let message = vec![said(1000 + round, "More.")];
            storage.append(&scope, task, 1, message, Author::Claimant).await
        };
        let free = async || good(storage.settle(&scope, &message_id, task, None).await);
        let said = match round % 3 {
            0 => futures::join!(say(), free()).0,
            _ => futures::join!(free(), say()).1,
        };
        let told = repeat(storage, &scope, &message_id).await;
        match said {
            Ok(place) => assert_eq!(told, used(task, place)),
            said => {
                assert_unclaimed(said);
                assert_eq!(told, Claimed::New, "it was freed");
            }
        }
    }
}

pub(super) async fn whoever_is_lost_creates_nothing(storage: &impl Storage) {
    let (scope, other) = (scope("agent"), ReplicaId::from_u128(2));
    claims(storage, &scope, FIRST, 1).await;
    let refuses = async |replica| {
        let ended = vec![created(1, "context"), status(2, TaskState::Completed)];
        for (events, claimed) in [(vec![created(1, "context")], false), (ended, false), (vec![created(1, "c")], true)] {
            let push = Some(Box::new(row("hook", 1, 0)));
            let creation = Creation { push, claimed, ..Creation::new(events, replica) };
            assert_fenced(storage.create(&scope, id(1), creation).await);
            assert_nothing(storage, &scope, id(1)).await;
        }
        let page = good(storage.list(&scope, &ListQuery { limit: 10, ..ListQuery::default() }).await);
        assert_eq!((page.tasks.len(), page.total), (0, 0));
        assert_eq!(good(storage.pending_pushes("agent", None, 10).await), []);
    };
    refuses(other).await;
    good(storage.join(other, Duration::ZERO).await);
    refuses(other).await;
    good(storage.leave(REPLICA).await);
    refuses(REPLICA).await;
    let unused = Claimed::Task { id: id(1), place: None, by: None };
    assert_eq!(repeat(storage, &scope, FIRST).await, unused);
    good(storage.join(ReplicaId::from_u128(3), super::leases::LONG).await);
    let creation = Creation { claimed: true, ..Creation::new(vec![created(1, "context")], ReplicaId::from_u128(3)) };
    assert_eq!(good(storage.create(&scope, id(1), creation).await), 1, "whoever claimed it");
}
