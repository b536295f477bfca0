//! The suite for [`Storage`], as a table of named cases.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;

use super::{
    claimed, claims,
    leases::{self, LONG},
    listing, logs, names, pushes, scopes,
    tasks::{REPLICA, good},
};
use crate::{BoxFuture, Storage};

/// One thing that a storage has to do. It panics, saying what it saw, when the storage does not.
#[non_exhaustive]
pub struct StorageCase<S> {
    /// What has to hold.
    pub name: &'static str,
    /// Checks it against a storage that is empty.
    pub run: for<'a> fn(&'a S) -> BoxFuture<'a, ()>,
}

impl<S> std::fmt::Debug for StorageCase<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("StorageCase").field(&self.name).finish()
    }
}

macro_rules! cases {
    ($($module:ident::$case:ident,)*) => {
        /// All that a storage has to do.
        pub fn storage_cases<S: Storage>() -> Vec<StorageCase<S>> {
            vec![$(StorageCase {
                name: stringify!($case),
                run: |storage| Box::pin(async move {
                    good(storage.join(REPLICA, LONG).await);
                    $module::$case(storage).await;
                }),
            },)*]
        }
    };
}

cases! {
    logs::a_created_task_is_read_back,
    logs::a_taken_id_is_a_conflict,
    logs::a_log_begins_with_its_creation,
    logs::appended_events_are_folded_and_kept,
    logs::an_append_at_another_revision_is_a_conflict,
        logs::what_callers_say_gets_in_wherever_the_log_ends,
    logs::a_refused_batch_changes_nothing,
    logs::a_refused_creation_creates_nothing,
    logs::an_ended_task_takes_no_more_events,
    logs::every_revision_is_the_fold_of_its_events,
    logs::events_come_in_pages,
    logs::chunks_add_up,
    logs::a_snapshot_stays_what_it_was,
    logs::what_was_never_created_is_not_there,
    logs::one_of_many_appends_at_a_revision_wins,
    scopes::a_task_exists_in_its_own_scope_only,
    scopes::scopes_differ_in_each_of_their_parts,
    scopes::the_page_token_key_never_changes,
    listing::an_empty_scope_lists_nothing,
    listing::tasks_are_listed_newest_status_first,
    listing::every_filter_finds_what_a_scan_finds,
    listing::pages_join_to_the_whole_list,
    listing::a_walk_finds_every_task_that_does_not_move,
    listing::a_place_outlives_its_task,
    claims::the_first_claim_wins,
    claims::other_content_is_told_apart,
    claims::a_claim_ends_when_it_expires,
    claims::a_settled_claim_answers_with_its_message,
    claims::a_freed_claim_can_be_made_again,
    claims::only_the_claimant_settles,
    claims::claims_belong_to_their_scope,
    claims::one_of_many_claims_at_once_is_the_first,
    claims::a_claim_says_whether_its_claimant_is_lost,
    claimed::a_claimed_creation_uses_its_claim,
    claimed::what_is_not_claimed_is_not_created,
    claimed::a_claimed_message_uses_its_claim,
    claimed::what_is_not_claimed_is_not_appended,
    claimed::a_creation_is_refused_for_the_first_reason,
    claimed::a_message_is_refused_for_the_first_reason,
    claimed::a_used_claim_is_neither_freed_nor_answered,
    claimed::what_is_stored_without_its_claim_does_not_use_it,
    claimed::a_used_claim_outlives_its_log_and_its_claimant,
    claimed::a_claim_is_used_or_freed_never_both,
    claimed::whoever_is_lost_creates_nothing,
    leases::a_created_task_is_its_creators_to_run,
    leases::a_lease_ends_with_its_task,
    leases::a_lease_that_is_given_back_can_be_taken,
    leases::a_lease_is_not_given_back_over_what_was_not_seen,
    leases::a_replica_that_left_is_written_off,
    leases::a_replica_that_is_not_heard_of_is_written_off,
    leases::of_many_who_take_over_one_does,
    leases::what_a_lost_replica_appends_is_refused,
    leases::leases_belong_to_their_scope,
    leases::a_task_that_nobody_has_is_found_once_its_log_grows,
    leases::orphans_come_in_pages,
    leases::whoever_is_lost_takes_nothing,
    leases::a_snapshot_says_who_runs_the_task,
    leases::what_has_paused_is_found_the_longest_first,
    pushes::a_push_config_is_read_back_and_replaced,
    pushes::push_configs_come_in_pages_by_id,
    pushes::a_deleted_push_config_is_gone,
    pushes::push_configs_belong_to_a_task_of_their_scope,
    pushes::a_push_config_comes_with_its_task_or_not_at_all,
    pushes::a_push_cursor_never_goes_back,
    pushes::a_task_has_no_more_push_configs_than_it_may,
    pushes::a_push_failure_is_noted_on_what_failed,
    pushes::push_configs_behind_their_logs_are_pending,
    pushes::one_replica_at_a_time_tells_webhooks,
    names::long_context_ids_are_told_apart,
    names::long_message_ids_are_told_apart,
    names::long_push_config_ids_come_in_order,
    names::long_scopes_are_told_apart,
}

/// Runs all cases, each against a storage of its own, which `make` makes empty.
///
/// # Panics
/// When cases fail, with their names, after all have run.
pub async fn storage_suite<S: Storage>(make: impl AsyncFn() -> S) {
    let mut failed = Vec::new();
    for case in storage_cases() {
        let storage = make().await;
        if AssertUnwindSafe((case.run)(&storage)).catch_unwind().await.is_err() {
            failed.push(case.name);
        }
    }
    assert!(failed.is_empty(), "the storage does not conform: {failed:?}");
}

/// Runs a future to its end on the thread that calls it, with whatever the storage needs for that.
#[cfg(not(target_family = "wasm"))]
pub type BlockOn = dyn Fn(BoxFuture<'_, ()>) + Sync;

/// The case that needs threads: of many that append at the same revision, one wins, again and again.
///
/// # Panics
/// When the storage does not conform.
#[cfg(not(target_family = "wasm"))]
pub fn racing_appends<S: Storage>(storage: &S, block_on: &BlockOn) {
    block_on(Box::pin(async { good(storage.join(REPLICA, LONG).await) }));
    logs::one_of_many_threads_wins_each_revision(storage, block_on);
}
