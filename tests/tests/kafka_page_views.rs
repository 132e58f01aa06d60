//! Page views per minute on real Kafka: the counts of each page and minute equal an independent count, with two instances, a lost state
//! directory, and Kafka Streams in between; and nothing is missing after `kill -9`.

use std::time::Duration;
use tests::kafka::{PageViews, SOON, tool};

const LIMIT: Duration = Duration::from_secs(180);
/// A JVM starts slowly, and its members leave behind a group that notices late.
const JAVA: Duration = Duration::from_secs(90);

/// `PAGE_VIEWS` in the environment asks for more, as 3000000.
fn views() -> usize {
    let asked = std::env::var("PAGE_VIEWS").ok();
    asked.map_or(300_000, |views| views.parse().unwrap_or_else(|_| panic!("PAGE_VIEWS={views} is not a number")))
}

#[test]
fn two_instances_count_exactly_also_when_the_state_of_one_is_lost() {
    let mut application = PageViews::new("page-views");
    application.produce(views() / 2);
    let setup = |name: &str| application.setup(name).set("commit.interval.ms", 500);
    let (first, second) = (setup("a").start(), setup("b").start());
    first.wait_until_running(SOON);
    second.wait_until_running(SOON);
    application.drain(LIMIT);
    second.terminate(SOON).cleanly();
    first.terminate(SOON).cleanly();
    application.assert_exact();
    assert_changelog_is_that_of_windows(&application);

    // Only the changelog knows the counts now. The last minute goes on, so it must be restored.
    std::fs::remove_dir_all(application.state_dir("a")).unwrap();
    std::fs::remove_dir_all(application.state_dir("b")).unwrap();
    let setup = |name: &str| application.setup(name).set("commit.interval.ms", 500);
    let (first, second) = (setup("a").start(), setup("b").start());
    first.wait_until_running(SOON);
    second.wait_until_running(SOON);
    application.produce(views() / 2);
    application.drain(LIMIT);
    let ended = [first, second].map(|instance| instance.terminate(SOON).cleanly());
    assert!(ended.iter().map(|ended| ended.restored()).sum::<u64>() > 0);
    application.assert_exact();
}

/// As Kafka Streams names and configures it: rows stay for the size of the windows and a day.
fn assert_changelog_is_that_of_windows(application: &PageViews) {
    let topic = application.changelog();
    assert_eq!(topic, format!("{}-page-view-counts-store-changelog", application.id));
    let arguments = ["--describe", "--entity-type", "topics", "--entity-name", &topic];
    let config = tool(application.cluster.servers(), "kafka-configs", &arguments);
    for setting in ["cleanup.policy=compact,delete", "retention.ms=86460000", "message.timestamp.type=CreateTime"] {
        assert!(config.contains(setting), "{setting} is missing: {config}");
    }
}

#[test]
fn a_kill_loses_nothing_though_the_state_directory_is_lost_too() {
    let mut application = PageViews::new("page-views-kill");
    let setup = |application: &PageViews, name: &str| application.setup(name).set("commit.interval.ms", 2000);
    let (first, second) = (setup(&application, "a").start(), setup(&application, "b").start());
    first.wait_until_running(SOON);
    second.wait_until_running(SOON);
    second.wait_for("assigned tasks: 0_", SOON);
    application.produce(views() / 3);
    application.drain(LIMIT);
    // The instances process this while it comes, and have not committed it all when one of them dies.
    application.produce(views() / 3);
    while application.is_drained() {
        application.produce(views() / 300);
    }
    assert_eq!(second.kill().code, None);
    std::fs::remove_dir_all(application.state_dir("b")).unwrap();
    let second = setup(&application, "b").start();
    application.produce(views() / 3);
    application.drain(LIMIT);
    second.wait_until_running(SOON);
    for instance in [first, second] {
        instance.terminate(SOON).cleanly();
    }
    application.assert_at_least();
}

#[test]
fn windowed_counts_go_on_in_kafka_streams_and_come_back() {
    let mut application = PageViews::new("page-views-handover");
    // A few seconds each: every side goes on with minutes that the other has begun.
    let views = 20_000;
    for (name, java) in [("ours", false), ("theirs", true), ("ours", false), ("theirs", true)] {
        application.produce(views);
        let setup = application.setup(name).set("commit.interval.ms", 500);
        let instance = if java { setup.on_java("bench.PageViews") } else { setup }.start();
        instance.wait_for(if java { "state RUNNING" } else { "-> RUNNING" }, JAVA);
        application.drain(JAVA);
        instance.terminate(SOON).cleanly();
        application.assert_exact();
    }
}
