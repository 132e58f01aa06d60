//! What an instance counts and holds: [`KafkaStreams::metrics`](crate::runtime::KafkaStreams::metrics).
//!
//! Groups, names and tags are Kafka Streams' where it has the same thing; what is marked with + is this library's own. Everything is always
//! recorded (there is no recording level), and nothing of it costs per record: a thread keeps plain numbers of its own and publishes them
//! once per round of fetching and processing, so they are up to `poll.ms` old; while a round blocks they stand at its beginning. Rates are left to whoever
//! reads the totals. Averages and maxima are *of late*: of the last 30 to 60 seconds, NaN where nothing happened.
//!
//! Totals begin at 0 with the instance, and those of a thread go on when it is replaced. What belongs to a task disappears when the
//! task is closed here, and begins anew when it comes back. `thread-id` is `<client.id>-StreamThread-<number from 1>`, or
//! `<client.id>-StateUpdater-1` for the restore thread.
//!
//! # The instance: `stream-metrics`, tag `client-id`
//! | name | is |
//! |---|---|
//! | `version` | text: of this library |
//! | `application-id` | text |
//! | `topology-description` | text: as [`Topology::describe`](crate::topology::Topology::describe) writes it |
//! | `state`, `client-state` | [`State`](crate::runtime::State) as text, and as Kafka Streams' number: 0 created, 1 rebalancing, 2 running, 3 pending shutdown, 4 not running, 5 pending error, 6 error |
//! | `alive-stream-threads` | threads that run |
//! | `failed-stream-threads` | threads that an error has ended, also where they were replaced |
//!
//! # Group membership: `consumer-coordinator-metrics`, tag `client-id`
//! The instance, not each thread, is the member.
//!
//! | name | is |
//! |---|---|
//! | `rebalance-total` | rebalances that gave the instance an assignment |
//! | `rebalance-latency-avg`, `-max` | ms from the request to join until the assignment, of late |
//!
//! # Stream threads: `stream-thread-metrics`, tag `thread-id`
//! | name | is |
//! |---|---|
//! | `state`, `thread-state` | text, and Kafka Streams' number: 0 created, 4 running, 5 pending shutdown, 6 dead |
//! | `process-total` | input records processed |
//! | `process-records-avg`, `-max` | records processed per round, of late |
//! | `poll-total` | polls of the consumer |
//! | `poll-records-avg`, `-max` | records that a poll brought, of late |
//! | `commit-total` | commits, each of all tasks that had something to commit |
//! | `commit-latency-avg`, `-max` | ms from the flush of the caches until the stores are written, of late. Processing goes on meanwhile |
//! | `task-created-total`, `task-closed-total` | tasks that began and ended on the thread |
//! | `active-tasks` + | tasks that it has now |
//! | `dropped-records-total` + | records dropped by its tasks, closed ones included, and by the production exception handler |
//! | `input-buffer-limit-bytes` + | limit of the input queues of its tasks: its part of `input.buffer.max.bytes` (default 64 MiB per instance), exceeded by one poll at most |
//!
//! # Tasks: `stream-task-metrics`, tags `thread-id`, `task-id`
//! | name | is |
//! |---|---|
//! | `process-total` | input records processed |
//! | `dropped-records-total` | records dropped: late, without key, undecodable, or failed where the handler said to continue |
//! | `active-buffer-count` | records in its input queues. Limit, per partition: `buffered.records.per.partition` (1000), exceeded by one poll at most |
//! | `input-buffer-bytes-total` | bytes of its input queues. Limit: `input-buffer-limit-bytes` of the thread, and 8 MiB per partition |
//! | `cache-size-bytes-total` | bytes in the write buffers of its stores, which are record caches too |
//! | `uncommitted-bytes` | the part of them that waits for a commit, or for the end of the one under way; 0 after it |
//! | `restore-total` | changelog records restored when it was made ready. With the restore thread's `thread-id` |
//! | `restore-remaining-records-total` | offsets of its changelogs still to pass; 0 once it processes. With the restore thread's `thread-id` |
//!
//! # Restoring: `stream-state-updater-metrics`, tag `thread-id`
//! | name | is |
//! |---|---|
//! | `active-restoring-tasks` | tasks that are being made ready |
//! | `restore-total` + | changelog records restored, of all tasks |
//!
//! # Stores: `stream-state-metrics`, tags `thread-id`, `task-id`, and the store's name
//! The tag of the name is `rocksdb-state-id` or `in-memory-state-id`; of windowed stores `rocksdb-window-state-id`, `rocksdb-session-state-id` and so on.
//!
//! | name | is |
//! |---|---|
//! | `buffer-size-bytes` + | bytes in the write buffer |
//! | `buffer-limit-bytes` + | its limit: the store's part of `statestore.cache.max.bytes` (10 MiB per instance), or of `statestore.uncommitted.max.bytes` (64 MiB) where it has no cache. Shared out anew as tasks come and go |
//! | `uncommitted-bytes` + | the part that waits for a commit, which comes early above the limit, or for the end of the one under way |
//! | `buffer-entries` + | keys in the write buffer |
//!
//! And in `stream-record-cache-metrics`, with the tags `thread-id`, `task-id`, `record-cache-id`: `hit-ratio-avg`, the part of the lookups
//! since the task began that the write buffer answered, 0 to 1.
//!
//! # RocksDB: `stream-state-metrics`, tag `client-id`
//! All stores of the instance share these, so they are told once, and not per store as in Java.
//!
//! | name | is |
//! |---|---|
//! | `block-cache-capacity` | limit of the block cache in bytes: `rocksdb.block.cache.bytes` (64 MiB) |
//! | `block-cache-usage` | bytes in it, the memtables included |
//! | `size-all-mem-tables` | bytes in memtables |
//! | `mem-tables-limit-bytes` + | their limit: `rocksdb.write.buffer.bytes` (64 MiB) |
//!
//! # Clients
//! `consumer-fetch-manager-metrics`, tag `client-id` (`<thread-id>-consumer`, `<thread-id>-restore-consumer`), and `producer-metrics`, tag
//! `client-id` (`<thread-id>-producer`):
//!
//! | name | is |
//! |---|---|
//! | `records-lag` | further tags `topic`, `partition`: offsets between what was fetched last and the end. Looked at once per second; not there while the end is not known |
//! | `records-lag-max` | the largest of the consumer's partitions |
//! | `held-bytes` + | bytes that the consumer itself holds back of paused partitions: with librdkafka up to 2 MiB for each |
//! | `records-outstanding` + | records produced that are not acknowledged yet. Their bytes have a limit, `buffer.memory` (32 MiB): beyond it a thread waits |
//!
//! librdkafka's own queue of fetched messages is held by `queued.max.messages.kbytes` (16 MiB) and `queued.min.messages`; it has no metric here.

mod counter;
mod instance;
mod metric;
mod rebalance;
mod restore;
mod samples;
mod snapshot;
mod store;
mod task;
mod thread;

pub use metric::{Metric, MetricValue};
pub use snapshot::Metrics;

pub(crate) use instance::{InstanceFacts, InstanceMetrics};
pub(crate) use restore::TaskRestore;
pub(crate) use task::TaskMetrics;
pub(crate) use thread::{ThreadMetrics, ThreadState};

const CONSUMER_GROUP: &str = "consumer-fetch-manager-metrics";
