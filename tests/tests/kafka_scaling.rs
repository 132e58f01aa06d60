//! Several instances of one application on one host: they share the tasks, come and go while work is under way, and die.

use std::collections::BTreeSet;
use std::time::Duration;
use tests::kafka::{Application, Instance, SOON, tool, wait_until};

/// Word count has two subtopologies, over three partitions each.
const TASKS: usize = 6;
const LINES: usize = 300_000;

/// The tasks that an instance was told of last.
fn tasks(instance: &Instance) -> BTreeSet<String> {
    let lines = instance.lines_from(0);
    let last = lines.iter().rev().find_map(|line| line.text.split_once("assigned tasks: "));
    last.map_or_else(BTreeSet::new, |(_, tasks)| {
        tasks.split(", ").filter(|task| !task.is_empty()).map(str::to_owned).collect()
    })
}

/// Waits until each instance has an equal share of the tasks, none of them twice, and all of them process.
fn wait_until_shared(instances: &[&Instance]) -> Duration {
    wait_until("every instance has its share of the tasks", SOON, || {
        let shares: Vec<_> = instances.iter().map(|instance| tasks(instance)).collect();
        let all: BTreeSet<_> = shares.iter().flatten().collect();
        all.len() == TASKS && shares.iter().all(|share| share.len() == TASKS / instances.len())
    })
}

/// The number of partitions of each member, as Kafka's tool prints them.
fn partitions_by_tool(application: &Application) -> Vec<usize> {
    let arguments = ["--describe", "--members", "--verbose", "--group", &application.id];
    let description = tool(application.cluster.servers(), "kafka-consumer-groups", &arguments);
    let mut rows = description.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let header = rows.find(|row| row.first() == Some(&"GROUP")).unwrap_or_else(|| panic!("{description}"));
    let column = header.iter().position(|name| *name == "#PARTITIONS").unwrap_or_else(|| panic!("{description}"));
    let mut counts: Vec<_> = rows
        .filter(|row| row.first() == Some(&application.id.as_str()))
        .map(|row| row[column].parse().unwrap_or_else(|_| panic!("{description}")))
        .collect();
    counts.sort_unstable();
    counts
}

#[test]
fn instances_that_join_a_busy_one_share_its_tasks_and_counts_stay_exact() {
    let mut application = Application::new("join");
    application.produce(LINES);
    let first = application.setup("a").start();
    first.wait_until_running(SOON);
    assert_eq!(tasks(&first).len(), TASKS);
    let second = application.setup("b").start();
    second.wait_until_running(SOON);
    let third = application.setup("c").start();
    third.wait_until_running(SOON);
    assert!(!application.is_drained(), "the first instance was to be busy while the others came");
    wait_until_shared(&[&first, &second, &third]);
    assert_eq!(partitions_by_tool(&application), [2, 2, 2]);
    application.drain(Duration::from_secs(120));

    // One goes in good order, while there is work again: the others take over, and nothing is counted twice.
    application.produce(LINES / 3);
    third.terminate(SOON).cleanly();
    wait_until_shared(&[&first, &second]);
    application.drain(Duration::from_secs(60));
    for instance in [first, second] {
        instance.terminate(SOON).cleanly();
    }
    application.assert_exact();
}

#[test]
fn killed_instances_lose_nothing() {
    let mut application = Application::new("kill");
    application.produce(LINES);
    // Two threads each: tasks of a group that changes move between threads, too.
    let start = |application: &Application, name: &str| application.setup(name).set("num.stream.threads", 2).start();
    let first = start(&application, "a");
    let second = start(&application, "b");
    let third = start(&application, "c");
    wait_until_shared(&[&first, &second, &third]);
    assert!(!application.is_drained(), "the instances were to be busy");
    assert_eq!(second.kill().code, None);
    // When its absence is noticed, after the session timeout of 6 s, its tasks move to the others.
    let took = wait_until_shared(&[&first, &third]);
    assert!(took < Duration::from_secs(10), "its tasks stood still for {took:?}");
    application.produce(LINES / 10);
    let second = start(&application, "b");
    second.wait_until_running(SOON);
    wait_until_shared(&[&first, &second, &third]);
    application.produce(LINES / 10);
    // And once more, back within the session timeout.
    third.kill();
    let third = start(&application, "c");
    application.produce(LINES / 10);
    application.drain(Duration::from_secs(120));
    for instance in [first, second, third] {
        instance.terminate(SOON).cleanly();
    }
    application.assert_at_least();
}

#[test]
fn a_rolling_restart_keeps_counts_exact() {
    let mut application = Application::new("rolling");
    let mut instances = ["a", "b", "c"].map(|name| application.setup(name).start());
    wait_until_shared(&instances.each_ref());
    for name in ["a", "b", "c"] {
        application.produce(LINES / 10);
        // Always the oldest one, so that each has its turn.
        let [oldest, second, third] = instances;
        oldest.terminate(SOON).cleanly();
        let next = application.setup(name).start();
        let running = next.wait_until_running(SOON);
        assert!(running.after < Duration::from_secs(3), "{name} is running after {:?}", running.after);
        instances = [second, third, next];
        wait_until_shared(&instances.each_ref());
    }
    application.drain(Duration::from_secs(60));
    for instance in instances {
        instance.terminate(SOON).cleanly();
    }
    application.assert_exact();
}
