//! Which replica runs a task.

use std::time::Duration;

use a2a_protocol_core::TaskState;
use futures::future::join_all;

use super::tasks::{REPLICA, assert_conflict, at, chunk, create, created, good, id, said, scope, status};
use crate::{Author, Holder, Lease, ReplicaId, Scope, Storage, StorageError, Taken, TaskId};

const OTHER: ReplicaId = ReplicaId::from_u128(2);
/// Longer than any case takes.
pub(super) const LONG: Duration = Duration::from_secs(3600);

async fn running(storage: &impl Storage, number: u64) -> (Scope, TaskId, Lease) {
    let scope = scope("agent");
    good(create(storage, &scope, id(number), vec![created(1, "context")]).await);
    (scope, id(number), Lease::first(REPLICA))
}

async fn taken(storage: &impl Storage, scope: &Scope, id: TaskId, replica: ReplicaId) -> Taken {
    good(storage.take(scope, id, replica).await)
}

/// The lease, and whether its task was orphaned.
fn lease(taken: Taken) -> (Lease, bool) {
    match taken {
        Taken::Lease { lease, orphaned } => (lease, orphaned),
        other => panic!("not taken: {other:?}"),
    }
}

fn assert_fenced(result: Result<u64, StorageError>) {
    assert!(matches!(result, Err(StorageError::Fenced)), "{result:?}");
}

async fn orphans(storage: &impl Storage) -> Vec<(Scope, TaskId)> {
    let mut found = good(storage.orphans("agent", None, 100).await);
    found.sort();
    found
}

pub(super) async fn a_created_task_is_its_creators_to_run(storage: &impl Storage) {
    let (scope, id, lease) = running(storage, 1).await;
    good(storage.join(OTHER, LONG).await);
    assert_eq!(taken(storage, &scope, id, OTHER).await, Taken::By(lease));
    assert_eq!(taken(storage, &scope, id, REPLICA).await, Taken::By(lease), "one run at a time");
    assert_eq!(good(storage.append(&scope, id, 1, vec![status(2, TaskState::Working)], Author::Run(lease)).await), 2);
    // What a caller says needs no lease.
    assert_eq!(good(storage.append(&scope, id, 2, vec![said(3, "More.")], Author::Caller).await), 3);
    let stale = storage.append(&scope, id, 2, vec![status(4, TaskState::Working)], Author::Run(lease)).await;
    assert_conflict(stale, 3);
    assert_eq!(orphans(storage).await, []);
}

pub(super) async fn a_lease_ends_with_its_task(storage: &impl Storage) {
    let (scope, id, lease) = running(storage, 1).await;
    good(storage.join(OTHER, LONG).await);
    good(storage.append(&scope, id, 1, vec![status(2, TaskState::Completed)], Author::Run(lease)).await);
    assert_eq!(taken(storage, &scope, id, OTHER).await, Taken::Over);
    assert_fenced(storage.append(&scope, id, 2, vec![status(3, TaskState::Working)], Author::Run(lease)).await);
    good(storage.leave(REPLICA).await);
    assert_eq!(orphans(storage).await, [], "it has ended");
    assert!(good(storage.release(&scope, id, lease, 2).await));
}

pub(super) async fn a_lease_that_is_given_back_can_be_taken(storage: &impl Storage) {
    let (scope, id, first) = running(storage, 1).await;
    good(storage.append(&scope, id, 1, vec![status(2, TaskState::InputRequired)], Author::Run(first)).await);
    assert!(good(storage.release(&scope, id, first, 2).await));
    assert!(good(storage.release(&scope, id, first, 2).await), "again");
    assert_fenced(storage.append(&scope, id, 2, vec![status(3, TaskState::Working)], Author::Run(first)).await);
    assert_eq!(orphans(storage).await, [], "nobody has to run it");
    good(storage.join(OTHER, LONG).await);
    let (second, orphaned) = lease(taken(storage, &scope, id, OTHER).await);
    assert!(second.replica == OTHER && second.fence > first.fence && !orphaned, "{second:?}");
    good(storage.append(&scope, id, 2, vec![status(3, TaskState::Working)], Author::Run(second)).await);
    assert_fenced(storage.append(&scope, id, 3, vec![status(4, TaskState::Working)], Author::Run(first)).await);
    // Late, the first one gives nothing back that is not its own.
    assert!(good(storage.release(&scope, id, first, 9).await));
    assert_eq!(taken(storage, &scope, id, REPLICA).await, Taken::By(second));
}

pub(super) async fn a_lease_is_not_given_back_over_what_was_not_seen(storage: &impl Storage) {
    let (scope, id, lease) = running(storage, 1).await;
    good(storage.append(&scope, id, 1, vec![said(2, "And?")], Author::Caller).await);
    assert!(!good(storage.release(&scope, id, lease, 1).await));
    good(storage.append(&scope, id, 2, vec![status(3, TaskState::Working)], Author::Run(lease)).await);
    assert!(good(storage.release(&scope, id, lease, 3).await));
}

pub(super) async fn a_replica_that_left_is_written_off(storage: &impl Storage) {
    let (scope, id, first) = running(storage, 1).await;
    let (_, paused, its) = running(storage, 2).await;
    good(storage.append(&scope, paused, 1, vec![status(2, TaskState::InputRequired)], Author::Run(its)).await);
    assert!(good(storage.release(&scope, paused, its, 2).await));
    good(storage.join(OTHER, LONG).await);
    good(storage.leave(REPLICA).await);
    assert!(!good(storage.renew(REPLICA, LONG).await), "it left");
    assert_eq!(orphans(storage).await, [(scope.clone(), id)]);
    assert_eq!(good(storage.orphans("other", None, 100).await), []);
    assert_eq!(good(storage.orphans("agent", None, 0).await), []);
    let (second, orphaned) = lease(taken(storage, &scope, id, OTHER).await);
    assert!(orphaned && second.fence > first.fence, "{second:?}");
    assert_eq!(orphans(storage).await, []);
    // Orphaned once, it is not for ever.
    assert!(good(storage.release(&scope, id, second, 1).await));
    assert!(!lease(taken(storage, &scope, id, OTHER).await).1);
}

pub(super) async fn a_replica_that_is_not_heard_of_is_written_off(storage: &impl Storage) {
    let (scope, id, _) = running(storage, 1).await;
    assert!(good(storage.renew(REPLICA, Duration::ZERO).await), "it is there, but for no longer");
    good(storage.join(OTHER, LONG).await);
    assert_eq!(orphans(storage).await, [(scope.clone(), id)]);
    assert!(!good(storage.renew(REPLICA, LONG).await), "whoever is lost stays lost");
    assert!(lease(taken(storage, &scope, id, OTHER).await).1);
    assert!(good(storage.renew(OTHER, LONG).await));
    assert!(!good(storage.renew(ReplicaId::from_u128(3), LONG).await), "it never joined");
}

pub(super) async fn of_many_who_take_over_one_does(storage: &impl Storage) {
    let (scope, id, _) = running(storage, 1).await;
    good(storage.leave(REPLICA).await);
    let replicas: Vec<_> = (10..20).map(ReplicaId::from_u128).collect();
    for replica in &replicas {
        good(storage.join(*replica, LONG).await);
    }
    let results = join_all(replicas.iter().map(|replica| taken(storage, &scope, id, *replica))).await;
    let won = |taken: &&Taken| matches!(taken, Taken::Lease { .. });
    assert_eq!(results.iter().filter(won).count(), 1, "{results:?}");
}

pub(super) async fn what_a_lost_replica_appends_is_refused(storage: &impl Storage) {
    let (scope, id, first) = running(storage, 1).await;
    good(storage.append(&scope, id, 1, vec![chunk(2, "report", "one", false)], Author::Run(first)).await);
    good(storage.leave(REPLICA).await);
    good(storage.join(OTHER, LONG).await);
    let (second, _) = lease(taken(storage, &scope, id, OTHER).await);
    for late in [chunk(3, "report", "two", true), status(3, TaskState::Completed)] {
        assert_fenced(storage.append(&scope, id, 2, vec![late.clone()], Author::Run(first)).await);
        // Whatever it takes for the end of the log: it is the lease that it has to hear of.
        assert_fenced(storage.append(&scope, id, 7, vec![late], Author::Run(first)).await);
    }
    let forged = Lease { replica: OTHER, fence: first.fence };
    assert_fenced(storage.append(&scope, id, 2, vec![status(3, TaskState::Working)], Author::Run(forged)).await);
    assert_eq!(
        good(storage.append(&scope, id, 2, vec![status(3, TaskState::Completed)], Author::Run(second)).await),
        3
    );
}

pub(super) async fn leases_belong_to_their_scope(storage: &impl Storage) {
    let (own, id, lease) = running(storage, 1).await;
    let stranger = Scope { owner: Some("stranger".into()), ..own.clone() };
    good(storage.join(OTHER, LONG).await);
    assert!(good(storage.release(&stranger, id, lease, 1).await), "it has none");
    assert_eq!(taken(storage, &stranger, id, OTHER).await, Taken::Over);
    assert_eq!(taken(storage, &own, id, OTHER).await, Taken::By(lease), "nothing has changed");
    assert_eq!(taken(storage, &own, super::tasks::id(9), OTHER).await, Taken::Over, "no such task");
}

pub(super) async fn a_task_that_nobody_has_is_found_once_its_log_grows(storage: &impl Storage) {
    for (number, pause) in [(1, TaskState::InputRequired), (2, TaskState::AuthRequired)] {
        let (scope, id, its) = running(storage, number).await;
        good(storage.append(&scope, id, 1, vec![status(2, pause)], Author::Run(its)).await);
        assert!(good(storage.release(&scope, id, its, 2).await));
        assert_eq!(orphans(storage).await, [], "it waits for its caller");
        good(storage.append(&scope, id, 2, vec![said(3, "Here.")], Author::Caller).await);
        assert_eq!(orphans(storage).await, [(scope.clone(), id)], "who said it may be lost");
        let (second, orphaned) = lease(taken(storage, &scope, id, REPLICA).await);
        assert!(!orphaned, "nobody ran it");
        assert_eq!(orphans(storage).await, []);
        good(storage.append(&scope, id, 3, vec![status(4, TaskState::Completed)], Author::Run(second)).await);
    }
    assert_eq!(orphans(storage).await, []);
}

pub(super) async fn orphans_come_in_pages(storage: &impl Storage) {
    let (own, tenant) = (scope("agent"), Scope { tenant: Some("tenant".into()), ..scope("agent") });
    let mut expected = Vec::new();
    for number in 0..24 {
        let scope = [&own, &tenant, &scope("other")][number as usize % 3].clone();
        good(create(storage, &scope, id(number), vec![created(1, "context")]).await);
        if number % 2 == 0 {
            // Given back, and grown since.
            assert!(good(storage.release(&scope, id(number), Lease::first(REPLICA), 1).await));
            good(storage.append(&scope, id(number), 1, vec![said(2, "Well?")], Author::Caller).await);
        }
        expected.push((scope, id(number)));
    }
    good(storage.leave(REPLICA).await);
    expected.retain(|(scope, _)| &*scope.agent == "agent");
    expected.sort();
    let walk = async |limit| {
        let (mut seen, mut after): (Vec<_>, Option<(Scope, TaskId)>) = (Vec::new(), None);
        loop {
            let page = good(storage.orphans("agent", after.as_ref(), limit).await);
            assert!(page.len() <= limit);
            seen.extend(page.iter().cloned());
            match page.last() {
                Some(last) => after = Some(last.clone()),
                None => return seen,
            }
        }
    };
    for limit in [1, 3, 16, 100] {
        let mut seen = walk(limit).await;
        seen.sort();
        assert_eq!(seen, expected, "in pages of {limit}");
    }
    // A place outlives its orphan.
    let all = walk(100).await;
    good(storage.join(OTHER, LONG).await);
    lease(taken(storage, &all[4].0, all[4].1, OTHER).await);
    assert_eq!(good(storage.orphans("agent", Some(&all[4]), 100).await), all[5..]);
    assert_eq!(walk(3).await, [&all[..4], &all[5..]].concat());
}

pub(super) async fn a_snapshot_says_who_runs_the_task(storage: &impl Storage) {
    let (scope, id, lease) = running(storage, 1).await;
    let holder = async || good(storage.snapshot(&scope, id).await).map(|snapshot| snapshot.holder);
    assert_eq!(holder().await, Some(Holder::Present(REPLICA)));
    assert!(good(storage.release(&scope, id, lease, 1).await));
    assert_eq!(holder().await, Some(Holder::Nobody));
    good(storage.join(OTHER, LONG).await);
    taken(storage, &scope, id, OTHER).await;
    assert_eq!(holder().await, Some(Holder::Present(OTHER)));
    good(storage.leave(OTHER).await);
    assert_eq!(holder().await, Some(Holder::Lost));
    good(storage.append(&scope, id, 1, vec![status(2, TaskState::Canceled)], Author::Caller).await);
    assert_eq!(holder().await, Some(Holder::Nobody), "it has ended");
}

pub(super) async fn whoever_is_lost_takes_nothing(storage: &impl Storage) {
    let (scope, id, lease) = running(storage, 1).await;
    assert!(good(storage.release(&scope, id, lease, 1).await));
    let refused = storage.take(&scope, id, OTHER).await;
    assert!(matches!(refused, Err(StorageError::Fenced)), "it never joined: {refused:?}");
    good(storage.leave(REPLICA).await);
    let refused = storage.take(&scope, id, REPLICA).await;
    assert!(matches!(refused, Err(StorageError::Fenced)), "it has left: {refused:?}");
    good(storage.join(OTHER, LONG).await);
    assert!(lease.fence < self::lease(taken(storage, &scope, id, OTHER).await).0.fence);
}

pub(super) async fn what_has_paused_is_found_the_longest_first(storage: &impl Storage) {
    let (own, other) = (scope("agent"), scope("other"));
    let tenant = Scope { tenant: Some("tenant".into()), ..own.clone() };
    let pause = async |scope: &Scope, number, millis, state| {
        good(create(storage, scope, id(number), vec![created(1, "context"), status(millis, state)]).await);
    };
    let release = async |scope: &Scope, number| {
        assert!(good(storage.release(scope, id(number), Lease::first(REPLICA), 2).await));
    };
    for (number, scope, millis, state) in [
        (1, &own, 30, TaskState::InputRequired),
        (2, &own, 10, TaskState::AuthRequired),
        (3, &tenant, 20, TaskState::InputRequired),
        (4, &other, 5, TaskState::InputRequired),
        (5, &own, 6, TaskState::Working),
        (6, &own, 7, TaskState::InputRequired),
        (7, &own, 8, TaskState::AuthRequired),
        (8, &own, 9, TaskState::InputRequired),
    ] {
        pause(scope, number, millis, state).await;
        release(scope, number).await;
    }
    pause(&own, 9, 4, TaskState::InputRequired).await;
    let found = async |before, limit| good(storage.paused("agent", at(before), limit).await);
    let [first, second, third] = [(own.clone(), id(2)), (tenant.clone(), id(3)), (own.clone(), id(1))];
    // Some go on, with what was missing; one ends.
    good(storage.append(&own, id(6), 2, vec![said(11, "Here.")], Author::Caller).await);
    good(storage.append(&own, id(7), 2, vec![said(11, "Here.")], Author::Caller).await);
    good(storage.append(&own, id(8), 2, vec![status(11, TaskState::Canceled)], Author::Caller).await);
    assert_eq!(found(40, 10).await, [first.clone(), second.clone(), third.clone()]);
    assert_eq!(found(40, 2).await, [first.clone(), second.clone()]);
    assert_eq!(found(40, 0).await, []);
    assert_eq!(found(30, 10).await, [first.clone(), second.clone()], "before is not at");
    assert_eq!(found(10, 10).await, []);
    assert_eq!(good(storage.paused("other", at(40), 10).await), [(other, id(4))]);
    // Whoever takes one has it; one that pauses again has not been waiting for long.
    good(storage.join(OTHER, LONG).await);
    let (its, _) = lease(taken(storage, &own, id(2), OTHER).await);
    assert_eq!(found(40, 10).await, [second.clone(), third.clone()]);
    let again = vec![status(50, TaskState::Working), status(51, TaskState::InputRequired)];
    good(storage.append(&own, id(2), 2, again, Author::Run(its)).await);
    assert!(good(storage.release(&own, id(2), its, 4).await));
    assert_eq!(found(40, 10).await, [second.clone(), third.clone()]);
    assert_eq!(found(60, 10).await, [second, third, first]);
    // What a lost replica has is an orphan.
    good(storage.leave(REPLICA).await);
    assert_eq!(found(60, 10).await.len(), 3);
}
