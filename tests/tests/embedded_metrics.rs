//! What an instance tells of itself while it works.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use streams_dsl::broker::Broker;
use streams_dsl::metrics::{Metric, Metrics};
use streams_dsl::{
    KafkaStreams, Materialized, RestoreListener, State, StoreEngine, StoreRestore, StreamsBuilder, Topology,
    UncaughtExceptionResponse,
};
use tests::embedded::{STORE, Site, produce_words, wait, word_count};

const CLIENT: &str = "stream-metrics";
const THREAD: &str = "stream-thread-metrics";
const TASK: &str = "stream-task-metrics";
const UPDATER: &str = "stream-state-updater-metrics";
const STATE: &str = "stream-state-metrics";
const CACHE: &str = "stream-record-cache-metrics";
const CONSUMER: &str = "consumer-fetch-manager-metrics";

/// Counts per key, in one subtopology; records without key are dropped.
fn counts() -> Topology {
    counts_after(|_| {})
}

/// As [`counts`], and calls `look` with each value first.
fn counts_after(look: impl Fn(&str) + Send + Sync + 'static) -> Topology {
    let builder = StreamsBuilder::new();
    let stream = builder.stream::<Option<String>, String>("in").map_values(move |value: String| {
        look(&value);
        value
    });
    stream.group_by_key().count_with(Materialized::named(STORE));
    builder.build().unwrap()
}

fn produce(site: &Site, partition: i32, keys: &[Option<&str>]) {
    for key in keys {
        site.broker.produce("in", partition, key.map(str::as_bytes), Some(b"x"), 1000).unwrap();
    }
}

fn words(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("word{}", number % 10))
}

/// The number of this name; -1 where it is not there.
fn number(metrics: &Metrics, group: &str, name: &str, tags: &[(&str, &str)]) -> f64 {
    metrics.get(group, name, tags).and_then(|metric| metric.value.as_f64()).unwrap_or(-1.0)
}

fn sum<B: Broker>(streams: &KafkaStreams<B>, group: &str, name: &str) -> f64 {
    streams.metrics().sum(group, name).unwrap_or(-1.0)
}

/// Something in user code that waits to be let go on.
#[derive(Clone, Default)]
struct Gate {
    entered: Arc<AtomicBool>,
    open: Arc<AtomicBool>,
}

impl Gate {
    fn pass(&self) {
        self.entered.store(true, SeqCst);
        wait("the gate is open", || self.open.load(SeqCst));
    }

    fn wait_until_entered(&self) {
        wait("something waits at the gate", || self.entered.load(SeqCst));
    }

    fn open(&self) {
        self.open.store(true, SeqCst);
    }
}

#[test]
fn what_is_processed_and_dropped_is_counted_by_task_thread_and_instance() {
    let site = Site::new(&[("in", 2)]);
    let streams = site.start_with(counts(), site.config("one").set("num.stream.threads", 2).set("client.id", "me"));
    produce(&site, 0, &[Some("a"), Some("a"), None, Some("a")]);
    produce(&site, 1, &[None, Some("b"), None]);
    site.drain(&["in"]);
    wait("all is counted", || {
        sum(&streams, TASK, "process-total") == 7.0 && sum(&streams, TASK, "uncommitted-bytes") == 0.0
    });
    let metrics = streams.metrics();
    for (task, processed, dropped) in [("0_0", 4.0, 1.0), ("0_1", 3.0, 2.0)] {
        let tags = [("task-id", task)];
        assert_eq!(number(&metrics, TASK, "process-total", &tags), processed);
        assert_eq!(number(&metrics, TASK, "dropped-records-total", &tags), dropped);
        assert_eq!(number(&metrics, TASK, "active-buffer-count", &tags), 0.0);
        assert_eq!(number(&metrics, TASK, "input-buffer-bytes-total", &tags), 0.0);
        assert!(number(&metrics, TASK, "cache-size-bytes-total", &tags) > 0.0);
    }
    for thread in ["me-StreamThread-1", "me-StreamThread-2"] {
        let tags = [("thread-id", thread)];
        let of_tasks = metrics.named(TASK, "process-total").filter(|metric| metric.tag("thread-id") == Some(thread));
        let of_tasks: f64 = of_tasks.filter_map(|metric| metric.value.as_f64()).sum();
        assert_eq!(number(&metrics, THREAD, "process-total", &tags), of_tasks);
        assert_eq!(number(&metrics, THREAD, "active-tasks", &tags), 1.0);
        assert_eq!(number(&metrics, THREAD, "task-created-total", &tags), 1.0);
        assert_eq!(number(&metrics, THREAD, "thread-state", &tags), 4.0);
        assert!(number(&metrics, THREAD, "poll-total", &tags) > 0.0);
        assert!(number(&metrics, THREAD, "commit-total", &tags) > 0.0);
        assert!(number(&metrics, THREAD, "commit-latency-max", &tags) > 0.0);
        assert!((3.0..=4.0).contains(&of_tasks) && number(&metrics, THREAD, "process-records-max", &tags) <= of_tasks);
    }
    assert_eq!(metrics.sum(THREAD, "dropped-records-total"), Some(3.0));
    assert_eq!(streams.processed_records(), 7);
    let text = |name| metrics.get(CLIENT, name, &[("client-id", "me")]).and_then(|metric| metric.value.as_str());
    assert_eq!((text("state"), text("application-id")), (Some("RUNNING"), Some(Site::APP)));
    assert_eq!(text("topology-description"), Some(counts().describe().as_str()));
    assert_eq!(number(&metrics, CLIENT, "client-state", &[]), 2.0);
    assert_eq!(number(&metrics, CLIENT, "alive-stream-threads", &[]), 2.0);
    assert_eq!(number(&metrics, CLIENT, "failed-stream-threads", &[]), 0.0);
    assert!(number(&metrics, "consumer-coordinator-metrics", "rebalance-total", &[]) >= 1.0);
}

#[test]
fn stores_show_their_part_of_the_limits_and_the_process_its_own() {
    let site = Site::new(&[("in", 2)]);
    let config =
        site.config("one").set("statestore.cache.max.bytes", 100_000).set("rocksdb.block.cache.bytes", 1 << 22);
    let streams = site.start_with(counts(), config);
    produce(&site, 0, &[Some("a"), Some("a"), Some("a"), Some("a")]);
    site.drain(&["in"]);
    let tags = [("task-id", "0_0"), ("rocksdb-state-id", STORE)];
    wait("the store is seen after its commit", || {
        let metrics = streams.metrics();
        number(&metrics, STATE, "buffer-entries", &tags) == 1.0
            && number(&metrics, STATE, "uncommitted-bytes", &tags) == 0.0
    });
    let metrics = streams.metrics();
    assert_eq!(number(&metrics, STATE, "buffer-limit-bytes", &tags), 50_000.0);
    assert!((1.0..50_000.0).contains(&number(&metrics, STATE, "buffer-size-bytes", &tags)));
    // Only the first of them was not there.
    let hits = number(&metrics, CACHE, "hit-ratio-avg", &[("task-id", "0_0"), ("record-cache-id", STORE)]);
    assert!((0.5..1.0).contains(&hits), "{hits}");
    let untouched = metrics.get(CACHE, "hit-ratio-avg", &[("task-id", "0_1")]).unwrap();
    assert!(untouched.value.as_f64().unwrap().is_nan());
    assert_eq!(number(&metrics, STATE, "block-cache-capacity", &[]), f64::from(1 << 22));
    assert!(number(&metrics, STATE, "block-cache-usage", &[]) >= number(&metrics, STATE, "size-all-mem-tables", &[]));
    assert!(number(&metrics, STATE, "size-all-mem-tables", &[]) > 0.0);
    assert_eq!(number(&metrics, THREAD, "input-buffer-limit-bytes", &[]), f64::from(64 << 20));
}

#[test]
fn queues_and_write_buffers_are_seen_while_they_are_full_and_are_empty_after_the_commit() {
    let site = Site::new(&[("in", 1)]);
    produce(&site, 0, &[Some("a"); 10]);
    let gate = Gate::default();
    let inside = gate.clone();
    let config = site.config("one").set("session.timeout.ms", 20_000);
    let streams = site.start_with(counts_after(move |_| inside.pass()), config);
    gate.wait_until_entered();
    let blocked = streams.metrics();
    assert_eq!(number(&blocked, TASK, "active-buffer-count", &[("task-id", "0_0")]), 10.0);
    assert!(number(&blocked, TASK, "input-buffer-bytes-total", &[]) >= 20.0);
    assert_eq!(number(&blocked, TASK, "process-total", &[]), 0.0);
    // Now it processes, and cannot commit.
    site.broker.set_unreachable(true);
    gate.open();
    wait("writes wait for a commit", || sum(&streams, TASK, "uncommitted-bytes") > 0.0);
    let commits = sum(&streams, THREAD, "commit-total");
    assert_eq!(sum(&streams, TASK, "process-total"), 10.0);
    assert!(sum(&streams, TASK, "cache-size-bytes-total") >= sum(&streams, TASK, "uncommitted-bytes"));
    site.broker.set_unreachable(false);
    wait("a commit", || sum(&streams, THREAD, "commit-total") > commits);
    wait("nothing waits", || sum(&streams, TASK, "uncommitted-bytes") == 0.0);
    assert_eq!(sum(&streams, TASK, "active-buffer-count"), 0.0);
    assert_eq!(sum(&streams, TASK, "input-buffer-bytes-total"), 0.0);
}

#[test]
fn the_lag_of_an_input_is_what_was_not_fetched_yet() {
    let site = Site::new(&[("in", 1)]);
    produce(&site, 0, &[Some("a"); 10]);
    let gate = Gate::default();
    let inside = gate.clone();
    let seen = AtomicUsize::new(0);
    let topology = counts_after(move |_| {
        if seen.fetch_add(1, SeqCst) == 1 {
            inside.pass();
        }
    });
    let streams = site.start_with(topology, site.config("one").set("consumer.max.poll.records", 1));
    gate.wait_until_entered();
    let lag = |streams: &KafkaStreams<_>, name| number(&streams.metrics(), CONSUMER, name, &[]);
    // As it was before the second record was fetched.
    assert_eq!((lag(&streams, "records-lag"), lag(&streams, "records-lag-max")), (9.0, 9.0));
    let metrics = streams.metrics();
    let metric = metrics.get(CONSUMER, "records-lag", &[("topic", "in"), ("partition", "0")]).unwrap();
    assert!(metric.tag("client-id").unwrap().ends_with("-StreamThread-1-consumer"), "{metric}");
    gate.open();
    wait("there is no lag", || lag(&streams, "records-lag") == 0.0 && lag(&streams, "records-lag-max") == 0.0);
}

/// Waits at a gate before the second batch of a store is noted.
struct StopAfterFirstBatch(Gate, AtomicUsize);

impl RestoreListener for StopAfterFirstBatch {
    fn on_batch_restored(&self, _: &StoreRestore<'_>, _: u64) {
        if self.1.fetch_add(1, SeqCst) == 1 {
            self.0.pass();
        }
    }
}

#[test]
fn what_remains_to_be_restored_goes_to_zero() {
    let site = Site::new(&[("in", 1)]);
    let keys: Vec<_> = (0..30).map(|number| format!("key{number}")).collect();
    produce(&site, 0, &keys.iter().map(|key| Some(key.as_str())).collect::<Vec<_>>());
    let first = site.start(counts(), "one");
    site.drain(&["in"]);
    assert!(first.close());
    let streams = KafkaStreams::with_broker(
        counts(),
        site.config("two").set("restore.consumer.max.poll.records", 3),
        site.broker.clone(),
    );
    let (streams, gate) = (streams.unwrap(), Gate::default());
    streams.set_restore_listener(StopAfterFirstBatch(gate.clone(), AtomicUsize::new(0)));
    streams.start().unwrap();
    gate.wait_until_entered();
    let metrics = streams.metrics();
    let tags = [("task-id", "0_0")];
    assert_eq!(number(&metrics, TASK, "restore-remaining-records-total", &tags), 27.0);
    assert_eq!(number(&metrics, TASK, "restore-total", &tags), 3.0);
    assert_eq!(number(&metrics, UPDATER, "active-restoring-tasks", &[]), 1.0);
    gate.open();
    assert!(streams.wait_until_running(Duration::from_secs(20)));
    let metrics = streams.metrics();
    assert_eq!(number(&metrics, TASK, "restore-remaining-records-total", &tags), 0.0);
    assert_eq!(number(&metrics, TASK, "restore-total", &tags), 30.0);
    assert_eq!(number(&metrics, UPDATER, "restore-total", &[]), 30.0);
    assert_eq!(number(&metrics, UPDATER, "active-restoring-tasks", &[]), 0.0);
}

#[test]
fn the_totals_of_a_thread_go_on_when_it_is_replaced() {
    let site = Site::new(&[("in", 1)]);
    let panics = AtomicUsize::new(0);
    let topology = counts_after(move |value| {
        assert!(value != "panic" || panics.fetch_add(1, SeqCst) > 0, "asked for by the test");
    });
    let streams = site.make(topology, site.config("one"));
    streams.set_uncaught_exception_handler(|_| UncaughtExceptionResponse::ReplaceThread);
    produce(&site, 0, &[Some("a"), None, Some("a"), Some("a")]);
    site.drain(&["in"]);
    wait("four are processed", || sum(&streams, THREAD, "process-total") == 4.0);
    site.broker.produce("in", 0, Some(b"a"), Some(b"panic"), 1000).unwrap();
    site.drain(&["in"]);
    wait("the fifth is processed by another thread", || sum(&streams, TASK, "process-total") == 1.0);
    let metrics = streams.metrics();
    assert_eq!(metrics.sum(THREAD, "process-total"), Some(5.0));
    assert_eq!(metrics.sum(THREAD, "dropped-records-total"), Some(1.0));
    assert_eq!(metrics.sum(TASK, "dropped-records-total"), Some(0.0));
    assert_eq!(metrics.sum(THREAD, "task-created-total"), Some(2.0));
    assert_eq!(metrics.sum(THREAD, "task-closed-total"), Some(1.0));
    assert_eq!(number(&metrics, CLIENT, "failed-stream-threads", &[]), 1.0);
    assert_eq!(number(&metrics, CLIENT, "alive-stream-threads", &[]), 1.0);
}

#[test]
fn the_metrics_of_a_task_go_with_it_and_the_totals_of_its_thread_stay() {
    let site = Site::new(&[("in", 2)]);
    let one = site.start(counts(), "one");
    produce(&site, 0, &[Some("a"), None]);
    produce(&site, 1, &[Some("b"), None]);
    site.drain(&["in"]);
    wait("all is counted", || sum(&one, TASK, "dropped-records-total") == 2.0);
    let two = site.start(counts(), "two");
    let tasks = |metrics: &Metrics| -> HashSet<String> {
        let tasks = metrics.iter().filter_map(|metric| metric.tag("task-id"));
        tasks.map(str::to_owned).collect()
    };
    wait("each has one task", || tasks(&one.metrics()).len() == 1 && tasks(&two.metrics()).len() == 1);
    assert_ne!(tasks(&one.metrics()), tasks(&two.metrics()));
    assert_eq!(sum(&one, THREAD, "dropped-records-total"), 2.0);
    assert_eq!(sum(&one, THREAD, "process-total"), 4.0);
    assert_eq!(sum(&one, THREAD, "task-closed-total"), 1.0);
    assert!(two.close() && one.close());
    let metrics = one.metrics();
    assert!(tasks(&metrics).is_empty());
    assert_eq!(metrics.sum(THREAD, "process-total"), Some(4.0));
    let state = metrics.get(THREAD, "state", &[]).and_then(|metric| metric.value.as_str());
    assert_eq!(state, Some("DEAD"));
}

/// Refuses names that occur twice with the same tags, that say nothing, or that the documentation does not list.
#[track_caller]
fn assert_well_formed(metrics: &Metrics) {
    let docs = include_str!("../../streams-core/src/metrics/mod.rs");
    let mut seen = HashSet::new();
    for metric in metrics {
        let Metric { group, name, tags, .. } = metric;
        assert!(seen.insert((group, name, tags)), "twice: {metric}");
        assert!(!metric.description.is_empty() && !tags.is_empty(), "{metric}");
        let listed = match name.strip_suffix("-max") {
            Some(stem) => docs.contains(&format!("`{stem}-avg`, `-max`")) || docs.contains(&format!("`{name}`")),
            None => docs.contains(&format!("`{name}`")),
        };
        assert!(listed && docs.contains(&format!("`{group}`")), "not in the documentation: {metric}");
    }
}

#[test]
fn names_are_unique_and_documented_before_the_start_while_running_and_after_the_end() {
    let site = Site::new(&[("in", 3), ("out", 3), ("other", 3)]);
    let builder = StreamsBuilder::new();
    builder
        .stream::<Option<String>, String>("in")
        .group_by(|_, word| word.clone())
        .count_with(Materialized::named(STORE))
        .to_stream()
        .to("out");
    let in_memory = Materialized::named("in-memory").with_store_type(StoreEngine::InMemory);
    builder.stream::<Option<String>, String>("other").group_by_key().count_with(in_memory);
    let config = site.config("one").set("num.stream.threads", 2);
    let streams = KafkaStreams::with_broker(builder.build().unwrap(), config, site.broker.clone()).unwrap();
    assert_well_formed(&streams.metrics());
    assert_eq!(number(&streams.metrics(), CLIENT, "alive-stream-threads", &[]), 0.0);
    streams.start().unwrap();
    assert!(streams.wait_until_running(Duration::from_secs(20)));
    produce_words(&site.broker, "in", 3, words(300));
    site.drain(&["in", "other"]);
    let metrics = streams.metrics();
    assert_well_formed(&metrics);
    assert_eq!(metrics.named(TASK, "process-total").count(), 9);
    assert_eq!(metrics.named(CACHE, "hit-ratio-avg").count(), 6);
    assert_eq!(
        metrics.named(STATE, "buffer-size-bytes").filter(|metric| metric.tag("in-memory-state-id").is_some()).count(),
        3
    );
    wait("every end is known", || streams.metrics().named(CONSUMER, "records-lag").count() == 9);
    assert!(streams.close());
    assert_well_formed(&streams.metrics());
    assert_eq!(streams.state(), State::NotRunning);
}

#[test]
fn totals_only_grow_for_those_who_read_while_it_works() {
    let site = Site::new(&[("in", 2), ("out", 2)]);
    let streams = Arc::new(site.start_with(word_count(), site.config("one").set("num.stream.threads", 2)));
    let done = Arc::new(AtomicBool::new(false));
    let (reader, end) = (Arc::clone(&streams), Arc::clone(&done));
    let reader = std::thread::spawn(move || {
        let mut last = 0.0;
        while !end.load(SeqCst) {
            let total = sum(&reader, THREAD, "process-total");
            assert!(total >= last, "{total} after {last}");
            last = total;
        }
    });
    produce_words(&site.broker, "in", 2, words(5000));
    site.drain(&["in"]);
    done.store(true, SeqCst);
    reader.join().unwrap();
    // Each word, and once more behind the repartition topic.
    wait("all is counted", || sum(&streams, THREAD, "process-total") == 10_000.0);
}
