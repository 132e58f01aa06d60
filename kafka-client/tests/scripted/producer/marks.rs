//! What is told of records before and after a mark.

use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use kafka_client::producer::{Delivery, Producer, ProducerConfig};

use super::cluster::*;

/// Sends nothing without a mark or a flush.
fn patient() -> ProducerConfig {
    ProducerConfig { linger: 10 * DEADLINE, delivery_timeout: 20 * DEADLINE, ..at_once() }
}

/// Partitions that something is told of, sorted.
fn partitions(deliveries: &[Delivery]) -> Vec<i32> {
    let mut told: Vec<_> = deliveries
        .iter()
        .map(|delivery| match delivery {
            Delivery::Acknowledged { partition, .. } | Delivery::Failed { partition, .. } => *partition,
        })
        .collect();
    told.sort_unstable();
    told
}

fn deliveries(producer: &mut Producer) -> Vec<i32> {
    let mut told = Vec::new();
    producer.deliveries(&mut told);
    partitions(&told)
}

/// A broker that answers requests with a record "held" when it is told to.
fn holding() -> (Cluster, mpsc::Sender<()>) {
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let cluster = Cluster::start(move |_, got| {
        if got.iter().any(|got| got.values.contains(&"held".to_owned())) {
            released.lock().unwrap().recv().unwrap();
        }
        None
    });
    (cluster, release)
}

#[test]
fn a_mark_sends_what_is_open_and_is_reached_when_that_is_told() {
    let (cluster, release) = holding();
    let mut producer = cluster.producer(&reactor(), patient());
    let mut told = Vec::new();
    assert!(producer.reach_mark(Duration::ZERO, &mut told), "without a mark there is nothing to wait for");
    append(&mut producer, 0, "held");
    producer.mark();
    until("it is on its way", || cluster.got().len() == 1);
    assert!(!producer.reach_mark(Duration::from_millis(20), &mut told));
    append(&mut producer, 1, "later");
    release.send(()).unwrap();
    assert!(producer.reach_mark(DEADLINE, &mut told));
    assert_eq!(partitions(&told), [0]);
    assert_eq!((cluster.got().len(), producer.outstanding()), (1, 1), "what came after the mark waits for company");
}

#[test]
fn acknowledgements_of_later_records_are_told_after_the_mark() {
    let (cluster, release) = holding();
    let mut producer = cluster.producer(&reactor(), patient());
    send(&mut producer, 0, "established");
    send(&mut producer, 1, "established");
    assert_eq!(deliveries(&mut producer), [0, 1]);
    append(&mut producer, 0, "before");
    producer.mark();
    append(&mut producer, 0, "after");
    append(&mut producer, 1, "after");
    // All of it is told, and the mark is still there.
    producer.flush(DEADLINE).unwrap();
    assert_eq!(deliveries(&mut producer), [0]);
    assert!(deliveries(&mut producer).is_empty());
    let mut told = Vec::new();
    assert!(producer.reach_mark(Duration::ZERO, &mut told));
    assert!(told.is_empty(), "{told:?}");
    assert_eq!(deliveries(&mut producer), [0, 1]);
    drop(release);
}

#[test]
fn a_mark_takes_the_place_of_another() {
    let (cluster, release) = holding();
    let mut producer = cluster.producer(&reactor(), patient());
    send(&mut producer, 0, "established");
    assert_eq!(deliveries(&mut producer), [0]);
    producer.mark();
    append(&mut producer, 1, "first");
    producer.flush(DEADLINE).unwrap();
    assert!(deliveries(&mut producer).is_empty());
    append(&mut producer, 0, "held");
    producer.mark();
    assert_eq!(deliveries(&mut producer), [1]);
    let mut told = Vec::new();
    assert!(!producer.reach_mark(Duration::ZERO, &mut told));
    release.send(()).unwrap();
    assert!(producer.reach_mark(DEADLINE, &mut told));
    assert_eq!(partitions(&told), [0]);
}

#[test]
fn what_fails_or_is_dropped_is_not_waited_for() {
    let cluster = Cluster::start(|_, got| (got[0].values[0] == "bad").then_some(Reply::Code(87)));
    let mut producer = cluster.producer(&reactor(), patient());
    append(&mut producer, 0, "bad");
    producer.mark();
    let mut told = Vec::new();
    assert!(producer.reach_mark(DEADLINE, &mut told));
    assert!(matches!(told[..], [Delivery::Failed { partition: 0, records: 1, .. }]), "{told:?}");
    let closed: std::sync::Arc<dyn Fn() -> bool + Send + Sync> = std::sync::Arc::new(|| false);
    producer.set_gate(closed);
    append(&mut producer, 0, "never");
    producer.mark();
    assert!(!producer.reach_mark(Duration::from_millis(20), &mut told));
    assert_eq!(producer.purge(), 1);
    assert!(producer.reach_mark(Duration::ZERO, &mut told));
}
