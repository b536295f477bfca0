//! Logs and their folds.

use a2a_protocol_core::{Event, FoldError, TaskState};
use futures::future::join_all;

use super::tasks::{
    REPLICA, assert_conflict, assert_log, chunk, create, created, fold, full_log, good, id, metadata, said, scope,
    status,
};
use crate::{AT_THE_END, Author, Lease, Revision, Scope, Storage, StorageError, TaskId};

pub(super) async fn a_created_task_is_read_back(storage: &impl Storage) {
    let scope = scope("agent");
    let one = [created(1, "context")];
    assert_eq!(good(create(storage, &scope, id(1), one.to_vec()).await), 1);
    assert_log(storage, &scope, id(1), &one).await;
    let several = full_log();
    assert_eq!(good(create(storage, &scope, id(2), several.clone()).await), 14);
    assert_log(storage, &scope, id(2), &several).await;
    assert_log(storage, &scope, id(1), &one).await;
}

pub(super) async fn a_taken_id_is_a_conflict(storage: &impl Storage) {
    let scope = scope("agent");
    let log = [created(1, "context"), status(2, TaskState::Working)];
    good(create(storage, &scope, id(1), log.to_vec()).await);
    assert_conflict(create(storage, &scope, id(1), vec![created(3, "other")]).await, 2);
    assert_log(storage, &scope, id(1), &log).await;
}

pub(super) async fn a_log_begins_with_its_creation(storage: &impl Storage) {
    let scope = scope("agent");
    let misplaced = [
        vec![],
        vec![status(1, TaskState::Working)],
        vec![said(1, "Hello."), created(2, "context")],
        vec![created(1, "context"), created(2, "context")],
    ];
    for events in misplaced {
        let result = create(storage, &scope, id(1), events.clone()).await;
        assert!(matches!(result, Err(StorageError::Refused(FoldError::Misplaced))), "{events:?} gave {result:?}");
        assert_nothing(storage, &scope, id(1)).await;
    }
    let log = [created(1, "context")];
    good(create(storage, &scope, id(1), log.to_vec()).await);
    let again = storage.append(&scope, id(1), 1, vec![created(2, "context")], Author::Caller).await;
    assert!(matches!(again, Err(StorageError::Refused(FoldError::Misplaced))), "{again:?}");
    assert_log(storage, &scope, id(1), &log).await;
}

pub(super) async fn appended_events_are_folded_and_kept(storage: &impl Storage) {
    let scope = scope("agent");
    // One by one, in pairs, and by threes: what is stored is the same.
    for (number, size) in [(1, 1), (2, 2), (3, 3)] {
        let log = full_log();
        good(create(storage, &scope, id(number), log[..1].to_vec()).await);
        let mut stored = 1;
        for batch in log[1..].chunks(size) {
            let revision =
                good(storage.append(&scope, id(number), stored as Revision, batch.to_vec(), Author::Caller).await);
            stored += batch.len();
            assert_eq!(revision, stored as Revision);
            assert_log(storage, &scope, id(number), &log[..stored]).await;
        }
    }
    assert_eq!(good(storage.append(&scope, id(1), 14, Vec::new(), Author::Caller).await), 14, "nothing appended");
}

pub(super) async fn an_append_at_another_revision_is_a_conflict(storage: &impl Storage) {
    let scope = scope("agent");
    let log = [created(1, "context"), status(2, TaskState::Working), said(3, "Well?")];
    good(create(storage, &scope, id(1), log.to_vec()).await);
    for expected in [0, 1, 2, 4, 5, Revision::MAX - 1] {
        assert_conflict(storage.append(&scope, id(1), expected, vec![said(4, "Late.")], Author::Caller).await, 3);
        // Who is late hears that first, whatever they bring.
        assert_conflict(storage.append(&scope, id(1), expected, vec![created(4, "context")], Author::Caller).await, 3);
    }
    assert_log(storage, &scope, id(1), &log).await;
}

pub(super) async fn what_callers_say_gets_in_wherever_the_log_ends(storage: &impl Storage) {
    let scope = scope("agent");
    let mut log = vec![created(1, "context"), said(2, "Well?"), said(3, "And?")];
    good(create(storage, &scope, id(1), log[..1].to_vec()).await);
    assert_eq!(good(storage.append(&scope, id(1), AT_THE_END, log[1..].to_vec(), Author::Caller).await), 3);
    log.push(status(4, TaskState::Working));
    let lease = Author::Run(Lease::first(REPLICA));
    good(storage.append(&scope, id(1), 3, vec![log[3].clone()], lease).await);
    log.push(said(5, "Now?"));
    assert_eq!(good(storage.append(&scope, id(1), AT_THE_END, vec![log[4].clone()], Author::Caller).await), 5);
    log.push(status(6, TaskState::Completed));
    good(storage.append(&scope, id(1), 5, vec![log[5].clone()], lease).await);
    let late = storage.append(&scope, id(1), AT_THE_END, vec![said(7, "Late.")], Author::Caller).await;
    assert!(matches!(late, Err(StorageError::Refused(FoldError::Ended(TaskState::Completed)))), "{late:?}");
    assert_log(storage, &scope, id(1), &log).await;
}

pub(super) async fn a_refused_batch_changes_nothing(storage: &impl Storage) {
    let scope = scope("agent");
    let log = full_log()[..6].to_vec();
    good(create(storage, &scope, id(1), log.clone()).await);
    let good_ones = vec![
        chunk(20, "report", "more", true),
        chunk(21, "new", "first", false),
        chunk(22, "new", "second", true),
        metadata(23, "color", "blue"),
        said(24, "Hello."),
        status(25, TaskState::InputRequired),
    ];
    let refused = [
        created(26, "context"),
        chunk(26, "unheard-of", "text", true),
        status(26, TaskState::Submitted),
        status(26, TaskState::Unspecified),
    ];
    for last in refused {
        for batch in [vec![last.clone()], [good_ones.clone(), vec![last.clone(), said(27, "After.")]].concat()] {
            let result = storage.append(&scope, id(1), 6, batch, Author::Caller).await;
            assert!(matches!(result, Err(StorageError::Refused(_))), "{last:?} gave {result:?}");
            assert_log(storage, &scope, id(1), &log).await;
        }
    }
    let ends = vec![status(26, TaskState::Completed), said(27, "After.")];
    let result = storage.append(&scope, id(1), 6, [good_ones.clone(), ends].concat(), Author::Caller).await;
    assert!(matches!(result, Err(StorageError::Refused(FoldError::Ended(TaskState::Completed)))), "{result:?}");
    assert_log(storage, &scope, id(1), &log).await;
    assert_eq!(good(storage.append(&scope, id(1), 6, good_ones.clone(), Author::Caller).await), 12);
    assert_log(storage, &scope, id(1), &[log, good_ones].concat()).await;
}

pub(super) async fn a_refused_creation_creates_nothing(storage: &impl Storage) {
    let scope = scope("agent");
    let events = vec![created(1, "context"), status(2, TaskState::Working), chunk(3, "none", "text", true)];
    let result = create(storage, &scope, id(1), events.clone()).await;
    assert!(matches!(result, Err(StorageError::Refused(FoldError::UnknownArtifact(_)))), "{result:?}");
    assert_nothing(storage, &scope, id(1)).await;
    good(create(storage, &scope, id(1), events[..2].to_vec()).await);
    assert_log(storage, &scope, id(1), &events[..2]).await;
}

pub(super) async fn an_ended_task_takes_no_more_events(storage: &impl Storage) {
    let scope = scope("agent");
    let ends = [TaskState::Completed, TaskState::Failed, TaskState::Canceled, TaskState::Rejected];
    for (number, end) in (1..).zip(ends) {
        let log = [created(1, "context"), status(2, end.clone())];
        good(create(storage, &scope, id(number), log.to_vec()).await);
        for late in &full_log()[1..] {
            let result = storage.append(&scope, id(number), 2, vec![late.clone()], Author::Caller).await;
            assert!(matches!(result, Err(StorageError::Refused(_))), "{late:?} after {end} gave {result:?}");
        }
        assert_log(storage, &scope, id(number), &log).await;
    }
}

pub(super) async fn every_revision_is_the_fold_of_its_events(storage: &impl Storage) {
    let scope = scope("agent");
    let log = full_log();
    good(create(storage, &scope, id(1), log[..2].to_vec()).await);
    for (stored, event) in log.iter().enumerate().skip(2) {
        good(storage.append(&scope, id(1), stored as Revision, vec![event.clone()], Author::Caller).await);
    }
    for length in 1..=log.len() {
        let snapshot = good(storage.snapshot_at(&scope, id(1), length as Revision).await);
        let snapshot = snapshot.unwrap_or_else(|| panic!("no snapshot at {length}"));
        assert_eq!((snapshot.revision, &*snapshot.skill), (length as Revision, "skill"));
        assert_eq!(*snapshot.task, fold(id(1), &log[..length]), "at revision {length}");
    }
    for beyond in [0, 15, Revision::MAX] {
        assert_eq!(good(storage.snapshot_at(&scope, id(1), beyond).await), None, "at revision {beyond}");
    }
}

pub(super) async fn events_come_in_pages(storage: &impl Storage) {
    let scope = scope("agent");
    let log = full_log();
    good(create(storage, &scope, id(1), log.clone()).await);
    for limit in [1, 2, 5, 14, 100] {
        let mut read: Vec<Event> = Vec::new();
        while read.len() < log.len() {
            let after = read.len();
            let page = good(storage.events(&scope, id(1), after as Revision, limit).await).unwrap_or_default();
            assert_eq!(page.len(), limit.min(log.len() - after), "after {after} of {limit}");
            read.extend(page);
        }
        assert_eq!(read, log, "in pages of {limit}");
    }
    for after in [14, 15, Revision::MAX] {
        assert_eq!(good(storage.events(&scope, id(1), after, 10).await), Some(Vec::new()), "after {after}");
    }
    assert_eq!(good(storage.events(&scope, id(1), 3, 0).await), Some(Vec::new()), "none asked for");
}

pub(super) async fn chunks_add_up(storage: &impl Storage) {
    const CHUNKS: u64 = 500;
    let scope = scope("agent");
    good(create(storage, &scope, id(1), vec![created(1, "context"), chunk(2, "report", "0 ", false)]).await);
    for number in 1..CHUNKS {
        let next = chunk(number + 2, "report", &format!("{number} "), true);
        good(storage.append(&scope, id(1), number + 1, vec![next], Author::Caller).await);
    }
    let text: String = (0..CHUNKS).map(|number| format!("{number} ")).collect();
    let snapshot = good(storage.snapshot(&scope, id(1)).await);
    let task = snapshot.map(|snapshot| snapshot.task).unwrap_or_default();
    let artifact = task.artifact("report").cloned().unwrap_or_default();
    assert_eq!((artifact.parts.len() as u64, artifact.text()), (CHUNKS, text));
    let middle = good(storage.events(&scope, id(1), 250, 1).await);
    assert_eq!(middle, Some(vec![chunk(251, "report", "249 ", true)]));
}

pub(super) async fn a_snapshot_stays_what_it_was(storage: &impl Storage) {
    let scope = scope("agent");
    let log = full_log();
    good(create(storage, &scope, id(1), log[..1].to_vec()).await);
    let mut held = Vec::new();
    for (stored, event) in log.iter().enumerate().skip(1) {
        held.push(good(storage.snapshot(&scope, id(1)).await).map(|snapshot| snapshot.task).unwrap_or_default());
        good(storage.append(&scope, id(1), stored as Revision, vec![event.clone()], Author::Caller).await);
    }
    for (length, task) in (1..).zip(held) {
        assert_eq!(*task, fold(id(1), &log[..length]), "the snapshot taken at {length}");
    }
}

pub(super) async fn what_was_never_created_is_not_there(storage: &impl Storage) {
    let scope = scope("agent");
    good(create(storage, &scope, id(1), full_log()).await);
    assert_nothing(storage, &scope, id(2)).await;
}

/// Checks that there is no such task, whatever is asked of it.
pub(super) async fn assert_nothing(storage: &impl Storage, scope: &Scope, id: TaskId) {
    for expected in [0, 1, 14] {
        let result = storage.append(scope, id, expected, vec![said(1, "Hello?")], Author::Caller).await;
        assert!(matches!(result, Err(StorageError::NotFound)), "append gave {result:?}");
    }
    assert_eq!(good(storage.snapshot(scope, id).await), None, "the snapshot");
    assert_eq!(good(storage.snapshot_at(scope, id, 1).await), None, "the snapshot of a revision");
    assert_eq!(good(storage.events(scope, id, 0, 10).await), None, "the events");
}

pub(super) async fn one_of_many_appends_at_a_revision_wins(storage: &impl Storage) {
    const RACERS: u64 = 8;
    let scope = scope("agent");
    good(create(storage, &scope, id(1), vec![created(1, "context")]).await);
    for revision in 1..20 {
        let appends = (0..RACERS).map(|racer| {
            let event = said(revision, &format!("racer {racer}"));
            storage.append(&scope, id(1), revision, vec![event], Author::Caller)
        });
        let results = join_all(appends).await;
        assert_one_wins(&results, revision);
    }
    assert_eq!(good(storage.events(&scope, id(1), 0, 100).await).map(|events| events.len()), Some(20));
}

fn assert_one_wins(results: &[Result<Revision, StorageError>], revision: Revision) {
    let won = results.iter().filter(|result| matches!(result, Ok(next) if *next == revision + 1)).count();
    // A loser may have been told a later revision still, where others went on.
    let lost =
        |result: &&Result<_, _>| matches!(result, Err(StorageError::Conflict { current }) if *current > revision);
    assert_eq!((won, results.iter().filter(lost).count()), (1, results.len() - 1), "at {revision}: {results:?}");
}

#[cfg(not(target_family = "wasm"))]
pub(super) fn one_of_many_threads_wins_each_revision(storage: &impl Storage, block_on: &super::BlockOn) {
    use std::sync::{Barrier, Mutex};

    const THREADS: usize = 4;
    const REVISIONS: Revision = 500;
    let scope = scope("race");
    block_on(Box::pin(async {
        good(create(storage, &scope, id(1), vec![created(1, "context")]).await);
    }));
    let (start, results) = (Barrier::new(THREADS), Mutex::new(vec![Vec::new(); REVISIONS as usize]));
    std::thread::scope(|threads| {
        for thread in 0..THREADS {
            let (scope, start, results) = (&scope, &start, &results);
            threads.spawn(move || {
                for revision in 1..=REVISIONS {
                    start.wait();
                    block_on(Box::pin(async {
                        let event = said(revision, &format!("thread {thread}"));
                        let won =
                            match storage.append(scope, id(1), revision, vec![event.clone()], Author::Caller).await {
                                Ok(next) => {
                                    assert_eq!(next, revision + 1);
                                    Some(event)
                                }
                                Err(StorageError::Conflict { current }) => {
                                    assert_eq!(current, revision + 1);
                                    None
                                }
                                Err(error) => panic!("failed: {error:?}"),
                            };
                        let mut results = results.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        results[revision as usize - 1].extend(won);
                    }));
                }
            });
        }
    });
    let winners = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut log = vec![created(1, "context")];
    for (revision, winners) in (1..).zip(winners) {
        assert_eq!(winners.len(), 1, "at revision {revision}: {winners:?}");
        log.extend(winners);
    }
    assert_eq!(log.last().map(|event| event.time), Some(super::tasks::at(REVISIONS)));
    block_on(Box::pin(assert_log(storage, &scope, id(1), &log)));
}
