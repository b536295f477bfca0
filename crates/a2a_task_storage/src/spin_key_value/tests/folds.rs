//! That an append fails does not hide that earlier ones were written over.

use a2a_app_ports::{AT_THE_END, Claim, Holder, Taken};

use super::{
    super::{log::TRIES, pairs, records::Head},
    *,
};

const OTHER: ReplicaId = ReplicaId::from_u128(2);
const RUN: Author = Author::Run(Lease::first(REPLICA));

/// Two instances over one map, and a task of three events that the first one runs.
struct Running {
    map: Map,
    one: Instance,
    other: Instance,
    /// The head of the task when it had one event.
    first: Head,
}

async fn running() -> Running {
    let map = Map::default();
    let (one, other) = (instance(&map, REPLICA).await, instance(&map, OTHER).await);
    create(&one, id(1), vec![created(0)]).await;
    let first = one.head(id(1)).await.unwrap().unwrap();
    let events = vec![chunk(2, "lost", false), status(2, TaskState::Working)];
    assert_eq!(one.append(&scope(), id(1), 1, events, RUN).await.unwrap(), 3);
    Running { map, one, other, first }
}

impl Running {
    /// Has the other instance go on from the first event, as if it had not seen the others.
    async fn write_over(&self) {
        self.other.write(&pairs::head(id(1)), &self.first).await.unwrap();
        self.other.append(&scope(), id(1), 1, vec![said(3, "Other.")], Author::Caller).await.unwrap();
    }

    /// Has the store fail just before the lease of the task is stored next.
    fn die_at_the_lease(&self) {
        let map = self.map.clone();
        self.map.interrupt(&pairs::lease(id(1)), move || {
            map.die_after(0);
            Box::pin(async {})
        });
    }
}

async fn assert_fenced(one: &Instance, why: &str) {
    let late = one.append(&scope(), id(1), 2, vec![chunk(5, "more", true)], RUN).await;
    assert!(matches!(late, Err(StorageError::Fenced)), "{why}: {late:?}");
    assert_eq!(snapshot(one, id(1)).await.holder, Holder::Lost, "{why}");
}

/// The appends that are refused, or are nothing.
async fn fail(one: &Instance, expected: Revision) {
    let half = vec![said(4, "And?"), created(4)];
    let refused = one.append(&scope(), id(1), expected, half, Author::Caller).await;
    assert!(matches!(refused, Err(StorageError::Refused(_))), "{refused:?}");
    let no_message = one.append(&scope(), id(1), expected, vec![chunk(4, "no", true)], Author::Claimant).await;
    assert!(matches!(no_message, Err(StorageError::Refused(_))), "{no_message:?}");
    let unclaimed = one.append(&scope(), id(1), expected, vec![said(4, "And?")], Author::Claimant).await;
    assert!(matches!(unclaimed, Err(StorageError::Unclaimed)), "{unclaimed:?}");
    assert_eq!(one.append(&scope(), id(1), expected, Vec::new(), Author::Caller).await.unwrap(), expected);
}

#[test]
fn a_run_is_fenced_after_refused_appends() {
    block_on(async {
        let task = running().await;
        task.write_over().await;
        fail(&task.one, 2).await;
        assert_fenced(&task.one, "they came after").await;

        let task = running().await;
        fail(&task.one, 3).await;
        task.write_over().await;
        assert_fenced(&task.one, "they came before").await;
    });
}

/// Wherever in an append the store fails.
#[test]
fn a_run_is_fenced_after_failed_appends() {
    for writes in 0..100 {
        let failed = block_on(async {
            let task = running().await;
            let (map, one) = (&task.map, &task.one);
            let claim = Claim {
                message_id: "message at 4".into(),
                digest: [1; 32],
                task: id(1),
                replica: REPLICA,
                now: at(0),
                expires: at(1000),
            };
            one.claim(&scope(), claim).await.unwrap();
            map.die_after(writes);
            let failed = one.append(&scope(), id(1), 3, vec![said(4, "And?")], Author::Claimant).await.is_err();
            map.revive();
            task.write_over().await;
            assert_fenced(one, &format!("{writes} writes")).await;
            failed
        });
        if !failed {
            assert!(writes > 2, "{writes}");
            return;
        }
    }
    panic!("it never ends");
}

#[test]
fn a_run_is_fenced_although_that_fails_first() {
    block_on(async {
        let task = running().await;
        task.write_over().await;
        let (map, one) = (&task.map, &task.one);
        task.die_at_the_lease();
        let failed = one.append(&scope(), id(1), 2, vec![chunk(4, "more", true)], RUN).await;
        assert!(matches!(failed, Err(StorageError::Failed(_))), "{failed:?}");
        map.revive();
        assert_fenced(one, "at the second time").await;
    });
}

/// Only when somebody has the task does the run of before not matter any more.
#[test]
fn a_run_is_fenced_although_nobody_could_take_its_task_over() {
    block_on(async {
        let task = running().await;
        task.write_over().await;
        let (map, one) = (&task.map, &task.one);
        one.leave(REPLICA).await.unwrap();
        one.join(OTHER, LONG).await.unwrap();
        task.die_at_the_lease();
        let failed = one.take(&scope(), id(1), OTHER).await;
        assert!(matches!(failed, Err(StorageError::Failed(_))), "{failed:?}");
        map.revive();
        assert_fenced(one, "nobody has taken it").await;
        let taken = one.take(&scope(), id(1), OTHER).await.unwrap();
        let Taken::Lease { lease, .. } = taken else { panic!("{taken:?}") };
        one.append(&scope(), id(1), 2, vec![said(6, "On.")], Author::Run(lease)).await.unwrap();
    });
}

#[test]
fn a_run_goes_on_after_failed_appends() {
    block_on(async {
        let Running { map, one, .. } = running().await;
        fail(&one, 3).await;
        map.die_after(1);
        one.append(&scope(), id(1), 3, vec![chunk(4, "fails", true)], RUN).await.unwrap_err();
        map.revive();
        one.append(&scope(), id(1), 3, vec![status(5, TaskState::Completed)], RUN).await.unwrap();
        let task = snapshot(&one, id(1)).await.task;
        assert_eq!((task.status.state.clone(), task.history.len()), (TaskState::Completed, 1));
        assert_eq!(task.artifact("report").unwrap().parts.len(), 1);
    });
}

/// Has another instance append whenever this one is about to, so many times.
fn outrun(map: &Map, one: &Instance, other: &Instance, number: usize, times: usize) {
    let event = format!("a2a.event.{}.{}-{number:x}.{}", id(1), one.writer, number + 1);
    let (again, one, other) = (map.clone(), one.clone(), other.clone());
    map.interrupt(&event, move || {
        let (map, one, other) = (again.clone(), one.clone(), other.clone());
        Box::pin(async move {
            other.append(&scope(), id(1), AT_THE_END, vec![said(2, "Other.")], Author::Caller).await.unwrap();
            if number < times {
                outrun(&map, &one, &other, number + 1, times);
            }
        })
    });
}

#[test]
fn an_append_that_others_outrun_is_given_up() {
    for (times, stored) in [(TRIES - 1, true), (TRIES, false)] {
        block_on(async {
            let map = Map::default();
            let (one, other) = (instance(&map, REPLICA).await, instance(&map, OTHER).await);
            create(&one, id(1), vec![created(0)]).await;
            one.folds.forget(id(1));
            outrun(&map, &one, &other, 1, times);
            let done = one.append(&scope(), id(1), AT_THE_END, vec![said(3, "One.")], Author::Caller).await;
            assert_eq!(done.is_ok(), stored, "{done:?}");
            if let Err(error) = done {
                assert_eq!(SqlFailure::kind_of(&error), Some(SqlFailureKind::Again), "{error:?}");
            }
            let log = log(&one, id(1)).await;
            assert_eq!(log.len(), 1 + times + usize::from(stored));
            assert_eq!(map.count("a2a.event."), log.len(), "what was not stored leaves nothing");
            // The lock is free again.
            one.append(&scope(), id(1), AT_THE_END, vec![said(4, "One.")], Author::Caller).await.unwrap();
        });
    }
}
