//! Input, configuration and surroundings that are wrong: each gives an error that says what, where and what to do, or is handled as documented.

use std::io::Write;
use std::sync::Mutex;
use std::time::Duration;
use streams_dsl::{CloseOptions, KafkaStreams, State, StreamsBuilder, StreamsConfig, Topology};
use tests::kafka::environment::{bootstrap_servers, unique};
use tests::kafka::{Application, Ended, SOON, Setup, wait_until};

const LINES: usize = 3000;
const DRAIN: Duration = Duration::from_secs(30);
/// Nothing listens here.
const DEAD_SERVER: &str = "127.0.0.1:9";

/// Asserts that a program has ended by an error, which says all of this.
fn assert_failed(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.code, Some(1), "{}", ended.lines.join("\n"));
    let error = ended.lines.iter().rfind(|line| line.starts_with("error: "));
    let error = error.unwrap_or_else(|| panic!("no error is told:\n{}", ended.lines.join("\n")));
    for word in words {
        assert!(error.contains(word), "{word} is missing in: {error}");
    }
    assert!(!ended.lines.iter().any(|line| line.contains("panicked")), "{}", ended.lines.join("\n"));
}

/// What the instances in this process log.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Collects warnings from here on.
fn collect_log() {
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::WARN);
    subscriber.with_writer(|| LogWriter).try_init().unwrap();
}

fn copy(input: &str, output: &str) -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<Option<String>, String>(input).to(output);
    builder.build().unwrap()
}

#[test]
fn bytes_that_are_no_text_end_the_instance_with_their_place_unless_told_otherwise() {
    let mut application = Application::new("undecodable");
    application.produce(LINES);
    let offset = application.cluster.ends(&application.input)[1];
    let producer = application.cluster.producer();
    producer.send(&application.input, 1, b"\xff\xfe\xfd");
    producer.flush();
    application.produce(LINES);

    let place = format!("{}-1 at offset {offset}", application.input);
    for _ in 0..2 {
        // Again after a restart: the record is not passed over in silence.
        let ended = application.setup("a").start().wait_for_end(SOON);
        assert_failed(&ended, &["value", &place, "deserialization.exception.handler"]);
    }

    let setup = application.setup("a").set("deserialization.exception.handler", "LogAndContinueExceptionHandler");
    let instance = setup.start();
    application.drain(DRAIN);
    let ended = instance.terminate(SOON).cleanly();
    let place = format!("topic={} partition=1 offset={offset}", application.input);
    assert!(ended.says(&place), "the record is passed over without a word:\n{}", ended.lines.join("\n"));
    // What was processed and not committed before the error may have been counted twice.
    application.assert_at_least();
}

#[test]
fn null_values_of_a_type_without_null_are_an_error_that_says_how_to_accept_them() {
    let mut application = Application::new("null-value");
    application.produce(LINES);
    let offset = application.cluster.ends(&application.input)[0];
    application.cluster.producer().send_null(&application.input, 0);
    application.produce(LINES);
    let place = format!("{}-0 at offset {offset}", application.input);
    let ended = application.setup("a").start().wait_for_end(SOON);
    assert_failed(&ended, &["value", &place, "null", "Option<SharedStr>"]);

    let setup = application.setup("a").set("deserialization.exception.handler", "LogAndContinueExceptionHandler");
    let instance = setup.start();
    application.drain(DRAIN);
    instance.terminate(SOON).cleanly();
    application.assert_at_least();
}

#[test]
fn an_input_topic_that_does_not_exist_is_named() {
    let (id, topic) = (unique("unknown-topic"), unique("nowhere"));
    let state = tempfile::tempdir().unwrap();
    let config = StreamsConfig::new(id.as_str(), bootstrap_servers().as_str()).set("state.dir", state.path().display());
    let streams = KafkaStreams::new(copy(&topic, &topic), config).unwrap();
    streams.start().unwrap();
    assert!(streams.wait_until_ended(SOON), "{}", streams.state());
    assert_eq!(streams.state(), State::Error);
    let error = streams.last_error().unwrap();
    assert!(error.contains(&topic) && error.contains("do not exist"), "{error}");
}

#[test]
fn a_broker_that_cannot_be_reached_is_named_and_does_not_hold_up_the_end() {
    let state = tempfile::tempdir().unwrap();
    let setup = Setup::word_count(DEAD_SERVER, "unreachable", "input", "output", state.path());
    assert_failed(&setup.start().wait_for_end(SOON), &[DEAD_SERVER]);
    // A moment after its start, so that it takes signals; long before it gives up.
    let instance = setup.start();
    wait_until("it has started", SOON, || instance.age() > Duration::from_millis(500));
    let ended = instance.terminate(Duration::from_secs(3));
    assert_eq!(ended.code, Some(0), "it ends by itself, not by the signal");
}

#[test]
fn an_instance_that_reaches_no_broker_says_so_goes_on_trying_and_can_be_closed() {
    collect_log();
    let state = tempfile::tempdir().unwrap();
    let config = StreamsConfig::new("unreachable", DEAD_SERVER).set("state.dir", state.path().display());
    let streams = KafkaStreams::new(copy("input", "output"), config).unwrap();
    streams.start().unwrap();
    assert!(!streams.wait_until_running(Duration::from_secs(2)));
    assert_eq!(streams.state(), State::Rebalancing, "it goes on trying");
    let log = String::from_utf8_lossy(&LOG.lock().unwrap()).into_owned();
    assert!(log.contains(DEAD_SERVER), "no warning names the broker:\n{log}");
    let closed = streams.close_with(CloseOptions { timeout: Duration::from_secs(10), ..CloseOptions::default() });
    assert!(closed, "closing hangs: {}", streams.state());
    assert_eq!(streams.state(), State::NotRunning);
}

#[test]
fn a_wrong_configuration_is_refused_with_all_its_faults() {
    let state = tempfile::tempdir().unwrap();
    let setup = Setup::word_count(DEAD_SERVER, "two words", "input", "output", state.path())
        .set("commit.interval.ms", "soon")
        .set("num.stream.threads", 0)
        .set("default.dsl.store", "paper")
        .set("comit.interval.ms", 5);
    let ended = setup.start().wait_for_end(Duration::from_secs(5));
    let faults =
        ["application.id=two words", "commit.interval.ms=soon", "num.stream.threads=0", "default.dsl.store=paper"];
    assert_failed(&ended, &faults);
    assert!(ended.says("comit.interval.ms is not known"), "{}", ended.lines.join("\n"));
}

#[test]
fn a_state_directory_in_use_is_refused_and_its_user_undisturbed() {
    let mut application = Application::new("directory-in-use");
    let first = application.setup("a").start();
    first.wait_until_running(SOON);
    let ended = application.setup("a").start().wait_for_end(SOON);
    let directory = application.state_dir("a").display().to_string();
    assert_failed(&ended, &[&directory, "in use", "state.dir"]);
    application.produce(LINES);
    application.drain(DRAIN);
    first.terminate(SOON).cleanly();
    application.assert_exact();
}

#[test]
fn an_input_topic_that_has_grown_while_the_application_was_stopped_is_refused() {
    let mut application = Application::new("grown-stopped");
    application.produce(LINES);
    let instance = application.setup("a").start();
    instance.wait_until_running(SOON);
    application.drain(DRAIN);
    instance.terminate(SOON).cleanly();
    application.cluster.grow_topic(&application.input, 4);
    let ended = application.setup("a").start().wait_for_end(SOON);
    assert_failed(&ended, &[&application.repartition(), "3 partitions", "needs 4"]);
    application.assert_exact();
}

#[test]
fn an_input_topic_that_grows_while_the_application_runs_is_noticed_and_refused() {
    let mut application = Application::new("grown-running");
    application.produce(LINES);
    let instance = application.setup("a").set("metadata.max.age.ms", 500).start();
    instance.wait_until_running(SOON);
    application.drain(DRAIN);
    application.cluster.grow_topic(&application.input, 4);
    let ended = instance.wait_for_end(SOON);
    assert_failed(&ended, &[&application.repartition(), "3 partitions", "needs 4"]);
    application.assert_exact();
}

/// Runs an application, then deletes what came after its last commit, and produces more.
fn retention_overtakes(name: &str) -> Application {
    let mut application = Application::new(name);
    application.produce(LINES);
    let instance = application.setup("a").start();
    instance.wait_until_running(SOON);
    application.drain(DRAIN);
    instance.terminate(SOON).cleanly();
    let counted = application.expected.clone();
    application.produce(LINES);
    for (partition, end) in application.cluster.ends(&application.input).into_iter().enumerate() {
        application.cluster.delete_records(&application.input, partition as i32, end);
    }
    application.expected = counted;
    application.produce(LINES);
    application
}

#[test]
fn a_committed_offset_older_than_retention_follows_the_reset_policy_and_says_so() {
    let application = retention_overtakes("retention-earliest");
    let committed = application.group.committed(&application.input, 2).unwrap();
    let earliest = application.cluster.extent(&application.input, 2).0;
    assert!(committed < earliest);
    let instance = application.setup("a").start();
    instance.wait_until_running(SOON);
    application.drain(DRAIN);
    let ended = instance.terminate(SOON).cleanly();
    let told = ended.lines.iter().any(|line| {
        line.contains(&format!("{}-2", application.input))
            && line.contains(&format!("offset {committed} is out of range"))
    });
    assert!(told, "the gap is not told:\n{}", ended.lines.join("\n"));
    application.assert_exact();
}

#[test]
fn a_committed_offset_older_than_retention_is_an_error_where_the_policy_is_none() {
    let application = retention_overtakes("retention-none");
    let ended = application.setup("a").set("auto.offset.reset", "none").start().wait_for_end(SOON);
    assert_failed(&ended, &[&application.input, "out of range", "auto.offset.reset"]);
}
