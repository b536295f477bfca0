//! Two instances at the same moment: what is noticed, and what cannot be.

use a2a_app_ports::{Holder, ListQuery, Taken};

use super::*;

const OTHER: ReplicaId = ReplicaId::from_u128(2);

/// Two instances over one map, and a task that the first one runs.
async fn two() -> (Map, Instance, Instance) {
    let map = Map::default();
    let (one, other) = (instance(&map, REPLICA).await, instance(&map, OTHER).await);
    create(&one, id(1), vec![created(0)]).await;
    (map, one, other)
}

fn head() -> String {
    super::super::pairs::head(id(1))
}

#[test]
fn of_two_instances_that_append_one_gives_way() {
    block_on(async {
        let (map, one, other) = two().await;
        // While one stores its events, before it looks whether the head is what it was.
        let (event, writer) = (format!("a2a.event.{}.{}-1.2", id(1), one.writer), other.clone());
        map.interrupt(&event, move || {
            let writer = writer.clone();
            Box::pin(async move {
                let stored = writer.append(&scope(), id(1), 1, vec![said(2, "Other.")], Author::Caller).await;
                assert!(matches!(stored, Ok(2)), "{stored:?}");
            })
        });
        one.folds.forget(id(1));
        let late = one.append(&scope(), id(1), 1, vec![said(3, "One.")], Author::Caller).await;
        assert!(matches!(late, Err(StorageError::Conflict { current: 2 })), "{late:?}");
        for storage in [&one, &other] {
            assert_eq!(log(storage, id(1)).await, [created(0), said(2, "Other.")]);
        }
        assert_eq!(map.count("a2a.event."), 2, "what was not stored leaves nothing");
        // It goes on from there, and what a caller says gets in wherever the log ends.
        assert_eq!(one.append(&scope(), id(1), 2, vec![said(3, "One.")], Author::Caller).await.unwrap(), 3);
    });
}

#[test]
fn what_a_caller_says_gets_in_beside_another_instance() {
    block_on(async {
        let (map, one, other) = two().await;
        one.folds.forget(id(1));
        let event = format!("a2a.event.{}.{}-1.2", id(1), one.writer);
        map.interrupt(&event, move || {
            let other = other.clone();
            Box::pin(async move {
                other.append(&scope(), id(1), 1, vec![said(2, "Other.")], Author::Caller).await.unwrap();
            })
        });
        let stored =
            one.append(&scope(), id(1), a2a_app_ports::AT_THE_END, vec![said(3, "One.")], Author::Caller).await;
        assert!(matches!(stored, Ok(3)), "{stored:?}");
        assert_eq!(log(&one, id(1)).await, [created(0), said(2, "Other."), said(3, "One.")]);
    });
}

/// The limit: one instance is held up between looking at the head and setting it, and another one
/// stores and looks meanwhile. Both are told that it is stored, and one of the two is lost, whole.
#[test]
fn an_append_between_a_look_and_a_write_is_lost() {
    block_on(async {
        let (map, one, other) = two().await;
        let run = Author::Run(Lease::first(REPLICA));
        let writer = one.clone();
        map.interrupt(&head(), move || {
            let one = writer.clone();
            Box::pin(async move {
                let events = vec![chunk(2, "lost", false), status(2, TaskState::Working)];
                assert_eq!(one.append(&scope(), id(1), 1, events, run).await.unwrap(), 3);
            })
        });
        assert_eq!(other.append(&scope(), id(1), 1, vec![said(3, "Other.")], Author::Caller).await.unwrap(), 2);
        assert_eq!(log(&one, id(1)).await, [created(0), said(3, "Other.")], "no mixture of both");
        // Callers go on from what is there.
        one.append(&scope(), id(1), 2, vec![said(4, "And?")], Author::Caller).await.unwrap();
        let stored = [created(0), said(3, "Other."), said(4, "And?")];
        assert_eq!(log(&other, id(1)).await, stored);
        // The run does not write on in a log that is not the one it knows: somebody takes it over.
        for expected in [3, 2] {
            let late = one.append(&scope(), id(1), expected, vec![chunk(5, "more", true)], run).await;
            assert!(matches!(late, Err(StorageError::Fenced)), "{late:?}");
        }
        assert_eq!(snapshot(&one, id(1)).await.holder, Holder::Lost);
        assert_eq!(other.orphans("agent", None, 10).await.unwrap(), [(scope(), id(1))]);
        let taken = other.take(&scope(), id(1), OTHER).await.unwrap();
        let Taken::Lease { lease, orphaned: true } = taken else { panic!("{taken:?}") };
        other.append(&scope(), id(1), 3, vec![status(5, TaskState::Completed)], Author::Run(lease)).await.unwrap();
        assert_eq!(log(&one, id(1)).await[..3], stored);
        assert_eq!(snapshot(&one, id(1)).await.task.status.state, TaskState::Completed);
    });
}

#[test]
fn of_two_instances_that_take_over_one_does() {
    block_on(async {
        let (map, one, other) = two().await;
        one.leave(REPLICA).await.unwrap();
        let third = instance(&map, ReplicaId::from_u128(3)).await;
        map.interrupt(&super::super::pairs::lease(id(1)), move || {
            let third = third.clone();
            Box::pin(async move {
                let taken = third.take(&scope(), id(1), ReplicaId::from_u128(3)).await.unwrap();
                assert!(matches!(taken, Taken::Lease { .. }), "{taken:?}");
            })
        });
        // Both have it by now, but only who has written last may write on.
        let taken = other.take(&scope(), id(1), OTHER).await.unwrap();
        let Taken::Lease { lease, .. } = taken else { panic!("{taken:?}") };
        let lost = Author::Run(Lease { replica: ReplicaId::from_u128(3), ..lease });
        let refused = other.append(&scope(), id(1), 1, vec![said(1, "No.")], lost).await;
        assert!(matches!(refused, Err(StorageError::Fenced)), "{refused:?}");
        other.append(&scope(), id(1), 1, vec![said(1, "Yes.")], Author::Run(lease)).await.unwrap();
    });
}

/// An instance that overwrites the row of another's new task hides it, until the task changes.
#[test]
fn a_task_that_lost_its_row_is_listed_once_it_changes() {
    block_on(async {
        let (map, one, other) = two().await;
        map.forget("a2a.index.");
        let total = async || {
            let page = other.list(&scope(), &ListQuery { limit: 10, ..ListQuery::default() }).await.unwrap();
            assert_eq!(page.total, page.tasks.len() as u64);
            page.total
        };
        assert_eq!(total().await, 0);
        one.append(&scope(), id(1), 1, vec![status(2, TaskState::Working)], Author::Caller).await.unwrap();
        assert_eq!(total().await, 1);
    });
}

/// However the accesses fall: who leaves while it renews its time has left.
#[test]
fn no_renewal_brings_back_who_leaves() {
    for seed in 0..200 {
        block_on(async {
            let map = Map::default();
            let storage = instance(&map, REPLICA).await;
            map.dawdle(seed);
            let (renewed, left) = futures::join!(storage.renew(REPLICA, LONG), storage.leave(REPLICA));
            renewed.unwrap();
            left.unwrap();
            assert!(!storage.renew(REPLICA, LONG).await.unwrap(), "{seed}");
            assert_eq!((map.count("a2a.replica."), storage.replicas().await.unwrap()), (0, Vec::new()), "{seed}");
        });
    }
}

/// However the accesses of two instances fall: each append is in the log whole or not at all, and most of
/// those that were told so are in it.
#[test]
fn logs_are_never_a_mixture() {
    const ROUNDS: u64 = 1000;
    let mut lost = 0;
    for seed in 0..ROUNDS {
        block_on(async {
            let (map, one, other) = two().await;
            map.dawdle(seed);
            let pair = |millis, who: &str| vec![said(millis, who), said(millis, who)];
            let append = async |storage: &Instance, millis, who| {
                storage.append(&scope(), id(1), 1, pair(millis, who), Author::Caller).await
            };
            let (first, second) = futures::join!(append(&one, 2, "One."), append(&other, 3, "Other."));
            let told = [first, second].map(|told| match told {
                Ok(3) => true,
                Err(StorageError::Conflict { current: 3 }) => false,
                told => panic!("{told:?}"),
            });
            let stored = log(&one, id(1)).await.split_off(1);
            let place = [pair(2, "One."), pair(3, "Other.")].iter().position(|pair| *pair == stored);
            assert!(place.is_some_and(|place| told[place]), "{seed}: {stored:?} with {told:?}");
            lost += u64::from(told == [true, true]);
        });
    }
    assert!(lost * 5 < ROUNDS, "{lost} of {ROUNDS} are lost unnoticed");
}
