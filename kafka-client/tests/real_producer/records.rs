//! What is appended is read: all of it, once, in order.

use std::time::Duration;

use kafka_client::producer::ProducerConfig;
use kafka_client::records::{Compression, EncodedHeaders};

use crate::raw::{DEADLINE, create_topic, read, unique, values};
use crate::{acknowledged, append, delivered, failures, start};

fn many(config: ProducerConfig, count: usize) {
    let topic = create_topic(3, &[]);
    let mut producer = start(config);
    let id = producer.topic(&topic);
    let mut next = 0;
    while next < count {
        let mut appender = producer.appender().unwrap();
        let mut full = false;
        while next < count && !full {
            let key = (next as u64).to_be_bytes();
            let appended = appender.append(
                id,
                (next % 3) as i32,
                1_700_000_000_000 + next as i64,
                Some(&key),
                Some(&[b'v'; 80]),
                EncodedHeaders::NONE,
            );
            full = appended.is_err();
            next += usize::from(!full);
        }
        drop(appender);
        if full {
            producer.wait_for_room(None).unwrap();
        }
    }
    let deliveries = delivered(&mut producer);
    let per_partition = |partition: usize| (count - partition).div_ceil(3);
    assert_eq!(acknowledged(&deliveries), [0, 1, 2].map(|p| (p as i32, per_partition(p) as i64 - 1)));
    assert_eq!(deliveries.len(), 3);
    for partition in 0..3 {
        let records = read(&topic, partition as i32, false);
        assert_eq!(records.len(), per_partition(partition));
        for (place, record) in records.iter().enumerate() {
            let number = place * 3 + partition;
            assert_eq!(record.key.as_deref(), Some(&(number as u64).to_be_bytes()[..]));
            assert_eq!((record.offset, record.timestamp), (place as i64, 1_700_000_000_000 + number as i64));
            assert_eq!(record.value.as_deref(), Some(&[b'v'; 80][..]));
        }
    }
}

#[test]
fn two_hundred_thousand_records_arrive_in_order() {
    many(ProducerConfig::default(), 200_000);
}

#[test]
fn little_memory_makes_the_caller_wait() {
    let config = ProducerConfig { buffer_memory: 100_000, batch_size: 16_384, ..ProducerConfig::default() };
    many(config, 50_000);
}

#[test]
fn every_compression_is_read_back() {
    for compression in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
        many(ProducerConfig { compression, ..ProducerConfig::default() }, 20_000);
    }
}

#[test]
fn nulls_and_headers_come_back() {
    let topic = create_topic(1, &[]);
    let mut producer = start(ProducerConfig::default());
    let id = producer.topic(&topic);
    let headers = b"\x02a\x021\x04xy\x01";
    let mut appender = producer.appender().unwrap();
    let encoded = EncodedHeaders::new(headers).unwrap();
    appender.append(id, 0, 1, None, Some(b""), encoded).unwrap();
    appender.append(id, 0, 0, Some(b""), None, EncodedHeaders::NONE).unwrap();
    drop(appender);
    assert_eq!(acknowledged(&delivered(&mut producer)), [(0, 1)]);
    let records = read(&topic, 0, false);
    assert_eq!((records[0].key.clone(), records[0].value.clone()), (None, Some(vec![])));
    assert_eq!((records[1].key.clone(), records[1].value.clone()), (Some(vec![]), None));
    assert_eq!((&records[0].headers[..], &records[1].headers[..]), (&headers[..], &[][..]));
    assert_eq!((records[0].timestamp, records[1].timestamp), (1, 0));
}

#[test]
fn what_lingers_goes_out_by_itself() {
    let topic = create_topic(1, &[]);
    let mut producer = start(ProducerConfig { linger: Duration::from_millis(20), ..ProducerConfig::default() });
    append(&mut producer, &topic, 0, None, Some(b"a"));
    crate::raw::eventually("the record is told without a flush", || (producer.outstanding() == 0).then_some(()));
    assert_eq!(values(&topic, 0, false), ["a"]);
}

#[test]
fn unknown_topics_and_partitions_fail_their_records_alone() {
    let (topic, missing) = (create_topic(1, &[]), unique("missing"));
    let mut producer = start(ProducerConfig::default());
    append(&mut producer, &missing, 0, None, Some(b"v"));
    append(&mut producer, &topic, 7, None, Some(b"v"));
    append(&mut producer, &topic, -1, None, Some(b"v"));
    append(&mut producer, &topic, 0, None, Some(b"v"));
    let deliveries = delivered(&mut producer);
    let mut failed = failures(&deliveries);
    failed.sort_unstable();
    assert_eq!(failed, [(-1, Some(3), 1), (0, Some(3), 1), (7, Some(3), 1)]);
    assert_eq!(acknowledged(&deliveries), [(0, 0)]);
}

#[test]
fn a_record_too_large_fails_alone() {
    let topic = create_topic(1, &[]);
    let mut producer = start(ProducerConfig::default());
    append(&mut producer, &topic, 0, None, Some(&vec![b'x'; 3 << 20]));
    append(&mut producer, &topic, 0, None, Some(b"small"));
    assert_eq!(failures(&delivered(&mut producer)), [(0, Some(10), 1)]);
    assert_eq!(values(&topic, 0, false), ["small"]);
}

/// The broker takes less than the producer thinks: batches are split until they fit, and a record that never does fails.
#[test]
fn a_batch_too_large_is_split() {
    for compression in [Compression::None, Compression::Lz4] {
        let topic = create_topic(1, &[("max.message.bytes", "2000")]);
        let mut producer = start(ProducerConfig { compression, ..ProducerConfig::default() });
        let mut expected = Vec::new();
        for number in 0..200 {
            // What does not compress, so that sizes are what they seem.
            let mut seed = number as u64 + 1;
            let mut value = format!("{number}:");
            while value.len() < if number == 100 { 4000 } else { 300 } {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                value.push_str(&format!("{seed:016x}"));
            }
            append(&mut producer, &topic, 0, None, Some(value.as_bytes()));
            if number != 100 {
                expected.push(value);
            }
        }
        let deliveries = delivered(&mut producer);
        assert_eq!(failures(&deliveries), [(0, Some(10), 1)]);
        assert_eq!(acknowledged(&deliveries), [(0, 198)]);
        assert_eq!(values(&topic, 0, false), expected);
    }
}

#[test]
fn a_dropped_producer_sends_nothing_more() {
    let topic = create_topic(1, &[]);
    let mut producer = start(ProducerConfig { linger: Duration::from_secs(10), ..ProducerConfig::default() });
    append(&mut producer, &topic, 0, None, Some(b"first"));
    producer.flush(DEADLINE).unwrap();
    append(&mut producer, &topic, 0, None, Some(b"abandoned"));
    drop(producer);
    let mut next = start(ProducerConfig::default());
    append(&mut next, &topic, 0, None, Some(b"second"));
    delivered(&mut next);
    assert_eq!(values(&topic, 0, false), ["first", "second"]);
}
