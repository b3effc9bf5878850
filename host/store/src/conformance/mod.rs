//! The suite that every driver must pass, one story a test. Nothing here sleeps, and nothing here
//! knows SQL: where time must have gone by, the driver's [`Harness`] moves the row.
//!
//! A driver runs all of it by one line, [`every_story!`](crate::every_story).

pub mod access;
pub mod admission;
pub mod artifacts;
pub mod audit;
pub mod backlog;
pub mod cancelling;
pub mod claiming;
pub mod comparisons;
pub mod corpus;
pub mod ending;
pub mod enqueueing;
pub mod events;
pub mod fencing;
pub mod filled;
pub mod finding;
pub mod hosts;
pub mod keys;
pub mod listing;
pub mod move_keys;
pub mod plugin_events;
pub mod plugin_specimen;
pub mod priorities;
pub mod reaping;
pub mod retrying;
pub mod slots;
pub mod specimen;
pub mod states;
pub mod tenants;
pub mod upkeep;
pub mod versions;
pub mod vitals;
pub mod votes;
pub mod walk;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use phagen_domain::{digest::Digest, job::JobId};

use crate::Store;

/// A driver on a fresh and empty database, and the things that time would do to it.
#[async_trait]
pub trait Harness: Send + Sync {
    fn store(&self) -> Arc<dyn Store>;

    /// Moves the end of a running job's lease into the past.
    async fn expire_lease(&self, job: JobId);

    /// Moves `run_at` of a queued job into the past.
    async fn make_due(&self, job: JobId);

    /// Makes an idempotency key as old as keys get.
    async fn expire_key(&self, key: &str);

    /// Makes the idempotency key of a move of a slot as old as keys get.
    async fn expire_move_key(&self, key: &str);

    /// Moves the end of the hold on a version before a gate into the past.
    async fn expire_hold(&self, version: Digest);

    /// Makes the last report of a host older by `by`.
    async fn age_host(&self, host: &str, by: Duration);

    /// Moves the end of a job that ended into the past by `by`.
    async fn age_job(&self, job: JobId, by: Duration);

    /// Makes the last tick of a chore older by `by`.
    async fn age_tick(&self, chore: &str, by: Duration);

    /// Makes a snapshot of the corpus older by `by`.
    async fn age_snapshot(&self, generation: u64, by: Duration);

    /// Moves the end of the turn to import into the past.
    async fn expire_import(&self);
}

/// Writes one test for each story. `$make` is a path to an `async fn() -> impl Harness`.
#[macro_export]
macro_rules! every_story {
    ($make:path) => {
        $crate::every_story! { @each $make;
            access::api_keys_are_listed_by_name,
            access::a_name_of_an_api_key_is_taken_for_good,
            access::a_revoked_api_key_stays_revoked,
            access::api_keys_are_found_by_how_they_begin,
            access::the_use_of_an_api_key_is_noted_to_the_minute,
            admission::what_may_not_serve_gets_no_part_in_a_slot,
            admission::nothing_goes_back_to_what_was_taken_out_meanwhile,
            admission::a_quarantined_version_serves_where_the_move_admits_it,
            admission::a_slot_may_leave_what_was_never_checked,
            admission::a_seed_leaves_out_what_may_not_serve,
            admission::what_serves_is_not_quarantined_apart,
            admission::of_a_quarantine_and_an_activation_the_later_one_sees_the_other,
            artifacts::an_artifact_is_recorded_once,
            audit::each_change_leaves_a_row_that_follows_the_one_before,
            audit::what_is_refused_or_changes_nothing_leaves_no_row,
            audit::of_many_changes_at_once_none_breaks_the_chain,
            audit::settings_leave_a_row_when_they_are_others_than_before,
            audit::of_many_that_start_with_the_same_settings_one_leaves_a_row,
            audit::a_row_stands_for_the_event_and_its_slot,
            backlog::a_thousand_jobs_are_claimed_in_order,
            backlog::reaping_takes_back_more_than_a_batch,
            cancelling::a_queued_job_is_cancelled_at_once,
            cancelling::a_running_job_is_asked_and_acknowledges,
            cancelling::a_finished_job_is_not_cancelled,
            cancelling::an_unknown_job_is_not_cancelled,
            cancelling::a_result_that_comes_first_is_kept,
            cancelling::a_job_to_be_cancelled_is_not_tried_again,
            cancelling::a_job_to_be_cancelled_is_not_handed_back,
            claiming::claim_takes_the_oldest_due_job,
            claiming::claim_of_an_empty_queue_is_none,
            claiming::claim_leaves_scheduled_jobs,
            claiming::claim_skips_leased_jobs,
            claiming::claim_counts_the_attempt,
            claiming::two_claimers_never_share_a_job,
            comparisons::comparisons_are_listed_newest_first,
            comparisons::a_job_counts_once_in_a_trial,
            comparisons::a_comparison_out_of_range_is_refused,
            corpus::the_newest_snapshot_serves,
            corpus::a_snapshot_is_published_from_the_generation_that_was_read,
            corpus::of_many_snapshots_of_one_generation_one_serves,
            corpus::a_retired_snapshot_is_forgotten_once_it_is_old,
            corpus::one_at_a_time_has_the_turn_to_import,
            corpus::of_many_who_want_the_turn_to_import_one_has_it,
            ending::a_retryable_failure_waits_its_delay,
            ending::a_final_failure_ends_at_once,
            ending::the_last_attempt_fails_for_good,
            ending::release_does_not_count_the_attempt,
            enqueueing::a_repeated_request_is_replayed,
            enqueueing::a_key_of_another_request_is_refused,
            enqueueing::a_key_runs_out_after_a_day,
            enqueueing::fifty_requests_with_one_key_make_one_job,
            events::events_tell_the_story_without_gap,
            events::events_begin_after_the_last_one_seen,
            events::a_failure_and_a_release_are_told,
            fencing::a_lost_lease_changes_nothing,
            fencing::a_forged_lease_changes_nothing,
            fencing::an_ended_job_takes_no_further_write,
            fencing::a_heartbeat_extends_each_lease,
            fencing::a_heartbeat_tells_which_leases_were_lost,
            fencing::an_endless_lease_is_granted,
            finding::each_state_is_found_as_it_is,
            finding::a_result_comes_back_whole,
            finding::progress_is_the_newest_of_this_attempt,
            finding::an_unknown_job_is_none,
            hosts::a_host_says_what_it_serves,
            hosts::a_host_that_fell_silent_is_left_out,
            keys::keys_are_listed_by_name,
            keys::a_name_or_a_key_is_taken_once,
            keys::a_revoked_key_stays_revoked,
            listing::pages_are_disjoint_complete_and_newest_first,
            listing::filters_narrow_by_state_and_molecule,
            listing::a_bad_cursor_is_refused,
            listing::the_queue_is_counted,
            move_keys::a_repeated_move_is_answered_as_the_first,
            move_keys::many_moves_with_one_key_make_one,
            move_keys::a_key_of_another_move_is_refused,
            move_keys::a_refused_move_does_not_use_its_key_up,
            move_keys::a_key_of_a_move_runs_out_after_a_day,
            plugin_events::each_move_leaves_one_event,
            plugin_events::events_are_told_by_slot_by_version_and_in_part,
            plugin_events::the_set_generation_counts_changes_of_slots,
            plugin_events::slots_of_unrecorded_versions_move_too,
            priorities::the_more_urgent_goes_first,
            priorities::a_job_that_waits_gains_a_step_an_hour,
            priorities::what_is_not_due_holds_nobody_up,
            priorities::a_job_keeps_what_it_was_submitted_with,
            reaping::an_expired_lease_is_queued_again_after_its_delay,
            reaping::a_held_lease_is_left_alone,
            reaping::a_poison_job_ends_failed,
            reaping::an_expired_job_that_was_to_be_cancelled_is_cancelled,
            retrying::a_job_that_came_to_nothing_is_taken_up_again,
            retrying::only_what_came_to_nothing_is_taken_up_again,
            slots::slots_are_seeded_once,
            slots::slots_come_in_the_order_of_a_job,
            slots::a_slot_comes_back_whole,
            slots::a_slot_is_changed_from_the_generation_that_was_read,
            slots::of_many_changes_of_one_generation_one_wins,
            slots::of_many_makers_of_one_slot_one_wins,
            slots::a_removed_slot_is_gone,
            slots::a_slot_made_anew_goes_on_where_the_old_one_ended,
            states::a_version_follows_its_slot,
            states::a_version_of_two_slots_serves_until_both_let_go,
            states::a_trial_ends_in_draining,
            states::a_removed_slot_lets_its_versions_go,
            states::a_quarantine_waits_for_the_last_slot,
            states::what_never_served_does_not_drain,
            tenants::a_tenant_with_enough_running_is_passed_over,
            tenants::a_fair_claim_takes_the_same_as_a_plain_one,
            tenants::every_end_of_an_attempt_makes_room,
            tenants::many_claimers_at_once_keep_to_the_limit,
            tenants::a_job_too_many_of_a_tenant_is_turned_away,
            tenants::of_many_submissions_at_once_no_more_are_let_in_than_may_wait,
            upkeep::a_tick_is_taken_once_by_many,
            upkeep::every_chore_has_ticks_of_its_own,
            upkeep::old_jobs_are_forgotten_by_how_they_ended,
            upkeep::the_oldest_jobs_are_forgotten_first_and_with_their_events,
            upkeep::keys_that_ran_out_are_forgotten,
            versions::a_version_is_recorded_once,
            versions::many_uploads_of_one_digest_make_one_version,
            versions::a_rejected_version_starts_over,
            versions::versions_are_listed_newest_first,
            versions::claim_takes_the_oldest_version_before_a_gate,
            versions::two_claimers_never_share_a_version,
            versions::a_hold_that_ran_out_is_handed_out_again,
            versions::a_move_ends_the_hold,
            versions::a_move_needs_the_state_it_read,
            versions::of_many_moves_from_one_state_one_wins,
            versions::gate_reports_add_up,
            versions::a_reason_goes_with_the_state_it_explains,
            versions::a_version_that_a_slot_names_begins_there,
            vitals::the_database_tells_its_time,
            vitals::the_schema_has_a_version,
            votes::the_last_vote_wins,
            votes::a_vote_outlives_its_job,
            votes::votes_add_up_across_jobs,
            walk::random_walks_never_leave_the_state_machine,
        }
    };
    (@each $make:path; $($theme:ident::$story:ident,)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $story() {
            let harness = $make().await;
            $crate::conformance::$theme::$story(&harness).await;
        }
    )*};
}
