//! An application is handed over to Kafka Streams, and back: one goes on where the other has stopped, with its state and its offsets.

use std::time::Duration;
use tests::kafka::{Application, Ended, SOON, Setup};

const LINES: usize = 20_000;
/// A JVM starts slowly, and its members leave behind a group that notices late.
const JAVA: Duration = Duration::from_secs(90);

/// Runs until all input is processed, then stops.
fn run(application: &Application, setup: &Setup, running: &str) -> Ended {
    let instance = setup.start();
    instance.wait_for(running, JAVA);
    application.drain(JAVA);
    instance.terminate(SOON).cleanly()
}

#[test]
fn a_word_count_goes_on_in_kafka_streams_and_comes_back() {
    let mut application = Application::new("handover");
    let ours = application.setup("ours");
    let theirs = application.setup("theirs").on_java("bench.WordCount");

    application.produce(LINES);
    run(&application, &ours, "-> RUNNING");
    application.assert_exact();

    application.produce(LINES);
    run(&application, &theirs, "state RUNNING");
    application.assert_exact();

    application.produce(LINES);
    let ended = run(&application, &ours, "-> RUNNING");
    application.assert_exact();
    assert!(ended.restored() > 0, "what Kafka Streams has counted comes from its changelog");

    application.produce(LINES);
    run(&application, &theirs, "state RUNNING");
    application.assert_exact();
}
