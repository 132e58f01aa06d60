//! A network that delays, cuts, swallows and refuses, between clients and a broker that is well.

use std::time::Instant;

use kafka_client::producer::ProducerConfig;
use kafka_client::records::Compression;

use crate::chance::{number, seed};
use crate::load::Goal;
use crate::proxy::Proxy;
use crate::{load, transfers};

fn broker() -> String {
    let servers = std::env::var("KAFKA_BOOTSTRAP_SERVERS")
        .expect("set KAFKA_BOOTSTRAP_SERVERS to the host:port of a running broker to run these tests");
    servers.split(',').next().unwrap().to_owned()
}

/// Bytes between two faults: as many as make about `wanted` faults while `bytes` pass in each direction.
fn between_faults(bytes: usize, wanted: usize) -> usize {
    (2 * bytes / wanted).min(4 << 20)
}

#[test]
fn nothing_is_lost_doubled_or_out_of_order() {
    let (records, seed, start) = (number("FAULT_RECORDS", 300_000), seed(), Instant::now());
    let topic = load::create_topic(&broker(), 1, &[]);
    let proxy = Proxy::start(&broker(), seed, between_faults(records * 110, 60));
    let goal = Goal::exactly(records / load::PARTITIONS);
    load::run(&proxy.address(), &topic, seed, &goal, ProducerConfig::default(), || {});
    let (faults, kinds) = proxy.told();
    println!("{records} records, {faults} faults in {:?} ({kinds})", start.elapsed());
    assert!(faults >= 20, "only {faults} faults");
}

/// Small, compressed batches that are sent at once: many requests, so that acknowledgements are hit.
#[test]
fn small_batches_are_neither_lost_nor_doubled() {
    let (records, seed, start) = (number("FAULT_RECORDS", 300_000) / 20, seed() + 1, Instant::now());
    let topic = load::create_topic(&broker(), 1, &[]);
    let proxy = Proxy::start(&broker(), seed, 3_000_000);
    let config = ProducerConfig {
        batch_size: 2000,
        linger: std::time::Duration::ZERO,
        buffer_memory: 200_000,
        compression: Compression::Lz4,
        ..ProducerConfig::default()
    };
    load::run(&proxy.address(), &topic, seed, &Goal::exactly(records / load::PARTITIONS), config, || {});
    let (faults, kinds) = proxy.told();
    println!("{records} records, {faults} faults in {:?} ({kinds})", start.elapsed());
    assert!(faults >= 10, "only {faults} faults");
}

#[test]
fn exactly_the_committed_transactions_are_seen() {
    let (transactions, seed, start) = (number("FAULT_RECORDS", 300_000) / 1000, seed() + 2, Instant::now());
    let topic = load::create_topic(&broker(), 1, &[]);
    let proxy = Proxy::start(&broker(), seed, 1_000_000);
    let (_, repeated) = transfers::run(&proxy.address(), &topic, seed, &Goal::exactly(transactions));
    let (faults, kinds) = proxy.told();
    println!("{transactions} transactions, {repeated} repeated, {faults} faults in {:?} ({kinds})", start.elapsed());
    assert!(faults >= 10, "only {faults} faults");
}
