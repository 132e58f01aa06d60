//! All kinds of joins on real Kafka, over two instances: their results are those of an independent computation, also after one was killed.

use std::time::Duration;
use tests::kafka::{Joins, SOON};

const LIMIT: Duration = Duration::from_secs(120);
const RECORDS: usize = 6000;

#[test]
fn every_join_gives_exactly_what_it_should_while_an_instance_comes() {
    let mut joins = Joins::new("joins");
    let setup = |joins: &Joins, name: &str| joins.setup(name).set("commit.interval.ms", 200);
    joins.produce(RECORDS);
    let first = setup(&joins, "a").start();
    first.wait_until_running(SOON);
    let second = setup(&joins, "b").start();
    joins.produce(RECORDS);
    second.wait_until_running(SOON);
    joins.produce(RECORDS);
    joins.drain(LIMIT);
    let results = joins.results();
    joins.assert_tables(&results);
    joins.assert_stream_with_table(&results);
    joins.assert_pairs(&results);
    // What has no partner comes when its window has closed, and that is looked at once a second.
    let started = std::time::Instant::now();
    while !joins.has_all_of_streams(&joins.results()) {
        assert!(started.elapsed() < LIMIT, "results without partner are missing, or there more than once");
        joins.move_time_on();
        joins.drain(LIMIT);
    }
    for instance in [first, second] {
        instance.terminate(SOON).cleanly();
    }
}

#[test]
fn a_kill_loses_no_row_and_no_pair() {
    let mut joins = Joins::new("joins-kill");
    let setup = |joins: &Joins, name: &str| joins.setup(name).set("commit.interval.ms", 2000);
    let (first, second) = (setup(&joins, "a").start(), setup(&joins, "b").start());
    first.wait_until_running(SOON);
    second.wait_until_running(SOON);
    joins.produce(RECORDS);
    joins.drain(LIMIT);
    // The instances process this while it comes, and have not committed it all when one of them dies.
    joins.produce(RECORDS);
    while !joins.is_busy() {
        joins.produce(RECORDS / 100);
    }
    assert_eq!(second.kill().code, None);
    std::fs::remove_dir_all(joins.state_dir("b")).unwrap();
    joins.produce(RECORDS);
    let second = setup(&joins, "b").start();
    joins.drain(LIMIT);
    second.wait_until_running(SOON);
    for instance in [first, second] {
        instance.terminate(SOON).cleanly();
    }
    let results = joins.results();
    joins.assert_tables(&results);
    joins.assert_pairs(&results);
    joins.assert_same_when_repeated(&results);
}
