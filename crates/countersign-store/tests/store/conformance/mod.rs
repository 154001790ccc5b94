//! What every engine guarantees, one test for each sentence of the contract, compiled once for each engine. A
//! new engine is created in `engines.rs` and named in `promises!`, and then gets all tests.

mod changes;
mod concurrency;
mod documents;
mod engines;
mod indexes;
mod lost_answers;
mod messages;
mod model;
mod ordered_faults;
mod timers;
mod values;

/// Makes one test for each engine from each named promise.
macro_rules! promises {
    ($($module:ident: $($promise:ident)*;)*) => {
        promises!(@engine memory $($module: $($promise)*;)*);
        promises!(@engine sqlite $($module: $($promise)*;)*);
    };
    (@engine $engine:ident $($module:ident: $($promise:ident)*;)*) => {
        mod $engine {
            $($(
                #[test]
                fn $promise() {
                    crate::conformance::engines::run(
                        crate::conformance::engines::$engine,
                        crate::conformance::$module::$promise,
                    );
                }
            )*)*
        }
    };
}

promises! {
    documents:
        a_document_is_read_as_it_was_written
        versions_count_from_1_and_begin_anew_after_a_deletion
        documents_come_in_the_order_of_their_keys
        one_id_in_two_collections_is_two_documents
        ids_are_told_apart_bytewise;
    changes:
        a_document_that_is_not_as_expected_is_a_conflict
        a_conflict_changes_nothing
        what_is_only_required_is_not_written
        deleting_what_is_absent_changes_nothing
        a_change_set_over_a_limit_is_refused_and_changes_nothing
        a_change_set_at_every_limit_is_applied
        a_key_twice_is_refused
        an_empty_change_set_is_remembered
        was_committed_tells_applied_from_not_applied
        the_last_change_ids_are_kept
        a_future_that_is_never_polled_changes_nothing
        the_watermark_is_the_latest_instant_of_all_change_sets
        reset_forgets_everything_but_the_sequence;
    timers:
        due_timers_come_earliest_first_up_to_now
        a_rewrite_moves_the_timer_and_a_deletion_removes_it
        the_next_timer_is_the_earliest_of_all;
    indexes:
        a_range_is_ordered_bytewise_by_value_then_by_id
        a_range_keeps_to_its_prefix_and_index
        pages_cover_a_range_without_gap_or_repetition
        a_page_may_begin_before_or_behind_the_prefix
        a_rewrite_replaces_all_entries_and_a_deletion_removes_them
        an_entry_twice_counts_once;
    messages:
        messages_are_read_in_the_order_of_their_commits
        messages_of_one_topic_and_subject_are_found
        a_leased_message_is_kept_from_other_takers_until_its_time
        what_is_still_to_be_delivered_is_counted_up_to_a_limit
        messages_are_leased_oldest_due_first
        an_event_is_never_leased
        a_lease_ends_once
        a_lease_that_another_took_over_ends_as_a_no_op
        a_message_to_be_tried_again_waits_for_its_time
        a_lease_from_before_a_reset_ends_nothing
        what_is_due_waits_or_is_leased_is_left_to_do;
    concurrency:
        sixty_four_tasks_count_to_sixty_four
        one_of_many_claims_wins
        a_load_shows_one_moment
        a_reader_that_saw_a_sequence_misses_no_smaller_one
        two_takers_never_hold_the_same_lease;
    lost_answers:
        a_lost_answer_of_an_applied_commit_counts_once
        a_lost_request_is_decided_again
        a_lost_answer_of_a_conflict_is_decided_again
        what_cannot_be_asked_is_indeterminate
        claims_are_won_once_whatever_is_lost
        no_increment_is_lost_or_doubled_whatever_is_lost
        refusals_and_bounds_write_nothing;
    ordered_faults:
        the_nth_operation_fails_and_no_other
        every_operation_can_fail_before_it_happens
        a_lost_answer_leaves_its_effect_behind
        a_refusal_is_answered_where_only_a_success_is_lost
        a_corrupt_read_is_told_from_an_unavailable_one
        a_read_only_store_reads_until_it_is_healed
        an_unreachable_store_does_nothing_until_it_is_healed
        a_hook_sees_what_shall_be_committed
        a_hook_runs_before_and_after_and_what_is_done_is_counted;
    model:
        any_commands_leave_what_the_model_has;
}
