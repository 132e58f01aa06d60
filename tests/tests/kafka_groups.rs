//! Coming and going in the group: a goodbye is noticed at once, and a static member that restarts disturbs nobody.

use std::time::Duration;
use tests::kafka::{Application, Instance, SOON, wait_until};

const LINES: usize = 5000;
const DRAIN: Duration = Duration::from_secs(60);

#[test]
fn a_leave_is_noticed_at_once() {
    let mut application = Application::new("leave");
    application.produce(LINES);
    let first = application.setup("a").start();
    first.wait_until_running(SOON);
    let second = application.setup("b").start();
    second.wait_until_running(SOON);
    application.drain(DRAIN);

    let mark = first.mark();
    let asked = first.age();
    second.terminate(SOON).cleanly();
    first.wait_for_from(mark, "assigned tasks: 0_0, 0_1, 0_2, 1_0, 1_1, 1_2", SOON);
    let took = first.wait_for_from(mark, "state REBALANCING -> RUNNING", SOON).after - asked;
    assert!(took < Duration::from_secs(3), "the other instance had everything only after {took:?}");

    application.produce(LINES);
    application.drain(DRAIN);
    first.terminate(SOON).cleanly();
    application.assert_exact();
}

/// Kept waiting for longer than the restarts take.
fn static_member(application: &Application, name: &str) -> Instance {
    application.setup(name).set("group.instance.id", name).set("session.timeout.ms", 30_000).start()
}

/// The tasks that an instance was told of last.
fn tasks(instance: &Instance) -> Option<String> {
    let lines = instance.lines_from(0);
    lines.iter().rev().find_map(|line| line.text.split_once("assigned tasks: ").map(|(_, tasks)| tasks.to_owned()))
}

#[test]
fn a_static_member_that_restarts_gets_its_tasks_back_and_the_others_keep_theirs() {
    let mut application = Application::new("static");
    application.produce(LINES);
    let first = static_member(&application, "a");
    first.wait_until_running(SOON);
    let mut second = static_member(&application, "b");
    wait_until("each has half of the tasks", SOON, || {
        [&first, &second].iter().all(|instance| tasks(instance).is_some_and(|tasks| tasks.split(", ").count() == 3))
    });
    second.wait_until_running(SOON);
    application.drain(DRAIN);
    let shares = [tasks(&first), tasks(&second)];

    let mark = first.mark();
    for killed in [false, true] {
        if killed {
            second.kill();
        } else {
            // It says no goodbye: a static member is expected back.
            second.terminate(SOON).cleanly();
        }
        application.produce(LINES);
        second = static_member(&application, "b");
        let running = second.wait_until_running(SOON);
        assert!(running.after < Duration::from_secs(3), "running after {:?}", running.after);
        application.drain(DRAIN);
        assert_eq!([tasks(&first), tasks(&second)], shares);
    }
    let said = first.lines_from(mark);
    let disturbed = said.iter().find(|line| line.text.contains("assigned tasks") || line.text.contains("state "));
    assert!(disturbed.is_none(), "the other instance was disturbed: {disturbed:?}");
    for instance in [first, second] {
        instance.terminate(SOON).cleanly();
    }
    application.assert_at_least();
}

#[test]
fn an_instance_that_stood_still_for_too_long_is_replaced_and_comes_back() {
    let mut application = Application::new("zombie");
    application.produce(LINES);
    let first = application.setup("a").start();
    first.wait_until_running(SOON);
    let second = application.setup("b").start();
    second.wait_until_running(SOON);
    application.drain(DRAIN);

    // Not dead, but without a sign of life: the machine sleeps, or swaps.
    second.signal("STOP");
    application.produce(10 * LINES);
    application.drain(DRAIN);
    let mark = second.mark();
    second.signal("CONT");
    // It learns that the group has gone on without it, and joins anew.
    second.wait_for_from(mark, "assigned tasks: ", SOON);
    application.produce(LINES);
    application.drain(DRAIN);
    for instance in [first, second] {
        instance.terminate(SOON).cleanly();
    }
    application.assert_at_least();
}
