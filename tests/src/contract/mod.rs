//! What every [`Broker`] has to do, observed through its traits alone.
//!
//! One function per scenario. [`contract_tests!`](crate::contract_tests) makes a `#[test]` of each for one broker:
//!
//! ```no_run
//! use streams_core::broker::embedded::EmbeddedBroker;
//! use tests::contract::Setup;
//!
//! fn setup() -> Setup<EmbeddedBroker> {
//!     Setup::new(EmbeddedBroker::new()).with_forced_compaction(|broker, topic| broker.compact(topic).unwrap())
//! }
//!
//! tests::contract_tests!(setup);
//! # fn main() {}
//! ```
//!
//! The scenarios run beside each other on a shared cluster: each makes topics, groups and transactional ids of its own, deletes its topics
//! at the end, and waits for conditions, never longer than [`DEADLINE`].

pub mod admin;
pub mod compaction;
pub mod groups;
mod member;
pub mod positions;
pub mod records;
mod scenario;
pub mod transactions;

pub use member::TestMember;
pub use scenario::{DEADLINE, ReadRecord, Scenario, TestProducer, eventually};

use std::sync::Arc;
use streams_core::broker::{Broker, Properties};

/// A broker to be tested, and what the traits do not say about it.
pub struct Setup<B: Broker> {
    /// The broker.
    pub broker: B,
    /// What every client needs to reach it, for instance `bootstrap.servers`.
    pub properties: Properties,
    /// The least timestamp that a record can be sent with: 0, or what the client makes of it.
    pub least_timestamp: i64,
    /// Topic configuration that makes compaction come soon.
    pub compaction_config: Vec<(String, String)>,
    /// Makes the broker compact a topic; may be over before that has happened.
    pub force_compaction: ForceCompaction<B>,
}

/// Makes a broker compact a topic.
pub type ForceCompaction<B> = Arc<dyn Fn(&B, &str) + Send + Sync>;

impl<B: Broker> Setup<B> {
    /// A broker that needs nothing else and compacts by itself.
    pub fn new(broker: B) -> Self {
        Self {
            broker,
            properties: Properties::new(),
            least_timestamp: 0,
            compaction_config: Vec::new(),
            force_compaction: Arc::new(|_, _| {}),
        }
    }

    /// How to make the broker compact a topic.
    #[must_use]
    pub fn with_forced_compaction(mut self, force: impl Fn(&B, &str) + Send + Sync + 'static) -> Self {
        self.force_compaction = Arc::new(force);
        self
    }
}

/// Makes a `#[test]` of every scenario for the broker that the named function sets up (a `fn() -> Setup<B>`).
#[macro_export]
macro_rules! contract_tests {
    ($setup:path) => {
        $crate::contract_tests! { @each $setup;
            records: produce_and_fetch_in_order, keys_and_values_null_and_empty, headers_come_back, timestamps_come_back,
                log_append_time_replaces_timestamps, several_partitions_keep_their_own_order, unknown_topics_fail_their_records,
                a_record_too_large_fails_alone, acknowledgements_name_the_last_offset, a_batch_of_100_000_records,
                a_mark_sends_and_is_reached, what_came_after_a_mark_is_told_after_it, a_mark_takes_the_place_of_another,
                failures_before_a_mark_are_told_with_it;
            positions: assign_begins_at_the_offset, assigning_again_moves_the_position, pause_and_resume_lose_nothing,
                unassigned_partitions_bring_nothing, end_offset_is_seen_in_fetches, out_of_range_below_the_start,
                out_of_range_above_the_end, an_unknown_topic_fails_clearly, a_waiting_poll_is_woken,
                max_poll_records_bounds_a_poll;
            admin: topics_are_created_and_described, creating_twice_says_so, bad_topics_are_refused,
                configuration_comes_back, offsets_are_listed, records_are_deleted, deleted_topics_are_gone;
            compaction: compaction_leaves_the_last_of_each_key;
            groups: a_first_join_is_told_its_id, two_members_share_a_group, a_follower_with_the_same_metadata_starts_nothing,
                a_leader_that_joins_again_starts_a_rebalance, commits_while_stable, commits_while_preparing,
                commits_while_completing, commits_of_outsiders, offsets_of_nothing_committed, leaving_tells_the_others,
                a_static_member_comes_back, a_session_expires, members_without_common_assignor_are_refused,
                a_session_timeout_out_of_bounds_is_refused;
            transactions: visible_only_after_commit, aborted_records_are_invisible, positions_pass_markers_and_aborted_records,
                plain_records_wait_for_the_last_stable_offset, a_second_producer_fences_the_first,
                registering_aborts_what_was_open, offsets_are_committed_with_the_transaction,
                offsets_of_an_aborted_transaction_are_dropped, a_stale_generation_is_refused,
                the_generation_is_checked_when_offsets_are_sent, stable_offsets_wait_for_the_transaction,
                a_transaction_over_several_partitions, a_failed_record_makes_the_transaction_abort,
                transactions_need_their_order;
        }
    };
    (@each $setup:path; $($module:ident: $($scenario:ident),+;)+) => {
        $($(
            #[test]
            fn $scenario() {
                $crate::contract::$module::$scenario(&$setup());
            }
        )+)+
    };
}
