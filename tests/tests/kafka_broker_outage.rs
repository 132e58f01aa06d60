//! The broker goes away for 20 s while the application works: it carries on afterwards, in the same process, and nothing is lost.

use std::time::Duration;
use tests::kafka::{Application, Ended, Instance, OwnBroker, SOON, wait_until};

const LINES: usize = 150_000;
const OUTAGE: Duration = Duration::from_secs(20);
const DEFAULT_SESSION: Duration = Duration::from_secs(6);
/// After the outage: clients reconnect, what was under way is sent again, the rest is processed.
const RECOVERY: Duration = Duration::from_secs(120);

/// Runs two instances through an outage; answers how they ended. The broker comes first, to outlive the application, which deletes its topics.
fn outage(name: &str, session: Duration, stop: impl Fn(&OwnBroker)) -> (OwnBroker, Application, [Ended; 2]) {
    let broker = OwnBroker::start(name);
    let mut application = Application::on(broker.servers(), name);
    application.produce(LINES);
    let start = |name: &str| application.setup(name).set("session.timeout.ms", session.as_millis()).start();
    let (mut first, mut second) = (start("a"), start("b"));
    second.wait_until_running(SOON);
    assert!(!application.is_drained(), "the outage was to strike at work");

    stop(&broker);
    wait_for_the_end_of_the_outage(&mut first, &mut second);
    broker.up();
    application.produce(LINES / 10);
    application.drain(RECOVERY);
    // And the group is whole again: everything that comes now is processed at once.
    application.produce(LINES / 10);
    application.drain(SOON);
    let ended = [first, second].map(|instance| instance.terminate(SOON).cleanly());
    (broker, application, ended)
}

/// The outage lasts as long as it is said to; meanwhile nobody gives up.
fn wait_for_the_end_of_the_outage(first: &mut Instance, second: &mut Instance) {
    let start = std::time::Instant::now();
    wait_until("the outage is over", 2 * OUTAGE, || {
        assert!(first.runs() && second.runs(), "an instance has ended for want of a broker");
        start.elapsed() >= OUTAGE
    });
}

/// Nobody gave up its tasks for the outage.
fn assert_stayed(ended: &[Ended]) {
    let lost: Vec<_> = ended.iter().flat_map(|ended| ended.lines_with("membership lost")).collect();
    assert!(lost.is_empty(), "the group remembers its members over an outage: {lost:#?}");
}

#[test]
fn a_broker_that_is_stopped_and_started_again_costs_nothing() {
    let (_broker, application, ended) = outage("e2e-outage-stop", 3 * OUTAGE, OwnBroker::down);
    assert_stayed(&ended);
    application.assert_exact();
}

/// A broker that comes back from a crash loads its groups 10 s before it answers anybody, so sessions of 6 s are over by then: the members join
/// anew, and what was not committed is done again.
#[test]
fn a_broker_that_is_killed_and_started_again_loses_nothing() {
    let (_broker, application, _) = outage("e2e-outage-kill", DEFAULT_SESSION, OwnBroker::kill);
    application.assert_at_least();
}
