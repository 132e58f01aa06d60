//! What goes out again, how, and what is told.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kafka_client::ClientError;
use kafka_client::producer::{Producer, ProducerConfig, ProducerErrorKind};
use kafka_client::records::EncodedHeaders;
use kafka_protocol::messages::*;

use super::cluster::*;
use crate::support::{Broker, First, Step, answer, config};

#[test]
fn what_is_sent_again_has_the_same_sequence() {
    // Not the leader; too few replicas after appending.
    for code in [6, 20] {
        let first = First::new(2);
        let cluster = Cluster::start(move |_, got| (got[0].sequence == 1 && first.take()).then_some(Reply::Code(code)));
        let mut producer = cluster.producer(&reactor(), at_once());
        for value in ["a", "b", "c"] {
            send(&mut producer, 0, value);
        }
        let sent: Vec<_> = cluster.got().into_iter().map(|got| (got.sequence, got.values.concat())).collect();
        let expected = [(0, "a"), (1, "b"), (1, "b"), (1, "b"), (2, "c")];
        assert_eq!(sent, expected.map(|(sequence, value)| (sequence, value.to_owned())));
        assert_eq!(failures(&mut producer), []);
        assert!(code != 6 || cluster.asked(ApiKey::Metadata) >= 2, "who leads is asked again");
    }
}

#[test]
fn a_lost_connection_is_replaced_and_the_batch_sent_again() {
    let first = First::new(1);
    let cluster = Cluster::start(move |_, _| first.take().then_some(Reply::Step(Step::Close)));
    let mut producer = cluster.producer(&reactor(), at_once());
    send(&mut producer, 0, "a");
    let got = cluster.got();
    assert_eq!(got.len(), 2);
    assert_ne!(got[0].connection, got[1].connection);
    assert_eq!((got[0].sequence, got[1].sequence), (0, 0));
}

#[test]
fn nothing_is_sent_while_the_gate_is_closed_not_even_again() {
    let open = Arc::new(AtomicBool::new(true));
    let (gate, closes) = (Arc::clone(&open), Arc::clone(&open));
    let first = First::new(1);
    let cluster = Cluster::start(move |_, _| {
        first.take().then(|| {
            closes.store(false, Ordering::SeqCst);
            Reply::Code(6)
        })
    });
    let mut producer = cluster.producer(&reactor(), at_once());
    producer.set_gate(Arc::new(move || gate.load(Ordering::SeqCst)));
    append(&mut producer, 0, "a");
    assert_eq!(producer.flush(Duration::from_millis(300)).unwrap_err().kind, ProducerErrorKind::Retriable);
    append(&mut producer, 1, "b");
    assert_eq!(producer.flush(Duration::from_millis(300)).unwrap_err().kind, ProducerErrorKind::Retriable);
    assert_eq!(cluster.got().len(), 1, "only what went out before the gate was closed");
    open.store(true, Ordering::SeqCst);
    producer.flush(DEADLINE).unwrap();
    assert_eq!(cluster.got().len(), 3);
    assert_eq!(failures(&mut producer), []);
}

#[test]
fn partitions_share_a_request() {
    let cluster = Cluster::start(|_, _| None);
    let mut producer = cluster.producer(&reactor(), ProducerConfig::default());
    for partition in [0, 1, 2, 0] {
        append(&mut producer, partition, "v");
    }
    producer.flush(DEADLINE).unwrap();
    let mut partitions: Vec<_> =
        cluster.got().iter().map(|got| (got.request, got.partition, got.values.len())).collect();
    partitions.sort_unstable();
    assert_eq!(partitions, [(0, 0, 2), (0, 1, 1), (0, 2, 1)]);
}

#[test]
fn a_request_ends_at_its_largest_size() {
    let cluster = Cluster::start(|_, _| None);
    let small = ProducerConfig { max_request_size: 1024, ..ProducerConfig::default() };
    let mut producer = cluster.producer(&reactor(), small);
    for partition in [0, 1, 2] {
        append(&mut producer, partition, &"v".repeat(600));
    }
    producer.flush(DEADLINE).unwrap();
    let mut requests: Vec<_> = cluster.got().iter().map(|got| got.request).collect();
    requests.dedup();
    assert_eq!(requests.len(), 3);
}

#[test]
fn at_most_five_requests_are_under_way() {
    let cluster = Cluster::start(|_, got| (got[0].sequence > 0).then_some(Reply::Step(Step::Silence)));
    let mut producer = cluster.producer(&reactor(), ProducerConfig { batch_size: 1, ..at_once() });
    send(&mut producer, 0, "first");
    for number in 0..8 {
        append(&mut producer, 0, &number.to_string());
    }
    until("five requests came", || cluster.got().len() == 6);
    assert_eq!(producer.flush(Duration::from_millis(200)).unwrap_err().kind, ProducerErrorKind::Retriable);
    assert_eq!(cluster.got().iter().map(|got| got.sequence).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    assert_eq!(producer.outstanding(), 8);
}

#[test]
fn a_batch_too_large_goes_out_in_halves() {
    let cluster =
        Cluster::start(|_, got| (got[0].values.len() > 1 || got[0].values[0] == "x").then_some(Reply::Code(10)));
    let mut producer = cluster.producer(&reactor(), ProducerConfig::default());
    for value in ["a", "b", "x", "d", "e"] {
        append(&mut producer, 0, value);
    }
    producer.flush(DEADLINE).unwrap();
    let failed = failures(&mut producer);
    assert_eq!(failed.len(), 1);
    assert_eq!((failed[0].1.code(), failed[0].2), (Some(10), 1));
    let alone: Vec<_> = cluster.got().into_iter().filter(|got| got.values.len() == 1).collect();
    let alone: Vec<_> = alone.iter().map(|got| (got.sequence, got.values[0].as_str())).collect();
    assert_eq!(alone, [(0, "a"), (1, "b"), (2, "x"), (3, "d"), (4, "e")]);
}

#[test]
fn a_gap_is_left_by_the_next_epoch() {
    let first = First::new(1);
    let cluster = Cluster::start(move |_, got| match got[0].sequence {
        1 if first.take() => Some(Reply::Code(87)),
        2 => Some(Reply::Code(45)),
        _ => None,
    });
    let mut producer = cluster.producer(&reactor(), at_once());
    for value in ["a", "invalid", "c"] {
        send(&mut producer, 0, value);
    }
    let sent: Vec<_> = cluster.got().into_iter().map(|got| (got.epoch, got.sequence, got.values.concat())).collect();
    let expected = [(0, 0, "a"), (0, 1, "invalid"), (0, 2, "c"), (1, 0, "c")];
    assert_eq!(sent, expected.map(|(epoch, sequence, value)| (epoch, sequence, value.to_owned())));
    assert_eq!(failures(&mut producer).iter().map(|failed| failed.1.code()).collect::<Vec<_>>(), [Some(87)]);
}

#[test]
fn a_broker_that_throttles_is_left_alone() {
    let cluster = Cluster::start(|_, got| (got[0].sequence == 0).then_some(Reply::Throttle(300)));
    let mut producer = cluster.producer(&reactor(), at_once());
    send(&mut producer, 0, "a");
    let started = Instant::now();
    send(&mut producer, 0, "b");
    assert!(started.elapsed() >= Duration::from_millis(290), "{:?}", started.elapsed());
}

#[test]
fn what_is_not_acknowledged_in_time_fails_and_the_producer_goes_on() {
    let cluster = Cluster::start(|_, got| (got[0].values[0] == "lost").then_some(Reply::Step(Step::Silence)));
    let mut client = config(&cluster.broker);
    client.request_timeout = Duration::from_millis(200);
    let patience = ProducerConfig { delivery_timeout: Duration::from_millis(500), ..at_once() };
    let mut producer = Producer::start(&reactor(), client, patience).unwrap();
    let started = Instant::now();
    send(&mut producer, 0, "lost");
    assert!(started.elapsed() >= Duration::from_millis(500));
    assert_eq!(failures(&mut producer), [(0, ClientError::Timeout, 1)]);
    send(&mut producer, 0, "kept");
    assert_eq!(failures(&mut producer), []);
    let sequences: Vec<_> = cluster.got().iter().map(|got| got.sequence).collect();
    assert!(sequences.len() >= 3 && sequences[..sequences.len() - 1].iter().all(|sequence| *sequence == 0));
}

#[test]
fn a_full_buffer_is_said_and_room_is_waited_for() {
    let hold = Arc::new(Mutex::new(()));
    let (held, guard) = (Arc::clone(&hold), hold.lock().unwrap());
    let cluster = Cluster::start(move |_, _| {
        drop(held.lock());
        None
    });
    let mut producer = cluster.producer(&reactor(), ProducerConfig { buffer_memory: 2048, ..at_once() });
    let topic = producer.topic("t");
    let value = [b'v'; 900];
    let mut appender = producer.appender().unwrap();
    let mut taken = 0;
    while appender.append(topic, 0, 1, None, Some(&value), EncodedHeaders::NONE).is_ok() {
        taken += 1;
    }
    drop(appender);
    assert_eq!(taken, 2);
    let error = producer.wait_for_room(Some(Duration::from_millis(100))).unwrap_err();
    assert_eq!(error.kind, ProducerErrorKind::Retriable);
    drop(guard);
    producer.wait_for_room(None).unwrap();
    let mut appender = producer.appender().unwrap();
    appender.append(topic, 0, 1, None, Some(&value), EncodedHeaders::NONE).unwrap();
    drop(appender);
    producer.flush(DEADLINE).unwrap();
}

#[test]
fn a_dropped_producer_does_not_try_again() {
    let cluster = Cluster::start(|_, got| (got[0].values[0] == "abandoned").then_some(Reply::Code(6)));
    let reactor = reactor();
    let mut producer = cluster.producer(&reactor, at_once());
    append(&mut producer, 0, "abandoned");
    until("the record is tried again", || cluster.got().len() >= 3);
    drop(producer);
    // What was on its way at that moment may still arrive, before the other producer's first record on the same reactor is told.
    let mut other = cluster.producer(&reactor, at_once());
    send(&mut other, 0, "first");
    let tries = || cluster.got().iter().filter(|got| got.values[0] == "abandoned").count();
    let before = tries();
    for _ in 0..20 {
        send(&mut other, 0, "later");
    }
    assert_eq!(tries(), before);
}

#[test]
fn purged_records_are_not_sent() {
    let cluster = Cluster::start(|_, got| (got[0].values[0] == "refused").then_some(Reply::Code(6)));
    let mut producer = cluster.producer(&reactor(), ProducerConfig { linger: DEADLINE, ..ProducerConfig::default() });
    append(&mut producer, 0, "open");
    assert_eq!((producer.purge(), producer.outstanding()), (1, 0));
    append(&mut producer, 1, "refused");
    assert!(producer.flush(Duration::from_millis(50)).is_err());
    producer.purge();
    producer.flush(DEADLINE).unwrap();
    send(&mut producer, 0, "kept");
    assert!(cluster.got().iter().all(|got| got.values[0] != "open"));
}

#[test]
fn a_refused_producer_id_fails_the_records_that_wait_for_it() {
    let cluster = Cluster::start_with(
        |received| match received.key {
            ApiKey::InitProducerId => answer(received, &InitProducerIdResponse::default().with_error_code(31)),
            _ => None,
        },
        |_, _| None,
    );
    let mut producer = cluster.producer(&reactor(), at_once());
    append(&mut producer, 0, "a");
    append(&mut producer, 1, "b");
    producer.flush(DEADLINE).unwrap();
    let mut failed = failures(&mut producer);
    failed.sort_unstable_by_key(|failed| failed.0);
    assert_eq!(
        failed.iter().map(|failed| (failed.0, failed.1.code())).collect::<Vec<_>>(),
        [(0, Some(31)), (1, Some(31))]
    );
    assert_eq!(cluster.got(), []);
}

#[test]
fn records_without_a_leader_fail_when_their_time_is_over() {
    let broker = Broker::start(|received| match received.key {
        ApiKey::ApiVersions => answer(received, &versions()),
        ApiKey::Metadata => Some(Step::Silence),
        _ => None,
    });
    let mut client = config(&broker);
    client.request_timeout = Duration::from_millis(100);
    let patience = ProducerConfig { delivery_timeout: Duration::from_millis(300), ..at_once() };
    let mut producer = Producer::start(&reactor(), client, patience).unwrap();
    send(&mut producer, 0, "v");
    assert_eq!(failures(&mut producer), [(0, ClientError::Timeout, 1)]);
}
