//! What an application cannot process, or should not be started with: each case gives the documented error or handling.

use std::fmt::Display;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use streams_core::error::{DeserializationExceptionHandler, ErrorContext, ProductionExceptionHandler};
use streams_core::serde::SerdeError;
use streams_dsl::broker::embedded::{EmbeddedBroker, Isolation};
use streams_dsl::broker::{Broker, BrokerError, BrokerErrorKind};
use streams_dsl::record::TopicPartition;
use streams_dsl::serde::DefaultSerde;
use streams_dsl::{
    Consumed, HandlerResponse, KafkaStreams, LogAndSkipOnInvalidTimestamp, Materialized, State, StreamsBuilder,
    StreamsConfig, StreamsError, TimestampExtractor, Topology, UncaughtExceptionResponse,
    UsePartitionTimeOnInvalidTimestamp, WallclockTimestampExtractor,
};
use tests::embedded::{STORE, Site, captured_log, counts_of, last_values, wait, word_count};

const SOON: Duration = Duration::from_secs(20);

/// Waits for the end of an instance by an error, whose message it returns.
#[track_caller]
fn error_of<B: Broker>(streams: &KafkaStreams<B>) -> String {
    assert!(streams.wait_until_ended(SOON), "{}", streams.state());
    assert_eq!(streams.state(), State::Error);
    streams.last_error().expect("an error that ended it")
}

#[track_caller]
fn assert_says(error: impl Display, parts: &[&str]) {
    let error = error.to_string();
    for part in parts {
        assert!(error.contains(part), "\"{part}\" is not in: {error}");
    }
}

/// Numbers from `in` to `out`.
fn numbers() -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<String, i64>("in").map_values(|number| number * 2).to("out");
    builder.build().unwrap()
}

fn number_site() -> Site {
    Site::new(&[("in", 1), ("out", 1)])
}

fn produce_number(site: &Site, key: &str, bytes: &[u8]) {
    site.broker.produce("in", 0, Some(key.as_bytes()), Some(bytes), 1000).unwrap();
}

/// Three records, of which the second is no number.
fn produce_poison(site: &Site) {
    produce_number(site, "a", &1i64.to_be_bytes());
    produce_number(site, "poison", b"no number");
    produce_number(site, "b", &2i64.to_be_bytes());
}

fn keys_written(site: &Site) -> Vec<String> {
    let records = site.broker.read_all("out", Isolation::ReadUncommitted).unwrap();
    records.iter().map(|record| String::from_utf8(record.key.as_deref().unwrap().to_vec()).unwrap()).collect()
}

// ---- bytes that cannot be decoded ----

#[test]
fn undecodable_bytes_stop_the_application_and_say_where() {
    let site = number_site();
    produce_poison(&site);
    let error = error_of(&site.make(numbers(), site.config("one")));
    assert_says(error, &["value", "in-0", "offset 1", "deserialization.exception.handler"]);
    // What came before is not lost, and the record itself not passed.
    assert!(site.committed(&TopicPartition::new("in", 0)) <= 1);
}

#[test]
fn undecodable_bytes_are_passed_where_the_handler_continues_also_after_a_restart() {
    let site = number_site();
    produce_poison(&site);
    let config = || site.config("one").set("deserialization.exception.handler", "LogAndContinueExceptionHandler");
    let streams = site.start_with(numbers(), config());
    site.drain(&["in"]);
    assert_eq!(keys_written(&site), ["a", "b"]);
    // A poison record as the last one: the position passes it, too.
    produce_number(&site, "poison", b"again");
    site.drain(&["in"]);
    assert!(streams.close());
    let streams = site.start(numbers(), "one");
    produce_number(&site, "c", &3i64.to_be_bytes());
    site.drain(&["in"]);
    assert_eq!(keys_written(&site), ["a", "b", "c"]);
    assert!(streams.close());
}

#[derive(Clone, Default)]
struct Chooser(Arc<Mutex<Vec<String>>>);

impl DeserializationExceptionHandler for Chooser {
    fn handle(&self, context: &ErrorContext, error: &SerdeError) -> HandlerResponse {
        let mut asked = self.0.lock().unwrap();
        asked.push(format!(
            "{}-{} at {} of task {}: {error}",
            context.topic, context.partition, context.offset, context.task_id
        ));
        if asked.len() < 3 { HandlerResponse::Continue } else { HandlerResponse::Fail }
    }
}

#[test]
fn a_handler_of_ones_own_decides_record_by_record() {
    let site = number_site();
    produce_poison(&site);
    let chooser = Chooser::default();
    let config = site.config("one").with_deserialization_exception_handler(chooser.clone());
    let streams = site.start_with(numbers(), config);
    site.drain(&["in"]);
    produce_poison(&site);
    site.drain(&["in"]);
    produce_poison(&site);
    let error = error_of(&streams);
    assert_says(error, &["in-0", "offset 7"]);
    let asked = chooser.0.lock().unwrap();
    let places: Vec<_> = asked.iter().map(|line| line.split(" of ").next().unwrap()).collect();
    assert_eq!(places, ["in-0 at 1", "in-0 at 4", "in-0 at 7"]);
    assert!(asked[0].contains("0_0"), "{}", asked[0]);
}

#[test]
fn an_undecodable_key_is_called_a_key() {
    let site = Site::new(&[("in", 1), ("out", 1)]);
    let builder = StreamsBuilder::new();
    builder.stream::<i64, String>("in").to("out");
    site.broker.produce("in", 0, Some(b"short"), Some(b"x"), 1000).unwrap();
    let error = error_of(&site.make(builder.build().unwrap(), site.config("one")));
    assert_says(error, &["key", "in-0", "offset 0"]);
}

// ---- nulls ----

#[test]
fn a_null_where_the_type_has_none_is_undecodable_and_says_so() {
    for (key, value, part) in [(None, Some(&b"x"[..]), "key"), (Some(&b"k"[..]), None, "value")] {
        let site = Site::new(&[("in", 1), ("out", 1)]);
        let builder = StreamsBuilder::new();
        builder.stream::<String, String>("in").to("out");
        site.broker.produce("in", 0, key, value, 1000).unwrap();
        let error = error_of(&site.make(builder.build().unwrap(), site.config("one")));
        assert_says(error, &[part, "null", "in-0", "offset 0"]);
    }
}

#[test]
fn nulls_come_as_none_where_the_type_has_them_and_go_out_as_null() {
    let site = Site::new(&[("in", 1), ("out", 1)]);
    let builder = StreamsBuilder::new();
    builder.stream::<Option<String>, Option<String>>("in").to("out");
    for (key, value) in [(None, Some(&b"x"[..])), (Some(&b"k"[..]), None), (None, None)] {
        site.broker.produce("in", 0, key, value, 1000).unwrap();
    }
    let _streams = site.start(builder.build().unwrap(), "one");
    site.drain(&["in"]);
    let records = site.broker.read_all("out", Isolation::ReadUncommitted).unwrap();
    let nulls: Vec<_> = records.iter().map(|record| (record.key.is_none(), record.value.is_none())).collect();
    assert_eq!(nulls, [(true, false), (false, true), (true, true)]);
}

#[test]
fn a_null_value_deletes_a_row_of_a_table_and_a_null_key_is_dropped() {
    let site = Site::new(&[("in", 1), ("out", 1)]);
    let builder = StreamsBuilder::new();
    let table = builder.table_with::<String, String>(
        "in",
        Consumed::with(<String as DefaultSerde>::Serde::default(), <String as DefaultSerde>::Serde::default()),
        Materialized::named("rows"),
    );
    table.to_stream().to("out");
    let rows = [(Some("a"), Some("1")), (Some("b"), Some("2")), (None, Some("3")), (None, None), (Some("a"), None)];
    for (key, value) in rows {
        site.broker.produce("in", 0, key.map(str::as_bytes), value.map(str::as_bytes), 1000).unwrap();
    }
    let streams = site.start(builder.build().unwrap(), "one");
    site.drain(&["in"]);
    let view = streams.store::<String, String>("rows").unwrap();
    let rows = view.all().unwrap().collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(rows, [("b".to_owned(), "2".to_owned())]);
    // Restored from what the changelog or the topic has, the deletion counts as well.
    assert!(streams.close());
    std::fs::remove_dir_all(site.state_dir("one")).unwrap();
    let builder = StreamsBuilder::new();
    let consumed =
        Consumed::with(<String as DefaultSerde>::Serde::default(), <String as DefaultSerde>::Serde::default());
    builder.table_with::<String, String>("in", consumed, Materialized::named("rows")).to_stream().to("out");
    let streams = site.start(builder.build().unwrap(), "one");
    let view = streams.store::<String, String>("rows").unwrap();
    assert_eq!(view.get(&"a".to_owned()).unwrap(), None);
    assert_eq!(view.get(&"b".to_owned()).unwrap(), Some("2".to_owned()));
}

#[test]
fn aggregations_drop_records_with_null_key_or_value() {
    let site = Site::new(&[("in", 1)]);
    let builder = StreamsBuilder::new();
    let stream = builder.stream::<Option<String>, Option<String>>("in");
    stream.group_by_key().count_with(Materialized::named("by-key"));
    let records = [(Some("a"), Some("1")), (None, Some("2")), (Some("a"), None), (None, None), (Some("a"), Some("3"))];
    for (key, value) in records {
        site.broker.produce("in", 0, key.map(str::as_bytes), value.map(str::as_bytes), 1000).unwrap();
    }
    let streams = site.start(builder.build().unwrap(), "one");
    site.drain(&["in"]);
    let view = streams.store::<Option<String>, i64>("by-key").unwrap();
    let rows = view.all().unwrap().collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(rows, [(Some("a".to_owned()), 2)]);
}

#[test]
fn a_null_key_does_not_go_through_a_repartition_topic_into_an_aggregation() {
    let site = Site::new(&[("in", 1)]);
    let builder = StreamsBuilder::new();
    builder
        .stream::<Option<String>, String>("in")
        .group_by(|_, value| Some(value.clone()).filter(|value| value != "none"))
        .count_with(Materialized::named("by-value"));
    for value in ["x", "none", "x"] {
        site.broker.produce("in", 0, None, Some(value.as_bytes()), 1000).unwrap();
    }
    let streams = site.start(builder.build().unwrap(), "one");
    site.drain(&["in"]);
    let view = streams.store::<Option<String>, i64>("by-value").unwrap();
    let rows = view.all().unwrap().collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(rows, [(Some("x".to_owned()), 2)]);
    let repartitioned = site.broker.read_all("app-by-value-repartition", Isolation::ReadUncommitted).unwrap();
    assert!(repartitioned.iter().all(|record| record.key.is_some()));
}

// ---- timestamps ----

fn timestamps_with(extractor: Option<impl TimestampExtractor<String, String>>) -> (Site, Topology) {
    let site = Site::new(&[("in", 1), ("out", 1)]);
    let builder = StreamsBuilder::new();
    let mut consumed =
        Consumed::with(<String as DefaultSerde>::Serde::default(), <String as DefaultSerde>::Serde::default());
    if let Some(extractor) = extractor {
        consumed = consumed.with_timestamp_extractor(extractor);
    }
    builder.stream_with::<String, String>("in", consumed).to("out");
    for timestamp in [5000, -1, 6000] {
        site.broker.produce("in", 0, Some(b"k"), Some(b"x"), timestamp).unwrap();
    }
    (site, builder.build().unwrap())
}

fn timestamps_of(extractor: impl TimestampExtractor<String, String>) -> Vec<i64> {
    let (site, topology) = timestamps_with(Some(extractor));
    let _streams = site.start(topology, "one");
    site.drain(&["in"]);
    let records = site.broker.read_all("out", Isolation::ReadUncommitted).unwrap();
    records.iter().map(|record| record.timestamp).collect()
}

#[test]
fn a_negative_timestamp_fails_by_default() {
    let (site, topology) = timestamps_with(None::<WallclockTimestampExtractor>);
    let error = error_of(&site.make(topology, site.config("one")));
    assert_says(error, &["in-0", "offset 1", "timestamp -1", "timestamp extractor"]);
}

#[test]
fn a_negative_timestamp_is_skipped_replaced_or_ignored_by_the_other_extractors() {
    assert_eq!(timestamps_of(LogAndSkipOnInvalidTimestamp), [5000, 6000]);
    assert_eq!(timestamps_of(UsePartitionTimeOnInvalidTimestamp), [5000, 5000, 6000]);
    let wall = timestamps_of(WallclockTimestampExtractor);
    assert!(wall.len() == 3 && wall.iter().all(|time| *time > 1_600_000_000_000), "{wall:?}");
}

// ---- topics ----

#[test]
fn an_unknown_input_topic_ends_in_an_error_that_names_it() {
    let site = Site::new(&[("out", 1)]);
    let streams = site.make(numbers(), site.config("one"));
    let error = error_of(&streams);
    assert_eq!(error, StreamsError::MissingSourceTopics(vec!["in".into()]).to_string());
    assert!(streams.wait_until_ended(Duration::ZERO));
}

#[test]
fn an_unknown_input_topic_ends_every_instance() {
    let site = Site::new(&[("in", 1), ("out", 1)]);
    let (one, two) = (site.start(numbers(), "one"), site.make(numbers(), site.config("two")));
    wait("both are members", || two.state() == State::Running);
    site.broker.delete_topic("in");
    for streams in [&one, &two] {
        assert_says(error_of(streams), &["in"]);
    }
}

#[test]
fn an_unknown_output_topic_ends_in_an_error_that_names_it() {
    let site = Site::new(&[("in", 1)]);
    let error = error_of(&site.make(numbers(), site.config("one")));
    assert_eq!(error, StreamsError::UnknownSinkTopic { topic: "out".into() }.to_string());
}

#[test]
fn a_topic_chosen_by_record_that_does_not_exist_is_named() {
    let site = Site::new(&[("in", 1)]);
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").to_by(|key, _, _| format!("to-{key}"));
    site.broker.produce("in", 0, Some(b"nowhere"), Some(b"x"), 1000).unwrap();
    let error = error_of(&site.make(builder.build().unwrap(), site.config("one")));
    assert_says(error, &["to-nowhere"]);
}

#[test]
fn a_partition_count_that_has_changed_while_stopped_is_refused() {
    let site = Site::new(&[("in", 2), ("out", 2)]);
    let streams = site.start(word_count(), "one");
    assert!(streams.close());
    site.broker.delete_topic("in");
    site.broker.create_topic("in", 3).unwrap();
    let error = error_of(&site.make(word_count(), site.config("one")));
    assert_says(error, &["-repartition", "2 partitions", "needs 3", "application.id"]);
}

#[test]
fn an_internal_topic_that_was_made_by_hand_must_fit() {
    let site = Site::new(&[("in", 2), ("out", 2)]);
    site.broker.create_topic("app-counts-changelog", 5).unwrap();
    let error = error_of(&site.make(word_count(), site.config("one")));
    assert_says(error, &["app-counts-changelog", "5 partitions", "needs 2"]);
}

// ---- the cluster cannot be reached ----

#[test]
fn a_broker_that_cannot_be_reached_at_the_start_is_waited_for() {
    let site = number_site();
    site.broker.set_unreachable(true);
    produce_number(&site, "a", &1i64.to_be_bytes());
    let streams = site.make(numbers(), site.config("one"));
    assert!(!streams.wait_until_running(Duration::from_millis(300)));
    assert_eq!(streams.state(), State::Rebalancing);
    site.broker.set_unreachable(false);
    site.drain(&["in"]);
    assert_eq!(keys_written(&site), ["a"]);
}

#[test]
fn a_broker_that_goes_away_and_comes_back_costs_nothing() {
    let site = Site::new(&[("in", 2), ("out", 2)]);
    let streams = site.start_with(word_count(), site.config("one").set("session.timeout.ms", 10_000));
    for round in 1..=3 {
        for number in 0..100 {
            site.broker.produce("in", number % 2, None, Some(b"word"), 1000).unwrap();
        }
        wait("it is busy", || streams.processed_records() > (round - 1) * 200);
        site.broker.unreachable_for(Duration::from_millis(300));
        site.drain(&["in"]);
        assert_eq!(counts_of(&streams).unwrap()["word"], round as i64 * 100);
    }
}

#[test]
fn a_broker_that_is_away_for_longer_than_the_session_loses_no_record() {
    let site = Site::new(&[("in", 2), ("out", 2)]);
    let streams = site.start_with(word_count(), site.config("one").set("session.timeout.ms", 400));
    for number in 0..100 {
        site.broker.produce("in", number % 2, None, Some(b"word"), 1000).unwrap();
    }
    wait("it is busy", || streams.processed_records() > 0);
    site.broker.unreachable_for(Duration::from_millis(1200));
    for number in 0..100 {
        site.broker.produce("in", number % 2, None, Some(b"word"), 1000).unwrap();
    }
    site.drain(&["in"]);
    wait("the state can be read", || counts_of(&streams).is_ok_and(|counts| counts["word"] >= 200));
    assert!(streams.close());
}

#[test]
fn an_instance_can_be_closed_while_the_broker_is_away() {
    let site = Site::new(&[("in", 2), ("out", 2)]);
    let streams = site.start_with(word_count(), site.config("one").set("session.timeout.ms", 400));
    for number in 0..100 {
        site.broker.produce("in", number % 2, None, Some(b"word"), 1000).unwrap();
    }
    wait("it is busy", || streams.processed_records() > 0);
    site.broker.set_unreachable(true);
    site.broker.produce("in", 0, None, Some(b"word"), 1000).unwrap();
    let options = streams_dsl::CloseOptions { timeout: Duration::from_millis(100), ..Default::default() };
    let closing = Instant::now();
    let _ = streams.close_with(options);
    assert!(closing.elapsed() < Duration::from_secs(2), "{:?}", closing.elapsed());
    site.broker.set_unreachable(false);
    assert!(streams.wait_until_ended(SOON), "{}", streams.state());
    // Whatever was not committed is done after the next start.
    let streams = site.start(word_count(), "one");
    site.drain(&["in"]);
    assert!(counts_of(&streams).unwrap()["word"] >= 101);
}

// ---- configuration and state directory ----

#[test]
fn every_wrong_configuration_value_is_named_at_once() {
    let site = number_site();
    let config = site
        .config("one")
        .set("num.stream.threads", "two")
        .set("commit.interval.ms", -5)
        .set("processing.exception.handler", "MyHandler")
        .set("heartbeat.interval.ms", 99_999)
        .set("consumer.auto.offset.reset", "whenever")
        .set("processing.guarantee", "exactly_once_v3");
    let error = KafkaStreams::with_broker(numbers(), config, site.broker.clone()).err().unwrap();
    assert!(matches!(&error, StreamsError::Config(faults) if faults.len() == 6), "{error}");
    assert_says(
        error,
        &[
            "num.stream.threads=two",
            "commit.interval.ms=-5",
            "processing.exception.handler=MyHandler",
            "heartbeat.interval.ms=99999",
            "auto.offset.reset=whenever",
            "processing.guarantee=exactly_once_v3",
        ],
    );
    let error = KafkaStreams::with_broker(numbers(), StreamsConfig::default(), site.broker.clone()).err().unwrap();
    assert_says(error, &["application.id is required", "bootstrap.servers is required"]);
}

#[test]
fn a_client_that_cannot_be_made_is_an_error_of_start_and_leaves_nothing_behind() {
    let site = number_site();
    let config = site.config("one").set("consumer.isolation.level", "sometimes");
    let streams = KafkaStreams::with_broker(numbers(), config, site.broker.clone()).unwrap();
    let error = streams.start().expect_err("a wrong value");
    assert_says(error, &["isolation.level", "sometimes"]);
    let begin = Instant::now();
    drop(streams);
    assert!(begin.elapsed() < Duration::from_secs(5), "the drop took {:?}", begin.elapsed());
    site.start(numbers(), "one");
}

#[test]
fn unknown_keys_are_warned_about_and_do_no_harm() {
    let _ = captured_log();
    let site = number_site();
    let _streams = site.start_with(numbers(), site.config("one").set("commit.intervall.ms", 5));
    assert_says(captured_log(), &["configuration key commit.intervall.ms is not known"]);
}

#[test]
fn a_state_directory_in_use_is_refused_until_its_owner_is_closed() {
    let site = number_site();
    let owner = site.start(numbers(), "one");
    let error = KafkaStreams::with_broker(numbers(), site.config("one"), site.broker.clone()).err().unwrap();
    assert!(matches!(error, StreamsError::StateDirectory { .. }), "{error}");
    assert_says(error, &[site.state_dir("one").to_str().unwrap(), "in use", "state.dir"]);
    assert!(owner.close());
    site.start(numbers(), "one");
    // The first one still exists, closed.
    assert_eq!(owner.state(), State::NotRunning);
}

#[test]
fn an_instance_that_was_closed_before_its_start_gives_its_directory_back() {
    let site = number_site();
    let first = KafkaStreams::with_broker(numbers(), site.config("one"), site.broker.clone()).unwrap();
    assert!(first.close());
    assert_eq!(first.state(), State::NotRunning);
    site.start(numbers(), "one");
    drop(first);
}

#[test]
fn a_state_directory_that_cannot_be_written_is_named() {
    let site = number_site();
    let path = site.state_dir("a-file");
    std::fs::write(&path, "").unwrap();
    let error = KafkaStreams::with_broker(numbers(), site.config("a-file"), site.broker.clone()).err().unwrap();
    assert_says(error, &[path.to_str().unwrap(), "cannot be created"]);
}

// ---- user code that fails ----

/// Panics at the value `panic`, as often as `times` says.
fn panicking(times: usize) -> Topology {
    panicking_once_in_all(times, Arc::default())
}

/// Panics at the value `panic`, as often as `times` says, with those that count with the same `count`.
fn panicking_once_in_all(times: usize, count: Arc<AtomicUsize>) -> Topology {
    let builder = StreamsBuilder::new();
    let check = move |_: &String, value: &String| {
        if value == "panic" && count.fetch_add(1, SeqCst) < times {
            panic!("something is wrong with it");
        }
    };
    builder.stream::<String, String>("in").peek(check).to("out");
    builder.build().unwrap()
}

fn produce_panic(site: &Site) {
    for (key, value) in [("a", "x"), ("b", "panic"), ("c", "x")] {
        site.broker.produce("in", 0, Some(key.as_bytes()), Some(value.as_bytes()), 1000).unwrap();
    }
}

/// An instance that is started with this answer to errors; with the errors that it was asked about.
fn start_answering(
    site: &Site,
    topology: Topology,
    name: &str,
    response: UncaughtExceptionResponse,
) -> (KafkaStreams<EmbeddedBroker>, Arc<Mutex<Vec<String>>>) {
    let streams = KafkaStreams::with_broker(topology, site.config(name), site.broker.clone()).unwrap();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let errors = Arc::clone(&asked);
    streams.set_uncaught_exception_handler(move |error| {
        errors.lock().unwrap().push(error.to_string());
        response
    });
    streams.start().unwrap();
    assert!(streams.wait_until_running(SOON), "{:?}", streams.last_error());
    (streams, asked)
}

#[test]
fn a_panic_in_user_code_closes_the_client_by_default_and_says_at_which_record() {
    let site = Site::new(&[("in", 1), ("out", 1)]);
    produce_panic(&site);
    let error = error_of(&site.make(panicking(usize::MAX), site.config("one")));
    assert_says(error, &["panic", "task 0_0", "in-0", "offset 1", "something is wrong with it"]);
}

#[test]
fn a_thread_that_panicked_is_replaced_and_goes_on_from_the_last_commit() {
    let site = Site::new(&[("in", 1), ("out", 1)]);
    let (streams, asked) = start_answering(&site, panicking(1), "one", UncaughtExceptionResponse::ReplaceThread);
    produce_panic(&site);
    site.drain(&["in"]);
    assert_eq!(asked.lock().unwrap().len(), 1);
    assert_eq!(last_values(&site.broker, "out").len(), 3);
    assert!(streams.wait_until_running(SOON));
    assert!(streams.close());
    assert_eq!(streams.state(), State::NotRunning);
}

#[test]
fn shutting_down_the_client_leaves_the_other_instance_running() {
    let site = Site::new(&[("in", 1), ("out", 1)]);
    let (one, _) = start_answering(&site, panicking(1), "one", UncaughtExceptionResponse::ShutdownClient);
    let two = site.make(panicking(0), site.config("two"));
    wait("both are members", || two.state() == State::Running);
    produce_panic(&site);
    error_of(&one);
    site.drain(&["in"]);
    wait("the other one has the task", || two.state() == State::Running && two.tasks().len() == 1);
}

#[test]
fn shutting_down_the_application_ends_every_instance() {
    let site = Site::new(&[("in", 3), ("out", 1)]);
    let shut_down = UncaughtExceptionResponse::ShutdownApplication;
    // Whoever gets the record first: no other instance has an error of its own.
    let count = Arc::<AtomicUsize>::default();
    let instances = ["one", "two", "three"]
        .map(|name| start_answering(&site, panicking_once_in_all(1, Arc::clone(&count)), name, shut_down).0);
    wait("tasks are shared", || {
        instances.iter().all(|streams| streams.tasks().iter().filter(|task| task.running).count() == 1)
    });
    produce_panic(&site);
    for streams in &instances {
        error_of(streams);
    }
}

#[test]
fn a_fallible_function_that_fails_stops_the_application_or_is_passed_by_the_handler() {
    let topology = || {
        let builder = StreamsBuilder::new();
        let parse = |value: String| value.parse::<i64>();
        builder.stream::<String, String>("in").try_map_values(parse).named("parse").to("out");
        builder.build().unwrap()
    };
    let site = Site::new(&[("in", 1), ("out", 1)]);
    for (key, value) in [("a", "1"), ("b", "one"), ("c", "3")] {
        site.broker.produce("in", 0, Some(key.as_bytes()), Some(value.as_bytes()), 1000).unwrap();
    }
    let error = error_of(&site.make(topology(), site.config("one")));
    assert_says(error, &["node parse", "task 0_0", "in-0", "offset 1", "invalid digit"]);
    let config = site.config("one").set("processing.exception.handler", "LogAndContinueProcessingExceptionHandler");
    let _streams = site.start_with(topology(), config);
    site.drain(&["in"]);
    assert!(keys_written(&site).ends_with(&["a".to_owned(), "c".to_owned()]), "{:?}", keys_written(&site));
    assert!(!keys_written(&site).contains(&"b".to_owned()));
}

// ---- records that the cluster does not take ----

#[derive(Clone, Default)]
struct Refusals(Arc<Mutex<Vec<BrokerErrorKind>>>);

impl ProductionExceptionHandler for Refusals {
    fn handle(&self, error: &BrokerError) -> HandlerResponse {
        self.0.lock().unwrap().push(error.kind);
        HandlerResponse::Continue
    }
}

#[test]
fn a_record_that_is_not_taken_stops_the_application_or_is_passed_by_the_handler() {
    let site = number_site();
    let out = TopicPartition::new("out", 0);
    site.broker.fail_next_produce(&out, BrokerErrorKind::RecordTooLarge);
    produce_number(&site, "a", &1i64.to_be_bytes());
    let error = error_of(&site.make(numbers(), site.config("one")));
    assert_says(error, &["out-0"]);
    assert_eq!(site.committed(&TopicPartition::new("in", 0)), 0);
    site.broker.fail_next_produce(&out, BrokerErrorKind::RecordTooLarge);
    let refusals = Refusals::default();
    let config = site.config("one").with_production_exception_handler(refusals.clone());
    let _streams = site.start_with(numbers(), config);
    site.drain(&["in"]);
    assert_eq!(*refusals.0.lock().unwrap(), [BrokerErrorKind::RecordTooLarge]);
    produce_number(&site, "b", &1i64.to_be_bytes());
    site.drain(&["in"]);
    assert_eq!(keys_written(&site), ["b"]);
}

#[test]
fn no_handler_lets_a_changelog_record_be_lost() {
    for topic in ["app-counts-changelog", "app-counts-repartition"] {
        let site = Site::new(&[("in", 1), ("out", 1)]);
        let refusals = Refusals::default();
        let config = || site.config("one").with_production_exception_handler(refusals.clone());
        let streams = site.start_with(word_count(), config());
        site.broker.fail_next_produce(&TopicPartition::new(topic, 0), BrokerErrorKind::RecordTooLarge);
        site.broker.produce("in", 0, None, Some(b"word"), 1000).unwrap();
        assert_says(error_of(&streams), &[topic]);
        assert_eq!(*refusals.0.lock().unwrap(), [], "the handler is not even asked");
        // Processed again from the last commit: the line may have left its word in the repartition topic twice.
        let streams = site.start_with(word_count(), config());
        site.drain(&["in"]);
        let counts = counts_of(&streams).unwrap();
        assert!(counts["word"] >= 1, "{topic}");
        // What the store says is in the changelog.
        assert!(streams.close());
        let streams = site.start(word_count(), "another");
        assert_eq!(counts_of(&streams).unwrap(), counts, "{topic}");
    }
}

// ---- stores ----

#[test]
fn a_store_is_refused_by_wrong_name_or_type_and_when_the_instance_does_not_run() {
    let site = Site::new(&[("in", 1), ("out", 1)]);
    let streams = KafkaStreams::with_broker(word_count(), site.config("one"), site.broker.clone()).unwrap();
    assert_says(streams.store::<String, i64>(STORE).err().unwrap(), &["CREATED"]);
    streams.start().unwrap();
    assert!(streams.wait_until_running(SOON));
    assert_says(streams.store::<String, i64>("count").err().unwrap(), &["no store count", STORE]);
    assert_says(streams.store::<String, String>(STORE).err().unwrap(), &[STORE, "i64", "String"]);
    let view = streams.store::<String, i64>(STORE).unwrap();
    assert_eq!(view.get(&"absent".to_owned()).unwrap(), None);
    assert!(streams.close());
    assert_says(view.get(&"absent".to_owned()).err().unwrap(), &["NOT_RUNNING"]);
    assert_says(view.all().err().unwrap(), &["NOT_RUNNING"]);
    assert_says(streams.store::<String, i64>(STORE).err().unwrap(), &["NOT_RUNNING"]);
}
