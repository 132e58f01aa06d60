//! What is sent before its time, because the caller has nothing to do.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kafka_client::producer::ProducerConfig;

use super::cluster::*;

const LINGER_IDLE: Duration = Duration::from_millis(2);

/// Sends nothing by itself within a test.
fn patient() -> ProducerConfig {
    ProducerConfig { linger: 10 * DEADLINE, delivery_timeout: 20 * DEADLINE, linger_idle: LINGER_IDLE, ..at_once() }
}

#[test]
fn an_idle_caller_lets_its_batches_go() {
    let cluster = Cluster::start(|_, _| None);
    let mut producer = cluster.producer(&reactor(), patient());
    append(&mut producer, 0, "before");
    producer.set_idle(true);
    until("what was open when the caller became idle", || cluster.got().len() == 1);
    until("its end is told", || producer.outstanding() == 0);
    append(&mut producer, 0, "after");
    until("what comes while it is idle", || cluster.got().len() == 2);
    assert_eq!(failures(&mut producer), []);
}

#[test]
fn a_busy_caller_fills_its_batches() {
    let cluster = Cluster::start(|_, _| None);
    let linger = Duration::from_millis(150);
    let mut producer = cluster.producer(&reactor(), ProducerConfig { linger, ..patient() });
    producer.set_idle(true);
    send(&mut producer, 0, "connected");
    producer.set_idle(false);
    let began = Instant::now();
    append(&mut producer, 0, "a");
    until("it has lingered", || cluster.got().len() == 2);
    assert!(began.elapsed() >= linger, "it waited only {:?}", began.elapsed());
}

#[test]
fn a_broker_that_has_not_answered_gets_no_second_request_early() {
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let cluster = Arc::new(Cluster::start(move |_, got| {
        if got[0].values[0] == "first" {
            released.lock().unwrap().recv().unwrap();
        }
        None
    }));
    let mut producer = cluster.producer(&reactor(), patient());
    send(&mut producer, 0, "connected");
    producer.set_idle(true);
    append(&mut producer, 0, "first");
    until("the first request is there", || cluster.got().len() == 2);
    for (partition, value) in [(0, "a"), (1, "b"), (0, "c"), (2, "d")] {
        append(&mut producer, partition, value);
        let appended = Instant::now();
        until("it could have gone out", || appended.elapsed() > 10 * LINGER_IDLE);
    }
    release.send(()).unwrap();
    until("all is told", || producer.outstanding() == 0);
    let mut later: Vec<_> = cluster.got().split_off(2);
    later.sort_by_key(|got| got.partition);
    let values: Vec<_> = later.iter().map(|got| (got.request, got.values.concat())).collect();
    assert_eq!(values, [(2, "ac"), (2, "b"), (2, "d")].map(|(request, values)| (request, values.to_owned())));
}
